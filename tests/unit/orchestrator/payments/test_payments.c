/* What a broadcaster may ask of the accounts, over a real ledger. */
#include "orchestrator/payments/payments.h"

#include <unistd.h>

#include "run/json_read.h"
#include "tests/unit/orchestrator/ledger/folder.h"

static struct loop *loop;
static struct ledger *ledger;
static struct payments *payments;
static struct link_pay_answer last;
static unsigned answers, news[3]; /* of each broadcaster */

static void on_send(void *arg, link_peer to, const struct link_msg *m)
{
    if (m->type == LINK_PAY_NEWS) {
        news[to]++;
        return;
    }
    ck_assert_int_eq(m->type, LINK_PAY_ANSWER);
    last = m->pay_answer;
    last.text = NULL;
    answers++;
}

static void on_name(void *arg, link_peer peer, char *ret_name)
{
    snprintf(ret_name, LEDGER_NAME_MAX, "broadcaster:b%u", (unsigned)peer);
}

static struct link_pay_answer ask(struct link_pay_ask q)
{
    unsigned before = answers;
    q.account = q.account != NULL ? q.account : "";
    q.key = q.key != NULL ? q.key : "";
    q.text = "";
    payments_ask(payments, 1, &q);
    while (answers == before) {
        loop_run_once(loop);
    }
    return last;
}

static void start(void)
{
    char why[LEDGER_WHY_MAX];
    struct ledger_config c = {.path = path, .scale = 9, .asset = "USD"};
    loop = loop_create();
    ck_assert_msg(ledger_open(loop, &c, &ledger, why) == ERR_OK, "%s", why);
    payments = payments_create(
        &(struct payments_config){.ledger = ledger, .send = on_send, .name = on_name});
}

static void finish(void)
{
    ledger_close(ledger);
    payments_destroy(payments);
    loop_destroy(loop);
}

START_TEST(leases_alone_are_a_broadcasters)
{
    make_folder();
    start();
    struct ledger_request g = {.op = LEDGER_GRANT, .account = "viewer:a", .amount = 100};
    struct ledger_request h = {.op = LEDGER_HOLD,
                               .account = "viewer:a",
                               .key = "jobs:s:0:b",
                               .amount = 10,
                               .ttl_ms = 60000};
    ledger_ask(ledger, &g, NULL, NULL);
    ledger_ask(ledger, &h, NULL, NULL);
    struct link_pay_ask q = {.kind = LINK_PAY_RELEASE, .account = "viewer:a", .key = "jobs:s:0:b"};
    ck_assert_int_eq(ask(q).status, LINK_PAY_REFUSED);
    q.kind = LINK_PAY_CHARGE;
    q.total = 5;
    ck_assert_int_eq(ask(q).status, LINK_PAY_REFUSED);
    q = (struct link_pay_ask){.kind = LINK_PAY_HOLD,
                              .account = "viewer:a\nx",
                              .key = "lease:i:1",
                              .amount = 50,
                              .ttl_ms = 60000};
    ck_assert_int_eq(ask(q).status, LINK_PAY_REFUSED);
    q = (struct link_pay_ask){.kind = LINK_PAY_HOLD,
                              .account = "viewer:a",
                              .key = "lease:i:1",
                              .amount = 50,
                              .ttl_ms = 60000};
    ck_assert_uint_eq(ask(q).held, 50);
    q.kind = LINK_PAY_RELEASE;
    q.total = 20;
    ck_assert_uint_eq(ask(q).amount, 20);
    q.kind = LINK_PAY_HOLD; /* given back: the next one needs another name */
    ck_assert_int_eq(ask(q).status, LINK_PAY_NO_HOLD);
    finish();
    ck_assert_int_eq(account_of("viewer:a").free, 70);
    ck_assert_int_eq(account_of(PAYMENTS_INCOME).free, 20);
    audit();
    remove_folder();
}
END_TEST

/* A broadcaster that lies about what was watched. */
START_TEST(an_overstated_cost_is_no_debt)
{
    make_folder();
    start();
    struct ledger_request g = {.op = LEDGER_GRANT, .account = "viewer:a", .amount = 100};
    ledger_ask(ledger, &g, NULL, NULL);
    struct link_pay_ask q = {.kind = LINK_PAY_HOLD,
                             .account = "viewer:a",
                             .key = "lease:i:1",
                             .amount = 50,
                             .ttl_ms = 1};
    ck_assert_uint_eq(ask(q).held, 50);
    FILE *log = tmpfile();
    ck_assert_int_ge(dup2(fileno(log), STDERR_FILENO), 0);
    q.kind = LINK_PAY_CHARGE;
    q.total = 1000000;
    ck_assert_int_eq(ask(q).status, LINK_PAY_OK);
    q.kind = LINK_PAY_RELEASE;
    q.total = UINT64_MAX;
    ck_assert_int_eq(ask(q).status, LINK_PAY_OK);
    g.amount = 30;
    ledger_ask(ledger, &g, NULL, NULL);
    q.kind = LINK_PAY_ACCOUNT;
    ck_assert_uint_eq(ask(q).balance, 30); /* what comes later is his */
    struct json *status = json_new_object();
    int64_t overstated = 0;
    payments_status(payments, status);
    ck_assert(json_int_of(json_member(json_member(status, "payments"), "overstated"), &overstated));
    ck_assert_int_eq(overstated, 2);
    json_destroy(status);
    char said[4096] = "";
    rewind(log);
    ck_assert_uint_gt(fread(said, 1, sizeof said - 1, log), 0);
    const char *who = strstr(said, "\"broadcaster:b1\"");
    ck_assert_msg(who != NULL && strstr(who + 1, "\"broadcaster:b1\"") == NULL, "%s", said);
    fclose(log);
    finish();
    ck_assert_int_eq(audit().owed, 0);
    remove_folder();
}
END_TEST

/* Who knows an account's name can spend from it. */
START_TEST(names_are_told_to_who_knows_them)
{
    make_folder();
    start();
    struct link_pay_ask q = {.kind = LINK_PAY_ACCOUNT, .account = "viewer:b"};
    ask(q);
    payments_news(payments, "viewer:a", 5);
    ck_assert_uint_eq(news[1], 0);
    q.account = "viewer:a";
    ask(q);
    payments_ask(
        payments, 2,
        &(struct link_pay_ask){.kind = LINK_PAY_ACCOUNT, .account = "x", .key = "", .text = ""});
    payments_news(payments, "viewer:a", 5);
    payments_news(payments, "viewer:c", 5);
    ck_assert_uint_eq(news[1], 1);
    ck_assert_uint_eq(news[2], 0);
    payments_lost(payments, 1);
    payments_news(payments, "viewer:a", 5);
    ck_assert_uint_eq(news[1], 1);
    finish();
    remove_folder();
}
END_TEST

UNIT_MAIN("payments", names_are_told_to_who_knows_them, leases_alone_are_a_broadcasters,
          an_overstated_cost_is_no_debt)
