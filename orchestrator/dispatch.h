/* Which transcoder gets a job. Pure. */
#ifndef ORCHESTRATOR_DISPATCH_H
#define ORCHESTRATOR_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orchestrator/roster.h"

/* So many times slower than real time may be who takes its turn. */
#define DISPATCH_TURNS_MAX 4

struct dispatch_ask {
    uint64_t rate;            /* pixels a second of what is to be done; 0 counts as 1 */
    link_peer last;           /* had this stream's previous segment; 0 = nobody */
    const char *encoder;      /* only this fingerprint; NULL = any */
    const link_peer *avoided; /* not these (they have just refused or failed the job) */
    size_t n_avoided;
    const char *not_address; /* not on this host; NULL = any */
    bool is_last_resort;     /* those suspended for being lost too; set by dispatch_pick itself */
    bool may_stretch; /* it has waited: also to who may be believed to be slower than it is */
    bool is_whole;    /* all of its input is there: it takes as much of the host as it can get */
    bool has_place;   /* at `last`: what its stream weighs there it weighs once */
    bool is_behind;   /* its stream has SESSION_AT_WORK_FULL jobs at work already */
    bool only_spare;  /* a job that somebody has already: only to who can do with it easily */
    bool
        may_take_turns; /* all together make enough: one that is too slow alone may have its turn */
    int64_t now_ms;
};

/* Those that have room for it: in jobs, and in pixels a second where the speed is known, or because
 * it takes the place of the stream's previous segment. One that
 * has no job at all takes any, unless it has been seen to be too slow for it. Of these the one that
 * had the stream's previous segment (its caches are warm), unless it was late lately; otherwise one
 * that was not late lately before one that was, then the most free pixels a second; among equals
 * the lowest load, then the longest idle, then who joined first. NULL: nobody; the job has to wait.
 * Borrowed. */
struct transcoder *dispatch_pick(const struct roster *r, const struct dispatch_ask *ask);

/* Somebody is there for it, with room or without. */
bool dispatch_is_possible(const struct roster *r, const struct dispatch_ask *ask);

/* There is somebody for it, and nobody has room in jobs. */
bool dispatch_is_capped(const struct roster *r, const struct dispatch_ask *ask);

/* Nobody who has room in jobs was in time lately with what it has, and there is such a one: they
 * are full indeed. */
bool dispatch_all_full(const struct roster *r, const struct dispatch_ask *ask);

/* It is more than any of them has said that it makes, beside what it has already: not only what is
 * believed of them is against it. False when one of them did not say, or nobody has room in jobs.
 */
bool dispatch_is_beyond_all(const struct roster *r, const struct dispatch_ask *ask);

/* The most pixels a second that anyone would take who has room in jobs; 0: nobody has. ask->rate
 * does not count. */
uint64_t dispatch_most(const struct roster *r, const struct dispatch_ask *ask);

#endif
