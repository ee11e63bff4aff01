/* One job at work: a pipeline on threads of its own, units in through a bounded queue, finished
 * messages out through a mailbox. All functions are for the loop's thread. */
#ifndef TRANSCODER_WORK_H
#define TRANSCODER_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "proto/link_msg.h"
#include "run/loop.h"
#include "transcoder/fault.h"

#define WORK_IN_BYTES_MAX  (64 * 1024 * 1024) /* of units that wait for the thread */
#define WORK_OUT_BYTES_MAX (32 * 1024 * 1024) /* of parts that wait to be sent; then it pauses */

struct work;

enum work_event_type {
    WORK_PART,  /* a RUNG_UNIT to send */
    WORK_ENDED, /* the last event: a JOB_DONE or JOB_FAILED to send, or nothing when cancelled */
};

/* Posted to the mailbox; the receiver owns it and gives it to work_event_destroy. */
struct work_event {
    enum work_event_type type;
    struct work *work;
    struct blob *envelope; /* NULL: nothing to send */
    struct blob *payload;  /* NULL: none */
    bool failed;           /* WORK_ENDED, with the words */
    struct fault fault;
    struct link_job_done done; /* WORK_ENDED: what was emitted, done or not */
};

/* Opens the job and starts its thread, which takes more where they are worth it (pipeline_spread),
 * up to so many in all. What is wrong with the request is in f: ERR_UNSUPPORTED, ERR_PROTO,
 * ERR_NOMEM. Gives. */
enum err work_create(struct mailbox *out, uint64_t job, const struct link_job_open *open,
                     size_t threads, struct fault *f, struct work **ret_work) CHECKED;

/* Queues a JOB_UNIT. ERR_LIMIT: more than WORK_IN_BYTES_MAX wait; ERR_PROTO: a unit is missing
 * before it, or the segment was complete already; ERR_NOMEM. */
enum err work_push(struct work *w, const struct link_unit *unit, struct blob *payload) CHECKED;

/* Asks it to end soon; WORK_ENDED still follows. */
void work_cancel(struct work *w);
bool work_is_cancelled(const struct work *w);

uint64_t work_job(const struct work *w);

/* For how long the threads that it has now have waited for a processor, all together: see
 * patience_waited_us. */
int64_t work_waited_us(const struct work *w);

/* Releases an event; bytes of a part no longer count as waiting. */
void work_event_destroy(struct work_event *e);

/* True when the job has nothing more to do; its events are in the mailbox then. */
bool work_has_ended(struct work *w);

/* Waits for that, for at most so many milliseconds; whether it came. */
bool work_await(struct work *w, int64_t ms);

/* Leaves a job to itself that does not end: its further events go nowhere, and its memory is not
 * released. Only for the end of the process; w is not to be used afterwards, but for the events in
 * the mailbox. */
void work_abandon(struct work *w);

/* After WORK_ENDED has been received: waits for the thread, which is at its end. */
void work_destroy(struct work *w);

#endif
