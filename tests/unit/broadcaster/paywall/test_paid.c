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

START_TEST(old_numbers_give_way)
{
    static struct paid p;
    for (uint64_t msn = 100; msn < 100 + PAID_SEGMENTS; msn++) {
        ck_assert_int_eq(fetch(&p, msn, 10), 10);
    }
    for (uint64_t msn = 100; msn < 100 + PAID_SEGMENTS; msn++) {
        ck_assert_int_eq(fetch(&p, msn, 10), 0);
    }
    ck_assert_int_eq(fetch(&p, 100 + PAID_SEGMENTS, 10), 10);
    ck_assert_int_eq(fetch(&p, 100, 10), 10);
}
END_TEST

UNIT_MAIN("paid", once_for_all_rungs_and_tracks, parts_add_up_to_their_segment,
          old_numbers_give_way)
