/* The threads on which light sounds are encoded, for all streams together. Loop's thread. */
#ifndef BROADCASTER_LIGHT_LIGHT_WORKERS_H
#define BROADCASTER_LIGHT_LIGHT_WORKERS_H

#include <stdbool.h>

#include "base/list.h"
#include "run/loop.h"

#define LIGHT_WORKERS_MAX 4 /* threads; as many as there are processors */

struct light_workers;

/* What is worked off: fn on a thread of the workers, then done on the loop's. Owned by who adds
 * it, and left alone until done is called. */
struct light_work {
    struct list node; /* the workers' own */
    void (*fn)(struct light_work *w);
    void (*done)(struct light_work *w);
};

/* The threads begin with the first work. */
struct light_workers *light_workers_create(struct loop *loop);

/* Ends the threads; done is called for all that was added. Takes NULL. */
void light_workers_destroy(struct light_workers *w);

/* False: there are no threads, and nothing was taken. */
bool light_workers_add(struct light_workers *w, struct light_work *work);

#endif
