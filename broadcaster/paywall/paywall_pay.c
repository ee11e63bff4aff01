/* What viewers' threads do: paying for segments and for bodies. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/paywall/paywall_internal.h"
#include "broadcaster/stream/rendition.h"

_Static_assert(PAID_SEGMENTS >= 2 * RENDITION_KEPT_MAX, "what can be fetched is paid once");

/* --- under the shard's lock --- */

static void spent(struct paywall_account *a, uint64_t cost, int64_t now_ms)
{
    account_keep(&a->money, cost, now_ms);
    atomic_fetch_add(&a->paywall->earned, cost);
}

static enum paywall_verdict words_of(enum account_verdict v)
{
    return v == ACCOUNT_PAID     ? PAYWALL_PAID
           : v == ACCOUNT_EMPTY  ? PAYWALL_EMPTY
           : v == ACCOUNT_FROZEN ? PAYWALL_FROZEN
                                 : PAYWALL_AWAY;
}

static enum paywall_verdict reserve(struct paywall_account *a, uint64_t cost,
                                    struct paywall_waiter *w, int64_t now_ms)
{
    struct paywall *p = a->paywall;
    if (atomic_load(&p->closing)) {
        return PAYWALL_STOPPING;
    }
    enum account_verdict v = account_reserve(&a->money, cost, now_ms);
    bool waits = w != NULL && (v == ACCOUNT_WAIT || (w->patient && v != ACCOUNT_PAID));
    paywall_need(a, now_ms);
    if (waits) {
        account_wait(&a->money, cost);
        int64_t until_ms = now_ms + (w->patient ? p->config.patience_ms : PAYWALL_HOP_MS);
        return paywall_hold(a, &a->waiters, w, until_ms) ? PAYWALL_HELD : PAYWALL_STOPPING;
    }
    atomic_fetch_add(&p->refused, v == ACCOUNT_EMPTY || v == ACCOUNT_FROZEN);
    return words_of(v);
}

/* --- live segments --- */

static struct paywall_stream *find_stream(struct paywall_account *a, const char *id)
{
    for (size_t i = 0; i < PAYWALL_STREAMS_MAX; i++) {
        if (a->streams[i] != NULL && strcmp(a->streams[i]->id, id) == 0) {
            return a->streams[i];
        }
    }
    return NULL;
}

/* Once something is paid: who pays nothing takes no memory. The one that was used longest ago gives
 * way; NULL: no memory. */
static struct paywall_stream *make_stream(struct paywall_account *a, const char *id)
{
    struct paywall_stream **oldest = &a->streams[0];
    for (size_t i = 1; i < PAYWALL_STREAMS_MAX && *oldest != NULL; i++) {
        struct paywall_stream **s = &a->streams[i];
        if (*s == NULL || (*s)->used_ms < (*oldest)->used_ms) {
            oldest = s;
        }
    }
    struct paywall_stream *s = mem_try_alloc(sizeof *s);
    if (s != NULL) {
        mem_free(*oldest);
        *oldest = s;
        snprintf(s->id, sizeof s->id, "%s", id);
    }
    return s;
}

/* What was set aside is taken. */
static enum paywall_verdict take_segment(struct paywall_account *a, struct paywall_stream *s,
                                         const struct paywall_segment *seg, uint64_t cost,
                                         uint32_t carried, int64_t now_ms)
{
    s = s != NULL ? s : make_stream(a, seg->stream);
    if (s == NULL) {
        account_give_back(&a->money, cost);
        return PAYWALL_MANY;
    }
    spent(a, cost, now_ms);
    s->carried = carried;
    s->used_ms = now_ms;
    paid_note(&s->paid, seg->msn, seg->until);
    paywall_need(a, now_ms);
    return PAYWALL_PAID;
}

enum paywall_verdict paywall_segment(struct paywall_account *a, const struct toll *t,
                                     const struct paywall_segment *seg, struct paywall_waiter *w,
                                     uint64_t *ret_cost)
{
    static const struct paid nothing;
    int64_t now_ms = clock_mono_ms();
    paywall_lock(a);
    a->used_ms = now_ms;
    struct paywall_stream *s = find_stream(a, seg->stream);
    uint32_t had = s != NULL ? s->carried : 0, carried = had;
    int64_t due = paid_due(s != NULL ? &s->paid : &nothing, seg->msn, seg->until);
    uint64_t cost = due > 0 ? toll_cost(t, due, 0, had, &carried) : 0;
    enum paywall_verdict v = reserve(a, cost, w, now_ms);
    *ret_cost = cost;
    if (v == PAYWALL_PAID && seg->waits) {
        account_give_back(&a->money, cost);
    } else if (v == PAYWALL_PAID) {
        v = take_segment(a, s, seg, cost, carried, now_ms);
    }
    paywall_unlock(a);
    return v;
}

/* --- bodies --- */

struct paywall_body {
    struct paywall_account *account;
    struct toll toll;
    struct toll_file file;
    uint64_t first, n;
    uint64_t kept;     /* bytes from the body's begin that are billed */
    uint64_t reserved; /* bytes from the body's begin that may be sent */
    uint64_t given;    /* and that were given out to be sent */
};

struct paywall_body *paywall_body_open(struct paywall_account *a, const struct toll *t,
                                       const struct toll_file *f, uint64_t first, uint64_t n)
{
    struct paywall_body *b = mem_try_alloc(sizeof *b);
    if (b == NULL) {
        return NULL;
    }
    *b = (struct paywall_body){a, *t, *f, first, n, 0, 0, 0};
    paywall_lock(a);
    a->refs++;
    paywall_unlock(a);
    return b;
}

static uint64_t cost_of(const struct paywall_body *b, uint64_t from, uint64_t to)
{
    return toll_file_cost(&b->toll, &b->file, b->first + to) -
           toll_file_cost(&b->toll, &b->file, b->first + from);
}

static void keep(struct paywall_body *b, uint64_t at, int64_t now_ms)
{
    if (at > b->kept) {
        spent(b->account, cost_of(b, b->kept, at), now_ms);
        b->kept = at;
    }
}

enum paywall_verdict paywall_body_take(struct paywall_body *b, uint64_t at, uint64_t max,
                                       bool whole, struct paywall_waiter *w, uint64_t *ret_n)
{
    struct paywall_account *a = b->account;
    int64_t now_ms = clock_mono_ms();
    enum paywall_verdict v = PAYWALL_PAID;
    paywall_lock(a);
    a->used_ms = now_ms;
    keep(b, at, now_ms);
    if (at == b->reserved && at < b->n) {
        uint64_t rest = b->n - at, chunk = a->paywall->config.chunk;
        uint64_t piece = whole || rest < chunk ? rest : chunk;
        v = reserve(a, cost_of(b, at, at + piece), w, now_ms);
        b->reserved += v == PAYWALL_PAID ? piece : 0;
    }
    if (v == PAYWALL_PAID) {
        *ret_n = max < b->reserved - at ? max : b->reserved - at;
        b->given = at + *ret_n;
        paywall_need(a, now_ms);
    }
    paywall_unlock(a);
    return v;
}

/* How much of the last piece got through is not known. It costs nothing, but not again and again:
 * in that way a film could be fetched piece by piece. */
static void keep_broken(struct paywall_body *b, int64_t now_ms)
{
    struct paywall_account *a = b->account;
    if (b->given <= b->kept) {
        return;
    }
    if (a->excused_ms == 0 || now_ms - a->excused_ms >= PAYWALL_EXCUSE_MS) {
        a->excused_ms = now_ms;
        return;
    }
    keep(b, b->given, now_ms);
}

void paywall_body_close(struct paywall_body *b, bool complete)
{
    if (b == NULL) {
        return;
    }
    struct paywall_account *a = b->account;
    int64_t now_ms = clock_mono_ms();
    paywall_lock(a);
    if (complete) {
        keep(b, b->reserved, now_ms);
    } else {
        keep_broken(b, now_ms);
    }
    uint64_t back = cost_of(b, b->kept, b->reserved);
    account_give_back(&a->money, back);
    if (back > 0) {
        paywall_wake(a);
    }
    paywall_need(a, now_ms);
    paywall_unlock(a);
    paywall_account_unref(a);
    mem_free(b);
}

/* --- how things are --- */

struct paywall_balance paywall_balance(struct paywall_account *a)
{
    paywall_lock(a);
    struct paywall_balance b = {
        .known = a->money.known,
        .frozen = a->money.frozen,
        .total = account_total(&a->money),
        .preview = a->money.preview,
        .version = a->version,
    };
    paywall_unlock(a);
    return b;
}

uint64_t paywall_missing(struct paywall_account *a)
{
    paywall_lock(a);
    uint64_t missing = account_missing(&a->money, a->money.cost);
    paywall_unlock(a);
    return missing;
}

bool paywall_watch(struct paywall_account *a, uint64_t version, int64_t wait_ms,
                   struct paywall_waiter *w)
{
    int64_t now_ms = clock_mono_ms();
    bool held = false;
    paywall_lock(a);
    a->used_ms = now_ms;
    if (!a->money.known || now_ms - a->money.heard_ms >= ACCOUNT_FRESH_MS) {
        account_look(&a->money);
        paywall_need(a, now_ms);
    }
    if (!a->money.known && a->money.asking + a->queued > 0) {
        wait_ms = wait_ms > PAYWALL_HOP_MS ? wait_ms : PAYWALL_HOP_MS;
        version = a->version;
    }
    if (version == a->version && wait_ms > 0) {
        held = paywall_hold(a, a->money.known ? &a->watchers : &a->waiters, w, now_ms + wait_ms);
    }
    paywall_unlock(a);
    return held;
}
