/* usual time: 2 s */
/* What rungs cost, from what peers say to the ledger's file. */
#include "fakes.h"

#include "orchestrator/ledger/ledger.h"
#include "run/json_read.h"
#include "tests/unit/orchestrator/ledger/folder.h"

#define GRANTED (1000 * 1000 * 1000)
#define PIXELS  (192 * 144) /* of a part: fakes.h */

static void grant(void)
{
    struct ledger_request r = {
        .op = LEDGER_GRANT, .account = "broadcaster:shared/fake", .amount = GRANTED};
    ledger_ask(ledger, &r, NULL, NULL);
}

static void start(void)
{
    char why[LEDGER_WHY_MAX];
    struct ledger_config c = {.path = path, .scale = 9, .asset = "USD"};
    make_folder();
    loop = loop_create();
    ck_assert_msg(ledger_open(loop, &c, &ledger, why) == ERR_OK, "%s", why);
    start_relay();
    grant();
}

/* What /status says of the broadcaster's funds. */
static bool has_funds(const void *arg)
{
    struct json *j = json_new_object();
    link_peer b = LIST_ITEM(roster()->broadcasters.next, struct broadcaster, node)->peer;
    till_broadcaster_json(relay_till(relay), b, j);
    const char *funds = json_string_of(json_member(j, "funds"));
    bool ok = funds != NULL && strcmp(funds, "ok") == 0;
    json_destroy(j);
    return ok;
}

static struct fake *transcoder(const char *name)
{
    fake_name = name;
    return join(LINK_ROLE_TRANSCODER, 2);
}

static void reject(struct fake *b, uint64_t job, uint32_t part)
{
    struct link_msg m = {.type = LINK_RUNG_REJECT, .job = job, .reason = "it does not decode"};
    m.word = (struct link_rung_word){.rung = 0, .part = part};
    tell(b, &m, NULL);
}

static void finish(void)
{
    for (size_t i = 0; i < n_fakes; i++) {
        if (fakes[i].link != NULL) {
            leave(&fakes[i]);
        }
    }
    relay_stop(relay, "the end");
    ledger_close(ledger);
    relay_destroy(relay, 0);
    loop_destroy(loop);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static bool has_one_transcoder(const void *arg)
{
    return roster()->n_transcoders == 1;
}

/* Of three parts the second one is no good, and is made again by somebody else with the third one:
 * the next part of who made it badly is free. So each is paid for once. The end comes while that
 * job is open. */
START_TEST(a_part_made_again_is_paid_once)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    WAIT(has_funds, NULL);
    struct fake *bad = transcoder("bad:1");
    open_job(b, 1);
    for (uint32_t i = 0; i < 3; i++) {
        send_unit(b, 1, i, i == 2, 100);
    }
    wait_msg(bad, LINK_JOB_UNIT, 3);
    uint64_t attempt = last_of(bad, LINK_JOB_OPEN)->job;
    send_part(bad, attempt, 0, true, false, 100);
    send_part(bad, attempt, 1, false, false, 100);
    wait_msg(b, LINK_RUNG_UNIT, 2);
    struct fake *good = transcoder("good:2");
    reject(b, 1, 1);
    wait_msg(good, LINK_JOB_UNIT, 3);
    attempt = last_of(good, LINK_JOB_OPEN)->job;
    ck_assert_uint_eq(last_of(good, LINK_JOB_OPEN)->open.ladder[0].emit_from, 1);
    send_part(good, attempt, 1, true, false, 100);
    send_part(good, attempt, 2, false, true, 100);
    say(good, LINK_JOB_DONE, attempt, "");
    wait_msg(b, LINK_JOB_DONE, 1);
    leave(good);
    WAIT(has_one_transcoder, NULL);
    open_job(b, 2);
    send_unit(b, 2, 0, true, 100);
    wait_msg(bad, LINK_JOB_UNIT, 4);
    send_part(bad, last_of(bad, LINK_JOB_OPEN)->job, 0, true, true, 100);
    wait_msg(b, LINK_RUNG_UNIT, 5);
    ck_assert_uint_eq(till_earned(relay_till(relay), "earnings:shared/bad"), 2 * PIXELS);
    ck_assert_uint_eq(till_earned(relay_till(relay), "earnings:shared/good"), 2 * PIXELS);
    finish();
    ck_assert_int_eq(account_of("earnings:shared/bad").free, 2 * PIXELS);
    ck_assert_int_eq(account_of("earnings:shared/good").free, 2 * PIXELS);
    ck_assert_int_eq(account_of("broadcaster:shared/fake").free, GRANTED - 4 * PIXELS);
    ck_assert_int_eq(audit().owed, 0);
    remove_folder();
}
END_TEST

static bool has_none(const void *arg)
{
    return roster()->n_transcoders == 0;
}

static bool has_rejected(const void *arg)
{
    return job_table_counters(relay_table(relay)).rungs_rejected == 1;
}

/* Who made it badly has gone before that is known: it gives back what it had for it, at the latest
 * at the end. */
START_TEST(a_part_is_paid_once_though_its_maker_has_gone)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    WAIT(has_funds, NULL);
    struct fake *bad = transcoder("bad:1");
    open_job(b, 1);
    for (uint32_t i = 0; i < 3; i++) {
        send_unit(b, 1, i, i == 2, 100);
    }
    wait_msg(bad, LINK_JOB_UNIT, 3);
    uint64_t attempt = last_of(bad, LINK_JOB_OPEN)->job;
    send_part(bad, attempt, 0, true, false, 100);
    send_part(bad, attempt, 1, false, false, 100);
    wait_msg(b, LINK_RUNG_UNIT, 2);
    leave(bad);
    WAIT(has_none, NULL);
    reject(b, 1, 1);
    WAIT(has_rejected, NULL);
    struct fake *good = transcoder("good:2");
    wait_msg(good, LINK_JOB_UNIT, 3);
    attempt = last_of(good, LINK_JOB_OPEN)->job;
    send_part(good, attempt, 1, true, false, 100);
    send_part(good, attempt, 2, false, true, 100);
    say(good, LINK_JOB_DONE, attempt, "");
    wait_msg(b, LINK_JOB_DONE, 1);
    finish();
    ck_assert_int_eq(account_of("earnings:shared/bad").free, PIXELS);
    ck_assert_int_eq(account_of("earnings:shared/good").free, 2 * PIXELS);
    ck_assert_int_eq(account_of("broadcaster:shared/fake").free, GRANTED - 3 * PIXELS);
    ck_assert_int_eq(audit().owed, 0);
    remove_folder();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("relay_paid");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 30);
    tcase_add_unchecked_fixture(tc, derive_once, NULL);
    tcase_add_checked_fixture(tc, start, NULL);
    tcase_add_test(tc, a_part_made_again_is_paid_once);
    tcase_add_test(tc, a_part_is_paid_once_though_its_maker_has_gone);
    suite_add_tcase(suite, tc);
    SRunner *sr = srunner_create(suite);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
