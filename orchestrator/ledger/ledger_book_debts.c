/* What accounts owe: costs beyond their holds, and such as are only noted yet. */
#include <string.h>

#include "orchestrator/ledger/ledger_book_impl.h"

static int64_t least_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* *ret_all: nothing is left of that debt. */
static enum err pay_one(struct book_step *t, struct ledger_account *a, struct ledger_hold *hold,
                        const char *key, bool *ret_all)
{
    struct ledger_owed d;
    struct ledger_account *payee;
    enum err e = t->s->first_debt(t->s, a->id, &d);
    e = e == ERR_OK ? t->s->account_at(t->s, d.payee, &payee) : e;
    if (e != ERR_OK) {
        return ERR_IO; /* an account that says that it owes something: the store is not whole */
    }
    int64_t held = hold != NULL ? least_of(d.amount, hold->left) : 0;
    int64_t free = a->frozen || a->free < 0 ? 0 : least_of(d.amount - held, a->free);
    *ret_all = held + free == d.amount && book_fits(payee->free, d.amount);
    if (held + free == 0 || !book_fits(payee->free, held + free)) {
        return ERR_OK;
    }
    const struct ledger_entry entry = {
        .at_ms = t->now_ms,
        .kind = LEDGER_KIND_CHARGE,
        .key = key,
        .n_postings = 2,
        .postings = {{a, -free, -held}, {payee, held + free, 0}},
    };
    if (hold != NULL) {
        hold->left -= held;
    }
    e = t->s->append(t->s, &entry);
    return e == ERR_OK ? t->s->add_debt(t->s, a, d.payee, -(held + free)) : e;
}

enum err book_pay_debts(struct book_step *t, struct ledger_account *a, struct ledger_hold *hold,
                        const char *key)
{
    enum err e = ERR_OK;
    bool all = true;
    while (e == ERR_OK && all && a->owes > 0) {
        e = pay_one(t, a, hold, key, &all);
    }
    return e;
}

/* The hold that is named, or one of nothing, that is over, of the account that is named. ERR_NOENT:
 * there is neither. */
static enum err find_or_make(struct book_step *t, struct ledger_hold *h, struct ledger_account **a)
{
    const struct ledger_request *r = t->r;
    enum err e = t->s->find_hold(t->s, r->key, h);
    if (e == ERR_OK) {
        e = t->s->account_at(t->s, h->account, a);
        return e == ERR_OK ? e : ERR_IO; /* a hold without its account: the store is not whole */
    }
    if (e != ERR_NOENT || r->account[0] == '\0' || ledger_account_is_world(r->account)) {
        return e;
    }
    e = t->s->find_account(t->s, r->account, true, a);
    if (e == ERR_OK) {
        memset(h, 0, sizeof *h);
        memcpy(h->key, r->key, strlen(r->key)); /* its length was checked */
        h->account = (*a)->id;
        h->state = LEDGER_HOLD_EXPIRED;
    }
    return e;
}

struct payees {
    const struct ledger_payee *items;
    size_t n;
};

static __int128 sum_of(const struct payees *p)
{
    __int128 sum = 0;
    for (size_t i = 0; i < p->n; i++) {
        sum += p->items[i].amount;
    }
    return sum;
}

/* Why they do not get it; NULL: they do. */
static const char *against(const struct ledger_account *a, const struct payees *p, uint64_t cost)
{
    if (cost > LEDGER_MONEY_MAX || !book_fits(a->owes, (int64_t)cost)) {
        return "the debt would be larger than a ledger can count";
    }
    if (sum_of(p) < cost) {
        return "it has cost more than its payees get";
    }
    for (size_t i = 0; i < p->n; i++) {
        if (p->items[i].account[0] == '\0') {
            return "there is no account that the cost shall go to";
        }
        if (strcmp(p->items[i].account, a->name) == 0) {
            return "a hold cannot be charged for its own account";
        }
    }
    return NULL;
}

static enum err owe_to(struct book_step *t, struct ledger_account *a, const char *payee,
                       int64_t amount)
{
    struct ledger_account *to;
    enum err e = t->s->find_account(t->s, payee, true, &to);
    return e == ERR_OK ? t->s->add_debt(t->s, a, to->id, amount) : e;
}

/* The payees' last `cost`: what they get before that has counted already. */
static enum err note_cost(struct book_step *t, struct ledger_account *a, uint64_t cost,
                          bool *ret_done)
{
    const struct ledger_request *r = t->r;
    const struct ledger_payee other = {r->other, cost};
    const struct payees p = {r->n_payees > 0 ? r->payees : &other,
                             r->n_payees > 0 ? r->n_payees : 1};
    const char *why = against(a, &p, cost);
    enum err e = ERR_OK;
    *ret_done = why == NULL;
    if (why != NULL) {
        return book_refuse(t, ERR_LIMIT, why);
    }
    __int128 counted = sum_of(&p) - cost;
    for (size_t i = 0; e == ERR_OK && i < p.n; i++) {
        uint64_t amount = p.items[i].amount;
        uint64_t before = counted < amount ? (uint64_t)counted : amount;
        counted -= before;
        if (amount > before) {
            e = owe_to(t, a, p.items[i].account, (int64_t)(amount - before));
        }
    }
    return e;
}

static __int128 most_of(__int128 a, __int128 b)
{
    return a > b ? a : b;
}

/* How much of a lease's cost counts: who says what it is may be wrong, or a thief. */
static uint64_t cut_lease(const struct ledger_account *a, const struct ledger_hold *h,
                          uint64_t cost)
{
    __int128 have = (a->frozen ? 0 : (__int128)a->free) + h->left, at_once = have - a->owes;
    __int128 counts = most_of(at_once, (__int128)h->given - (__int128)h->charged);
    __int128 in_all = at_once + (__int128)LEDGER_DEBT_LEASES * h->given;
    counts = counts < in_all ? counts : in_all;
    return counts < cost ? (uint64_t)most_of(counts, 0) : cost;
}

static enum err finish(struct book_step *t, struct ledger_account *a, struct ledger_hold *h,
                       bool release)
{
    bool is_open = h->state == LEDGER_HOLD_OPEN;
    if (!release && is_open) {
        return book_renew_hold(t, h);
    }
    if (!release) {
        return book_end_hold(t, h, h->state);
    }
    int64_t back = is_open ? h->left : 0;
    enum err e = book_move_held(t, LEDGER_KIND_RELEASE, h->key, a, NULL, 0, back);
    e = e == ERR_OK ? book_end_hold(t, h, LEDGER_HOLD_RELEASED) : e;
    t->gained = back > 0 ? a : NULL;
    return e;
}

enum err book_owe(struct book_step *t, bool release)
{
    struct ledger_hold h;
    struct ledger_account *a;
    enum err e = find_or_make(t, &h, &a);
    if (e != ERR_OK) {
        return e == ERR_NOENT ? book_refuse(t, ERR_NOENT, "there is no such hold, or it is over")
                              : e;
    }
    uint64_t told = t->r->total > h.charged ? t->r->total - h.charged : 0;
    uint64_t cost = t->r->debt == LEDGER_DEBT_LEASE ? cut_lease(a, &h, told) : told;
    bool done = true;
    t->a->cut = told - cost;
    e = cost > 0 ? note_cost(t, a, cost, &done) : ERR_OK;
    if (e != ERR_OK || !done) {
        return e;
    }
    h.charged += cost;
    int64_t had = a->free + a->held;
    if (release || t->r->debt != LEDGER_DEBT_NOTE) {
        e = book_pay_debts(t, a, &h, h.key);
    }
    uint64_t paid = (uint64_t)(had - a->free - a->held);
    e = e == ERR_OK ? finish(t, a, &h, release) : e;
    t->a->held = (uint64_t)h.left;
    t->a->owed = (uint64_t)a->owes;
    return e == ERR_OK ? book_done(t, a, paid) : e;
}
