/* The job table, case by case: B = 100 (and 101) is the broadcaster, T = 1 and 2 transcoders. */
#include "farm.h"
#include "orchestrator/job.h"
#include "orchestrator/session.h"

START_TEST(a_job_from_open_to_done)
{
    start(NULL);
    world_transcoder(w, 1, 2, "x");
    world_job(w, B, 7, "s", 40, 1);
    const struct sent *open = world_last(w, 1, LINK_JOB_OPEN);
    ck_assert_ptr_nonnull(open);
    ck_assert_uint_eq(open->open.msn, 40);
    ck_assert_uint_eq(open->open.deadline_ms, 5000);
    uint64_t attempt = open->job;
    job_table_accepted(w->table, 1, attempt);
    ck_assert_uint_eq(world_last(w, B, LINK_JOB_ACCEPT)->job, 7);
    whole_input(7);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_UNIT), 2);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_UNIT)->job, attempt);
    ck_assert(world_last(w, 1, LINK_JOB_UNIT)->last);
    world_part(w, 1, attempt, 0, 0, true, false);
    world_part(w, 1, attempt, 0, 1, false, true);
    ck_assert_uint_eq(world_count(w, B, LINK_RUNG_UNIT), 2);
    ck_assert_uint_eq(world_last(w, B, LINK_RUNG_UNIT)->job, 7);
    world_done(w, 1, attempt);
    const struct sent *done = world_last(w, B, LINK_JOB_DONE);
    ck_assert_ptr_nonnull(done);
    ck_assert_uint_eq(done->job, 7);
    ck_assert_uint_eq(done->done.n_rungs, 1);
    ck_assert_uint_eq(done->done.rungs[0].frames, 4);
    ck_assert_uint_eq(done->done.rungs[0].pixels, 4 * 100 * 10);
    ck_assert_uint_eq(done->done.rungs[0].bytes, 40);
    ck_assert_uint_eq(done->done.cpu_us, 5);
    world_check_empty(w);
    ck_assert_uint_eq(job_table_counters(w->table).done, 1);
    ck_assert_uint_eq(job_table_counters(w->table).pixels, 4000);
    world_destroy(w);
}
END_TEST

START_TEST(a_payload_is_passed_on_untouched)
{
    start(NULL);
    world_transcoder(w, 1, 2, "x");
    world_job(w, B, 7, "s", 40, 1);
    struct link_packet p = {.length = 3};
    struct link_unit u = {.packets = &p, .n_packets = 1};
    struct blob *in = blob_create(3);
    job_table_unit(w->table, B, 7, &u, in, w->now);
    ck_assert_ptr_eq(world_last(w, 1, LINK_JOB_UNIT)->payload, in);
    blob_unref(in);
    struct rung_part part;
    world_part_init(&part, 0, 0, true, false);
    struct blob *out = blob_create(20);
    job_table_rung_unit(w->table, 1, world_attempt(w, 1), &part.unit, out, w->now);
    ck_assert_ptr_eq(world_last(w, B, LINK_RUNG_UNIT)->payload, out);
    blob_unref(out);
    world_destroy(w);
}
END_TEST

START_TEST(a_job_waits_for_a_transcoder)
{
    start(NULL);
    world_job(w, B, 7, "s", 40, 1);
    whole_input(7);
    ck_assert_uint_eq(job_table_gauges(w->table).queued, 1);
    w->now += 2000;
    world_transcoder(w, 1, 1, "x");
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_OPEN)->open.deadline_ms, 3000);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_UNIT), 2);
    ck_assert_uint_eq(job_table_gauges(w->table).offered, 1);
    world_destroy(w);
}
END_TEST

START_TEST(queued_jobs_go_by_deadline_then_number)
{
    start(NULL);
    const uint32_t deadlines[] = {5000, 3000, 5000, 3000};
    const uint64_t msns[] = {4, 9, 3, 8}, want[] = {8, 9, 3, 4};
    for (unsigned i = 0; i < 4; i++) {
        struct link_job_open o = world_open_of("s", msns[i], 1, deadlines[i]);
        job_table_open(w->table, B, i + 1, &o, w->now);
    }
    world_transcoder(w, 1, 1, "x");
    for (unsigned i = 0; i < 4; i++) {
        const struct sent *open = world_last(w, 1, LINK_JOB_OPEN);
        ck_assert_uint_eq(open->open.msn, want[i]);
        ck_assert_uint_eq(roster_load(job_table_roster(w->table)), 1);
        job_table_failed(w->table, 1, open->job, "bad", true, w->now);
    }
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(a_stream_stays_with_its_transcoder)
{
    start(NULL);
    world_transcoder(w, 1, 2, "x");
    world_job(w, B, 1, "s", 1, 1);
    world_transcoder(w, 2, 10, "x");
    world_job(w, B, 2, "s", 2, 1);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_OPEN), 2);
    world_job(w, B, 3, "s", 3, 1); /* no room there */
    ck_assert_uint_eq(world_count(w, 2, LINK_JOB_OPEN), 1);
    world_job(w, B, 4, "other", 1, 1);
    ck_assert_uint_eq(world_count(w, 2, LINK_JOB_OPEN), 2);
    world_destroy(w);
}
END_TEST

START_TEST(a_broadcaster_cancels_or_goes)
{
    start(NULL);
    world_broadcaster(w, B2);
    world_transcoder(w, 1, 2, "x");
    world_job(w, B, 7, "s", 40, 1);
    world_job(w, B2, 7, "s", 41, 1);
    world_job(w, B, 8, "s", 42, 1);
    whole_input(7);
    job_table_cancel(w->table, B, 7, w->now);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_CANCEL), 1);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_OPEN)->open.msn, 42); /* the slot is free */
    job_table_broadcaster_lost(w->table, B, w->now);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_CANCEL), 2);
    ck_assert_uint_eq(job_table_gauges(w->table).offered, 1);
    ck_assert_uint_eq(job_table_gauges(w->table).sessions, 1);
    ck_assert_ptr_null(roster_broadcaster(job_table_roster(w->table), B));
    job_table_cancel(w->table, B2, 7, w->now);
    ck_assert_uint_eq(job_table_counters(w->table).cancelled, 3);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 0);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(a_broadcaster_that_returns_goes_on_where_it_was)
{
    start(NULL);
    world_transcoder(w, 1, 2, "x");
    struct link_job_open o = world_open_of("s", 40, 2, 5000);
    o.ladder[0].emit_from = 3;
    job_table_open(w->table, B, 1, &o, w->now);
    uint64_t attempt = world_attempt(w, 1);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_OPEN)->open.ladder[0].emit_from, 3);
    ck_assert_uint_eq(world_last(w, 1, LINK_JOB_OPEN)->open.ladder[1].emit_from, 0);
    whole_input(1);
    world_part(w, 1, attempt, 0, 3, true, true);
    world_part(w, 1, attempt, 1, 0, true, true);
    world_done(w, 1, attempt);
    ck_assert_uint_eq(world_count(w, B, LINK_RUNG_UNIT), 2);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_DONE), 1);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(a_full_queue_is_filled_when_it_has_room)
{
    start(NULL);
    world_transcoder(w, 1, 2, "x");
    w->full = 1;
    world_job(w, B, 7, "s", 40, 1);
    world_unit(w, B, 7, 0, false, 10);
    world_unit(w, B, 7, 1, false, 10);
    ck_assert_uint_eq(w->n_sent, 0);
    w->room = 2;
    job_table_writable(w->table, 1, w->now);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_OPEN), 1);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_UNIT), 1);
    world_unit(w, B, 7, 2, true, 10);
    w->room = 99;
    job_table_tick(w->table, w->now);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_UNIT), 3);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(w->sent[1 + i].seq, i);
    }
    job_table_writable(w->table, 4711, w->now);
    world_destroy(w);
}
END_TEST

START_TEST(nothing_is_cancelled_that_was_never_sent)
{
    start(NULL);
    world_transcoder(w, 1, 2, "x");
    w->full = 1;
    world_job(w, B, 7, "s", 40, 1);
    job_table_cancel(w->table, B, 7, w->now);
    ck_assert_uint_eq(w->n_sent, 0);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

static uint64_t observed(const struct histogram *h)
{
    uint64_t n = 0;
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS_MAX; i++) {
        n += h->counts[i];
    }
    return n;
}

START_TEST(times_are_measured)
{
    start(NULL);
    const struct job_table_times *t = job_table_times(w->table);
    world_job(w, B, 7, "s", 40, 1);
    ck_assert_uint_eq(observed(&t->queue_wait), 0);
    w->now += 30;
    world_transcoder(w, 1, 2, "x"); /* takes it, and is lost */
    w->now += 100;
    job_table_transcoder_lost(w->table, 1, w->now);
    w->now += 5;
    world_transcoder(w, 2, 2, "x");
    uint64_t attempt = world_last(w, 2, LINK_JOB_OPEN)->job;
    whole_input(7);
    world_part(w, 2, attempt, 0, 0, true, true);
    w->now += 250;
    world_done(w, 2, attempt);
    ck_assert_uint_eq(observed(&t->queue_wait), 1);
    ck_assert_int_eq(t->queue_wait.sum_us, 30000);
    ck_assert_uint_eq(observed(&t->work), 1);
    ck_assert_int_eq(t->work.sum_us, 250000);
    ck_assert_int_eq(t->whole.sum_us, 385000);
    world_destroy(w);
}
END_TEST

START_TEST(openings_that_cannot_be_are_refused)
{
    start(NULL);
    struct link_job_open o = world_open_of("s", 1, 1, 1000);
    o.stream = "../etc";
    job_table_open(w->table, B, 1, &o, w->now);
    o = world_open_of("s", 1, 0, 1000);
    job_table_open(w->table, B, 2, &o, w->now);
    o = world_open_of("s", 1, 1, 1000);
    o.n_ladder = PROFILE_LADDER_MAX + 1;
    job_table_open(w->table, B, 3, &o, w->now);
    o = world_open_of("s", 1, 1, 1000);
    o.ladder[0].height = 0;
    job_table_open(w->table, B, 4, &o, w->now);
    o = world_open_of("s", 1, 1, 0);
    job_table_open(w->table, B, 5, &o, w->now);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_REFUSE), 5);
    o = world_open_of("s", 1, 1, 1000);
    mem_fail_nth(1);
    job_table_open(w->table, B, 6, &o, w->now);
    mem_fail_nth(0);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_REFUSE), 6);
    ck_assert_uint_eq(job_table_counters(w->table).refused, 6);
    job_table_open(w->table, B, 7, &o, w->now);
    job_table_open(w->table, B, 7, &o, w->now);  /* the number is in use */
    job_table_open(w->table, B2, 8, &o, w->now); /* never said hello */
    ck_assert_uint_eq(job_table_counters(w->table).stray, 2);
    ck_assert_uint_eq(job_table_gauges(w->table).queued, 1);
    world_destroy(w);
}
END_TEST

START_TEST(a_hole_in_the_input_ends_the_job)
{
    start(NULL);
    world_job(w, B, 1, "s", 1, 1);
    world_unit(w, B, 1, 0, false, 10);
    world_unit(w, B, 1, 2, false, 10);
    ck_assert_str_eq(world_last(w, B, LINK_JOB_FAILED)->reason, "a unit of the segment is missing");
    world_check_empty(w);
    world_job(w, B, 2, "s", 2, 1);
    struct link_packet p = {.length = 1};
    struct link_unit u = {.packets = &p, .n_packets = 1};
    mem_fail_nth(1);
    job_table_unit(w->table, B, 2, &u, NULL, w->now);
    mem_fail_nth(0);
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 2);
    world_check_empty(w);
    world_destroy(w);
}
END_TEST

START_TEST(a_transcoder_that_drains_gets_no_more)
{
    start(NULL);
    world_transcoder(w, 1, 5, "x");
    world_job(w, B, 1, "s", 1, 1);
    struct link_hello h = {.role = "transcoder",
                           .name = "t",
                           .encoder = "x",
                           .software = "",
                           .capacity = 5,
                           .draining = true};
    ck_assert_int_eq(job_table_transcoder_joined(w->table, 1, "", &h, w->now), ERR_OK);
    world_job(w, B, 2, "s", 2, 1);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_OPEN), 1);
    whole_input(1);
    world_part(w, 1, world_attempt(w, 1), 0, 0, true, true);
    world_done(w, 1, world_attempt(w, 1));
    ck_assert_uint_eq(world_count(w, B, LINK_JOB_DONE), 1);
    h.draining = false;
    ck_assert_int_eq(job_table_transcoder_joined(w->table, 1, "", &h, w->now), ERR_OK);
    ck_assert_uint_eq(world_count(w, 1, LINK_JOB_OPEN), 2);
    world_destroy(w);
}
END_TEST

START_TEST(notes_say_what_happened)
{
    start(NULL);
    world_transcoder(w, 1, 5, "x");
    world_job(w, B, 1, "s", 9, 1);
    ck_assert_int_eq(w->last_note.type, JOB_NOTE_ASSIGNED);
    ck_assert_uint_eq(w->last_note.msn, 9);
    w->now += 70;
    job_table_failed(w->table, 1, world_attempt(w, 1), "it broke", false, w->now);
    ck_assert_int_eq(w->last_note.type, JOB_NOTE_REDISPATCHED);
    ck_assert_str_eq(w->last_reason, "it broke");
    ck_assert_int_eq(w->last_note.age_ms, 70);
    ck_assert_uint_eq(w->last_note.attempts, 1);
    job_table_cancel(w->table, B, 1, w->now);
    ck_assert_int_eq(w->last_note.type, JOB_NOTE_CANCELLED);
    world_destroy(w);
}
END_TEST

START_TEST(reasons_are_never_cut_inside_a_character)
{
    char reason[LINK_STRING_MAX + 1], name[LINK_STRING_MAX + 1];
    /* Two bytes each, at even and at odd places. */
    for (unsigned odd = 0; odd < 2; odd++) {
        start(NULL);
        reason[0] = name[0] = 'x';
        for (size_t i = odd; i + 2 <= LINK_STRING_MAX; i += 2) {
            memcpy(&reason[i], "\xc3\xa9", 2);
            memcpy(&name[i], "\xc3\xa9", 2);
            reason[i + 2] = name[i + 2] = '\0';
        }
        struct link_hello h = {
            .role = "transcoder", .name = name, .encoder = "x", .software = name, .capacity = 1};
        ck_assert_int_eq(job_table_transcoder_joined(w->table, 1, "", &h, w->now), ERR_OK);
        world_job(w, B, 1, "s", 1, 1);
        for (unsigned i = 0; i < ATTEMPTS; i++) {
            job_table_failed(w->table, 1, world_attempt(w, 1), reason, false, w->now);
            advance(JOB_AVOID_MS);
        }
        ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 1);
        world_job(w, B, 2, "s", 2, 1);
        advance(5000); /* names the transcoder */
        ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 2);
        world_job(w, B, 3, "s", 3, 1);
        job_table_refused(w->table, 1, world_attempt(w, 1), reason, w->now);
        h.draining = true;
        ck_assert_int_eq(job_table_transcoder_joined(w->table, 1, "", &h, w->now), ERR_OK);
        advance(5000); /* names the last reason */
        ck_assert_uint_eq(world_count(w, B, LINK_JOB_FAILED), 3);
        world_destroy(w);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("job_table");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 10);
    tcase_add_test(tc, a_job_from_open_to_done);
    tcase_add_test(tc, a_payload_is_passed_on_untouched);
    tcase_add_test(tc, a_job_waits_for_a_transcoder);
    tcase_add_test(tc, queued_jobs_go_by_deadline_then_number);
    tcase_add_test(tc, a_stream_stays_with_its_transcoder);
    tcase_add_test(tc, a_broadcaster_cancels_or_goes);
    tcase_add_test(tc, a_broadcaster_that_returns_goes_on_where_it_was);
    tcase_add_test(tc, a_full_queue_is_filled_when_it_has_room);
    tcase_add_test(tc, nothing_is_cancelled_that_was_never_sent);
    tcase_add_test(tc, times_are_measured);
    tcase_add_test(tc, openings_that_cannot_be_are_refused);
    tcase_add_test(tc, a_hole_in_the_input_ends_the_job);
    tcase_add_test(tc, a_transcoder_that_drains_gets_no_more);
    tcase_add_test(tc, notes_say_what_happened);
    tcase_add_test(tc, reasons_are_never_cut_inside_a_character);
    suite_add_tcase(suite, tc);
    return world_run(suite);
}
