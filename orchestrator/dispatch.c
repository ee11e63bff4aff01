#include "orchestrator/dispatch.h"

#include <string.h>

static uint64_t rate_of(const struct dispatch_ask *ask)
{
    return ask->rate > 0 ? ask->rate : 1;
}

static bool is_fit(const struct transcoder *t, const struct dispatch_ask *ask)
{
    bool suspended = standing_is_suspended(&t->standing, ask->now_ms);
    if (t->draining || t->capacity == 0 ||
        (suspended && !(ask->is_last_resort && t->standing.losses > 0))) {
        return false;
    }
    if (ask->encoder != NULL && strcmp(t->encoder, ask->encoder) != 0) {
        return false;
    }
    if (ask->not_address != NULL && strcmp(t->address, ask->not_address) == 0) {
        return false;
    }
    for (size_t i = 0; i < ask->n_avoided; i++) {
        if (ask->avoided[i] == t->peer) {
            return false;
        }
    }
    return true;
}

static bool may_take_any(const struct transcoder *t, const struct dispatch_ask *ask)
{
    bool in_turn = !ask->is_whole || t->whole < ROSTER_WHOLE_MAX;
    return in_turn && transcoder_room(t) > 0 && is_fit(t, ask);
}

/* One that has nothing to do may be tried with more than it says: only doing tells. */
static bool may_try(const struct transcoder *t, const struct dispatch_ask *ask)
{
    bool in_turn = ask->may_take_turns && rate_of(ask) / DISPATCH_TURNS_MAX <= t->standing.speed;
    return t->load == 0 && (in_turn || standing_may_try(&t->standing, rate_of(ask)));
}

/* That stream alone is more than it makes. */
static bool is_too_slow(const struct transcoder *t, const struct dispatch_ask *ask)
{
    return t->load > 0 && t->standing.speed > 0 && t->standing.speed < rate_of(ask);
}

static bool another_is_idle(const struct roster *r, const struct dispatch_ask *ask)
{
    LIST_EACH (&r->transcoders, it, tmp) {
        const struct transcoder *t = LIST_ITEM(it, const struct transcoder, node);
        if (may_take_any(t, ask) && may_try(t, ask)) {
            return true;
        }
    }
    return false;
}

/* Somebody else, who may do more than is believed, for a job that waits a little. */
static bool another_may_do(const struct roster *r, const struct transcoder *but,
                           const struct dispatch_ask *ask)
{
    LIST_EACH (&r->transcoders, it, tmp) {
        const struct transcoder *t = LIST_ITEM(it, const struct transcoder, node);
        if (t != but && may_take_any(t, ask) && !standing_is_full(&t->standing, ask->now_ms)) {
            return true;
        }
    }
    return false;
}

/* The stream is there already: it goes on, unless that one is late and another may be better. */
static bool goes_on(const struct roster *r, const struct transcoder *t,
                    const struct dispatch_ask *ask)
{
    if (!ask->has_place || t->peer != ask->last ||
        (ask->is_behind && t->standing.speed > 0 && t->rate > t->standing.speed) ||
        (is_too_slow(t, ask) && another_is_idle(r, ask))) {
        return false;
    }
    return ask->may_stretch || !standing_is_overloaded(&t->standing, ask->now_ms) ||
           !another_may_do(r, t, ask);
}

static bool may_take(const struct roster *r, const struct transcoder *t,
                     const struct dispatch_ask *ask)
{
    if (!may_take_any(t, ask)) {
        return false;
    }
    if (ask->only_spare && standing_is_overloaded(&t->standing, ask->now_ms)) {
        return false;
    }
    bool stretches = ask->may_stretch && standing_may_stretch(&t->standing, ask->now_ms);
    return transcoder_spare(t) >= rate_of(ask) || may_try(t, ask) || stretches ||
           goes_on(r, t, ask);
}

/* Pixels a second: of an unknown speed as many such jobs as it has room for. */
static uint64_t free_rate(const struct transcoder *t, const struct dispatch_ask *ask)
{
    uint64_t by_jobs = transcoder_room(t) * rate_of(ask);
    uint64_t spare = transcoder_spare(t);
    return spare < by_jobs ? spare : by_jobs;
}

static bool is_better(const struct transcoder *a, const struct transcoder *b,
                      const struct dispatch_ask *ask)
{
    bool late_a = standing_is_overloaded(&a->standing, ask->now_ms);
    bool late_b = standing_is_overloaded(&b->standing, ask->now_ms);
    if (late_a != late_b) {
        return late_b;
    }
    if (late_a && a->standing.late_pause_ms != b->standing.late_pause_ms) {
        return a->standing.late_pause_ms < b->standing.late_pause_ms;
    }
    uint64_t free_a = free_rate(a, ask), free_b = free_rate(b, ask);
    if (free_a != free_b) {
        return free_a > free_b;
    }
    if (a->load != b->load) {
        return a->load < b->load;
    }
    return a->used_ms < b->used_ms;
}

static struct transcoder *pick(const struct roster *r, const struct dispatch_ask *ask)
{
    struct transcoder *last = ask->last != 0 ? roster_transcoder(r, ask->last) : NULL;
    if (last != NULL && !standing_is_overloaded(&last->standing, ask->now_ms) &&
        may_take(r, last, ask)) {
        return last;
    }
    struct transcoder *best = NULL;
    LIST_EACH (&r->transcoders, it, tmp) {
        struct transcoder *t = LIST_ITEM(it, struct transcoder, node);
        if (may_take(r, t, ask) && (best == NULL || is_better(t, best, ask))) {
            best = t;
        }
    }
    return best;
}

static bool all_are_suspended(const struct roster *r, int64_t now_ms)
{
    LIST_EACH (&r->transcoders, it, tmp) {
        if (!standing_is_suspended(&LIST_ITEM(it, struct transcoder, node)->standing, now_ms)) {
            return false;
        }
    }
    return true;
}

struct transcoder *dispatch_pick(const struct roster *r, const struct dispatch_ask *ask)
{
    struct transcoder *t = pick(r, ask);
    if (t != NULL || !all_are_suspended(r, ask->now_ms)) {
        return t;
    }
    /* One that comes and goes is better than nobody at all. */
    struct dispatch_ask again = *ask;
    again.is_last_resort = true;
    return pick(r, &again);
}

bool dispatch_is_possible(const struct roster *r, const struct dispatch_ask *ask)
{
    LIST_EACH (&r->transcoders, it, tmp) {
        if (is_fit(LIST_ITEM(it, const struct transcoder, node), ask)) {
            return true;
        }
    }
    return false;
}

bool dispatch_is_capped(const struct roster *r, const struct dispatch_ask *ask)
{
    LIST_EACH (&r->transcoders, it, tmp) {
        const struct transcoder *t = LIST_ITEM(it, const struct transcoder, node);
        if (transcoder_room(t) > 0 && is_fit(t, ask)) {
            return false;
        }
    }
    return dispatch_is_possible(r, ask);
}

bool dispatch_all_full(const struct roster *r, const struct dispatch_ask *ask)
{
    bool anybody = false;
    LIST_EACH (&r->transcoders, it, tmp) {
        const struct transcoder *t = LIST_ITEM(it, const struct transcoder, node);
        if (may_take_any(t, ask)) {
            if (!standing_is_full(&t->standing, ask->now_ms)) {
                return false;
            }
            anybody = true;
        }
    }
    return anybody;
}

bool dispatch_is_beyond_all(const struct roster *r, const struct dispatch_ask *ask)
{
    bool anybody = false;
    LIST_EACH (&r->transcoders, it, tmp) {
        const struct transcoder *t = LIST_ITEM(it, const struct transcoder, node);
        if (may_take_any(t, ask)) {
            uint64_t said = t->standing.announced;
            if (said == 0 || (said > t->rate && said - t->rate >= rate_of(ask))) {
                return false;
            }
            anybody = true;
        }
    }
    return anybody;
}

uint64_t dispatch_most(const struct roster *r, const struct dispatch_ask *ask)
{
    uint64_t most = 0;
    LIST_EACH (&r->transcoders, it, tmp) {
        const struct transcoder *t = LIST_ITEM(it, const struct transcoder, node);
        if (may_take_any(t, ask)) {
            uint64_t spare = t->load == 0 ? standing_most(&t->standing) : transcoder_spare(t);
            most = spare > most ? spare : most;
        }
    }
    return most;
}
