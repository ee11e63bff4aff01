/* What is believed of a transcoder. */
#include "orchestrator/standing.h"
#include "world.h"

START_TEST(speed_follows_what_is_seen)
{
    struct standing s = {0};
    standing_announce(&s, 1000000);
    ck_assert_uint_eq(s.speed, 1000000);
    ck_assert(standing_may_try(&s, UINT64_MAX)); /* nothing seen yet */
    for (unsigned i = 0; i < 50; i++) {
        standing_done(&s, 1000000, 500);
    }
    ck_assert_uint_ge(s.speed, 499999);
    ck_assert_uint_le(s.speed, 510000);
    ck_assert(standing_may_try(&s, 700000));
    ck_assert(!standing_may_try(&s, 800000));
    standing_announce(&s, 1000000); /* says the same again */
    ck_assert_uint_le(s.speed, 510000);
    for (unsigned i = 0; i < 50; i++) {
        standing_done(&s, 100000, 1000);
    }
    ck_assert_uint_ge(s.speed, 1000000); /* it recovers, */
    ck_assert_uint_le(s.speed, 1070000); /* and goes no further with nothing to do */
    ck_assert(standing_may_try(&s, UINT64_MAX));
    for (unsigned i = 0; i < 50; i++) {
        standing_done(&s, 1500000, 1000);
    }
    ck_assert_uint_ge(s.speed, 1500000); /* what it does it can do */
    ck_assert_uint_le(s.speed, 2200000);
    for (unsigned i = 0; i < 500; i++) {
        standing_done(&s, 90000000, 1000);
    }
    ck_assert_uint_le(s.speed, 1000000 * STANDING_SPEED_MAX);
    standing_announce(&s, 5);
    ck_assert_uint_eq(s.speed, 5);
}
END_TEST

/* Else it would be given too much again every few jobs. */
START_TEST(what_it_was_late_with_is_not_tried_again_soon)
{
    struct standing s = {0};
    standing_announce(&s, 1300000);
    standing_late(&s, 1750000, 5000);
    for (unsigned i = 0; i < 50; i++) {
        standing_done(&s, 1170000, 1000);
    }
    ck_assert_uint_ge(s.speed, 1300000);
    ck_assert_uint_lt(s.speed, 1750000);
    for (unsigned i = 0; i < 200; i++) {
        standing_done(&s, 1500000, 1000);
    }
    ck_assert_uint_ge(s.speed, 1750000); /* some day */
    standing_late(&s, 1750000, 15000);
    standing_done(&s, 1800000, 1000);
    ck_assert_uint_ge(s.speed, 1800000); /* but it does that */
    standing_late(&s, 500000, 25000);    /* a backlog of before, say */
    uint64_t slowed = s.speed;
    for (unsigned i = 0; i < 10; i++) {
        standing_done(&s, 1200000, 1000);
    }
    ck_assert_uint_eq(s.speed, slowed);
}
END_TEST

START_TEST(one_hiccup_changes_little)
{
    struct standing s = {0};
    standing_announce(&s, 1000000);
    standing_done(&s, 1000, 1000);
    standing_late(&s, 1000000, 5000);
    ck_assert(standing_is_overloaded(&s, 5000));
    ck_assert(standing_is_overloaded(&s, 5000 + STANDING_LATE_MS - 1));
    ck_assert(!standing_is_overloaded(&s, 5000 + STANDING_LATE_MS));
    ck_assert_uint_eq(s.speed, 875000);
    ck_assert(standing_may_try(&s, 1000000));
}
END_TEST

START_TEST(one_that_said_nothing_is_known_by_what_it_does)
{
    struct standing s = {0};
    standing_done(&s, 1000000, 1000);
    ck_assert_uint_eq(s.speed, 0);
    for (unsigned i = 0; i < 40; i++) {
        standing_late(&s, 1000000, 5000 + i * STANDING_LATE_MS / 2); /* half of it tells no more */
    }
    ck_assert_uint_gt(s.speed, 0);
    ck_assert_uint_le(s.speed, 510000);
    for (unsigned i = 0; i < 100; i++) {
        standing_done(&s, 100, 1000);
    }
    ck_assert_uint_gt(s.speed, 1000000);
}
END_TEST

/* Whatever is seen, nothing wraps and nobody is given up for good. */
START_TEST(what_is_beyond_belief_is_tried_and_told_by_doing)
{
    struct standing s = {0};
    standing_announce(&s, 1000);
    ck_assert(standing_may_stretch(&s, 0));
    standing_stretched(&s, 0);
    ck_assert(!standing_may_stretch(&s, STANDING_STRETCH_MS - 1));
    ck_assert(standing_may_stretch(&s, STANDING_STRETCH_MS));
    standing_done(&s, 1800, 1000);
    ck_assert_uint_eq(s.speed, 1800); /* it did */
    int64_t now = 1000, pause = STANDING_LATE_MS;
    for (int i = 0; i < 8; i++) {
        standing_stretched(&s, now);
        standing_late(&s, 2000, now + 900);
        pause = pause < STANDING_PAUSE_MAX_MS / 2 ? pause * 2 : STANDING_PAUSE_MAX_MS;
        ck_assert(standing_is_full(&s, now + 900 + pause - 1));
        ck_assert(!standing_may_stretch(&s, now + 900 + pause - 1));
        now += 900 + pause;
        ck_assert(standing_may_stretch(&s, now));
    }
    ck_assert_int_eq(pause, STANDING_PAUSE_MAX_MS);
    standing_still_late(&s, now);
    ck_assert(standing_is_overloaded(&s, now));
    standing_done(&s, 3000, 1000);
    ck_assert(standing_may_stretch(&s, now + STANDING_LATE_MS)); /* it is faster than it was */
}
END_TEST

/* Who is late each time is the last choice for longer and longer. */
START_TEST(lateness_is_remembered_until_something_is_in_time)
{
    struct standing s = {0};
    standing_announce(&s, 1000);
    int64_t now = 0;
    for (int64_t pause = STANDING_LATE_NEW_MS; pause <= STANDING_LATE_MAX_MS; pause *= 2) {
        standing_late(&s, 1000, now);
        standing_late(&s, 1000, now + 1); /* of several jobs at once */
        ck_assert(standing_is_overloaded(&s, now + pause));
        ck_assert(standing_is_full(&s, now + pause));
        now += 1 + pause;
        ck_assert(!standing_is_overloaded(&s, now));
    }
    uint64_t seen = s.speed;
    ck_assert_uint_lt(seen, 800);
    standing_announce(&s, 5000);
    ck_assert_uint_eq(s.speed, seen); /* saying so does not make it faster */
    standing_announce(&s, 100);
    ck_assert_uint_eq(s.speed, 100);
    standing_done(&s, 100, 1000);
    standing_late(&s, 100, now);
    ck_assert(standing_is_overloaded(&s, now + STANDING_LATE_MS - 1));
    ck_assert(!standing_is_overloaded(&s, now + STANDING_LATE_MS));
}
END_TEST

/* As much as it was seen to make; more bit by bit, but what it stayed behind with only after a
 * while, longer each time. */
START_TEST(what_it_stays_behind_with_is_too_much_for_a_while)
{
    struct standing s = {0};
    standing_announce(&s, 2000);
    ck_assert(!standing_is_limited(&s, 1000));
    standing_behind(&s, 1000, 600, 1000);
    ck_assert_uint_eq(s.speed, 600);
    ck_assert(standing_is_limited(&s, 1000));
    standing_announce(&s, 300); /* of small rungs */
    ck_assert_uint_eq(s.speed, 600);
    for (unsigned i = 0; i < 20; i++) {
        standing_done(&s, 100, 1000);
    }
    ck_assert_uint_gt(s.speed, 800);
    ck_assert_uint_lt(s.speed, 1000);
    ck_assert(standing_is_limited(&s, 1000 + STANDING_FULL_MS));
    for (unsigned i = 0; i < 2; i++) {
        standing_done(&s, 100, 1000);
    }
    ck_assert_uint_gt(s.speed, 1000);
    int64_t now = 1000 + STANDING_FULL_MS, pause = STANDING_FULL_MS;
    for (unsigned i = 0; i < 8; i++) {
        standing_behind(&s, 1000, 990, now);
        ck_assert_uint_lt(s.speed, 950); /* not at the edge */
        pause = pause < STANDING_FULL_MAX_MS / 2 ? 2 * pause : STANDING_FULL_MAX_MS;
        ck_assert(standing_is_limited(&s, now + 2 * pause - 1));
        now += 2 * pause;
        ck_assert(!standing_is_limited(&s, now));
    }
    ck_assert_int_eq(pause, STANDING_FULL_MAX_MS);
    standing_behind(&s, 1000, 1, now);
    ck_assert_uint_eq(s.speed, 250); /* it is not nothing */
}
END_TEST

/* It is late with a job, but not because of what it has in all. */
START_TEST(late_with_one_job_alone_it_is_not_slow)
{
    struct standing s = {0};
    standing_announce(&s, 2000);
    standing_late(&s, 0, 1000);
    ck_assert(standing_is_overloaded(&s, 1000));
    ck_assert_uint_eq(s.speed, 2000);
}
END_TEST

/* Making up for what it owes it makes more than is asked of it: that says nothing of its speed. */
START_TEST(a_pace_that_is_not_known_changes_no_speed)
{
    struct standing s = {.failures = 2};
    standing_announce(&s, 2000);
    for (unsigned i = 0; i < 100; i++) {
        standing_done(&s, 4000, STANDING_PACE_UNKNOWN);
    }
    ck_assert_uint_eq(s.speed, 2000);
    ck_assert_uint_eq(s.failures, 0);
    standing_late(&s, 0, 1000);
    ck_assert(standing_is_full(&s, 1000));
    standing_caught_up(&s);
    ck_assert(!standing_is_full(&s, 1000) && !standing_is_overloaded(&s, 1000));
}
END_TEST

START_TEST(extremes)
{
    const uint64_t speeds[] = {0, 1, 2, UINT64_MAX / 2, UINT64_MAX};
    for (size_t k = 0; k < sizeof speeds / sizeof speeds[0]; k++) {
        struct standing s = {0};
        standing_announce(&s, speeds[k]);
        for (unsigned i = 0; i < 3000; i++) {
            standing_done(&s, i % 7 == 0 ? UINT64_MAX : i, i % 3 == 0 ? 1000 : i % 1000);
            standing_late(&s, i % 5 == 0 ? UINT64_MAX / 3 : 1, i);
        }
        for (unsigned i = 0; i < 3000; i++) {
            standing_done(&s, 1000, 1000);
        }
        ck_assert(standing_may_try(&s, speeds[k] > 0 ? speeds[k] / 2 : 1000));
    }
}
END_TEST

START_TEST(who_fails_again_and_again_is_suspended_longer_and_longer)
{
    struct standing s = {0};
    int64_t now = 1000, length = STANDING_SUSPEND_MS;
    ck_assert(!standing_is_suspended(&s, 0));
    ck_assert(!standing_failed(&s, now));
    ck_assert(!standing_failed(&s, now));
    for (unsigned i = 0; i < 8; i++) {
        ck_assert(standing_failed(&s, now));
        ck_assert_int_eq(s.suspend_ms, length);
        ck_assert(standing_is_suspended(&s, now + length - 1));
        ck_assert(!standing_failed(&s, now + 1)); /* of a job that it had already */
        now += length;
        ck_assert(!standing_is_suspended(&s, now));
        length = length * 2 < STANDING_SUSPEND_MAX_MS ? length * 2 : STANDING_SUSPEND_MAX_MS;
    }
    ck_assert_uint_eq(s.suspensions, 8);
    ck_assert_int_eq(s.suspend_ms, STANDING_SUSPEND_MAX_MS);
    standing_done(&s, 1, 1000);
    ck_assert(!standing_failed(&s, now)); /* not in a row */
    ck_assert(!standing_failed(&s, now));
    ck_assert(standing_failed(&s, now));
    ck_assert_int_eq(s.suspend_ms, STANDING_SUSPEND_MAX_MS); /* half, and doubled */
    for (unsigned i = 0; i < 8; i++) {
        standing_done(&s, 1, 1000);
    }
    ck_assert_int_eq(s.suspend_ms, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("standing");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 10);
    tcase_add_test(tc, speed_follows_what_is_seen);
    tcase_add_test(tc, what_it_was_late_with_is_not_tried_again_soon);
    tcase_add_test(tc, one_hiccup_changes_little);
    tcase_add_test(tc, one_that_said_nothing_is_known_by_what_it_does);
    tcase_add_test(tc, what_is_beyond_belief_is_tried_and_told_by_doing);
    tcase_add_test(tc, lateness_is_remembered_until_something_is_in_time);
    tcase_add_test(tc, what_it_stays_behind_with_is_too_much_for_a_while);
    tcase_add_test(tc, late_with_one_job_alone_it_is_not_slow);
    tcase_add_test(tc, a_pace_that_is_not_known_changes_no_speed);
    tcase_add_test(tc, extremes);
    tcase_add_test(tc, who_fails_again_and_again_is_suspended_longer_and_longer);
    suite_add_tcase(suite, tc);
    return world_run(suite);
}
