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

static struct buf written(const struct preview *p, int64_t now_ms, int64_t wall_ms)
{
    struct buf b;
    buf_init(&b, PREVIEW_BYTES_MAX);
    ck_assert_int_eq(preview_write(p, now_ms, wall_ms, &b), ERR_OK);
    return b;
}

/* Started anew, with another monotonic clock: nobody has another one, before it is time. */
START_TEST(what_was_written_counts_again)
{
    struct preview *p = preview_create(AMOUNT), *q = preview_create(AMOUNT);
    const int64_t wall = 1700000000000;
    uint64_t version = preview_version(p);
    ck_assert_uint_eq(preview_open(p, 1, 50, 77, 5000), AMOUNT);
    ck_assert_uint_ne(preview_version(p), version);
    version = preview_version(p);
    preview_close(p, 1, AMOUNT);
    ck_assert_uint_eq(preview_version(p), version);
    preview_close(p, 1, 400);
    ck_assert_uint_ne(preview_version(p), version);
    struct buf b = written(p, 6000, wall);
    ck_assert_int_eq(preview_read(q, buf_span(&b), 10, wall + DAY / 2), ERR_OK);
    ck_assert_uint_eq(preview_open(q, 1, 50, 77, 10), 400);
    ck_assert_uint_eq(preview_open(q, 2, 50, 77, 10), 0);
    for (uint64_t n = 1; n < PREVIEW_SITE_MAX; n++) {
        ck_assert_uint_eq(preview_open(q, 100 + n, 100 + n, 77, 10), AMOUNT);
    }
    ck_assert_uint_eq(preview_open(q, 999, 999, 77, 10), 0);
    ck_assert_uint_eq(preview_open(q, 3, 50, 0, 10 + DAY / 2 - 1001), 0);
    ck_assert_uint_eq(preview_open(q, 3, 50, 0, 10 + DAY / 2 - 1000), AMOUNT);
    preview_destroy(q);
    q = preview_create(300); /* less for everybody than before; a day later; a clock set back */
    ck_assert_int_eq(preview_read(q, buf_span(&b), 10, wall + DAY), ERR_OK);
    ck_assert_uint_eq(preview_open(q, 1, 51, 0, 10), 300);
    ck_assert_uint_eq(preview_open(q, 2, 50, 0, 10), 300);
    preview_destroy(q);
    q = preview_create(AMOUNT);
    ck_assert_int_eq(preview_read(q, buf_span(&b), 10, 1), ERR_OK);
    ck_assert_uint_eq(preview_open(q, 2, 50, 0, 10 + DAY - 1), 0);
    ck_assert_uint_eq(preview_open(q, 2, 50, 0, 10 + DAY), AMOUNT);
    buf_fini(&b);
    preview_destroy(p);
    preview_destroy(q);
}
END_TEST

START_TEST(cut_and_changed_pieces)
{
    struct preview *p = preview_create(AMOUNT);
    for (uint64_t i = 1; i <= 5; i++) {
        ck_assert_uint_eq(preview_open(p, i, 50 + i, 70 + i, 0), AMOUNT);
    }
    struct buf b = written(p, 0, 1000), small;
    for (size_t cut = 0; cut < b.len; cut += 7) { /* what is whole counts */
        struct preview *q = preview_create(AMOUNT);
        ck_assert_int_eq(preview_read(q, span_of(b.data, cut), 0, 1000), ERR_OK);
        struct buf again = written(q, 0, 1000);
        ck_assert_uint_eq(again.len, cut / 25 * 25);
        buf_fini(&again);
        preview_destroy(q);
    }
    for (size_t max = 0; max < b.len; max++) {
        buf_init(&small, max);
        ck_assert_int_eq(preview_write(p, 0, 1000, &small), ERR_LIMIT);
        buf_fini(&small);
    }
    b.data[50] = 'x';
    struct preview *q = preview_create(AMOUNT);
    ck_assert_int_eq(preview_read(q, buf_span(&b), 0, 1000), ERR_PROTO);
    struct buf again = written(q, 0, 1000);
    ck_assert_uint_eq(again.len, 50);
    buf_fini(&again);
    buf_fini(&b);
    preview_destroy(p);
    preview_destroy(q);
}
END_TEST

START_TEST(none_when_there_is_none)
{
    struct preview *p = preview_create(0);
    ck_assert_uint_eq(preview_open(p, 1, 50, 0, 0), 0);
    preview_close(p, 1, 400);
    ck_assert_uint_eq(preview_open(p, 1, 50, 0, 0), 0);
    struct buf b = written(p, 0, 0);
    ck_assert_uint_eq(b.len, 0);
    ck_assert_int_eq(preview_read(p, span_cstr("v2345678123456781234567812"), 0, 0), ERR_OK);
    buf_fini(&b);
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
          a_site_has_some_of_its_networks, what_was_written_counts_again, cut_and_changed_pieces,
          none_when_there_is_none, rates_fill_steadily)
