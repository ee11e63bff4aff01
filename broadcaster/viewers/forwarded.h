/* Whose request a trusted proxy passes on: X-Forwarded-For, X-Forwarded-Proto and Forwarded (RFC
 * 7239), read strictly. Pure.
 *
 * Each proxy puts the address that it was asked from at the end, so the list is read from its end:
 * what stands before the first address that is no trusted proxy's was said by nobody who is
 * trusted, and counts for nothing. */
#ifndef BROADCASTER_VIEWERS_FORWARDED_H
#define BROADCASTER_VIEWERS_FORWARDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "broadcaster/auth/cidr.h"

#define FORWARDED_TEXT_MAX  1024 /* bytes of one header, all of its lines together */
#define FORWARDED_HOPS_MAX  16   /* trusted proxies, and elements of Forwarded in all */
#define FORWARDED_PROTO_MAX 64   /* bytes of X-Forwarded-Proto */

enum forwarded_name { FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_BOTH, FORWARDED_NAMES };

/* The headers of one request; zeroed is none. */
struct forwarded_headers {
    struct {
        char text[FORWARDED_TEXT_MAX]; /* lines of one name are one list (RFC 9110, 5.3) */
        size_t len;
        bool came, too_long;
    } of[FORWARDED_NAMES];
};

/* A header of the request, in the order in which they came. False: it is none of these. */
bool forwarded_take(struct forwarded_headers *h, struct span name, struct span value);

struct forwarded {
    uint8_t address[CIDR_ADDRESS_BYTES];
    bool https; /* the client asked by HTTPS, as the proxy says */
    bool named; /* the address is one that a trusted proxy named; else it is the peer's */
    bool bad;   /* what was said of the address is malformed, too long, or contradicts itself */
};

/* peer: whose connection it is. Of who is not trusted nothing is read. Where nothing good is said,
 * a trusted peer counts as the client itself; when all that are named are trusted, the first of
 * them is the client. */
struct forwarded forwarded_read(const struct cidr_list *trusted, const uint8_t *peer,
                                const struct forwarded_headers *h);

#endif
