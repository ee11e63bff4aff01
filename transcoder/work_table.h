/* A worker's jobs: running; ending, which is told to end but not yet there; and hanging, which is
 * given up because a thread of it does not come back from a codec. Loop's thread. */
#ifndef TRANSCODER_WORK_TABLE_H
#define TRANSCODER_WORK_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "base/list.h"
#include "proto/link_msg.h"
#include "run/loop.h"
#include "transcoder/patience.h"
#include "transcoder/work.h"

struct job {
    struct list node;
    void *owner;
    struct work *work;
    loop_timer_fn *on_deadline;
    struct loop_timer *deadline; /* once it is told to end: steps until it counts as hanging */
    struct patience patience;    /* since it was told to end; */
    int64_t ending_us, step_us;  /* at most so long, in such steps */
    bool hangs;
    char stream[ID_MAX + 1];
    uint64_t msn;
    int64_t opened_us;
    int64_t complete_us; /* when its last unit came; 0 before */
};

struct work_table {
    struct list jobs;
    uint32_t n;       /* that run or end */
    uint32_t hanging; /* beside those */
};

/* Allocates nothing. */
void work_table_init(struct work_table *t);

/* Takes in a job that runs; the work stays the caller's. on_deadline gets the job when the time
 * that open gives it is over. */
struct job *work_table_add(struct work_table *t, struct loop *l, struct work *work,
                           const struct link_job_open *open, loop_timer_fn *on_deadline,
                           void *owner);

/* Takes it out and releases it, but not its work. */
void work_table_remove(struct work_table *t, struct job *j);

/* The running job of that number, or NULL. */
struct job *work_table_find(const struct work_table *t, uint64_t id);

/* The job of that work, which is there in whatever state. */
struct job *work_table_of(const struct work_table *t, const struct work *work);

/* A running job, or NULL. To end them all: again and again, as others may go meanwhile. */
struct job *work_table_running(const struct work_table *t);

/* How many run. */
uint32_t work_table_load(const struct work_table *t);

/* What is left of a capacity: a job that hangs has its place, and probably a processor, for good.
 * At least one, as the link's rules want. */
uint32_t work_table_places(const struct work_table *t, uint32_t capacity);

/* Whether there is no place for one more. Jobs that end hold a thread for a picture longer, so that
 * as many as there are places are let be beside those that run. */
bool work_table_is_full(const struct work_table *t, uint32_t capacity);

/* Tells the job to end, which a thread does within a picture; on_deadline gets it again once the
 * thread has had so many milliseconds for that: see patience.h. */
void work_table_wind_down(struct job *j, int64_t ms);

/* Gives it up, and takes that back. */
void work_table_set_hangs(struct work_table *t, struct job *j, bool hangs);

#endif
