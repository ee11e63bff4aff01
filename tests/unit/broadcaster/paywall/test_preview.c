#include "broadcaster/paywall/preview.h"

#include "broadcaster/paywall/rates.h"
#include "tests/support/unit.h"

#define AMOUNT 1000
#define DAY    PREVIEW_ADDRESS_MS

START_TEST(once_for_a_viewer)
{
    struct preview *p = preview_create(AMOUNT);
    ck_assert_uint_eq(preview_open(p, 1, 50, 0, 0), AMOUNT);
    preview_close(p, 1, 400);
    ck_assert_uint_eq(preview_open(p, 1, 50, 0, 10), 400);
    ck_assert_uint_eq(preview_open(p, 1, 51, 0, 10), 400);
    preview_close(p, 1, 0);
    ck_assert_uint_eq(preview_open(p, 1, 52, 0, 2 * DAY), 0);
    preview_destroy(p);
}
END_TEST

START_TEST(invented_ids_get_none)
{
    struct preview *p = preview_create(AMOUNT);
    ck_assert_uint_eq(preview_open(p, 1, 50, 0, 0), AMOUNT);
    for (uint64_t id = 2; id < 5000; id++) {
        ck_assert_uint_eq(preview_open(p, id, 50, 0, 1), 0);
    }
    ck_assert_uint_eq(preview_open(p, 6000, 50, 0, DAY), AMOUNT);
    ck_assert_uint_eq(preview_open(p, 6001, 50, 0, DAY + 1), 0);
    preview_destroy(p);
}
END_TEST

START_TEST(the_table_stays_as_large_as_it_is)
{
    struct preview *p = preview_create(AMOUNT);
    for (uint64_t i = 0; i < 4 * PREVIEW_ENTRIES; i++) {
        ck_assert_uint_eq(preview_open(p, i * 0x9E3779B97F4A7C15u, i * 0xD1B54A32D192ED03u + 1,
                                       i * 0xA0761D6478BD642Fu, (int64_t)i),
                          AMOUNT);
    }
    preview_destroy(p);
}
END_TEST

START_TEST(a_site_has_some_of_its_networks)
{
    struct preview *p = preview_create(AMOUNT);
    uint64_t n = 0, viewer = 1;
    for (uint64_t network = 1; network <= 1000; network++) {
        n += preview_open(p, viewer++, network, 77, 5) == AMOUNT;
    }
    ck_assert_uint_eq(n, PREVIEW_SITE_MAX);
    ck_assert_uint_eq(preview_open(p, viewer++, 2000, 78, 5), AMOUNT); /* another site */
    ck_assert_uint_eq(preview_open(p, viewer++, 2001, 0, 5), AMOUNT);  /* IPv4 */
    ck_assert_uint_eq(preview_open(p, 1, 1, 77, 6), AMOUNT);           /* who has it keeps it */
    ck_assert_uint_eq(preview_open(p, viewer++, 3000, 77, DAY + 4), 0);
    for (uint64_t network = 1; network <= 1000; network++) {
        n += preview_open(p, viewer++, network, 77, DAY + 5) == AMOUNT;
    }
    ck_assert_uint_eq(n, 2 * PREVIEW_SITE_MAX);
    preview_destroy(p);
}
END_TEST

START_TEST(none_when_there_is_none)
{
    struct preview *p = preview_create(0);
    ck_assert_uint_eq(preview_open(p, 1, 50, 0, 0), 0);
    preview_close(p, 1, 400);
    ck_assert_uint_eq(preview_open(p, 1, 50, 0, 0), 0);
    preview_destroy(p);
    preview_destroy(NULL);
}
END_TEST

START_TEST(rates_fill_steadily)
{
    struct rates *r = rates_create(60);
    for (int i = 0; i < 60; i++) {
        ck_assert(rates_take(r, 9, 1000));
    }
    ck_assert(!rates_take(r, 9, 1000));
    ck_assert(rates_take(r, 10, 1000));
    ck_assert(!rates_take(r, 9, 1999));
    ck_assert(rates_take(r, 9, 2000));
    ck_assert(!rates_take(r, 9, 2000));
    for (int i = 0; i < 60; i++) {
        ck_assert(rates_take(r, 9, 200000));
    }
    ck_assert(!rates_take(r, 9, 200000));
    rates_destroy(r);
    r = rates_create(0);
    for (int i = 0; i < 1000; i++) {
        ck_assert(rates_take(r, 9, 1));
    }
    rates_destroy(r);
}
END_TEST

UNIT_MAIN("preview", once_for_a_viewer, invented_ids_get_none, the_table_stays_as_large_as_it_is,
          a_site_has_some_of_its_networks, none_when_there_is_none, rates_fill_steadily)
