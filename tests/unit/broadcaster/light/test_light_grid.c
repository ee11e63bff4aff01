#include "broadcaster/light/light_grid.h"

#include "tests/support/unit.h"

#define ANCHOR 1234567
#define RATE   24000

START_TEST(rates_follow_the_bits_and_frames_are_whole_ticks)
{
    static const struct {
        int bps, channels, rate;
        int64_t ticks;
    } table[] = {{16000, 1, 16000, 5760}, {20000, 1, 16000, 5760}, {24000, 1, 24000, 3840},
                 {32000, 1, 24000, 3840}, {48000, 1, 32000, 2880}, {64000, 1, 48000, 1920},
                 {24000, 2, 16000, 5760}, {48000, 2, 24000, 3840}, {64000, 2, 32000, 2880},
                 {96000, 2, 48000, 1920}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int rate = light_grid_rate(table[i].bps, table[i].channels);
        ck_assert_int_eq(rate, table[i].rate);
        ck_assert_int_eq(light_grid_frame_ticks(rate), table[i].ticks);
        ck_assert_int_eq(table[i].ticks * rate, INT64_C(1024) * TICKS_PER_S);
    }
}
END_TEST

START_TEST(frames_keep_their_places_for_days)
{
    struct light_grid g;
    light_grid_init(&g, RATE, ANCHOR);
    for (int64_t frame = -1; frame < INT64_C(10000000); frame = frame * 7 + 9) {
        int64_t at = light_grid_time(&g, frame * LIGHT_FRAME_SAMPLES);
        ck_assert_int_eq(at, ANCHOR + frame * 3840);
        ck_assert_int_eq(light_grid_sample(&g, at), frame * LIGHT_FRAME_SAMPLES);
        ck_assert_int_eq(light_grid_sample(&g, at + 1), frame * LIGHT_FRAME_SAMPLES);
        ck_assert_int_eq(light_grid_sample(&g, at - 1), frame * LIGHT_FRAME_SAMPLES);
    }
}
END_TEST

static enum light_fix fit(struct light_grid *g, int64_t off_samples, int64_t have, int64_t *n)
{
    return light_grid_fit(g, light_grid_time(g, have + off_samples), have, n);
}

START_TEST(what_comes_is_fitted_in)
{
    struct light_grid g;
    int64_t n = -1;
    light_grid_init(&g, RATE, ANCHOR);
    ck_assert_int_eq(fit(&g, 0, 0, &n), LIGHT_FIT);
    ck_assert_int_eq(fit(&g, 7, 0, &n), LIGHT_FILL); /* the beginning is exact */
    ck_assert_int_eq(n, 7);
    ck_assert_int_eq(fit(&g, -7, 0, &n), LIGHT_DROP);
    ck_assert_int_eq(n, 7);
    ck_assert_int_eq(fit(&g, 24, 1000, &n), LIGHT_FIT); /* a millisecond is nothing */
    ck_assert_int_eq(fit(&g, -24, 1000, &n), LIGHT_FIT);
    ck_assert_int_eq(fit(&g, 960, 1000, &n), LIGHT_FILL); /* 40 are a hole */
    ck_assert_int_eq(n, 960);
    ck_assert_int_eq(fit(&g, -960, 5000, &n), LIGHT_DROP);
    ck_assert_int_eq(n, 960);
}
END_TEST

START_TEST(drift_is_mended_a_little_at_a_time)
{
    struct light_grid g;
    int64_t n = 0;
    light_grid_init(&g, RATE, ANCHOR);
    ck_assert_int_eq(fit(&g, 25, 1000, &n), LIGHT_STRETCH);
    ck_assert_int_eq(n, 25);
    ck_assert_int_eq(fit(&g, 25, 6999, &n), LIGHT_FIT); /* that is being mended still */
    ck_assert_int_eq(fit(&g, -30, 7000, &n), LIGHT_STRETCH);
    ck_assert_int_eq(n, -30);
    ck_assert_int_eq(fit(&g, 2000, 7001, &n), LIGHT_FILL); /* a hole does not wait */
}
END_TEST

UNIT_MAIN("light_grid", rates_follow_the_bits_and_frames_are_whole_ticks,
          frames_keep_their_places_for_days, what_comes_is_fitted_in,
          drift_is_mended_a_little_at_a_time)
