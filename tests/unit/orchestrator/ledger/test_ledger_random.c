/* Random requests against a plain model of what a ledger does: every answer is the model's, and
 * after each transaction, committed, rolled back, refused by the disk or broken off by a crash, the
 * file is what the model says and the audit finds nothing. */
#include "tests/unit/orchestrator/ledger/folder.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "tests/unit/orchestrator/ledger/bad_disk.h"

#define RUNS         6
#define BATCHES      60
#define BATCH_MAX    50
#define ACCOUNTS     5
#define KEYS         24
#define PAYEES       3
#define KEPT_MS      LEDGER_HOLD_KEPT_MS
#define LATE_MS      LEDGER_HOLD_LATE_MS
#define NO_ACCOUNT   (-1)
#define WORLD        0 /* the model's account for all that is outside */
#define EDGE_BALANCE ((uint64_t)INT64_MAX)

struct model_hold {
    bool known;
    int account;
    uint64_t left, charged;
    int64_t ttl_ms, until_ms;
    int state; /* 0 open, 1 released, 2 expired */
    uint64_t given;
};

struct model {
    uint64_t free[ACCOUNTS];
    bool frozen[ACCOUNTS], there[ACCOUNTS];
    uint64_t owes[ACCOUNTS][ACCOUNTS]; /* to whom */
    int born[ACCOUNTS], n_born;        /* in which order they came to be */
    struct {
        int account;
        uint64_t total;
    } sources[KEYS];
    struct {
        int account;
        uint64_t amount;
    } once[2][KEYS]; /* spends, grants */
    struct model_hold holds[KEYS];
};

static uint64_t state;
static int64_t now = 5000000;

static uint64_t chance(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

static uint64_t some_amount(void)
{
    static const uint64_t edges[] = {0,         1,          EDGE_BALANCE - 1,      EDGE_BALANCE,
                                     INT64_MIN, UINT64_MAX, (uint64_t)1 << 53 | 1, 4294967296};
    return chance(60) == 0 ? edges[chance(8)] : chance(1000);
}

static const char *account_name(int i)
{
    static const char *const names[ACCOUNTS] = {"viewer:a", "viewer:b", "broadcaster:c", "t:d",
                                                "Zoë"};
    return names[i];
}

static const char *key_name(int i)
{
    static char names[KEYS][8];
    snprintf(names[i], sizeof names[i], "k:%d", i);
    return names[i];
}

/* --- the model --- */

/* What the whole world has given and taken decides whether "world:" can count it. */
static bool has_room(const struct model *m, int account, uint64_t more)
{
    return more <= EDGE_BALANCE && m->free[account] + more <= EDGE_BALANCE;
}

/* As an expression, it is true. */
static bool be_there(struct model *m, int account)
{
    m->born[account] = m->there[account] ? m->born[account] : ++m->n_born;
    m->there[account] = true;
    return true;
}

static uint64_t debts_of(const struct model *m, int account)
{
    uint64_t sum = 0;
    for (int i = 0; i < ACCOUNTS; i++) {
        sum += m->owes[account][i];
    }
    return sum;
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Out of the hold (or NULL), then of what is free; who came to be first is paid first. */
static uint64_t model_pay(struct model *m, int account, struct model_hold *h)
{
    uint64_t moved = 0;
    for (;;) {
        int to = NO_ACCOUNT;
        for (int i = 0; i < ACCOUNTS; i++) {
            if (m->owes[account][i] > 0 && (to == NO_ACCOUNT || m->born[i] < m->born[to])) {
                to = i;
            }
        }
        if (to == NO_ACCOUNT) {
            return moved;
        }
        uint64_t debt = m->owes[account][to], held = h != NULL ? at_most(debt, h->left) : 0;
        uint64_t free = m->frozen[account] ? 0 : at_most(debt - held, m->free[account]);
        if (held + free == 0 || !has_room(m, to, held + free)) {
            return moved;
        }
        bool all = held + free == debt;
        if (h != NULL) {
            h->left -= held;
        }
        m->free[account] -= free;
        m->free[to] += held + free;
        m->owes[account][to] -= held + free;
        moved += held + free;
        if (!all) {
            return moved;
        }
    }
}

struct question {
    struct ledger_request r;
    int account, other, key;
    int payees[PAYEES]; /* of r.payees */
};

static void model_answer(struct ledger_answer *a, enum err e, uint64_t balance, uint64_t amount)
{
    a->err = e;
    a->balance = balance;
    a->amount = amount;
}

static bool model_repeat(struct model *m, int which, const struct question *q,
                         struct ledger_answer *a, int account)
{
    if (q->key == NO_ACCOUNT || m->once[which][q->key].account == NO_ACCOUNT) {
        return false;
    }
    bool same =
        m->once[which][q->key].account == account && m->once[which][q->key].amount == q->r.amount;
    model_answer(a, same ? ERR_OK : ERR_STATE, same ? m->free[q->account] : 0,
                 same ? q->r.amount : 0);
    a->again = same;
    return true;
}

static void model_note(struct model *m, int which, const struct question *q, int account)
{
    if (q->key != NO_ACCOUNT && q->r.amount > 0) {
        m->once[which][q->key].account = account;
        m->once[which][q->key].amount = q->r.amount;
    }
}

/* Grants and credits come from two accounts outside; how low they are is theirs. */
static uint64_t granted, credited;

static void model_grant(struct model *m, const struct question *q, struct ledger_answer *a)
{
    if (model_repeat(m, 1, q, a, q->account)) {
        return;
    }
    be_there(m, q->account);
    if (!has_room(m, q->account, q->r.amount) || granted + q->r.amount > EDGE_BALANCE) {
        model_answer(a, ERR_LIMIT, 0, 0);
        return;
    }
    granted += q->r.amount;
    m->free[q->account] += q->r.amount;
    model_note(m, 1, q, q->account);
    if (q->r.amount > 0) {
        model_pay(m, q->account, NULL);
    }
    model_answer(a, ERR_OK, m->free[q->account], q->r.amount);
}

static void model_credit(struct model *m, const struct question *q, struct ledger_answer *a)
{
    be_there(m, q->account);
    if (m->sources[q->key].account != NO_ACCOUNT && m->sources[q->key].account != q->account) {
        model_answer(a, ERR_AUTH, 0, 0);
        return;
    }
    uint64_t had = m->sources[q->key].total;
    uint64_t more = q->r.total > had ? q->r.total - had : 0;
    if (more > 0 && (!has_room(m, q->account, more) || credited + more > EDGE_BALANCE)) {
        model_answer(a, ERR_LIMIT, 0, 0);
        return;
    }
    if (more > 0) {
        m->sources[q->key].account = q->account;
        m->sources[q->key].total = q->r.total;
        credited += more;
        m->free[q->account] += more;
        model_pay(m, q->account, NULL);
    }
    model_answer(a, ERR_OK, m->free[q->account], more);
}

static void model_spend(struct model *m, const struct question *q, struct ledger_answer *a)
{
    uint64_t has = m->free[q->account];
    if (q->account == q->other) {
        model_answer(a, ERR_LIMIT, 0, 0);
        return;
    }
    if (model_repeat(m, 0, q, a, q->account * ACCOUNTS + q->other)) {
        return;
    }
    if (!m->there[q->account]) {
        model_answer(a, q->r.amount == 0 ? ERR_OK : ERR_FUNDS, 0, 0);
    } else if (m->frozen[q->account] || q->r.amount > has) {
        model_answer(a, m->frozen[q->account] ? ERR_AUTH : ERR_FUNDS, has, 0);
    } else if (q->r.amount > 0 && (be_there(m, q->other)) && !has_room(m, q->other, q->r.amount)) {
        model_answer(a, ERR_LIMIT, 0, 0);
    } else {
        m->free[q->account] -= q->r.amount;
        m->free[q->other] += q->r.amount;
        model_note(m, 0, q, q->account * ACCOUNTS + q->other);
        if (q->r.amount > 0) {
            model_pay(m, q->other, NULL);
        }
        model_answer(a, ERR_OK, m->free[q->account], q->r.amount);
    }
}

static void model_fill(struct model *m, const struct question *q, struct model_hold *h,
                       struct ledger_answer *a)
{
    model_pay(m, q->account, NULL);
    a->owed = debts_of(m, q->account);
    uint64_t has = m->free[q->account];
    uint64_t left = h->known && h->state == 0 ? h->left : 0;
    uint64_t more = q->r.amount > left ? q->r.amount - left : 0;
    more = more > has ? has : more;
    bool enough = left + more >= q->r.least;
    if (!enough && !(h->known && h->state == 0)) {
        model_answer(a, ERR_FUNDS, has, 0);
        return;
    }
    more = enough ? more : 0;
    h->charged = h->known ? h->charged : 0;
    h->given = h->known && h->state == 0 ? h->given : at_most(h->charged, EDGE_BALANCE);
    h->given = at_most(h->given + more, EDGE_BALANCE);
    h->known = true;
    h->account = q->account;
    h->state = 0;
    h->left = left + more;
    h->ttl_ms = q->r.ttl_ms;
    h->until_ms = now + h->ttl_ms;
    m->free[q->account] -= more;
    model_answer(a, enough ? ERR_OK : ERR_FUNDS, m->free[q->account], more);
    a->held = h->left;
}

static void model_hold_(struct model *m, const struct question *q, struct ledger_answer *a)
{
    struct model_hold *h = &m->holds[q->key];
    if (q->r.least > q->r.amount || q->r.ttl_ms <= 0) {
        model_answer(a, ERR_LIMIT, 0, 0);
        return;
    }
    if (!m->there[q->account] && q->r.least > 0) {
        model_answer(a, ERR_FUNDS, 0, 0);
        return;
    }
    be_there(m, q->account);
    if (h->known && h->account != q->account) {
        model_answer(a, ERR_AUTH, 0, 0);
    } else if (m->frozen[q->account]) {
        model_answer(a, ERR_AUTH, m->free[q->account], 0);
        a->held = h->known ? h->left : 0;
        a->owed = debts_of(m, q->account);
    } else if (h->known && h->state == 1) {
        model_answer(a, ERR_STATE, 0, 0);
    } else {
        model_fill(m, q, h, a);
    }
}

/* Of a lease: what it was given, or what is there to pay it at once; and not too much in all. */
static uint64_t model_cut(const struct model *m, const struct model_hold *h, uint64_t cost)
{
    __int128 have = (__int128)(m->frozen[h->account] ? 0 : m->free[h->account]) + h->left;
    __int128 at_once = have - debts_of(m, h->account);
    __int128 most = (__int128)h->given - (__int128)h->charged;
    most = at_once > most ? at_once : most;
    __int128 in_all = at_once + (__int128)4 * h->given;
    most = in_all < most ? in_all : most;
    return most < 0 ? 0 : most < cost ? (uint64_t)most : cost;
}

/* False: it cannot. Unit by unit it would be the same: the last ones are new. */
static bool model_owe_all(struct model *m, const struct question *q, int account, uint64_t cost)
{
    __int128 all = 0;
    bool to_self = false;
    for (size_t i = 0; i < q->r.n_payees; i++) {
        all += q->r.payees[i].amount;
        to_self |= q->payees[i] == account;
    }
    if (to_self || all < cost) {
        return false;
    }
    __int128 from = all - cost, begin = 0; /* what is behind `from` is new */
    for (size_t i = 0; i < q->r.n_payees; i++) {
        __int128 end = begin + q->r.payees[i].amount, new = end - (begin > from ? begin : from);
        if (new > 0) {
            be_there(m, q->payees[i]);
            m->owes[account][q->payees[i]] += (uint64_t) new;
        }
        begin = end;
    }
    return true;
}

static bool model_add_debt(struct model *m, const struct question *q, int account, uint64_t cost)
{
    if (cost > EDGE_BALANCE || debts_of(m, account) + cost > EDGE_BALANCE) {
        return false;
    }
    if (q->r.n_payees > 0) {
        return model_owe_all(m, q, account, cost);
    }
    if (q->other == account) {
        return false;
    }
    be_there(m, q->other);
    m->owes[account][q->other] += cost;
    return true;
}

static void model_owe(struct model *m, const struct question *q, struct ledger_answer *a)
{
    struct model_hold h = m->holds[q->key];
    bool release = q->r.op == LEDGER_RELEASE;
    if (!h.known) {
        be_there(m, q->account);
        h = (struct model_hold){.known = true, .account = q->account, .state = 2};
    }
    uint64_t cost = q->r.total > h.charged ? q->r.total - h.charged : 0;
    if (q->r.debt == LEDGER_DEBT_LEASE) {
        a->cut = cost - model_cut(m, &h, cost);
        cost -= a->cut;
    }
    if (cost > 0 && !model_add_debt(m, q, h.account, cost)) {
        model_answer(a, ERR_LIMIT, 0, 0);
        return;
    }
    h.charged += cost;
    bool pays = release || q->r.debt != LEDGER_DEBT_NOTE;
    uint64_t moved = pays ? model_pay(m, h.account, &h) : 0;
    if (release && h.left > 0) {
        m->free[h.account] += h.left;
        h.left = 0;
        model_pay(m, h.account, NULL);
    }
    h.state = release ? 1 : h.state;
    h.until_ms = now + (h.state == 0 ? h.ttl_ms : h.state == 1 ? KEPT_MS : LATE_MS);
    m->holds[q->key] = h;
    model_answer(a, ERR_OK, m->free[h.account], moved);
    a->held = h.left;
    a->owed = debts_of(m, h.account);
}

static void model_charge(struct model *m, const struct question *q, struct ledger_answer *a)
{
    struct model_hold *h = &m->holds[q->key];
    bool release = q->r.op == LEDGER_RELEASE;
    if (!h->known || h->state != 0) {
        bool expired = h->known && h->state == 2;
        bool over = h->known && release && !(expired && q->r.total > h->charged);
        model_answer(a, over ? ERR_OK : ERR_NOENT, over ? m->free[h->account] : 0,
                     expired && !over ? h->charged : 0);
        return;
    }
    uint64_t cost = q->r.total > h->charged ? q->r.total - h->charged : 0;
    bool too_much = cost > h->left;
    cost = too_much ? h->left : cost;
    if (cost > 0) {
        be_there(m, q->other);
    }
    if (cost > 0 && (q->other == h->account || !has_room(m, q->other, cost))) {
        model_answer(a, ERR_LIMIT, 0, 0);
        return;
    }
    h->charged += cost;
    h->left -= cost;
    h->until_ms = now + h->ttl_ms;
    m->free[q->other] += cost;
    if (release) {
        m->free[h->account] += h->left;
        bool gains = h->left > 0;
        h->left = 0;
        h->until_ms = now + KEPT_MS;
        h->state = 1;
        if (gains) {
            model_pay(m, h->account, NULL);
        }
    }
    model_answer(a, too_much ? ERR_LIMIT : ERR_OK, m->free[h->account], cost);
    a->held = h->left;
}

static struct ledger_answer model_ask(struct model *m, const struct question *q)
{
    struct ledger_answer a = {0};
    switch (q->r.op) {
    case LEDGER_BALANCE:
        be_there(m, q->account);
        model_answer(&a, ERR_OK, m->free[q->account], 0);
        break;
    case LEDGER_CREDIT:
        model_credit(m, q, &a);
        break;
    case LEDGER_SPEND:
        model_spend(m, q, &a);
        break;
    case LEDGER_GRANT:
        model_grant(m, q, &a);
        break;
    case LEDGER_HOLD:
        model_hold_(m, q, &a);
        break;
    case LEDGER_CHARGE:
    case LEDGER_RELEASE:
        (q->r.debt == LEDGER_DEBT_NONE ? model_charge : model_owe)(m, q, &a);
        break;
    case LEDGER_FREEZE:
    case LEDGER_THAW:
        if (m->there[q->account]) {
            bool thaws = m->frozen[q->account] && q->r.op == LEDGER_THAW;
            m->frozen[q->account] = q->r.op == LEDGER_FREEZE;
            if (thaws) {
                model_pay(m, q->account, NULL);
            }
        }
        model_answer(&a, m->there[q->account] ? ERR_OK : ERR_NOENT, m->free[q->account], 0);
        break;
    }
    return a;
}

/* The one that is due next, as the store has them in order; NO_ACCOUNT: none is. */
static int next_due(const struct model *m)
{
    int due = NO_ACCOUNT;
    for (int k = 0; k < KEYS; k++) {
        const struct model_hold *h = &m->holds[k], *first = &m->holds[due == NO_ACCOUNT ? k : due];
        bool before =
            h->until_ms < first->until_ms || (h->until_ms == first->until_ms &&
                                              strcmp(key_name(k), key_name(due < 0 ? k : due)) < 0);
        if (h->known && h->until_ms <= now && (due == NO_ACCOUNT || before)) {
            due = k;
        }
    }
    return due;
}

static void model_expire(struct model *m)
{
    for (int k = next_due(m); k != NO_ACCOUNT; k = next_due(m)) {
        struct model_hold *h = &m->holds[k];
        if (h->state == 0) {
            model_pay(m, h->account, h);
            m->free[h->account] += h->left;
            h->left = 0;
            h->until_ms = now + LATE_MS;
            h->state = 2;
        } else {
            *h = (struct model_hold){0};
        }
    }
}

static void model_init(struct model *m)
{
    memset(m, 0, sizeof *m);
    for (int k = 0; k < KEYS; k++) {
        m->sources[k].account = m->once[0][k].account = m->once[1][k].account = NO_ACCOUNT;
    }
}

/* --- both --- */

/* Mostly as many as it takes for what is new, of holds that have cost something already. */
static void some_payees(struct question *q)
{
    static struct ledger_payee payees[PAYEES]; /* until the next question */
    q->r.payees = payees;
    q->r.n_payees = 1 + chance(PAYEES);
    for (size_t i = 0; i < q->r.n_payees; i++) {
        q->payees[i] = (int)chance(ACCOUNTS);
        payees[i].account = account_name(q->payees[i]);
        payees[i].amount = chance(2) ? some_amount() : chance(10000);
    }
}

static struct question some_question(void)
{
    static const enum ledger_op ops[] = {
        LEDGER_CREDIT, LEDGER_CREDIT, LEDGER_SPEND,  LEDGER_SPEND,   LEDGER_GRANT,   LEDGER_HOLD,
        LEDGER_HOLD,   LEDGER_CHARGE, LEDGER_CHARGE, LEDGER_RELEASE, LEDGER_BALANCE, LEDGER_THAW};
    struct question q = {
        .account = (int)chance(ACCOUNTS), .other = (int)chance(ACCOUNTS), .key = (int)chance(KEYS)};
    q.r.op = chance(50) == 0 ? LEDGER_FREEZE : ops[chance(sizeof ops / sizeof ops[0])];
    bool may_be_empty = q.r.op == LEDGER_SPEND || q.r.op == LEDGER_GRANT;
    if (may_be_empty && chance(3) != 0) {
        q.key = NO_ACCOUNT;
    }
    q.r.account = account_name(q.account);
    q.r.other = q.r.op == LEDGER_CREDIT ? "world:receipts" : account_name(q.other);
    q.r.key = q.key == NO_ACCOUNT ? "" : key_name(q.key);
    q.r.amount = some_amount();
    q.r.total = chance(2) ? some_amount() : chance(10000);
    q.r.least = chance(3) == 0 ? some_amount() : chance(q.r.amount / 2 + 1);
    q.r.ttl_ms = (int64_t)chance(5000);
    q.r.debt = (enum ledger_debt)chance(4);
    if ((q.r.debt == LEDGER_DEBT_PAY || q.r.debt == LEDGER_DEBT_NOTE) && chance(2)) {
        some_payees(&q);
    }
    return q;
}

static void compare_answers(const struct question *q, const struct ledger_answer *is,
                            const struct ledger_answer *should)
{
    ck_assert_msg(is->err == should->err && is->balance == should->balance &&
                      is->amount == should->amount && is->held == should->held &&
                      is->owed == should->owed && is->cut == should->cut &&
                      is->again == should->again,
                  "op %d of %s, key %s, amount %" PRIu64 ", least %" PRIu64 ", total %" PRIu64
                  ": %s, balance %" PRIu64 ", amount %" PRIu64 ", held %" PRIu64
                  "; should be %s, %" PRIu64 ", %" PRIu64 ", %" PRIu64,
                  q->r.op, q->r.account, q->r.key, q->r.amount, q->r.least, q->r.total,
                  err_text(is->err), is->balance, is->amount, is->held, err_text(should->err),
                  should->balance, should->amount, should->held);
}

static void compare_accounts(const struct model *m)
{
    uint64_t held = 0;
    for (int i = 0; i < ACCOUNTS; i++) {
        struct ledger_account a = account_of(account_name(i));
        ck_assert_int_eq(a.id != 0, m->there[i]);
        ck_assert_uint_eq((uint64_t)a.free, m->free[i]);
        ck_assert_int_eq(a.frozen, m->frozen[i]);
        ck_assert_uint_eq((uint64_t)a.owes, debts_of(m, i));
        held += (uint64_t)a.held;
    }
    for (int k = 0; k < KEYS; k++) {
        held -= m->holds[k].known ? m->holds[k].left : 0;
    }
    ck_assert_uint_eq(held, 0);
    ck_assert_int_eq(account_of("world:grants").free, -(int64_t)granted);
    ck_assert_int_eq(account_of("world:receipts").free, -(int64_t)credited);
}

/* --- crashes --- */

/* What a transaction comes to. */
enum end {
    ENDS,          /* it is committed */
    IS_GIVEN_UP,   /* and rolled back */
    MEETS_A_FAULT, /* the disk takes some of it, then nothing more */
    DIES_BEFORE,   /* the program is killed before it is committed, */
    DIES_IN,       /* or the machine stops while it is, */
    DIES_BEHIND,   /* or the program is killed when it has been */
    ENDS_,
};

static unsigned ends[ENDS_];

static const char *beside(const char *suffix)
{
    static char names[4][128];
    static unsigned next;
    char *name = names[next++ % 4];
    snprintf(name, sizeof names[0], "%s%s", path, suffix);
    return name;
}

static long wal_size(void)
{
    struct stat st;
    return stat(beside("-wal"), &st) == 0 ? (long)st.st_size : 0;
}

static void copy_file(const char *from, const char *to)
{
    char bytes[65536];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    ck_assert(in != NULL && out != NULL);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;) {
        ck_assert_uint_eq(fwrite(bytes, 1, n, out), n);
    }
    fclose(in);
    ck_assert_int_eq(fclose(out), 0);
}

/* Goes on with the files as they are on the disk now, but for the last bytes of the WAL. */
static struct ledger_store *crash(struct ledger_store *s, long lost)
{
    long size = wal_size() - lost;
    copy_file(path, beside(".left"));
    copy_file(beside("-wal"), beside(".left-wal"));
    ck_assert_int_eq(truncate(beside(".left-wal"), size), 0);
    s->close(s);
    ck_assert_int_eq(rename(beside(".left"), path), 0);
    ck_assert_int_eq(rename(beside(".left-wal"), beside("-wal")), 0);
    (void)unlink(beside("-shm"));
    return open_store();
}

/* *ret_there: what was done in the transaction is there afterwards. */
static struct ledger_store *end_transaction(struct ledger_store *s, enum end how, bool *ret_there)
{
    long before = wal_size();
    ends[how]++;
    *ret_there = false;
    if (how == IS_GIVEN_UP) {
        s->rollback(s);
        return s;
    }
    if (how == DIES_BEFORE) {
        return crash(s, 0);
    }
    bad_disk_after(how == MEETS_A_FAULT ? (int)chance(8) : -1);
    enum err e = s->commit(s);
    bad_disk_after(-1);
    ck_assert(e == ERR_OK || how == MEETS_A_FAULT);
    *ret_there = e == ERR_OK;
    if (how == DIES_BEHIND) {
        return crash(s, 0);
    }
    long grown = wal_size() - before;
    if (how == DIES_IN && grown > 0) {
        *ret_there = false;
        return crash(s, 1 + (long)chance((uint64_t)grown));
    }
    return s;
}

/* A transaction of random requests; what does not come to its end leaves nothing behind. */
static struct ledger_store *one_batch(struct ledger_store *s, struct model *m)
{
    struct model before = *m;
    uint64_t granted_before = granted, credited_before = credited;
    ck_assert_int_eq(s->begin(s), ERR_OK);
    for (uint64_t n = chance(BATCH_MAX); n > 0; n--) {
        struct question q = some_question();
        struct ledger_answer is, should = model_ask(m, &q);
        struct ledger_account *gained;
        ck_assert_int_eq(ledger_book_apply(s, &q.r, now, &is, &gained), ERR_OK);
        compare_answers(&q, &is, &should);
    }
    int64_t next;
    do {
        struct ledger_account *gained;
        ck_assert_int_eq(ledger_book_expire(s, now, &next, &gained), ERR_OK);
    } while (next <= now);
    model_expire(m);
    bool there;
    s = end_transaction(s, chance(2) ? ENDS : (enum end)chance(ENDS_), &there);
    if (!there) {
        *m = before;
        granted = granted_before;
        credited = credited_before;
    }
    return s;
}

START_TEST(answers_are_the_models)
{
    struct model m;
    make_folder();
    model_init(&m);
    state = 88172645463325252ULL + (uint64_t)_i * 7919;
    struct ledger_store *s = open_store();
    for (int b = 0; b < BATCHES; b++) {
        s = one_batch(s, &m);
        audit();
        compare_accounts(&m);
        now += chance(10) != 0 ? (int64_t)chance(1500) : chance(2) != 0 ? KEPT_MS / 3 : LATE_MS / 3;
        if (chance(10) == 0) {
            s->close(s);
            s = open_store();
        }
    }
    ck_assert_int_gt(s->entries, BATCHES);
    for (int how = 0; how < ENDS_; how++) {
        ck_assert_uint_gt(ends[how], 0);
    }
    s->close(s);
    remove_folder();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger_random");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, answers_are_the_models, 0, RUNS);
    suite_add_tcase(suite, tc);
    SRunner *sr = srunner_create(suite);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
