#include "broadcaster/paywall/account.h"

#include <string.h>

#include "tests/support/unit.h"

/* --- a ledger of one account, which loses answers and holds when told to --- */

#define HOLDS_MAX 4096

struct ledger {
    uint64_t balance, earned, debt;
    bool frozen;
    struct {
        uint64_t held, charged;
        bool open, forgotten;
    } holds[HOLDS_MAX];
};

static void ledger_do(struct ledger *l, const struct link_pay_ask *q, uint64_t n,
                      struct link_pay_answer *a)
{
    memset(a, 0, sizeof *a);
    if (q->kind == LINK_PAY_HOLD) {
        uint64_t left = l->holds[n].open ? l->holds[n].held - l->holds[n].charged : 0;
        uint64_t more = q->amount > left ? q->amount - left : 0;
        more = more < l->balance ? more : l->balance;
        if (l->frozen) {
            a->status = LINK_PAY_FROZEN;
        } else if (left + more < q->least) {
            a->status = LINK_PAY_FUNDS;
        } else {
            l->balance -= more;
            l->holds[n].held += more;
            l->holds[n].open = true;
        }
        a->held = l->holds[n].held - l->holds[n].charged;
    } else if (q->kind == LINK_PAY_CHARGE || q->kind == LINK_PAY_RELEASE) {
        if (l->holds[n].forgotten) {
            a->status = LINK_PAY_NO_HOLD;
            a->balance = l->balance;
            return;
        }
        ck_assert(!l->holds[n].open || q->total <= l->holds[n].held);
        ck_assert_uint_ge(q->total, l->holds[n].charged);
        uint64_t cost = q->total - l->holds[n].charged;
        l->debt += l->holds[n].open ? 0 : cost;
        l->earned += l->holds[n].open ? cost : 0;
        l->holds[n].charged = q->total;
        if (l->holds[n].open && q->kind == LINK_PAY_RELEASE) {
            l->balance += l->holds[n].held - q->total;
            l->holds[n].open = false;
        }
        a->held = l->holds[n].open ? l->holds[n].held - q->total : 0;
    }
    uint64_t paid = l->debt < l->balance ? l->debt : l->balance;
    l->debt -= paid;
    l->balance -= paid;
    l->earned += paid;
    a->balance = l->balance;
}

/* Asks all that is due, and answers it; the number of questions. */
static int settle(struct account *a, struct ledger *l, int64_t now_ms, uint64_t *counter)
{
    struct link_pay_ask q;
    struct link_pay_answer answer;
    uint64_t n;
    int asked = 0;
    while (account_next(a, now_ms, counter, &q, &n)) {
        ck_assert_uint_lt(n, HOLDS_MAX);
        ck_assert_int_lt(asked++, 20);
        ledger_do(l, &q, n, &answer);
        account_answered(a, &answer, now_ms);
    }
    return asked;
}

static struct ledger ledger;
static struct account account;
static uint64_t counter;

static void start(uint64_t balance, uint64_t preview)
{
    memset(&ledger, 0, sizeof ledger);
    ledger.balance = balance;
    counter = 0;
    account_init(&account, preview);
}

static enum account_verdict pay(uint64_t cost, int64_t now_ms)
{
    enum account_verdict v = account_reserve(&account, cost, now_ms);
    if (v == ACCOUNT_PAID) {
        account_keep(&account, cost, now_ms);
    }
    return v;
}

START_TEST(leases_and_pays)
{
    start(1000, 0);
    ck_assert_int_eq(pay(10, 1), ACCOUNT_WAIT);
    ck_assert_int_eq(settle(&account, &ledger, 1, &counter), 1);
    ck_assert_uint_eq(ledger.balance, 960);
    ck_assert_int_eq(pay(10, 2), ACCOUNT_PAID);
    ck_assert_uint_eq(account_total(&account), 990);
    for (int i = 0; i < 98; i++) {
        int64_t now_ms = 10 + i * 1000;
        settle(&account, &ledger, now_ms, &counter);
        ck_assert_int_eq(pay(10, now_ms), ACCOUNT_PAID);
    }
    settle(&account, &ledger, 100000, &counter);
    ck_assert_int_eq(pay(10, 100000), ACCOUNT_PAID);
    settle(&account, &ledger, 100000, &counter);
    ck_assert_int_eq(pay(1, 100001), ACCOUNT_EMPTY);
    ck_assert_uint_eq(ledger.earned, 1000);
    ck_assert_uint_eq(account_missing(&account, 10), 10);
    ck_assert(!account_due(&account, 100001));
    ledger.balance = 5;
    account_news(&account, 5, 100002);
    ck_assert_int_eq(settle(&account, &ledger, 100002, &counter), 1);
    ck_assert_int_eq(pay(5, 100003), ACCOUNT_PAID);
}
END_TEST

START_TEST(the_last_unit_can_be_spent)
{
    start(10, 0);
    ck_assert_int_eq(pay(10, 1), ACCOUNT_WAIT);
    settle(&account, &ledger, 1, &counter);
    ck_assert_int_eq(pay(10, 1), ACCOUNT_PAID);
    settle(&account, &ledger, 1, &counter);
    ck_assert_uint_eq(ledger.earned, 10);
    ck_assert(account_idle(&account));
}
END_TEST

START_TEST(previews_are_spent_first)
{
    start(100, 25);
    ck_assert_int_eq(pay(10, 1), ACCOUNT_PAID);
    ck_assert_int_eq(pay(10, 1), ACCOUNT_PAID);
    ck_assert_int_eq(settle(&account, &ledger, 1, &counter), 0);
    ck_assert_int_eq(pay(10, 1), ACCOUNT_WAIT);
    settle(&account, &ledger, 1, &counter);
    ck_assert_int_eq(pay(10, 1), ACCOUNT_PAID);
    settle(&account, &ledger, ACCOUNT_IDLE_MS + 1, &counter);
    ck_assert_uint_eq(ledger.earned, 5);
    ck_assert_uint_eq(ledger.balance, 95);
    ck_assert(account_idle(&account));
}
END_TEST

START_TEST(what_was_not_sent_is_not_billed)
{
    start(100, 0);
    account_reserve(&account, 40, 1);
    settle(&account, &ledger, 1, &counter);
    ck_assert_int_eq(account_reserve(&account, 40, 1), ACCOUNT_PAID);
    account_keep(&account, 15, 2);
    account_give_back(&account, 25);
    settle(&account, &ledger, 2 + ACCOUNT_IDLE_MS, &counter);
    ck_assert_uint_eq(ledger.earned, 15);
    ck_assert_uint_eq(ledger.balance, 85);
}
END_TEST

START_TEST(a_small_want_does_not_starve_behind_a_large_one)
{
    start(5, 0);
    ck_assert_int_eq(account_reserve(&account, 10, 1), ACCOUNT_WAIT);
    settle(&account, &ledger, 1, &counter);
    ck_assert_int_eq(account_reserve(&account, 10, 1), ACCOUNT_EMPTY);
    ck_assert_int_eq(account_reserve(&account, 3, 1), ACCOUNT_WAIT);
    ck_assert_int_eq(settle(&account, &ledger, 1, &counter), 1);
    ck_assert_int_eq(pay(3, 1), ACCOUNT_PAID);
}
END_TEST

START_TEST(frozen_and_away)
{
    struct link_pay_ask q;
    uint64_t n;
    start(100, 0);
    ledger.frozen = true;
    ck_assert_int_eq(pay(10, 1), ACCOUNT_WAIT);
    settle(&account, &ledger, 1, &counter);
    ck_assert_int_eq(pay(10, 2), ACCOUNT_FROZEN);
    ledger.frozen = false;
    start(100, 0);
    ck_assert_int_eq(pay(10, 1), ACCOUNT_WAIT);
    ck_assert(account_next(&account, 1, &counter, &q, &n));
    uint64_t asked = n;
    const struct link_pay_answer away = {.status = LINK_PAY_UNAVAILABLE};
    ck_assert(account_answered(&account, &away, 2));
    ck_assert_int_eq(pay(10, 3), ACCOUNT_AWAY);
    ck_assert(!account_next(&account, 3, &counter, &q, &n));
    ck_assert(account_next(&account, 3 + ACCOUNT_RETRY_MS, &counter, &q, &n));
    ck_assert_uint_eq(n, asked); /* it may have been set aside all the same */
    struct link_pay_answer a;
    ledger_do(&ledger, &q, n, &a);
    account_answered(&account, &a, 4 + ACCOUNT_RETRY_MS);
    ck_assert_int_eq(pay(10, 5 + ACCOUNT_RETRY_MS), ACCOUNT_PAID);
}
END_TEST

START_TEST(a_lease_that_ended_is_paid_by_the_next_one)
{
    start(1000, 0);
    account_reserve(&account, 10, 1);
    settle(&account, &ledger, 1, &counter);
    ck_assert_int_eq(pay(10, 1), ACCOUNT_PAID);
    ledger.balance += ledger.holds[1].held;
    ledger.holds[1].open = false;
    ledger.holds[1].forgotten = true;
    settle(&account, &ledger, 1 + ACCOUNT_CHARGE_MS, &counter);
    ck_assert_int_eq(pay(10, 2 + ACCOUNT_CHARGE_MS), ACCOUNT_PAID);
    account_close(&account);
    settle(&account, &ledger, 3 + ACCOUNT_CHARGE_MS, &counter);
    ck_assert_uint_eq(ledger.earned, 20);
    ck_assert_uint_eq(ledger.balance, 980);
}
END_TEST

/* The ledger was away for so long that it has forgotten the lease, and the viewer does not come
 * back: what he has pays for it all the same. */
START_TEST(what_is_owed_is_paid_without_him)
{
    start(1000, 0);
    account_reserve(&account, 10, 1);
    settle(&account, &ledger, 1, &counter);
    ck_assert_int_eq(pay(10, 1), ACCOUNT_PAID);
    ledger.balance += ledger.holds[1].held;
    ledger.holds[1].open = false;
    ledger.holds[1].forgotten = true;
    int64_t now_ms = 31 * (int64_t)86400000;
    settle(&account, &ledger, now_ms, &counter);
    ck_assert_uint_eq(ledger.earned, 10);
    ck_assert_uint_eq(ledger.balance, 990);
    ck_assert(account_idle(&account));
    ck_assert_uint_eq(account_unpaid(&account), 0);
}
END_TEST

/* It ran out while the ledger was away, and the money in it went elsewhere. */
START_TEST(a_lease_that_ran_out_is_spent_no_further)
{
    start(40, 0);
    account_reserve(&account, 10, 1);
    settle(&account, &ledger, 1, &counter);
    ck_assert_int_eq(pay(10, 1), ACCOUNT_PAID);
    ck_assert_uint_eq(account_credit(&account), 30);
    ledger.holds[1].open = false;
    ledger.balance = 15;
    settle(&account, &ledger, 1 + ACCOUNT_CHARGE_MS, &counter);
    ck_assert_uint_eq(ledger.earned, 10);
    ck_assert_uint_eq(account_credit(&account), 5); /* leased anew */
    ck_assert_int_eq(pay(10, 2 + ACCOUNT_CHARGE_MS), ACCOUNT_EMPTY);
    ck_assert_int_eq(pay(5, 2 + ACCOUNT_CHARGE_MS), ACCOUNT_PAID);
    account_close(&account);
    settle(&account, &ledger, 3 + ACCOUNT_CHARGE_MS, &counter);
    ck_assert_uint_eq(ledger.earned, 15);
    ck_assert_uint_eq(ledger.debt, 0);
}
END_TEST

/* What is lost with this program: what was not told. */
START_TEST(what_is_spent_is_told_soon)
{
    start(100000, 0);
    account_reserve(&account, 10, 1);
    settle(&account, &ledger, 1, &counter);
    ck_assert_int_eq(pay(10, 5000), ACCOUNT_PAID); /* of a segment: at once */
    settle(&account, &ledger, 5000, &counter);
    ck_assert_uint_eq(ledger.earned, 10);
    ck_assert_int_eq(pay(10, 5001), ACCOUNT_PAID);
    settle(&account, &ledger, 5002 + ACCOUNT_SOON_MS, &counter);
    ck_assert_uint_eq(ledger.earned, 10);
    ck_assert_int_eq(pay(1, 5003 + ACCOUNT_SOON_MS), ACCOUNT_PAID);
    settle(&account, &ledger, 5003 + ACCOUNT_SOON_MS, &counter); /* more than a segment */
    ck_assert_uint_eq(ledger.earned, 21);
    ck_assert_int_eq(pay(1, 5003 + ACCOUNT_SOON_MS), ACCOUNT_PAID);
    settle(&account, &ledger, 5003 + ACCOUNT_SOON_MS + ACCOUNT_CHARGE_MS, &counter);
    ck_assert_uint_eq(ledger.earned, 22);
}
END_TEST

/* The ledger is told at once, and nobody has to come back for that. */
START_TEST(what_was_sent_after_its_lease_went_back_is_paid)
{
    start(100, 0);
    account_reserve(&account, 20, 1);
    settle(&account, &ledger, 1, &counter);
    ck_assert_int_eq(account_reserve(&account, 20, 1), ACCOUNT_PAID);
    account_close(&account);
    settle(&account, &ledger, 2, &counter);
    ck_assert_uint_eq(ledger.balance, 100);
    account_keep(&account, 15, 3);
    account_give_back(&account, 5);
    ck_assert(!account_idle(&account));
    ck_assert(account_due(&account, 3));
    ck_assert_uint_eq(account_unpaid(&account), 15);
    settle(&account, &ledger, 3, &counter);
    ck_assert(account_idle(&account));
    ck_assert_uint_eq(account_unpaid(&account), 0);
    ck_assert_uint_eq(ledger.earned, 15);
    ck_assert_uint_eq(ledger.balance, 85);
}
END_TEST

static uint64_t seed;

static uint64_t draw(uint64_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % n;
}

/* Each lease is in use by somebody who is slow: there is money for the next one all the same. */
START_TEST(who_is_slow_keeps_nobody_waiting)
{
    start(100000, 0);
    int64_t now_ms = 1;
    for (int i = 0; i < 500; i++) {
        now_ms += 3000;
        enum account_verdict v = account_reserve(&account, 10, now_ms);
        settle(&account, &ledger, now_ms, &counter);
        ck_assert(v == ACCOUNT_WAIT || v == ACCOUNT_PAID);
        ck_assert(v == ACCOUNT_PAID || account_reserve(&account, 10, now_ms) == ACCOUNT_PAID);
    }
    ck_assert_uint_eq(account.n_leases, ACCOUNT_LEASES);
    account_keep(&account, 4000, now_ms);
    account_give_back(&account, 1000);
    for (int i = 0; i < 3; i++) {
        now_ms += ACCOUNT_IDLE_MS;
        settle(&account, &ledger, now_ms, &counter);
    }
    ck_assert(account_idle(&account));
    ck_assert_uint_eq(ledger.earned, 4000);
    ck_assert_uint_eq(ledger.balance, 96000);
}
END_TEST

/* A raise that was done and not heard of; one that there is too little for; one while it closes. */
START_TEST(a_raise_may_be_lost)
{
    struct link_pay_ask q;
    uint64_t n;
    start(200, 0);
    int64_t now_ms = 1;
    while (account.n_leases < ACCOUNT_LEASES || account_credit(&account) >= 10) {
        now_ms += 3000;
        (void)account_reserve(&account, 10, now_ms);
        if (account.n_leases < ACCOUNT_LEASES) {
            settle(&account, &ledger, now_ms, &counter);
        }
    }
    uint64_t reserved = account.reserved, before = ledger.balance;
    ck_assert_int_eq(account_reserve(&account, 10, now_ms), ACCOUNT_WAIT);
    ck_assert(account_next(&account, now_ms, &counter, &q, &n));
    ck_assert_int_eq(q.kind, LINK_PAY_HOLD);
    ck_assert_uint_eq(n, account.leases[ACCOUNT_LEASES - 1].n);
    struct link_pay_answer a;
    ledger_do(&ledger, &q, n, &a);
    ck_assert_uint_lt(ledger.balance, before);
    before = ledger.balance;
    account_answered(&account, &(struct link_pay_answer){.status = LINK_PAY_UNAVAILABLE}, now_ms);
    now_ms += ACCOUNT_RETRY_MS;
    ck_assert(account_next(&account, now_ms, &counter, &q, &n));
    ledger_do(&ledger, &q, n, &a);
    ck_assert_uint_eq(ledger.balance, before); /* the same again takes nothing */
    account_answered(&account, &a, now_ms);
    ck_assert_int_eq(account_reserve(&account, 10, now_ms), ACCOUNT_PAID);
    now_ms += ACCOUNT_FRESH_MS;
    ck_assert_int_eq(account_reserve(&account, 190, now_ms), ACCOUNT_WAIT);
    ck_assert(account_next(&account, now_ms, &counter, &q, &n));
    ledger_do(&ledger, &q, n, &a);
    ck_assert_int_eq(a.status, LINK_PAY_FUNDS);
    account_answered(&account, &a, now_ms);
    ck_assert_int_eq(account_reserve(&account, 190, now_ms), ACCOUNT_EMPTY);
    account_keep(&account, reserved + 10, now_ms);
    account_close(&account);
    settle(&account, &ledger, now_ms, &counter);
    ck_assert(account_settled(&account));
    ck_assert_uint_eq(ledger.earned, reserved + 10);
    ck_assert_uint_eq(ledger.earned + ledger.balance, 200);
}
END_TEST

/* A lease is made for all who wait, within reason. */
START_TEST(a_lease_does_for_all_who_wait)
{
    start(100000, 0);
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(account_reserve(&account, 10, 1), ACCOUNT_WAIT);
        account_wait(&account, 10);
    }
    ck_assert_int_eq(settle(&account, &ledger, 1, &counter), 1);
    ck_assert_uint_ge(account_credit(&account), 3000);
    account_wait(&account, UINT64_MAX);
    ck_assert_int_eq(account_reserve(&account, 5000, 2), ACCOUNT_WAIT);
    account_wait(&account, 5000);
    settle(&account, &ledger, 2, &counter);
    ck_assert_int_eq(account_reserve(&account, 5000, 2), ACCOUNT_PAID);
}
END_TEST

/* Whatever comes: what is earned is what was kept, and nothing is spent that was not there. */
START_TEST(sums_are_right_at_the_end)
{
    for (uint64_t round = 1; round <= 300; round++) {
        seed = round;
        uint64_t money = draw(5000), preview = draw(3) * 50, kept = 0, open = 0, asked = 0;
        start(money, preview);
        int64_t now_ms = 1;
        for (int step = 0; step < 300; step++) {
            uint64_t cost = draw(60), part;
            struct link_pay_ask q;
            struct link_pay_answer a = {.status = LINK_PAY_UNAVAILABLE};
            now_ms += (int64_t)draw(draw(10) == 0 ? 30000 : 900);
            if (draw(40) == 0) {
                account_close(&account);
            }
            switch (draw(6)) {
            case 0:
            case 1:
                if (account_reserve(&account, cost, now_ms) == ACCOUNT_PAID) {
                    open += cost;
                } else if (draw(2) == 0) {
                    account_wait(&account, cost);
                }
                break;
            case 2:
                part = draw(open + 1);
                account_keep(&account, part, now_ms);
                kept += part;
                open -= part;
                break;
            case 3:
                part = draw(open + 1);
                account_give_back(&account, part);
                open -= part;
                break;
            case 4:
                if (draw(4) == 0) {
                    part = draw(200);
                    money += part;
                    ledger.balance += part;
                    account_news(&account, ledger.balance, now_ms);
                }
                break;
            default: /* an answer is lost before or behind the ledger */
                if (account_next(&account, now_ms, &counter, &q, &asked)) {
                    if (draw(2) == 0) {
                        ledger_do(&ledger, &q, asked, &a);
                    }
                    a.status = LINK_PAY_UNAVAILABLE;
                    account_answered(&account, &a, now_ms);
                }
            }
            if (draw(3) > 0) {
                settle(&account, &ledger, now_ms, &counter);
            }
            ck_assert_uint_le(kept + open, money + preview);
        }
        account_give_back(&account, open);
        for (int i = 0; i < 5; i++) {
            now_ms += ACCOUNT_IDLE_MS + ACCOUNT_RETRY_MS;
            settle(&account, &ledger, now_ms, &counter);
        }
        ck_assert(account_idle(&account));
        ck_assert_uint_eq(ledger.debt, 0);
        ck_assert_uint_eq(ledger.earned + (preview - account.preview), kept);
        ck_assert_uint_eq(ledger.earned + ledger.balance, money);
    }
}
END_TEST

static void answer_of(struct account *a, enum link_pay_kind kind, struct link_pay_answer answer,
                      int64_t now_ms)
{
    struct link_pay_ask q;
    uint64_t n, counter = 100;
    ck_assert(account_next(a, now_ms, &counter, &q, &n));
    ck_assert_int_eq(q.kind, kind);
    (void)account_answered(a, &answer, now_ms);
}

/* Its charge came through, the answer to that did not; then nothing for so long that it expired. */
START_TEST(what_an_expired_lease_has_paid_is_not_owed)
{
    struct account a;
    int64_t now_ms = 1000;
    account_init(&a, 0);
    ck_assert_int_eq(account_reserve(&a, 10, now_ms), ACCOUNT_WAIT);
    answer_of(&a, LINK_PAY_HOLD, (struct link_pay_answer){.held = 100, .balance = 900}, now_ms);
    ck_assert_int_eq(account_reserve(&a, 30, now_ms), ACCOUNT_PAID);
    account_keep(&a, 30, now_ms);
    now_ms += ACCOUNT_CHARGE_MS;
    answer_of(&a, LINK_PAY_CHARGE, (struct link_pay_answer){.status = LINK_PAY_UNAVAILABLE},
              now_ms);
    ck_assert_int_eq(account_reserve(&a, 20, now_ms), ACCOUNT_PAID);
    account_keep(&a, 20, now_ms);
    now_ms += ACCOUNT_CHARGE_MS;
    answer_of(&a, LINK_PAY_CHARGE,
              (struct link_pay_answer){.status = LINK_PAY_NO_HOLD, .amount = 30}, now_ms);
    ck_assert_uint_eq(a.debt, 20);
    ck_assert_uint_eq(a.n_leases, 0);
}
END_TEST

/* It went back, and the answer to that was lost for longer than the ledger knows of it. */
START_TEST(what_went_back_is_not_paid_twice)
{
    for (int64_t days = 2; days <= 31; days += 29) {
        struct account a;
        int64_t now_ms = 1000;
        account_init(&a, 0);
        ck_assert_int_eq(account_reserve(&a, 100, now_ms), ACCOUNT_WAIT);
        answer_of(&a, LINK_PAY_HOLD, (struct link_pay_answer){.held = 100, .balance = 900}, now_ms);
        ck_assert_int_eq(account_reserve(&a, 100, now_ms), ACCOUNT_PAID);
        account_keep(&a, 100, now_ms);
        account_close(&a);
        for (int64_t d = 0; d < days; d++) {
            answer_of(&a, LINK_PAY_RELEASE,
                      (struct link_pay_answer){.status = LINK_PAY_UNAVAILABLE}, now_ms);
            now_ms += 86400000;
        }
        answer_of(&a, LINK_PAY_RELEASE, (struct link_pay_answer){.status = LINK_PAY_NO_HOLD},
                  now_ms);
        ck_assert_uint_eq(a.n_leases, 0);
        ck_assert_uint_eq(a.debt, days == 2 ? 0 : 100);
    }
}
END_TEST

/* The answer to the first question was lost, and by the second one more is wanted than there is. */
START_TEST(what_is_set_aside_already_is_not_left_behind)
{
    struct account a;
    int64_t now_ms = 1000;
    account_init(&a, 0);
    ck_assert_int_eq(account_reserve(&a, 10, now_ms), ACCOUNT_WAIT);
    answer_of(&a, LINK_PAY_HOLD, (struct link_pay_answer){.status = LINK_PAY_UNAVAILABLE}, now_ms);
    now_ms += ACCOUNT_RETRY_MS;
    ck_assert_int_eq(account_reserve(&a, 70, now_ms), ACCOUNT_WAIT);
    answer_of(&a, LINK_PAY_HOLD, (struct link_pay_answer){.status = LINK_PAY_FUNDS, .held = 40},
              now_ms);
    ck_assert_uint_eq(account_credit(&a), 40);
    ck_assert_uint_eq(account_total(&a), 40);
    ck_assert_int_eq(account_reserve(&a, 70, now_ms), ACCOUNT_EMPTY);
    ck_assert_int_eq(account_reserve(&a, 10, now_ms), ACCOUNT_PAID);
}
END_TEST

UNIT_MAIN("account", what_is_owed_is_paid_without_him, what_went_back_is_not_paid_twice,
          what_is_set_aside_already_is_not_left_behind, what_an_expired_lease_has_paid_is_not_owed,
          a_lease_that_ran_out_is_spent_no_further, leases_and_pays, the_last_unit_can_be_spent,
          previews_are_spent_first, what_was_not_sent_is_not_billed,
          a_small_want_does_not_starve_behind_a_large_one, frozen_and_away,
          a_lease_that_ended_is_paid_by_the_next_one, what_is_spent_is_told_soon,
          what_was_sent_after_its_lease_went_back_is_paid, who_is_slow_keeps_nobody_waiting,
          a_raise_may_be_lost, a_lease_does_for_all_who_wait, sums_are_right_at_the_end)
