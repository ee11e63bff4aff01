#include "broadcaster/preroll.h"

#include <stdbool.h>
#include <string.h>

static bool is_full(const struct packets *ps, const struct packet *next)
{
    return ps->count > 1 &&
           (next->dts - ps->items[1].dts > PREROLL_TICKS_MAX ||
            ps->bytes + next->data.len > PREROLL_BYTES_MAX || ps->count >= PREROLL_PACKETS_MAX);
}

/* The older half of what follows the IDR: halves, so that little is moved on the whole. */
static void thin_out(struct packets *ps)
{
    size_t n = ps->count / 2;
    for (size_t i = 1; i <= n; i++) {
        ps->bytes -= ps->items[i].data.len;
        packet_unref(&ps->items[i]);
    }
    ps->count -= n;
    memmove(ps->items + 1, ps->items + 1 + n, (ps->count - 1) * sizeof *ps->items);
}

enum err preroll_push(struct packets *preroll, const struct packet *p)
{
    if ((p->flags & PACKET_KEY) != 0) {
        packets_fini(preroll);
    } else if (preroll->count == 0) {
        return ERR_OK;
    }
    while (is_full(preroll, p)) {
        thin_out(preroll);
    }
    struct packet copy = packet_ref(p);
    enum err e = packets_push(preroll, copy);
    if (e != ERR_OK) {
        packet_unref(&copy);
    }
    return e;
}
