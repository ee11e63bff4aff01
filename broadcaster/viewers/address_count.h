/* How many things each address has, against a limit: connections, requests that wait. Addresses are
 * those of struct client; of IPv6 it is the network of 64 bits that counts. */
#ifndef BROADCASTER_VIEWERS_ADDRESS_COUNT_H
#define BROADCASTER_VIEWERS_ADDRESS_COUNT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct address_count;

/* max: of one address; 0: no limit. */
struct address_count *address_count_create(size_t max);

/* Takes NULL. */
void address_count_destroy(struct address_count *a);

/* Any thread. One more of this address (all that are not known count as one). ERR_LIMIT: there are
 * max already, ERR_NOMEM: no memory; then it is not counted. */
enum err address_count_up(struct address_count *a, const uint8_t *address) CHECKED;

/* Any thread. One less: for each up that succeeded, once. */
void address_count_down(struct address_count *a, const uint8_t *address);

#endif
