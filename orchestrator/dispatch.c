#include "orchestrator/dispatch.h"

#include <string.h>

static bool may_take(const struct transcoder *t, const struct dispatch_ask *ask)
{
    if (transcoder_room(t) == 0) {
        return false;
    }
    if (ask->encoder != NULL && strcmp(t->encoder, ask->encoder) != 0) {
        return false;
    }
    for (size_t i = 0; i < ask->n_avoided; i++) {
        if (ask->avoided[i] == t->peer) {
            return false;
        }
    }
    return true;
}

static bool is_better(const struct transcoder *a, const struct transcoder *b)
{
    uint32_t room_a = transcoder_room(a), room_b = transcoder_room(b);
    if (room_a != room_b) {
        return room_a > room_b;
    }
    if (a->load != b->load) {
        return a->load < b->load;
    }
    return a->used_ms < b->used_ms;
}

struct transcoder *dispatch_pick(const struct roster *r, const struct dispatch_ask *ask)
{
    struct transcoder *best = NULL;
    LIST_EACH (&r->transcoders, it, tmp) {
        struct transcoder *t = LIST_ITEM(it, struct transcoder, node);
        if (!may_take(t, ask)) {
            continue;
        }
        if (ask->last != 0 && t->peer == ask->last) {
            return t;
        }
        if (best == NULL || is_better(t, best)) {
            best = t;
        }
    }
    return best;
}
