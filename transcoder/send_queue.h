/* What waits for the link, in order: jobs' events and messages of the worker's own. Loop's thread.
 */
#ifndef TRANSCODER_SEND_QUEUE_H
#define TRANSCODER_SEND_QUEUE_H

#include <stdbool.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/list.h"
#include "transcoder/work.h"

/* Sends one message (borrowed). ERR_AGAIN: not now, try at the next send_queue_flush. */
typedef enum err send_queue_send_fn(void *arg, struct blob *envelope, struct blob *payload);

/* A job's WORK_ENDED has had its turn; takes it. */
typedef void send_queue_ended_fn(void *arg, struct work_event *e);

struct send_queue {
    struct list parcels;
    send_queue_send_fn *send;
    send_queue_ended_fn *ended;
    void *arg;
};

/* Allocates nothing. fini drops what waits; no job's event may be among it. */
void send_queue_init(struct send_queue *o, send_queue_send_fn *send, send_queue_ended_fn *ended,
                     void *arg);
void send_queue_fini(struct send_queue *o);

/* Take what they are given. Nothing is sent before send_queue_flush. */
void send_queue_push_event(struct send_queue *o, struct work_event *e);
void send_queue_push_message(struct send_queue *o, struct blob *envelope);

/* Sends until one has to wait. Events of cancelled jobs have their turn without being sent. */
void send_queue_flush(struct send_queue *o);

bool send_queue_is_empty(const struct send_queue *o);

#endif
