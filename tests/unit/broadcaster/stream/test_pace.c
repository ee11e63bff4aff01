#include "broadcaster/stream/pace.h"
#include "tests/support/unit.h"

START_TEST(a_live_stream_never_waits)
{
    struct pace p;
    pace_init(&p, 0);
    for (int64_t now = 0; now < 24 * 3600 * 1000; now += 1000) {
        ck_assert(pace_take(&p, now));
        ck_assert_int_eq(pace_wait_ms(&p), 0);
    }
}
END_TEST

START_TEST(a_fast_one_is_held_back_to_the_rate)
{
    struct pace p;
    pace_init(&p, 5000);
    int64_t now = 5000, n = 0;
    while (now < 5000 + 100000) {
        ck_assert(pace_take(&p, now));
        n++;
        now += pace_wait_ms(&p);
    }
    ck_assert_int_le(n, PACE_BURST + 100 * PACE_PER_S + 2);
    ck_assert_int_ge(n, PACE_BURST + 100 * PACE_PER_S - 2);
}
END_TEST

START_TEST(one_that_does_not_wait_is_refused)
{
    struct pace p;
    pace_init(&p, 0);
    int n = 0;
    while (pace_take(&p, 0)) {
        n++;
    }
    ck_assert_int_eq(n, PACE_BURST + PACE_DEBT_MAX);
    ck_assert_int_ge(pace_wait_ms(&p), PACE_DEBT_MAX * 1000 / PACE_PER_S);
}
END_TEST

START_TEST(rest_fills_it_once)
{
    struct pace p;
    pace_init(&p, 0);
    for (int i = 0; i < PACE_BURST; i++) {
        ck_assert(pace_take(&p, 0));
    }
    int64_t later = INT64_MAX / 2;
    for (int i = 0; i < PACE_BURST; i++) {
        ck_assert(pace_take(&p, later));
    }
    ck_assert_int_eq(pace_wait_ms(&p), 0);
    ck_assert(pace_take(&p, later - 1000)); /* a clock that steps back gives nothing */
    ck_assert_int_gt(pace_wait_ms(&p), 0);
}
END_TEST

UNIT_MAIN("pace", a_live_stream_never_waits, a_fast_one_is_held_back_to_the_rate,
          one_that_does_not_wait_is_refused, rest_fills_it_once)
