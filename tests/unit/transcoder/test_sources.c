/* What sources may be: fields, more bits and colours, other sizes on the way; the rungs are
 * progressive 4:2:0 of 8 bits with tags that are true. */
#include "fixture.h"
#include "tests/support/clip_codec.h"
#include "tests/support/unit.h"

#define FRAMES 30

static struct output out;
static struct judged seen;

static struct source plain(void)
{
    return (struct source){
        .width = 320, .height = 192, .fps_num = 30, .fps_den = 1, .frames = FRAMES, .gop = FRAMES};
}

/* A rung of the source's own size, so that lines stay lines. */
static struct link_job_open job_for(const struct source *s)
{
    struct link_job_open open = open_for(s, "P144p30fps16x9");
    open.ladder[0].width = (uint32_t)s->width;
    open.ladder[0].height = (uint32_t)s->height;
    open.ladder[0].bitrate_bps = open.ladder[0].buffer_bits = 8000000;
    return open;
}

static void run_and_judge(const struct source *s)
{
    struct link_job_open open = job_for(s);
    struct output *const one[] = {&out};
    run_job(s, &open, 0, s->packets.count, 0, (int64_t)FRAMES * TICKS_PER_S / 30, &out);
    ck_assert_msg(out.result == ERR_OK, "%s", out.fault.text);
    judge(one, 1, 0, &seen);
    ck_assert_uint_eq(out.errors, 0);
}

static void is_one_to_one(const struct source *s)
{
    ck_assert_uint_eq(seen.count, FRAMES);
    ck_assert_int_eq(seen.width, s->width);
    ck_assert_int_eq(seen.height, s->height);
    for (int i = 0; i < FRAMES; i++) {
        ck_assert_int_eq(seen.numbers[i], i);
        ck_assert_int_eq(seen.pts[i], (int64_t)i * TICKS_PER_S / 30);
    }
}

START_TEST(fields_become_pictures)
{
    struct source s = plain();
    s.flags = INTERLACED | EXACT_TIMES;
    s.bframes = _i;
    source_make(&s);
    run_and_judge(&s);
    is_one_to_one(&s);
    int64_t comb = seen.comb;
    output_free(&out);
    source_free(&s);
    /* The same pictures, not told to be of fields: the comb is there and stays. */
    s = plain();
    s.flags = INTERLACED | EXACT_TIMES | NOT_TOLD;
    source_make(&s);
    run_and_judge(&s);
    is_one_to_one(&s);
    ck_assert_int_gt(seen.comb, 20000);
    ck_assert_int_lt(comb, seen.comb / 20);
    output_free(&out);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* Joined in mid segment: the same pictures on the same grid. */
START_TEST(fields_joined_in_the_middle)
{
    struct source s = plain();
    s.flags = INTERLACED | EXACT_TIMES;
    source_make(&s);
    struct link_job_open open = job_for(&s);
    struct output *const one[] = {&out};
    open.ladder[0].emit_from = 2;
    run_job(&s, &open, 0, FRAMES, 0, (int64_t)FRAMES * TICKS_PER_S / 30, &out);
    ck_assert_msg(out.result == ERR_OK, "%s", out.fault.text);
    judge(one, 1, 0, &seen);
    ck_assert_uint_eq(seen.count, FRAMES - 12);
    for (int i = 0; i < FRAMES - 12; i++) {
        ck_assert_int_eq(seen.numbers[i], i + 12);
        ck_assert_int_eq(seen.pts[i], (int64_t)(i + 12) * TICKS_PER_S / 30);
    }
    output_free(&out);
    source_free(&s);
}
END_TEST

static const enum AVPixelFormat formats[] = {AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV444P,
                                             AV_PIX_FMT_YUV420P10, AV_PIX_FMT_YUV422P10,
                                             AV_PIX_FMT_YUV444P10};
#define N_FORMATS ((int)(sizeof formats / sizeof formats[0]))

START_TEST(more_bits_and_chroma)
{
    struct source s = plain();
    s.flags = EXACT_TIMES;
    s.format = formats[_i];
    source_make(&s);
    run_and_judge(&s);
    is_one_to_one(&s);
    ck_assert_int_eq(seen.space, AVCOL_SPC_BT709);
    ck_assert_int_eq(seen.range, AVCOL_RANGE_MPEG);
    ck_assert_int_ge(seen.cb, 118);
    ck_assert_int_le(seen.cb, 122);
    ck_assert_int_ge(seen.cr, 138);
    ck_assert_int_le(seen.cr, 142);
    output_free(&out);
    source_free(&s);
}
END_TEST

/* Fields with more bits: both at once. */
START_TEST(fields_of_ten_bits)
{
    struct source s = plain();
    s.flags = EXACT_TIMES | INTERLACED;
    s.format = AV_PIX_FMT_YUV422P10;
    source_make(&s);
    run_and_judge(&s);
    is_one_to_one(&s);
    ck_assert_int_lt(seen.comb, 2000);
    output_free(&out);
    source_free(&s);
}
END_TEST

/* The samples keep their meaning, so they keep their tags: also those of HDR. */
START_TEST(tags_are_carried)
{
    static const struct {
        enum AVColorPrimaries primaries;
        enum AVColorTransferCharacteristic trc;
        enum AVColorSpace space;
    } tags[] = {{AVCOL_PRI_SMPTE170M, AVCOL_TRC_SMPTE170M, AVCOL_SPC_SMPTE170M},
                {AVCOL_PRI_BT2020, AVCOL_TRC_SMPTE2084, AVCOL_SPC_BT2020_NCL},
                {AVCOL_PRI_BT2020, AVCOL_TRC_ARIB_STD_B67, AVCOL_SPC_BT2020_NCL}};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        struct source s = plain();
        s.flags = EXACT_TIMES | (i == 0 ? FULL_RANGE : 0);
        s.format = i > 0 ? AV_PIX_FMT_YUV420P10 : AV_PIX_FMT_YUV420P;
        s.primaries = tags[i].primaries;
        s.trc = tags[i].trc;
        s.space = tags[i].space;
        source_make(&s);
        run_and_judge(&s);
        is_one_to_one(&s);
        ck_assert_int_eq(seen.primaries, tags[i].primaries);
        ck_assert_int_eq(seen.trc, tags[i].trc);
        ck_assert_int_eq(seen.space, tags[i].space);
        ck_assert_int_eq(seen.range, i == 0 ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG);
        output_free(&out);
        source_free(&s);
    }
}
END_TEST

/* RGB is converted, and told as what it then is. */
START_TEST(rgb_becomes_bt709)
{
    struct source s = plain();
    s.flags = EXACT_TIMES;
    s.format = AV_PIX_FMT_RGB24;
    s.primaries = AVCOL_PRI_BT709;
    s.trc = AVCOL_TRC_IEC61966_2_1;
    s.space = AVCOL_SPC_RGB;
    source_make(&s);
    run_and_judge(&s);
    is_one_to_one(&s);
    ck_assert_int_eq(seen.space, AVCOL_SPC_BT709);
    ck_assert_int_eq(seen.range, AVCOL_RANGE_MPEG);
    ck_assert_int_eq(seen.trc, AVCOL_TRC_IEC61966_2_1);
    output_free(&out);
    source_free(&s);
}
END_TEST

static const enum track_codec deep[] = {CODEC_HEVC, CODEC_AV1, CODEC_VP9};

START_TEST(ten_bits_of_the_other_codecs)
{
    struct clip c = clip_codec_hdr(deep[_i], FRAMES, 0);
    struct source s = {.width = CLIP_WIDTH, .height = CLIP_HEIGHT, .track = *track_params(c.track)};
    s.packets = c.packets;
    run_and_judge(&s);
    ck_assert_uint_eq(seen.count, FRAMES);
    for (int i = 0; i < FRAMES; i++) {
        ck_assert_int_eq(seen.pts[i] - seen.pts[0], (int64_t)i * TICKS_PER_S / 30);
    }
    ck_assert_int_eq(seen.primaries, AVCOL_PRI_BT2020);
    ck_assert_int_eq(seen.space, AVCOL_SPC_BT2020_NCL);
    ck_assert_int_eq(seen.trc, AVCOL_TRC_SMPTE2084);
    output_free(&out);
    clip_free(&c);
}
END_TEST

/* Another size in mid segment, in fields: what the deinterlacer keeps back is not lost. */
START_TEST(fields_of_another_size)
{
    struct source a = plain();
    struct source b = plain();
    a.flags = b.flags = EXACT_TIMES | INTERLACED;
    b.width = 256;
    b.height = 160;
    source_make(&a);
    source_make(&b);
    struct link_job_open open = job_for(&a);
    struct pipeline *p = NULL;
    struct fault f = {0};
    out = (struct output){0};
    ck_assert_int_eq(pipeline_create(&open, collect, &out, NULL, &f, &p), ERR_OK);
    for (size_t i = 0; i < 15; i++) {
        struct packets one = {.items = &a.packets.items[i], .count = 1};
        ck_assert_int_eq(pipeline_feed(p, &one), ERR_OK);
    }
    for (size_t i = 0; i < 15; i++) {
        struct packet packet = b.packets.items[i];
        struct blob *own = NULL;
        if (i == 0) { /* its parameter sets are in band */
            struct span c = buf_span(&b.config);
            size_t sps = (size_t)c.data[6] << 8 | c.data[7];
            const uint8_t *at = c.data + 8 + sps + 1;
            size_t pps = (size_t)at[0] << 8 | at[1];
            own = blob_create(4 + sps + 4 + pps + packet.data.len);
            uint8_t *to = blob_bytes(own);
            const uint8_t head[] = {0, 0, (uint8_t)(sps >> 8), (uint8_t)sps};
            const uint8_t head2[] = {0, 0, (uint8_t)(pps >> 8), (uint8_t)pps};
            memcpy(to, head, 4);
            memcpy(to + 4, c.data + 8, sps);
            memcpy(to + 4 + sps, head2, 4);
            memcpy(to + 8 + sps, at + 2, pps);
            memcpy(to + 8 + sps + pps, packet.data.data, packet.data.len);
            packet.data = blob_span(own);
        }
        packet.pts += 15 * TICKS_PER_S / 30;
        packet.dts += 15 * TICKS_PER_S / 30;
        struct packets one = {.items = &packet, .count = 1};
        ck_assert_int_eq(pipeline_feed(p, &one), ERR_OK);
        blob_unref(own);
    }
    ck_assert_int_eq(pipeline_finish(p, (int64_t)FRAMES * TICKS_PER_S / 30), ERR_OK);
    pipeline_destroy(p);
    struct output *const one[] = {&out};
    judge(one, 1, 0, &seen);
    ck_assert_uint_eq(seen.count, FRAMES);
    for (int i = 0; i < FRAMES; i++) {
        ck_assert_int_eq(seen.numbers[i], i % 15);
    }
    output_free(&out);
    source_free(&a);
    source_free(&b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    Suite *suite = suite_create("sources");
    TCase *t = tcase_create("sources");
    tcase_set_timeout(t, UNIT_TIMEOUT_S);
    tcase_add_loop_test(t, fields_become_pictures, 0, 3);
    tcase_add_test(t, fields_joined_in_the_middle);
    tcase_add_loop_test(t, more_bits_and_chroma, 0, N_FORMATS);
    tcase_add_test(t, fields_of_ten_bits);
    tcase_add_test(t, tags_are_carried);
    tcase_add_test(t, rgb_becomes_bt709);
    tcase_add_loop_test(t, ten_bits_of_the_other_codecs, 0, 3);
    tcase_add_test(t, fields_of_another_size);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
