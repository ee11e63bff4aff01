/* How many things each peer address has, against a limit: connections, requests that wait. An IPv4
 * address counts the same when it comes mapped into IPv6 (RFC 4291, 2.5.5.2); of IPv6 it is the
 * network of 64 bits that counts, since one host may have all of its addresses. */
#ifndef BROADCASTER_VIEWERS_ADDRESS_COUNT_H
#define BROADCASTER_VIEWERS_ADDRESS_COUNT_H

#include <stddef.h>
#include <sys/socket.h>

#include "base/err.h"

struct address_count;

/* max: of one address; 0: no limit. */
struct address_count *address_count_create(size_t max);

/* Takes NULL. */
void address_count_destroy(struct address_count *a);

/* Any thread. One more of this address (NULL, or of another family: all such count as one).
 * ERR_LIMIT: there are max already, ERR_NOMEM: no memory; then it is not counted. */
enum err address_count_up(struct address_count *a, const struct sockaddr *from) CHECKED;

/* Any thread. One less: for each up that succeeded, once. */
void address_count_down(struct address_count *a, const struct sockaddr *from);

#endif
