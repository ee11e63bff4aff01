/* The event loop (libuv) of one thread, its timers, and mailboxes into it from other threads. */
#ifndef RUN_LOOP_H
#define RUN_LOOP_H

#include <stddef.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct mailbox;

/* The loop's thread is the one that calls loop_run. */
struct loop *loop_create(void);

/* All timers and mailboxes must have been destroyed before. Takes NULL. */
void loop_destroy(struct loop *l);

/* Runs until loop_stop. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* Runs what is ready now and returns: for tests, and for letting closed handles finish. */
void loop_run_once(struct loop *l);

/* Monotonic time at which the loop last came back from waiting: what it handles now was there then.
 */
int64_t loop_now_ms(const struct loop *l);

/* The uv_loop_t, for the shells that include uv.h themselves. */
void *loop_uv(struct loop *l);

/* Timers: fn(arg) on the loop's thread. Created stopped. repeat_ms 0 = once. */
typedef void loop_timer_fn(void *arg);
struct loop_timer *loop_timer_create(struct loop *l, loop_timer_fn *fn, void *arg);
void loop_timer_start(struct loop_timer *t, int64_t after_ms, int64_t repeat_ms);
void loop_timer_stop(struct loop_timer *t);
void loop_timer_destroy(struct loop_timer *t); /* takes NULL; never called again after */

/* Signals: fn(arg, signum) on the loop's thread. Lives until the loop is destroyed. */
typedef void loop_signal_fn(void *arg, int signum);
void loop_on_signal(struct loop *l, int signum, loop_signal_fn *fn, void *arg);

/* A mailbox: any thread posts items, fn(arg, item) gets each on the loop's thread, in order.
 * The mailbox itself is not bounded: who posts counts the bytes it has under way. */
typedef void mailbox_fn(void *arg, void *item);
struct mailbox *mailbox_create(struct loop *l, mailbox_fn *fn, void *arg);
void mailbox_post(struct mailbox *m, void *item);

/* On the loop's thread, when nobody can post any more; items that wait are given to drop(item). */
void mailbox_destroy(struct mailbox *m, void (*drop)(void *item)); /* takes NULL */

#endif
