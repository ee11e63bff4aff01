#include "broadcaster/jobs/rung_describe.h"

#include <string.h>

#include "tests/support/unit.h"

static const struct track_params source = {.width = 1280, .height = 720};
static const struct profile plain = {
    .name = "x", .width = 640, .height = 360, .fps_num = 30, .fps_den = 1, .bitrate_bps = 800000};

START_TEST(the_usual)
{
    struct link_rung r = rung_describe(&plain, &source, 0, false);
    ck_assert_str_eq(r.name, "x");
    ck_assert_str_eq(r.preset, "veryfast");
    ck_assert(r.width == 640 && r.height == 360 && r.fps_num == 30 && r.fps_den == 1);
    ck_assert(r.bitrate_bps == 800000 && r.crf == 23 && r.profile == LINK_PROFILE_ANY);
    ck_assert(r.gop_frames == 0 && r.bframes == 2 && r.lookahead_frames == 0);
    ck_assert_uint_eq(r.dts_delay_frames, RUNG_DTS_DELAY);
    ck_assert_int_eq(rung_lag(&plain, 0, false), 0);
}
END_TEST

START_TEST(for_quality)
{
    struct link_rung r = rung_describe(&plain, &source, 0, true);
    ck_assert(r.bframes == 3 && r.lookahead_frames == 24);
    ck_assert_uint_eq(r.dts_delay_frames, RUNG_DTS_DELAY);
    ck_assert_int_eq(rung_lag(&plain, 0, true), 24 * 3000);
    ck_assert_int_eq(rung_lag(&plain, 3600, true), 24 * 3600);
    struct profile intra = plain;
    intra.gop_ms = PROFILE_GOP_INTRA;
    r = rung_describe(&intra, &source, 0, true);
    ck_assert(r.bframes == 0 && r.lookahead_frames == 0 && r.gop_frames == 1);
    ck_assert_int_eq(rung_lag(&intra, 0, true), 0);
}
END_TEST

START_TEST(profiles)
{
    static const struct {
        enum profile_h264 said;
        uint32_t profile, low, quality; /* B-frames */
    } cases[] = {{PROFILE_H264_ANY, LINK_PROFILE_ANY, 2, 3},
                 {PROFILE_H264_BASELINE, LINK_PROFILE_BASELINE, 0, 0},
                 {PROFILE_H264_MAIN, LINK_PROFILE_MAIN, 2, 3},
                 {PROFILE_H264_HIGH, LINK_PROFILE_HIGH, 2, 3},
                 {PROFILE_H264_CONSTRAINED_HIGH, LINK_PROFILE_HIGH, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct profile p = plain;
        p.h264 = cases[i].said;
        p.quality = 30;
        strcpy(p.preset, "slow");
        struct link_rung r = rung_describe(&p, &source, 0, false);
        ck_assert(r.profile == cases[i].profile && r.bframes == cases[i].low);
        ck_assert_uint_eq(r.crf, 30);
        ck_assert_str_eq(r.preset, "slow");
        ck_assert_uint_eq(rung_describe(&p, &source, 0, true).bframes, cases[i].quality);
    }
}
END_TEST

START_TEST(distances_of_key_frames)
{
    static const struct {
        int gop_ms, fps_num, fps_den;
        int64_t frame;
        uint32_t frames;
    } cases[] = {{2000, 30, 1, 0, 60},
                 {2000, 30000, 1001, 0, 60},
                 {500, 25, 1, 0, 13},
                 {1, 30, 1, 0, 1},
                 {33, 30, 1, 0, 1},
                 {PROFILE_GOP_INTRA, 30, 1, 0, 1},
                 {0, 30, 1, 0, 0},
                 {2000, 0, 1, 3600, 50},
                 {2000, 0, 1, 0, 60},
                 {PROFILE_GOP_MS_MAX, 240, 1, 0, 0},
                 {PROFILE_GOP_MS_MAX, 1, 1, 0, 3600},
                 {1000, 1000000, 4167, 0, 240}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct profile p = plain;
        p.gop_ms = cases[i].gop_ms;
        p.fps_num = cases[i].fps_num;
        p.fps_den = cases[i].fps_den;
        struct link_rung r = rung_describe(&p, &source, cases[i].frame, false);
        ck_assert_msg(r.gop_frames == cases[i].frames, "case %zu: %u", i, r.gop_frames);
    }
}
END_TEST

START_TEST(units_divide_parts)
{
    struct parter none, thirty, twenty_five;
    parter_init(&none);
    parter_init(&thirty);
    parter_init(&twenty_five);
    parter_set_rate(&thirty, 30, 1);
    parter_set_rate(&twenty_five, 25, 1);
    ck_assert_uint_eq(thirty.frames, 6);
    ck_assert_uint_eq(rung_unit_frames(&thirty, false), 3);
    ck_assert_uint_eq(rung_unit_frames(&thirty, true), 6);
    ck_assert_uint_eq(rung_unit_frames(&none, false), 3);
    ck_assert_uint_eq(rung_unit_frames(&twenty_five, false), 5);
    ck_assert_uint_eq(rung_unit_frames(&twenty_five, true), 5);
    struct parter light;
    parter_init(&light);
    parter_set_aim(&light, PARTER_LIGHT_TICKS);
    parter_set_rate(&light, 8, 1);
    ck_assert_uint_eq(light.frames, 4);
    ck_assert_uint_eq(rung_unit_frames(&light, false), 2);
    ck_assert_uint_eq(rung_unit_frames(&light, true), 4);
}
END_TEST

UNIT_MAIN("rung_describe", the_usual, for_quality, profiles, distances_of_key_frames,
          units_divide_parts)
