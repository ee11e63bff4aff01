#include "broadcaster/paywall/paywall.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "broadcaster/paywall/paid.h"
#include "tests/support/unit.h"

#define HOLDS_MAX 65536
#define UNIT      1000

/* --- a ledger of one account that answers at once, on the loop --- */

struct bank_stub {
    uint64_t balance, earned, n;
    struct {
        char key[96];
        uint64_t held, charged;
        bool open;
    } holds[HOLDS_MAX];
};

static struct bank_stub bank;
static struct loop *loop;
static struct paywall *paywall;

static size_t hold_of(const char *key)
{
    for (size_t i = bank.n; i > 0; i--) {
        if (strcmp(bank.holds[i - 1].key, key) == 0) {
            return i - 1;
        }
    }
    ck_assert_uint_lt(bank.n, HOLDS_MAX);
    snprintf(bank.holds[bank.n].key, sizeof bank.holds[0].key, "%s", key);
    return bank.n++;
}

struct later {
    bank_fn *fn;
    void *arg;
    struct link_pay_answer answer;
};

static struct later queue[1024];
static size_t n_queue;

static void ask(void *arg, const struct link_pay_ask *q, bank_fn *fn, void *fn_arg)
{
    struct later *l = &queue[n_queue++];
    ck_assert_uint_le(n_queue, sizeof queue / sizeof queue[0]);
    *l = (struct later){.fn = fn, .arg = fn_arg, .answer.text = "no", .answer.http_status = 400};
    struct link_pay_answer *a = &l->answer;
    if (q->kind == LINK_PAY_HOLD) {
        size_t h = hold_of(q->key);
        uint64_t left = bank.holds[h].open ? bank.holds[h].held - bank.holds[h].charged : 0;
        uint64_t more = q->amount > left ? q->amount - left : 0;
        more = more < bank.balance ? more : bank.balance;
        if (left + more < q->least) {
            a->status = LINK_PAY_FUNDS;
        } else {
            bank.balance -= more;
            bank.holds[h].held += more;
            bank.holds[h].open = true;
        }
        a->held = bank.holds[h].held - bank.holds[h].charged;
    } else if (q->kind == LINK_PAY_CHARGE || q->kind == LINK_PAY_RELEASE) {
        size_t h = hold_of(q->key);
        ck_assert(bank.holds[h].open);
        bank.earned += q->total - bank.holds[h].charged;
        bank.holds[h].charged = q->total;
        if (q->kind == LINK_PAY_RELEASE) {
            bank.balance += bank.holds[h].held - q->total;
            bank.holds[h].open = false;
        }
        a->held = bank.holds[h].open ? bank.holds[h].held - q->total : 0;
    } else if (q->kind == LINK_PAY_RECEIPT) {
        bank.balance += 5;
        a->amount = 5;
    } else if (q->kind == LINK_PAY_QUERY) { /* the longest answer of a wallet */
        static const uint8_t body[PAYWALL_BODY_MAX];
        a->body = span_of(body, sizeof body);
    }
    a->balance = bank.balance;
}

static void turn(void)
{
    loop_run_once(loop);
    while (n_queue > 0) {
        struct later l = queue[0];
        memmove(queue, queue + 1, --n_queue * sizeof queue[0]);
        l.fn(l.arg, &l.answer);
    }
}

static void start(uint64_t balance, uint64_t preview)
{
    memset(&bank, 0, sizeof bank);
    bank.balance = balance;
    loop = loop_create();
    struct paywall_config c = {.loop = loop,
                               .ask = ask,
                               .preview = preview,
                               .per_address = 100,
                               .patience_ms = 60000,
                               .chunk = 1000};
    paywall = paywall_create(&c);
}

static void finish(void)
{
    paywall_close(paywall);
    for (int i = 0; i < 100 && !paywall_closed(paywall); i++) {
        turn();
        paywall_close(paywall);
    }
    ck_assert(paywall_closed(paywall));
    paywall_stop(paywall);
    paywall_destroy(paywall);
    loop_run_once(loop);
    loop_destroy(loop);
}

/* --- who waits --- */

struct waiting {
    struct paywall_waiter waiter;
    atomic_int held, resumed;
};

static void on_hold(struct paywall_waiter *w)
{
    atomic_fetch_add(&((struct waiting *)w)->held, 1);
}

static void on_resume(struct paywall_waiter *w)
{
    atomic_fetch_add(&((struct waiting *)w)->resumed, 1);
}

static struct waiting waiting_of(bool patient)
{
    struct waiting w = {.waiter = {.hold = on_hold, .resume = on_resume, .fd = -1}};
    w.waiter.patient = patient;
    return w;
}

static const struct paywall_from from = {.address = 7}, elsewhere = {.address = 8};

static struct paywall_account *account(const char *name)
{
    struct paywall_account *a = NULL;
    ck_assert_int_eq(paywall_account(paywall, name, &from, &a), PAYWALL_PAID);
    return a;
}

static const struct toll by_minute = {TOLL_PER_MINUTE, 60 * UNIT};
static const struct toll by_mb = {TOLL_PER_MB, 1000000}; /* a unit each byte */

static enum paywall_verdict watch(struct paywall_account *a, uint64_t msn, int64_t s,
                                  struct waiting *w)
{
    struct paywall_segment seg = {"stream", msn, s * 90000, false};
    uint64_t cost;
    return paywall_segment(a, &by_minute, &seg, w != NULL ? &w->waiter : NULL, &cost);
}

START_TEST(segments_are_paid_once_by_all_tabs)
{
    start(100 * UNIT, 0);
    struct paywall_account *one = account("viewer:a"), *two = account("viewer:a");
    ck_assert_ptr_eq(one, two);
    struct waiting w = waiting_of(false);
    ck_assert_int_eq(watch(one, 1, 2, &w), PAYWALL_HELD);
    while (w.resumed == 0) {
        turn();
    }
    ck_assert_int_eq(watch(one, 1, 2, NULL), PAYWALL_PAID);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(watch(two, 1, 2, NULL), PAYWALL_PAID);
    }
    ck_assert_uint_eq(paywall_balance(one).total, 98 * UNIT);
    paywall_account_unref(one);
    paywall_account_unref(two);
    finish();
    ck_assert_uint_eq(bank.earned, 2 * UNIT);
    ck_assert_uint_eq(bank.balance, 98 * UNIT);
}
END_TEST

/* Strangers ask for many streams. Without memory nothing is billed. */
START_TEST(who_pays_nothing_takes_no_memory)
{
    start(100 * UNIT, 0);
    struct paywall_account *a = account("viewer:a");
    struct waiting w = waiting_of(false);
    paywall_news(paywall, "viewer:a", 0);
    mem_fail_nth(1);
    ck_assert_int_eq(watch(a, 1, 2, NULL), PAYWALL_EMPTY);
    ck_assert(!mem_has_failed());
    mem_fail_nth(0);
    paywall_news(paywall, "viewer:a", bank.balance);
    ck_assert_int_eq(watch(a, 1, 2, &w), PAYWALL_HELD);
    while (w.resumed == 0) {
        turn();
    }
    mem_fail_nth(1);
    ck_assert_int_eq(watch(a, 1, 2, NULL), PAYWALL_MANY);
    ck_assert(mem_has_failed());
    ck_assert_uint_eq(paywall_balance(a).total, 100 * UNIT);
    ck_assert_int_eq(watch(a, 1, 2, NULL), PAYWALL_PAID);
    paywall_account_unref(a);
    finish();
    ck_assert_uint_eq(bank.earned, 2 * UNIT);
}
END_TEST

START_TEST(what_is_empty_goes_on_with_the_news)
{
    start(0, 0);
    struct paywall_account *a = account("viewer:a");
    struct waiting w = waiting_of(false), patient = waiting_of(true);
    struct toll_file f = {.size = 5000};
    struct paywall_body *b = paywall_body_open(a, &by_mb, &f, 0, 5000);
    uint64_t n = 0;
    ck_assert_int_eq(paywall_body_take(b, 0, 5000, false, &patient.waiter, &n), PAYWALL_HELD);
    while (patient.resumed == 0) {
        turn();
    }
    ck_assert_int_eq(paywall_body_take(b, 0, 5000, false, &patient.waiter, &n), PAYWALL_HELD);
    ck_assert_int_eq(watch(a, 1, 2, &w), PAYWALL_EMPTY);
    ck_assert_int_eq(w.held, 0);
    bank.balance = 1500;
    paywall_news(paywall, "viewer:nobody", 1500);
    paywall_news(paywall, "viewer:a", 1500);
    while (patient.resumed == 1) {
        turn();
    }
    ck_assert_int_eq(paywall_body_take(b, 0, 5000, false, &patient.waiter, &n), PAYWALL_PAID);
    ck_assert_uint_eq(n, 1000);
    ck_assert_int_eq(paywall_body_take(b, 1000, 5000, false, &patient.waiter, &n), PAYWALL_HELD);
    paywall_stop(paywall);
    ck_assert_int_eq(patient.resumed, patient.held);
    paywall_body_close(b, false);
    paywall_account_unref(a);
    finish();
    ck_assert_uint_eq(bank.earned, 1000);
    ck_assert_uint_eq(bank.balance, 500);
}
END_TEST

/* Takes, waiting as often as it has to. */
static uint64_t take(struct paywall_body *b, uint64_t at, uint64_t max, struct waiting *w)
{
    uint64_t n = 0;
    enum paywall_verdict v;
    while ((v = paywall_body_take(b, at, max, false, &w->waiter, &n)) == PAYWALL_HELD) {
        while (w->resumed < w->held) {
            turn();
        }
    }
    ck_assert_int_eq(v, PAYWALL_PAID);
    ck_assert_uint_gt(n, 0);
    ck_assert_uint_le(n, max);
    return n;
}

#define CROWD 600 /* more than are looked at with one call */

/* All bodies of one account that wait go on with one deposit, with a few questions to the ledger.
 */
START_TEST(all_who_wait_go_on_together)
{
    start(0, 0);
    struct paywall_account *a = account("viewer:a");
    static struct waiting w[CROWD];
    static struct paywall_body *b[CROWD];
    struct toll_file f = {.size = 1000};
    uint64_t n = 0, paid = 0;
    for (size_t i = 0; i < CROWD; i++) {
        w[i] = waiting_of(true);
        b[i] = paywall_body_open(a, &by_mb, &f, 0, 1000);
        ck_assert_int_eq(paywall_body_take(b[i], 0, 1000, true, &w[i].waiter, &n), PAYWALL_HELD);
    }
    while (w[CROWD - 1].resumed == 0) {
        turn();
    }
    for (size_t i = 0; i < CROWD; i++) { /* there is nothing: they go on to wait */
        ck_assert_int_eq(paywall_body_take(b[i], 0, 1000, true, &w[i].waiter, &n), PAYWALL_HELD);
    }
    bank.balance = CROWD * 1000;
    uint64_t holds = bank.n;
    paywall_news(paywall, "viewer:a", bank.balance);
    for (int turns = 0; paid < CROWD; turns++) {
        ck_assert_int_lt(turns, 20);
        turn();
        for (size_t i = 0; i < CROWD; i++) {
            if (b[i] != NULL && w[i].resumed == w[i].held &&
                paywall_body_take(b[i], 0, 1000, true, &w[i].waiter, &n) == PAYWALL_PAID) {
                paid++;
                paywall_body_close(b[i], true);
                b[i] = NULL;
            }
        }
    }
    ck_assert_uint_le(bank.n - holds, 3);
    paywall_account_unref(a);
    finish();
    ck_assert_uint_eq(bank.earned, CROWD * 1000);
}
END_TEST

/* Whoever leaves is seen, however many wait before him. */
START_TEST(who_leaves_is_seen_in_a_crowd)
{
    int stays[2], leaves[2];
    start(0, 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, stays), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, leaves), 0);
    struct paywall_account *a = account("viewer:a");
    static struct waiting w[CROWD];
    paywall_news(paywall, "viewer:a", 0);
    for (size_t i = 0; i < CROWD; i++) {
        w[i] = waiting_of(true);
        w[i].waiter.fd = i == CROWD - 1 ? leaves[0] : stays[0];
        ck_assert_int_eq(watch(a, i, 2, &w[i]), PAYWALL_HELD);
    }
    close(leaves[1]);
    while (w[CROWD - 1].resumed == 0) {
        turn();
    }
    ck_assert(w[CROWD - 1].waiter.left);
    for (size_t i = 0; i < CROWD - 1; i++) {
        ck_assert_int_eq(w[i].resumed, 0);
    }
    paywall_account_unref(a);
    finish();
    close(leaves[0]);
    close(stays[0]);
    close(stays[1]);
}
END_TEST

START_TEST(bodies_that_end_early_are_billed_as_sent)
{
    start(100000, 0);
    struct paywall_account *a = account("viewer:a");
    struct waiting w = waiting_of(true);
    struct toll_file f = {.size = 10000};
    uint64_t n = 0, at = 0;
    struct paywall_body *b = paywall_body_open(a, &by_mb, &f, 2000, 5500);
    while (at < 4000) {
        n = take(b, at, 700, &w);
        at += n;
    }
    uint64_t sent = at - n;
    paywall_body_close(b, false); /* the last piece did not go out */
    b = paywall_body_open(a, &by_mb, &f, 9000, 1000);
    for (at = 0; at < 1000;) {
        at += take(b, at, 333, &w);
    }
    paywall_body_close(b, true);
    paywall_account_unref(a);
    finish();
    ck_assert_uint_eq(bank.earned, sent + 1000);
    ck_assert_uint_eq(bank.balance, 100000 - sent - 1000);
}
END_TEST

/* Of two tabs the one that waits goes on when the other one is closed: at once, not when the ledger
 * is asked the next time. */
START_TEST(what_is_given_back_is_for_who_waits)
{
    start(1000, 0);
    struct paywall_account *a = account("viewer:a");
    struct waiting one = waiting_of(true), two = waiting_of(true);
    struct toll_file f = {.size = 1000};
    struct paywall_body *first = paywall_body_open(a, &by_mb, &f, 0, 1000);
    struct paywall_body *second = paywall_body_open(a, &by_mb, &f, 0, 1000);
    uint64_t n = 0;
    ck_assert_uint_eq(take(first, 0, 1000, &one), 1000);
    do {
        ck_assert_int_eq(paywall_body_take(second, 0, 1000, false, &two.waiter, &n), PAYWALL_HELD);
        for (int i = 0; i < 4; i++) {
            turn();
        }
    } while (two.resumed == two.held);
    paywall_body_close(first, false);
    for (int turns = 0; two.resumed < two.held; turns++) {
        ck_assert_int_lt(turns, 20); /* a turn lasts 250 ms at most */
        turn();
    }
    ck_assert_int_eq(paywall_body_take(second, 0, 1000, false, &two.waiter, &n), PAYWALL_PAID);
    paywall_body_close(second, true);
    paywall_account_unref(a);
    finish();
    ck_assert_uint_eq(bank.earned, 1000);
}
END_TEST

START_TEST(a_film_is_not_free_to_who_breaks_off_again_and_again)
{
    start(100000, 0);
    struct paywall_account *a = account("viewer:a");
    struct waiting w = waiting_of(true);
    struct toll_file f = {.size = 10000};
    uint64_t given = 0, first = 0;
    for (uint64_t at = 0; at < 10000; at += 500) {
        struct paywall_body *b = paywall_body_open(a, &by_mb, &f, at, 500);
        uint64_t n = take(b, 0, 500, &w);
        first = at == 0 ? n : first;
        given += n;
        paywall_body_close(b, false);
    }
    paywall_account_unref(a);
    finish();
    ck_assert_uint_eq(bank.earned, given - first); /* one is excused */
}
END_TEST

START_TEST(previews_once_and_limits_of_an_address)
{
    start(0, 3 * UNIT);
    struct paywall_account *a = account("viewer:a"), *b = account("viewer:b"), *c = NULL;
    ck_assert_int_eq(watch(a, 1, 2, NULL), PAYWALL_PAID);
    ck_assert_int_eq(watch(a, 2, 2, NULL), PAYWALL_AWAY); /* the ledger is asked */
    ck_assert_int_eq(watch(b, 1, 1, NULL), PAYWALL_AWAY);
    char name[32];
    enum paywall_verdict v = PAYWALL_PAID;
    int i = 0;
    for (; i < 200 && v == PAYWALL_PAID; i++) {
        snprintf(name, sizeof name, "viewer:%d", i);
        v = paywall_account(paywall, name, &from, &c);
        if (v == PAYWALL_PAID) {
            paywall_account_unref(c);
        }
    }
    ck_assert_int_eq(v, PAYWALL_MANY);
    ck_assert_int_eq(paywall_account(paywall, "viewer:other", &elsewhere, &c), PAYWALL_PAID);
    ck_assert_uint_eq(paywall_balance(c).preview, 3 * UNIT);
    paywall_account_unref(a);
    paywall_account_unref(b);
    paywall_account_unref(c);
    finish();
}
END_TEST

static atomic_int answered;

static void on_question_hold(struct paywall_waiter *w)
{
}

static void on_question_resume(struct paywall_waiter *w)
{
    atomic_fetch_add(&answered, 1);
}

/* Fills what the address may begin; how many it was. */
static int fill_address(void)
{
    char name[32];
    struct paywall_account *c = NULL;
    int i = 0;
    for (; i < 5000; i++) {
        snprintf(name, sizeof name, "viewer:%d", i);
        if (paywall_account(paywall, name, &from, &c) != PAYWALL_PAID) {
            break;
        }
        paywall_account_unref(c);
    }
    return i;
}

START_TEST(who_has_money_is_known)
{
    start(10 * UNIT, 0);
    struct paywall_account *a = account("viewer:a");
    struct waiting w = waiting_of(false);
    ck_assert(!paywall_pays(paywall, "viewer:a"));
    ck_assert_int_eq(watch(a, 1, 2, &w), PAYWALL_HELD);
    while (w.resumed == 0) {
        turn();
    }
    ck_assert_int_eq(watch(a, 1, 2, NULL), PAYWALL_PAID);
    ck_assert(paywall_pays(paywall, "viewer:a"));
    ck_assert(!paywall_pays(paywall, "viewer:b"));
    ck_assert_int_eq(fill_address(), 99); /* of 100, with his */
    ck_assert(!paywall_pays(paywall, "viewer:1"));
    struct paywall_account *again = account("viewer:a"); /* who is known here is let in */
    paywall_account_unref(again);
    paywall_account_unref(a);
    finish();
}
END_TEST

START_TEST(networks_of_one_site_are_bounded_together)
{
    start(0, 0);
    struct paywall_account *c = NULL;
    char name[32];
    int n = 0;
    for (int i = 0; i < 100 * PAYWALL_SITE_TIMES * 2; i++) {
        struct paywall_from one = {.address = 1000 + (uint64_t)i, .site = 5};
        snprintf(name, sizeof name, "viewer:%d", i);
        if (paywall_account(paywall, name, &one, &c) == PAYWALL_PAID) {
            paywall_account_unref(c);
            n++;
        }
    }
    ck_assert_int_ge(n, 100 * PAYWALL_SITE_TIMES);
    ck_assert_int_lt(n, 100 * PAYWALL_SITE_TIMES + 100); /* some came back meanwhile */
    finish();
}
END_TEST

START_TEST(questions_are_answered_or_ended)
{
    static struct paywall_question q[3];
    start(0, 0);
    answered = 0;
    for (size_t i = 0; i < 3; i++) {
        q[i].waiter.hold = on_question_hold;
        q[i].waiter.resume = on_question_resume;
        q[i].kind = LINK_PAY_RECEIPT;
        q[i].account = "viewer:a";
        q[i].key = q[i].text = "";
    }
    ck_assert(paywall_ask(paywall, &q[0]));
    while (answered == 0) {
        turn();
    }
    ck_assert_int_eq(q[0].status, LINK_PAY_OK);
    ck_assert_uint_eq(q[0].amount, 5);
    ck_assert(paywall_ask(paywall, &q[1]));
    loop_run_once(loop); /* asked, and not answered */
    paywall_stop(paywall);
    ck_assert_int_eq(answered, 2);
    ck_assert_int_eq(q[1].status, LINK_PAY_UNAVAILABLE);
    ck_assert(!paywall_ask(paywall, &q[2]));
    turn(); /* the answer comes to nobody */
    finish();
    ck_assert_int_eq(answered, 2);
}
END_TEST

static struct paywall_account *credited;
static uint64_t total_at_answer;

static void on_credit_resume(struct paywall_waiter *w)
{
    total_at_answer = paywall_balance(credited).total;
    on_question_resume(w);
}

/* In order with other answers of the ledger: a thread that goes on later undoes nothing. */
START_TEST(an_account_hears_of_a_payment_before_whoever_told_of_it)
{
    static struct paywall_question q = {
        .waiter = {.hold = on_question_hold, .resume = on_credit_resume},
        .kind = LINK_PAY_RECEIPT,
        .account = "viewer:a",
        .key = "",
        .text = ""};
    start(0, 0);
    answered = 0;
    credited = account("viewer:a");
    ck_assert(!paywall_balance(credited).known);
    ck_assert(paywall_ask(paywall, &q));
    while (answered == 0) {
        turn();
    }
    ck_assert_uint_eq(total_at_answer, 5);
    paywall_account_unref(credited);
    finish();
}
END_TEST

START_TEST(a_wallets_longest_answer_fits)
{
    static struct paywall_question q = {
        .waiter = {.hold = on_question_hold, .resume = on_question_resume},
        .kind = LINK_PAY_QUERY,
        .account = "",
        .key = "",
        .text = "$w.example"};
    start(0, 0);
    answered = 0;
    ck_assert(paywall_ask(paywall, &q));
    while (answered == 0) {
        turn();
    }
    ck_assert_int_eq(q.status, LINK_PAY_OK);
    ck_assert_uint_eq(q.body_len, PAYWALL_BODY_MAX);
    finish();
}
END_TEST

/* --- from several threads --- */

#define THREADS 4
#define ROUNDS  PAID_SEGMENTS /* a thread that lags behind finds them paid all the same */

static void *view(void *arg)
{
    struct paywall_account *a = arg;
    for (uint64_t msn = 0; msn < ROUNDS; msn++) {
        struct waiting w = waiting_of(false);
        enum paywall_verdict v;
        while ((v = watch(a, msn, 1, &w)) == PAYWALL_HELD) {
            int held = atomic_load(&w.held);
            while (atomic_load(&w.resumed) < held) {
                usleep(100);
            }
        }
        ck_assert_int_eq(v, PAYWALL_PAID);
    }
    return NULL;
}

START_TEST(threads_share_one_account)
{
    pthread_t threads[THREADS];
    start(ROUNDS * UNIT, 0);
    struct paywall_account *a = account("viewer:a");
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, view, a), 0);
    }
    struct paywall_balance b = paywall_balance(a);
    for (int i = 0; i < 100000 && (!b.known || b.total > 0); i++) {
        turn();
        b = paywall_balance(a);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    paywall_account_unref(a);
    finish();
    ck_assert_uint_eq(bank.earned, ROUNDS * UNIT);
    ck_assert_uint_eq(bank.balance, 0);
}
END_TEST

UNIT_MAIN("paywall", who_pays_nothing_takes_no_memory, what_is_given_back_is_for_who_waits,
          segments_are_paid_once_by_all_tabs, what_is_empty_goes_on_with_the_news,
          all_who_wait_go_on_together, who_leaves_is_seen_in_a_crowd,
          bodies_that_end_early_are_billed_as_sent,
          a_film_is_not_free_to_who_breaks_off_again_and_again,
          previews_once_and_limits_of_an_address, who_has_money_is_known,
          networks_of_one_site_are_bounded_together, questions_are_answered_or_ended,
          an_account_hears_of_a_payment_before_whoever_told_of_it, a_wallets_longest_answer_fits,
          threads_share_one_account)
