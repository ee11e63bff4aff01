/* Inside of ingest: connections that come through a proxy, which says who is behind it. Only for
 * ingest*.c. On the loop's thread. */
#ifndef BROADCASTER_INGEST_INGEST_PROXY_H
#define BROADCASTER_INGEST_INGEST_PROXY_H

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"

struct publisher;

/* True when its address is that of a trusted proxy: a PROXY header is awaited from now on. */
bool ingest_proxy_begin(struct publisher *p);

/* Takes the awaited header's bytes from the front of *bytes. ERR_OK: the publisher has the address
 * and the name that the header tells, or keeps its own when it tells none; nothing is awaited any
 * more. ERR_AGAIN: it goes on. ERR_PROTO, ERR_LIMIT: *ret_why is a static sentence. */
enum err ingest_proxy_take(struct publisher *p, struct span *bytes, const char **ret_why) CHECKED;

/* A sentence when these first bytes are a PROXY header that is not taken from this address, else
 * why. Static storage. */
const char *ingest_proxy_hint(const struct publisher *p, struct span bytes, const char *why);

#endif
