#include "broadcaster/hls/codec_string.h"

#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

static const struct {
    enum track_codec codec;
    uint8_t config[16];
    size_t len; /* the least that tells */
    int rate;
    const char *want;
} known[] = {
    {CODEC_H264, {1, 0x64, 0, 0x1f}, 4, 0, "avc1.64001f"},
    {CODEC_H264, {1, 0x42, 0xc0, 0x0a}, 4, 0, "avc1.42c00a"},
    /* The examples of ISO/IEC 14496-15, annex E. */
    {CODEC_HEVC, {1, 1, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93}, 13, 0, "hvc1.1.6.L93.B0"},
    {CODEC_HEVC, {1, 0x61, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 120}, 13, 0, "hvc1.A1.4.H120"},
    {CODEC_HEVC, {1, 2, 0x20, 0, 0, 0, 0xb0, 0x23, 0, 0, 0, 0, 153}, 13, 0, "hvc1.2.4.L153.B0.23"},
    /* The examples of AV1 in ISOBMFF, 5. */
    {CODEC_AV1, {0x81, 0x04, 0x40, 0}, 4, 0, "av01.0.04M.10"},
    {CODEC_AV1, {0x81, 0x08, 0x0c, 0}, 4, 0, "av01.0.08M.08"},
    {CODEC_AV1, {0x81, 0x4d, 0xe0, 0}, 4, 0, "av01.2.13H.12"},
    {CODEC_VP9, {0, 31, 0x82}, 3, 0, "vp09.00.31.08"},
    {CODEC_VP9, {2, 10, 0xa2}, 3, 0, "vp09.02.10.10"},
    {CODEC_AAC, {0x11, 0x88}, 2, 48000, "mp4a.40.2"},
    {CODEC_AAC, {0x2b, 0x92}, 2, 48000, "mp4a.40.5"},
    {CODEC_AAC, {0xf9, 0x48}, 2, 48000, "mp4a.40.42"},
    {CODEC_MP3, {0}, 0, 44100, "mp4a.6B"},
    {CODEC_MP3, {0}, 0, 22050, "mp4a.69"},
    {CODEC_OPUS, {0}, 0, 48000, "Opus"},
    {CODEC_FLAC, {0}, 0, 48000, "fLaC"},
    {CODEC_AC3, {0}, 0, 48000, "ac-3"},
    {CODEC_EAC3, {0}, 0, 48000, "ec-3"},
};

START_TEST(of_each_codec)
{
    char text[CODEC_STRING_MAX] = "before";
    struct track_params p = {.codec = known[_i].codec, .sample_rate = known[_i].rate};
    for (size_t n = 0; n < known[_i].len; n++) {
        p.config = span_of(known[_i].config, n);
        ck_assert(!codec_string(&p, text));
        ck_assert_str_eq(text, "before");
    }
    p.config = span_of(known[_i].config, known[_i].len);
    ck_assert(codec_string(&p, text));
    ck_assert_str_eq(text, known[_i].want);
}
END_TEST

START_TEST(of_records_that_are_none)
{
    static const enum track_codec codecs[] = {CODEC_H264, CODEC_HEVC, CODEC_AV1};
    static const uint8_t zeros[32] = {0};
    char text[CODEC_STRING_MAX];
    struct track_params p = {.codec = codecs[_i], .config = span_of(zeros, sizeof zeros)};
    ck_assert(!codec_string(&p, text));
}
END_TEST

START_TEST(the_longest_one_fits)
{
    uint8_t config[13];
    memset(config, 0xff, sizeof config);
    config[0] = 1;
    char text[CODEC_STRING_MAX];
    struct track_params p = {.codec = CODEC_HEVC, .config = span_of(config, sizeof config)};
    ck_assert(codec_string(&p, text));
    ck_assert_str_eq(text, "hvc1.C31.FFFFFFFF.H255.FF.FF.FF.FF.FF.FF");
}
END_TEST

START_TEST(video_ranges)
{
    struct track_params p = {.codec = CODEC_HEVC};
    ck_assert_ptr_null(codec_video_range(&p));
    p.color.transfer = 1;
    ck_assert_ptr_null(codec_video_range(&p));
    p.color.transfer = 16;
    ck_assert_str_eq(codec_video_range(&p), "PQ");
    p.color.transfer = 18;
    ck_assert_str_eq(codec_video_range(&p), "HLG");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("codec_string");
    TCase *t = tcase_create("codec_string");
    tcase_add_loop_test(t, of_each_codec, 0, sizeof known / sizeof known[0]);
    tcase_add_loop_test(t, of_records_that_are_none, 0, 3);
    tcase_add_test(t, the_longest_one_fits);
    tcase_add_test(t, video_ranges);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
