#include "base/clock.h"

#include <time.h>

#include "tests/support/unit.h"

START_TEST(monotonic_time_goes_on_in_its_units)
{
    int64_t us = clock_mono_us();
    int64_t ms = clock_mono_ms();
    ck_assert_int_ge(ms, us / 1000);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    ck_assert_int_ge(clock_mono_us() - us, 20000);
    ck_assert_int_ge(clock_mono_ms() - ms, 19);
    ck_assert_int_lt(clock_mono_ms() - ms, 10000);
}
END_TEST

START_TEST(wall_time_is_since_1970)
{
    int64_t before = (int64_t)time(NULL) * 1000;
    int64_t now = clock_wall_ms();
    int64_t after = ((int64_t)time(NULL) + 1) * 1000;
    ck_assert_int_ge(now, before - 1000); /* time() may read a coarser clock */
    ck_assert_int_le(now, after + 1000);
}
END_TEST

START_TEST(a_time_to_come_is_whole)
{
    int64_t before_us = clock_mono_us();
    struct timespec until = clock_mono_after(1999);
    int64_t after_us = clock_mono_us();
    int64_t until_us = (int64_t)until.tv_sec * 1000000 + until.tv_nsec / 1000;
    ck_assert_int_ge(until_us, before_us + 1999000);
    ck_assert_int_le(until_us, after_us + 1999000);
    ck_assert_int_lt(until.tv_nsec, 1000000000);
}
END_TEST

UNIT_MAIN("clock", monotonic_time_goes_on_in_its_units, wall_time_is_since_1970,
          a_time_to_come_is_whole)
