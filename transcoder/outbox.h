/* What waits for the link, in order: jobs' events and messages of the worker's own. Loop's thread.
 */
#ifndef TRANSCODER_OUTBOX_H
#define TRANSCODER_OUTBOX_H

#include <stdbool.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/list.h"
#include "transcoder/work.h"

/* Sends one message (borrowed). ERR_AGAIN: not now, try at the next outbox_flush. */
typedef enum err outbox_send_fn(void *arg, struct blob *envelope, struct blob *payload);

/* A job's WORK_ENDED has had its turn; takes it. */
typedef void outbox_ended_fn(void *arg, struct work_event *e);

struct outbox {
    struct list parcels;
    outbox_send_fn *send;
    outbox_ended_fn *ended;
    void *arg;
};

/* Allocates nothing. fini drops what waits; no job's event may be among it. */
void outbox_init(struct outbox *o, outbox_send_fn *send, outbox_ended_fn *ended, void *arg);
void outbox_fini(struct outbox *o);

/* Take what they are given. Nothing is sent before outbox_flush. */
void outbox_push_event(struct outbox *o, struct work_event *e);
void outbox_push_message(struct outbox *o, struct blob *envelope);

/* Sends until one has to wait. Events of cancelled jobs have their turn without being sent. */
void outbox_flush(struct outbox *o);

bool outbox_is_empty(const struct outbox *o);

#endif
