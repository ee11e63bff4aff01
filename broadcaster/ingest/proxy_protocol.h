/* The header that a proxy puts in front of a connection to say who is behind it: "The PROXY
 * protocol", versions 1 (a line of text) and 2 (binary). Pure; allocates nothing. */
#ifndef BROADCASTER_INGEST_PROXY_PROTOCOL_H
#define BROADCASTER_INGEST_PROXY_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define PROXY_LINE_MAX  107  /* bytes of version 1, its end included (2.1) */
#define PROXY_EXTRA_MAX 4096 /* bytes of version 2 behind the first 16, extensions included */

struct proxy_source {
    bool known;          /* false: the proxy speaks for itself (a health check), or does not know */
    uint8_t address[16]; /* IPv4 in mapped form */
    int port;
};

struct proxy_header {
    uint8_t bytes[PROXY_LINE_MAX];
    size_t len;
    size_t skip;   /* of version 2: bytes that are of no interest here */
    bool complete; /* but for what is skipped: */
    struct proxy_source source;
};

void proxy_header_init(struct proxy_header *h);

/* Takes what belongs to the header from the front of *in. ERR_OK: it is complete, and what is left
 * in *in is the connection's own; ERR_AGAIN: more is needed; ERR_PROTO: no such header; ERR_LIMIT:
 * extensions of more than PROXY_EXTRA_MAX. Not to be called again after any but ERR_AGAIN. */
enum err proxy_header_feed(struct proxy_header *h, struct span *in,
                           struct proxy_source *ret_source) CHECKED;

/* True when these first bytes of a connection can only be such a header. */
bool proxy_header_begins(struct span bytes);

#endif
