/* The till over a real ledger: broadcasters that come, go and come back. */
#include "orchestrator/pricing/till.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "run/json_read.h"
#include "tests/unit/orchestrator/ledger/bad_disk.h"
#include "tests/unit/orchestrator/ledger/folder.h"

#define ACCOUNT "broadcaster:x"
#define PAYEE   "earnings:t"
#define WAIT_MS 20000
#define PAID    1000 /* transcoders of one broadcaster */

static const struct tariff tariff = {1, 1};
static struct loop *loop;
static struct ledger *ledger;
static struct till *till;

static void on_over(void *arg, link_peer broadcaster, const char *why)
{
}

static void start_as(const char *session)
{
    char why[LEDGER_WHY_MAX];
    struct ledger_config c = {.path = path, .scale = 9, .asset = "USD"};
    loop = loop_create();
    ck_assert_msg(ledger_open(loop, &c, &ledger, why) == ERR_OK, "%s", why);
    till = till_create(loop, ledger, &tariff, session, on_over, NULL);
}

static void start(void)
{
    start_as("session");
}

static void finish(void)
{
    till_stop(till);
    ledger_close(ledger);
    till_destroy(till);
    loop_destroy(loop);
}

static void grant(const char *account, uint64_t amount)
{
    struct ledger_request r = {.op = LEDGER_GRANT, .account = account, .amount = amount};
    ledger_ask(ledger, &r, NULL, NULL);
}

/* What /status says of a broadcaster's funds. */
static bool has_funds(link_peer peer)
{
    struct json *j = json_new_object();
    till_broadcaster_json(till, peer, j);
    const char *funds = json_string_of(json_member(j, "funds"));
    bool ok = funds != NULL && strcmp(funds, "ok") == 0;
    json_destroy(j);
    return ok;
}

static void wait_for_funds(link_peer peer)
{
    int64_t until_ms = clock_mono_ms() + WAIT_MS;
    while (!has_funds(peer)) {
        ck_assert_msg(clock_mono_ms() < until_ms, "the till has not got its hold");
        loop_run_once(loop);
    }
}

static void wait_for(const char *account, int64_t is_free, int64_t held)
{
    int64_t until_ms = clock_mono_ms() + WAIT_MS;
    struct ledger_account a = account_of(account);
    while (a.free != is_free || a.held != held) {
        ck_assert_msg(clock_mono_ms() < until_ms, "%s has %lld free and %lld held", account,
                      (long long)a.free, (long long)a.held);
        loop_run_once(loop);
        a = account_of(account);
    }
}

/* Paid for, out of the hold or not. */
static void wait_until_paid(const char *account, int64_t left)
{
    int64_t until_ms = clock_mono_ms() + WAIT_MS;
    struct ledger_account a = account_of(account);
    while (a.free + a.held != left) {
        ck_assert_msg(clock_mono_ms() < until_ms, "%s has %lld free and %lld held", account,
                      (long long)a.free, (long long)a.held);
        loop_run_once(loop);
        a = account_of(account);
    }
}

static void on_balance(void *arg, const struct ledger_answer *a)
{
    *(bool *)arg = true;
}

/* Until all that was asked of the ledger is answered. */
static void wait_for_answers(void)
{
    bool done = false;
    struct ledger_request r = {.op = LEDGER_BALANCE, .account = ACCOUNT};
    ledger_ask(ledger, &r, on_balance, &done);
    while (!done) {
        loop_run_once(loop);
    }
}

START_TEST(who_comes_back_pays_again)
{
    make_folder();
    start();
    grant(ACCOUNT, 1000);
    for (int64_t i = 1; i <= 4; i++) {
        link_peer peer = (link_peer)i;
        if (i > 2) { /* before that it may come while it is still being let go */
            wait_for_answers();
        }
        till_joined(till, peer, ACCOUNT);
        wait_for_funds(peer);
        ck_assert_ptr_null(till_open(till, peer, 10));
        till_earn(till, peer, PAYEE, 10);
        till_close(till, peer, 10);
        till_left(till, peer);
        wait_for(ACCOUNT, 1000 - 10 * i, 0);
        wait_for(PAYEE, 10 * i, 0);
    }
    finish();
    audit();
    remove_folder();
}
END_TEST

/* Paid once, to the unit; what is shown as earned goes with it. */
START_TEST(what_was_made_badly_and_again_costs_once)
{
    make_folder();
    start();
    grant(ACCOUNT, 1000);
    till_joined(till, 1, ACCOUNT);
    wait_for_funds(1);
    ck_assert_ptr_null(till_open(till, 1, 100));
    till_earn(till, 1, PAYEE, 40);
    till_unearn(till, 1, PAYEE, 30);
    till_earn(till, 1, "earnings:other", 30);
    till_earn(till, 1, PAYEE, 20);
    till_earn(till, 1, PAYEE, 20);
    till_unearn(till, 9, PAYEE, 20); /* nobody of ours */
    ck_assert_uint_eq(till_earned(till, PAYEE), 50);
    till_close(till, 1, 100);
    till_left(till, 1);
    wait_for(ACCOUNT, 920, 0);
    wait_for(PAYEE, 50, 0);
    wait_for("earnings:other", 30, 0);
    finish();
    audit();
    remove_folder();
}
END_TEST

static int64_t spent_by(link_peer peer)
{
    struct json *j = json_new_object();
    int64_t spent = -1;
    till_broadcaster_json(till, peer, j);
    ck_assert(json_int_of(json_member(j, "spent"), &spent));
    json_destroy(j);
    return spent;
}

/* After a while, when its broadcaster goes, or at the end. */
START_TEST(who_makes_nothing_any_more_gives_back_what_was_no_good)
{
    make_folder();
    start();
    grant(ACCOUNT, 1000);
    for (int64_t i = 1; i <= 3; i++) {
        link_peer peer = (link_peer)i;
        till_joined(till, peer, ACCOUNT);
        wait_for_funds(peer);
        ck_assert_ptr_null(till_open(till, peer, 100));
        till_earn(till, peer, PAYEE, 40);
        wait_for(PAYEE, 10 * (i - 1) + 40, 0);
        till_unearn(till, peer, PAYEE, 30);
        till_earn(till, peer, "earnings:other", 30);
        till_close(till, peer, 100);
        if (i == 1) {
            wait_for(PAYEE, 10, 0);
            wait_for_answers();
            ck_assert_int_eq(spent_by(peer), 40);
            ck_assert_uint_eq(till_earned(till, PAYEE), 10);
        }
        if (i < 3) {
            till_left(till, peer);
            wait_for(ACCOUNT, 1000 - 40 * i, 0);
            wait_for(PAYEE, 10 * i, 0);
        }
    }
    finish();
    ck_assert_int_eq(account_of(PAYEE).free, 30);
    ck_assert_int_eq(account_of("earnings:other").free, 90);
    ck_assert_int_eq(account_of(ACCOUNT).free, 880);
    audit();
    remove_folder();
}
END_TEST

/* Of less than a unit, too: nobody gives back what another had. */
START_TEST(each_gives_back_what_it_had_itself)
{
    make_folder();
    start();
    till_destroy(till);
    till = till_create(loop, ledger, &(struct tariff){1, 10}, "session", on_over, NULL);
    grant(ACCOUNT, 1000);
    till_joined(till, 1, ACCOUNT);
    wait_for_funds(1);
    ck_assert_ptr_null(till_open(till, 1, 110));
    till_earn(till, 1, PAYEE, 10);
    for (int i = 0; i < 10; i++) {
        till_earn(till, 1, PAYEE, 6);
        till_earn(till, 1, "earnings:other", 4);
    }
    wait_for(PAYEE, 7, 0);
    till_unearn(till, 1, PAYEE, 60);
    till_close(till, 1, 110);
    till_left(till, 1);
    wait_for(PAYEE, 1, 0);
    wait_for("earnings:other", 4, 0);
    wait_for(ACCOUNT, 995, 0);
    ck_assert_uint_eq(till_earned(till, PAYEE), 1);
    ck_assert_uint_eq(till_earned(till, "earnings:other"), 4);
    finish();
    audit();
    remove_folder();
}
END_TEST

/* What it had in a life before. */
START_TEST(who_gives_back_more_than_it_earned_has_earned_nothing)
{
    make_folder();
    start();
    grant(ACCOUNT, 1000);
    grant(PAYEE, 100);
    till_joined(till, 1, ACCOUNT);
    wait_for_funds(1);
    till_earn(till, 1, PAYEE, 1);
    wait_for(PAYEE, 101, 0);
    till_unearn(till, 1, PAYEE, 6);
    wait_for(PAYEE, 95, 0);
    wait_for_answers();
    ck_assert_uint_eq(till_earned(till, PAYEE), 0);
    ck_assert_int_eq(spent_by(1), 0);
    finish();
    audit();
    remove_folder();
}
END_TEST

START_TEST(what_an_account_could_not_pay_is_paid_when_money_comes)
{
    make_folder();
    start();
    grant(ACCOUNT, 15);
    till_joined(till, 1, ACCOUNT);
    ck_assert_ptr_null(till_open(till, 1, 20)); /* not known yet what it has */
    till_earn(till, 1, PAYEE, 20);
    till_close(till, 1, 20);
    till_left(till, 1);
    wait_for(PAYEE, 15, 0);
    grant(ACCOUNT, 100);
    wait_for(PAYEE, 20, 0);
    wait_for(ACCOUNT, 95, 0);
    finish();
    audit();
    remove_folder();
}
END_TEST

static void wait_for_owed(const char *account, int64_t owed)
{
    int64_t until_ms = clock_mono_ms() + WAIT_MS;
    while (account_of(account).owes != owed) {
        ck_assert_msg(clock_mono_ms() < until_ms, "%s owes %lld", account,
                      (long long)account_of(account).owes);
        loop_run_once(loop);
    }
}

/* What somebody who has gone still owes is in the ledger, and in nobody's memory. */
START_TEST(a_debt_outlives_who_has_gone_and_the_till)
{
    make_folder();
    start();
    grant(ACCOUNT, 15);
    till_joined(till, 1, ACCOUNT);
    ck_assert_ptr_null(till_open(till, 1, 20));
    till_earn(till, 1, PAYEE, 20);
    till_close(till, 1, 20);
    till_left(till, 1);
    wait_for(PAYEE, 15, 0);
    ck_assert_int_eq(account_of(ACCOUNT).owes, 5);
    finish();
    audit();
    start();
    till_joined(till, 1, ACCOUNT);
    wait_for_answers();
    grant(ACCOUNT, 100);
    wait_for(PAYEE, 20, 0);
    finish();
    ck_assert_int_eq(account_of(ACCOUNT).free, 95);
    audit();
    remove_folder();
}
END_TEST

/* At the end all is settled, what the hold does not have, too. */
START_TEST(the_end_settles_all)
{
    make_folder();
    start();
    grant(ACCOUNT, 1000);
    till_joined(till, 1, ACCOUNT);
    till_joined(till, 2, "broadcaster:poor");
    ck_assert_ptr_null(till_open(till, 1, 20));
    ck_assert_ptr_null(till_open(till, 2, 20));
    till_earn(till, 1, PAYEE, 20);
    till_earn(till, 1, "earnings:u", 7);
    till_earn(till, 2, PAYEE, 9);
    finish();
    ck_assert_int_eq(account_of(PAYEE).free, 20);
    ck_assert_int_eq(account_of("earnings:u").free, 7);
    ck_assert_int_eq(account_of(ACCOUNT).free, 973);
    ck_assert_int_eq(account_of("broadcaster:poor").owes, 9);
    ck_assert_int_eq(audit().owed, 9);
    remove_folder();
}
END_TEST

/* Never ends by itself. */
static void earn_and_hang(int ready)
{
    start();
    grant(ACCOUNT, 1000);
    till_joined(till, 1, ACCOUNT);
    wait_for_funds(1);
    ck_assert_ptr_null(till_open(till, 1, 100));
    till_earn(till, 1, PAYEE, 30);
    wait_for_owed(ACCOUNT, 30); /* noted, and not paid yet: that is some time later */
    ck_assert_int_eq(write(ready, "", 1), 1);
    pause();
}

START_TEST(what_was_noted_is_paid_after_a_kill)
{
    int ready[2];
    char byte;
    int64_t next_ms;
    make_folder();
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        earn_and_hang(ready[1]);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_int_eq(audit().owed, 30);
    struct ledger_store *s = open_store(); /* and when its hold has run out: */
    struct ledger_account *gained;
    ck_assert_int_eq(s->begin(s), ERR_OK);
    ck_assert_int_eq(ledger_book_expire(s, clock_wall_ms() + 2 * PURSE_TTL_MS, &next_ms, &gained),
                     ERR_OK);
    ck_assert_int_eq(s->commit(s), ERR_OK);
    s->close(s);
    ck_assert_int_eq(account_of(PAYEE).free, 30);
    ck_assert_int_eq(account_of(ACCOUNT).free, 970);
    audit();
    remove_folder();
}
END_TEST

static int64_t commits(void)
{
    struct json *j = json_new_object();
    int64_t n = 0;
    ledger_status(ledger, j);
    ck_assert(json_int_of(json_member(json_member(j, "ledger"), "commits"), &n));
    json_destroy(j);
    return n;
}

/* What all of a round have made is noted with one commit, and paid with one. */
START_TEST(a_round_is_one_commit_however_many_are_paid)
{
    char name[PURSE_PAYEE_MAX];
    int64_t sum = 0;
    make_folder();
    start();
    grant(ACCOUNT, 10000000);
    till_joined(till, 1, ACCOUNT);
    ck_assert_ptr_null(till_open(till, 1, 1000000));
    wait_for_funds(1);
    wait_for(ACCOUNT, 10000000 - 9000009, 9000009);
    int64_t before = commits();
    for (unsigned i = 0; i < PAID; i++) {
        snprintf(name, sizeof name, "earnings:%u", i);
        till_earn(till, 1, name, i + 1);
        sum += i + 1;
    }
    wait_until_paid(ACCOUNT, 10000000 - sum);
    int64_t n = commits() - before;
    ck_assert_msg(n <= 6, "%lld commits for %u", (long long)n, PAID); /* and holds */
    for (unsigned i = 0; i < PAID; i += 111) {
        snprintf(name, sizeof name, "earnings:%u", i);
        ck_assert_int_eq(account_of(name).free, i + 1);
    }
    till_close(till, 1, 1000000);
    finish();
    audit();
    remove_folder();
}
END_TEST

#define LIVES   3
#define BUSY_MS 1500 /* of each; what the disk did not take is asked again after PURSE_RETRY_MS */
#define WORKERS 40
#define PAYERS  2
#define PAYER   "broadcaster:%d"
#define GRANTED 1000000000000

static uint64_t seed = 1;

static unsigned rnd(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

/* What each has made, and each has had made. */
static int64_t made[WORKERS], had_made[PAYERS];

static void work_a_little(void)
{
    for (unsigned n = rnd(2 * WORKERS); n > 0; n--) {
        unsigned who = rnd(WORKERS), whose = rnd(PAYERS), pixels = rnd(20);
        char payee[PURSE_PAYEE_MAX];
        snprintf(payee, sizeof payee, "earnings:%u", who);
        till_earn(till, 1 + whose, payee, pixels);
        made[who] += pixels;
        had_made[whose] += pixels;
    }
    if (rnd(30) == 0) {
        bad_disk_after(rnd(2) ? -1 : (int)rnd(6));
    }
}

static void work_at_random(void)
{
    int64_t now_ms = clock_mono_ms(), until_ms = now_ms + BUSY_MS, worked_ms = 0;
    for (; now_ms < until_ms; now_ms = clock_mono_ms()) {
        if (now_ms != worked_ms) {
            work_a_little();
            worked_ms = now_ms;
        }
        loop_run_once(loop);
    }
    bad_disk_after(-1);
    wait_for_answers(); /* perhaps of what began before that: */
    wait_for_answers();
}

static void join_all(bool first)
{
    char name[PURSE_NAME_MAX];
    for (int i = 0; i < PAYERS; i++) {
        snprintf(name, sizeof name, PAYER, i);
        if (first) {
            grant(name, GRANTED);
        }
        till_joined(till, (link_peer)(1 + i), name);
        wait_for_funds((link_peer)(1 + i));
    }
}

static void is_paid_to_the_unit(void)
{
    char name[PURSE_NAME_MAX];
    for (int i = 0; i < WORKERS; i++) {
        snprintf(name, sizeof name, "earnings:%d", i);
        ck_assert_int_eq(account_of(name).free, made[i]);
    }
    for (int i = 0; i < PAYERS; i++) {
        snprintf(name, sizeof name, PAYER, i);
        ck_assert_int_eq(account_of(name).free, GRANTED - had_made[i]);
        ck_assert_int_eq(account_of(name).held, 0);
    }
    audit();
}

/* Works for two, with a disk that fails in the middle of commits, and starts again. */
START_TEST(random_works_are_paid_to_the_unit)
{
    char session[32];
    make_folder();
    for (int life = 0; life < LIVES; life++) {
        snprintf(session, sizeof session, "session-%d", life);
        start_as(session);
        join_all(life == 0);
        work_at_random();
        if (life > 0) {
            till_left(till, 1 + rnd(PAYERS));
        }
        finish();
        is_paid_to_the_unit();
    }
    remove_folder();
}
END_TEST

/* Not that it has no money, when that cannot be known. */
START_TEST(a_full_disk_is_told_as_one)
{
    const char *why = NULL;
    make_folder();
    start();
    grant(ACCOUNT, 1000000000);
    till_joined(till, 1, ACCOUNT);
    wait_for_funds(1);
    bad_disk_after(0);
    int64_t until_ms = clock_mono_ms() + WAIT_MS;
    for (int64_t n = 1; why == NULL; n++) {
        ck_assert_msg(clock_mono_ms() < until_ms, "%lld jobs were taken", (long long)n);
        why = till_open(till, 1, 100);
        till_earn(till, 1, PAYEE, 100);
        loop_run_once(loop);
    }
    ck_assert_msg(strstr(why, "it cannot be paid for now: ") == why, "%s", why);
    ck_assert(!has_funds(1));
    bad_disk_after(-1);
    wait_for_funds(1);
    ck_assert_ptr_null(till_open(till, 1, 100));
    finish();
    audit();
    remove_folder();
}
END_TEST

START_TEST(names_are_cut_between_characters)
{
    char name[512] = "x", account[PURSE_NAME_MAX], other[PURSE_NAME_MAX];
    till_account(TILL_BROADCASTER, "", "host:123", account);
    ck_assert_str_eq(account, "broadcaster:shared/host");
    till_account(TILL_BROADCASTER, "key", "host", account);
    ck_assert_str_eq(account, "broadcaster:key");
    for (size_t i = 1; i + 2 < sizeof name; i += 2) {
        strcpy(name + i, "\xc3\xa9");
    }
    till_account(TILL_BROADCASTER, "", name, account);
    ck_assert(ledger_name_is_valid(account));
    till_account(TILL_BROADCASTER, "", name + 1, other);
    ck_assert(ledger_name_is_valid(other));
}
END_TEST

UNIT_MAIN("till", names_are_cut_between_characters, a_full_disk_is_told_as_one,
          who_comes_back_pays_again, what_was_made_badly_and_again_costs_once,
          who_makes_nothing_any_more_gives_back_what_was_no_good,
          each_gives_back_what_it_had_itself, who_gives_back_more_than_it_earned_has_earned_nothing,
          what_an_account_could_not_pay_is_paid_when_money_comes,
          a_debt_outlives_who_has_gone_and_the_till, the_end_settles_all,
          what_was_noted_is_paid_after_a_kill, a_round_is_one_commit_however_many_are_paid,
          random_works_are_paid_to_the_unit)
