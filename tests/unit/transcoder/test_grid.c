#include "transcoder/grid.h"

#include "media/track.h"
#include "tests/support/unit.h"

static int64_t ms(double t)
{
    return (int64_t)(t + 0.5) * TICKS_PER_MS;
}

/* A source of the given rate with millisecond times: every slot once, in order, nothing dropped
 * that should not be. */
START_TEST(same_rate)
{
    static const int rates[] = {24, 25, 30, 50, 60, 120};
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        struct grid g;
        grid_init(&g, (uint32_t)rates[r], 1);
        for (int i = 0; i < 1000; i++) {
            int64_t slot = -1;
            bool settled = false;
            ck_assert_int_eq(grid_offer(&g, ms(500 + i * 1000.0 / rates[r]), &slot, &settled),
                             GRID_TAKE);
            ck_assert_int_eq(slot, i);
            ck_assert(!settled || i == 0 || slot == i);
        }
    }
}
END_TEST

/* 29.97 on a grid of 30: over the length of a segment each picture still has its own slot. */
START_TEST(ntsc_rate)
{
    struct grid g;
    grid_init(&g, 30, 1);
    for (int i = 0; i < 600; i++) {
        int64_t slot = -1;
        bool settled;
        ck_assert_int_eq(grid_offer(&g, ms(i * 1001.0 / 30), &slot, &settled), GRID_TAKE);
        ck_assert_int_eq(slot, i);
    }
}
END_TEST

/* Twice as fast: each second picture waits until the one after it shows that its slot is within
 * the segment. */
START_TEST(twice_the_rate)
{
    struct grid g;
    grid_init(&g, 30, 1);
    for (int i = 0; i < 120; i++) {
        int64_t slot = -1;
        bool settled = false;
        enum grid_verdict v = grid_offer(&g, ms(i * 1000.0 / 60), &slot, &settled);
        if (i % 2 == 1) {
            ck_assert_int_eq(v, GRID_DROP);
            ck_assert(settled);
        } else {
            ck_assert_int_eq(v, i == 0 ? GRID_TAKE : GRID_WAIT);
            ck_assert_int_eq(slot, i / 2);
        }
    }
    int64_t n;
    ck_assert_int_eq(grid_slots(&g, 2 * TICKS_PER_S, &n), ERR_OK);
    ck_assert_int_eq(n, 60);
    ck_assert_int_eq(grid_slots(&g, ms(119 * 1000.0 / 60), &n), ERR_OK);
    ck_assert_int_eq(n, 59);
}
END_TEST

START_TEST(a_gap_leaves_slots_free)
{
    struct grid g;
    int64_t slot;
    bool settled;
    grid_init(&g, 30, 1);
    ck_assert_int_eq(grid_offer(&g, 1000, &slot, &settled), GRID_TAKE);
    ck_assert_int_eq(grid_offer(&g, 1000 + 5 * 3000, &slot, &settled), GRID_TAKE);
    ck_assert_int_eq(slot, 5);
}
END_TEST

START_TEST(times_that_go_back_or_far)
{
    struct grid g;
    int64_t slot;
    bool settled;
    grid_init(&g, 30, 1);
    ck_assert_int_eq(grid_offer(&g, 90000, &slot, &settled), GRID_TAKE);
    ck_assert_int_eq(grid_offer(&g, 0, &slot, &settled), GRID_DROP);
    ck_assert_int_eq(grid_offer(&g, 90000, &slot, &settled), GRID_DROP);
    ck_assert_int_eq(grid_offer(&g, 90000 + GRID_SEGMENT_TICKS_MAX + 1, &slot, &settled),
                     GRID_WRONG);
    ck_assert_int_eq(grid_offer(&g, 90000 + GRID_SEGMENT_TICKS_MAX, &slot, &settled), GRID_TAKE);
    ck_assert_int_eq(slot, 3600);
    int64_t n = 7;
    ck_assert_int_eq(grid_slots(&g, GRID_SEGMENT_TICKS_MAX + 1, &n), ERR_LIMIT);
    ck_assert_int_eq(grid_slots(&g, -1, &n), ERR_LIMIT);
    ck_assert_int_eq(n, 7);
}
END_TEST

START_TEST(a_segment_may_begin_before_its_first_picture)
{
    struct grid g;
    int64_t slot;
    bool settled;
    grid_init(&g, 30, 1);
    grid_begin(&g, 1000);
    ck_assert_int_eq(grid_offer(&g, 1000 + 5 * 3000, &slot, &settled), GRID_WAIT);
    ck_assert_int_eq(slot, 5);
    ck_assert_int_eq(grid_offer(&g, 1000 + 6 * 3000, &slot, &settled), GRID_TAKE);
    ck_assert_int_eq(slot, 6);
    ck_assert(settled);
    ck_assert_int_eq(grid_time(&g, 0), 1000);
}
END_TEST

START_TEST(slots_of_a_segment)
{
    static const struct {
        uint32_t num, den;
        int64_t duration, slots;
    } cases[] = {
        {30, 1, 90000, 30},      {30, 1, 0, 1},      {30, 1, 2999, 1},   {30, 1, 90000 - 90, 30},
        {30, 1, 90000 + 90, 30}, {30, 1, 92240, 30}, {30, 1, 92250, 31}, {30000, 1001, 180180, 60},
        {8, 1, 180000, 16}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct grid g;
        int64_t n = -1;
        grid_init(&g, cases[i].num, cases[i].den);
        ck_assert_int_eq(grid_slots(&g, cases[i].duration, &n), ERR_OK);
        ck_assert_int_eq(n, cases[i].slots);
    }
}
END_TEST

START_TEST(times_of_slots)
{
    struct grid g;
    int64_t slot;
    bool settled;
    grid_init(&g, 30000, 1001);
    ck_assert_int_eq(grid_offer(&g, -500, &slot, &settled), GRID_TAKE);
    ck_assert_int_eq(grid_time(&g, 0), -500);
    ck_assert_int_eq(grid_time(&g, -1), -500 - 3003);
    ck_assert_int_eq(grid_time(&g, 1000), -500 + 3003000);
    grid_init(&g, 7, 1);
    ck_assert_int_eq(grid_time(&g, 1), 12857);
    ck_assert_int_eq(grid_time(&g, 2), 25714);
    ck_assert_int_eq(grid_time(&g, 7), 90000);
    ck_assert_int_eq(grid_time(&g, -1), -12857);
}
END_TEST

START_TEST(own_times)
{
    struct grid g;
    int64_t slot;
    bool settled;
    grid_init(&g, 0, 0);
    ck_assert_int_eq(grid_offer(&g, 10, &slot, &settled), GRID_TAKE);
    ck_assert_int_eq(grid_offer(&g, 10, &slot, &settled), GRID_DROP);
    ck_assert_int_eq(grid_offer(&g, 9, &slot, &settled), GRID_DROP);
    ck_assert_int_eq(grid_offer(&g, 11, &slot, &settled), GRID_TAKE);
    ck_assert_int_eq(slot, 1);
    int64_t n;
    ck_assert_int_eq(grid_slots(&g, 90000, &n), ERR_OK);
    ck_assert_int_eq(n, 2);
}
END_TEST

UNIT_MAIN("grid", same_rate, ntsc_rate, twice_the_rate, a_gap_leaves_slots_free,
          a_segment_may_begin_before_its_first_picture, times_that_go_back_or_far,
          slots_of_a_segment, times_of_slots, own_times)
