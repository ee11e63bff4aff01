#include "orchestrator/outbox.h"

#include "base/mem.h"

struct item {
    struct list node;
    struct blob *envelope;
    struct blob *payload;
};

void outbox_init(struct outbox *o)
{
    list_init(&o->items);
    o->bytes = 0;
}

size_t outbox_cost(const struct blob *envelope, const struct blob *payload)
{
    return sizeof(struct item) + blob_span(envelope).len + blob_span(payload).len;
}

static void drop(struct outbox *o, struct item *item)
{
    o->bytes -= outbox_cost(item->envelope, item->payload);
    list_remove(&item->node);
    blob_unref(item->envelope);
    blob_unref(item->payload);
    mem_free(item);
}

void outbox_fini(struct outbox *o)
{
    LIST_EACH (&o->items, it, tmp) {
        drop(o, LIST_ITEM(it, struct item, node));
    }
}

bool outbox_is_empty(const struct outbox *o)
{
    return list_empty(&o->items);
}

enum err outbox_push(struct outbox *o, struct blob *envelope, struct blob *payload,
                     size_t max_bytes)
{
    size_t cost = outbox_cost(envelope, payload);
    if (cost > max_bytes || o->bytes > max_bytes - cost) {
        return ERR_LIMIT;
    }
    struct item *item = mem_try_alloc(sizeof *item);
    if (item == NULL) {
        return ERR_NOMEM;
    }
    item->envelope = blob_ref(envelope);
    item->payload = payload != NULL ? blob_ref(payload) : NULL;
    list_push_back(&o->items, &item->node);
    o->bytes += cost;
    return ERR_OK;
}

size_t outbox_flush(struct outbox *o, outbox_send_fn *send, void *arg)
{
    size_t dropped = 0;
    while (!outbox_is_empty(o)) {
        struct item *item = LIST_ITEM(o->items.next, struct item, node);
        enum err e = send(arg, item->envelope, item->payload);
        if (e == ERR_AGAIN) {
            break;
        }
        dropped += e != ERR_OK;
        drop(o, item);
    }
    return dropped;
}
