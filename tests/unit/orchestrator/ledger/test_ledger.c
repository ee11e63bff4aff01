/* The ledger with its thread, on a loop: order, batches, news, holds that expire, a store that does
 * not take it, and a process that is killed. */
#include "orchestrator/ledger/ledger.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/mem.h"
#include "run/json_read.h"
#include "tests/unit/orchestrator/ledger/folder.h"

#include "tests/unit/orchestrator/ledger/bad_disk.h"

#define ASKS  3000
#define KILLS 10

static struct loop *loop;
static struct ledger *ledger;
static unsigned answers, refusals, news;
static struct ledger_answer last;
static uint64_t moved;

static void on_news(void *arg, const char *account, uint64_t balance)
{
    news++;
    ck_assert_ptr_nonnull(account);
}

static struct ledger_config config(void)
{
    return (struct ledger_config){.path = path, .scale = 9, .asset = "USD", .news = on_news};
}

static void start(void)
{
    char why[LEDGER_WHY_MAX];
    struct ledger_config c = config();
    loop = loop_create();
    ck_assert_msg(ledger_open(loop, &c, &ledger, why) == ERR_OK, "%s", why);
}

static void finish(void)
{
    ledger_close(ledger);
    loop_run_once(loop);
    loop_destroy(loop);
}

static void on_answer(void *arg, const struct ledger_answer *a)
{
    answers++;
    refusals += a->err == ERR_IO;
    ck_assert(a->err == ERR_OK || a->why[0] != '\0');
    last = *a;
    moved += a->err == ERR_OK ? a->amount : 0;
}

static void wait_for(unsigned n)
{
    while (answers < n) {
        loop_run_once(loop);
    }
}

static struct ledger_answer ask(struct ledger_request r)
{
    unsigned before = answers;
    ledger_ask(ledger, &r, on_answer, NULL);
    ck_assert_uint_eq(answers, before); /* never from inside */
    wait_for(before + 1);
    return last;
}

static struct ledger_request credit_of(const char *account, const char *key, uint64_t total)
{
    return (struct ledger_request){.op = LEDGER_CREDIT,
                                   .account = account,
                                   .other = "world:receipts",
                                   .key = key,
                                   .total = total};
}

static struct ledger_request spend_of(const char *account, uint64_t amount)
{
    return (struct ledger_request){
        .op = LEDGER_SPEND, .account = account, .other = "b", .amount = amount};
}

/* What was said last of an account's balance, by an answer or by news. */
static uint64_t heard_balance;

static void hear_news(void *arg, const char *account, uint64_t balance)
{
    heard_balance = strcmp(account, "viewer:a") == 0 ? balance : heard_balance;
}

static void hear_answer(void *arg, const struct ledger_answer *a)
{
    answers++;
    heard_balance = a->balance;
}

/* Of what is committed together, too, the newest is said last. */
START_TEST(news_come_in_order_with_answers)
{
    char why[LEDGER_WHY_MAX];
    struct ledger_config c = config();
    make_folder();
    c.news = hear_news;
    loop = loop_create();
    ck_assert_msg(ledger_open(loop, &c, &ledger, why) == ERR_OK, "%s", why);
    for (unsigned i = 1; i <= ASKS / 2; i++) {
        struct ledger_request r = credit_of("viewer:a", "source", 10 * (uint64_t)i);
        ledger_ask(ledger, &r, hear_answer, NULL);
        r = spend_of("viewer:a", 9);
        ledger_ask(ledger, &r, hear_answer, NULL);
        if (i % 100 == 0) { /* the loop has looked at what was asked so far */
            wait_for(2 * i);
            ck_assert_uint_eq(heard_balance, i);
        }
    }
    finish();
    audit();
    remove_folder();
}
END_TEST

START_TEST(many_are_committed_together)
{
    make_folder();
    start();
    char key[32];
    for (int i = 0; i < ASKS; i++) { /* the texts are the ledger's from then on */
        snprintf(key, sizeof key, "r:%d", i % 100);
        struct ledger_request r = credit_of("a", key, (uint64_t)(i / 100 + 1));
        ledger_ask(ledger, &r, on_answer, NULL);
        memset(key, 'x', sizeof key);
    }
    struct ledger_request s = spend_of("a", ASKS);
    ledger_ask(ledger, &s, NULL, NULL); /* behind all of these, and nobody wants to know */
    wait_for(ASKS);
    ck_assert_uint_eq(moved, ASKS);
    ck_assert_uint_eq(ask((struct ledger_request){.op = LEDGER_BALANCE, .account = "a"}).balance,
                      0);
    ck_assert_uint_gt(news, 0);
    struct json *j = json_new_object();
    ledger_status(ledger, j);
    char *text = json_text(j);
    ck_assert_ptr_nonnull(strstr(text, "\"store\": \"ok\""));
    ck_assert_ptr_nonnull(strstr(text, "\"accounts\": 3"));
    mem_free(text);
    json_destroy(j);
    struct stat st;
    char beside[128];
    snprintf(beside, sizeof beside, "%s-wal", path);
    ck_assert_int_eq(stat(beside, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    finish();
    ck_assert_int_lt(audit().entries, ASKS + 2);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
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

/* Each of them is a row: no commit takes longer for that, and what is asked is copied. */
START_TEST(costs_with_many_payees_fill_a_batch)
{
    static char names[LEDGER_PAYEES_MAX][16];
    static struct ledger_payee payees[LEDGER_PAYEES_MAX];
    const uint64_t asks = 12, each = 3;
    make_folder();
    start();
    for (uint64_t i = 1; i <= asks; i++) {
        for (unsigned k = 0; k < LEDGER_PAYEES_MAX; k++) {
            snprintf(names[k], sizeof names[k], "t:%u", k);
            payees[k] = (struct ledger_payee){names[k], each};
        }
        struct ledger_request r = {.op = LEDGER_CHARGE,
                                   .account = "a",
                                   .key = "h",
                                   .total = i * each * LEDGER_PAYEES_MAX,
                                   .debt = LEDGER_DEBT_NOTE,
                                   .payees = payees,
                                   .n_payees = LEDGER_PAYEES_MAX};
        ledger_ask(ledger, &r, on_answer, NULL);
        memset(names, 'x', sizeof names);
        memset(payees, 0, sizeof payees);
    }
    wait_for((unsigned)asks);
    ck_assert_int_ge(commits(), (int64_t)asks / 2);
    ck_assert_uint_eq(last.owed, asks * each * LEDGER_PAYEES_MAX);
    finish();
    ck_assert_int_eq(audit().accounts, 1 + LEDGER_PAYEES_MAX);
    remove_folder();
}
END_TEST

START_TEST(closing_answers_what_was_asked)
{
    make_folder();
    start();
    for (int i = 0; i < 500; i++) {
        struct ledger_request r = credit_of("a", "r", (uint64_t)i + 1);
        ledger_ask(ledger, &r, on_answer, NULL);
    }
    finish();
    ck_assert_uint_eq(answers, 500);
    ck_assert_uint_eq(refusals, 0);
    ck_assert_int_eq(account_of("a").free, 500);
    remove_folder();
}
END_TEST

START_TEST(too_many_are_refused)
{
    make_folder();
    start();
    struct ledger_request r = credit_of("a", "r", 0);
    unsigned n = 400000;
    for (unsigned i = 0; i < n; i++) {
        r.total = i + 1;
        ledger_ask(ledger, &r, on_answer, NULL);
    }
    wait_for(n);
    ck_assert_uint_gt(refusals, 0);
    ck_assert_uint_lt(refusals, n);
    finish();
    ck_assert_int_eq(account_of("a").free, (int64_t)moved);
    audit();
    remove_folder();
}
END_TEST

START_TEST(holds_expire_by_themselves)
{
    make_folder();
    start();
    ask((struct ledger_request){.op = LEDGER_GRANT, .account = "a", .amount = 100});
    struct ledger_request r = {
        .op = LEDGER_HOLD, .account = "a", .key = "h", .amount = 60, .least = 60, .ttl_ms = 50};
    ck_assert_uint_eq(ask(r).balance, 40);
    while (news < 2) {
        loop_run_once(loop);
    }
    ck_assert_uint_eq(ask((struct ledger_request){.op = LEDGER_BALANCE, .account = "a"}).balance,
                      100);
    /* One that is due while nobody is there is found at the next start. */
    ck_assert_uint_eq(ask(r).held, 60);
    finish();
    int64_t end = clock_wall_ms() + 60;
    while (clock_wall_ms() < end) {
        usleep(1000);
    }
    start();
    while (news < 3) {
        loop_run_once(loop);
    }
    finish();
    ck_assert_int_eq(account_of("a").free, 100);
    audit();
    remove_folder();
}
END_TEST

/* --- what is refused at the start --- */

static enum err open_as(struct ledger_config c, char *ret_why)
{
    struct ledger *l = NULL;
    loop = loop_create();
    enum err e = ledger_open(loop, &c, &l, ret_why);
    if (e == ERR_OK) {
        ledger_close(l);
        loop_run_once(loop);
    }
    loop_destroy(loop);
    return e;
}

static void by_hand(const char *sql)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

START_TEST(another_file_is_refused)
{
    char why[LEDGER_WHY_MAX];
    make_folder();
    ck_assert_int_eq(open_as(config(), why), ERR_OK);
    ck_assert_int_eq(open_as(config(), why), ERR_OK);
    struct ledger_config c = config();
    c.scale = 6;
    ck_assert_int_eq(open_as(c, why), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(why, "-ledgerScale"));
    c = config();
    c.asset = "EUR";
    ck_assert_int_eq(open_as(c, why), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(why, "USD with 9"));
    c = config();
    c.scale = LEDGER_SCALE_MAX + 1;
    ck_assert_int_eq(open_as(c, why), ERR_LIMIT);
    by_hand("PRAGMA user_version = 4");
    ck_assert_int_eq(open_as(config(), why), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(why, "version 4"));
    by_hand("PRAGMA application_id = 1");
    ck_assert_int_eq(open_as(config(), why), ERR_PROTO);
    unlink(path);
    by_hand("CREATE TABLE x(y)");
    ck_assert_int_eq(open_as(config(), why), ERR_PROTO);
    write_file("this is a letter to somebody, and long enough not to be taken for an empty file\n"
               "this is a letter to somebody, and long enough not to be taken for an empty file\n");
    ck_assert_int_eq(open_as(config(), why), ERR_PROTO);
    c = config();
    c.path = "/nowhere/ledger.db";
    ck_assert_int_eq(open_as(c, why), ERR_IO);
    ck_assert_ptr_nonnull(strstr(why, "No such file"));
    remove_folder();
}
END_TEST

/* --- a store that does not take it --- */

START_TEST(a_locked_file_refuses_and_comes_back)
{
    make_folder();
    start();
    ck_assert_int_eq(ask(credit_of("a", "r", 5)).err, ERR_OK);
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(ask(credit_of("a", "r", 9)).err, ERR_IO);
    struct json *j = json_new_object();
    ledger_status(ledger, j);
    char *text = json_text(j);
    ck_assert_ptr_nonnull(strstr(text, "locked"));
    mem_free(text);
    json_destroy(j);
    ck_assert_int_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    ck_assert_uint_eq(ask(credit_of("a", "r", 9)).amount, 4);
    finish();
    ck_assert_int_eq(account_of("a").free, 9);
    audit();
    remove_folder();
}
END_TEST

START_TEST(a_file_that_was_taken_away_is_not_written)
{
    make_folder();
    start();
    ck_assert_int_eq(ask(credit_of("a", "r", 5)).err, ERR_OK);
    char away[128];
    snprintf(away, sizeof away, "%s.away", path);
    ck_assert_int_eq(rename(path, away), 0);
    ck_assert_int_eq(ask(credit_of("a", "r", 6)).err, ERR_IO);
    ck_assert_int_eq(rename(away, path), 0);
    ck_assert_uint_eq(ask(credit_of("a", "r", 7)).amount, 2);
    finish();
    audit();
    remove_folder();
}
END_TEST

/* The file system turns read-only while the ledger is in use, as it does when its disk fails. */
START_TEST(a_disk_that_turns_read_only_loses_nothing)
{
    make_folder();
    start();
    struct ledger_request h = {
        .op = LEDGER_HOLD, .account = "a", .key = "h", .amount = 3, .least = 3, .ttl_ms = 60000};
    struct ledger_request c = {
        .op = LEDGER_CHARGE, .account = "", .other = "b", .key = "h", .total = 2};
    ck_assert_int_eq(ask(credit_of("a", "r", 5)).err, ERR_OK);
    ck_assert_uint_eq(ask(h).held, 3);
    bad_disk_after(0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(ask(credit_of("a", "r", 9)).err, ERR_IO);
        ck_assert_int_eq(ask(c).err, ERR_IO);
        ck_assert_int_eq(ask(spend_of("a", 1)).err, ERR_IO);
    }
    struct json *j = json_new_object();
    ledger_status(ledger, j);
    char *text = json_text(j);
    ck_assert_msg(strstr(text, "Read-only file system") != NULL, "%s", text);
    mem_free(text);
    json_destroy(j);
    ck_assert_int_eq(account_of("a").free, 2); /* can be read all the while */
    audit();
    bad_disk_after(-1);
    ck_assert_uint_eq(ask(credit_of("a", "r", 9)).amount, 4);
    ck_assert_uint_eq(ask(c).amount, 2);
    ck_assert_int_eq(ask(spend_of("a", 1)).err, ERR_OK);
    finish();
    ck_assert_int_eq(account_of("a").free, 5);
    ck_assert_int_eq(account_of("a").held, 1);
    ck_assert_int_eq(account_of("b").free, 3);
    audit();
    remove_folder();
}
END_TEST

/* A disk that fills up, as far as this process can tell: no file may grow beyond a size. */
START_TEST(a_full_disk_loses_nothing)
{
    make_folder();
    start();
    signal(SIGXFSZ, SIG_IGN);
    char key[64];
    unsigned asked = 0;
    for (int room = 1; room <= 6; room++) {
        struct rlimit small = {(rlim_t)room * 50000, RLIM_INFINITY};
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
        unsigned before = refusals;
        for (int i = 0; i < 5000 && refusals == before; i++) {
            snprintf(key, sizeof key, "source:%d:%d", room, i);
            struct ledger_request r = credit_of("a", key, 3);
            ledger_ask(ledger, &r, on_answer, NULL);
            asked++;
            if (i % 7 == 0) {
                wait_for(asked);
            }
        }
        wait_for(asked);
        ck_assert_uint_gt(refusals, before);
    }
    struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &all), 0);
    ck_assert_int_eq(ask(credit_of("a", "at last", 1)).err, ERR_OK);
    ck_assert_uint_eq(last.balance, moved);
    finish();
    ck_assert_int_eq(account_of("a").free, (int64_t)moved);
    audit();
    remove_folder();
}
END_TEST

/* --- kill -9 --- */

#define SOURCES 50

/* What the child says once it was answered: to a pipe, so that it outlives the child. */
struct said {
    int what; /* 0: source `n` has credited `total`; 1: spend `n` was done */
    uint64_t n, total;
};

static int pipe_out;

static void say(int what, uint64_t n, uint64_t total)
{
    struct said s = {what, n, total};
    if (write(pipe_out, &s, sizeof s) != sizeof s) {
        _exit(2);
    }
}

struct asked {
    int what;
    uint64_t n, total;
};

static unsigned under_way;

static void child_answer(void *arg, const struct ledger_answer *a)
{
    struct asked *asked = arg;
    under_way--;
    if (a->err == ERR_OK) {
        say(asked->what, asked->n, asked->total);
    }
    mem_free(asked);
}

/* Holds, charges and releases between them: their answers are not looked at, the audit looks at
 * what they leave behind. */
static void child_hold(uint64_t n)
{
    static const enum ledger_op ops[] = {LEDGER_HOLD, LEDGER_HOLD, LEDGER_CHARGE, LEDGER_RELEASE};
    char key[64];
    snprintf(key, sizeof key, "hold:%" PRIu64, n / 12);
    ledger_ask(ledger,
               &(struct ledger_request){
                   .op = ops[n / 3 % (n / 12 % 3 == 0 ? 3 : 4)], /* some are forgotten */
                   .account = "viewer",
                   .other = "b",
                   .key = key,
                   .amount = n % 90,
                   .total = n % 40,
                   .ttl_ms = (int64_t)(n % 30) + 1},
               NULL, NULL);
}

static void child_ask(uint64_t n)
{
    char key[64];
    struct asked *a = mem_alloc(sizeof *a);
    *a = (struct asked){n % 3 == 0, n % 3 == 0 ? n : n % SOURCES, n};
    snprintf(key, sizeof key, "%s:%" PRIu64, a->what ? "spend" : "source", a->n);
    struct ledger_request r = a->what ? spend_of("viewer", 1) : credit_of("viewer", key, n);
    r.key = key;
    ledger_ask(ledger, &r, child_answer, a);
    under_way++;
    if (n % 3 == 1) {
        child_hold(n);
    }
}

static void child(uint64_t first)
{
    start();
    for (uint64_t n = first;; n++) {
        child_ask(n);
        while (under_way >= 1000) {
            loop_run_once(loop);
        }
    }
}

/* The highest total of each source that was acknowledged, over all children; the spends' keys. */
static uint64_t totals[SOURCES], spends;
static unsigned char *spent; /* by number */

static uint64_t run_and_kill(uint64_t first, unsigned after)
{
    int ends[2];
    uint64_t newest = first;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        close(ends[0]);
        pipe_out = ends[1];
        child(first);
    }
    close(ends[1]);
    struct said s;
    for (unsigned n = 0; read(ends[0], &s, sizeof s) == sizeof s; n++) {
        newest = s.total > newest ? s.total : newest;
        if (s.what == 1 && s.n < 1000000) {
            ck_assert_int_eq(spent[s.n], 0);
            spent[s.n] = 1;
            spends++;
        } else if (s.total > totals[s.n]) {
            totals[s.n] = s.total;
        }
        if (n == after) {
            kill(pid, SIGKILL);
        }
    }
    close(ends[0]);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    return newest + 1000;
}

/* Asks again for everything that was acknowledged: nothing moves. */
static void ask_all_again(uint64_t end)
{
    char key[64];
    start();
    struct ledger_account before = account_of("viewer");
    for (uint64_t k = 0; k < SOURCES; k++) {
        snprintf(key, sizeof key, "source:%" PRIu64, k);
        ck_assert_uint_eq(ask(credit_of("viewer", key, totals[k])).amount, 0);
    }
    for (uint64_t n = 0; n < end && n < 1000000; n++) {
        if (spent[n]) {
            snprintf(key, sizeof key, "spend:%" PRIu64, n);
            struct ledger_request r = spend_of("viewer", 1);
            r.key = key;
            ledger_ask(ledger, &r, on_answer, NULL);
            wait_for(answers + (n % 64 == 0));
        }
    }
    ask((struct ledger_request){.op = LEDGER_BALANCE, .account = "viewer"});
    struct ledger_account after = account_of("viewer");
    ck_assert_int_eq(after.free + after.held, before.free + before.held); /* holds may expire */
    finish();
}

START_TEST(kill_9_loses_nothing_that_was_answered)
{
    make_folder();
    spent = mem_alloc(1000000);
    uint64_t next = SOURCES;
    srand(7);
    for (int i = 0; i < KILLS; i++) {
        next = run_and_kill(next, 1 + (unsigned)rand() % 1500);
        audit();
        /* What came in is all that the sources say, at least what was acknowledged. */
        int64_t in = -account_of("world:receipts").free, acknowledged = 0;
        for (int k = 0; k < SOURCES; k++) {
            acknowledged += (int64_t)totals[k];
        }
        ck_assert_int_ge(in, acknowledged);
        ck_assert_int_ge(account_of("b").free, (int64_t)spends);
        struct ledger_account viewer = account_of("viewer");
        ck_assert_int_eq(viewer.free + viewer.held, in - account_of("b").free);
    }
    ck_assert_uint_gt(spends, 0);
    ck_assert_int_gt(audit().holds, 0);
    ask_all_again(next);
    audit();
    mem_free(spent);
    remove_folder();
}
END_TEST

UNIT_MAIN("ledger", news_come_in_order_with_answers, many_are_committed_together,
          costs_with_many_payees_fill_a_batch, closing_answers_what_was_asked, too_many_are_refused,
          holds_expire_by_themselves, another_file_is_refused, a_locked_file_refuses_and_comes_back,
          a_file_that_was_taken_away_is_not_written, a_disk_that_turns_read_only_loses_nothing,
          a_full_disk_loses_nothing, kill_9_loses_nothing_that_was_answered)
