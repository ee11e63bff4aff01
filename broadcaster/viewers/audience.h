/* How many distinct viewers fetched a playlist of a stream lately: an estimate by linear counting
 * (Whang, Vander-Zanden, Taylor 1990), right to a few in a hundred. Nothing of a viewer is kept but
 * one bit at a place that its hash says, and that for AUDIENCE_WINDOW_MS. Pure; one thread, or its
 * owner's lock. */
#ifndef BROADCASTER_VIEWERS_AUDIENCE_H
#define BROADCASTER_VIEWERS_AUDIENCE_H

#include <stdint.h>

#include "base/span.h"

#define AUDIENCE_WINDOW_MS   10000 /* at least; up to a slice of it more */
#define AUDIENCE_MAX         40000 /* of one stream: there the estimate stays */
#define AUDIENCE_STREAMS_MAX 1024  /* past this the one that was silent longest is forgotten */

/* Keeps anybody from choosing where a viewer falls. */
#define AUDIENCE_SALT_BYTES 16
#define AUDIENCE_SALT_LEN   (2 * AUDIENCE_SALT_BYTES) /* as hex digits */
struct audience_salt {
    char text[AUDIENCE_SALT_LEN + 1];
    uint64_t state; /* of the hash, behind it */
};
void audience_salt_init(struct audience_salt *s); /* a random one */
void audience_salt_set(struct audience_salt *s, const char text[AUDIENCE_SALT_LEN]);

/* 64 evenly spread bits of both. */
uint64_t audience_hash(const struct audience_salt *salt, struct span one, struct span two);

struct audience;

struct audience *audience_create(void);
void audience_destroy(struct audience *a); /* takes NULL */

/* A viewer of a stream, both as hashes of 64 evenly spread bits. now_ms: monotonic. */
void audience_note(struct audience *a, uint64_t stream, uint64_t viewer, int64_t now_ms);

/* 0 for a stream that was never noted. */
unsigned audience_count(const struct audience *a, uint64_t stream, int64_t now_ms);

#endif
