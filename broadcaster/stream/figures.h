/* What the broadcaster counts over all streams, those that have ended included, so that its metrics
 * need no series for each stream. Loop's thread. */
#ifndef BROADCASTER_STREAM_FIGURES_H
#define BROADCASTER_STREAM_FIGURES_H

#include <stdint.h>

#include "broadcaster/stream/repair.h"
#include "media/profile.h"
#include "run/metrics.h"

#define FIGURES_RUNGS_MAX 32 /* named rungs */

/* Of one rung of the ladder, or of the source. */
struct rung_figures {
    uint64_t appeared;             /* segments listed, with content */
    uint64_t gaps;                 /* segments listed as lost */
    struct histogram latency;      /* from the source's segment being complete to this one listed */
    struct histogram part_latency; /* from the source's media of a part to the part */
};

struct figures {
    uint64_t streams_created, streams_started, streams_ended, streams_refused;
    uint64_t take_overs, fights;    /* feed.h */
    struct repair_counters repairs; /* of streams that are no more */
    struct histogram listed_delay;  /* from the packet that ends a segment to its listing */
    struct rung_figures source;
    struct rung_figures rungs[FIGURES_RUNGS_MAX]; /* in the order of profile_all */
    struct rung_figures custom;                   /* all that have other names, together */
};

void figures_init(struct figures *f);

/* The rung's own, by its name; what is not one of profile_all shares one. */
struct rung_figures *figures_rung(struct figures *f, const struct profile *p);

/* Writes them; the rungs that have been used, and those of this ladder. */
void figures_metrics(const struct figures *f, const struct profile *ladder, size_t n,
                     struct metrics *m);

#endif
