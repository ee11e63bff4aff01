#include <string.h>

#include "orchestrator/ledger/ledger_book_impl.h"

enum err book_move_held(struct book_step *t, enum ledger_kind kind, const char *key,
                        struct ledger_account *of, struct ledger_account *to, int64_t cost,
                        int64_t back)
{
    const struct ledger_entry e = {
        .at_ms = t->now_ms,
        .kind = kind,
        .key = key,
        .n_postings = to != NULL ? 2 : 1,
        .postings = {{of, back, -back - cost}, {to, cost, 0}},
    };
    return cost != 0 || back != 0 ? t->s->append(t->s, &e) : ERR_OK;
}

/* --- setting aside --- */

enum err book_renew_hold(struct book_step *t, struct ledger_hold *h)
{
    if (__builtin_add_overflow(t->now_ms, h->ttl_ms, &h->until_ms)) {
        h->until_ms = INT64_MAX;
    }
    t->a->held = (uint64_t)h->left;
    return t->s->put_hold(t->s, h);
}

enum err book_end_hold(struct book_step *t, struct ledger_hold *h, enum ledger_hold_state state)
{
    h->left = 0;
    h->state = state;
    h->until_ms =
        t->now_ms + (state == LEDGER_HOLD_EXPIRED ? LEDGER_HOLD_LATE_MS : LEDGER_HOLD_KEPT_MS);
    return t->s->put_hold(t->s, h);
}

/* An open hold of `a`, or one that shall be: set aside what there is, up to what is asked. */
static enum err fill_hold(struct book_step *t, struct ledger_account *a, struct ledger_hold *h,
                          bool is_new)
{
    const struct ledger_request *r = t->r;
    enum err paid = book_pay_debts(t, a, NULL, r->key); /* nothing is set aside before that */
    if (paid != ERR_OK) {
        return paid;
    }
    t->a->owed = (uint64_t)a->owes;
    uint64_t had = (uint64_t)h->left;
    uint64_t have = a->free > 0 ? (uint64_t)a->free : 0;
    uint64_t more = r->amount > had ? r->amount - had : 0;
    more = more > have ? have : more;
    if (had + more < r->least) {
        /* A hold that there is goes on with what it has. */
        enum err e = is_new ? ERR_OK : book_renew_hold(t, h);
        return e == ERR_OK ? book_refuse_funds(t, a) : e;
    }
    if (!book_fits(a->held, (int64_t)more)) {
        return book_refuse(t, ERR_LIMIT, "the balance would be larger than a ledger can count");
    }
    enum err e = book_move_held(t, LEDGER_KIND_HOLD, r->key, a, NULL, 0, -(int64_t)more);
    h->left += (int64_t)more;
    h->given = book_fits(h->given, (int64_t)more) ? h->given + (int64_t)more : LEDGER_MONEY_MAX;
    e = e == ERR_OK ? book_renew_hold(t, h) : e;
    return e == ERR_OK ? book_done(t, a, more) : e;
}

static enum err hold_of(struct book_step *t, struct ledger_account *a)
{
    struct ledger_hold h = {0};
    enum err e = t->s->find_hold(t->s, t->r->key, &h);
    if (e != ERR_OK && e != ERR_NOENT) {
        return e;
    }
    bool is_new = e == ERR_NOENT;
    if (is_new) {
        memcpy(h.key, t->r->key, strlen(t->r->key)); /* its length was checked */
        h.account = a->id;
    }
    if (h.account != a->id) {
        return book_refuse(t, ERR_AUTH, "the hold is another account's");
    }
    if (a->frozen) {
        t->a->balance = (uint64_t)a->free;
        t->a->held = (uint64_t)h.left;
        t->a->owed = (uint64_t)a->owes;
        return book_refuse(t, ERR_AUTH, "the account is frozen");
    }
    if (h.state == LEDGER_HOLD_RELEASED) {
        return book_refuse(t, ERR_STATE, "the hold has been released");
    }
    if (h.state == LEDGER_HOLD_EXPIRED) { /* what it had has gone back */
        is_new = true;
        h.given = h.charged < LEDGER_MONEY_MAX ? (int64_t)h.charged : LEDGER_MONEY_MAX;
    }
    h.state = LEDGER_HOLD_OPEN;
    h.ttl_ms = t->r->ttl_ms;
    return fill_hold(t, a, &h, is_new);
}

enum err book_hold(struct book_step *t)
{
    const struct ledger_request *r = t->r;
    struct ledger_account *a;
    if (ledger_account_is_world(r->account) || r->ttl_ms <= 0 || r->least > r->amount) {
        return book_refuse(t, ERR_LIMIT,
                           "a hold needs an account of its own, a time, and no more than "
                           "it asks for at least");
    }
    enum err e = t->s->find_account(t->s, r->account, r->least == 0, &a);
    return e == ERR_OK      ? hold_of(t, a)
           : e == ERR_NOENT ? book_refuse(t, ERR_FUNDS, "there is no such account")
                            : e;
}

/* --- charging and releasing --- */

/* What is new in `total`, as far as the hold has it. */
static int64_t cost_of(const struct ledger_hold *h, uint64_t total, bool *ret_over)
{
    uint64_t cost = total > h->charged ? total - h->charged : 0;
    *ret_over = cost > (uint64_t)h->left;
    return *ret_over ? h->left : (int64_t)cost;
}

static enum err charge_hold(struct book_step *t, struct ledger_hold *h, bool release)
{
    bool over;
    struct ledger_account *a, *to = NULL;
    int64_t cost = cost_of(h, t->r->total, &over);
    if (cost > 0 && t->r->other[0] == '\0') {
        return book_refuse(t, ERR_LIMIT, "there is no account that the cost shall go to");
    }
    enum err e = t->s->account_at(t->s, h->account, &a);
    if (e == ERR_OK && cost > 0) {
        e = t->s->find_account(t->s, t->r->other, true, &to);
    }
    if (e != ERR_OK) {
        return ERR_IO; /* a hold without its account: the store is not whole */
    }
    if (to != NULL && (to == a || !book_fits(to->free, cost))) {
        return book_refuse(t, ERR_LIMIT,
                           to == a ? "a hold cannot be charged for its own account"
                                   : "the balance would be larger than a ledger can count");
    }
    int64_t back = release ? h->left - cost : 0;
    e = book_move_held(t, release ? LEDGER_KIND_RELEASE : LEDGER_KIND_CHARGE, h->key, a, to, cost,
                       back);
    h->left -= cost;
    h->charged += (uint64_t)cost;
    if (e == ERR_OK) {
        e = release ? book_end_hold(t, h, LEDGER_HOLD_RELEASED) : book_renew_hold(t, h);
    }
    if (e != ERR_OK) {
        return e;
    }
    t->gained = back > 0 ? a : NULL;
    e = book_done(t, a, (uint64_t)cost);
    return over ? book_refuse(t, ERR_LIMIT, "it has cost more than is in the hold") : e;
}

enum err book_charge(struct book_step *t, bool release)
{
    struct ledger_hold h;
    if (t->r->debt != LEDGER_DEBT_NONE) {
        return book_owe(t, release);
    }
    enum err e = t->s->find_hold(t->s, t->r->key, &h);
    if (e != ERR_OK && e != ERR_NOENT) {
        return e;
    }
    if (e == ERR_OK && h.state == LEDGER_HOLD_OPEN) {
        return charge_hold(t, &h, release);
    }
    bool expired = e == ERR_OK && h.state == LEDGER_HOLD_EXPIRED;
    if (expired && (!release || t->r->total > h.charged)) {
        t->a->amount = h.charged;
        return book_refuse(t, ERR_NOENT, "the hold has expired");
    }
    if (e == ERR_OK && release) {
        struct ledger_account *a;
        e = t->s->account_at(t->s, h.account, &a);
        return e == ERR_OK ? book_done(t, a, 0) : ERR_IO;
    }
    return book_refuse(t, ERR_NOENT, "there is no such hold, or it is over");
}

/* --- time --- */

static enum err expire(struct book_step *t, struct ledger_hold *h)
{
    struct ledger_account *a;
    enum err e = t->s->account_at(t->s, h->account, &a);
    e = e == ERR_OK ? book_pay_debts(t, a, h, h->key) : e; /* what was only noted */
    int64_t back = h->left;
    e = e == ERR_OK ? book_move_held(t, LEDGER_KIND_EXPIRE, h->key, a, NULL, 0, back) : e;
    e = e == ERR_OK ? book_end_hold(t, h, LEDGER_HOLD_EXPIRED) : e;
    if (e == ERR_OK && back > 0) {
        t->gained = a;
    }
    return e;
}

enum err ledger_book_expire(struct ledger_store *s, int64_t now_ms, int64_t *ret_next_ms,
                            struct ledger_account **ret_gained)
{
    struct ledger_hold h;
    struct ledger_answer a = {0};
    struct book_step t = {.s = s, .now_ms = now_ms, .a = &a};
    enum err e = s->first_hold(s, &h);
    if (e == ERR_OK && h.until_ms <= now_ms) {
        e = h.state == LEDGER_HOLD_OPEN ? expire(&t, &h) : s->drop_hold(s, h.key);
        e = e == ERR_OK ? s->first_hold(s, &h) : e == ERR_NOENT ? ERR_IO : e;
    }
    if (e != ERR_OK && e != ERR_NOENT) {
        return ERR_IO;
    }
    *ret_next_ms = e == ERR_OK ? h.until_ms : INT64_MAX;
    *ret_gained = t.gained;
    return ERR_OK;
}
