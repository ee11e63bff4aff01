#include "orchestrator/ledger/ledger_book.h"

#include <string.h>

#include "base/utf8.h"

#define WORLD        "world:"
#define WORLD_GRANTS "world:grants"

/* One request under way. */
struct step {
    struct ledger_store *s;
    const struct ledger_request *r;
    int64_t now_ms;
    struct ledger_answer *a;
    struct ledger_account *gained;
};

const char *ledger_kind_name(int kind)
{
    static const char *const names[LEDGER_KINDS_] = {
        [LEDGER_KIND_CREDIT] = "credit",   [LEDGER_KIND_SPEND] = "spend",
        [LEDGER_KIND_HOLD] = "hold",       [LEDGER_KIND_CHARGE] = "charge",
        [LEDGER_KIND_RELEASE] = "release", [LEDGER_KIND_EXPIRE] = "expire",
        [LEDGER_KIND_GRANT] = "grant",
    };
    return kind > 0 && kind < LEDGER_KINDS_ ? names[kind] : NULL;
}

bool ledger_account_is_world(const char *name)
{
    return strncmp(name, WORLD, strlen(WORLD)) == 0;
}

static bool is_text(const char *text, size_t size)
{
    struct span s = span_cstr(text);
    if (s.len >= size) {
        return false;
    }
    while (s.len > 0) {
        uint32_t code;
        size_t n = utf8_read(s, &code);
        if (n == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0)) {
            return false;
        }
        s = span_of(s.data + n, s.len - n);
    }
    return true;
}

bool ledger_name_is_valid(const char *name)
{
    return name[0] != '\0' && is_text(name, LEDGER_NAME_MAX);
}

/* --- answers --- */

static enum err refuse(struct step *t, enum err err, const char *why)
{
    t->a->err = err;
    t->a->why = why;
    return ERR_OK;
}

static enum err refuse_funds(struct step *t, const struct ledger_account *a)
{
    t->a->balance = a->free > 0 ? (uint64_t)a->free : 0;
    return refuse(t, ERR_FUNDS, "the account's balance is too small");
}

static enum err done(struct step *t, const struct ledger_account *a, uint64_t amount)
{
    t->a->balance = a->free > 0 ? (uint64_t)a->free : 0;
    t->a->amount = amount;
    return ERR_OK;
}

/* --- moving --- */

static bool fits(int64_t balance, int64_t change)
{
    int64_t sum;
    return !__builtin_add_overflow(balance, change, &sum) && sum >= -LEDGER_MONEY_MAX;
}

/* From what is free in one account to what is free in the other; sums were checked. */
static enum err move(struct step *t, enum ledger_kind kind, struct ledger_account *from,
                     struct ledger_account *to, int64_t amount)
{
    const struct ledger_entry e = {
        .at_ms = t->now_ms,
        .kind = kind,
        .key = t->r->key,
        .n_postings = 2,
        .postings = {{from, -amount, 0}, {to, amount, 0}},
    };
    return t->s->append(t->s, &e);
}

/* Of a hold: what it has cost goes to `to` (NULL: nothing), what it gives back is free again;
 * giving back less than nothing sets aside more. */
static enum err move_held(struct step *t, enum ledger_kind kind, const char *key,
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

/* --- the requests --- */

static enum err balance(struct step *t)
{
    struct ledger_account *a;
    enum err e = t->s->find_account(t->s, t->r->account, true, &a);
    return e == ERR_OK ? done(t, a, 0) : e;
}

static enum err credit_more(struct step *t, struct ledger_account *a, struct ledger_source *source)
{
    const struct ledger_request *r = t->r;
    struct ledger_account *from;
    uint64_t more = r->total - source->total;
    enum err e = t->s->find_account(t->s, r->other, true, &from);
    if (e != ERR_OK) {
        return e;
    }
    if (more > LEDGER_MONEY_MAX || !fits(a->free, (int64_t)more) ||
        !fits(from->free, -(int64_t)more)) {
        return refuse(t, ERR_LIMIT, "the balance would be larger than a ledger can count");
    }
    source->total = r->total;
    e = move(t, LEDGER_KIND_CREDIT, from, a, (int64_t)more);
    e = e == ERR_OK ? t->s->put_source(t->s, r->key, source) : e;
    t->gained = a;
    return e == ERR_OK ? done(t, a, more) : e;
}

static enum err credit(struct step *t)
{
    const struct ledger_request *r = t->r;
    struct ledger_account *a;
    struct ledger_source source = {0};
    if (!ledger_account_is_world(r->other) || ledger_account_is_world(r->account)) {
        return refuse(t, ERR_LIMIT, "a credit comes from an account \"world:...\", to another one");
    }
    enum err e = t->s->find_source(t->s, r->key, &source);
    if (e != ERR_OK && e != ERR_NOENT) {
        return e;
    }
    bool is_new = e == ERR_NOENT;
    e = t->s->find_account(t->s, r->account, true, &a);
    if (e != ERR_OK) {
        return e;
    }
    if (is_new) {
        source.account = a->id;
    }
    if (source.account != a->id) {
        return refuse(t, ERR_AUTH, "this source of money has credited another account before");
    }
    return r->total > source.total ? credit_more(t, a, &source) : done(t, a, 0);
}

/* What was done before with the same key; ERR_NOENT: nothing. */
static enum err repeat(struct step *t, enum ledger_kind kind, const char *from, const char *to)
{
    struct ledger_moved moved;
    struct ledger_account *a = NULL, *b = NULL;
    enum err e = t->r->key[0] != '\0' ? t->s->find_moved(t->s, kind, t->r->key, &moved) : ERR_NOENT;
    if (e != ERR_OK) {
        return e;
    }
    e = t->s->account_at(t->s, moved.from, &a);
    e = e == ERR_OK ? t->s->account_at(t->s, moved.to, &b) : e;
    if (e != ERR_OK) {
        return ERR_IO;
    }
    if (strcmp(a->name, from) != 0 || strcmp(b->name, to) != 0 ||
        (uint64_t)moved.amount != t->r->amount) {
        return refuse(t, ERR_STATE, "this key was used before, for something else");
    }
    t->a->again = true;
    return done(t, kind == LEDGER_KIND_GRANT ? b : a, t->r->amount);
}

static enum err spend_from(struct step *t, struct ledger_account *a)
{
    const struct ledger_request *r = t->r;
    struct ledger_account *to;
    if (a->frozen) {
        t->a->balance = (uint64_t)a->free;
        return refuse(t, ERR_AUTH, "the account is frozen");
    }
    if (r->amount > (uint64_t)a->free) {
        return refuse_funds(t, a);
    }
    enum err e = r->amount > 0 ? t->s->find_account(t->s, r->other, true, &to) : ERR_OK;
    if (e != ERR_OK || r->amount == 0) {
        return e != ERR_OK ? e : done(t, a, 0);
    }
    if (!fits(to->free, (int64_t)r->amount)) {
        return refuse(t, ERR_LIMIT, "the balance would be larger than a ledger can count");
    }
    e = move(t, LEDGER_KIND_SPEND, a, to, (int64_t)r->amount);
    return e == ERR_OK ? done(t, a, r->amount) : e;
}

static enum err spend(struct step *t)
{
    const struct ledger_request *r = t->r;
    struct ledger_account *a;
    if (ledger_account_is_world(r->account) || strcmp(r->account, r->other) == 0) {
        return refuse(t, ERR_LIMIT,
                      "money is spent from an account to another one, not \"world:\"");
    }
    enum err e = repeat(t, LEDGER_KIND_SPEND, r->account, r->other);
    if (e != ERR_NOENT) {
        return e;
    }
    e = t->s->find_account(t->s, r->account, false, &a);
    return e == ERR_OK      ? spend_from(t, a)
           : e != ERR_NOENT ? e
           : r->amount == 0 ? ERR_OK
                            : refuse(t, ERR_FUNDS, "there is no such account");
}

static enum err grant(struct step *t)
{
    const struct ledger_request *r = t->r;
    struct ledger_account *a, *from;
    if (ledger_account_is_world(r->account)) {
        return refuse(t, ERR_LIMIT, "nothing can be granted to \"world:...\"");
    }
    enum err e = repeat(t, LEDGER_KIND_GRANT, WORLD_GRANTS, r->account);
    if (e != ERR_NOENT) {
        return e;
    }
    e = t->s->find_account(t->s, r->account, true, &a);
    e = e == ERR_OK ? t->s->find_account(t->s, WORLD_GRANTS, true, &from) : e;
    if (e != ERR_OK || r->amount == 0) {
        return e != ERR_OK ? e : done(t, a, 0);
    }
    if (r->amount > LEDGER_MONEY_MAX || !fits(a->free, (int64_t)r->amount) ||
        !fits(from->free, -(int64_t)r->amount)) {
        return refuse(t, ERR_LIMIT, "the balance would be larger than a ledger can count");
    }
    e = move(t, LEDGER_KIND_GRANT, from, a, (int64_t)r->amount);
    t->gained = a;
    return e == ERR_OK ? done(t, a, r->amount) : e;
}

static enum err set_frozen(struct step *t, bool frozen)
{
    struct ledger_account *a;
    enum err e = t->s->find_account(t->s, t->r->account, false, &a);
    if (e == ERR_NOENT) {
        return refuse(t, ERR_NOENT, "there is no such account");
    }
    if (e == ERR_OK && a->frozen != frozen) {
        e = t->s->freeze(t->s, a, frozen);
        t->gained = frozen ? NULL : a;
    }
    return e == ERR_OK ? done(t, a, 0) : e;
}

/* --- holds --- */

static enum err renew(struct step *t, struct ledger_hold *h)
{
    if (__builtin_add_overflow(t->now_ms, h->ttl_ms, &h->until_ms)) {
        h->until_ms = INT64_MAX;
    }
    t->a->held = (uint64_t)h->left;
    return t->s->put_hold(t->s, h);
}

static enum err end_hold(struct step *t, struct ledger_hold *h, enum ledger_hold_state state)
{
    h->left = 0;
    h->state = state;
    h->until_ms = t->now_ms + LEDGER_HOLD_KEPT_MS;
    return t->s->put_hold(t->s, h);
}

/* An open hold of `a`, or one that shall be: set aside what there is, up to what is asked. */
static enum err fill_hold(struct step *t, struct ledger_account *a, struct ledger_hold *h,
                          bool is_new)
{
    const struct ledger_request *r = t->r;
    uint64_t had = (uint64_t)h->left;
    uint64_t have = a->free > 0 ? (uint64_t)a->free : 0;
    uint64_t more = r->amount > had ? r->amount - had : 0;
    more = more > have ? have : more;
    if (had + more < r->least) {
        /* A hold that there is goes on with what it has. */
        enum err e = is_new ? ERR_OK : renew(t, h);
        return e == ERR_OK ? refuse_funds(t, a) : e;
    }
    if (!fits(a->held, (int64_t)more)) {
        return refuse(t, ERR_LIMIT, "the balance would be larger than a ledger can count");
    }
    enum err e = move_held(t, LEDGER_KIND_HOLD, r->key, a, NULL, 0, -(int64_t)more);
    h->left += (int64_t)more;
    e = e == ERR_OK ? renew(t, h) : e;
    return e == ERR_OK ? done(t, a, more) : e;
}

static enum err hold_of(struct step *t, struct ledger_account *a)
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
        return refuse(t, ERR_AUTH, "the hold is another account's");
    }
    if (a->frozen) {
        t->a->balance = (uint64_t)a->free;
        t->a->held = (uint64_t)h.left;
        return refuse(t, ERR_AUTH, "the account is frozen");
    }
    if (h.state == LEDGER_HOLD_RELEASED) {
        return refuse(t, ERR_STATE, "the hold has been released");
    }
    is_new = is_new || h.state == LEDGER_HOLD_EXPIRED;
    h.state = LEDGER_HOLD_OPEN;
    h.ttl_ms = t->r->ttl_ms;
    return fill_hold(t, a, &h, is_new);
}

static enum err hold(struct step *t)
{
    const struct ledger_request *r = t->r;
    struct ledger_account *a;
    if (ledger_account_is_world(r->account) || r->ttl_ms <= 0 || r->least > r->amount) {
        return refuse(t, ERR_LIMIT,
                      "a hold needs an account of its own, a time, and no more than "
                      "it asks for at least");
    }
    enum err e = t->s->find_account(t->s, r->account, r->least == 0, &a);
    return e == ERR_OK      ? hold_of(t, a)
           : e == ERR_NOENT ? refuse(t, ERR_FUNDS, "there is no such account")
                            : e;
}

/* What is new in `total`, as far as the hold has it. */
static int64_t cost_of(const struct ledger_hold *h, uint64_t total, bool *ret_over)
{
    uint64_t cost = total > h->charged ? total - h->charged : 0;
    *ret_over = cost > (uint64_t)h->left;
    return *ret_over ? h->left : (int64_t)cost;
}

static enum err charge_hold(struct step *t, struct ledger_hold *h, bool release)
{
    bool over;
    struct ledger_account *a, *to = NULL;
    int64_t cost = cost_of(h, t->r->total, &over);
    if (cost > 0 && t->r->other[0] == '\0') {
        return refuse(t, ERR_LIMIT, "there is no account that the cost shall go to");
    }
    enum err e = t->s->account_at(t->s, h->account, &a);
    if (e == ERR_OK && cost > 0) {
        e = t->s->find_account(t->s, t->r->other, true, &to);
    }
    if (e != ERR_OK) {
        return ERR_IO; /* a hold without its account: the store is not whole */
    }
    if (to != NULL && (to == a || !fits(to->free, cost))) {
        return refuse(t, ERR_LIMIT,
                      to == a ? "a hold cannot be charged for its own account"
                              : "the balance would be larger than a ledger can count");
    }
    int64_t back = release ? h->left - cost : 0;
    e = move_held(t, release ? LEDGER_KIND_RELEASE : LEDGER_KIND_CHARGE, h->key, a, to, cost, back);
    h->left -= cost;
    h->charged += (uint64_t)cost;
    if (e == ERR_OK) {
        e = release ? end_hold(t, h, LEDGER_HOLD_RELEASED) : renew(t, h);
    }
    if (e != ERR_OK) {
        return e;
    }
    t->gained = back > 0 ? a : NULL;
    e = done(t, a, (uint64_t)cost);
    return over ? refuse(t, ERR_LIMIT, "it has cost more than is in the hold") : e;
}

static enum err charge(struct step *t, bool release)
{
    struct ledger_hold h;
    enum err e = t->s->find_hold(t->s, t->r->key, &h);
    if (e != ERR_OK && e != ERR_NOENT) {
        return e;
    }
    if (e == ERR_OK && h.state == LEDGER_HOLD_OPEN) {
        return charge_hold(t, &h, release);
    }
    if (e == ERR_OK && release) {
        struct ledger_account *a;
        e = t->s->account_at(t->s, h.account, &a);
        return e == ERR_OK ? done(t, a, 0) : ERR_IO;
    }
    return refuse(t, ERR_NOENT, "there is no such hold, or it is over");
}

/* --- apply --- */

static enum err dispatch(struct step *t)
{
    switch (t->r->op) {
    case LEDGER_BALANCE:
        return balance(t);
    case LEDGER_CREDIT:
        return credit(t);
    case LEDGER_SPEND:
        return spend(t);
    case LEDGER_HOLD:
        return hold(t);
    case LEDGER_CHARGE:
        return charge(t, false);
    case LEDGER_RELEASE:
        return charge(t, true);
    case LEDGER_GRANT:
        return grant(t);
    case LEDGER_FREEZE:
        return set_frozen(t, true);
    case LEDGER_THAW:
        return set_frozen(t, false);
    }
    return refuse(t, ERR_LIMIT, "there is no such operation");
}

/* What the operation names has to be there; of the rest nothing is looked at. */
static bool names_are_valid(const struct ledger_request *r)
{
    bool of_hold = r->op == LEDGER_CHARGE || r->op == LEDGER_RELEASE;
    bool two = r->op == LEDGER_CREDIT || r->op == LEDGER_SPEND;
    bool keyed = r->op == LEDGER_CREDIT || r->op == LEDGER_HOLD || of_hold;
    bool may_key = keyed || r->op == LEDGER_SPEND || r->op == LEDGER_GRANT;
    return (of_hold || ledger_name_is_valid(r->account)) &&
           (!two || ledger_name_is_valid(r->other)) &&
           (!of_hold || r->other[0] == '\0' || ledger_name_is_valid(r->other)) &&
           (!may_key || is_text(r->key, LEDGER_KEY_MAX)) && (!keyed || r->key[0] != '\0');
}

enum err ledger_book_apply(struct ledger_store *s, const struct ledger_request *r, int64_t now_ms,
                           struct ledger_answer *ret_answer, struct ledger_account **ret_gained)
{
    struct ledger_answer a = {.why = ""};
    struct ledger_request asked = *r;
    asked.account = r->account != NULL ? r->account : "";
    asked.other = r->other != NULL ? r->other : "";
    asked.key = r->key != NULL ? r->key : "";
    struct step t = {.s = s, .r = &asked, .now_ms = now_ms, .a = &a};
    enum err e = names_are_valid(&asked)
                     ? dispatch(&t)
                     : refuse(&t, ERR_LIMIT, "a name or key is missing, too long or no plain text");
    if (e != ERR_OK) {
        return ERR_IO;
    }
    *ret_answer = a;
    *ret_gained = t.gained;
    return ERR_OK;
}

static enum err expire(struct step *t, struct ledger_hold *h)
{
    struct ledger_account *a;
    enum err e = t->s->account_at(t->s, h->account, &a);
    int64_t back = h->left;
    e = e == ERR_OK ? move_held(t, LEDGER_KIND_EXPIRE, h->key, a, NULL, 0, back) : e;
    e = e == ERR_OK ? end_hold(t, h, LEDGER_HOLD_EXPIRED) : e;
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
    struct step t = {.s = s, .now_ms = now_ms, .a = &a};
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
