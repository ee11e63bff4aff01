#include "publisher-tools/tone.h"

#include <math.h>
#include <stdbool.h>

#include "tests/support/unit.h"

#define RATE 48000

static float buffer[2 * RATE];

START_TEST(it_is_a_sine_and_a_beep)
{
    const double pi = 3.14159265358979;
    tone_fill(buffer, 2 * RATE, 0, RATE);
    for (int i = 0; i < 2 * RATE; i++) {
        int at = i % RATE;
        bool beep = at < RATE / 10;
        double wanted = (beep ? 0.5 : 0.1) * sin(2 * pi * (beep ? 1000 : 440) * at / RATE);
        ck_assert_double_lt(fabs(buffer[i] - wanted), beep ? 0.002 : 0.0004);
    }
}
END_TEST

START_TEST(pieces_make_the_whole)
{
    static float pieces[2 * RATE];
    tone_fill(buffer, 2 * RATE, 1000000, RATE);
    for (size_t at = 0; at < 2 * RATE; at += 1000) {
        tone_fill(pieces + at, 1000, 1000000 + (int64_t)at, RATE);
    }
    ck_assert_mem_eq(buffer, pieces, sizeof pieces);
}
END_TEST

START_TEST(it_stays_in_range_after_years)
{
    tone_fill(buffer, RATE, INT64_C(48000) * 86400 * 3650 + 17, RATE);
    for (int i = 0; i < RATE; i++) {
        ck_assert(buffer[i] >= -0.5f && buffer[i] <= 0.5f);
    }
}
END_TEST

UNIT_MAIN("tone", it_is_a_sine_and_a_beep, pieces_make_the_whole, it_stays_in_range_after_years)
