#include "media/packet.h"

#include <string.h>

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

/* The first n are somebody else's now. */
static void forget_first(struct packets *ps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ps->bytes -= ps->items[i].data.len;
    }
    ps->count -= n;
    if (n > 0 && ps->count > 0) {
        memmove(ps->items, ps->items + n, ps->count * sizeof *ps->items);
    }
}

enum err packets_move(struct packets *from, size_t n, struct packets *to)
{
    enum err e = ERR_OK;
    size_t moved = 0;
    while (moved < n && e == ERR_OK) {
        e = packets_push(to, from->items[moved]);
        moved += e == ERR_OK;
    }
    forget_first(from, moved);
    return e;
}

void packets_drop(struct packets *ps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        blob_unref(ps->items[i].blob);
    }
    forget_first(ps, n);
}
