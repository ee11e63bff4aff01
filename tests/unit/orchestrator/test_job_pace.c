/* What a job weighs, and who is late with it. */
#include "orchestrator/job.h"
#include "world.h"

static struct transcoder transcoder = {.encoder = "enc"};
static struct job *j;
static struct job_attempt *a;
static uint32_t seq;
static int64_t dts;

/* Of one rung: parts of 5 frames at 30 per second, two frames kept back by the encoder. */
static void start(uint32_t fps, int64_t now_ms)
{
    struct link_job_open o = world_open_of("stream", 5, 1, 60000);
    o.ladder[0].fps_num = fps;
    o.ladder[0].frames_per_part = 5;
    o.ladder[0].bframes = 2;
    j = job_create(&o);
    ck_assert_ptr_nonnull(j);
    a = &j->tries[0];
    a->transcoder = &transcoder;
    a->offered_ms = now_ms;
    job_begin(j, a, false);
    seq = 0;
    dts = 0;
}

static void keep(bool last, int64_t step, int64_t now_ms)
{
    struct link_packet p = {.length = 1, .dts = dts, .pts = dts};
    struct link_unit u = {.packets = &p, .n_packets = !last, .seq = seq++, .last = last};
    const char *why;
    ck_assert_int_eq(job_keep(j, &u, NULL, now_ms, &why), ERR_OK);
    dts += step;
}

/* n pictures, each step_ms of the source's time after the one before, coming gap_ms apart; the
 * first at now_ms. */
static int64_t come(unsigned n, int64_t step_ms, int64_t gap_ms, int64_t now_ms)
{
    for (unsigned i = 0; i < n; i++) {
        keep(false, step_ms * 90, now_ms);
        now_ms += gap_ms;
    }
    return now_ms - gap_ms;
}

static void deliver(uint32_t part, bool last, int64_t now_ms)
{
    struct rung_part p;
    world_part_init(&p, 0, part, part == 0, last);
    job_deliver(a, 0, &p.unit, 20, now_ms);
}

START_TEST(pixels_a_second)
{
    struct link_job_open o = world_open_of("stream", 5, 3, 1000);
    o.ladder[1].fps_num = 0;
    o.ladder[2].fps_num = 30000;
    o.ladder[2].fps_den = 1001;
    j = job_create(&o);
    ck_assert_uint_eq(job_rung_rate(j, 0), 100 * 10 * 30);
    ck_assert_uint_eq(job_rung_rate(j, 1), 200 * 10 * 30); /* the source's own: the usual one */
    j->source_fps = 50000;
    ck_assert_uint_eq(job_rung_rate(j, 1), 200 * 10 * 50);
    ck_assert_uint_eq(job_rung_rate(j, 2), 300 * 10 * 29970 / 1000);
    uint64_t all = job_rung_rate(j, 0) + job_rung_rate(j, 1) + job_rung_rate(j, 2);
    ck_assert_uint_eq(job_open_rate(j, false), all);
    j->rungs[0].complete = true;
    job_give_up_rung(j, 1);
    ck_assert_uint_eq(job_open_rate(j, true), job_rung_rate(j, 2));
    job_destroy(j);
}
END_TEST

START_TEST(nothing_is_owed_before_it_can_be_made)
{
    start(30, 0);
    ck_assert_int_eq(job_owed_ms(a, 99999), 0); /* given nothing */
    /* 5 frames, 2 + 1 kept back by the encoder, 4 by the decoder: the 14th picture tells. */
    int64_t t = come(13, 33, 33, 5000);
    ck_assert_int_eq(job_owed_ms(a, 99999), 0); /* the publisher pauses */
    keep(false, 33 * 90, t + 60000);
    ck_assert_int_eq(job_owed_ms(a, t + 60000), 0);
    ck_assert_int_eq(job_owed_ms(a, t + 60400), 400);
    deliver(0, false, t + 60500);
    ck_assert_int_eq(job_owed_ms(a, t + 99999), 0);
    keep(true, 0, t + 99999); /* the segment's end: all is due */
    ck_assert_int_eq(job_owed_ms(a, t + 100999), 1000);
    deliver(1, true, t + 101000);
    ck_assert_int_eq(job_owed_ms(a, t + 999999), 0);
    job_destroy(j);
}
END_TEST

START_TEST(a_slow_source_is_not_a_late_transcoder)
{
    /* One picture a second: what is kept back is counted in the source's pictures. */
    start(30, 0);
    int64_t t = come(5, 1000, 1000, 10000);
    ck_assert_int_eq(job_owed_ms(a, t + 900), 0);
    keep(false, 1000 * 90, t + 1000);
    ck_assert_int_eq(job_owed_ms(a, t + 1900), 900);
    job_destroy(j);
    /* With the source's own rate the parts have its pictures. */
    start(0, 0);
    j->source_fps = 1000;
    t = come(11, 1000, 1000, 10000);
    ck_assert_int_eq(job_owed_ms(a, t + 900), 0);
    keep(false, 1000 * 90, t + 1000);
    ck_assert_int_eq(job_owed_ms(a, t + 1900), 900);
    ck_assert_int_eq(job_may_owe_ms(a, 60000), 10000); /* two parts */
    ck_assert_int_eq(job_may_owe_ms(a, 2000), 2000);
    job_destroy(j);
}
END_TEST

START_TEST(two_parts_are_late)
{
    start(30, 0);
    ck_assert_int_eq(job_may_owe_ms(a, 2000), JOB_LATE_MIN_MS); /* 333 ms */
    j->open.ladder[0].frames_per_part = 15;
    ck_assert_int_eq(job_may_owe_ms(a, 2000), 1000);
    ck_assert_int_eq(job_may_owe_ms(a, 100), 100);
    job_destroy(j);
}
END_TEST

START_TEST(who_begins_has_time_to_begin)
{
    start(30, 20000);
    come(60, 33, 33, 10000);
    ck_assert_int_eq(job_owed_ms(a, 20000 + 500), 0);
    ck_assert_int_gt(job_owed_ms(a, 20000 + 1000), 0);
    job_destroy(j);
}
END_TEST

START_TEST(a_gush_is_not_due_at_once)
{
    start(30, 0);
    int64_t t = come(60, 33, 0, 10000); /* two seconds' worth at one moment */
    deliver(0, false, t);
    deliver(1, false, t);
    ck_assert_int_eq(job_owed_ms(a, t + 100), 0);
    ck_assert_int_gt(job_owed_ms(a, t + 1500), 800);
    for (uint32_t part = 2; part < 9; part++) {
        deliver(part, false, t + 700);
    }
    ck_assert_int_eq(job_owed_ms(a, t + 700), 0);
    job_destroy(j);
}
END_TEST

START_TEST(preroll_is_not_shown)
{
    start(0, 0);
    struct link_packet p = {.length = 1, .flags = PACKET_PREROLL};
    struct link_unit u = {.packets = &p, .n_packets = 1, .seq = seq++};
    const char *why;
    ck_assert_int_eq(job_keep(j, &u, NULL, 0, &why), ERR_OK);
    ck_assert_uint_eq(j->frames, 0);
    dts = 90000;
    come(12, 33, 33, 5000);
    ck_assert_uint_eq(j->frames, 12);
    ck_assert_int_eq(j->first_dts, 90000);
    ck_assert_int_gt(job_owed_ms(a, 9000), 0);
    job_destroy(j);
}
END_TEST

START_TEST(pace_is_of_what_real_time_asks)
{
    start(30, 10000);
    int64_t t = come(61, 33, 33, 10000); /* 1980 ms */
    ck_assert_uint_eq(job_pace_permille(a, t + 400), 1000);
    ck_assert_uint_eq(job_pace_permille(a, t + 500 + 1980), 500);
    job_destroy(j);
    /* A pause of the source is nobody's pace. */
    start(30, 10000);
    come(30, 33, 33, 10000);
    t = come(31, 33, 33, 20000);
    ck_assert_uint_eq(job_pace_permille(a, t + 400), 1000);
    job_destroy(j);
    /* Everything was there when it began. */
    start(30, 30000);
    come(61, 33, 33, 10000);
    ck_assert_uint_eq(job_pace_permille(a, 31000), 1000);
    ck_assert_uint_eq(job_pace_permille(a, 30000 + 500 + 3960), 500);
    job_destroy(j);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("job_pace");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 10);
    tcase_add_test(tc, pixels_a_second);
    tcase_add_test(tc, nothing_is_owed_before_it_can_be_made);
    tcase_add_test(tc, a_slow_source_is_not_a_late_transcoder);
    tcase_add_test(tc, two_parts_are_late);
    tcase_add_test(tc, who_begins_has_time_to_begin);
    tcase_add_test(tc, a_gush_is_not_due_at_once);
    tcase_add_test(tc, preroll_is_not_shown);
    tcase_add_test(tc, pace_is_of_what_real_time_asks);
    suite_add_tcase(suite, tc);
    return world_run(suite);
}
