/* usual time: 6 s */
/* The relay: what passes through it, who may come in, and who is too slow. */
#include "fakes.h"
#include "orchestrator/peers.h"

START_TEST(a_job_passes_through)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t = join(LINK_ROLE_TRANSCODER, 2);
    ck_assert_str_eq(b->session, relay_session(relay));
    ck_assert_str_eq(t->session, relay_session(relay));
    open_job(b, 5);
    wait_msg(t, LINK_JOB_OPEN, 1);
    const struct got *open = last_of(t, LINK_JOB_OPEN);
    ck_assert_uint_eq(open->open.msn, 105);
    ck_assert_uint_eq(open->open.ladder[0].height, 144);
    uint64_t attempt = open->job;
    say(t, LINK_JOB_ACCEPT, attempt, "");
    wait_msg(b, LINK_JOB_ACCEPT, 1);
    for (uint32_t i = 0; i < 3; i++) {
        send_unit(b, 5, i, i == 2, 1000 + i);
    }
    wait_msg(t, LINK_JOB_UNIT, 3);
    for (size_t i = 0, n = 0; i < t->n_got; i++) {
        if (t->got[i].type == LINK_JOB_UNIT) {
            ck_assert_uint_eq(t->got[i].seq, n);
            ck_assert_uint_eq(t->got[i].payload_len, 1000 + n);
            ck_assert_uint_eq(t->got[i].first_byte, n);
            n++;
        }
    }
    send_part(t, attempt, 0, true, false, 700);
    wait_msg(b, LINK_RUNG_UNIT, 1);
    send_part(t, attempt, 1, false, true, 800);
    struct link_msg done = {.type = LINK_JOB_DONE, .job = attempt, .reason = ""};
    done.done.n_rungs = 1;
    tell(t, &done, NULL);
    wait_msg(b, LINK_JOB_DONE, 1);
    ck_assert_uint_eq(count_of(b, LINK_RUNG_UNIT), 2);
    const struct got *part = last_of(b, LINK_RUNG_UNIT);
    ck_assert_uint_eq(part->job, 5);
    ck_assert_uint_eq(part->part, 1);
    ck_assert(part->last);
    ck_assert_uint_eq(part->payload_len, 800);
    ck_assert_uint_eq(part->first_byte, 101);
    ck_assert_uint_eq(last_of(b, LINK_JOB_DONE)->frames, 2);
    ck_assert_uint_eq(gauges().held_bytes, 0);
    ck_assert_uint_eq(roster_load(roster()), 0);
}
END_TEST

static bool has_one_transcoder(const void *arg)
{
    return roster()->n_transcoders == 1;
}

static bool has_no_transcoder(const void *arg)
{
    return roster()->n_transcoders == 0;
}

static bool has_no_broadcaster(const void *arg)
{
    return roster()->n_broadcasters == 0;
}

START_TEST(a_transcoder_dies_and_another_goes_on)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t1 = join(LINK_ROLE_TRANSCODER, 2);
    open_job(b, 1);
    send_unit(b, 1, 0, false, 500);
    wait_msg(t1, LINK_JOB_UNIT, 1);
    send_part(t1, last_of(t1, LINK_JOB_OPEN)->job, 0, true, false, 300);
    wait_msg(b, LINK_RUNG_UNIT, 1);
    leave(t1);
    WAIT(has_no_transcoder, NULL);
    send_unit(b, 1, 1, true, 500);
    struct fake *t2 = join(LINK_ROLE_TRANSCODER, 2);
    wait_msg(t2, LINK_JOB_UNIT, 2);
    const struct got *open = last_of(t2, LINK_JOB_OPEN);
    ck_assert_uint_eq(open->open.ladder[0].emit_from, 1);
    send_part(t2, open->job, 1, true, true, 300);
    struct link_msg done = {.type = LINK_JOB_DONE, .job = open->job, .reason = ""};
    tell(t2, &done, NULL);
    wait_msg(b, LINK_JOB_DONE, 1);
    ck_assert_uint_eq(count_of(b, LINK_RUNG_UNIT), 2);
    ck_assert_uint_eq(last_of(b, LINK_RUNG_UNIT)->part, 1);
    ck_assert_uint_eq(gauges().held_bytes, 0);
}
END_TEST

START_TEST(a_transcoder_says_goodbye)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t1 = join(LINK_ROLE_TRANSCODER, 9);
    struct fake *t2 = join(LINK_ROLE_TRANSCODER, 1);
    open_job(b, 1);
    wait_msg(t1, LINK_JOB_OPEN, 1);
    say(t1, LINK_BYE, 0, "maintenance");
    wait_msg(t2, LINK_JOB_OPEN, 1);
    WAIT(has_one_transcoder, NULL);
}
END_TEST

START_TEST(a_broadcaster_goes_and_its_jobs_are_cancelled)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t = join(LINK_ROLE_TRANSCODER, 9);
    open_job(b, 1);
    wait_msg(t, LINK_JOB_OPEN, 1);
    leave(b);
    wait_msg(t, LINK_JOB_CANCEL, 1);
    WAIT(has_no_broadcaster, NULL);
    ck_assert_uint_eq(last_of(t, LINK_JOB_CANCEL)->job, last_of(t, LINK_JOB_OPEN)->job);
    ck_assert_uint_eq(gauges().held_bytes, 0);
}
END_TEST

START_TEST(another_version_is_named)
{
    struct fake *t = dial(LINK_ROLE_TRANSCODER);
    hello(t, "transcoder", LINK_VERSION + 1, 1);
    wait_msg(t, LINK_BYE, 1);
    const char *reason = t->got[0].reason;
    ck_assert_int_eq(t->got[0].type, LINK_BYE);
    ck_assert_msg(strstr(reason, "speaks versions 2 to 2") != NULL, "%s", reason);
    ck_assert_uint_eq(roster()->n_transcoders, 0);
    ck_assert_uint_eq(relay_counters(relay).rejected, 1);
    ck_assert(!t->welcomed);
}
END_TEST

START_TEST(a_role_must_be_the_keys)
{
    struct fake *t = dial(LINK_ROLE_TRANSCODER);
    hello(t, "broadcaster", LINK_VERSION, 0);
    wait_msg(t, LINK_BYE, 1);
    ck_assert_str_eq(t->got[0].reason,
                     "the peer says it is a broadcaster, but its key is that of a transcoder");
    ck_assert_uint_eq(roster()->n_broadcasters, 0);
    struct fake *b = dial(LINK_ROLE_BROADCASTER);
    hello(b, "transcoder", LINK_VERSION, 5);
    wait_msg(b, LINK_BYE, 1);
    ck_assert_uint_eq(roster()->n_transcoders, 0);
    ck_assert_uint_eq(relay_counters(relay).rejected, 2);
}
END_TEST

START_TEST(what_a_peer_may_not_send_is_dropped)
{
    struct fake *b = dial(LINK_ROLE_BROADCASTER);
    open_job(b, 1); /* before hello */
    hello(b, "broadcaster", LINK_VERSION, 0);
    WAIT(is_welcomed, b);
    ck_assert_uint_eq(relay_counters(relay).unwelcome, 1);
    struct fake *t = join(LINK_ROLE_TRANSCODER, 1);
    open_job(t, 1);
    say(t, LINK_JOB_CANCEL, 1, "");
    send_part(b, 1, 0, true, true, 10);
    say(b, LINK_JOB_FAILED, 1, "");
    open_job(b, 2);
    wait_msg(t, LINK_JOB_OPEN, 1);
    say(t, LINK_JOB_REFUSE, last_of(t, LINK_JOB_OPEN)->job, "");
    say(b, LINK_JOB_CANCEL, 2, "");
    open_job(b, 3);
    wait_msg(t, LINK_JOB_OPEN, 2);
    ck_assert_uint_eq(relay_counters(relay).unwelcome, 5);
    ck_assert_uint_eq(job_table_counters(relay_table(relay)).opened, 2);
}
END_TEST

static bool is_draining(const void *arg)
{
    return transcoder_room(LIST_ITEM(roster()->transcoders.next, const struct transcoder, node)) ==
           0;
}

START_TEST(a_second_hello_brings_up_to_date)
{
    struct fake *t = join(LINK_ROLE_TRANSCODER, 3);
    hello(t, "transcoder", LINK_VERSION, 0);
    WAIT(is_draining, NULL);
    ck_assert_uint_eq(roster()->n_transcoders, 1);
    ck_assert_uint_eq(count_of(t, LINK_WELCOME), 1);
}
END_TEST

/* The old connection is not known to be dead yet. */
START_TEST(a_peer_that_comes_back_replaces_itself)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t1 = dial(LINK_ROLE_TRANSCODER);
    hello_of(t1, "transcoder", LINK_VERSION, 2, "a1b2");
    WAIT(is_welcomed, t1);
    open_job(b, 1);
    wait_msg(t1, LINK_JOB_OPEN, 1);
    struct fake *other = dial(LINK_ROLE_TRANSCODER);
    hello_of(other, "transcoder", LINK_VERSION, 0, "a1b3");
    WAIT(is_welcomed, other);
    struct fake *t2 = dial(LINK_ROLE_TRANSCODER);
    hello_of(t2, "transcoder", LINK_VERSION, 2, "a1b2");
    wait_msg(t2, LINK_JOB_OPEN, 1);
    ck_assert_uint_eq(roster()->n_transcoders, 2);
    WAIT(is_down, t1);
    ck_assert(!other->down);
    ck_assert_uint_eq(roster_load(roster()), 1);
}
END_TEST

START_TEST(the_end_is_told)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t = join(LINK_ROLE_TRANSCODER, 3);
    open_job(b, 1); /* comes after the stop, and is ignored */
    relay_stop(relay, "the orchestrator is stopping");
    wait_msg(b, LINK_BYE, 1);
    wait_msg(t, LINK_BYE, 1);
    ck_assert_str_eq(last_of(t, LINK_BYE)->reason, "the orchestrator is stopping");
    ck_assert_uint_eq(count_of(t, LINK_JOB_OPEN), 0);
    ck_assert_uint_eq(job_table_counters(relay_table(relay)).opened, 0);
}
END_TEST

START_TEST(an_address_in_use_is_told)
{
    struct relay *second = NULL;
    const char *why = "";
    int port = atoi(strchr(addr, ':') + 1);
    ck_assert_int_eq(try_start(port, &second, &why), ERR_IO);
    ck_assert_ptr_null(second);
    ck_assert_msg(why[0] != '\0', "%s", why);
}
END_TEST

static bool holds_all(const void *arg)
{
    return gauges().held_bytes >= FLOOD * FLOOD_SIZE;
}

START_TEST(units_wait_for_a_slow_transcoder)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t = join(LINK_ROLE_TRANSCODER, 3);
    t->asleep = true;
    open_job(b, 1);
    for (uint32_t i = 0; i < FLOOD; i++) {
        send_unit(b, 1, i, i == FLOOD - 1, FLOOD_SIZE);
    }
    WAIT(holds_all, NULL);
    t->asleep = false;
    wait_msg(t, LINK_JOB_UNIT, FLOOD);
    uint32_t n = 0;
    for (size_t i = 0; i < t->n_got; i++) {
        if (t->got[i].type == LINK_JOB_UNIT) {
            ck_assert_uint_eq(t->got[i].seq, n);
            ck_assert_uint_eq(t->got[i].first_byte, (uint8_t)n);
            n++;
        }
    }
    ck_assert_uint_eq(n, FLOOD);
    ck_assert_uint_eq(count_of(b, LINK_JOB_FAILED), 0);
}
END_TEST

static bool has_failed_one(const void *arg)
{
    return job_table_counters(relay_table(relay)).failed == 1;
}

START_TEST(a_broadcaster_that_takes_nothing_loses_its_job_not_the_orchestrator)
{
    struct fake *b = join(LINK_ROLE_BROADCASTER, 0);
    struct fake *t = join(LINK_ROLE_TRANSCODER, 3);
    open_job(b, 1);
    send_unit(b, 1, 0, true, 10);
    wait_msg(t, LINK_JOB_UNIT, 1);
    b->asleep = true;
    uint64_t attempt = last_of(t, LINK_JOB_OPEN)->job;
    for (uint32_t i = 0; i < FLOOD; i++) {
        send_part(t, attempt, i, i == 0, false, FLOOD_SIZE);
    }
    WAIT(has_failed_one, NULL);
    ck_assert_uint_le(relay_waiting_bytes(relay), PEERS_RUNG_BYTES + PEERS_CONTROL_BYTES);
    wait_msg(t, LINK_JOB_CANCEL, 1);
    b->asleep = false;
    wait_msg(b, LINK_JOB_FAILED, 1);
    ck_assert_str_eq(last_of(b, LINK_JOB_FAILED)->reason,
                     "the broadcaster takes its results too slowly");
    ck_assert_int_eq(b->got[b->n_got - 1].type, LINK_JOB_FAILED); /* in order, after the parts */
    uint32_t n = 0;
    for (size_t i = 0; i < b->n_got; i++) {
        if (b->got[i].type == LINK_RUNG_UNIT) {
            ck_assert_uint_eq(b->got[i].part, n++);
        }
    }
    ck_assert_uint_ge(n * FLOOD_SIZE, PEERS_RUNG_BYTES);
    ck_assert_uint_lt(n, FLOOD);
    ck_assert_uint_eq(relay_waiting_bytes(relay), 0);
    ck_assert_uint_eq(relay_counters(relay).dropped, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("relay");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 30);
    tcase_add_unchecked_fixture(tc, derive_once, NULL);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_job_passes_through);
    tcase_add_test(tc, a_transcoder_dies_and_another_goes_on);
    tcase_add_test(tc, a_transcoder_says_goodbye);
    tcase_add_test(tc, a_broadcaster_goes_and_its_jobs_are_cancelled);
    tcase_add_test(tc, another_version_is_named);
    tcase_add_test(tc, a_role_must_be_the_keys);
    tcase_add_test(tc, what_a_peer_may_not_send_is_dropped);
    tcase_add_test(tc, a_second_hello_brings_up_to_date);
    tcase_add_test(tc, a_peer_that_comes_back_replaces_itself);
    tcase_add_test(tc, the_end_is_told);
    tcase_add_test(tc, an_address_in_use_is_told);
    tcase_add_test(tc, units_wait_for_a_slow_transcoder);
    tcase_add_test(tc, a_broadcaster_that_takes_nothing_loses_its_job_not_the_orchestrator);
    suite_add_tcase(suite, tc);
    SRunner *sr = srunner_create(suite);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
