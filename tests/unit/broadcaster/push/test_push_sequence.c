#include "broadcaster/push/push_sequence.h"

#include "tests/support/unit.h"

static struct push_sequence s;
static int64_t now;

static enum push_fate add(uint64_t number, uint64_t hash)
{
    return push_sequence_add(&s, number, hash, &s, now);
}

/* The number whose turn it is; -1: none. */
static int64_t next(unsigned holes, bool restarted)
{
    struct push_turn t;
    if (!push_sequence_next(&s, now, &t)) {
        return -1;
    }
    ck_assert_uint_eq(t.holes, holes);
    ck_assert_int_eq(t.restarted, restarted);
    ck_assert_ptr_eq(t.item.what, &s);
    return (int64_t)t.item.number;
}

static void begin(void)
{
    push_sequence_init(&s);
    now = 1000;
}

START_TEST(in_order)
{
    begin();
    for (uint64_t n = 0; n < 100; n++) {
        ck_assert_int_eq(add(n, n), PUSH_TAKEN);
        ck_assert_int_eq(next(0, false), (int64_t)n);
        ck_assert_int_eq(next(0, false), -1);
    }
}
END_TEST

START_TEST(a_high_first_number_waits_for_lower_ones)
{
    begin();
    ck_assert_int_eq(add(17, 1), PUSH_TAKEN);
    ck_assert_int_eq(next(0, false), -1);
    ck_assert_int_eq(add(16, 2), PUSH_TAKEN);
    now += PUSH_START_WAIT_MS;
    ck_assert_int_eq(next(0, false), 16);
    ck_assert_int_eq(next(0, false), 17);
}
END_TEST

START_TEST(a_lower_one_under_way_is_waited_for)
{
    begin();
    ck_assert(push_sequence_upload(&s, 4));
    add(5, 5);
    now += PUSH_HOLE_WAIT_MS + 1;
    ck_assert_int_eq(next(0, false), -1);
    push_sequence_upload_ends(&s, 4);
    add(4, 4);
    now += PUSH_START_WAIT_MS;
    ck_assert_int_eq(next(0, false), 4);
    ck_assert_int_eq(next(0, false), 5);
    ck_assert(push_sequence_upload(&s, 6));
    add(7, 7);
    now += PUSH_UPLOAD_WAIT_MS - 1;
    ck_assert_int_eq(next(0, false), -1);
    now++;
    ck_assert_int_eq(next(1, false), 7); /* not for ever */
}
END_TEST

START_TEST(out_of_order_and_holes)
{
    begin();
    add(0, 0);
    ck_assert_int_eq(next(0, false), 0);
    add(3, 3);
    add(2, 2);
    ck_assert_int_eq(next(0, false), -1);
    now += PUSH_HOLE_WAIT_MS - 1;
    ck_assert_int_eq(next(0, false), -1);
    now++;
    ck_assert_int_eq(next(1, false), 2);
    ck_assert_int_eq(next(0, false), 3);
    ck_assert_int_eq(add(1, 1), PUSH_LATE);
    add(3 + PUSH_WINDOW + 2, 9); /* too far for a hole: at once */
    ck_assert_int_eq(next(0, false), 3 + PUSH_WINDOW + 2);
}
END_TEST

START_TEST(repetitions)
{
    begin();
    add(0, 10);
    ck_assert_int_eq(add(0, 10), PUSH_DUPLICATE); /* while it waits */
    next(0, false);
    ck_assert_int_eq(add(0, 10), PUSH_DUPLICATE);
    for (uint64_t n = 1; n < 40; n++) {
        add(n, n);
        ck_assert_int_eq(next(0, false), (int64_t)n);
        for (uint64_t back = 0; back < PUSH_RECENT_MAX && back < n; back++) {
            ck_assert_int_eq(add(n - back, n - back), PUSH_DUPLICATE);
        }
    }
}
END_TEST

START_TEST(the_pusher_begins_anew)
{
    begin();
    for (uint64_t n = 0; n < 57; n++) {
        add(n, n);
        next(0, false);
    }
    ck_assert_int_eq(add(58, 58), PUSH_TAKEN); /* of the old run, behind a hole */
    ck_assert_int_eq(add(0, 1000), PUSH_TAKEN);
    ck_assert_int_eq(add(1, 1001), PUSH_TAKEN);
    ck_assert_int_eq(next(0, false), -1);
    now += PUSH_HOLE_WAIT_MS;
    ck_assert_int_eq(next(1, false), 58);
    ck_assert_int_eq(next(0, true), 0);
    ck_assert_int_eq(next(0, false), 1);
    ck_assert_int_eq(add(1, 1001), PUSH_DUPLICATE);
    /* Soon after: the same number with other bytes. */
    ck_assert_int_eq(add(0, 2000), PUSH_TAKEN);
    ck_assert_int_eq(next(0, true), 0);
}
END_TEST

START_TEST(files_without_numbers)
{
    begin();
    ck_assert_uint_eq(push_sequence_free_number(&s), 0);
    ck_assert(push_sequence_upload(&s, 0));
    ck_assert_uint_eq(push_sequence_free_number(&s), 1);
    push_sequence_upload_ends(&s, 0);
    add(0, 1);
    ck_assert_uint_eq(push_sequence_free_number(&s), 1);
    next(0, false);
    ck_assert_uint_eq(push_sequence_free_number(&s), 1);
}
END_TEST

START_TEST(bounded)
{
    struct push_item item;
    begin();
    add(0, 0);
    next(0, false);
    for (uint64_t n = 0; n < PUSH_WAITING_MAX; n++) {
        ck_assert_int_eq(add(2 + n, n), PUSH_TAKEN);
    }
    ck_assert_int_eq(add(100, 100), PUSH_FULL);
    ck_assert(!push_sequence_upload(&s, 1));
    size_t n = 0;
    while (push_sequence_drop(&s, &item)) {
        n++;
    }
    ck_assert_uint_eq(n, PUSH_WAITING_MAX);
    for (n = 0; n < PUSH_WAITING_MAX; n++) {
        ck_assert(push_sequence_upload(&s, n));
    }
    ck_assert(!push_sequence_upload(&s, 99));
}
END_TEST

UNIT_MAIN("push_sequence", in_order, a_high_first_number_waits_for_lower_ones,
          a_lower_one_under_way_is_waited_for, out_of_order_and_holes, repetitions,
          the_pusher_begins_anew, files_without_numbers, bounded)
