#include "broadcaster/paywall/toll.h"

#include <inttypes.h>

#include "broadcaster/paywall/money.h"
#include "tests/support/unit.h"

#define MINUTE 5400000

static uint64_t seed;

static uint64_t draw(uint64_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 20) % n;
}

START_TEST(a_minute_costs_its_price)
{
    struct toll t = {TOLL_PER_MINUTE, 1000000};
    uint32_t carried = 0;
    ck_assert_uint_eq(toll_cost(&t, MINUTE, 12345, 0, &carried), 1000000);
    ck_assert_uint_eq(carried, 0);
    ck_assert_uint_eq(toll_cost(&t, 0, 12345, 0, &carried), 0);
    ck_assert_uint_eq(toll_cost(&t, -90000, 0, 0, &carried), 0);
    t = (struct toll){TOLL_PER_MB, 777};
    ck_assert_uint_eq(toll_cost(&t, MINUTE, 1000000, 0, &carried), 777);
    t = (struct toll){TOLL_FREE, 777};
    ck_assert_uint_eq(toll_cost(&t, MINUTE, 1000000, 0, &carried), 0);
}
END_TEST

/* Whatever pieces a time comes in, they cost together what it costs whole. */
START_TEST(nothing_is_lost_by_rounding)
{
    for (seed = 1; seed < 200; seed++) {
        uint64_t start = seed;
        struct toll t = {seed % 2 ? TOLL_PER_MINUTE : TOLL_PER_MB, 1 + draw(100000)};
        uint32_t carried = 0, rest;
        uint64_t sum = 0, total = 0;
        for (int i = 0; i < 100; i++) {
            uint64_t piece = draw(600000);
            total += piece;
            sum += toll_cost(&t, (int64_t)piece, piece, carried, &carried);
        }
        ck_assert_uint_eq(sum, toll_cost(&t, (int64_t)total, total, 0, &rest));
        ck_assert_uint_eq(carried, rest);
        seed = start;
    }
}
END_TEST

START_TEST(a_file_in_pieces_costs_what_it_costs_whole)
{
    for (uint64_t round = 1; round < 200; round++) {
        seed = round;
        struct toll t = {round % 2 ? TOLL_PER_MINUTE : TOLL_PER_MB, 1 + draw(10000000)};
        struct toll_file f = {1 + draw(100000000), draw(10000000)};
        uint64_t whole = toll_file_cost(&t, &f, f.size), sum = 0, at = 0;
        while (at < f.size) {
            uint64_t piece = 1 + draw(f.size / 20 + 1), to = at + piece;
            to = to < f.size ? to : f.size;
            sum += toll_file_cost(&t, &f, to) - toll_file_cost(&t, &f, at);
            at = to;
        }
        ck_assert_uint_eq(sum, whole);
        ck_assert_uint_eq(toll_file_cost(&t, &f, f.size + 1000), whole);
    }
    struct toll t = {TOLL_PER_MINUTE, 1000000};
    struct toll_file f = {288280, 48040};
    ck_assert_uint_eq(toll_file_cost(&t, &f, f.size), 800666);
    ck_assert_uint_eq(toll_file_cost(&t, &f, 8192), 22752);
}
END_TEST

START_TEST(largest_numbers_stay_in_bounds)
{
    struct toll t = {TOLL_PER_MINUTE, MONEY_MAX};
    struct toll_file f = {UINT64_MAX, UINT64_MAX};
    uint32_t carried = TOLL_PARTS - 1;
    ck_assert_uint_eq(toll_cost(&t, INT64_MAX, 0, carried, &carried), MONEY_MAX);
    ck_assert_uint_eq(toll_file_cost(&t, &f, UINT64_MAX), MONEY_MAX);
    ck_assert_uint_gt(toll_file_cost(&t, &f, 1), 0);
    t.per = TOLL_PER_MB;
    ck_assert_uint_eq(toll_file_cost(&t, &f, UINT64_MAX), MONEY_MAX);
    f = (struct toll_file){0, 0};
    ck_assert_uint_eq(toll_file_cost(&t, &f, 0), 0);
}
END_TEST

START_TEST(prices_in_words)
{
    char text[TOLL_TEXT_MAX];
    toll_format(&(struct toll){TOLL_PER_MINUTE, 1000000}, 9, "USD", text);
    ck_assert_str_eq(text, "0.001 USD a minute");
    toll_format(&(struct toll){TOLL_PER_MB, 5}, 2, "EUR", text);
    ck_assert_str_eq(text, "0.05 EUR a megabyte");
    toll_format(&(struct toll){TOLL_FREE, 5}, 2, "EUR", text);
    ck_assert_str_eq(text, "free");
}
END_TEST

UNIT_MAIN("toll", a_minute_costs_its_price, nothing_is_lost_by_rounding,
          a_file_in_pieces_costs_what_it_costs_whole, largest_numbers_stay_in_bounds,
          prices_in_words)
