/* Jobs that ended with all their rungs lately, and who made these: a broadcaster may still find a
 * part of one no good, and opens it anew then. Nothing of their media is kept. Pure; one thread. */
#ifndef ORCHESTRATOR_OVER_JOBS_H
#define ORCHESTRATOR_OVER_JOBS_H

#include "base/id.h"
#include "orchestrator/job.h"

#define OVER_JOBS_MAX 1024 /* the newest */

struct over_job {
    link_peer broadcaster; /* 0: none */
    uint64_t origin;       /* the broadcaster's number of it */
    uint64_t msn;
    char stream[ID_MAX + 1];
    uint32_t n_rungs;
    link_peer makers[PROFILE_LADDER_MAX]; /* of each rung's last part; 0: it was given up */
};

struct over_jobs {
    struct over_job *items; /* a ring */
    size_t next;
};

void over_jobs_init(struct over_jobs *o);
void over_jobs_fini(struct over_jobs *o);

void over_jobs_add(struct over_jobs *o, const struct job *j);

/* NULL: it is not known (any more). */
struct over_job *over_jobs_find(struct over_jobs *o, link_peer broadcaster, uint64_t origin);

#endif
