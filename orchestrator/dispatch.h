/* Which transcoder gets a job. Pure. */
#ifndef ORCHESTRATOR_DISPATCH_H
#define ORCHESTRATOR_DISPATCH_H

#include <stddef.h>

#include "orchestrator/roster.h"

struct dispatch_ask {
    link_peer last;           /* had this stream's previous segment; 0 = nobody */
    const char *encoder;      /* only this fingerprint; NULL = any */
    const link_peer *avoided; /* not these (they have just refused or failed the job) */
    size_t n_avoided;
};

/* The one that had the stream's previous segment, when it has room (its caches are warm); otherwise
 * the most room; among equals the lowest load, then the longest idle, then who joined first.
 * NULL: nobody; the job has to wait. Borrowed. */
struct transcoder *dispatch_pick(const struct roster *r, const struct dispatch_ask *ask);

#endif
