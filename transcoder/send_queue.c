#include "transcoder/send_queue.h"

#include "base/mem.h"
#include "run/log.h"

struct parcel {
    struct list node;
    struct work_event *event; /* or */
    struct blob *envelope;
};

void send_queue_init(struct send_queue *o, send_queue_send_fn *send, send_queue_ended_fn *ended,
                     void *arg)
{
    list_init(&o->parcels);
    o->send = send;
    o->ended = ended;
    o->arg = arg;
}

static void parcel_destroy(struct parcel *p)
{
    list_remove(&p->node);
    blob_unref(p->envelope);
    mem_free(p);
}

void send_queue_fini(struct send_queue *o)
{
    LIST_EACH (&o->parcels, it, tmp) {
        parcel_destroy(LIST_ITEM(it, struct parcel, node));
    }
}

static void push(struct send_queue *o, struct work_event *event, struct blob *envelope)
{
    struct parcel *p = mem_alloc(sizeof *p);
    p->event = event;
    p->envelope = envelope;
    list_push_back(&o->parcels, &p->node);
}

void send_queue_push_event(struct send_queue *o, struct work_event *e)
{
    push(o, e, NULL);
}

void send_queue_push_message(struct send_queue *o, struct blob *envelope)
{
    push(o, NULL, envelope);
}

static enum err send_parcel(struct send_queue *o, const struct parcel *p)
{
    if (p->event == NULL) {
        return o->send(o->arg, p->envelope, NULL);
    }
    if (p->event->envelope == NULL || work_is_cancelled(p->event->work)) {
        return ERR_OK;
    }
    return o->send(o->arg, p->event->envelope, p->event->payload);
}

void send_queue_flush(struct send_queue *o)
{
    while (!list_empty(&o->parcels)) {
        struct parcel *p = LIST_ITEM(o->parcels.next, struct parcel, node);
        enum err e = send_parcel(o, p);
        if (e == ERR_AGAIN) {
            return;
        }
        if (e != ERR_OK) {
            log_warn("worker", "send", "a message could not be sent: %s", err_text(e));
        }
        struct work_event *event = p->event;
        parcel_destroy(p);
        if (event != NULL && event->type == WORK_ENDED) {
            o->ended(o->arg, event);
        } else if (event != NULL) {
            work_event_destroy(event);
        }
    }
}

bool send_queue_is_empty(const struct send_queue *o)
{
    return list_empty(&o->parcels);
}
