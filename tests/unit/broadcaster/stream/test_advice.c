#include "broadcaster/stream/advice.h"

#include <string.h>

#include "tests/support/unit.h"

#define WALL_MS 1795000000000

struct bench {
    struct advice a;
    struct repair_counters repairs;
    int64_t now_ms;
    int64_t dts;
    unsigned told; /* kinds, over all time */
    unsigned tellings;
};

static void begin(struct bench *b)
{
    *b = (struct bench){.now_ms = 1000};
    advice_init(&b->a);
    advice_restart(&b->a, b->now_ms);
}

static void push(struct bench *b, enum track_kind kind, bool key, size_t bytes)
{
    struct packet p = {
        .kind = kind, .dts = b->dts, .flags = key ? PACKET_KEY : 0, .data = {.len = bytes}};
    advice_packet(&b->a, &p, b->now_ms);
    unsigned tell = advice_look(&b->a, &b->repairs, b->dts, b->now_ms, WALL_MS + b->now_ms);
    b->told |= tell;
    b->tellings += (unsigned)__builtin_popcount(tell);
}

struct play {
    int ms;      /* for how long */
    int step_ms; /* between pictures; 0: none */
    int gop_ms;
    bool silent;
    int speed_percent;
    int burst; /* every so many seconds ten times the bytes */
};

static void play(struct bench *b, struct play p)
{
    int speed = p.speed_percent > 0 ? p.speed_percent : 100;
    for (int t = 0; t < p.ms; t += 20) {
        size_t bytes = p.burst > 0 && t / 1000 % p.burst == 0 ? 100000 : 1000;
        if (p.step_ms > 0 && t % p.step_ms == 0) {
            push(b, TRACK_VIDEO, t % p.gop_ms == 0, bytes);
        }
        if (!p.silent) {
            push(b, TRACK_AUDIO, true, 100);
        }
        b->now_ms += 20;
        b->dts += 20 * TICKS_PER_MS * speed / 100;
    }
}

static bool active(const struct bench *b, enum advice_kind kind)
{
    return b->a.warnings[kind].active;
}

START_TEST(a_good_stream_is_told_nothing)
{
    struct bench b;
    begin(&b);
    play(&b, (struct play){.ms = 120000, .step_ms = 40, .gop_ms = 2000});
    ck_assert_uint_eq(b.told, 0);
    for (int i = 0; i < ADVICES_; i++) {
        ck_assert(!active(&b, i));
        ck_assert_uint_gt(strlen(advice_name(i)), 4);
    }
}
END_TEST

START_TEST(keys_far_apart)
{
    struct bench b;
    begin(&b);
    play(&b, (struct play){.ms = 30000, .step_ms = 40, .gop_ms = 10000});
    ck_assert(active(&b, ADVICE_KEY_INTERVAL));
    const struct advice_warning *w = &b.a.warnings[ADVICE_KEY_INTERVAL];
    ck_assert_ptr_nonnull(strstr(w->text, "keyframe interval 10 s: set it to 1-2 s"));
    ck_assert_int_ge(w->since_ms, WALL_MS);
    ck_assert_uint_ge(w->count, 2);
    ck_assert_uint_eq(b.tellings, 1);
    advice_recovery_point(&b.a);
    play(&b, (struct play){.ms = 6000, .step_ms = 40, .gop_ms = 6000});
    ck_assert_ptr_nonnull(strstr(w->text, "keyframe interval 10 s"));
    for (int i = 0; i < 250; i++) {
        push(&b, TRACK_VIDEO, false, 100);
        advice_recovery_point(&b.a);
        b.now_ms += 40;
        b.dts += 40 * TICKS_PER_MS;
    }
    ck_assert_ptr_nonnull(strstr(w->text, "switch off open GOPs"));
    play(&b, (struct play){.ms = 10000, .step_ms = 40, .gop_ms = 1000});
    ck_assert(!active(&b, ADVICE_KEY_INTERVAL));
}
END_TEST

START_TEST(tracks_that_do_not_come)
{
    struct bench b;
    begin(&b);
    play(&b, (struct play){.ms = 20000, .step_ms = 40, .gop_ms = 1000, .silent = true});
    ck_assert(active(&b, ADVICE_NO_SOUND) && !active(&b, ADVICE_NO_PICTURE));
    ck_assert_ptr_nonnull(strstr(b.a.warnings[ADVICE_NO_SOUND].text, "no sound comes"));
    play(&b, (struct play){.ms = 20000});
    ck_assert(!active(&b, ADVICE_NO_SOUND) && active(&b, ADVICE_NO_PICTURE));
    ck_assert_ptr_nonnull(strstr(b.a.warnings[ADVICE_NO_PICTURE].text, "no picture since "));
    play(&b, (struct play){.ms = 20000, .step_ms = 1000, .gop_ms = 1000});
    ck_assert(!active(&b, ADVICE_NO_SOUND) && !active(&b, ADVICE_NO_PICTURE));
}
END_TEST

START_TEST(sound_that_stops)
{
    struct bench b;
    begin(&b);
    play(&b, (struct play){.ms = 9000, .step_ms = 40, .gop_ms = 1000});
    play(&b, (struct play){.ms = 9000, .step_ms = 40, .gop_ms = 1000, .silent = true});
    ck_assert(active(&b, ADVICE_NO_SOUND));
    ck_assert_ptr_nonnull(strstr(b.a.warnings[ADVICE_NO_SOUND].text, "no sound since "));
    play(&b, (struct play){.ms = 6000, .step_ms = 40, .gop_ms = 1000});
    ck_assert(!active(&b, ADVICE_NO_SOUND));
    /* A pause of all: neither is missing. */
    b.now_ms += 14000;
    play(&b, (struct play){.ms = 6000, .step_ms = 40, .gop_ms = 1000});
    ck_assert(!active(&b, ADVICE_NO_SOUND) && !active(&b, ADVICE_NO_PICTURE));
    ck_assert_uint_eq(b.tellings, 1);
}
END_TEST

START_TEST(what_is_left_out)
{
    static const struct {
        enum repair_kind repair;
        enum advice_kind advice;
        const char *text;
    } rows[] = {
        {REPAIR_NO_HEADER, ADVICE_NO_HEADER, "no codec header: "},
        {REPAIR_NOT_CARRIED, ADVICE_NOT_CARRIED, "codec or kind"},
        {REPAIR_BROKEN, ADVICE_BROKEN, "broken"},
        {REPAIR_SOUND_MISSING, ADVICE_SOUND_HOLES, "holes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench b = {.now_ms = 1000};
        advice_init(&b.a);
        for (int k = 0; k < 100; k++) {
            b.repairs.n[rows[i].repair]++;
            b.now_ms += 100;
            advice_left_out(&b.a, b.now_ms);
            b.told |= advice_look(&b.a, &b.repairs, 0, b.now_ms, WALL_MS);
        }
        ck_assert_uint_eq(b.told, 1u << rows[i].advice);
        ck_assert_ptr_nonnull(strstr(b.a.warnings[rows[i].advice].text, rows[i].text));
    }
}
END_TEST

START_TEST(rates)
{
    struct bench b;
    begin(&b);
    play(&b, (struct play){.ms = 100000, .step_ms = 40, .gop_ms = 1000, .speed_percent = 110});
    ck_assert(active(&b, ADVICE_CLOCK));
    ck_assert_ptr_nonnull(strstr(b.a.warnings[ADVICE_CLOCK].text, "10 % faster"));
    play(&b, (struct play){.ms = 100000, .step_ms = 40, .gop_ms = 1000});
    ck_assert(!active(&b, ADVICE_CLOCK));
    play(&b, (struct play){.ms = 30000, .step_ms = 40, .gop_ms = 1000, .burst = 4});
    ck_assert(active(&b, ADVICE_BITRATE));
    for (int i = 0; i < 20; i++) {
        play(&b, (struct play){.ms = 400, .step_ms = 20, .gop_ms = 2000});
        play(&b, (struct play){.ms = 600, .step_ms = 200, .gop_ms = 2000});
    }
    ck_assert(active(&b, ADVICE_FRAME_RATE));
    ck_assert(!active(&b, ADVICE_BITRATE));
}
END_TEST

START_TEST(what_was_mended_is_told_for_a_while_and_once)
{
    struct bench b;
    begin(&b);
    for (int i = 0; i < 20; i++) {
        b.repairs.n[REPAIR_DTS_NOT_RISING] += 100;
        b.repairs.n[REPAIR_JUMP] += i == 0;
        play(&b, (struct play){.ms = 5000, .step_ms = 40, .gop_ms = 1000});
    }
    ck_assert(active(&b, ADVICE_TIMESTAMPS) && !active(&b, ADVICE_JUMPS));
    ck_assert_uint_ge(b.a.warnings[ADVICE_TIMESTAMPS].count, 1800);
    ck_assert_uint_eq(b.told, 1u << ADVICE_TIMESTAMPS | 1u << ADVICE_JUMPS);
    ck_assert_uint_eq(b.tellings, 2);
    play(&b, (struct play){.ms = ADVICE_STAY_MS + 10000, .step_ms = 40, .gop_ms = 1000});
    ck_assert(!active(&b, ADVICE_TIMESTAMPS));
    advice_restart(&b.a, b.now_ms);
    play(&b, (struct play){.ms = 20000, .step_ms = 40, .gop_ms = 1000});
    ck_assert(!active(&b, ADVICE_TIMESTAMPS));
}
END_TEST

UNIT_MAIN("advice", a_good_stream_is_told_nothing, keys_far_apart, tracks_that_do_not_come,
          sound_that_stops, what_is_left_out, rates, what_was_mended_is_told_for_a_while_and_once)
