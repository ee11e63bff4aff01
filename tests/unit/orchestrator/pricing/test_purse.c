#include <stdio.h>
#include <string.h>

#include "orchestrator/pricing/purse.h"
#include "tests/support/unit.h"

#define PAYEES 5
#define STEPS  4000

/* As the ledger does it. */
struct bank {
    uint64_t balance, hold, total, paid[PAYEES], noted[PAYEES];
    uint32_t number;
};

static const struct tariff dear = {1000, 1};
static const struct tariff fine = {7, 1000}; /* most pixels cost a fraction */

static uint64_t seed;
static uint64_t gave_back; /* in all lives */

/* What becomes of notes and payments. Lost: it is done, and the purse hears that it is not. */
static enum { IS_DONE, IS_REFUSED, IS_LOST } answers;
static uint64_t unheard; /* noted, which the purse does not know */

static uint32_t rnd(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static uint64_t noted_by(const struct bank *b)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < PAYEES; i++) {
        sum += b->noted[i];
    }
    return sum;
}

/* As far as it goes. */
static void pay(struct bank *b, uint64_t *from)
{
    for (size_t i = 0; i < PAYEES; i++) {
        uint64_t n = b->noted[i] < *from ? b->noted[i] : *from;
        b->noted[i] -= n;
        b->paid[i] += n;
        *from -= n;
    }
}

/* Of what is due the last that are new; so many. */
static uint64_t note(const struct purse *p, struct bank *b, uint64_t total)
{
    uint64_t sum = 0, more = total > b->total ? total - b->total : 0;
    for (size_t i = 0; i < p->n_asked; i++) {
        sum += p->due[i].amount;
    }
    ck_assert_uint_ge(sum, more);
    uint64_t counted = sum - more;
    for (size_t i = 0; i < p->n_asked; i++) {
        uint64_t amount = p->due[i].amount, before = amount < counted ? amount : counted;
        counted -= before;
        b->noted[p->due[i].payee[0] - 'a'] += amount - before;
    }
    b->total += more;
    return more;
}

/* Answers one question, if there is one. False: there was none. */
static bool answer(struct purse *p, struct bank *b, int64_t now_ms, bool all)
{
    uint64_t amount = 0;
    const char *payee = "";
    switch (purse_next(p, now_ms, all, &amount, &payee)) {
    case PURSE_HOLD: {
        if (p->hold != b->number) { /* the former one has run out */
            b->number = p->hold;
            b->total = 0;
        }
        pay(b, &b->balance);
        uint64_t more = amount > b->hold ? amount - b->hold : 0;
        more = more < b->balance ? more : b->balance;
        b->balance -= more;
        b->hold += more;
        purse_hold_answered(p, true, b->hold, noted_by(b));
        return true;
    }
    case PURSE_NOTE:
        if (answers != IS_REFUSED) {
            unheard += note(p, b, amount);
        }
        unheard = answers == IS_DONE ? 0 : unheard;
        purse_charge_answered(p, answers == IS_DONE, b->hold, noted_by(b));
        return true;
    case PURSE_PAY:
        ck_assert_uint_eq(amount, b->total);
        if (answers != IS_REFUSED) {
            pay(b, &b->hold);
            pay(b, &b->balance);
        }
        purse_charge_answered(p, answers == IS_DONE, b->hold, noted_by(b));
        return true;
    case PURSE_BACK: {
        uint64_t *paid = &b->paid[payee[0] - 'a'];
        bool has = *paid >= amount;
        *paid -= has ? amount : 0;
        b->balance += has ? amount : 0;
        purse_back_answered(p, has, now_ms);
        return true;
    }
    case PURSE_NOTHING:
        break;
    }
    return false;
}

START_TEST(costs_are_exact)
{
    ck_assert_uint_eq(tariff_cost(&fine, 999), 6);
    ck_assert_uint_eq(tariff_cost(&fine, 1000), 7);
    ck_assert_uint_eq(tariff_cost(&dear, UINT64_MAX), UINT64_MAX);
    ck_assert_uint_eq(tariff_cost(&(struct tariff){3, 3}, UINT64_MAX), UINT64_MAX);
}
END_TEST

START_TEST(pixels_are_charged_to_the_last_fraction)
{
    struct purse p;
    struct bank b = {.balance = 1000000};
    purse_init(&p, "broadcaster:x", &fine, 0);
    ck_assert(purse_reserve(&p, 100000, 1));
    ck_assert(answer(&p, &b, 0, false));
    for (int i = 0; i < 1000; i++) {
        purse_earn(&p, i % 2 ? "a" : "b", 100); /* 0.7 each */
    }
    purse_release(&p, 100000);
    ck_assert(answer(&p, &b, PURSE_NOTE_MS, false)); /* of each payee */
    ck_assert(!answer(&p, &b, PURSE_NOTE_MS, false));
    ck_assert_uint_eq(b.noted[0] + b.noted[1], 700);
    ck_assert_uint_eq(p.owed, 0);
    ck_assert_uint_eq(p.noted, 700);
    ck_assert(answer(&p, &b, PURSE_PAY_MS, false)); /* and for all of them */
    ck_assert_uint_eq(b.paid[0] + b.paid[1], 700);
    ck_assert_uint_eq(p.noted, 0);
    purse_fini(&p);
}
END_TEST

START_TEST(an_empty_account_takes_no_job_until_money_comes)
{
    struct purse p;
    struct bank b = {.balance = 500};
    purse_init(&p, "broadcaster:x", &dear, 0);
    ck_assert(purse_reserve(&p, 1, 1)); /* nothing is known yet */
    ck_assert(!purse_is_over(&p));
    ck_assert(answer(&p, &b, 0, false));
    ck_assert(purse_is_over(&p));
    purse_release(&p, 1);
    ck_assert(!purse_is_over(&p));
    ck_assert(!purse_reserve(&p, 1, 5));
    ck_assert(!answer(&p, &b, 10, false)); /* not again at once */
    b.balance += 5000;
    purse_news(&p);
    ck_assert(answer(&p, &b, 20, false));
    ck_assert(purse_reserve(&p, 1, 25));
    ck_assert(!purse_is_over(&p));
    purse_fini(&p);
}
END_TEST

/* Several streams may come at once, before the ledger has said that there is enough. */
START_TEST(jobs_are_trusted_while_the_ledger_is_asked_and_not_for_long)
{
    struct purse p;
    struct bank b = {.balance = 1000000};
    purse_init(&p, "broadcaster:x", &dear, 0);
    ck_assert(answer(&p, &b, 0, false)); /* nothing is wanted yet */
    for (int i = 0; i < 20; i++) {
        ck_assert(purse_reserve(&p, 10, 100));
    }
    ck_assert(answer(&p, &b, 110, false));
    ck_assert(!purse_is_over(&p));
    for (int i = 0; i < 100; i++) {
        ck_assert(purse_reserve(&p, 1, 200));
    }
    ck_assert(purse_reserve(&p, 1, 200 + PURSE_TRUST_MS)); /* and the ledger is silent */
    ck_assert(!purse_reserve(&p, 1, 202 + PURSE_TRUST_MS));
    ck_assert(answer(&p, &b, 203 + PURSE_TRUST_MS, false));
    ck_assert(purse_reserve(&p, 1, 204 + PURSE_TRUST_MS));
    purse_fini(&p);
}
END_TEST

/* It has enough for a job, and not for all that might come. */
START_TEST(who_has_little_is_not_asked_all_the_time)
{
    struct purse p;
    struct bank b = {.balance = 5000};
    purse_init(&p, "broadcaster:x", &dear, 0);
    ck_assert(purse_reserve(&p, 1, 1));
    ck_assert(answer(&p, &b, 1, false));
    ck_assert(!purse_is_over(&p));
    ck_assert(!p.empty);
    ck_assert(!answer(&p, &b, PURSE_RETRY_MS, false));
    ck_assert(purse_reserve(&p, 1, PURSE_RETRY_MS));
    b.balance += 50000;
    ck_assert(answer(&p, &b, PURSE_RETRY_MS + 1, false));
    ck_assert(!answer(&p, &b, 3 * PURSE_RETRY_MS, false)); /* now it has enough */
    purse_fini(&p);
}
END_TEST

/* The ledger has given what it was asked for: that is no sign of an empty account. */
START_TEST(jobs_that_came_while_the_ledger_was_asked_stay)
{
    struct purse p;
    struct bank b = {.balance = 1000000};
    uint64_t amount = 0;
    const char *payee = "";
    purse_init(&p, "broadcaster:x", &dear, 0);
    ck_assert(purse_reserve(&p, 1, 1));
    ck_assert_int_eq(purse_next(&p, 1, false, &amount, &payee), PURSE_HOLD);
    for (int i = 0; i < 40; i++) {
        ck_assert(purse_reserve(&p, 1, 2));
    }
    b.balance -= amount;
    b.hold = amount;
    purse_hold_answered(&p, true, amount, 0);
    ck_assert(!purse_is_over(&p));
    ck_assert(!p.empty);
    ck_assert(answer(&p, &b, 3, false)); /* at once */
    ck_assert_uint_ge(p.held, p.reserved);
    ck_assert(!purse_is_over(&p));
    purse_fini(&p);
}
END_TEST

START_TEST(jobs_outlive_a_hold_that_ran_out)
{
    struct purse p;
    struct bank b = {.balance = 1000000};
    purse_init(&p, "broadcaster:x", &dear, 0);
    ck_assert(purse_reserve(&p, 10, 1));
    ck_assert(answer(&p, &b, 1, false));
    b.balance = 5000;
    b.hold = 0;
    purse_hold_lost(&p);
    ck_assert(!purse_is_over(&p)); /* it is asked anew first */
    ck_assert(answer(&p, &b, 2, false));
    ck_assert(purse_is_over(&p)); /* and now it has less */
    purse_fini(&p);
}
END_TEST

/* What was short for a moment says nothing of the next job. */
START_TEST(a_job_that_went_is_not_held_against_the_next_one)
{
    struct purse p;
    purse_init(&p, "broadcaster:x", &dear, 0);
    purse_hold_answered(&p, true, 1000000, 0);
    ck_assert(purse_reserve(&p, 2000, 100));
    purse_release(&p, 2000);
    ck_assert(purse_reserve(&p, 3000, 200 + 2 * PURSE_TRUST_MS));
    purse_fini(&p);
}
END_TEST

START_TEST(a_hold_that_ran_out_loses_nothing_that_is_owed)
{
    struct purse p;
    struct bank b = {.balance = 1000000};
    purse_init(&p, "broadcaster:x", &dear, 0);
    ck_assert(purse_reserve(&p, 10, 1));
    ck_assert(answer(&p, &b, 0, false));
    purse_earn(&p, "a", 3);
    while (answer(&p, &b, 2000, false)) {
    }
    purse_earn(&p, "a", 4);
    uint64_t amount;
    const char *payee;
    ck_assert_int_eq(purse_next(&p, 4000, true, &amount, &payee), PURSE_NOTE);
    b.balance += b.hold;
    b.hold = 0;
    purse_hold_lost(&p);
    while (answer(&p, &b, 9000, true)) {
    }
    ck_assert_uint_eq(b.paid[0], 7000);
    purse_fini(&p);
}
END_TEST

static void earn_each(struct purse *p, uint64_t pixels)
{
    for (int i = 0; i < PURSE_DUE_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        purse_earn(p, name, pixels);
    }
}

static void is_due_to_each(const struct purse *p, uint64_t amount)
{
    ck_assert_uint_eq(p->n_asked, PURSE_DUE_MAX);
    for (int i = 0; i < PURSE_DUE_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        ck_assert_str_eq(p->due[i].payee, name);
        ck_assert_uint_eq(p->due[i].amount, amount);
    }
}

/* All in one question, which stays the same until it is answered; what they make meanwhile is the
 * next one. */
START_TEST(each_of_many_payees_is_paid_by_itself)
{
    const uint64_t first = 1000 * (uint64_t)PURSE_DUE_MAX;
    struct purse p;
    uint64_t amount = 0;
    const char *payee = "";
    purse_init(&p, "broadcaster:x", &dear, 0);
    ck_assert_int_eq(purse_next(&p, 0, true, &amount, &payee), PURSE_HOLD);
    purse_hold_answered(&p, true, INT64_MAX, 0);
    earn_each(&p, 1);
    ck_assert_int_eq(purse_next(&p, PURSE_NOTE_MS, true, &amount, &payee), PURSE_NOTE);
    ck_assert_uint_eq(amount, first);
    is_due_to_each(&p, 1000);
    earn_each(&p, 3);
    purse_charge_answered(&p, false, 0, 0);
    earn_each(&p, 4);
    ck_assert_int_eq(purse_next(&p, 2 * PURSE_RETRY_MS, true, &amount, &payee), PURSE_NOTE);
    ck_assert_uint_eq(amount, first);
    is_due_to_each(&p, 1000);
    purse_charge_answered(&p, true, INT64_MAX, 0);
    ck_assert_int_eq(purse_next(&p, 3 * PURSE_RETRY_MS, true, &amount, &payee), PURSE_NOTE);
    ck_assert_uint_eq(amount, 8 * first);
    is_due_to_each(&p, 7000);
    purse_charge_answered(&p, true, INT64_MAX, 0);
    ck_assert_uint_eq(p.owed, 0);
    ck_assert_uint_eq(p.n_due, 0);
    purse_fini(&p);
}
END_TEST

/* The last place takes what has none of its own. */
START_TEST(with_too_many_payees_no_money_is_lost)
{
    struct purse p;
    struct bank b = {.balance = INT64_MAX};
    purse_init(&p, "broadcaster:x", &dear, 0);
    ck_assert(purse_reserve(&p, 10 * PURSE_DUE_MAX, 1));
    ck_assert(answer(&p, &b, 0, false));
    for (int i = 0; i < 2 * PURSE_DUE_MAX; i++) {
        char payee[16];
        snprintf(payee, sizeof payee, "a%d", i);
        purse_earn(&p, payee, 1);
    }
    ck_assert_uint_eq(p.n_due, PURSE_DUE_MAX);
    while (answer(&p, &b, 2000, true)) {
    }
    while (answer(&p, &b, 4000, true)) {
    }
    ck_assert_uint_eq(b.paid[0], 2 * PURSE_DUE_MAX * 1000);
    purse_fini(&p);
}
END_TEST

/* Who owes more than there is gets no job, until it is paid. */
START_TEST(with_a_debt_no_job_opens)
{
    struct purse p;
    struct bank b = {.balance = 4000};
    purse_init(&p, "broadcaster:x", &dear, 0);
    ck_assert(purse_reserve(&p, 6, 1)); /* nothing is known yet */
    purse_earn(&p, "a", 6);
    while (answer(&p, &b, 500, false)) {
    }
    purse_release(&p, 6);
    while (answer(&p, &b, 2 * PURSE_PAY_MS, false)) {
    }
    ck_assert_uint_eq(b.paid[0], 4000);
    ck_assert_uint_eq(p.noted, 2000);
    ck_assert(!purse_reserve(&p, 1, 3 * PURSE_PAY_MS));
    b.balance = 50000;
    purse_news(&p);
    while (answer(&p, &b, 4 * PURSE_PAY_MS, false)) {
    }
    ck_assert_uint_eq(b.paid[0], 6000);
    ck_assert(purse_reserve(&p, 1, 4 * PURSE_PAY_MS));
    purse_fini(&p);
}
END_TEST

/* The others are paid as ever, and so is it when it has made up for that. */
START_TEST(what_was_no_good_is_made_up_for)
{
    struct purse p;
    struct bank b = {.balance = 1000000};
    purse_init(&p, "broadcaster:x", &dear, 0);
    ck_assert(purse_reserve(&p, 100, 1));
    ck_assert(answer(&p, &b, 0, false));
    purse_earn(&p, "a", 5);
    purse_unearn(&p, "a", 4, 0);
    purse_unearn(&p, "a", 3, 0);
    purse_unearn(&p, "c", 1, 0);
    purse_earn(&p, "b", 5);
    purse_earn(&p, "a", 2);
    ck_assert_uint_eq(p.earned, 10000);
    purse_earn(&p, "a", 6);
    purse_earn(&p, "a", 6);
    purse_earn(&p, "c", 2);
    while (answer(&p, &b, 2 * PURSE_PAY_MS, true)) {
    }
    ck_assert_uint_eq(b.paid[0], 12000);
    ck_assert_uint_eq(b.paid[1], 5000);
    ck_assert_uint_eq(b.paid[2], 1000);
    ck_assert_uint_eq(p.n_back, 0);
    purse_fini(&p);
}
END_TEST

/* By who makes nothing any more; what it does not have it still makes up for. */
START_TEST(what_is_not_made_up_for_is_given_back)
{
    struct purse p;
    struct bank b = {.balance = 1000000};
    uint64_t amount = 0;
    const char *payee = "";
    purse_init(&p, "broadcaster:x", &fine, 0);
    ck_assert(purse_reserve(&p, 100000, 1));
    ck_assert(answer(&p, &b, 0, false));
    purse_earn(&p, "a", 20000);
    purse_earn(&p, "b", 100);
    while (answer(&p, &b, PURSE_PAY_MS, false)) {
    }
    ck_assert_uint_eq(b.paid[0], 140);
    purse_unearn(&p, "a", 10000, 2000);
    purse_unearn(&p, "b", 100, 2000); /* less than a unit */
    ck_assert(!answer(&p, &b, 1999 + PURSE_BACK_MS, false));
    ck_assert_int_eq(purse_next(&p, 2000 + PURSE_BACK_MS, false, &amount, &payee), PURSE_BACK);
    ck_assert_uint_eq(amount, 70);
    ck_assert_str_eq(payee, "a");
    ck_assert(purse_is_asking(&p));
    ck_assert(!answer(&p, &b, 2000 + PURSE_BACK_MS, false));
    purse_back_answered(&p, false, 2000 + PURSE_BACK_MS); /* it has been spent */
    purse_earn(&p, "a", 4000);
    ck_assert_uint_eq(p.earned, 140);
    ck_assert(!answer(&p, &b, 1999 + 2 * PURSE_BACK_MS, false));
    ck_assert(answer(&p, &b, 2000 + 2 * PURSE_BACK_MS, false));
    ck_assert_uint_eq(p.returned, 42);
    ck_assert_uint_eq(b.paid[0], 140 - 42);
    ck_assert_uint_eq(p.n_back, 0); /* b was not paid for it yet */
    purse_fini(&p);
}
END_TEST

/* Less than a unit each time, by turns: nobody is paid for another's, and gives nobody's back. */
START_TEST(each_is_paid_for_what_it_made_itself)
{
    static const struct tariff coarse = {3, 10};
    struct purse p;
    struct bank b = {.balance = 10000};
    purse_init(&p, "broadcaster:x", &coarse, 0);
    ck_assert(purse_reserve(&p, 1000, 1));
    ck_assert(answer(&p, &b, 0, false));
    for (int i = 0; i < 50; i++) {
        purse_earn(&p, "a", 3);
        purse_earn(&p, "b", 2);
    }
    while (answer(&p, &b, PURSE_PAY_MS, true)) {
    }
    ck_assert_uint_eq(b.paid[0], 45);
    ck_assert_uint_eq(b.paid[1], 30);
    purse_unearn(&p, "a", 75, 2000); /* 22.5 */
    while (answer(&p, &b, 2000 + PURSE_BACK_MS, false)) {
    }
    ck_assert_uint_eq(b.paid[0], 45 - 22);
    purse_unearn(&p, "a", 75, 6000); /* and what was left of it */
    while (answer(&p, &b, 6000 + PURSE_BACK_MS, false)) {
    }
    ck_assert_uint_eq(b.paid[0], 0);
    ck_assert_uint_eq(b.paid[1], 30);
    ck_assert_uint_eq(p.n_back, 0);
    purse_fini(&p);
}
END_TEST

/* What was left below a unit is given to whoever makes it full then. */
START_TEST(beyond_its_places_nothing_is_lost_either)
{
    static const struct tariff coarse = {1, 4};
    struct purse p;
    purse_init(&p, "broadcaster:x", &coarse, 0);
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < 2 * PURSE_DUE_MAX; i++) {
            char payee[16];
            snprintf(payee, sizeof payee, "a%d", i);
            purse_earn(&p, payee, 1);
        }
    }
    ck_assert_uint_eq(p.earned, 8 * 2 * PURSE_DUE_MAX / 4);
    purse_fini(&p);
}
END_TEST

START_TEST(who_goes_gets_all_back)
{
    struct purse p;
    uint64_t amount = 0;
    const char *payee = "";
    purse_init(&p, "broadcaster:x", &dear, 0);
    purse_unearn(&p, "a", 4, 0);
    purse_unearn(&p, "b", 5, 0);
    for (unsigned left = 2; left > 0; left--) {
        ck_assert(purse_take_back(&p, &amount, &payee));
        ck_assert_uint_eq(amount, payee[0] == 'a' ? 4000 : 5000);
        purse_back_answered(&p, true, 0);
    }
    ck_assert(!purse_take_back(&p, &amount, &payee));
    ck_assert_uint_eq(p.returned, 9000);
    ck_assert(!purse_is_asking(&p));
    purse_fini(&p);
}
END_TEST

/* Beyond its places it is forgiven. */
START_TEST(so_many_have_to_make_up_for_something)
{
    struct purse p;
    purse_init(&p, "broadcaster:x", &dear, 0);
    for (int i = 0; i <= PURSE_DUE_MAX; i++) {
        char payee[16];
        snprintf(payee, sizeof payee, "a%d", i);
        purse_unearn(&p, payee, 1, 0);
    }
    purse_earn(&p, "a0", 1);
    ck_assert_uint_eq(p.earned, 0);
    char last[16];
    snprintf(last, sizeof last, "a%d", PURSE_DUE_MAX);
    purse_earn(&p, last, 1);
    ck_assert_uint_eq(p.earned, 1000);
    ck_assert_uint_eq(p.n_back, PURSE_DUE_MAX - 1);
    purse_fini(&p);
}
END_TEST

START_TEST(a_refusal_is_not_asked_again_at_once)
{
    struct purse p;
    uint64_t amount = 0;
    const char *payee = "";
    purse_init(&p, "broadcaster:x", &dear, 0);
    ck_assert(purse_reserve(&p, 5, 0));
    ck_assert_int_eq(purse_next(&p, 0, false, &amount, &payee), PURSE_HOLD);
    purse_hold_answered(&p, false, 0, 0);
    ck_assert_int_eq(purse_next(&p, 0, false, &amount, &payee), PURSE_NOTHING);
    purse_earn(&p, "a", 5);
    ck_assert_int_eq(purse_next(&p, 0, true, &amount, &payee), PURSE_NOTE);
    purse_charge_answered(&p, false, 0, 0);
    ck_assert_int_eq(purse_next(&p, PURSE_RETRY_MS - 1, true, &amount, &payee), PURSE_NOTHING);
    ck_assert_int_eq(purse_next(&p, PURSE_RETRY_MS, true, &amount, &payee), PURSE_HOLD);
    purse_hold_answered(&p, true, 3000, 0);
    ck_assert_int_eq(purse_next(&p, PURSE_RETRY_MS, true, &amount, &payee), PURSE_NOTE);
    ck_assert_uint_eq(amount, 5000);
    purse_charge_answered(&p, true, 3000, 5000);
    ck_assert_uint_eq(p.owed, 0);
    purse_fini(&p);
}
END_TEST

/* What is to be paid to a payee, in the ledger or not yet. */
static uint64_t due_to(const struct purse *p, const struct bank *b, size_t payee)
{
    uint64_t due = b->paid[payee] + b->noted[payee];
    for (size_t i = 0; i < p->n_due; i++) {
        due += (size_t)(p->due[i].payee[0] - 'a') == payee ? p->due[i].amount : 0;
    }
    return due;
}

/* To the unit what its own pixels cost, whatever the others make, when it has given back what it
 * has to. */
static void check_shares(struct purse *p, struct bank *b, int64_t now_ms,
                         const uint64_t good[PAYEES])
{
    b->balance += 1000000;
    purse_news(p);
    for (int i = 0; i < 200; i++) {
        now_ms += PURSE_BACK_MS;
        answer(p, b, now_ms, false);
    }
    for (size_t k = 0; k < PAYEES; k++) {
        uint64_t cost = tariff_cost(&fine, good[k]), due = due_to(p, b, k);
        ck_assert_msg(due == cost || due == cost + 1, "%zu has %llu for %llu", k,
                      (unsigned long long)due, (unsigned long long)cost);
    }
}

/* Whatever happens: no unit is lost or invented, and with money enough nothing is over. */
static void random_life(uint64_t life)
{
    static const char *const payees[PAYEES] = {"a", "b", "c", "d", "e"};
    seed = life;
    struct purse p;
    struct bank b = {.balance = rnd(2) ? 1000 : 1000000};
    uint64_t start = b.balance, open[16] = {0}, given = 0, good[PAYEES] = {0};
    int64_t now_ms = 0;
    purse_init(&p, "broadcaster:x", &fine, now_ms);
    for (int step = 0; step < STEPS; step++) {
        size_t i = rnd(16);
        now_ms += rnd(300);
        if (open[i] == 0 && rnd(2)) {
            uint64_t pixels = 1 + rnd(20000);
            open[i] = purse_reserve(&p, pixels, now_ms + 1) ? pixels : 0;
        } else if (open[i] > 0 && p.known && !purse_is_over(&p)) {
            size_t payee = rnd(PAYEES);
            uint64_t made = rnd((uint32_t)open[i] + 1);
            purse_earn(&p, payees[payee], made);
            good[payee] += made;
            purse_release(&p, open[i]);
            open[i] = 0;
        }
        for (size_t k = 0; k < 16 && purse_is_over(&p); k++) {
            if (open[k] > 0) {
                purse_release(&p, open[k]);
                open[k] = 0;
            }
        }
        if (rnd(50) == 0) {
            b.balance += 1000;
            given += 1000;
            purse_news(&p);
        }
        if (rnd(100) == 0 && !purse_is_asking(&p) && unheard == 0) {
            b.balance += b.hold;
            b.hold = 0;
            purse_hold_lost(&p);
        }
        size_t who = rnd(PAYEES);
        if (rnd(20) == 0 && good[who] > 1100) {
            uint64_t bad = 1 + rnd(1100);
            good[who] -= bad;
            purse_unearn(&p, payees[who], bad, now_ms); /* who has been paid for it, or not yet */
        }
        answers = life % 2 || rnd(3) ? IS_DONE : rnd(2) ? IS_REFUSED : IS_LOST;
        answer(&p, &b, now_ms, false);
        uint64_t paid = 0;
        for (size_t k = 0; k < PAYEES; k++) {
            paid += b.paid[k];
        }
        ck_assert_uint_eq(paid + noted_by(&b) + p.owed - unheard, p.earned - p.returned);
        ck_assert_uint_eq(paid + b.balance + b.hold, start + given);
    }
    ck_assert_uint_gt(p.earned, 0);
    gave_back += p.returned;
    answers = IS_DONE;
    check_shares(&p, &b, now_ms, good);
    purse_fini(&p);
}

START_TEST(nothing_is_lost_or_invented)
{
    for (uint64_t life = 1; life <= 50; life++) {
        random_life(life);
    }
    ck_assert_uint_gt(gave_back, 0);
}
END_TEST

UNIT_MAIN("purse", costs_are_exact, pixels_are_charged_to_the_last_fraction,
          an_empty_account_takes_no_job_until_money_comes,
          jobs_are_trusted_while_the_ledger_is_asked_and_not_for_long,
          who_has_little_is_not_asked_all_the_time, jobs_that_came_while_the_ledger_was_asked_stay,
          jobs_outlive_a_hold_that_ran_out, a_job_that_went_is_not_held_against_the_next_one,
          a_hold_that_ran_out_loses_nothing_that_is_owed, each_of_many_payees_is_paid_by_itself,
          with_too_many_payees_no_money_is_lost, with_a_debt_no_job_opens,
          what_was_no_good_is_made_up_for, what_is_not_made_up_for_is_given_back,
          each_is_paid_for_what_it_made_itself, beyond_its_places_nothing_is_lost_either,
          who_goes_gets_all_back, so_many_have_to_make_up_for_something,
          a_refusal_is_not_asked_again_at_once, nothing_is_lost_or_invented)
