#include "media/packet.h"

#include "base/mem.h"

#define PACKETS_FIRST_CAP 32

struct packet packet_ref(const struct packet *p)
{
    blob_ref(p->blob);
    return *p;
}

void packet_unref(struct packet *p)
{
    blob_unref(p->blob);
    *p = (struct packet){0};
}

void packets_init(struct packets *ps)
{
    *ps = (struct packets){0};
}

void packets_fini(struct packets *ps)
{
    for (size_t i = 0; i < ps->count; i++) {
        packet_unref(&ps->items[i]);
    }
    mem_free(ps->items);
    packets_init(ps);
}

enum err packets_push(struct packets *ps, struct packet p)
{
    if (ps->count == ps->cap) {
        size_t cap = ps->cap > 0 ? ps->cap * 2 : PACKETS_FIRST_CAP;
        struct packet *items = mem_try_realloc(ps->items, cap * sizeof *items);
        if (items == NULL) {
            return ERR_NOMEM;
        }
        ps->items = items;
        ps->cap = cap;
    }
    ps->items[ps->count++] = p;
    ps->bytes += p.data.len;
    return ERR_OK;
}
