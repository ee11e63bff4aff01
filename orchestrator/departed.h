/* What is remembered of transcoders that have gone and were not in good standing, so that coming
 * back with a clean slate helps nobody: one that dies with every job, and one that left because it
 * was suspended. Who comes from the same address with the same name takes up an entry; names that
 * end in ":" and a number (the default has the process id) count without it. Pure; one thread. */
#ifndef ORCHESTRATOR_DEPARTED_H
#define ORCHESTRATOR_DEPARTED_H

#include <stddef.h>

#include "orchestrator/standing.h"

#define DEPARTED_MAX     256 /* the newest */
#define DEPARTED_WHO_MAX 200 /* bytes of address and name, with the NUL */

struct departed_entry {
    char who[DEPARTED_WHO_MAX]; /* "": none */
    struct standing standing;
};

struct departed {
    struct departed_entry *items; /* a ring */
    size_t next;
};

void departed_init(struct departed *d);
void departed_fini(struct departed *d);

/* It has gone. */
void departed_add(struct departed *d, const char *address, const char *name,
                  const struct standing *s);

/* It has come: s takes up what the newest such entry was charged with, and the entry is gone. */
void departed_take(struct departed *d, const char *address, const char *name, struct standing *s);

#endif
