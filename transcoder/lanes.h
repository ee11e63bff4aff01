/* Threads beside a job's own, the lanes: items are handed to them over short queues, and each does
 * its own in their order. What must stay in order stays in one lane. All functions are for the
 * job's thread. */
#ifndef TRANSCODER_LANES_H
#define TRANSCODER_LANES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "media/profile.h"

#define LANES_MAX  PROFILE_LADDER_MAX
#define LANE_ITEMS 4 /* that wait: enough for a picture that takes longer than the others */

struct lanes;

/* On a lane's thread: takes the item. The first that is not ERR_OK is the end of all lanes. */
typedef enum err lane_run_fn(void *item);

/* Releases an item that is not run any more. On the job's thread. */
typedef void lane_drop_fn(void *item);

/* Which lane (from 0) each of n loads is for, or LANE_NONE for the job's own thread, which has own
 * to do already: the loads, the largest first, each go to who has least, with so many threads in
 * all. How many lanes that takes. Pure. */
#define LANE_NONE SIZE_MAX
size_t lanes_place(const uint64_t *loads, size_t n, uint64_t own, size_t threads, size_t *ret_lane);

/* Starts n threads (at most LANES_MAX), or as many as the host gives. tids (n of them, borrowed):
 * each thread's number in the kernel while it runs, 0 otherwise; for any thread to read. Gives. */
struct lanes *lanes_create(size_t n, lane_run_fn *run, lane_drop_fn *drop, atomic_int *tids);
void lanes_destroy(struct lanes *l); /* ends them; takes NULL */

size_t lanes_count(const struct lanes *l);

/* Waits for room. Takes the item on success; otherwise the error that ended the lanes. */
enum err lanes_push(struct lanes *l, size_t lane, void *item) CHECKED;

/* The lane has done all that it was given, and no lane has failed: until the next push the caller
 * may do itself what would be the lane's, in its order. */
bool lanes_is_free(struct lanes *l, size_t lane);

/* Nothing will be pushed any more: waits for the threads, which end when their items are done, or
 * at once (after the one that they are at) when result is an error. The first error of all. Again:
 * the same as before. */
enum err lanes_end(struct lanes *l, enum err result) CHECKED;

/* After lanes_end: the processor time that the threads took. */
uint64_t lanes_cpu_us(const struct lanes *l);

#endif
