/* How much memory the process keeps beyond what it uses. The allocator (glibc) is the process's,
 * and so is all of this. */
#ifndef RUN_FOOTPRINT_H
#define RUN_FOOTPRINT_H

/* Blocks of at least so many bytes go back to the system when they are freed. */
#define FOOTPRINT_BLOCK_BYTES (128 * 1024)

/* Once, before there are threads. */
void footprint_keep_small(void);

/* After that, for a role whose threads have large blocks one after the other, and of the same
 * sizes: what one of them frees is there for the next, until it is given back. Fresh pages for a
 * job's pictures take 2 % of its processor time and more. Before the role has threads: those that
 * come share one arena, since of others glibc gives only a part back. */
void footprint_keep_for_next(void);

/* At most so often is given back what smaller blocks leave. */
#define FOOTPRINT_INTERVAL_MS 1000

/* When something large has ended; any thread. Takes up to some milliseconds. */
void footprint_give_back(void);

/* And each role once in so long: a loop_timer_fn, without an argument. Of the roles of one process
 * only one does it. */
#define FOOTPRINT_EVERY_MS 10000
void footprint_on_timer(void *arg);

#endif
