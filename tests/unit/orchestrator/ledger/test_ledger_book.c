/* The rules of the ledger, one by one, on the real store. */
#include "tests/unit/orchestrator/ledger/folder.h"

#include <sqlite3.h>

static struct ledger_store *store;
static int64_t now = 1000000;
static char gained[LEDGER_NAME_MAX];

static void set_up(void)
{
    make_folder();
    store = open_store();
}

static void tear_down(void)
{
    store->close(store);
    audit();
    remove_folder();
}

/* In a transaction of its own. */
static struct ledger_answer ask(struct ledger_request r)
{
    struct ledger_answer a;
    struct ledger_account *got = NULL;
    ck_assert_int_eq(store->begin(store), ERR_OK);
    ck_assert_int_eq(ledger_book_apply(store, &r, now, &a, &got), ERR_OK);
    snprintf(gained, sizeof gained, "%s", got != NULL ? got->name : "");
    ck_assert_int_eq(store->commit(store), ERR_OK);
    ck_assert_ptr_nonnull(a.why);
    ck_assert(a.err == ERR_OK || a.why[0] != '\0');
    return a;
}

static struct ledger_answer credit(const char *account, const char *key, uint64_t total)
{
    return ask((struct ledger_request){.op = LEDGER_CREDIT,
                                       .account = account,
                                       .other = "world:receipts",
                                       .key = key,
                                       .total = total});
}

static struct ledger_answer spend(const char *account, uint64_t amount, const char *key)
{
    return ask((struct ledger_request){.op = LEDGER_SPEND,
                                       .account = account,
                                       .other = "broadcaster:b",
                                       .key = key,
                                       .amount = amount});
}

static struct ledger_answer grant(const char *account, uint64_t amount, const char *key)
{
    return ask((struct ledger_request){
        .op = LEDGER_GRANT, .account = account, .key = key, .amount = amount});
}

static struct ledger_answer hold(const char *account, const char *key, uint64_t amount,
                                 uint64_t least)
{
    return ask((struct ledger_request){.op = LEDGER_HOLD,
                                       .account = account,
                                       .key = key,
                                       .amount = amount,
                                       .least = least,
                                       .ttl_ms = 1000});
}

static struct ledger_answer cost(enum ledger_op op, const char *key, uint64_t total)
{
    return ask(
        (struct ledger_request){.op = op, .key = key, .other = "transcoder:t", .total = total});
}

/* The cost of a hold of "a", which it owes when the hold does not have it. */
static struct ledger_answer owe(enum ledger_op op, const char *key, uint64_t total,
                                enum ledger_debt debt)
{
    return ask((struct ledger_request){.op = op,
                                       .account = "a",
                                       .key = key,
                                       .other = "transcoder:t",
                                       .total = total,
                                       .debt = debt});
}

static uint64_t balance(const char *account)
{
    struct ledger_answer a = ask((struct ledger_request){.op = LEDGER_BALANCE, .account = account});
    ck_assert_int_eq(a.err, ERR_OK);
    return a.balance;
}

/* Until nothing more is due. Returns when the next is. */
static int64_t expire(void)
{
    int64_t next = 0;
    ck_assert_int_eq(store->begin(store), ERR_OK);
    do {
        struct ledger_account *got = NULL;
        ck_assert_int_eq(ledger_book_expire(store, now, &next, &got), ERR_OK);
        if (got != NULL) {
            snprintf(gained, sizeof gained, "%s", got->name);
        }
    } while (next <= now);
    ck_assert_int_eq(store->commit(store), ERR_OK);
    return next;
}

START_TEST(a_source_credits_what_is_new)
{
    set_up();
    ck_assert_uint_eq(credit("viewer:a", "r:1", 100).balance, 100);
    ck_assert_str_eq(gained, "viewer:a");
    struct ledger_answer again = credit("viewer:a", "r:1", 100);
    ck_assert_int_eq(again.err, ERR_OK);
    ck_assert_uint_eq(again.amount, 0);
    ck_assert_uint_eq(again.balance, 100);
    ck_assert_str_eq(gained, "");
    ck_assert_uint_eq(credit("viewer:a", "r:1", 60).amount, 0);
    ck_assert_uint_eq(credit("viewer:a", "r:1", 130).amount, 30);
    ck_assert_uint_eq(credit("viewer:a", "r:2", 5).balance, 135);
    ck_assert_int_eq(credit("viewer:b", "r:1", 200).err, ERR_AUTH);
    ck_assert_uint_eq(balance("viewer:b"), 0);
    ck_assert_int_eq(account_of("world:receipts").free, -135);
    tear_down();
}
END_TEST

START_TEST(totals_go_up_to_64_bits)
{
    set_up();
    ck_assert_uint_eq(credit("a", "r:1", INT64_MAX).balance, INT64_MAX);
    struct ledger_answer over = credit("a", "r:1", (uint64_t)INT64_MAX + 1);
    ck_assert_int_eq(over.err, ERR_LIMIT);
    ck_assert_int_eq(spend("a", (uint64_t)INT64_MAX + 1, "").err, ERR_FUNDS);
    ck_assert_int_eq(spend("a", UINT64_MAX, "").err, ERR_FUNDS);
    ck_assert_uint_eq(balance("a"), INT64_MAX);
    /* What came in goes out where it came from, so that there is room for more. */
    struct ledger_request back = {
        .op = LEDGER_SPEND, .account = "a", .other = "world:receipts", .amount = INT64_MAX};
    ck_assert_int_eq(ask(back).err, ERR_OK);
    ck_assert_uint_eq(credit("a", "r:1", (uint64_t)INT64_MAX + 1).amount, 1);
    ck_assert_int_eq(
        ask((struct ledger_request){
                .op = LEDGER_SPEND, .account = "a", .other = "world:receipts", .amount = 1})
            .err,
        ERR_OK);
    ck_assert_uint_eq(credit("a", "r:1", UINT64_MAX).amount, INT64_MAX);
    ck_assert_uint_eq(credit("a", "r:1", UINT64_MAX).amount, 0);
    ck_assert_int_eq(credit("b", "r:2", UINT64_MAX).err, ERR_LIMIT);
    ck_assert_int_eq(credit("b", "r:2", 1).err, ERR_LIMIT); /* "world:" is as low as it goes */
    ck_assert_int_eq(grant("a", 1, "").err, ERR_LIMIT);
    ck_assert_int_eq(grant("b", UINT64_MAX, "").err, ERR_LIMIT);
    tear_down();
}
END_TEST

START_TEST(a_spend_is_all_or_nothing)
{
    set_up();
    grant("a", 100, "");
    ck_assert_str_eq(gained, "a");
    struct ledger_answer poor = spend("a", 101, "");
    ck_assert_int_eq(poor.err, ERR_FUNDS);
    ck_assert_uint_eq(poor.balance, 100);
    ck_assert_uint_eq(spend("a", 100, "").balance, 0);
    ck_assert_int_eq(spend("nobody", 1, "").err, ERR_FUNDS);
    ck_assert_int_eq(account_of("nobody").id, 0);
    ck_assert_int_eq(spend("a", 0, "").err, ERR_OK);
    ck_assert_uint_eq(balance("broadcaster:b"), 100);
    ck_assert_int_eq(
        ask((struct ledger_request){.op = LEDGER_SPEND, .account = "a", .other = "a", .amount = 1})
            .err,
        ERR_LIMIT);
    tear_down();
}
END_TEST

START_TEST(a_key_counts_once)
{
    set_up();
    ck_assert_uint_eq(grant("a", 100, "g1").balance, 100);
    struct ledger_answer again = grant("a", 100, "g1");
    ck_assert_int_eq(again.err, ERR_OK);
    ck_assert(again.again);
    ck_assert_uint_eq(again.amount, 100);
    ck_assert_uint_eq(again.balance, 100);
    ck_assert_int_eq(grant("a", 99, "g1").err, ERR_STATE);
    ck_assert_int_eq(grant("b", 100, "g1").err, ERR_STATE);
    ck_assert_uint_eq(spend("a", 40, "g1").balance, 60); /* another kind, another key */
    ck_assert_uint_eq(spend("a", 40, "g1").balance, 60);
    ck_assert_int_eq(spend("a", 41, "g1").err, ERR_STATE);
    ck_assert_uint_eq(spend("a", 60, "g2").balance, 0);
    again = spend("a", 40, "g1"); /* without a balance, too */
    ck_assert(again.again);
    ck_assert_uint_eq(again.amount, 40);
    tear_down();
}
END_TEST

START_TEST(a_hold_is_charged_and_released)
{
    set_up();
    grant("a", 100, "");
    struct ledger_answer h = hold("a", "h1", 70, 70);
    ck_assert_int_eq(h.err, ERR_OK);
    ck_assert_uint_eq(h.balance, 30);
    ck_assert_uint_eq(h.held, 70);
    ck_assert_int_eq(spend("a", 31, "").err, ERR_FUNDS);
    h = cost(LEDGER_CHARGE, "h1", 20);
    ck_assert_uint_eq(h.amount, 20);
    ck_assert_uint_eq(h.held, 50);
    ck_assert_uint_eq(cost(LEDGER_CHARGE, "h1", 20).amount, 0);
    ck_assert_uint_eq(cost(LEDGER_CHARGE, "h1", 10).amount, 0);
    h = cost(LEDGER_RELEASE, "h1", 25);
    ck_assert_uint_eq(h.amount, 5);
    ck_assert_uint_eq(h.balance, 75);
    ck_assert_str_eq(gained, "a");
    h = cost(LEDGER_RELEASE, "h1", 99);
    ck_assert_int_eq(h.err, ERR_OK);
    ck_assert_uint_eq(h.amount, 0);
    ck_assert_uint_eq(h.balance, 75);
    ck_assert_int_eq(cost(LEDGER_CHARGE, "h1", 99).err, ERR_NOENT);
    ck_assert_int_eq(hold("a", "h1", 10, 0).err, ERR_STATE);
    ck_assert_int_eq(cost(LEDGER_RELEASE, "h2", 0).err, ERR_NOENT);
    ck_assert_uint_eq(balance("transcoder:t"), 25);
    tear_down();
}
END_TEST

START_TEST(a_hold_takes_what_there_is)
{
    set_up();
    grant("a", 100, "");
    ck_assert_int_eq(hold("a", "h1", 200, 101).err, ERR_FUNDS);
    ck_assert_uint_eq(hold("a", "h1", 200, 100).held, 100);
    struct ledger_answer over = cost(LEDGER_CHARGE, "h1", 130);
    ck_assert_int_eq(over.err, ERR_LIMIT);
    ck_assert_uint_eq(over.amount, 100);
    ck_assert_uint_eq(over.held, 0);
    grant("a", 50, "");
    ck_assert_uint_eq(hold("a", "h1", 40, 40).balance, 10);
    ck_assert_uint_eq(cost(LEDGER_CHARGE, "h1", 130).amount, 30);
    ck_assert_uint_eq(hold("a", "h1", 20, 20).held, 20); /* filled up again */
    ck_assert_int_eq(hold("b", "h1", 20, 0).err, ERR_AUTH);
    ck_assert_int_eq(hold("a", "h1", 20, 21).err, ERR_LIMIT);
    ck_assert_int_eq(hold("world:x", "h9", 20, 0).err, ERR_LIMIT);
    tear_down();
}
END_TEST

START_TEST(a_forgotten_hold_expires)
{
    set_up();
    grant("a", 100, "");
    hold("a", "h1", 60, 60);
    cost(LEDGER_CHARGE, "h1", 10);
    int64_t begun = now;
    ck_assert_int_eq(expire(), begun + 1000);
    now += 999;
    cost(LEDGER_CHARGE, "h1", 15); /* renews it */
    ck_assert_int_eq(expire(), now + 1000);
    ck_assert_int_eq(hold("a", "h1", 500, 400).err, ERR_FUNDS); /* so does this */
    now += 1000;
    ck_assert_int_eq(expire(), now + LEDGER_HOLD_LATE_MS);
    ck_assert_str_eq(gained, "a");
    ck_assert_uint_eq(balance("a"), 85);
    struct ledger_answer late = cost(LEDGER_CHARGE, "h1", 30);
    ck_assert_int_eq(late.err, ERR_NOENT);
    ck_assert_uint_eq(late.amount, 15);
    late = cost(LEDGER_RELEASE, "h1", 30); /* not all of it was paid */
    ck_assert_int_eq(late.err, ERR_NOENT);
    ck_assert_uint_eq(late.amount, 15);
    ck_assert_int_eq(cost(LEDGER_RELEASE, "h1", 15).err, ERR_OK);
    ck_assert_uint_eq(hold("a", "h1", 50, 0).held, 50); /* opens anew, its cost still known */
    ck_assert_uint_eq(cost(LEDGER_RELEASE, "h1", 20).amount, 5);
    ck_assert_uint_eq(balance("a"), 80);
    now += LEDGER_HOLD_KEPT_MS;
    ck_assert_int_eq(expire(), INT64_MAX);
    ck_assert_int_eq(audit().holds, 0);
    tear_down();
}
END_TEST

/* A broadcaster that was away for weeks says what its leases have cost. */
START_TEST(what_was_used_long_ago_is_paid)
{
    set_up();
    grant("a", 100, "");
    hold("a", "h1", 60, 60);
    cost(LEDGER_CHARGE, "h1", 10);
    now += 1000;
    ck_assert_int_eq(expire(), now + LEDGER_HOLD_LATE_MS);
    now += LEDGER_HOLD_LATE_MS - 1;
    ck_assert_int_eq(expire(), now + 1);
    struct ledger_request r = {.op = LEDGER_RELEASE,
                               .account = "",
                               .other = "b",
                               .key = "h1",
                               .total = 40,
                               .debt = LEDGER_DEBT_LEASE};
    struct ledger_answer late = ask(r);
    ck_assert_int_eq(late.err, ERR_OK);
    ck_assert_uint_eq(late.amount, 30);
    ck_assert_uint_eq(balance("b"), 30);
    now += LEDGER_HOLD_KEPT_MS;
    ck_assert_int_eq(expire(), INT64_MAX);
    ck_assert_int_eq(ask(r).err, ERR_NOENT);
    tear_down();
}
END_TEST

START_TEST(what_is_not_there_is_owed)
{
    set_up();
    grant("a", 100, "");
    hold("a", "h1", 60, 60);
    struct ledger_answer o = owe(LEDGER_CHARGE, "h1", 10, LEDGER_DEBT_NOTE);
    ck_assert_int_eq(o.err, ERR_OK);
    ck_assert_uint_eq(o.amount, 0);
    ck_assert_uint_eq(o.held, 60);
    ck_assert_uint_eq(o.owed, 10);
    ck_assert_uint_eq(balance("transcoder:t"), 0);
    o = owe(LEDGER_CHARGE, "h1", 10, LEDGER_DEBT_PAY); /* asked again, it counts once */
    ck_assert_uint_eq(o.amount, 10);
    ck_assert_uint_eq(o.held, 50);
    ck_assert_uint_eq(o.owed, 0);
    o = owe(LEDGER_CHARGE, "h1", 130, LEDGER_DEBT_PAY); /* what is free goes, too */
    ck_assert_uint_eq(o.amount, 90);
    ck_assert_uint_eq(o.owed, 30);
    ck_assert_uint_eq(account_of("a").owes, 30);
    ck_assert_uint_eq(audit().owed, 30);
    ck_assert_uint_eq(hold("a", "h1", 5, 0).owed, 30);
    ck_assert_uint_eq(grant("a", 20, "").balance, 0);
    ck_assert_uint_eq(balance("transcoder:t"), 120);
    o = owe(LEDGER_RELEASE, "h1", 131, LEDGER_DEBT_PAY);
    ck_assert_uint_eq(o.owed, 11);
    o = owe(LEDGER_CHARGE, "h1", 132, LEDGER_DEBT_PAY); /* of one that is over */
    ck_assert_uint_eq(o.owed, 12);
    o = owe(LEDGER_CHARGE, "h2", 3, LEDGER_DEBT_PAY); /* or was not there */
    ck_assert_uint_eq(o.owed, 15);
    ck_assert_uint_eq(grant("a", 20, "").balance, 5);
    ck_assert_uint_eq(balance("transcoder:t"), 135);
    ck_assert_int_eq(cost(LEDGER_CHARGE, "h3", 3).err, ERR_NOENT);
    for (int i = 0; i < 2; i++) { /* of both together it is more than one number holds */
        ck_assert_int_eq(ask((struct ledger_request){.op = LEDGER_CHARGE,
                                                     .account = i == 0 ? "b" : "c",
                                                     .key = i == 0 ? "h4" : "h5",
                                                     .other = "transcoder:t",
                                                     .total = LEDGER_MONEY_MAX,
                                                     .debt = LEDGER_DEBT_PAY})
                             .err,
                         ERR_OK);
    }
    ck_assert_int_eq(audit().owed, LEDGER_MONEY_MAX);
    tear_down();
}
END_TEST

static struct ledger_answer owe_all(enum ledger_op op, uint64_t total, enum ledger_debt debt,
                                    const struct ledger_payee *payees, size_t n)
{
    return ask((struct ledger_request){.op = op,
                                       .account = "a",
                                       .key = "h",
                                       .total = total,
                                       .debt = debt,
                                       .payees = payees,
                                       .n_payees = n});
}

/* To the unit, also when some of it has counted before. */
START_TEST(a_cost_goes_to_several)
{
    static const struct ledger_payee abc[] = {{"t:a", 10}, {"t:b", 0}, {"t:c", 30}, {"t:a", 2}};
    set_up();
    grant("a", 100, "");
    hold("a", "h", 60, 60);
    struct ledger_answer o = owe_all(LEDGER_CHARGE, 42, LEDGER_DEBT_NOTE, abc, 4);
    ck_assert_int_eq(o.err, ERR_OK);
    ck_assert_uint_eq(o.owed, 42);
    ck_assert_uint_eq(owe_all(LEDGER_CHARGE, 42, LEDGER_DEBT_NOTE, abc, 4).owed, 42);
    ck_assert_uint_eq(owe_all(LEDGER_CHARGE, 41, LEDGER_DEBT_NOTE, abc, 4).owed, 42);
    o = owe_all(LEDGER_CHARGE, 44, LEDGER_DEBT_PAY, abc, 4); /* two are new: the last ones */
    ck_assert_uint_eq(o.amount, 44);
    ck_assert_uint_eq(balance("t:a"), 14);
    ck_assert_uint_eq(balance("t:c"), 30);
    ck_assert_int_eq(account_of("t:b").id, 0);
    o = owe_all(LEDGER_RELEASE, 44 + 35, LEDGER_DEBT_PAY, abc, 4);
    ck_assert_uint_eq(o.amount, 35);
    ck_assert_uint_eq(o.balance, 100 - 44 - 35);
    ck_assert_uint_eq(balance("t:a"), 14 + 3 + 2);
    ck_assert_uint_eq(balance("t:c"), 30 + 30);
    tear_down();
}
END_TEST

/* Nobody gets anything then. */
START_TEST(a_cost_that_cannot_go_to_all_goes_to_nobody)
{
    static char long_name[LEDGER_NAME_MAX + 1];
    static struct ledger_payee many[LEDGER_PAYEES_MAX + 1];
    const struct ledger_payee self[] = {{"t:a", 10}, {"a", 10}}, none[] = {{"t:a", 10}, {"", 10}},
                              far[] = {{"t:a", 10}, {long_name, 10}},
                              large[] = {{"t:a", UINT64_MAX}, {"t:b", UINT64_MAX}},
                              good[] = {{"t:a", 10}, {"t:b", 10}};
    set_up();
    memset(long_name, 'x', LEDGER_NAME_MAX);
    for (size_t i = 0; i <= LEDGER_PAYEES_MAX; i++) {
        many[i] = (struct ledger_payee){"t:a", 1};
    }
    const struct {
        const struct ledger_payee *payees;
        size_t n;
        uint64_t total;
        enum ledger_debt debt;
    } cases[] = {
        {self, 2, 20, LEDGER_DEBT_NOTE},
        {none, 2, 20, LEDGER_DEBT_NOTE},
        {far, 2, 20, LEDGER_DEBT_NOTE},
        {large, 2, UINT64_MAX, LEDGER_DEBT_NOTE},
        {good, 2, 21, LEDGER_DEBT_NOTE}, /* and who gets the last one? */
        {good, 2, 20, LEDGER_DEBT_NONE},
        {good, 2, 20, LEDGER_DEBT_LEASE},
        {many, LEDGER_PAYEES_MAX + 1, LEDGER_PAYEES_MAX + 1, LEDGER_DEBT_NOTE},
    };
    grant("a", 100, "");
    hold("a", "h", 60, 60);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ledger_answer o =
            owe_all(LEDGER_CHARGE, cases[i].total, cases[i].debt, cases[i].payees, cases[i].n);
        ck_assert_int_eq(o.err, ERR_LIMIT);
        ck_assert_str_ne(o.why, "");
        ck_assert_int_eq(account_of("a").owes, 0);
        ck_assert_int_eq(account_of("t:a").id, 0);
    }
    struct ledger_answer o =
        owe_all(LEDGER_CHARGE, LEDGER_PAYEES_MAX, LEDGER_DEBT_NOTE, many, LEDGER_PAYEES_MAX);
    ck_assert_int_eq(o.err, ERR_OK);
    ck_assert_uint_eq(o.owed, LEDGER_PAYEES_MAX);
    tear_down();
}
END_TEST

/* Who says what a lease has cost may lie. */
START_TEST(a_lease_owes_what_it_was_given)
{
    set_up();
    grant("a", 100, "");
    hold("a", "h1", 60, 60);
    struct ledger_answer o = owe(LEDGER_CHARGE, "h1", 100, LEDGER_DEBT_LEASE);
    ck_assert_uint_eq(o.amount, 100); /* the account has it */
    ck_assert_uint_eq(o.cut, 0);
    o = owe(LEDGER_CHARGE, "h1", UINT64_MAX, LEDGER_DEBT_LEASE);
    ck_assert_int_eq(o.err, ERR_OK);
    ck_assert_uint_eq(o.amount + o.owed, 0);
    ck_assert_uint_eq(o.cut, UINT64_MAX - 100);
    grant("a", 10, "");
    hold("a", "h2", 10, 10);
    now += 1000;
    expire();
    spend("a", 10, ""); /* elsewhere, meanwhile */
    o = owe(LEDGER_CHARGE, "h2", 9, LEDGER_DEBT_LEASE);
    ck_assert_uint_eq(o.owed, 9);
    o = owe(LEDGER_RELEASE, "h2", 12, LEDGER_DEBT_LEASE);
    ck_assert_uint_eq(o.owed, 10);
    ck_assert_uint_eq(o.cut, 2);
    ck_assert_uint_eq(grant("a", 15, "").balance, 5);
    o = owe(LEDGER_RELEASE, "h2", 14, LEDGER_DEBT_LEASE); /* four are new, and it has five */
    ck_assert_uint_eq(o.amount, 4);
    ck_assert_uint_eq(o.cut, 0);
    ck_assert_uint_eq(balance("transcoder:t"), 114);
    tear_down();
}
END_TEST

/* The same money, leased again and again, makes no mountain of debt. */
START_TEST(leases_that_run_out_owe_little_together)
{
    char key[32];
    uint64_t owed = 0, counted = 0;
    set_up();
    grant("a", 10, "");
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "h%d", i);
        ck_assert_uint_eq(hold("a", key, 10, 1).held, 10);
        now += 1000;
        expire();
    }
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "h%d", i);
        struct ledger_answer o = owe(LEDGER_CHARGE, key, 10, LEDGER_DEBT_LEASE);
        owed = o.owed;
        counted += 10 - o.cut;
    }
    ck_assert_uint_eq(owed, 10 * LEDGER_DEBT_LEASES);
    ck_assert_uint_eq(counted, owed + 10);
    ck_assert_int_eq(hold("a", "h0", 10, 0).err, ERR_OK); /* nothing is there for it */
    ck_assert_uint_eq(owe(LEDGER_CHARGE, "h0", 20, LEDGER_DEBT_LEASE).cut, 10);
    tear_down();
}
END_TEST

/* What is moved from account to account pays debts, too. */
START_TEST(a_present_of_another_account_pays_debts)
{
    set_up();
    grant("b", 100, "");
    owe(LEDGER_CHARGE, "h1", 7, LEDGER_DEBT_PAY);
    struct ledger_answer o = ask(
        (struct ledger_request){.op = LEDGER_SPEND, .account = "b", .other = "a", .amount = 10});
    ck_assert_uint_eq(o.balance, 90);
    ck_assert_str_eq(gained, "a");
    ck_assert_uint_eq(balance("a"), 3);
    ck_assert_uint_eq(balance("transcoder:t"), 7);
    tear_down();
}
END_TEST

START_TEST(what_was_noted_is_paid_when_its_hold_ends)
{
    set_up();
    grant("a", 100, "");
    hold("a", "h1", 60, 60);
    owe(LEDGER_CHARGE, "h1", 7, LEDGER_DEBT_NOTE);
    store->close(store); /* and whoever held it never comes back */
    store = open_store();
    now += 1000;
    expire();
    ck_assert_uint_eq(balance("transcoder:t"), 7);
    ck_assert_uint_eq(balance("a"), 93);
    ask((struct ledger_request){.op = LEDGER_FREEZE, .account = "a"});
    ck_assert_uint_eq(owe(LEDGER_CHARGE, "h1", 9, LEDGER_DEBT_PAY).owed, 2);
    ask((struct ledger_request){.op = LEDGER_THAW, .account = "a"});
    ck_assert_uint_eq(balance("a"), 91);
    tear_down();
}
END_TEST

START_TEST(a_frozen_account_only_takes)
{
    set_up();
    grant("a", 100, "");
    hold("a", "h1", 20, 20);
    ck_assert_int_eq(ask((struct ledger_request){.op = LEDGER_FREEZE, .account = "a"}).err, ERR_OK);
    ck_assert_int_eq(spend("a", 1, "").err, ERR_AUTH);
    ck_assert_int_eq(hold("a", "h2", 1, 0).err, ERR_AUTH);
    ck_assert_int_eq(hold("a", "h1", 30, 0).err, ERR_AUTH);
    ck_assert_uint_eq(credit("a", "r:1", 5).balance, 85);
    ck_assert_uint_eq(cost(LEDGER_RELEASE, "h1", 7).amount, 7);
    store->close(store);
    store = open_store();
    ck_assert_int_eq(spend("a", 1, "").err, ERR_AUTH);
    ck_assert_int_eq(ask((struct ledger_request){.op = LEDGER_THAW, .account = "a"}).err, ERR_OK);
    ck_assert_str_eq(gained, "a");
    ck_assert_int_eq(spend("a", 1, "").err, ERR_OK);
    ck_assert_int_eq(ask((struct ledger_request){.op = LEDGER_FREEZE, .account = "x"}).err,
                     ERR_NOENT);
    tear_down();
}
END_TEST

START_TEST(names_are_checked)
{
    set_up();
    char name[LEDGER_NAME_MAX + 1], key[LEDGER_KEY_MAX + 1];
    memset(name, 'n', sizeof name);
    memset(key, 'k', sizeof key);
    name[LEDGER_NAME_MAX] = key[LEDGER_KEY_MAX] = '\0';
    ck_assert_int_eq(grant(name, 1, "").err, ERR_LIMIT);
    ck_assert_int_eq(grant(name + 1, 1, key).err, ERR_LIMIT);
    ck_assert_int_eq(grant(name + 1, 1, key + 1).err, ERR_OK);
    ck_assert(grant(name + 1, 1, key + 1).again);
    static const char *const bad[] = {"", "a\nb", "a\x7f", "\xff", "a\xc2\x85", "world:me", NULL};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(grant(bad[i], 1, "").err, ERR_LIMIT);
        ck_assert_int_eq(credit(bad[i], "k", 1).err, ERR_LIMIT);
    }
    ck_assert_int_eq(credit("a", "", 1).err, ERR_LIMIT);
    ck_assert_int_eq(credit("a", NULL, 1).err, ERR_LIMIT);
    ck_assert_int_eq(hold("a", "", 1, 0).err, ERR_LIMIT);
    ck_assert_int_eq(grant("viewer:Zoë ✓", 1, "").err, ERR_OK);
    struct ledger_request inside = {
        .op = LEDGER_CREDIT, .account = "a", .other = "b", .key = "k", .total = 1};
    ck_assert_int_eq(ask(inside).err, ERR_LIMIT);
    inside.op = (enum ledger_op)99;
    ck_assert_int_eq(ask(inside).err, ERR_LIMIT);
    tear_down();
}
END_TEST

START_TEST(what_is_rolled_back_never_was)
{
    set_up();
    struct ledger_answer a;
    struct ledger_account *got;
    struct ledger_request r = {.op = LEDGER_GRANT, .account = "new", .key = "g", .amount = 9};
    ck_assert_int_eq(store->begin(store), ERR_OK);
    ck_assert_int_eq(ledger_book_apply(store, &r, now, &a, &got), ERR_OK);
    ck_assert_uint_eq(a.balance, 9);
    store->rollback(store);
    ck_assert_int_eq(account_of("new").id, 0);
    ck_assert(!grant("new", 9, "g").again);
    ck_assert_uint_eq(balance("new"), 9);
    tear_down();
}
END_TEST

static void by_hand(const char *sql)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

START_TEST(what_others_write_is_seen)
{
    set_up();
    grant("a", 10, "");
    struct ledger_store *first = store;
    store = open_store();
    grant("a", 5, "");
    spend("a", 2, "");
    store->close(store);
    store = first;
    ck_assert_uint_eq(spend("a", 13, "").balance, 0);
    tear_down();
}
END_TEST

/* Each of these is a way in which a ledger could be wrong. */
START_TEST(a_ledger_from_before_debts_is_renewed)
{
    set_up();
    grant("a", 100, "");
    store->close(store);
    by_hand("DROP TABLE debts; ALTER TABLE holds DROP COLUMN given; PRAGMA user_version = 1");
    struct ledger_reader *r = NULL;
    char why[LEDGER_WHY_MAX];
    ck_assert_int_eq(ledger_reader_open(path, &r, why), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(why, "start the orchestrator on it once"));
    store = open_store();
    ck_assert_uint_eq(owe(LEDGER_CHARGE, "h", 130, LEDGER_DEBT_PAY).owed, 30);
    store->close(store);
    by_hand("ALTER TABLE holds DROP COLUMN given; PRAGMA user_version = 2");
    store = open_store();
    ck_assert_uint_eq(owe(LEDGER_CHARGE, "h", 131, LEDGER_DEBT_PAY).owed, 31);
    tear_down();
}
END_TEST

START_TEST(the_audit_finds_it)
{
    static const char *const wrong[] = {
        "UPDATE accounts SET free = free + 1 WHERE name = 'a'",
        "UPDATE accounts SET held = held + 1 WHERE name = 'a'",
        "UPDATE accounts SET last = 1 WHERE name = 'a'",
        "UPDATE postings SET free = free + 1 WHERE entry = 2 AND free > 0",
        "UPDATE postings SET prev = 1 WHERE entry = 4",
        "DELETE FROM postings WHERE entry = 2",
        "DELETE FROM entries WHERE id = 2",
        "UPDATE entries SET kind = 77 WHERE id = 2",
        "UPDATE sources SET total = total + 1",
        "UPDATE sources SET account = account + 1",
        "DELETE FROM sources",
        "UPDATE holds SET left = left + 1",
        "DELETE FROM holds",
        "INSERT INTO postings VALUES(99, 1, 0, 0, 0)",
        "UPDATE postings SET account = 77 WHERE entry = 3 AND free < 0",
        "UPDATE debts SET amount = 0",
        "UPDATE debts SET payee = 77",
        "UPDATE debts SET payee = account",
    };
    make_folder();
    store = open_store();
    credit("a", "r:1", 50);
    grant("a", 100, "g");
    spend("a", 10, "");
    hold("a", "h", 20, 0);
    owe(LEDGER_CHARGE, "h", 1, LEDGER_DEBT_NOTE);
    store->close(store);
    audit();
    char copy[256], why[LEDGER_WHY_MAX], said[4096];
    snprintf(copy, sizeof copy, "cp '%s' '%s.kept'", path, path);
    ck_assert_int_eq(system(copy), 0);
    snprintf(copy, sizeof copy, "cp '%s.kept' '%s'", path, path);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct ledger_reader *r;
        struct ledger_audit found;
        ck_assert_int_eq(system(copy), 0);
        by_hand(wrong[i]);
        said[0] = '\0';
        ck_assert_int_eq(ledger_reader_open(path, &r, why), ERR_OK);
        ck_assert_int_eq(ledger_reader_audit(r, say_fault, said, &found), ERR_OK);
        ck_assert_msg(found.faults > 0 && said[0] != '\0', "not found: %s", wrong[i]);
        ledger_reader_close(r);
    }
    remove_folder();
}
END_TEST

UNIT_MAIN("ledger_book", a_source_credits_what_is_new, totals_go_up_to_64_bits,
          a_spend_is_all_or_nothing, a_key_counts_once, a_hold_is_charged_and_released,
          a_hold_takes_what_there_is, a_forgotten_hold_expires, what_was_used_long_ago_is_paid,
          what_is_not_there_is_owed, a_cost_goes_to_several,
          a_cost_that_cannot_go_to_all_goes_to_nobody, a_lease_owes_what_it_was_given,
          leases_that_run_out_owe_little_together, a_present_of_another_account_pays_debts,
          what_was_noted_is_paid_when_its_hold_ends, a_ledger_from_before_debts_is_renewed,
          a_frozen_account_only_takes, names_are_checked, what_is_rolled_back_never_was,
          what_others_write_is_seen, the_audit_finds_it)
