#include "broadcaster/jobs/price.h"

#include "tests/support/unit.h"

static bool over(uint64_t amount, uint64_t pixels, uint64_t max, uint64_t max_pixels)
{
    return price_over(&(struct price){amount, pixels}, &(struct price){max, max_pixels});
}

START_TEST(prices_are_compared_by_the_pixel)
{
    ck_assert(!over(5, 1, 5, 1));
    ck_assert(over(6, 1, 5, 1));
    ck_assert(over(1, 1, 999, 1000));
    ck_assert(!over(999, 1000, 1, 1));
    ck_assert(!over(10, 1000, 1, 100));
    ck_assert(over(UINT64_MAX, 2, UINT64_MAX - 1, 2));
    ck_assert(!over(UINT64_MAX - 1, UINT64_MAX, UINT64_MAX, UINT64_MAX));
}
END_TEST

START_TEST(what_costs_nothing_is_never_over_and_no_maximum_allows_all)
{
    ck_assert(!over(0, 1, 5, 1));
    ck_assert(!over(5, 0, 1, 1));
    ck_assert(!over(UINT64_MAX, 1, 0, 1));
    ck_assert(!over(UINT64_MAX, 1, 1, 0));
}
END_TEST

START_TEST(prices_are_written_for_people)
{
    char text[PRICE_TEXT_MAX];
    price_format(&(struct price){5, 1000}, text);
    ck_assert_str_eq(text, "5 for 1000 pixels");
    price_format(&(struct price){UINT64_MAX, 1}, text);
    ck_assert_str_eq(text, "18446744073709551615 for 1 pixel");
    price_format(&(struct price){0, 1}, text);
    ck_assert_str_eq(text, "nothing");
}
END_TEST

UNIT_MAIN("price", prices_are_compared_by_the_pixel,
          what_costs_nothing_is_never_over_and_no_maximum_allows_all, prices_are_written_for_people)
