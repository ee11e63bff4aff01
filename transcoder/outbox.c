#include "transcoder/outbox.h"

#include "base/mem.h"
#include "run/log.h"

struct parcel {
    struct list node;
    struct work_event *event; /* or */
    struct blob *envelope;
};

void outbox_init(struct outbox *o, outbox_send_fn *send, outbox_ended_fn *ended, void *arg)
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

void outbox_fini(struct outbox *o)
{
    LIST_EACH (&o->parcels, it, tmp) {
        parcel_destroy(LIST_ITEM(it, struct parcel, node));
    }
}

static void push(struct outbox *o, struct work_event *event, struct blob *envelope)
{
    struct parcel *p = mem_alloc(sizeof *p);
    p->event = event;
    p->envelope = envelope;
    list_push_back(&o->parcels, &p->node);
}

void outbox_push_event(struct outbox *o, struct work_event *e)
{
    push(o, e, NULL);
}

void outbox_push_message(struct outbox *o, struct blob *envelope)
{
    push(o, NULL, envelope);
}

static enum err send_parcel(struct outbox *o, const struct parcel *p)
{
    if (p->event == NULL) {
        return o->send(o->arg, p->envelope, NULL);
    }
    if (p->event->envelope == NULL || work_is_cancelled(p->event->work)) {
        return ERR_OK;
    }
    return o->send(o->arg, p->event->envelope, p->event->payload);
}

void outbox_flush(struct outbox *o)
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

bool outbox_is_empty(const struct outbox *o)
{
    return list_empty(&o->parcels);
}
