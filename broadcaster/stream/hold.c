#include "broadcaster/stream/hold.h"

/* Its place in the order of showing. */
static size_t rank_of(const struct packets *gop, size_t n, size_t i)
{
    size_t rank = 0;
    for (size_t k = 0; k < n; k++) {
        int64_t a = gop->items[k].pts, b = gop->items[i].pts;
        rank += a < b || (a == b && k < i);
    }
    return rank;
}

enum err hold_fill(const struct packets *gop, int64_t at, struct packets *out, bool *ret_exact)
{
    bool exact = gop->count <= HOLD_PACKETS_MAX && gop->bytes <= HOLD_BYTES_MAX;
    size_t n = exact ? gop->count : 1;
    size_t ranks[HOLD_PACKETS_MAX], lead = 0;
    for (size_t i = 0; i < n; i++) {
        ranks[i] = rank_of(gop, n, i);
        lead = i > ranks[i] && i - ranks[i] > lead ? i - ranks[i] : lead;
    }
    for (size_t i = 0; i < n; i++) {
        struct packet p = packet_ref(&gop->items[i]);
        p.dts = at + (int64_t)i;
        p.pts = at + (int64_t)(lead + ranks[i]);
        p.duration = 1;
        p.flags |= ranks[i] + 1 < n ? PACKET_PREROLL : 0;
        enum err e = packets_push(out, p);
        if (e != ERR_OK) {
            packet_unref(&p);
            return e;
        }
    }
    *ret_exact = exact;
    return ERR_OK;
}
