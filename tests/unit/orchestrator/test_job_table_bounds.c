/* What one broadcaster, or all of them, may have of an orchestrator. B = 100 and 101 are
 * broadcasters. */
#include "farm.h"
#include "orchestrator/job.h"

/* Nor does one that asks again and again, or that had jobs once. */
START_TEST(who_cannot_pay_has_no_place_of_the_streams)
{
    struct job_table_config c = defaults();
    c.max_sessions = 1;
    w = world_create_with(&c, true);
    world_broadcaster(w, B);
    world_broadcaster(w, B2);
    w->unpaid = "no funds";
    world_job(w, B, 1, "poor", 1, 1);
    ck_assert_str_eq(world_last(w, B, LINK_JOB_REFUSE)->reason, "no funds");
    ck_assert_uint_eq(job_table_gauges(w->table).sessions, 0);
    w->unpaid = NULL;
    world_job(w, B, 2, "poor", 2, 1);
    job_table_cancel(w->table, B, 2, w->now);
    w->unpaid = "no funds";
    for (int64_t ms = 0; ms < SESSION_GRACE_MS; ms += JOB_TABLE_TICK_MS) {
        ck_assert_uint_eq(job_table_gauges(w->table).sessions, 1);
        world_job(w, B, 3, "poor", 3, 1);
        tick();
    }
    ck_assert_uint_eq(job_table_gauges(w->table).sessions, 0);
    w->unpaid = NULL;
    world_job(w, B2, 1, "rich", 1, 1);
    ck_assert_uint_eq(world_count(w, B2, LINK_JOB_REFUSE), 0);
    world_destroy(w);
}
END_TEST

/* One stream of a broadcaster that opens and opens leaves room for the others. */
START_TEST(a_flood_of_openings_is_that_streams_problem)
{
    start(NULL);
    world_broadcaster(w, B2);
    world_transcoder(w, 1, 1, "x");
    for (uint64_t i = 0; i < 2 * JOB_TABLE_MAX_DEFAULT; i++) {
        w->n_sent = i > 100 ? 100 : w->n_sent; /* that is enough of them */
        world_job(w, B, i + 1, "s", i, 1);
    }
    ck_assert_uint_eq(job_table_counters(w->table).opened, SESSION_JOBS_MAX);
    ck_assert_str_eq(world_last(w, B, LINK_JOB_REFUSE)->reason,
                     "the stream has too many segments open");
    world_job(w, B2, 1, "other", 1, 1);
    ck_assert_uint_eq(world_count(w, B2, LINK_JOB_REFUSE), 0);
    ck_assert_uint_eq(job_table_counters(w->table).opened, SESSION_JOBS_MAX + 1);
    world_destroy(w);
}
END_TEST

START_TEST(a_broadcaster_too_slow_for_its_results_loses_the_job)
{
    start(NULL);
    world_transcoder(w, 1, 2, "x");
    world_job(w, B, 7, "s", 40, 1);
    uint64_t attempt = world_attempt(w, 1);
    w->rung_error = ERR_LIMIT;
    world_part(w, 1, attempt, 0, 0, true, false);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 1);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_CANCEL)->job, attempt);
    ck_assert_uint_eq(job_table_counters(w->table).pixels, 0);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(streams_are_capped_and_those_that_are_here_go_on)
{
    struct job_table_config c = defaults();
    c.max_sessions = 2;
    start(&c);
    world_broadcaster(w, B2);
    world_transcoder(w, 1, 9, "x");
    world_job(w, B, 1, "a", 1, 1);
    world_job(w, B2, 1, "a", 1, 1);
    world_job(w, B, 2, "b", 1, 1);
    const struct sent *refused = world_last(w, B, LINK_JOB_REFUSE);
    ck_assert_ptr_nonnull(refused);
    ck_assert_uint_eq(refused->job, 2);
    ck_assert_uint_eq(strncmp(refused->reason, "OrchestratorCapped: ", 20), 0);
    world_job(w, B, 3, "a", 2, 1);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_OPEN), 3);
    job_table_cancel(w->table, B, 1, w->now);
    job_table_cancel(w->table, B, 3, w->now);
    world_job(w, B, 4, "a", 3, 1); /* between its segments it keeps its place */
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_OPEN), 4);
    job_table_cancel(w->table, B, 4, w->now);
    advance(SESSION_GRACE_MS);
    world_job(w, B, 5, "b", 1, 1);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_OPEN), 5);
    ck_assert_uint_eq(job_table_gauges(w->table).max_sessions, 2);
    world_destroy(w);
}
END_TEST

START_TEST(the_cap_on_streams_can_be_changed)
{
    struct job_table_config c = defaults();
    c.max_sessions = 1;
    start(&c);
    world_transcoder(w, 1, 9, "x");
    world_job(w, B, 1, "a", 1, 1);
    world_job(w, B, 2, "b", 1, 1);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_REFUSE), 1);
    job_table_set_max_sessions(w->table, 2);
    ck_assert_uint_eq(job_table_gauges(w->table).max_sessions, 2);
    world_job(w, B, 3, "b", 2, 1);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_REFUSE), 1);
    job_table_set_max_sessions(w->table, 1); /* both that are here go on */
    world_job(w, B, 4, "b", 3, 1);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_REFUSE), 1);
    world_job(w, B, 5, "c", 1, 1);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_REFUSE), 2);
    world_destroy(w);
}
END_TEST

START_TEST(a_segment_too_large_is_given_up)
{
    struct job_table_config c = defaults();
    c.job_bytes = 100000;
    start(&c);
    world_transcoder(w, 1, 9, "x");
    world_job(w, B, 1, "a", 1, 1);
    world_job(w, B, 2, "a", 2, 1);
    world_unit(w, B, 1, 0, false, 60000);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 0);
    world_unit(w, B, 1, 1, false, 60000);
    ck_assert_uint_eq(world_last(w, B, LINK_JOB_FAILED)->job, 1);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_CANCEL), 1);
    world_unit(w, B, 1, 2, false, 10); /* under way meanwhile: ignored */
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 1);
    ck_assert_uint_eq(job_table_gauges(w->table).offered, 1);
    world_destroy(w);
}
END_TEST

START_TEST(a_broadcaster_over_its_bytes_loses_its_newest_job)
{
    struct job_table_config c = defaults();
    c.broadcaster_bytes = 100000;
    start(&c);
    world_job(w, B, 1, "a", 1, 1);
    world_job(w, B, 2, "a", 2, 1);
    world_job(w, B, 3, "a", 3, 1);
    world_unit(w, B, 1, 0, false, 30000);
    world_unit(w, B, 2, 0, false, 30000);
    world_unit(w, B, 3, 0, false, 20000);
    world_unit(w, B, 1, 1, false, 30000);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 1);
    ck_assert_uint_eq(world_last(w, B, LINK_JOB_FAILED)->job, 3);
    world_unit(w, B, 2, 1, false, 30000);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 2);
    ck_assert_uint_eq(world_last(w, B, LINK_JOB_FAILED)->job, 2);
    ck_assert_uint_le(job_table_gauges(w->table).held_bytes, 100000);
    world_job(w, B, 4, "a", 4, 1);
    world_unit(w, B, 1, 2, false, 60000); /* alone too large: the newest first, then itself */
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 4);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(all_broadcasters_share_a_bound)
{
    struct job_table_config c = defaults();
    c.total_bytes = 100000;
    c.max_jobs = 3;
    start(&c);
    world_broadcaster(w, B2);
    world_job(w, B, 1, "a", 1, 1);
    world_job(w, B2, 1, "a", 1, 1);
    world_unit(w, B, 1, 0, false, 80000);
    world_unit(w, B2, 1, 0, false, 30000);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 0);
    ck_assert_uint_eq(world_count(w, B2, LINK_JOB_FAILED), 1);
    world_unit(w, B, 1, 1, false, 10000);
    world_job(w, B2, 2, "a", 2, 1);
    ck_assert_uint_eq(world_count(w, B2, LINK_JOB_REFUSE), 0);
    world_job(w, B2, 3, "a", 3, 1);
    world_job(w, B2, 4, "a", 4, 1);
    ck_assert_uint_ge(world_count(w, B2, LINK_JOB_REFUSE), 1);
    ck_assert_uint_le(job_table_gauges(w->table).held_bytes, 100000);
    world_destroy(w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("job_table_bounds");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 10);
    tcase_add_test(tc, who_cannot_pay_has_no_place_of_the_streams);
    tcase_add_test(tc, a_flood_of_openings_is_that_streams_problem);
    tcase_add_test(tc, a_broadcaster_too_slow_for_its_results_loses_the_job);
    tcase_add_test(tc, streams_are_capped_and_those_that_are_here_go_on);
    tcase_add_test(tc, the_cap_on_streams_can_be_changed);
    tcase_add_test(tc, a_segment_too_large_is_given_up);
    tcase_add_test(tc, a_broadcaster_over_its_bytes_loses_its_newest_job);
    tcase_add_test(tc, all_broadcasters_share_a_bound);
    suite_add_tcase(suite, tc);
    return world_run(suite);
}
