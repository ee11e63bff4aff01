#include "broadcaster/preroll.h"

#include "base/mem.h"
#include "tests/support/unit.h"

static void push(struct packets *ps, int64_t dts, bool key, size_t len)
{
    struct blob *b = blob_create(len);
    struct packet p = {.dts = dts, .flags = key ? PACKET_KEY : 0, .blob = b, .data = blob_span(b)};
    ck_assert_int_eq(preroll_push(ps, &p), ERR_OK);
    blob_unref(b);
}

static void check(const struct packets *ps, int64_t idr)
{
    size_t bytes = 0;
    ck_assert(ps->items[0].flags & PACKET_KEY);
    ck_assert_int_eq(ps->items[0].dts, idr);
    for (size_t i = 0; i < ps->count; i++) {
        ck_assert(i == 0 || ps->items[i].dts > ps->items[i - 1].dts);
        bytes += ps->items[i].data.len;
    }
    ck_assert_uint_eq(ps->bytes, bytes);
    ck_assert_uint_eq(blob_live_bytes(), bytes);
}

static void finish(struct packets *ps)
{
    packets_fini(ps);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

START_TEST(an_idr_begins_anew)
{
    struct packets ps;
    packets_init(&ps);
    push(&ps, 0, false, 10);
    ck_assert_uint_eq(ps.count, 0);
    for (int i = 0; i < 100; i++) {
        push(&ps, 1 + i, i % 10 == 0, 10);
        ck_assert_uint_eq(ps.count, (size_t)i % 10 + 1);
    }
    check(&ps, 91);
    finish(&ps);
}
END_TEST

START_TEST(an_endless_gop_keeps_its_idr_and_the_latest_seconds)
{
    struct packets ps;
    packets_init(&ps);
    push(&ps, 7, true, 1000);
    for (int64_t i = 1; i < 30 * 3600; i++) {
        push(&ps, 7 + i * 3000, false, 100);
        ck_assert_uint_le(ps.count, PREROLL_TICKS_MAX / 3000 + 3);
        ck_assert_int_eq(ps.items[ps.count - 1].dts, 7 + i * 3000);
    }
    check(&ps, 7);
    int64_t newest = ps.items[ps.count - 1].dts;
    ck_assert_int_ge(newest - ps.items[1].dts, PREROLL_TICKS_MAX / 2 - 6000);
    finish(&ps);
}
END_TEST

START_TEST(bytes_are_bounded)
{
    struct packets ps;
    packets_init(&ps);
    push(&ps, 0, true, 1000000);
    for (int64_t i = 1; i < 100; i++) {
        push(&ps, i * 3000, false, 1500000);
        ck_assert_uint_le(ps.bytes, PREROLL_BYTES_MAX);
    }
    check(&ps, 0);
    finish(&ps);
}
END_TEST

START_TEST(packets_are_bounded)
{
    struct packets ps;
    packets_init(&ps);
    push(&ps, 0, true, 1);
    for (int64_t i = 1; i < 5 * PREROLL_PACKETS_MAX; i++) {
        push(&ps, i, false, 1);
        ck_assert_uint_le(ps.count, PREROLL_PACKETS_MAX);
    }
    check(&ps, 0);
    finish(&ps);
}
END_TEST

START_TEST(no_memory)
{
    struct packets ps;
    packets_init(&ps);
    struct blob *b = blob_create(10);
    struct packet p = {.flags = PACKET_KEY, .blob = b, .data = blob_span(b)};
    mem_fail_nth(1);
    ck_assert_int_eq(preroll_push(&ps, &p), ERR_NOMEM);
    mem_fail_nth(0);
    ck_assert_uint_eq(ps.count, 0);
    blob_unref(b);
    finish(&ps);
}
END_TEST

UNIT_MAIN("preroll", an_idr_begins_anew, an_endless_gop_keeps_its_idr_and_the_latest_seconds,
          bytes_are_bounded, packets_are_bounded, no_memory)
