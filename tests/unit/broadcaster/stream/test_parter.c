#include "broadcaster/stream/parter.h"

#include <string.h>

#include "tests/support/unit.h"

#define PACKETS 6000

static struct packet packets[PACKETS];

struct seen {
    size_t parts, short_ones, largest;
    int64_t target, known_at; /* ticks of media after which the target was chosen */
};

/* Pseudo-random, the same in each run: from -most to most. */
static int64_t noise(int64_t most)
{
    static uint64_t x = 88172645463325252u;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return most > 0 ? (int64_t)(x % (uint64_t)(2 * most + 1)) - most : 0;
}

/* n frames of num / den a second from `from` on, in whole ms when they are rounded, each up to
 * jitter ticks off its time. */
static void make_times(size_t n, int num, int den, bool rounded, int64_t jitter)
{
    int64_t last = -1;
    for (size_t i = 0; i < n; i++) {
        int64_t dts = (int64_t)i * TICKS_PER_S * den / num + noise(jitter) + jitter;
        dts = rounded ? (dts + TICKS_PER_MS / 2) / TICKS_PER_MS * TICKS_PER_MS : dts;
        last = dts > last ? dts : last + 1;
        packets[i] = (struct packet){.dts = last};
    }
}

/* As they come: the length of each is known with the next one. */
static struct seen run(struct parter *p, size_t n)
{
    struct seen s = {0};
    size_t done = 0;
    for (size_t i = 1; i < n; i++) {
        bool known = p->target != 0;
        parter_note(p, packets[i].dts - packets[i - 1].dts);
        s.known_at = !known && p->target != 0 ? packets[i].dts - packets[0].dts : s.known_at;
        int64_t duration;
        for (size_t count; done < i && p->target != 0; done += count) {
            count = parter_cut(p, packets + done, i - done, packets[i].dts, i + 1 == n, &duration);
            if (count == 0) {
                break;
            }
            ck_assert_int_gt(duration, 0);
            ck_assert_int_le(duration, p->target);
            s.parts++;
            s.largest = count > s.largest ? count : s.largest;
            s.short_ones += duration * 1000 < p->target * PARTER_LEAST_PERMILLE;
        }
    }
    ck_assert_uint_eq(done, n - 1); /* all, each once */
    s.target = p->target;
    return s;
}

static size_t frames_at(int num, int den)
{
    size_t n = (size_t)((num * 2 + 5 * den) / (10 * den));
    return n > 0 ? n : 1;
}

/* Of 20 s: all parts but the last one are between 85 and 100 % of the target; where the times
 * jitter by more than the first frames may have shown, nearly all. */
static void check_rate(int num, int den, bool rounded, int64_t jitter, bool told)
{
    static struct parter p;
    size_t n = (size_t)(20 * num / den) + 1;
    parter_init(&p);
    if (told) {
        parter_set_rate(&p, num, den);
    }
    make_times(n, num, den, rounded, jitter);
    struct seen s = run(&p, n);
    size_t frames = frames_at(num, den);
    ck_assert_msg(s.short_ones <= 1 + (jitter > TICKS_PER_MS ? s.parts / 10 : 0),
                  "%d/%d jitter %d: %zu of %zu parts are short", num, den, (int)jitter,
                  s.short_ones, s.parts);
    /* Between two numbers either will do. */
    int percent = num * 20 / den % 100;
    ck_assert_uint_le(p.frames > frames ? p.frames - frames : frames - p.frames,
                      (percent > 30 && percent < 70) || (jitter > 0 && frames > 10));
    ck_assert_uint_le(s.parts, n / p.frames + 2);
    int64_t length = (int64_t)p.frames * TICKS_PER_S * den / num;
    ck_assert_int_ge(s.target, length);
    ck_assert_int_le(s.target, length * 1085 / 1000 + 2 * TICKS_PER_MS);
    if (!told && num >= 8 * den) {
        ck_assert_int_le(s.known_at, TICKS_PER_S * 64 / 100);
    }
}

static const struct {
    int num, den;
} ntsc[] = {{24000, 1001}, {30000, 1001}, {60000, 1001}, {120000, 1001}, {15000, 1001}};

static void check_all(bool rounded, int64_t jitter, bool told)
{
    for (int fps = 8; fps <= 120; fps++) {
        check_rate(fps, 1, rounded, jitter, told);
    }
    for (size_t i = 0; i < sizeof ntsc / sizeof ntsc[0]; i++) {
        check_rate(ntsc[i].num, ntsc[i].den, rounded, jitter, told);
    }
}

START_TEST(every_rate_gives_parts_of_about_the_target)
{
    check_all(false, 0, false);
    check_all(true, 0, false);
    check_all(false, 0, true);
    check_all(true, 0, true);
    for (int i = 0; i < 20; i++) {
        check_all(true, TICKS_PER_MS, false);
        check_all(true, 2 * TICKS_PER_MS, false);
    }
}
END_TEST

START_TEST(very_low_rates_give_a_frame_each)
{
    check_rate(1, 1, true, 0, false);
    check_rate(2, 1, true, 0, false);
    check_rate(5, 1, true, 0, false);
    check_rate(7, 1, true, 2 * TICKS_PER_MS, false);
}
END_TEST

/* The target is chosen when so many steps were seen. */
static size_t steps_until_chosen(int declared_milli, const int *steps_ms, size_t n)
{
    static struct parter p;
    parter_init(&p);
    parter_expect(&p, declared_milli);
    for (size_t i = 0; i < n; i++) {
        parter_note(&p, steps_ms[i] * TICKS_PER_MS);
        if (p.target != 0) {
            return i + 1;
        }
    }
    return 0;
}

START_TEST(slow_and_varying_rates_are_known_soon)
{
    static const struct {
        int declared_milli;
        int steps_ms[12];
        size_t known;
    } rows[] = {
        {1000, {1000, 1000, 1000}, 1},
        {1000, {1002, 998, 1000}, 1},
        {0, {1000, 1000, 1000}, 2},
        {0, {1000, 999, 1000}, 2},
        {30000, {1000, 1000, 1000}, 2},  /* what is declared is not so */
        {30000, {700, 33, 34, 33}, 0},   /* a stall is no rate */
        {0, {1000, 500, 500, 500}, 4},   /* nor is the first one, when the others differ */
        {8000, {125, 125, 125, 125}, 4}, /* half a second, as ever */
        {0, {83, 208, 83, 208, 83, 208, 83, 208}, 6},
        {0, {40, 160, 90, 200, 60, 120, 140, 190}, 7},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = 0;
        while (n < 12 && rows[i].steps_ms[n] > 0) {
            n++;
        }
        size_t known = steps_until_chosen(rows[i].declared_milli, rows[i].steps_ms, n);
        ck_assert_msg(known == rows[i].known, "%zu: after %zu", i, known);
    }
}
END_TEST

/* Sound: AAC of 48 and 44.1 kHz, MP3, Opus. */
START_TEST(frames_of_sound)
{
    check_rate(48000, 1024, false, 0, false);
    check_rate(44100, 1024, false, 0, false);
    check_rate(44100, 1152, true, 0, false);
    check_rate(50, 1, false, 0, false);
}
END_TEST

START_TEST(what_is_not_regular_ends_parts_early)
{
    static struct parter p;
    static const int64_t steps_ms[] = {33, 33, 34, 100, 20, 60, 5, 150, 33, 400, 1, 1, 1, 90};
    parter_init(&p);
    parter_set_rate(&p, 30, 1);
    size_t n = 1;
    packets[0] = (struct packet){0};
    for (; n < 500; n++) {
        int64_t ms = steps_ms[n % (sizeof steps_ms / sizeof steps_ms[0])];
        packets[n] = (struct packet){.dts = packets[n - 1].dts + ms * TICKS_PER_MS};
    }
    struct seen s = run(&p, n);
    ck_assert_uint_gt(s.parts, 100);
    ck_assert_int_eq(s.target, 6 * TICKS_PER_S / 30 + 2 * TICKS_PER_MS);
}
END_TEST

/* Stalls, lost frames and a burst at the beginning are no rate. */
START_TEST(a_bad_beginning_does_not_mislead)
{
    static struct parter p;
    static const int64_t first_ms[] = {700, 33, 66, 34, 33, 1, 33, 33};
    parter_init(&p);
    for (size_t i = 0; i < sizeof first_ms / sizeof first_ms[0]; i++) {
        parter_note(&p, first_ms[i] * TICKS_PER_MS);
    }
    ck_assert_int_eq(p.target, 0);
    for (int i = 0; i < 12; i++) {
        parter_note(&p, (33 + i % 3 / 2) * TICKS_PER_MS);
    }
    ck_assert_uint_eq(p.frames, 6);
    ck_assert_int_gt(p.target, 195 * TICKS_PER_MS);
    ck_assert_int_lt(p.target, 220 * TICKS_PER_MS);
}
END_TEST

START_TEST(the_target_stays_when_the_rate_changes)
{
    static struct parter p;
    parter_init(&p);
    parter_set_rate(&p, 30, 1);
    int64_t target = p.target;
    make_times(1200, 60, 1, true, 0);
    struct seen faster = run(&p, 1200);
    ck_assert_uint_le(faster.short_ones, 1);
    ck_assert_uint_eq(faster.largest, 11); /* the first number with 85 % */
    make_times(20, 1, 1, true, 0);
    struct seen slower = run(&p, 20);
    ck_assert_uint_eq(slower.parts, 19); /* a frame each, said to be no longer than the target */
    parter_set_rate(&p, 1, 1);
    ck_assert_int_eq(p.target, target);
}
END_TEST

START_TEST(whatever_comes_is_bounded)
{
    static struct parter p;
    parter_init(&p);
    for (size_t i = 0; i < PACKETS; i++) {
        packets[i] = (struct packet){.dts = (int64_t)i};
    }
    struct seen s = run(&p, PACKETS);
    ck_assert_uint_eq(s.largest, PARTER_PACKETS_MAX);
    ck_assert_uint_eq(s.parts, 2);
    parter_init(&p);
    parter_set_rate(&p, INT32_MAX, 1);
    ck_assert_int_gt(p.target, 0);
    parter_init(&p);
    for (int i = 0; i < 3; i++) {
        parter_note(&p, (int64_t)1 << 40);
    }
    ck_assert_int_gt(p.target, 0);
}
END_TEST

UNIT_MAIN("parter", every_rate_gives_parts_of_about_the_target, very_low_rates_give_a_frame_each,
          slow_and_varying_rates_are_known_soon, frames_of_sound,
          what_is_not_regular_ends_parts_early, a_bad_beginning_does_not_mislead,
          the_target_stays_when_the_rate_changes, whatever_comes_is_bounded)
