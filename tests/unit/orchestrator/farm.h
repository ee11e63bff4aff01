/* What case-by-case tests of the job table share: the table `w` with its one broadcaster B, and its
 * clock. */
#ifndef TESTS_ORCHESTRATOR_FARM_H
#define TESTS_ORCHESTRATOR_FARM_H

#include "world.h"

#define B 100

static struct world *w;

static inline struct job_table_config defaults(void)
{
    struct job_table_config c;
    job_table_config_defaults(&c);
    return c;
}

/* NULL: the defaults. */
static inline void start(const struct job_table_config *config)
{
    w = world_create(config);
    world_broadcaster(w, B);
}

static inline void tick(void)
{
    w->now += JOB_TABLE_TICK_MS;
    job_table_tick(w->table, w->now);
}

static inline void advance(int64_t ms)
{
    for (int64_t t = 0; t < ms; t += JOB_TABLE_TICK_MS) {
        tick();
    }
}

/* A transcoder that says how many pixels a second it makes. */
static inline void fast(link_peer peer, uint32_t capacity, uint64_t speed)
{
    world_transcoder_at(w, peer, capacity, "x", speed);
}

static inline const struct transcoder *of(link_peer peer)
{
    return roster_transcoder(job_table_roster(w->table), peer);
}

/* How many jobs it was offered. */
static inline size_t opens(link_peer peer)
{
    return world_count(w, peer, LINK_JOB_OPEN);
}

#define B2       101 /* another broadcaster */
#define ATTEMPTS 5

/* A job of one rung with two units and the end, kept by B's number n. */
static inline void whole_input(uint64_t n)
{
    world_unit(w, B, n, 0, false, 10);
    world_unit(w, B, n, 1, true, 10);
}

#endif
