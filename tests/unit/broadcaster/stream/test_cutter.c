#include "broadcaster/stream/cutter.h"
#include "tests/support/unit.h"

struct run {
    int64_t begins[64];
    bool independent[64];
    int64_t durations[64];
    size_t n;
};

/* n frames of 1/fps, an IDR every gop frames; times rounded to ms as RTMP does. */
static struct run run_cutter(int fps, int gop, int n)
{
    struct run r = {0};
    struct cutter c;
    cutter_init(&c);
    for (int i = 0; i < n; i++) {
        int64_t ms = (1000 * i + fps / 2) / fps;
        struct packet p = {.dts = ms * TICKS_PER_MS, .flags = i % gop == 0 ? PACKET_KEY : 0};
        struct cut cut = cutter_push(&c, &p, false);
        ck_assert(!cut.drop);
        if (cut.begins) {
            if (r.n > 0) {
                r.durations[r.n - 1] = cut.closed_duration;
            }
            r.begins[r.n] = p.dts;
            r.independent[r.n++] = cut.independent;
        }
    }
    r.durations[r.n - 1] = cutter_close(&c);
    return r;
}

START_TEST(recipe_is_cut_every_two_seconds)
{
    struct run r = run_cutter(30, 30, 30 * 20);
    ck_assert_uint_eq(r.n, 10);
    for (size_t i = 0; i < r.n; i++) {
        ck_assert_int_eq(r.begins[i], (int64_t)i * 2 * TICKS_PER_S);
        ck_assert_int_eq(r.durations[i] / TICKS_PER_S,
                         i + 1 < r.n ? 2 : 1 + (r.durations[i] >= 180000));
        ck_assert(r.independent[i]);
    }
}
END_TEST

START_TEST(durations_sum_to_the_timeline)
{
    struct run r = run_cutter(25, 37, 1000);
    int64_t sum = 0;
    for (size_t i = 0; i < r.n; i++) {
        sum += r.durations[i];
        ck_assert_int_le(r.durations[i], CUTTER_LIMIT_TICKS + TICKS_PER_S / 25);
    }
    ck_assert_int_eq(sum, 40 * TICKS_PER_S);
}
END_TEST

START_TEST(every_segment_rounds_to_the_target)
{
    static const int fps[] = {1, 5, 8, 15, 24, 25, 30, 50, 60, 120};
    static const int gops[] = {1, 2, 7, 30, 45, 60, 61, 75, 90, 100, 250, 300};
    for (size_t f = 0; f < sizeof fps / sizeof fps[0]; f++) {
        for (size_t g = 0; g < sizeof gops / sizeof gops[0]; g++) {
            struct run r = run_cutter(fps[f], gops[g], fps[f] * 30);
            for (size_t i = 0; i + 1 < r.n; i++) {
                ck_assert_msg(r.durations[i] < 5 * TICKS_PER_S / 2, "fps %d gop %d: %ld ticks",
                              fps[f], gops[g], (long)r.durations[i]);
            }
        }
    }
}
END_TEST

START_TEST(long_gop_is_divided_so_that_idrs_begin_segments)
{
    struct run r = run_cutter(30, 300, 30 * 60);
    size_t independent = 0;
    for (size_t i = 0; i < r.n; i++) {
        independent += r.independent[i];
    }
    /* The first GOP is not known yet; of the five others each IDR begins a segment. */
    ck_assert_uint_ge(independent, 5);
    ck_assert_uint_ge(r.n, 25);
    ck_assert_uint_le(r.n, 33);
}
END_TEST

START_TEST(idrs_that_suit_begin_every_segment)
{
    static const int gops[] = {10, 27, 30, 35, 45, 50, 60, 70};
    for (size_t g = 0; g < sizeof gops / sizeof gops[0]; g++) {
        struct run r = run_cutter(30, gops[g], 30 * 60);
        for (size_t i = 0; i < r.n; i++) {
            ck_assert_msg(r.independent[i], "gop %d", gops[g]);
        }
        ck_assert_uint_le(r.n, 60);
    }
}
END_TEST

START_TEST(nothing_before_the_first_idr)
{
    struct cutter c;
    cutter_init(&c);
    struct packet p = {.dts = 0};
    ck_assert(cutter_push(&c, &p, false).drop);
    p.flags = PACKET_KEY;
    p.dts = 3000;
    struct cut cut = cutter_push(&c, &p, false);
    ck_assert(!cut.drop && cut.begins && cut.independent);
    ck_assert_int_eq(cut.closed_duration, 0);
    ck_assert_int_gt(cutter_close(&c), 0);
    p.flags = 0;
    ck_assert(cutter_push(&c, &p, false).drop);
}
END_TEST

/* The publisher leaves between a picture and those that are shown in front of it. */
START_TEST(the_end_comes_when_the_newest_was_shown)
{
    const int64_t frame = 3000;
    struct cutter c;
    cutter_init(&c);
    struct packet idr = {.flags = PACKET_KEY, .pts = 2 * frame};
    struct packet shown_last = {.dts = frame, .pts = 6 * frame};
    struct packet between = {.dts = 2 * frame, .pts = 4 * frame};
    cutter_push(&c, &idr, false);
    cutter_push(&c, &shown_last, false);
    struct cutter whole = c;
    ck_assert_int_eq(cutter_close(&c), 5 * frame);
    cutter_push(&whole, &between, false);
    ck_assert_int_eq(cutter_close(&whole), 5 * frame);
}
END_TEST

START_TEST(force_cuts_at_once)
{
    struct cutter c;
    cutter_init(&c);
    struct packet p = {.flags = PACKET_KEY};
    ck_assert(cutter_push(&c, &p, false).begins);
    p.dts = 9000;
    ck_assert(!cutter_push(&c, &p, false).begins);
    p.dts = 18000;
    struct cut cut = cutter_push(&c, &p, true);
    ck_assert(cut.begins);
    ck_assert_int_eq(cut.closed_duration, 18000);
}
END_TEST

START_TEST(a_picture_that_comes_late_leaves_a_hole)
{
    static const int64_t late[] = {CUTTER_LONGEST_TICKS, CUTTER_LONGEST_TICKS + 1, 10 * TICKS_PER_S,
                                   INT64_C(1) << 40};
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
        struct cutter c;
        cutter_init(&c);
        struct packet p = {.flags = PACKET_KEY};
        ck_assert(cutter_push(&c, &p, false).begins);
        p.dts = late[i];
        p.flags = 0;
        struct cut cut = cutter_push(&c, &p, false);
        ck_assert(cut.begins && !cut.independent);
        ck_assert_int_eq(cut.hole, i > 0);
        ck_assert_int_eq(cut.closed_duration, i > 0 ? CUTTER_LIMIT_TICKS : late[i]);
        ck_assert_int_le(cutter_close(&c), CUTTER_LONGEST_TICKS);
    }
}
END_TEST

START_TEST(no_segment_is_longer_than_the_target_whatever_comes)
{
    struct cutter c;
    cutter_init(&c);
    unsigned random = 1;
    int64_t dts = 0, start = 0;
    for (int i = 0; i < 200000; i++) {
        random = random * 1103515245 + 12345;
        unsigned r = random >> 16;
        static const int64_t steps[] = {1, 90, 1500, 3000, 3750, 6000, 90000, 200000, 269000};
        dts += steps[r % 9];
        struct packet p = {.dts = dts, .flags = r / 9 % 40 == 0 ? PACKET_KEY : 0};
        struct cut cut = cutter_push(&c, &p, (p.flags & PACKET_KEY) != 0 && r % 7 == 0);
        if (cut.begins) {
            ck_assert_int_le(cut.closed_duration, CUTTER_LONGEST_TICKS);
            ck_assert_int_le(cut.closed_duration, dts - start);
            ck_assert(cut.hole || start == 0 || cut.closed_duration == dts - start);
            start = dts;
        }
    }
    ck_assert_int_le(cutter_close(&c), CUTTER_LONGEST_TICKS);
}
END_TEST

/* The picture that is coded as number i: groups of one picture and the b that are shown before it.
 */
static int shown_as(int i, int gop, int b)
{
    int in_gop = i % gop;
    if (in_gop == 0 || b == 0) {
        return i;
    }
    int group = (in_gop - 1) / (b + 1), place = (in_gop - 1) % (b + 1);
    int first = group * (b + 1) + 1, last = first + b < gop ? first + b : gop - 1;
    return i - in_gop + (place == 0 ? last : first + place - 1);
}

static int64_t frame_ticks(int number, int fps)
{
    return (1000 * (int64_t)number + fps / 2) / fps * TICKS_PER_MS;
}

START_TEST(nothing_is_shown_before_the_cut_that_comes_behind_it)
{
    static const int fps[] = {24, 25, 30, 50, 60};
    static const int gops[] = {30, 75, 100, 250, 300, 100000};
    for (size_t f = 0; f < sizeof fps / sizeof fps[0]; f++) {
        for (size_t g = 0; g < sizeof gops / sizeof gops[0]; g++) {
            for (int b = 0; b <= 7; b++) {
                struct cutter c;
                cutter_init(&c);
                int64_t newest = -1, begin = 0;
                for (int i = 0; i < fps[f] * 30; i++) {
                    struct packet p = {.pts = frame_ticks(shown_as(i, gops[g], b) + 1, fps[f]),
                                       .dts = frame_ticks(i, fps[f]),
                                       .flags = i % gops[g] == 0 ? PACKET_KEY : 0};
                    struct cut cut = cutter_push(&c, &p, false);
                    if (cut.begins) {
                        begin = newest;
                        ck_assert_int_lt(cut.closed_duration, 5 * TICKS_PER_S / 2);
                    }
                    ck_assert_msg(p.pts > begin, "fps %d gop %d b %d: picture %d", fps[f], gops[g],
                                  b, i);
                    newest = p.pts > newest ? p.pts : newest;
                }
            }
        }
    }
}
END_TEST

START_TEST(a_cut_that_is_never_clean_comes_all_the_same)
{
    struct cutter c;
    cutter_init(&c);
    struct packet p = {.flags = PACKET_KEY};
    ck_assert(cutter_push(&c, &p, false).begins);
    unsigned begun = 0;
    for (int i = 1; i < 300; i++) {
        p = (struct packet){.dts = i * 3000, .pts = 1000000000 - i};
        struct cut cut = cutter_push(&c, &p, false);
        begun += cut.begins;
        ck_assert_int_lt(cut.closed_duration, 5 * TICKS_PER_S / 2);
    }
    ck_assert_uint_eq(begun, 4);
}
END_TEST

UNIT_MAIN("cutter", recipe_is_cut_every_two_seconds, durations_sum_to_the_timeline,
          every_segment_rounds_to_the_target, long_gop_is_divided_so_that_idrs_begin_segments,
          nothing_before_the_first_idr, the_end_comes_when_the_newest_was_shown, force_cuts_at_once,
          a_picture_that_comes_late_leaves_a_hole,
          no_segment_is_longer_than_the_target_whatever_comes, idrs_that_suit_begin_every_segment,
          nothing_is_shown_before_the_cut_that_comes_behind_it,
          a_cut_that_is_never_clean_comes_all_the_same)
