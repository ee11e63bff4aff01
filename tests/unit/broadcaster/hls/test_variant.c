#include "broadcaster/hls/variant.h"

#include <string.h>

#include "tests/support/unit.h"

#define FRAMES 60

static const uint8_t avcc[] = {1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 0, 0};
static const uint8_t asc[] = {0x11, 0x88};

static struct track *track(enum track_codec codec)
{
    bool video = codec <= CODEC_VP9;
    struct track_params p = {.kind = video ? TRACK_VIDEO : TRACK_AUDIO,
                             .codec = codec,
                             .config = video ? span_of(avcc, sizeof avcc) : span_of(asc, 2),
                             .width = video ? 640 : 0,
                             .height = video ? 360 : 0,
                             .sample_rate = video ? 0 : 48000,
                             .channels = video ? 0 : 2};
    return track_create(&p);
}

/* duration: of all of them, ticks. */
static struct packets packets(enum track_kind kind, size_t n, size_t bytes, int64_t duration)
{
    struct packets ps;
    packets_init(&ps);
    for (size_t i = 0; i < n; i++) {
        struct blob *b = blob_create(bytes);
        int64_t dts = (int64_t)i * duration / (int64_t)n;
        struct packet p = {.kind = kind, .dts = dts, .blob = b, .data = blob_span(b)};
        ck_assert_int_eq(packets_push(&ps, p), ERR_OK);
    }
    return ps;
}

struct form {
    enum track_codec video, audio; /* CODECS_: none */
    size_t frames, frame_bytes;
    int64_t duration;
    bool dependent;
};

static struct segment *segment(struct form f)
{
    struct track *v = f.video != CODECS_ ? track(f.video) : NULL;
    struct track *a = f.audio != CODECS_ ? track(f.audio) : NULL;
    struct packets vs = packets(TRACK_VIDEO, v != NULL ? f.frames : 0, f.frame_bytes, f.duration);
    struct packets as = packets(TRACK_AUDIO, a != NULL ? 10 : 0, 100, f.duration);
    struct sound *sound = a != NULL ? sound_create(a, &as) : NULL;
    struct segment_info info = {.duration = f.duration, .independent = !f.dependent};
    struct segment *s = segment_create(&info, v, &vs, sound);
    sound_unref(sound);
    track_unref(v);
    track_unref(a);
    return s;
}

static struct variant measure(const struct form *forms, size_t n)
{
    struct segment *kept[8];
    struct variant v = {.name = "source"};
    for (size_t i = 0; i < n; i++) {
        kept[i] = segment(forms[i]);
    }
    variant_measure(&v, kept, n);
    for (size_t i = 0; i < n; i++) {
        segment_unref(kept[i]);
    }
    return v;
}

static const struct form plain = {CODEC_H264, CODEC_AAC, FRAMES, 5000, 180000, false};

static void near(int64_t seen, int64_t meant)
{
    ck_assert_int_ge(seen, meant);
    ck_assert_int_le(seen, meant + meant / 50);
}

START_TEST(a_stream)
{
    struct form forms[] = {plain, plain, plain};
    forms[1].frame_bytes = 10000;
    struct variant v = measure(forms, 3);
    ck_assert_int_eq(v.width, 640);
    ck_assert_int_eq(v.height, 360);
    ck_assert_int_eq(v.channels, 2);
    ck_assert_int_eq(v.fps_milli, 30000);
    ck_assert_str_eq(v.video.codec, "avc1.64001f");
    ck_assert_str_eq(v.audio.codec, "mp4a.40.2");
    near(v.video.peak_bps, 10000 * 8 * 30);
    near(v.video.mean_bps, 20000 * 8 * 30 / 3);
    ck_assert_int_gt(v.audio.mean_bps, 4000);
    ck_assert_int_lt(v.audio.mean_bps, 6000); /* with the fragment's own bytes */
    ck_assert_int_eq(v.ts, VARIANT_TS_WHOLE);
    ck_assert(!v.dependent);
    forms[2].dependent = true;
    ck_assert(measure(forms, 3).dependent);
}
END_TEST

/* Who watches for longer has seen it. */
START_TEST(a_peak_that_has_left_the_window_stays)
{
    struct form high = plain;
    high.frame_bytes = 10000;
    struct segment *s[] = {segment(plain), segment(high), segment(plain)};
    struct variant v = {.name = "source"};
    variant_measure(&v, s, 1);
    near(v.video.peak_bps, 5000 * 8 * 30);
    variant_measure(&v, s, 2);
    near(v.video.peak_bps, 10000 * 8 * 30);
    variant_measure(&v, s + 2, 1);
    near(v.video.peak_bps, 10000 * 8 * 30);
    near(v.video.mean_bps, 5000 * 8 * 30);
    for (size_t i = 0; i < sizeof s / sizeof s[0]; i++) {
        segment_unref(s[i]);
    }
}
END_TEST

/* A last segment of two frames is no peak; nor is the peak below the mean that it has a part in. */
START_TEST(short_segments_are_no_peak)
{
    struct form forms[] = {plain, plain};
    forms[1].frames = 2;
    forms[1].duration = 3000;
    struct variant v = measure(forms, 2);
    near(v.video.peak_bps, 5000 * 8 * 30);
    ck_assert_int_ge(v.video.peak_bps, v.video.mean_bps);
    /* But when there is nothing else. */
    near(measure(forms + 1, 1).video.peak_bps, 5000 * 8 * 60);
}
END_TEST

static const struct {
    size_t frames;
    int64_t duration;
    int milli;
} rates[] = {{60, 180000, 30000}, {60, 180090, 30000},   {60, 180180, 29970},  {48, 180180, 23976},
             {50, 180000, 25000}, {120, 180000, 60000},  {120, 180180, 59940}, {16, 180000, 8000},
             {37, 180000, 18500}, {240, 180000, 120000}, {2, 180000, 1000},    {25, 180000, 12500}};

START_TEST(frame_rates)
{
    struct form f = plain;
    f.frames = rates[_i].frames;
    f.duration = rates[_i].duration;
    ck_assert_int_eq(measure(&f, 1).fps_milli, rates[_i].milli);
}
END_TEST

/* steps: between pictures, milliseconds, over and over again for four seconds. */
static const struct {
    int steps[8];
    int milli;
} varying[] = {
    {{33, 33, 34}, 30000},             /* whole milliseconds */
    {{28, 38, 33, 30, 37, 34}, 30000}, /* jitter */
    {{40}, 25000},
    {{33, 33, 34, 33, 33, 34, 33, 67}, 26750}, /* some are lost: no more than jitter */
    {{1000, 200, 200, 200, 200, 200}, 5000},   /* a slide, then a picture that moves */
    {{100, 50, 200}, 10000},
};

START_TEST(the_frame_rate_is_the_highest)
{
    struct track *t = track(CODEC_H264);
    struct packets ps;
    packets_init(&ps);
    int64_t ms = 0;
    for (size_t i = 0; ms < 4000; i = varying[_i].steps[(i + 1) % 8] != 0 ? (i + 1) % 8 : 0) {
        struct blob *b = blob_create(100);
        struct packet p = {.dts = ms * TICKS_PER_MS, .blob = b, .data = blob_span(b)};
        ck_assert_int_eq(packets_push(&ps, p), ERR_OK);
        ms += varying[_i].steps[i];
    }
    struct segment_info info = {.duration = ms * TICKS_PER_MS, .independent = true};
    struct segment *s = segment_create(&info, t, &ps, NULL);
    struct variant v = {.name = "source"};
    variant_measure(&v, &s, 1);
    ck_assert_int_eq(v.fps_milli, varying[_i].milli);
    segment_unref(s);
    track_unref(t);
}
END_TEST

static const struct {
    enum track_codec video, audio;
    enum variant_ts ts;
} forms_in_ts[] = {
    {CODEC_H264, CODEC_AAC, VARIANT_TS_WHOLE},   {CODEC_HEVC, CODEC_OPUS, VARIANT_TS_WHOLE},
    {CODEC_H264, CODECS_, VARIANT_TS_WHOLE},     {CODECS_, CODEC_AAC, VARIANT_TS_WHOLE},
    {CODEC_AV1, CODEC_AAC, VARIANT_TS_SOUND},    {CODEC_VP9, CODEC_AC3, VARIANT_TS_SOUND},
    {CODEC_AV1, CODEC_OPUS, VARIANT_TS_NOTHING}, {CODEC_VP9, CODECS_, VARIANT_TS_NOTHING},
    {CODECS_, CODEC_FLAC, VARIANT_TS_NOTHING},   {CODECS_, CODECS_, VARIANT_TS_WHOLE},
};

/* A rung whose segments were lost for longer than the window is still what it was. */
START_TEST(a_window_of_gaps_changes_nothing)
{
    struct variant v = measure(&plain, 1);
    struct segment_info info = {.duration = 180000, .gap = true};
    struct segment *gaps[] = {segment_create(&info, NULL, NULL, NULL),
                              segment_create(&info, NULL, NULL, NULL)};
    struct variant before = v;
    variant_measure(&v, gaps, 2);
    ck_assert_int_eq(v.video.peak_bps, before.video.peak_bps);
    ck_assert_int_eq(v.audio.mean_bps, before.audio.mean_bps);
    ck_assert_str_eq(v.video.codec, "avc1.64001f");
    ck_assert_str_eq(v.audio.codec, "mp4a.40.2");
    ck_assert_int_eq(v.width, 640);
    ck_assert_int_eq(v.fps_milli, 30000);
    segment_unref(gaps[0]);
    segment_unref(gaps[1]);
}
END_TEST

START_TEST(what_is_left_in_mpeg_ts)
{
    struct form f = plain;
    f.video = forms_in_ts[_i].video;
    f.audio = forms_in_ts[_i].audio;
    ck_assert_int_eq(measure(&f, 1).ts, forms_in_ts[_i].ts);
}
END_TEST

START_TEST(a_track_of_sound_is_not_in_mpeg_ts)
{
    struct form f = plain;
    f.video = CODECS_;
    struct variant v = {.name = "audio1"};
    struct segment *s = segment(f);
    variant_measure(&v, &s, 1);
    segment_unref(s);
    ck_assert_int_eq(v.ts, VARIANT_TS_NOTHING);
    ck_assert_int_gt(v.audio.peak_bps, 0);
}
END_TEST

START_TEST(sound_alone)
{
    struct form forms[] = {plain, plain};
    forms[0].video = forms[1].video = CODECS_;
    struct variant v = measure(forms, 2);
    ck_assert_int_eq(v.width, 0);
    ck_assert_int_eq(v.height, 0);
    ck_assert_int_eq(v.video.peak_bps, 0);
    ck_assert_str_eq(v.video.codec, "");
    ck_assert_int_eq(v.fps_milli, 0);
    ck_assert_int_gt(v.audio.peak_bps, 0);
    ck_assert(!v.dependent);
}
END_TEST

START_TEST(captions_once_seen_are_told_for_good)
{
    static const uint8_t unit[] = {0,   0,   0,   12, 6,    4, 9, 0xb5, 0, 0x31, 'G',
                                   'A', '9', '4', 3,  0xff, 0, 0, 0,    2, 0x65, 0x88};
    struct track *video = track(CODEC_H264);
    struct packets ps = packets(TRACK_VIDEO, 2, sizeof unit, TICKS_PER_S);
    memcpy(blob_bytes(ps.items[1].blob), unit, sizeof unit);
    struct segment_info info = {.duration = TICKS_PER_S, .independent = true};
    struct segment *with = segment_create(&info, video, &ps, NULL);
    struct segment *without =
        segment((struct form){CODEC_H264, CODECS_, 30, 100, TICKS_PER_S, false});
    struct variant v = {.name = "source"};
    variant_measure(&v, &without, 1);
    ck_assert(!v.captions);
    variant_measure(&v, &with, 1);
    ck_assert(v.captions);
    variant_measure(&v, &without, 1);
    ck_assert(v.captions);
    segment_unref(with);
    segment_unref(without);
    track_unref(video);
}
END_TEST

START_TEST(each_member_that_is_told_counts)
{
    static const struct variant differing[] = {
        {.name = "b"},
        {.sound = "b"},
        {.rank = 1},
        {.width = 1},
        {.height = 1},
        {.bandwidth_bps = 1},
        {.ts = 1},
        {.fps_milli = 1},
        {.video = {.codec = "b"}},
        {.channels = 1},
        {.captions = true},
        {.video = {.peak_bps = 1}},
        {.video_range = "PQ"},
        {.dependent = true},
        {.video = {.mean_bps = 1}},
        {.parts_only = true},
        {.told_width = 1},
        {.audio = {.codec = "b"}},
        {.size_told = true},
        {.told_height = 1},
        {.audio = {.peak_bps = 1}},
        {.video = {"a", 2, 2}},
        {.fps_milli = 2},
        {.audio = {.mean_bps = 1}},
    };
    static const struct variant plain;
    size_t n = sizeof differing / sizeof differing[0];
    for (size_t i = 0; i < n; i++) {
        struct variant same = differing[i];
        ck_assert(variant_is_same(&differing[i], &same));
        ck_assert(!variant_is_same(&plain, &differing[i]));
        for (size_t k = 0; k < i; k++) {
            ck_assert(!variant_is_same(&differing[k], &differing[i]));
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("variant");
    TCase *t = tcase_create("variant");
    tcase_add_test(t, a_stream);
    tcase_add_test(t, a_peak_that_has_left_the_window_stays);
    tcase_add_test(t, short_segments_are_no_peak);
    tcase_add_test(t, a_window_of_gaps_changes_nothing);
    tcase_add_loop_test(t, frame_rates, 0, sizeof rates / sizeof rates[0]);
    tcase_add_loop_test(t, the_frame_rate_is_the_highest, 0, sizeof varying / sizeof varying[0]);
    tcase_add_loop_test(t, what_is_left_in_mpeg_ts, 0, sizeof forms_in_ts / sizeof forms_in_ts[0]);
    tcase_add_test(t, a_track_of_sound_is_not_in_mpeg_ts);
    tcase_add_test(t, sound_alone);
    tcase_add_test(t, captions_once_seen_are_told_for_good);
    tcase_add_test(t, each_member_that_is_told_counts);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
