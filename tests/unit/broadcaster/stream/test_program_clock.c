#include "broadcaster/stream/program_clock.h"

#include "media/track.h"
#include "tests/support/unit.h"

#define WALL_MS 1795000000000

START_TEST(the_media_tells_the_time)
{
    struct program_clock c;
    program_clock_init(&c, WALL_MS);
    for (int64_t i = 0; i < 100; i++) {
        int64_t at = program_clock_begin(&c, 90 + i * 2 * TICKS_PER_S, 5000 + i * 2000, false);
        ck_assert_int_eq(at, WALL_MS + 5000 + i * 2000);
    }
}
END_TEST

/* What comes late moves it by one millisecond, what comes too early by more. */
START_TEST(it_is_followed_little_by_little)
{
    struct program_clock c;
    program_clock_init(&c, WALL_MS);
    ck_assert_int_eq(program_clock_begin(&c, 0, 0, false), WALL_MS);
    ck_assert_int_eq(program_clock_begin(&c, TICKS_PER_S, 1300, false), WALL_MS + 1001);
    ck_assert_int_eq(program_clock_begin(&c, 2 * TICKS_PER_S, 2001, false), WALL_MS + 2001);
    ck_assert_int_eq(program_clock_begin(&c, 3 * TICKS_PER_S, 2100, false), WALL_MS + 2981);
    /* A clock that is 0.04 % slow: never further off than the drift of a segment. */
    program_clock_init(&c, 0);
    for (int64_t i = 0; i < 3000; i++) {
        int64_t now = i * 20008 / 10;
        int64_t off = program_clock_begin(&c, i * 2 * TICKS_PER_S, now, false) - now;
        ck_assert_int_le(off < 0 ? -off : off, 1);
    }
}
END_TEST

START_TEST(a_break_begins_it_anew_but_not_in_the_past)
{
    struct program_clock c;
    program_clock_init(&c, WALL_MS);
    ck_assert_int_eq(program_clock_begin(&c, 0, 0, true), WALL_MS);
    ck_assert_int_eq(program_clock_begin(&c, 2 * TICKS_PER_S, 60000, true), WALL_MS + 60000);
    ck_assert_int_eq(program_clock_begin(&c, 4 * TICKS_PER_S, 60500, true), WALL_MS + 62000);
    ck_assert_int_eq(program_clock_begin(&c, 6 * TICKS_PER_S, 64000, false), WALL_MS + 64000);
}
END_TEST

START_TEST(what_waited_on_its_way_was_recorded_earlier)
{
    struct program_clock c;
    program_clock_init(&c, WALL_MS);
    ck_assert_int_eq(program_clock_begin(&c, TICKS_PER_S, 1000, true), WALL_MS + 1000);
    ck_assert_int_eq(program_clock_came(&c, TICKS_PER_S * 3 / 2, 1600), WALL_MS + 1000);
    ck_assert_int_eq(program_clock_came(&c, TICKS_PER_S * 2, 1601), WALL_MS + 601);
    ck_assert_int_eq(program_clock_came(&c, TICKS_PER_S * 2, 1700), WALL_MS + 601);
    ck_assert_int_eq(program_clock_begin(&c, TICKS_PER_S * 3, 2601, false), WALL_MS + 2601);
}
END_TEST

UNIT_MAIN("program_clock", what_waited_on_its_way_was_recorded_earlier, the_media_tells_the_time,
          it_is_followed_little_by_little, a_break_begins_it_anew_but_not_in_the_past)
