#include "orchestrator/over_jobs.h"

#include <stdio.h>

#include "base/mem.h"

void over_jobs_init(struct over_jobs *o)
{
    *o = (struct over_jobs){.items = mem_alloc(OVER_JOBS_MAX * sizeof *o->items)};
}

void over_jobs_fini(struct over_jobs *o)
{
    mem_free(o->items);
}

void over_jobs_add(struct over_jobs *o, const struct job *j)
{
    struct over_job *it = &o->items[o->next++ % OVER_JOBS_MAX];
    *it = (struct over_job){
        .broadcaster = j->broadcaster->peer,
        .origin = j->origin,
        .msn = j->open.msn,
        .n_rungs = (uint32_t)j->open.n_ladder,
    };
    (void)snprintf(it->stream, sizeof it->stream, "%s", j->open.stream);
    for (uint32_t i = 0; i < it->n_rungs; i++) {
        it->makers[i] = j->rungs[i].given_up ? 0 : j->rungs[i].maker;
    }
}

struct over_job *over_jobs_find(struct over_jobs *o, link_peer broadcaster, uint64_t origin)
{
    for (size_t i = 0; i < OVER_JOBS_MAX; i++) {
        struct over_job *it = &o->items[i];
        if (it->broadcaster == broadcaster && broadcaster != 0 && it->origin == origin) {
            return it;
        }
    }
    return NULL;
}
