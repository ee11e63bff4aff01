#include "broadcaster/paywall/paid.h"

#include "tests/support/unit.h"

/* Fetches and pays; the ticks that were paid. */
static int64_t fetch(struct paid *p, uint64_t msn, int64_t until)
{
    int64_t due = paid_due(p, msn, until);
    paid_note(p, msn, until);
    return due;
}

START_TEST(once_for_all_rungs_and_tracks)
{
    static struct paid p;
    ck_assert_int_eq(fetch(&p, 7, 180000), 180000);
    ck_assert_int_eq(fetch(&p, 7, 180000), 0);
    ck_assert_int_eq(fetch(&p, 7, 179000), 0);
    ck_assert_int_eq(fetch(&p, 8, 180000), 180000);
    ck_assert_int_eq(fetch(&p, 7, 180000), 0);
}
END_TEST

START_TEST(parts_add_up_to_their_segment)
{
    static struct paid p;
    ck_assert_int_eq(fetch(&p, 0, 30000), 30000);
    ck_assert_int_eq(fetch(&p, 0, 60000), 30000);
    ck_assert_int_eq(fetch(&p, 0, 30000), 0);
    ck_assert_int_eq(fetch(&p, 0, 90000), 30000);
    ck_assert_int_eq(fetch(&p, 0, 90000), 0);
}
END_TEST

START_TEST(tabs_far_apart_pay_each_segment_once)
{
    static struct paid p;
    int64_t paid = 0;
    const uint64_t first = 1000, apart = PAID_SEGMENTS - 1, n = 3 * PAID_SEGMENTS;
    for (uint64_t i = 0; i < n; i++) { /* one tab ahead, the other one as far behind as may be */
        paid += fetch(&p, first + apart + i, 10);
        paid += fetch(&p, first + i, 10);
        paid += fetch(&p, first + apart + i, 10);
    }
    ck_assert_int_eq(paid, 10 * (int64_t)(n + apart));
}
END_TEST

START_TEST(what_is_further_behind_costs_no_newer_one_its_place)
{
    static struct paid p;
    for (uint64_t msn = 100; msn <= 100 + PAID_SEGMENTS; msn++) {
        ck_assert_int_eq(fetch(&p, msn, 10), 10);
    }
    ck_assert_int_eq(fetch(&p, 100, 10), 10);
    ck_assert_int_eq(fetch(&p, 100, 10), 10);
    for (uint64_t msn = 101; msn <= 100 + PAID_SEGMENTS; msn++) {
        ck_assert_int_eq(fetch(&p, msn, 10), 0);
    }
}
END_TEST

START_TEST(odd_lengths)
{
    static struct paid p;
    ck_assert_int_eq(fetch(&p, 5, -1), 0);
    ck_assert_int_eq(fetch(&p, 5, 0), 0);
    ck_assert_int_eq(fetch(&p, 5, UINT32_MAX), UINT32_MAX);
    ck_assert_int_eq(fetch(&p, 5, UINT32_MAX), 0);
}
END_TEST

UNIT_MAIN("paid", once_for_all_rungs_and_tracks, parts_add_up_to_their_segment,
          tabs_far_apart_pay_each_segment_once, what_is_further_behind_costs_no_newer_one_its_place,
          odd_lengths)
