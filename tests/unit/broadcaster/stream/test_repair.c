/* usual time: 6 s */
#include "broadcaster/stream/repair.h"

#include <string.h>

#include "tests/support/unit.h"

#define AAC_44100 ((struct sound_frame){1024, 44100})
#define AAC_48000 ((struct sound_frame){1024, 48000})
#define UNKNOWN   ((struct sound_frame){0})

/* A run of packets: each kind's output rises strictly, whatever is sent. */
struct run {
    struct repair r;
    int64_t last[2];
    int64_t now_ms;
    bool jumped;
};

static void begin(struct run *run)
{
    *run = (struct run){.last = {INT64_MIN, INT64_MIN}};
    repair_init(&run->r);
}

static struct packet send(struct run *run, enum track_kind kind, int64_t dts, int64_t pts,
                          struct sound_frame frame)
{
    struct packet p = {.kind = kind, .dts = dts, .pts = pts};
    struct repair_verdict v = repair_packet(&run->r, &p, frame, run->now_ms);
    run->jumped = v.jumped;
    if (v.drop) {
        p.dts = INT64_MIN;
        return p;
    }
    ck_assert_int_gt(p.dts, run->last[kind]);
    ck_assert_int_ge(p.pts, p.dts);
    run->last[kind] = p.dts;
    return p;
}

static int64_t picture(struct run *run, int64_t ms)
{
    return send(run, TRACK_VIDEO, ms * TICKS_PER_MS, ms * TICKS_PER_MS, UNKNOWN).dts;
}

static int64_t sound(struct run *run, int64_t ms)
{
    return send(run, TRACK_AUDIO, ms * TICKS_PER_MS, ms * TICKS_PER_MS, AAC_48000).dts;
}

/* A second of 25 pictures and 47 sounds, both clocks given, as time passes. */
static void second(struct run *run, int64_t picture_ms, int64_t sound_ms)
{
    int64_t start = run->now_ms;
    for (int i = 0; i < 1000; i++) {
        run->now_ms = start + i;
        if (i % 40 == 0) {
            picture(run, picture_ms + i);
        }
        if (i % 64 == 0 || i % 64 == 21 || i % 64 == 43) {
            sound(run, sound_ms + i);
        }
    }
    run->now_ms = start + 1000;
}

static uint64_t count(const struct run *run, enum repair_kind kind)
{
    return run->r.counters.n[kind];
}

START_TEST(starts_at_the_origin_and_keeps_distances)
{
    struct run run;
    begin(&run);
    struct packet a = send(&run, TRACK_VIDEO, 5000, 8000, UNKNOWN);
    ck_assert_int_eq(a.dts, REPAIR_ORIGIN_TICKS);
    ck_assert_int_eq(a.pts, REPAIR_ORIGIN_TICKS + 3000);
    struct packet b = send(&run, TRACK_AUDIO, 6000, 6000, AAC_48000);
    ck_assert_int_eq(b.dts, REPAIR_ORIGIN_TICKS + 1000);
    for (int i = 0; i < REPAIRS_; i++) {
        ck_assert_uint_eq(run.r.counters.n[i], 0);
        ck_assert_uint_gt(strlen(repair_name(i)), 2);
    }
}
END_TEST

START_TEST(a_good_stream_is_not_touched)
{
    struct run run;
    begin(&run);
    for (int i = 0; i < 600; i++) {
        second(&run, i * 1000, i * 1000);
    }
    for (int i = 0; i < REPAIRS_; i++) {
        ck_assert_msg(run.r.counters.n[i] == 0 || i == REPAIR_SOUND_DRIFT, "%s", repair_name(i));
    }
    ck_assert_int_eq(run.last[TRACK_VIDEO], REPAIR_ORIGIN_TICKS + (600000 - 40) * TICKS_PER_MS);
}
END_TEST

START_TEST(equal_times_are_spread_and_caught_up)
{
    static const int64_t in[] = {0, 40, 80, 80, 80, 120, 160, 150, 200, 240, 280, 320, 360, 400};
    struct run run;
    begin(&run);
    size_t n = sizeof in / sizeof in[0];
    for (size_t i = 0; i < n; i++) {
        int64_t dts = picture(&run, in[i]);
        ck_assert_int_le(dts, REPAIR_ORIGIN_TICKS + in[i] * TICKS_PER_MS + 40 * TICKS_PER_MS);
    }
    ck_assert_int_eq(run.last[TRACK_VIDEO], REPAIR_ORIGIN_TICKS + 400 * TICKS_PER_MS);
    ck_assert_uint_ge(count(&run, REPAIR_DTS_NOT_RISING), 3);
    ck_assert_uint_eq(count(&run, REPAIR_JUMP), 0);
}
END_TEST

/* The picture's clock stands still for ten seconds, the sound goes on; then it is right again. */
START_TEST(a_clock_that_stands_still_is_told_by_the_sound)
{
    struct run run;
    begin(&run);
    second(&run, 0, 0);
    for (int i = 1; i < 11; i++) {
        for (int k = 0; k < 50; k++, run.now_ms += 20) {
            sound(&run, i * 1000 + k * 20);
            if (k % 2 == 0) {
                picture(&run, 960);
            }
        }
        int64_t real = REPAIR_ORIGIN_TICKS + (i + 1) * 1000 * TICKS_PER_MS;
        ck_assert_int_ge(run.last[TRACK_VIDEO], real - TICKS_PER_S / 2);
        ck_assert_int_le(run.last[TRACK_VIDEO], real + TICKS_PER_S / 2);
    }
    ck_assert_uint_eq(count(&run, REPAIR_CLOCK_STOOD), 1);
    second(&run, 11000, 11000);
    second(&run, 12000, 12000);
    int64_t real = REPAIR_ORIGIN_TICKS + 13000 * TICKS_PER_MS;
    ck_assert_int_ge(run.last[TRACK_VIDEO], real - TICKS_PER_S / 4);
    ck_assert_int_le(run.last[TRACK_VIDEO], real + TICKS_PER_S / 4);
}
END_TEST

/* Every time is 0, as from an encoder without a clock. */
START_TEST(no_clock_at_all)
{
    static const int step_ms[] = {16, 40, 200};
    for (size_t s = 0; s < 3; s++) {
        struct run run;
        begin(&run);
        for (; run.now_ms < 20000; run.now_ms += step_ms[s]) {
            picture(&run, 0);
        }
        int64_t passed = (run.last[TRACK_VIDEO] - REPAIR_ORIGIN_TICKS) / TICKS_PER_MS;
        ck_assert_int_ge(passed, 18000);
        ck_assert_int_le(passed, 21000);
        begin(&run);
        for (int i = 0; i < 470; i++) {
            sound(&run, 0);
            run.now_ms += 21;
        }
        passed = (run.last[TRACK_AUDIO] - REPAIR_ORIGIN_TICKS) / TICKS_PER_MS;
        ck_assert_int_ge(passed, 9000);
        ck_assert_int_le(passed, 11000);
    }
}
END_TEST

/* The order of showing of pictures with B-frames whose times are all one frame and more too early,
 * and their distance to the sound. */
START_TEST(negative_composition_offsets_move_all_showing)
{
    static const int shown[] = {0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11};
    struct run run;
    begin(&run);
    int64_t pts[13] = {0}, lag = 0;
    for (int i = 0; i < 13; i++) {
        struct packet p = send(&run, TRACK_VIDEO, i * 3600, shown[i] * 3600, UNKNOWN);
        pts[shown[i]] = p.pts;
        lag = p.pts - (shown[i] * 3600 + REPAIR_ORIGIN_TICKS);
    }
    ck_assert_uint_gt(count(&run, REPAIR_PTS_BELOW_DTS), 0);
    for (int i = 5; i < 13; i++) {
        ck_assert_int_eq(pts[i] - pts[i - 1], i == 5 ? pts[5] - pts[4] : 3600);
        ck_assert_int_gt(pts[i], pts[i - 1]);
    }
    ck_assert_int_eq(lag, run.r.delay);
    ck_assert_int_eq(run.r.delay, 2 * 3600);
    struct packet a = send(&run, TRACK_AUDIO, 13 * 3600, 13 * 3600, AAC_48000);
    ck_assert_int_eq(a.pts, 13 * 3600 + REPAIR_ORIGIN_TICKS + run.r.delay);
}
END_TEST

START_TEST(composition_offsets_that_cannot_be)
{
    struct run run;
    begin(&run);
    picture(&run, 0);
    struct packet p = send(&run, TRACK_VIDEO, 3600, 3600 + 8000 * TICKS_PER_S, UNKNOWN);
    ck_assert_int_eq(p.pts, p.dts);
    p = send(&run, TRACK_VIDEO, 7200, 7200 - 8000 * TICKS_PER_S, UNKNOWN);
    ck_assert_int_eq(p.pts, p.dts);
    ck_assert_uint_eq(count(&run, REPAIR_PTS_FAR), 1);
    ck_assert_uint_eq(count(&run, REPAIR_PTS_BELOW_DTS), 1);
    ck_assert_int_eq(run.r.delay, 0);
}
END_TEST

/* Both kinds' clocks jump, one after the other; their distance stays. */
START_TEST(jumps_do_not_move_the_timeline)
{
    static const int64_t jumps_ms[] = {100000, 4000, -1000, -100000, 1000000000, -1000000000};
    for (size_t i = 0; i < sizeof jumps_ms / sizeof jumps_ms[0]; i++) {
        for (int sound_first = 0; sound_first < 2; sound_first++) {
            struct run run;
            begin(&run);
            int64_t clock = 2000000000;
            second(&run, clock, clock);
            int64_t v = run.last[TRACK_VIDEO], a = run.last[TRACK_AUDIO];
            clock += 1000;
            int64_t after = clock + jumps_ms[i];
            if (sound_first) {
                sound(&run, after);
                ck_assert(run.jumped);
                picture(&run, clock); /* not yet */
                ck_assert(!run.jumped);
            } else {
                picture(&run, after);
                ck_assert(run.jumped);
                sound(&run, clock);
            }
            second(&run, after + 40, after + 40);
            second(&run, after + 1040, after + 1040);
            ck_assert_uint_eq(count(&run, REPAIR_JUMP), 1);
            ck_assert_int_eq(run.r.lanes[0].offset, run.r.lanes[1].offset);
            ck_assert_int_le(run.last[TRACK_VIDEO] - v, 5 * TICKS_PER_S / 2);
            ck_assert_int_ge(run.last[TRACK_VIDEO] - v, 2 * TICKS_PER_S);
            ck_assert_int_le(run.last[TRACK_AUDIO] - a, 5 * TICKS_PER_S / 2);
        }
    }
}
END_TEST

/* Some seconds without a packet, in which the clock went on. */
START_TEST(a_pause_is_no_jump)
{
    struct run run;
    begin(&run);
    second(&run, 0, 0);
    run.now_ms += 6000;
    second(&run, 7000, 7000);
    ck_assert_uint_eq(count(&run, REPAIR_JUMP), 0);
    ck_assert_int_eq(run.last[TRACK_VIDEO], REPAIR_ORIGIN_TICKS + 7960 * TICKS_PER_MS);
}
END_TEST

START_TEST(low_frame_rates_do_not_jump)
{
    static const int64_t step_ms[] = {1000, 5000, 20000};
    for (size_t s = 0; s < 3; s++) {
        for (int fast = 0; fast < 2; fast++) {
            struct run run;
            begin(&run);
            for (int i = 0; i < 20; i++) {
                picture(&run, i * step_ms[s]);
                run.now_ms += fast ? 0 : step_ms[s];
            }
            /* Who does not keep to real time is known by the second step. */
            ck_assert_uint_le(count(&run, REPAIR_JUMP), fast && step_ms[s] > 3000 ? 1 : 0);
            ck_assert_int_ge(run.last[TRACK_VIDEO] - REPAIR_ORIGIN_TICKS,
                             18 * step_ms[s] * TICKS_PER_MS);
        }
    }
}
END_TEST

/* Clocks of their own: brought together once, kept from then on. */
START_TEST(sound_far_from_the_picture_is_brought_together_once)
{
    static const int64_t apart_ms[] = {5000, -5000, 1000000, -1000000};
    for (size_t i = 0; i < 4; i++) {
        struct run run;
        begin(&run);
        for (int k = 0; k < 60; k++) {
            second(&run, 2000000 + k * 1000, 2000000 + k * 1000 + apart_ms[i]);
        }
        ck_assert_uint_eq(count(&run, REPAIR_APART), 1);
        ck_assert_uint_eq(count(&run, REPAIR_JUMP), 0);
        int64_t between = run.last[TRACK_VIDEO] - run.last[TRACK_AUDIO];
        ck_assert_int_le(between, TICKS_PER_S / 10);
        ck_assert_int_ge(between, -TICKS_PER_S / 10);
    }
}
END_TEST

/* A file's sound comes first, then its picture: one clock all the same. */
START_TEST(a_burst_of_one_kind_is_not_apart)
{
    struct run run;
    begin(&run);
    for (int i = 0; i < 400; i++) {
        sound(&run, i * 1024 / 48);
    }
    ck_assert_int_eq(picture(&run, 0), REPAIR_ORIGIN_TICKS);
    ck_assert_uint_eq(count(&run, REPAIR_APART), 0);
}
END_TEST

/* Milliseconds for 23.22 and 21.33 of them: times are counted from the samples. */
START_TEST(sound_is_counted_to_the_sample)
{
    static const int rates[] = {8000, 22050, 44100, 48000};
    for (size_t k = 0; k < 4; k++) {
        struct run run;
        begin(&run);
        struct sound_frame f = {1024, rates[k]};
        for (int64_t i = 0; i < 30000; i++) {
            int64_t ms = i * 1024 * 1000 / rates[k];
            int64_t exact = i * 1024 * TICKS_PER_S / rates[k];
            struct packet p = send(&run, TRACK_AUDIO, ms * 90, ms * 90, f);
            ck_assert_int_eq(p.dts, REPAIR_ORIGIN_TICKS + exact);
        }
        ck_assert_uint_eq(count(&run, REPAIR_SOUND_DRIFT), 0);
    }
}
END_TEST

/* The device's clock is off by so much: for hours the sound stays with the clock, without steps. */
START_TEST(a_drift_is_mended_little_by_little)
{
    static const int64_t ppm[] = {200, -200, 2000, -2000};
    for (size_t k = 0; k < 4; k++) {
        struct run run;
        begin(&run);
        int64_t before = 0;
        for (int64_t i = 0; i < 50000; i++) {
            int64_t ticks = i * 1920 + i * 1920 * ppm[k] / 1000000;
            int64_t ms = ticks / 90;
            struct packet p = send(&run, TRACK_AUDIO, ms * 90, ms * 90, AAC_48000);
            int64_t off = p.dts - REPAIR_ORIGIN_TICKS - ticks;
            ck_assert_int_le(off, 50 * TICKS_PER_MS);
            ck_assert_int_ge(off, -50 * TICKS_PER_MS);
            ck_assert(i == 0 || (p.dts - before > 1800 && p.dts - before < 2040));
            before = p.dts;
        }
        ck_assert_uint_gt(count(&run, REPAIR_SOUND_DRIFT), 1);
    }
}
END_TEST

/* Sixteen frames with one time, as from some converters. */
START_TEST(frames_that_share_a_time_are_spread)
{
    struct run run;
    begin(&run);
    int64_t before = 0;
    for (int64_t i = 0; i < 4000; i++) {
        int64_t ms = i / 16 * 16 * 1024 / 48;
        int64_t dts = sound(&run, ms);
        ck_assert(i == 0 || dts - before == 1920);
        before = dts;
    }
    ck_assert_uint_eq(count(&run, REPAIR_SOUND_DRIFT), 0);
}
END_TEST

START_TEST(a_pause_in_the_sound_stays_one)
{
    struct run run;
    begin(&run);
    for (int i = 0; i < 100; i++) {
        sound(&run, i * 1024 / 48);
    }
    int64_t later = sound(&run, 100 * 1024 / 48 + 700);
    ck_assert_int_ge(later, REPAIR_ORIGIN_TICKS + (100 * 1024 / 48 + 700) * TICKS_PER_MS);
    ck_assert_int_eq(sound(&run, 101 * 1024 / 48 + 700) - later, 1920);
}
END_TEST

/* Five seconds of sound are lost: what follows is where it belongs. When the picture pauses as well
 * the sound is not missing. */
START_TEST(a_hole_in_the_sound_is_counted)
{
    for (int both = 0; both < 2; both++) {
        struct run run;
        begin(&run);
        second(&run, 0, 0);
        for (int64_t ms = 1000; ms < 6000 && both == 0; ms += 40) {
            run.now_ms = ms;
            picture(&run, ms);
        }
        run.now_ms = 6000;
        for (int i = 6; i < 20; i++) {
            second(&run, i * 1000, i * 1000);
        }
        ck_assert_uint_eq(count(&run, REPAIR_SOUND_MISSING), both ? 0 : 1);
        ck_assert_uint_eq(count(&run, REPAIR_JUMP), 0);
        int64_t apart = run.last[TRACK_VIDEO] - run.last[TRACK_AUDIO];
        ck_assert_int_lt(apart > 0 ? apart : -apart, 60 * TICKS_PER_MS);
    }
}
END_TEST

/* Frames that last half of what they say: the clock wins. */
START_TEST(frames_that_lie_are_believed_no_longer)
{
    struct run run;
    begin(&run);
    for (int64_t i = 0; i < 20000; i++) {
        sound(&run, i * 32 / 3);
    }
    int64_t off = run.last[TRACK_AUDIO] - REPAIR_ORIGIN_TICKS - 19999 * 32 / 3 * TICKS_PER_MS;
    ck_assert_int_le(off, 3 * TICKS_PER_S);
    repair_sound_changed(&run.r);
    ck_assert(!run.r.lanes[TRACK_AUDIO].free);
}
END_TEST

START_TEST(a_publisher_that_returns_goes_on)
{
    struct run run;
    begin(&run);
    for (int i = 0; i < 10; i++) {
        second(&run, i * 1000, i * 1000);
    }
    int64_t last = run.last[TRACK_VIDEO];
    repair_restart(&run.r);
    int64_t next = picture(&run, 0);
    ck_assert_int_gt(next, last);
    ck_assert_int_lt(next, last + TICKS_PER_S);
    ck_assert_uint_eq(count(&run, REPAIR_JUMP), 0);
}
END_TEST

/* Its sound may be behind its picture, but not before what was heard of the publisher before. */
START_TEST(a_publisher_that_returns_does_not_reach_back)
{
    struct run run;
    begin(&run);
    second(&run, 0, 0);
    second(&run, 1000, 1000);
    int64_t newest = run.r.newest;
    repair_restart(&run.r);
    int64_t first = picture(&run, 50000);
    ck_assert_int_gt(first, newest);
    ck_assert_int_eq(sound(&run, 48000), INT64_MIN);
    ck_assert_int_eq(sound(&run, 49000), INT64_MIN);
    ck_assert_int_eq(sound(&run, 50000), first);
    ck_assert_uint_eq(count(&run, REPAIR_SOUND_OVERLAP), 2);
    repair_restart(&run.r);
    newest = run.r.newest;
    first = sound(&run, 2000);
    ck_assert_int_gt(first, newest);
    ck_assert_int_gt(picture(&run, 0), newest);
}
END_TEST

START_TEST(whatever_comes_the_times_rise)
{
    unsigned random = 7;
    for (int round = 0; round < 50; round++) {
        struct run run;
        begin(&run);
        for (int i = 0; i < 5000; i++) {
            random = random * 1103515245 + 12345;
            unsigned r = random >> 8;
            static const int64_t steps[] = {0, 33, 33, 33, 33, -33, 1000, 5000, -70000, 1 << 30};
            static const int64_t shifts[] = {0, 0, 66, -40, 8388607, -8388608, -500, 3000};
            int64_t ms = run.r.lanes[r & 1].last_in / TICKS_PER_MS + steps[r / 2 % 10];
            int64_t pts = ms + shifts[r / 20 % 8];
            run.now_ms += r / 160 % 40;
            send(&run, r & 1, ms * 90, pts * 90, r / 320 % 3 == 0 ? UNKNOWN : AAC_44100);
        }
    }
}
END_TEST

/* Times from anywhere in the 64 bits that the door lets through, frames of any length: times stay
 * positive, showing near decoding, and no packet moves the timeline on by more than a little. */
START_TEST(forged_times_and_lengths)
{
    static const int64_t anywhere[] = {
        0,           1,          2147483647,       2147483648, -1,
        -4294967296, 4294967295, (int64_t)1 << 40, 86400000,   -((int64_t)1 << 40)};
    static const int64_t shifts[] = {0, 0, 66, -40, 8388607, -8388608, -500, 3000, 2999, -1000};
    static const struct sound_frame frames[] = {{0, 0},        {1024, 1024}, {32768, 32768},
                                                {1024, 48000}, {0, 44100},   {5760, 48000},
                                                {1, 96000000}};
    unsigned random = 11;
    for (int round = 0; round < 300; round++) {
        struct run run;
        begin(&run);
        for (int i = 0; i < 2000; i++) {
            random = random * 1103515245 + 12345;
            unsigned r = random >> 8;
            enum track_kind kind = r & 1;
            int64_t ms = r / 2 % 8 == 0 ? anywhere[r / 16 % 10] + (int64_t)(r / 160 % 7)
                                        : run.r.lanes[kind].last_in / TICKS_PER_MS + r / 16 % 100;
            int64_t before = run.r.newest;
            struct packet p =
                send(&run, kind, ms * 90, (ms + shifts[r / 7 % 10]) * 90, frames[r / 1000 % 7]);
            if (p.dts != INT64_MIN) {
                ck_assert_int_ge(p.dts, 0);
                ck_assert_int_lt(p.pts - p.dts, (int64_t)1 << 31);
                ck_assert_int_le(p.dts - before, REPAIR_STEP_TICKS_MAX);
            }
            run.now_ms += r / 100 % 50;
            if (r / 3000 % 100 == 0) {
                repair_restart(&run.r);
            } else if (r / 3000 % 100 < 5) {
                repair_sound_changed(&run.r);
            }
        }
    }
}
END_TEST

UNIT_MAIN("repair", starts_at_the_origin_and_keeps_distances, a_good_stream_is_not_touched,
          equal_times_are_spread_and_caught_up, a_clock_that_stands_still_is_told_by_the_sound,
          no_clock_at_all, negative_composition_offsets_move_all_showing,
          composition_offsets_that_cannot_be, jumps_do_not_move_the_timeline, a_pause_is_no_jump,
          low_frame_rates_do_not_jump, sound_far_from_the_picture_is_brought_together_once,
          a_burst_of_one_kind_is_not_apart, sound_is_counted_to_the_sample,
          a_drift_is_mended_little_by_little, frames_that_share_a_time_are_spread,
          a_pause_in_the_sound_stays_one, a_hole_in_the_sound_is_counted,
          frames_that_lie_are_believed_no_longer, a_publisher_that_returns_goes_on,
          a_publisher_that_returns_does_not_reach_back, whatever_comes_the_times_rise,
          forged_times_and_lengths)
