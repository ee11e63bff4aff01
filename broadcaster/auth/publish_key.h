/* A publisher's key as a stream remembers it: enough to know it again, not to tell it. Loop's
 * thread. */
#ifndef BROADCASTER_AUTH_PUBLISH_KEY_H
#define BROADCASTER_AUTH_PUBLISH_KEY_H

#include <stdbool.h>
#include <stdint.h>

#define PUBLISH_KEY_MARK_BYTES 32

/* A BLAKE2b hash of the key under a random secret of this process. */
struct publish_key {
    uint8_t mark[PUBLISH_KEY_MARK_BYTES];
};

/* text: the key; "" is one too, that of publishers who give none. */
struct publish_key publish_key_of(const char *text);

/* In a time that says nothing about either. */
bool publish_key_equal(const struct publish_key *a, const struct publish_key *b);

#endif
