/* How many viewers each rendition of each stream has, by their requests for its media playlist, as
 * audience.h counts them: so the rung that nobody watches can be told from the others. Caches in
 * front hide theirs. Any thread. */
#ifndef BROADCASTER_JOBS_RUNG_AUDIENCE_H
#define BROADCASTER_JOBS_RUNG_AUDIENCE_H

#include "base/span.h"

struct rung_audience;

struct rung_audience *rung_audience_create(void);
void rung_audience_destroy(struct rung_audience *a); /* takes NULL */

/* A viewer, told apart by these, fetched a playlist of that rendition. now_ms: monotonic. */
void rung_audience_saw(struct rung_audience *a, const char *id, const char *rendition,
                       struct span address, struct span agent, int64_t now_ms);

unsigned rung_audience_count(struct rung_audience *a, const char *id, const char *rendition,
                             int64_t now_ms);

#endif
