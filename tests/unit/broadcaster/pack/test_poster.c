#include "broadcaster/pack/poster.h"

#include <libavcodec/avcodec.h>
#include <libavutil/log.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/clip_codec.h"
#include "tests/support/unit.h"

#define DAMAGES 300 /* of each codec */

static const enum track_codec pictures[] = {CODEC_H264, CODEC_HEVC, CODEC_AV1, CODEC_VP9};

/* A segment of these packets; from: the first of them. */
static struct segment *segment(const struct clip *c, size_t from, size_t n)
{
    struct packets ps = clip_cut(c, from, n);
    return segment_create(&(struct segment_info){.msn = 1}, c->track, &ps, NULL);
}

/* The same packet, other bytes: one packet alone. */
static struct segment *segment_of_bytes(const struct clip *c, struct span bytes,
                                        const struct track_params *params)
{
    struct packets ps = {0};
    struct blob *b = blob_copy(bytes);
    struct packet p = c->packets.items[0];
    struct track *t = track_create(params);
    p.blob = b;
    p.data = blob_span(b);
    ck_assert_int_eq(packets_push(&ps, p), ERR_OK);
    struct segment *s = segment_create(&(struct segment_info){.msn = 1}, t, &ps, NULL);
    track_unref(t);
    return s;
}

static AVFrame *decode_jpeg(const struct blob *jpeg)
{
    struct span data = blob_span(jpeg);
    AVCodecContext *x = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_MJPEG));
    AVPacket *p = av_packet_alloc();
    AVFrame *f = av_frame_alloc();
    x->err_recognition = AV_EF_EXPLODE;
    ck_assert_int_eq(avcodec_open2(x, NULL, NULL), 0);
    ck_assert_int_eq(av_new_packet(p, (int)data.len), 0);
    memcpy(p->data, data.data, data.len);
    ck_assert_int_eq(avcodec_send_packet(x, p), 0);
    ck_assert_int_eq(avcodec_receive_frame(x, f), 0);
    av_packet_free(&p);
    avcodec_free_context(&x);
    return f;
}

static void expect_size(struct segment *s, int width, int height)
{
    struct blob *jpeg = NULL;
    ck_assert_int_eq(poster_make(s, &jpeg), ERR_OK);
    AVFrame *f = decode_jpeg(jpeg);
    ck_assert_int_eq(f->width, width);
    ck_assert_int_eq(f->height, height);
    av_frame_free(&f);
    blob_unref(jpeg);
    segment_unref(s);
}

START_TEST(every_codec)
{
    struct clip c = clip_codec(pictures[_i], 15, 0);
    struct segment *s = segment(&c, 0, 15);
    ck_assert(poster_has(s));
    expect_size(s, 160, 90);
    clip_free(&c);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* Brightness in the middle of the first picture, as the poster and the decoder have it. */
START_TEST(it_is_that_picture)
{
    struct clip c = clip_video(320, 180, 20, 10, 2, 0);
    struct segment *first = segment(&c, 0, 10);
    struct segment *later = segment(&c, 9, 11); /* its key picture is not the first one */
    struct blob *jpegs[2] = {NULL, NULL};
    ck_assert_int_eq(poster_make(first, &jpegs[0]), ERR_OK);
    ck_assert_int_eq(poster_make(later, &jpegs[1]), ERR_OK);
    ck_assert(!span_equal(blob_span(jpegs[0]), blob_span(jpegs[1])));
    AVFrame *f = decode_jpeg(jpegs[0]);
    int low = 255;
    int high = 0;
    for (int y = 0; y < f->height; y++) {
        for (int x = 0; x < f->width; x++) {
            int v = f->data[0][y * f->linesize[0] + x];
            low = v < low ? v : low;
            high = v > high ? v : high;
        }
    }
    ck_assert_int_gt(high - low, 40); /* it is not one grey */
    av_frame_free(&f);
    blob_unref(jpegs[0]);
    blob_unref(jpegs[1]);
    segment_unref(first);
    segment_unref(later);
    clip_free(&c);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(sizes)
{
    static const struct {
        int width, height, sar_num, sar_den, want_width, want_height;
    } table[] = {
        {640, 360, 0, 1, 640, 360}, {1280, 720, 1, 1, 640, 360}, {360, 640, 0, 1, 360, 640},
        {320, 180, 2, 1, 640, 180}, {320, 180, 1, 2, 320, 360},  {320, 180, 1000, 1, 320, 180},
        {32, 1600, 0, 1, 25, 1280}, {1600, 32, 0, 1, 640, 16},   {700, 500, 0, 1, 640, 457},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct clip c = clip_video(table[i].width, table[i].height, 1, 1, 0, 0);
        struct track_params params = *track_params(c.track);
        params.sar_num = table[i].sar_num;
        params.sar_den = table[i].sar_den;
        expect_size(segment_of_bytes(&c, c.packets.items[0].data, &params), table[i].want_width,
                    table[i].want_height);
        clip_free(&c);
    }
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(no_picture)
{
    struct clip sound = clip_audio(10, 64000, 0);
    struct packets none = {0};
    struct packets ps = clip_cut(&sound, 0, 10);
    struct sound *heard = sound_create(sound.track, &ps);
    struct clip c = clip_video(160, 90, 10, 10, 0, 0);
    struct segment *list[] = {
        segment_create(&(struct segment_info){.msn = 1}, NULL, &none, heard),
        segment_create(&(struct segment_info){.msn = 1, .gap = true}, c.track, &none, NULL),
        segment(&c, 1, 9), /* without its key picture */
    };
    struct blob *jpeg = NULL;
    for (size_t i = 0; i < 3; i++) {
        ck_assert(!poster_has(list[i]));
        ck_assert_int_eq(poster_make(list[i], &jpeg), ERR_NOENT);
        ck_assert_ptr_null(jpeg);
        segment_unref(list[i]);
    }
    sound_unref(heard);
    clip_free(&sound);
    clip_free(&c);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

static unsigned state = 1;

static unsigned any(size_t below)
{
    state = state * 1103515245u + 12345u;
    return (state >> 8) % (unsigned)below;
}

/* One thing that goes wrong with bytes; returns how many are left. */
static size_t damage(uint8_t *bytes, size_t len)
{
    for (unsigned n = any(8) + 1; n > 0 && len > 0; n--) {
        bytes[any(len)] = (uint8_t)any(256);
    }
    return any(3) == 0 ? any(len) : len;
}

/* A picture, its record, or both; whatever comes out is a JPEG, or one of poster_make's words. */
START_TEST(damaged_pictures)
{
    static uint8_t picture[1 << 16];
    static uint8_t record[1 << 12];
    struct clip c = clip_codec(pictures[_i], 1, 0);
    struct span whole = c.packets.items[0].data;
    struct track_params params = *track_params(c.track);
    struct span config = params.config;
    size_t made = 0;
    ck_assert(whole.len <= sizeof picture && config.len <= sizeof record);
    av_log_set_level(AV_LOG_QUIET);
    for (int i = 0; i < DAMAGES; i++) {
        memcpy(picture, whole.data, whole.len);
        memcpy(record, config.data, config.len);
        size_t len = i % 3 != 1 ? damage(picture, whole.len) : whole.len;
        size_t config_len = i % 3 != 0 && config.len > 0 ? damage(record, config.len) : config.len;
        params.config = span_of(record, config_len);
        struct segment *s = segment_of_bytes(&c, span_of(picture, len), &params);
        struct blob *jpeg = NULL;
        enum err e = poster_make(s, &jpeg);
        ck_assert(e == ERR_OK || e == ERR_PROTO || e == ERR_LIMIT || e == ERR_UNSUPPORTED ||
                  e == ERR_NOMEM);
        ck_assert_int_eq(e == ERR_OK, jpeg != NULL);
        made += jpeg != NULL;
        blob_unref(jpeg);
        segment_unref(s);
    }
    ck_assert_uint_lt(made, DAMAGES); /* some of it was damage */
    clip_free(&c);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(too_large)
{
    struct clip c = clip_video(160, 90, 1, 1, 0, 0);
    struct packets ps = {0};
    struct blob *b = blob_create(POSTER_INPUT_MAX + 1);
    memset(blob_bytes(b), 0, POSTER_INPUT_MAX + 1);
    struct packet p = c.packets.items[0];
    p.blob = b;
    p.data = blob_span(b);
    ck_assert_int_eq(packets_push(&ps, p), ERR_OK);
    struct segment *s = segment_create(&(struct segment_info){.msn = 1}, c.track, &ps, NULL);
    struct blob *jpeg = NULL;
    av_log_set_level(AV_LOG_QUIET);
    ck_assert_int_eq(poster_make(s, &jpeg), ERR_LIMIT);
    segment_unref(s);
    clip_free(&c);

    /* What the publisher says beside the bitstream, and what is true. */
    c = clip_video(8208, 4320, 1, 1, 0, 0);
    struct track_params params = *track_params(c.track);
    for (int honest = 0; honest < 2; honest++) {
        params.width = honest ? 8208 : 160;
        s = segment_of_bytes(&c, c.packets.items[0].data, &params);
        ck_assert_int_eq(poster_make(s, &jpeg), honest ? ERR_LIMIT : ERR_PROTO);
        ck_assert_ptr_null(jpeg);
        segment_unref(s);
    }
    clip_free(&c);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("poster");
    TCase *t = tcase_create("poster");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, every_codec, 0, 4);
    tcase_add_test(t, it_is_that_picture);
    tcase_add_test(t, sizes);
    tcase_add_test(t, no_picture);
    tcase_add_loop_test(t, damaged_pictures, 0, 4);
    tcase_add_test(t, too_large);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
