#include "orchestrator/ledger/ledger_book_impl.h"

#include <string.h>

#include "base/utf8.h"

#define WORLD        "world:"
#define WORLD_GRANTS "world:grants"

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

enum err book_refuse(struct book_step *t, enum err err, const char *why)
{
    t->a->err = err;
    t->a->why = why;
    return ERR_OK;
}

enum err book_refuse_funds(struct book_step *t, const struct ledger_account *a)
{
    t->a->balance = a->free > 0 ? (uint64_t)a->free : 0;
    return book_refuse(t, ERR_FUNDS, "the account's balance is too small");
}

enum err book_done(struct book_step *t, const struct ledger_account *a, uint64_t amount)
{
    t->a->balance = a->free > 0 ? (uint64_t)a->free : 0;
    t->a->amount = amount;
    t->told = a;
    return ERR_OK;
}

/* --- moving --- */

bool book_fits(int64_t balance, int64_t change)
{
    int64_t sum;
    return !__builtin_add_overflow(balance, change, &sum) && sum >= -LEDGER_MONEY_MAX;
}

/* From what is free in one account to what is free in the other; sums were checked. */
static enum err move(struct book_step *t, enum ledger_kind kind, struct ledger_account *from,
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

/* --- the requests --- */

static enum err balance(struct book_step *t)
{
    struct ledger_account *a;
    enum err e = t->s->find_account(t->s, t->r->account, true, &a);
    return e == ERR_OK ? book_done(t, a, 0) : e;
}

static enum err credit_more(struct book_step *t, struct ledger_account *a,
                            struct ledger_source *source)
{
    const struct ledger_request *r = t->r;
    struct ledger_account *from;
    uint64_t more = r->total - source->total;
    enum err e = t->s->find_account(t->s, r->other, true, &from);
    if (e != ERR_OK) {
        return e;
    }
    if (more > LEDGER_MONEY_MAX || !book_fits(a->free, (int64_t)more) ||
        !book_fits(from->free, -(int64_t)more)) {
        return book_refuse(t, ERR_LIMIT, "the balance would be larger than a ledger can count");
    }
    source->total = r->total;
    t->a->mark = r->total;
    e = move(t, LEDGER_KIND_CREDIT, from, a, (int64_t)more);
    e = e == ERR_OK ? t->s->put_source(t->s, r->key, source) : e;
    t->gained = a;
    return e == ERR_OK ? book_done(t, a, more) : e;
}

static enum err credit(struct book_step *t)
{
    const struct ledger_request *r = t->r;
    struct ledger_account *a;
    struct ledger_source source = {0};
    if (!ledger_account_is_world(r->other) || ledger_account_is_world(r->account)) {
        return book_refuse(t, ERR_LIMIT,
                           "a credit comes from an account \"world:...\", to another one");
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
        return book_refuse(t, ERR_AUTH, "this source of money has credited another account before");
    }
    t->a->mark = source.total;
    return r->total > source.total ? credit_more(t, a, &source) : book_done(t, a, 0);
}

/* What was done before with the same key; ERR_NOENT: nothing. */
static enum err repeat(struct book_step *t, enum ledger_kind kind, const char *from, const char *to)
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
        return book_refuse(t, ERR_STATE, "this key was used before, for something else");
    }
    t->a->again = true;
    return book_done(t, kind == LEDGER_KIND_GRANT ? b : a, t->r->amount);
}

static enum err spend_from(struct book_step *t, struct ledger_account *a)
{
    const struct ledger_request *r = t->r;
    struct ledger_account *to;
    if (a->frozen) {
        t->a->balance = (uint64_t)a->free;
        return book_refuse(t, ERR_AUTH, "the account is frozen");
    }
    if (r->amount > (uint64_t)a->free) {
        return book_refuse_funds(t, a);
    }
    enum err e = r->amount > 0 ? t->s->find_account(t->s, r->other, true, &to) : ERR_OK;
    if (e != ERR_OK || r->amount == 0) {
        return e != ERR_OK ? e : book_done(t, a, 0);
    }
    if (!book_fits(to->free, (int64_t)r->amount)) {
        return book_refuse(t, ERR_LIMIT, "the balance would be larger than a ledger can count");
    }
    e = move(t, LEDGER_KIND_SPEND, a, to, (int64_t)r->amount);
    t->gained = ledger_account_is_world(to->name) ? NULL : to;
    return e == ERR_OK ? book_done(t, a, r->amount) : e;
}

static enum err spend(struct book_step *t)
{
    const struct ledger_request *r = t->r;
    struct ledger_account *a;
    if (ledger_account_is_world(r->account) || strcmp(r->account, r->other) == 0) {
        return book_refuse(t, ERR_LIMIT,
                           "money is spent from an account to another one, not \"world:\"");
    }
    enum err e = repeat(t, LEDGER_KIND_SPEND, r->account, r->other);
    if (e != ERR_NOENT) {
        return e;
    }
    e = t->s->find_account(t->s, r->account, false, &a);
    t->a->unknown = e == ERR_NOENT;
    return e == ERR_OK      ? spend_from(t, a)
           : e != ERR_NOENT ? e
           : r->amount == 0 ? ERR_OK
                            : book_refuse(t, ERR_FUNDS, "there is no such account");
}

static enum err grant(struct book_step *t)
{
    const struct ledger_request *r = t->r;
    struct ledger_account *a, *from;
    if (ledger_account_is_world(r->account)) {
        return book_refuse(t, ERR_LIMIT, "nothing can be granted to \"world:...\"");
    }
    enum err e = repeat(t, LEDGER_KIND_GRANT, WORLD_GRANTS, r->account);
    if (e != ERR_NOENT) {
        return e;
    }
    e = t->s->find_account(t->s, r->account, true, &a);
    e = e == ERR_OK ? t->s->find_account(t->s, WORLD_GRANTS, true, &from) : e;
    if (e != ERR_OK || r->amount == 0) {
        return e != ERR_OK ? e : book_done(t, a, 0);
    }
    if (r->amount > LEDGER_MONEY_MAX || !book_fits(a->free, (int64_t)r->amount) ||
        !book_fits(from->free, -(int64_t)r->amount)) {
        return book_refuse(t, ERR_LIMIT, "the balance would be larger than a ledger can count");
    }
    e = move(t, LEDGER_KIND_GRANT, from, a, (int64_t)r->amount);
    t->gained = a;
    return e == ERR_OK ? book_done(t, a, r->amount) : e;
}

static enum err set_frozen(struct book_step *t, bool frozen)
{
    struct ledger_account *a;
    enum err e = t->s->find_account(t->s, t->r->account, false, &a);
    if (e == ERR_NOENT) {
        return book_refuse(t, ERR_NOENT, "there is no such account");
    }
    if (e == ERR_OK && a->frozen != frozen) {
        e = t->s->freeze(t->s, a, frozen);
        t->gained = frozen ? NULL : a;
    }
    return e == ERR_OK ? book_done(t, a, 0) : e;
}

/* --- apply --- */

static enum err dispatch(struct book_step *t)
{
    switch (t->r->op) {
    case LEDGER_BALANCE:
        return balance(t);
    case LEDGER_CREDIT:
        return credit(t);
    case LEDGER_SPEND:
        return spend(t);
    case LEDGER_HOLD:
        return book_hold(t);
    case LEDGER_CHARGE:
        return book_charge(t, false);
    case LEDGER_RELEASE:
        return book_charge(t, true);
    case LEDGER_GRANT:
        return grant(t);
    case LEDGER_FREEZE:
        return set_frozen(t, true);
    case LEDGER_THAW:
        return set_frozen(t, false);
    }
    return book_refuse(t, ERR_LIMIT, "there is no such operation");
}

static bool payees_are_valid(const struct ledger_request *r)
{
    bool may = r->debt == LEDGER_DEBT_PAY || r->debt == LEDGER_DEBT_NOTE;
    bool ok = r->n_payees == 0 || (may && r->n_payees <= LEDGER_PAYEES_MAX);
    for (size_t i = 0; ok && i < r->n_payees; i++) {
        ok = ledger_name_is_valid(r->payees[i].account);
    }
    return ok;
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
           (!of_hold || payees_are_valid(r)) && (!may_key || is_text(r->key, LEDGER_KEY_MAX)) &&
           (!keyed || r->key[0] != '\0');
}

enum err ledger_book_apply(struct ledger_store *s, const struct ledger_request *r, int64_t now_ms,
                           struct ledger_answer *ret_answer, struct ledger_account **ret_gained)
{
    struct ledger_answer a = {.why = ""};
    struct ledger_request asked = *r;
    asked.account = r->account != NULL ? r->account : "";
    asked.other = r->other != NULL ? r->other : "";
    asked.key = r->key != NULL ? r->key : "";
    struct book_step t = {.s = s, .r = &asked, .now_ms = now_ms, .a = &a};
    enum err e =
        names_are_valid(&asked)
            ? dispatch(&t)
            : book_refuse(&t, ERR_LIMIT, "a name or key is missing, too long or no plain text");
    if (e == ERR_OK && t.gained != NULL && t.gained->owes > 0) {
        e = book_pay_debts(&t, t.gained, NULL, asked.key);
        a.balance = t.told != NULL ? (uint64_t)t.told->free : a.balance;
    }
    if (e != ERR_OK) {
        return ERR_IO;
    }
    *ret_answer = a;
    *ret_gained = t.gained;
    return ERR_OK;
}
