#include "broadcaster/ingest/capacity.h"

#include <limits.h>

#include "tests/support/unit.h"

static const struct capacity wanted = {.viewers = 10000, .ingest = 1000, .bodies = 500};

START_TEST(all_that_is_wanted)
{
    static const long enough[] = {12548, 1048576, LONG_MAX};
    for (size_t i = 0; i < sizeof enough / sizeof enough[0]; i++) {
        struct capacity fit;
        ck_assert(capacity_fit(enough[i], &wanted, &fit));
        ck_assert_int_eq(fit.viewers, 10000);
        ck_assert_int_eq(fit.ingest, 1000);
        ck_assert_int_eq(fit.bodies, 500);
    }
}
END_TEST

START_TEST(what_is_left)
{
    for (long files = 64; files < 12548; files++) {
        struct capacity fit;
        ck_assert(!capacity_fit(files, &wanted, &fit));
        ck_assert_int_ge(fit.viewers, 2);
        ck_assert_int_ge(fit.ingest, 2);
        ck_assert_int_ge(fit.bodies, 0);
        ck_assert_int_le(fit.viewers + fit.ingest + CAPACITY_BODY_FILES * fit.bodies, files - 48);
    }
}
END_TEST

START_TEST(never_nothing)
{
    static const long few[] = {LONG_MIN / 2, -1, 0, 10, 48, 50};
    for (size_t i = 0; i < sizeof few / sizeof few[0]; i++) {
        struct capacity fit;
        ck_assert(!capacity_fit(few[i], &wanted, &fit));
        ck_assert_int_eq(fit.viewers, 2);
        ck_assert_int_eq(fit.ingest, 2);
        ck_assert_int_eq(fit.bodies, 0);
    }
}
END_TEST

START_TEST(files_of_media)
{
    struct capacity with = wanted, fit;
    with.media = 10000;
    ck_assert(capacity_fit(LONG_MAX, &with, &fit));
    ck_assert_int_eq(fit.media, 10000);
    for (long files = 96; files < 30000; files += 7) {
        (void)capacity_fit(files, &with, &fit);
        ck_assert_int_ge(fit.media, 2);
        ck_assert_int_ge(fit.viewers, 2);
        ck_assert_int_le(fit.viewers + fit.ingest + fit.media + CAPACITY_BODY_FILES * fit.bodies,
                         files - 48);
    }
}
END_TEST

UNIT_MAIN("capacity", all_that_is_wanted, what_is_left, never_nothing, files_of_media)
