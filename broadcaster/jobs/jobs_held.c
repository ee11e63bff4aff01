#include "broadcaster/jobs/jobs_held.h"

#include <string.h>

#include "base/mem.h"

void jobs_held_init(struct jobs_held *h)
{
    h->bytes = 0;
    list_init(&h->units);
}

void held_unit_destroy(struct held_unit *it)
{
    blob_unref(it->payload);
    mem_free(it);
}

struct held_unit *jobs_held_take(struct jobs_held *h)
{
    if (list_empty(&h->units)) {
        return NULL;
    }
    struct held_unit *it = LIST_ITEM(h->units.next, struct held_unit, node);
    list_remove(&it->node);
    h->bytes -= it->bytes;
    return it;
}

void jobs_held_move(struct jobs_held *from, struct jobs_held *ret_to)
{
    jobs_held_init(ret_to);
    ret_to->bytes = from->bytes;
    LIST_EACH (&from->units, n, next) {
        list_remove(n);
        list_push_back(&ret_to->units, n);
    }
    from->bytes = 0;
}

void jobs_held_clear(struct jobs_held *h)
{
    struct held_unit *it;
    while ((it = jobs_held_take(h)) != NULL) {
        held_unit_destroy(it);
    }
}

enum err jobs_held_add(struct jobs_held *h, const struct link_unit *u, struct blob *payload)
{
    size_t own = sizeof(struct held_unit) + u->n_packets * sizeof u->packets[0] + u->config.len;
    size_t bytes = own + blob_span(payload).len;
    if (h->bytes + bytes > JOBS_HELD_MAX) {
        return ERR_LIMIT;
    }
    struct held_unit *it = mem_try_alloc(own);
    if (it == NULL) {
        return ERR_NOMEM;
    }
    it->unit = *u;
    it->unit.packets = it->packets;
    if (u->n_packets > 0) {
        memcpy(it->packets, u->packets, u->n_packets * sizeof u->packets[0]);
    }
    uint8_t *config = (uint8_t *)(it->packets + u->n_packets);
    if (u->config.len > 0) {
        memcpy(config, u->config.data, u->config.len);
    }
    it->unit.config = span_of(config, u->config.len);
    it->payload = blob_ref(payload);
    it->bytes = bytes;
    list_push_back(&h->units, &it->node);
    h->bytes += bytes;
    return ERR_OK;
}
