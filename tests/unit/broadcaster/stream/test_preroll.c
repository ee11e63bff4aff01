#include "broadcaster/stream/preroll.h"

#include "base/mem.h"
#include "tests/support/unit.h"

static void push_as(struct preroll *pr, int64_t dts, enum preroll_start start, size_t len)
{
    bool key = start == PREROLL_ANEW;
    struct blob *b = blob_create(len);
    struct packet p = {.dts = dts, .flags = key ? PACKET_KEY : 0, .blob = b, .data = blob_span(b)};
    ck_assert_int_eq(preroll_push(pr, &p, start), ERR_OK);
    blob_unref(b);
}

static void push(struct preroll *pr, int64_t dts, bool key, size_t len)
{
    push_as(pr, dts, key ? PREROLL_ANEW : PREROLL_NOT_HERE, len);
}

static void check(const struct preroll *pr, int64_t idr)
{
    const struct packets *ps = &pr->packets;
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

static void finish(struct preroll *ps)
{
    preroll_fini(ps);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

START_TEST(an_idr_begins_anew)
{
    struct preroll ps;
    preroll_init(&ps);
    push(&ps, 0, false, 10);
    ck_assert_uint_eq(ps.packets.count, 0);
    for (int i = 0; i < 100; i++) {
        push(&ps, 1 + i, i % 10 == 0, 10);
        ck_assert_uint_eq(ps.packets.count, (size_t)i % 10 + 1);
    }
    check(&ps, 91);
    finish(&ps);
}
END_TEST

START_TEST(an_endless_gop_keeps_its_idr_and_the_latest_seconds)
{
    struct preroll ps;
    preroll_init(&ps);
    push(&ps, 7, true, 1000);
    for (int64_t i = 1; i < 30 * 3600; i++) {
        push(&ps, 7 + i * 3000, false, 100);
        ck_assert_uint_le(ps.packets.count, PREROLL_TICKS_MAX / 3000 + 3);
        ck_assert_int_eq(ps.packets.items[ps.packets.count - 1].dts, 7 + i * 3000);
    }
    check(&ps, 7);
    int64_t newest = ps.packets.items[ps.packets.count - 1].dts;
    ck_assert_int_ge(newest - ps.packets.items[1].dts, PREROLL_TICKS_MAX / 2 - 6000);
    finish(&ps);
}
END_TEST

START_TEST(bytes_are_bounded)
{
    struct preroll ps;
    preroll_init(&ps);
    push(&ps, 0, true, 1000000);
    for (int64_t i = 1; i < 100; i++) {
        push(&ps, i * 3000, false, 1500000);
        ck_assert_uint_le(ps.packets.bytes, PREROLL_BYTES_MAX);
    }
    check(&ps, 0);
    finish(&ps);
}
END_TEST

START_TEST(packets_are_bounded)
{
    struct preroll ps;
    preroll_init(&ps);
    push(&ps, 0, true, 1);
    for (int64_t i = 1; i < 5 * PREROLL_PACKETS_MAX; i++) {
        push(&ps, i, false, 1);
        ck_assert_uint_le(ps.packets.count, PREROLL_PACKETS_MAX);
    }
    check(&ps, 0);
    finish(&ps);
}
END_TEST

/* A picture that is refreshed within 60 frames, each with a mark. */
START_TEST(a_refreshed_picture_needs_one_refresh_and_what_follows)
{
    struct preroll ps;
    preroll_init(&ps);
    push_as(&ps, 5, PREROLL_RECOVERY, 10);
    ck_assert_uint_eq(ps.packets.count, 0);
    push(&ps, 10, true, 10);
    for (int64_t i = 1; i < 1000; i++) {
        push_as(&ps, 10 + i * 3000, i % 60 == 0 ? PREROLL_RECOVERY : PREROLL_NOT_HERE, 10);
        int64_t first = ps.packets.items[0].dts, cycle = i / 60;
        ck_assert_int_eq(first, 10 + (cycle < 2 ? 0 : (cycle - 1) * 60 * 3000));
        ck_assert_uint_le(ps.packets.count, 120);
    }
    push(&ps, 10 + 1000 * 3000, true, 10);
    check(&ps, 10 + 1000 * 3000);
    finish(&ps);
}
END_TEST

START_TEST(no_memory)
{
    struct preroll ps;
    preroll_init(&ps);
    struct blob *b = blob_create(10);
    struct packet p = {.flags = PACKET_KEY, .blob = b, .data = blob_span(b)};
    mem_fail_nth(1);
    ck_assert_int_eq(preroll_push(&ps, &p, PREROLL_ANEW), ERR_NOMEM);
    mem_fail_nth(0);
    ck_assert_uint_eq(ps.packets.count, 0);
    blob_unref(b);
    finish(&ps);
}
END_TEST

UNIT_MAIN("preroll", an_idr_begins_anew, an_endless_gop_keeps_its_idr_and_the_latest_seconds,
          bytes_are_bounded, packets_are_bounded,
          a_refreshed_picture_needs_one_refresh_and_what_follows, no_memory)
