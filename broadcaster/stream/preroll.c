#include "broadcaster/stream/preroll.h"

#include <stdbool.h>
#include <string.h>

static bool is_full(const struct packets *ps, const struct packet *next)
{
    return ps->count > 1 &&
           (next->dts - ps->items[1].dts > PREROLL_TICKS_MAX ||
            ps->bytes + next->data.len > PREROLL_BYTES_MAX || ps->count >= PREROLL_PACKETS_MAX);
}

static void remove_run(struct preroll *pr, size_t first, size_t n)
{
    struct packets *ps = &pr->packets;
    for (size_t i = first; i < first + n; i++) {
        ps->bytes -= ps->items[i].data.len;
        packet_unref(&ps->items[i]);
    }
    ps->count -= n;
    memmove(ps->items + first, ps->items + first + n, (ps->count - first) * sizeof *ps->items);
    pr->recovery = pr->recovery >= first + n ? pr->recovery - n : 0;
}

void preroll_init(struct preroll *preroll)
{
    *preroll = (struct preroll){0};
    packets_init(&preroll->packets);
}

void preroll_fini(struct preroll *preroll)
{
    packets_fini(&preroll->packets);
    preroll->recovery = 0;
}

enum err preroll_push(struct preroll *preroll, const struct packet *p, enum preroll_start start)
{
    struct packets *ps = &preroll->packets;
    if (start == PREROLL_ANEW) {
        preroll_fini(preroll);
    } else if (ps->count == 0) {
        return ERR_OK;
    }
    while (is_full(ps, p)) {
        /* The older half of what follows the IDR: halves, so that little is moved on the whole. */
        remove_run(preroll, 1, ps->count / 2);
    }
    if (start == PREROLL_RECOVERY) {
        remove_run(preroll, 0, preroll->recovery);
        preroll->recovery = ps->count;
    }
    struct packet copy = packet_ref(p);
    enum err e = packets_push(ps, copy);
    if (e != ERR_OK) {
        packet_unref(&copy);
    }
    return e;
}
