#include "broadcaster/repair.h"
#include "tests/support/unit.h"

static struct packet make(enum track_kind kind, int64_t dts, int64_t pts)
{
    return (struct packet){.kind = kind, .dts = dts, .pts = pts};
}

START_TEST(starts_at_the_origin_and_keeps_distances)
{
    struct repair r;
    repair_init(&r);
    struct packet a = make(TRACK_VIDEO, 5000, 8000);
    repair_packet(&r, &a);
    ck_assert_int_eq(a.dts, REPAIR_ORIGIN_TICKS);
    ck_assert_int_eq(a.pts, REPAIR_ORIGIN_TICKS + 3000);
    struct packet b = make(TRACK_AUDIO, 6000, 6000);
    repair_packet(&r, &b);
    ck_assert_int_eq(b.dts, REPAIR_ORIGIN_TICKS + 1000);
}
END_TEST

START_TEST(dts_always_rises)
{
    static const int64_t in[] = {0, 3000, 3000, 2000, 6000, 5999, 9000};
    struct repair r;
    repair_init(&r);
    int64_t last = INT64_MIN;
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++) {
        struct packet p = make(TRACK_VIDEO, in[i], in[i]);
        repair_packet(&r, &p);
        ck_assert_int_gt(p.dts, last);
        ck_assert_int_ge(p.pts, p.dts);
        last = p.dts;
    }
    ck_assert_uint_eq(r.counters.dts_not_rising, 3);
    ck_assert_int_eq(last, REPAIR_ORIGIN_TICKS + 9000);
}
END_TEST

START_TEST(negative_composition_offset_is_mended)
{
    struct repair r;
    repair_init(&r);
    struct packet p = make(TRACK_VIDEO, 9000, 6000);
    repair_packet(&r, &p);
    ck_assert_int_eq(p.pts, p.dts);
    ck_assert_uint_eq(r.counters.pts_below_dts, 1);
}
END_TEST

START_TEST(jumps_do_not_move_the_timeline)
{
    static const int64_t jump[] = {100 * TICKS_PER_S, -100 * TICKS_PER_S};
    for (size_t i = 0; i < 2; i++) {
        struct repair r;
        repair_init(&r);
        struct packet a = make(TRACK_VIDEO, 1000000, 1000000);
        repair_packet(&r, &a);
        struct packet b = make(TRACK_VIDEO, 1000000 + jump[i], 1000000 + jump[i]);
        repair_packet(&r, &b);
        ck_assert_int_gt(b.dts, a.dts);
        ck_assert_int_lt(b.dts, a.dts + TICKS_PER_S);
        ck_assert_uint_eq(r.counters.jumps, 1);
    }
}
END_TEST

START_TEST(a_publisher_that_returns_goes_on)
{
    struct repair r;
    repair_init(&r);
    struct packet a = make(TRACK_VIDEO, 0, 0);
    repair_packet(&r, &a);
    a = make(TRACK_VIDEO, 900000, 900000);
    for (int64_t t = 0; t <= 900000; t += 90000) {
        a = make(TRACK_VIDEO, t + 1, t + 1);
        repair_packet(&r, &a);
    }
    repair_restart(&r);
    struct packet b = make(TRACK_VIDEO, 0, 0);
    repair_packet(&r, &b);
    ck_assert_int_gt(b.dts, a.dts);
    ck_assert_int_lt(b.dts, a.dts + TICKS_PER_S);
    ck_assert_uint_eq(r.counters.jumps, 0);
}
END_TEST

UNIT_MAIN("repair", starts_at_the_origin_and_keeps_distances, dts_always_rises,
          negative_composition_offset_is_mended, jumps_do_not_move_the_timeline,
          a_publisher_that_returns_goes_on)
