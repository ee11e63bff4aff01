#include "orchestrator/pricing/purse.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define AHEAD 8 /* jobs of the dearest kind that are set aside for beside those that are open */

static purse_shares shares_of(const struct tariff *t, uint64_t pixels)
{
    return (purse_shares)pixels * t->amount;
}

/* The whole ones in it. */
static uint64_t units_of(const struct tariff *t, purse_shares shares)
{
    purse_shares units = shares / t->pixels;
    return units > UINT64_MAX ? UINT64_MAX : (uint64_t)units;
}

uint64_t tariff_cost(const struct tariff *t, uint64_t pixels)
{
    return units_of(t, shares_of(t, pixels));
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* A reservation covers what is left of earlier pixels of who makes these. */
static uint64_t reservation(const struct purse *p, uint64_t pixels)
{
    return sum(tariff_cost(&p->tariff, pixels), 1);
}

static uint64_t promised(const struct purse *p)
{
    return sum(p->reserved, sum(p->owed, p->noted));
}

/* What the hold should have. */
static uint64_t wanted(const struct purse *p)
{
    uint64_t ahead = p->largest > INT64_MAX / AHEAD ? INT64_MAX : p->largest * AHEAD;
    uint64_t all = sum(promised(p), ahead);
    return all > INT64_MAX ? INT64_MAX : all;
}

void purse_init(struct purse *p, const char *account, const struct tariff *tariff, int64_t now_ms)
{
    *p = (struct purse){.tariff = *tariff, .held_ms = now_ms - PURSE_RENEW_MS};
    snprintf(p->account, sizeof p->account, "%s", account);
    p->due = mem_alloc((size_t)2 * PURSE_DUE_MAX * sizeof *p->due);
    p->rests = mem_alloc(PURSE_DUE_MAX * sizeof *p->rests);
    p->note_ms = p->pay_ms = now_ms;
}

void purse_fini(struct purse *p)
{
    mem_free(p->due);
    mem_free(p->rests);
    mem_free(p->back);
    p->due = NULL;
    p->rests = NULL;
    p->back = NULL;
}

bool purse_reserve(struct purse *p, uint64_t pixels, int64_t now_ms)
{
    uint64_t amount = reservation(p, pixels);
    p->largest = amount > p->largest ? amount : p->largest;
    bool fits = promised(p) <= p->held && p->held - promised(p) >= amount;
    if (!fits && (p->empty || (p->short_ms != 0 && now_ms - p->short_ms > PURSE_TRUST_MS))) {
        return false;
    }
    if (!fits && p->short_ms == 0) {
        p->short_ms = now_ms;
    }
    p->reserved = sum(p->reserved, amount);
    return true;
}

void purse_release(struct purse *p, uint64_t pixels)
{
    uint64_t amount = reservation(p, pixels);
    p->reserved -= amount < p->reserved ? amount : p->reserved;
    p->short_ms = promised(p) <= p->held ? 0 : p->short_ms;
}

/* The last place takes what has none of its own: nobody's money is lost, it is only paid out by
 * hand. */
static struct purse_due *due_of(struct purse *p, const char *payee)
{
    for (size_t i = p->n_asked; i < p->n_due; i++) { /* what was asked stays as it was */
        if (strcmp(p->due[i].payee, payee) == 0) {
            return &p->due[i];
        }
    }
    if (p->n_due - p->n_asked == PURSE_DUE_MAX) {
        return &p->due[p->n_due - 1];
    }
    struct purse_due *d = &p->due[p->n_due++];
    *d = (struct purse_due){.amount = 0};
    snprintf(d->payee, sizeof d->payee, "%s", payee);
    return d;
}

static struct purse_rest *rest_of(struct purse *p, const char *payee)
{
    for (size_t i = 0; i < p->next_rest && i < PURSE_DUE_MAX; i++) {
        if (strcmp(p->rests[i].payee, payee) == 0) {
            return &p->rests[i];
        }
    }
    struct purse_rest *r = &p->rests[p->next_rest++ % PURSE_DUE_MAX];
    snprintf(r->payee, sizeof r->payee, "%s", payee);
    return r;
}

static struct purse_back *back_of(struct purse *p, const char *payee)
{
    for (size_t i = 0; i < p->n_back; i++) {
        if (strcmp(p->back[i].payee, payee) == 0) {
            return &p->back[i];
        }
    }
    return NULL;
}

/* NULL: there is no place for it. */
static struct purse_back *make_back(struct purse *p, const char *payee)
{
    if (p->back == NULL) {
        p->back = mem_alloc(PURSE_DUE_MAX * sizeof *p->back);
    }
    if (p->n_back == PURSE_DUE_MAX) {
        return NULL;
    }
    struct purse_back *b = &p->back[p->n_back++];
    *b = (struct purse_back){.shares = 0};
    snprintf(b->payee, sizeof b->payee, "%s", payee);
    return b;
}

/* First what it was not paid for. */
static void owe_back(struct purse *p, const char *payee, purse_shares shares, int64_t now_ms)
{
    struct purse_rest *r = rest_of(p, payee);
    uint64_t unpaid = shares < r->shares ? (uint64_t)shares : r->shares;
    r->shares -= unpaid;
    shares -= unpaid;
    struct purse_back *b = shares > 0 ? back_of(p, payee) : NULL;
    if (b == NULL && shares > 0) {
        b = make_back(p, payee);
    }
    if (b != NULL) {
        b->since_ms = units_of(&p->tariff, b->shares) == 0 ? now_ms : b->since_ms;
        b->shares += shares;
    }
}

void purse_unearn(struct purse *p, const char *payee, uint64_t pixels, int64_t now_ms)
{
    owe_back(p, payee, shares_of(&p->tariff, pixels), now_ms);
}

static void forget_back(struct purse *p, struct purse_back *b)
{
    *b = p->back[--p->n_back];
}

/* Of these, how many it was paid for already. */
static purse_shares make_up(struct purse *p, const char *payee, purse_shares shares)
{
    struct purse_back *b = back_of(p, payee);
    if (b == NULL) {
        return 0;
    }
    purse_shares taken = shares < b->shares ? shares : b->shares;
    b->shares -= taken;
    if (b->shares == 0) {
        forget_back(p, b);
    }
    return taken;
}

void purse_earn(struct purse *p, const char *payee, uint64_t pixels)
{
    struct purse_rest *r = rest_of(p, payee);
    purse_shares shares = shares_of(&p->tariff, pixels);
    shares = shares - make_up(p, payee, shares) + r->shares;
    r->shares = (uint64_t)(shares % p->tariff.pixels);
    uint64_t amount = units_of(&p->tariff, shares);
    if (amount == 0) {
        return;
    }
    p->earned = sum(p->earned, amount);
    p->owed = sum(p->owed, amount);
    struct purse_due *d = due_of(p, payee);
    d->amount = sum(d->amount, amount);
}

bool purse_is_over(const struct purse *p)
{
    return p->known && p->is_all && !p->is_holding && promised(p) > p->held && p->reserved > 0;
}

void purse_news(struct purse *p)
{
    p->empty = p->is_all = false;
    p->held_ms -= PURSE_RENEW_MS;
}

static bool holds_now(const struct purse *p, int64_t now_ms)
{
    int64_t since_ms = now_ms - p->held_ms;
    if (p->is_refused && since_ms < PURSE_RETRY_MS) {
        return false;
    }
    bool is_low = p->held < wanted(p) - (wanted(p) - promised(p)) / 2;
    return since_ms >= PURSE_RENEW_MS || (is_low && (!p->is_all || since_ms >= PURSE_RETRY_MS));
}

static bool may_charge(const struct purse *p, int64_t now_ms)
{
    return !p->is_stuck || now_ms - p->tried_ms >= PURSE_RETRY_MS;
}

static bool notes_now(const struct purse *p, int64_t now_ms, bool all)
{
    return p->n_due > 0 && (all || now_ms - p->note_ms >= PURSE_NOTE_MS) && may_charge(p, now_ms);
}

static bool pays_now(const struct purse *p, int64_t now_ms)
{
    return p->noted > 0 && p->held > 0 && now_ms - p->pay_ms >= PURSE_PAY_MS &&
           may_charge(p, now_ms);
}

/* Less than one unit cannot be given back: it stays to be made up for. */
static bool gives_back_now(struct purse *p, int64_t since_ms)
{
    for (size_t i = 0; i < p->n_back; i++) {
        struct purse_back *b = &p->back[i];
        uint64_t amount = units_of(&p->tariff, b->shares);
        if (b->since_ms <= since_ms && amount > 0) {
            p->taken.amount = amount;
            snprintf(p->taken.payee, sizeof p->taken.payee, "%s", b->payee);
            (void)make_up(p, b->payee, (purse_shares)amount * p->tariff.pixels);
            return true;
        }
    }
    return false;
}

bool purse_take_back(struct purse *p, uint64_t *ret_amount, const char **ret_payee)
{
    if (!gives_back_now(p, INT64_MAX)) {
        return false;
    }
    *ret_amount = p->taken.amount;
    *ret_payee = p->taken.payee;
    return true;
}

bool purse_is_asking(const struct purse *p)
{
    return p->is_charging || p->is_paying || p->is_holding || p->taken.amount > 0;
}

enum purse_ask purse_next(struct purse *p, int64_t now_ms, bool all, uint64_t *ret_amount,
                          const char **ret_payee)
{
    if (purse_is_asking(p)) {
        return PURSE_NOTHING;
    }
    if (holds_now(p, now_ms)) {
        p->is_holding = true;
        p->held_ms = now_ms;
        p->asked = wanted(p);
        *ret_amount = p->asked;
        return PURSE_HOLD;
    }
    if (notes_now(p, now_ms, all)) {
        if (p->n_asked == 0) { /* else the same as before, which it did not take */
            p->n_asked = p->n_due;
            p->noting = p->owed;
        }
        p->is_charging = true;
        p->tried_ms = p->note_ms = now_ms;
        *ret_amount = p->charged + p->noting;
        return PURSE_NOTE;
    }
    if (pays_now(p, now_ms)) {
        p->is_paying = true;
        p->tried_ms = p->pay_ms = now_ms;
        *ret_amount = p->charged;
        *ret_payee = "";
        return PURSE_PAY;
    }
    if (!all && gives_back_now(p, now_ms - PURSE_BACK_MS)) {
        *ret_amount = p->taken.amount;
        *ret_payee = p->taken.payee;
        return PURSE_BACK;
    }
    return PURSE_NOTHING;
}

void purse_hold_answered(struct purse *p, bool ok, uint64_t held, uint64_t noted)
{
    p->is_holding = false;
    p->is_refused = !ok;
    if (!ok) {
        return;
    }
    p->known = true;
    p->held = held;
    p->noted = noted;
    p->short_ms = promised(p) <= held ? 0 : p->short_ms;
    p->is_all = held < p->asked;
    p->empty = p->is_all && (held < promised(p) || held - promised(p) < p->largest);
}

static void drop_asked(struct purse *p)
{
    p->charged += p->noting;
    p->owed -= p->noting;
    p->n_due -= p->n_asked;
    memmove(p->due, p->due + p->n_asked, p->n_due * sizeof *p->due);
    p->n_asked = 0;
}

void purse_charge_answered(struct purse *p, bool ok, uint64_t held, uint64_t noted)
{
    bool is_note = p->is_charging;
    p->is_charging = p->is_paying = false;
    p->is_stuck = !ok;
    if (!ok) {
        return;
    }
    p->held = held;
    p->noted = noted;
    if (is_note) {
        drop_asked(p);
    }
}

void purse_back_answered(struct purse *p, bool ok, int64_t now_ms)
{
    uint64_t amount = p->taken.amount;
    p->taken.amount = 0;
    if (ok) {
        p->returned = sum(p->returned, amount);
    } else {
        owe_back(p, p->taken.payee, (purse_shares)amount * p->tariff.pixels, now_ms);
    }
}

void purse_hold_lost(struct purse *p)
{
    p->is_charging = p->is_paying = false;
    p->is_holding = false;
    p->is_refused = false;
    p->hold++;
    p->held = 0;
    p->charged = 0;
    p->empty = p->is_all = false;
    p->held_ms -= PURSE_RENEW_MS;
}
