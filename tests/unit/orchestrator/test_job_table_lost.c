/* Jobs whose transcoder goes, refuses, fails or is late. B = 100 is the broadcaster, T = 1 and 2
 * transcoders. */
#include "farm.h"
#include "orchestrator/job.h"

START_TEST(a_lost_transcoders_job_goes_on_elsewhere_from_the_first_missing_part)
{
    start(NULL);
    world_transcoder(w, 1, 2, "x");
    world_job(w, B, 7, "s", 40, 2);
    whole_input(7);
    uint64_t first = world_attempt(w, 1);
    world_part(w, 1, first, 0, 0, true, true);
    world_part(w, 1, first, 1, 0, true, false);
    world_transcoder(w, 2, 1, "x");
    job_table_transcoder_lost(w->table, 1, w->now);
    const struct sent *open = world_last(w, 2, LINK_JOB_OPEN);
    ck_assert_ptr_nonnull(open);
    ck_assert_uint_ne(open->job, first);
    ck_assert_uint_eq(open->open.n_ladder, 1);
    ck_assert_uint_eq(open->open.ladder[0].width, 200);
    ck_assert_uint_eq(open->open.ladder[0].emit_from, 1);
    ck_assert_uint_eq(world_count(w, 2, LINK_JOB_UNIT), 2);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_CANCEL), 0);
    world_part(w, 2, open->job, 0, 1, true, true);
    ck_assert_uint_eq(world_last(w, B, LINK_RUNG_UNIT)->rung, 1);
    ck_assert_uint_eq(world_last(w, B, LINK_RUNG_UNIT)->part, 1);
    world_done(w, 2, open->job);
    const struct sent *done = world_last(w, B, LINK_JOB_DONE);
    ck_assert_uint_eq(done->done.n_rungs, 2);
    ck_assert_uint_eq(done->done.rungs[1].frames, 4);
    ck_assert_uint_eq(job_table_counters(w->table).redispatched, 1);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(a_lost_transcoders_job_waits_for_its_return)
{
    start(NULL);
    world_transcoder(w, 1, 2, "x");
    world_job(w, B, 7, "s", 40, 1);
    world_unit(w, B, 7, 0, false, 10);
    job_table_transcoder_lost(w->table, 1, w->now);
    ck_assert_uint_eq(job_table_gauges(w->table).queued, 1);
    world_unit(w, B, 7, 1, true, 10); /* what comes meanwhile is kept */
    advance(3000);
    world_transcoder(w, 5, 2, "x");
    ck_assert_uint_eq(world_count(w, 5, LINK_JOB_UNIT), 2);
    world_part(w, 5, world_attempt(w, 5), 0, 0, true, true);
    world_done(w, 5, world_attempt(w, 5));
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_DONE), 1);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(only_the_done_was_lost)
{
    start(NULL);
    world_transcoder(w, 1, 2, "x");
    world_job(w, B, 7, "s", 40, 1);
    whole_input(7);
    world_part(w, 1, world_attempt(w, 1), 0, 0, true, true);
    job_table_transcoder_lost(w->table, 1, w->now);
    ck_assert_uint_eq(world_last(w, B, LINK_JOB_DONE)->done.rungs[0].frames, 2);
    world_check_empty(w);
    world_job(w, B, 8, "s", 41, 1);
    world_transcoder(w, 2, 2, "x");
    whole_input(8);
    world_part(w, 2, world_attempt(w, 2), 0, 0, true, true);
    advance(5000);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_DONE), 2);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 0);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(only_an_equal_encoder_goes_on_with_a_begun_job)
{
    start(NULL);
    world_transcoder(w, 1, 2, "x");
    world_job(w, B, 7, "s", 40, 1);
    whole_input(7);
    world_part(w, 1, world_attempt(w, 1), 0, 0, true, false);
    world_transcoder(w, 2, 9, "y");
    job_table_transcoder_lost(w->table, 1, w->now);
    advance(1000);
    ck_assert_uint_eq(world_count(w, 2, LINK_JOB_OPEN), 0);
    world_job(w, B, 8, "s", 41, 1); /* a fresh one may go there */
    ck_assert_uint_eq(world_count(w, 2, LINK_JOB_OPEN), 1);
    world_transcoder(w, 3, 1, "x");
    ck_assert_uint_eq(world_count(w, 3, LINK_JOB_OPEN), 1);
    job_table_transcoder_lost(w->table, 3, w->now);
    advance(4000);
    ck_assert_ptr_nonnull(
        strstr(world_last(w, B, LINK_JOB_FAILED)->reason, "no transcoder with the same encoder"));
    world_destroy(w);
}
END_TEST

START_TEST(late_answers_of_old_attempts_are_dropped)
{
    start(NULL);
    world_transcoder(w, 1, 2, "x");
    world_transcoder(w, 2, 1, "x");
    world_job(w, B, 7, "s", 40, 1);
    whole_input(7);
    uint64_t old = world_attempt(w, 1);
    job_table_failed(w->table, 1, old, "decoder busy", false, w->now);
    uint64_t attempt = world_attempt(w, 2);
    ck_assert_uint_ne(attempt, old);
    size_t before = w->n_sent;
    job_table_accepted(w->table, 1, old);
    job_table_refused(w->table, 1, old, "no", w->now);
    world_part(w, 1, old, 0, 0, true, true);
    world_done(w, 1, old);
    job_table_failed(w->table, 1, old, "no", true, w->now);
    ck_assert_uint_eq(w->n_sent, before);
    ck_assert_uint_eq(job_table_counters(w->table).late_answers, 5);
    /* Neither may one speak for another, nor for what was never asked. */
    world_part(w, 1, attempt, 0, 0, true, true);
    job_table_failed(w->table, 1, attempt, "no", true, w->now);
    world_done(w, 1, 4711);
    world_done(w, 1, 0);
    job_table_accepted(w->table, B, attempt);
    ck_assert_uint_eq(w->n_sent, before);
    ck_assert_uint_eq(job_table_counters(w->table).stray, 5);
    world_part(w, 2, attempt, 0, 0, true, true);
    world_done(w, 2, attempt);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_DONE), 1);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(a_refused_job_goes_to_another)
{
    start(NULL);
    world_transcoder(w, 1, 9, "x");
    world_transcoder(w, 2, 1, "x");
    world_job(w, B, 7, "s", 40, 1);
    job_table_refused(w->table, 1, world_attempt(w, 1), "full", w->now);
    ck_assert_uint_eq(world_count(w, 2, LINK_JOB_OPEN), 1);
    job_table_refused(w->table, 2, world_attempt(w, 2), "full", w->now);
    ck_assert_uint_eq(job_table_gauges(w->table).queued, 1); /* both have just said no */
    advance(JOB_AVOID_MS);
    ck_assert_uint_eq(job_table_gauges(w->table).offered, 1);
    world_destroy(w);
}
END_TEST

START_TEST(attempts_are_bounded)
{
    struct job_table_config c = defaults();
    c.max_attempts = ATTEMPTS;
    start(&c);
    world_transcoder(w, 1, 9, "x");
    world_job(w, B, 7, "s", 40, 1);
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        ck_assert_uint_eq(world_count(w, 1, LINK_JOB_OPEN), i + 1);
        job_table_failed(w->table, 1, world_attempt(w, 1), "decoder broke", false, w->now);
        advance(JOB_AVOID_MS);
    }
    const struct sent *failed = world_last(w, B, LINK_JOB_FAILED);
    ck_assert_ptr_nonnull(failed);
    ck_assert(!failed->final);
    ck_assert_str_eq(failed->reason, "5 attempts failed; the last one: decoder broke");
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_OPEN), ATTEMPTS);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(losses_are_bounded)
{
    start(NULL);
    world_job(w, B, 7, "s", 40, 1);
    for (link_peer t = 1; t <= JOB_LOSSES_MAX; t++) {
        world_transcoder(w, t, 1, "x");
        ck_assert_uint_eq(world_count(w, t, LINK_JOB_OPEN), 1);
        job_table_transcoder_lost(w->table, t, w->now);
    }
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 1);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(a_fault_of_the_input_is_told_at_once_when_nobody_else_is_there)
{
    start(NULL);
    world_transcoder(w, 1, 9, "x");
    world_job(w, B, 7, "s", 40, 1);
    job_table_failed(w->table, 1, world_attempt(w, 1), "not H.264", true, w->now);
    const struct sent *failed = world_last(w, B, LINK_JOB_FAILED);
    ck_assert_uint_eq(failed->job, 7);
    ck_assert(failed->final);
    ck_assert_str_eq(failed->reason, "not H.264");
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_OPEN), 1);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(a_bad_rung_unit_costs_the_attempt)
{
    start(NULL);
    world_transcoder(w, 1, 9, "x");
    world_transcoder(w, 2, 1, "x");
    world_job(w, B, 7, "s", 40, 1);
    uint64_t attempt = world_attempt(w, 1);
    world_part(w, 1, attempt, 0, 1, true, false);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_CANCEL)->job, attempt);
    ck_assert_uint_eq(world_count(w, 2, LINK_JOB_OPEN), 1);
    ck_assert_uint_eq(world_count(w, B, LINK_RUNG_UNIT), 0);
    ck_assert_uint_eq(job_table_counters(w->table).bad_units, 1);
    world_done(w, 2, world_attempt(w, 2)); /* nothing is done */
    ck_assert_uint_eq(world_count(w, 2, LINK_JOB_CANCEL), 1);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_DONE), 0);
    world_destroy(w);
}
END_TEST

START_TEST(a_deadline_passes)
{
    start(NULL);
    world_job(w, B, 7, "s", 40, 1);
    advance(4900);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 0);
    advance(100);
    ck_assert_str_eq(world_last(w, B, LINK_JOB_FAILED)->reason,
                     "deadline passed: no transcoder is connected");
    world_transcoder(w, 1, 1, "x");
    world_job(w, B, 8, "s", 41, 1);
    uint64_t attempt = world_attempt(w, 1);
    world_job(w, B, 9, "s", 42, 1);
    advance(5000);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 3);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_CANCEL)->job, attempt);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_OPEN), 1);
    ck_assert_str_eq(world_last(w, B, LINK_JOB_FAILED)->reason,
                     "deadline passed: no transcoder had room");
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(a_transcoder_that_does_not_answer_loses_the_job_to_one_that_has_room)
{
    start(NULL);
    world_transcoder(w, 1, 9, "x");
    world_job(w, B, 7, "s", 40, 1);
    uint64_t attempt = world_attempt(w, 1);
    advance(JOB_TABLE_ANSWER_MS_DEFAULT + 500);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_CANCEL), 0); /* nobody else */
    world_transcoder(w, 2, 1, "x");
    advance(JOB_TABLE_TICK_MS);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_CANCEL)->job, attempt);
    ck_assert_uint_eq(world_count(w, 2, LINK_JOB_OPEN), 1);
    job_table_accepted(w->table, 2, world_attempt(w, 2));
    advance(JOB_TABLE_ANSWER_MS_DEFAULT + 500);
    ck_assert_uint_eq(world_count(w, 2, LINK_JOB_CANCEL), 0);
    world_destroy(w);
}
END_TEST

/* Accepts, takes every unit, pings perhaps, and sends nothing. */
START_TEST(a_late_transcoder_loses_the_job_to_one_that_has_room)
{
    struct job_table_config c = defaults();
    c.hedge_ms = 0;
    start(&c);
    world_transcoder(w, 1, 9, "x");
    struct link_job_open o = world_open_of("s", 40, 1, 60000);
    job_table_open(w->table, B, 7, &o, w->now);
    uint64_t attempt = world_attempt(w, 1);
    job_table_accepted(w->table, 1, attempt);
    whole_input(7);
    world_part(w, 1, attempt, 0, 0, true, false);
    advance(JOB_TABLE_LATE_MS_DEFAULT + 500);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_CANCEL), 0); /* nobody else */
    world_transcoder(w, 2, 1, "x");
    advance(JOB_TABLE_TICK_MS);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_CANCEL)->job, attempt);
    ck_assert_str_eq(world_last(w, 1, LINK_JOB_CANCEL)->reason, "the transcoder is late");
    ck_assert_uint_eq(world_last(w, 2, LINK_JOB_OPEN)->open.ladder[0].emit_from, 1);
    ck_assert_uint_eq(job_table_counters(w->table).late, 1);
    job_table_accepted(w->table, 2, world_attempt(w, 2));
    advance(5 * JOB_TABLE_LATE_MS_DEFAULT);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_OPEN), 1); /* not back to the first one */
    ck_assert_uint_eq(job_table_counters(w->table).late, 1);
    world_transcoder(w, 3, 1, "x");
    advance(JOB_TABLE_TICK_MS);
    job_table_accepted(w->table, 3, world_attempt(w, 3));
    ck_assert_uint_eq(job_table_counters(w->table).late, JOB_LATE_MAX);
    world_transcoder(w, 4, 1, "x");
    advance(5 * JOB_TABLE_LATE_MS_DEFAULT);
    ck_assert_uint_eq(world_count(w, 4, LINK_JOB_OPEN), 0); /* and then it stays there */
    world_part(w, 3, world_attempt(w, 3), 0, 1, true, true);
    ck_assert_uint_eq(world_last(w, B, LINK_RUNG_UNIT)->part, 1);
    world_destroy(w);
}
END_TEST

START_TEST(a_done_that_does_not_come_is_not_waited_for)
{
    start(NULL);
    world_transcoder(w, 1, 9, "x");
    world_transcoder(w, 2, 1, "x");
    world_job(w, B, 7, "s", 40, 1);
    whole_input(7);
    world_part(w, 1, world_attempt(w, 1), 0, 0, true, true);
    advance(JOB_TABLE_LATE_MS_DEFAULT);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_DONE), 1);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_CANCEL), 1);
    ck_assert_uint_eq(world_count(w, 2, LINK_JOB_OPEN), 0);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(lateness_can_be_switched_off)
{
    struct job_table_config c = defaults();
    c.late_ms = 0;
    start(&c);
    world_transcoder(w, 1, 9, "x");
    world_transcoder(w, 2, 1, "x");
    world_job(w, B, 7, "s", 40, 1);
    job_table_accepted(w->table, 1, world_attempt(w, 1));
    whole_input(7);
    advance(4000);
    ck_assert_uint_eq(job_table_counters(w->table).redispatched, 0);
    world_destroy(w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("job_table_lost");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 10);
    tcase_add_test(tc, a_lost_transcoders_job_goes_on_elsewhere_from_the_first_missing_part);
    tcase_add_test(tc, a_lost_transcoders_job_waits_for_its_return);
    tcase_add_test(tc, only_the_done_was_lost);
    tcase_add_test(tc, only_an_equal_encoder_goes_on_with_a_begun_job);
    tcase_add_test(tc, late_answers_of_old_attempts_are_dropped);
    tcase_add_test(tc, a_refused_job_goes_to_another);
    tcase_add_test(tc, attempts_are_bounded);
    tcase_add_test(tc, losses_are_bounded);
    tcase_add_test(tc, a_fault_of_the_input_is_told_at_once_when_nobody_else_is_there);
    tcase_add_test(tc, a_bad_rung_unit_costs_the_attempt);
    tcase_add_test(tc, a_deadline_passes);
    tcase_add_test(tc, a_transcoder_that_does_not_answer_loses_the_job_to_one_that_has_room);
    tcase_add_test(tc, a_late_transcoder_loses_the_job_to_one_that_has_room);
    tcase_add_test(tc, a_done_that_does_not_come_is_not_waited_for);
    tcase_add_test(tc, lateness_can_be_switched_off);
    suite_add_tcase(suite, tc);
    return world_run(suite);
}
