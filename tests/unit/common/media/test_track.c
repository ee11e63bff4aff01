#include "media/track.h"

#include "base/blob.h"
#include "base/mem.h"
#include "tests/support/unit.h"

static struct track_params video(void)
{
    return (struct track_params){.kind = TRACK_VIDEO,
                                 .codec = CODEC_H264,
                                 .config = span_cstr("avcC"),
                                 .width = 640,
                                 .height = 480,
                                 .sar_den = 1};
}

START_TEST(everything_is_copied)
{
    char config[] = "avcC";
    struct track_params p = video();
    p.config = span_cstr(config);
    struct track *t = track_create(&p);
    config[0] = 'x';
    const struct track_params *got = track_params(t);
    ck_assert(span_equal(got->config, span_cstr("avcC")));
    ck_assert_int_eq(got->width, 640);
    ck_assert_int_eq(got->height, 480);
    ck_assert_int_eq(got->codec, CODEC_H264);
    track_unref(t);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(references)
{
    struct track_params p = video();
    struct track *t = track_create(&p);
    ck_assert_ptr_eq(track_ref(t), t);
    track_unref(t);
    ck_assert_int_eq(track_params(t)->width, 640);
    ck_assert_uint_eq(blob_live_bytes(), 4);
    track_unref(t);
    ck_assert_uint_eq(blob_live_bytes(), 0);
    track_unref(NULL);
}
END_TEST

START_TEST(an_empty_config_is_possible)
{
    struct track_params p = video();
    p.config = span_of(NULL, 0);
    struct track *t = track_create(&p);
    ck_assert_uint_eq(track_params(t)->config.len, 0);
    track_unref(t);
}
END_TEST

START_TEST(refused_memory_gives_null)
{
    struct track_params p = video();
    mem_fail_nth(1);
    ck_assert_ptr_null(track_create(&p));
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(equality_is_of_what_a_decoder_must_know)
{
    struct track_params p = video();
    struct track *t = track_create(&p);
    struct track *same = track_create(&p);
    ck_assert(track_equal(t, same));
    ck_assert(track_equal(t, t));
    ck_assert(track_equal(NULL, NULL));
    ck_assert(!track_equal(t, NULL));
    ck_assert(!track_equal(NULL, t));
    track_unref(same);
    for (int i = 0; i < 6; i++) {
        struct track_params q = p;
        q.kind = i == 0 ? TRACK_AUDIO : q.kind;
        q.codec = i == 1 ? CODEC_AAC : q.codec;
        q.width += i == 2;
        q.height += i == 3;
        q.config = i == 4 ? span_cstr("avcD") : q.config;
        q.sample_rate += i == 5;
        struct track *other = track_create(&q);
        ck_assert_msg(!track_equal(t, other), "case %d", i);
        track_unref(other);
    }
    track_unref(t);
}
END_TEST

UNIT_MAIN("track", everything_is_copied, references, an_empty_config_is_possible,
          refused_memory_gives_null, equality_is_of_what_a_decoder_must_know)
