/* Every codec through both containers, judged by libavformat and libavcodec. */
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/pack/packager.h"
#include "tests/support/clip_codec.h"
#include "tests/support/unit.h"

#define FRAMES   30
#define HALF     15
#define START    INT64_C(900000000)
#define CLOCK    (INT64_C(1) << 33)
#define SEEN_MAX 100

static const enum AVCodecID ids[CODECS_] = {
    [CODEC_H264] = AV_CODEC_ID_H264, [CODEC_HEVC] = AV_CODEC_ID_HEVC, [CODEC_AV1] = AV_CODEC_ID_AV1,
    [CODEC_VP9] = AV_CODEC_ID_VP9,   [CODEC_AAC] = AV_CODEC_ID_AAC,   [CODEC_MP3] = AV_CODEC_ID_MP3,
    [CODEC_OPUS] = AV_CODEC_ID_OPUS, [CODEC_FLAC] = AV_CODEC_ID_FLAC, [CODEC_AC3] = AV_CODEC_ID_AC3,
    [CODEC_EAC3] = AV_CODEC_ID_EAC3};

struct seen {
    int64_t dts, pts, duration;
    bool key;
    uint64_t hash;
};

struct judged {
    struct seen of[SEEN_MAX];
    size_t n;
    size_t frames, errors;
    enum AVCodecID id;
    int width, height, sample_rate, primaries, transfer;
    bool mastering, light;
};

struct input {
    struct span data;
    size_t at;
};

static int on_read(void *arg, uint8_t *out, int size)
{
    struct input *in = arg;
    size_t n = in->data.len - in->at < (size_t)size ? in->data.len - in->at : (size_t)size;
    memcpy(out, in->data.data + in->at, n);
    in->at += n;
    return n > 0 ? (int)n : AVERROR_EOF;
}

static int64_t on_seek(void *arg, int64_t to, int whence)
{
    struct input *in = arg;
    in->at = whence == AVSEEK_SIZE ? in->at : (size_t)to;
    return whence == AVSEEK_SIZE ? (int64_t)in->data.len : to;
}

static void decode(AVCodecContext *x, const AVPacket *p, struct judged *j)
{
    AVFrame *f = av_frame_alloc();
    int e = avcodec_send_packet(x, p);
    j->errors += e < 0 && e != AVERROR_EOF;
    while (avcodec_receive_frame(x, f) == 0) {
        j->frames++;
        j->errors += f->decode_error_flags != 0;
        av_frame_unref(f);
    }
    av_frame_free(&f);
}

static struct judged judge(struct span file, const char *format)
{
    struct judged j = {.n = 0};
    struct input in = {file, 0};
    AVFormatContext *f = avformat_alloc_context();
    f->pb = avio_alloc_context(av_malloc(65536), 65536, 0, &in, on_read, NULL, on_seek);
    ck_assert_int_eq(avformat_open_input(&f, NULL, av_find_input_format(format), NULL), 0);
    /* What the boxes say: later the bitstream's own words stand there. */
    if (f->nb_streams > 0) {
        j.primaries = f->streams[0]->codecpar->color_primaries;
        j.transfer = f->streams[0]->codecpar->color_trc;
    }
    ck_assert_int_ge(avformat_find_stream_info(f, NULL), 0);
    ck_assert_uint_eq(f->nb_streams, 1);
    const AVStream *s = f->streams[0];
    j.id = s->codecpar->codec_id;
    j.width = s->codecpar->width;
    j.height = s->codecpar->height;
    j.sample_rate = s->codecpar->sample_rate;
    j.mastering = av_stream_get_side_data(s, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, NULL) != NULL;
    j.light = av_stream_get_side_data(s, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, NULL) != NULL;
    AVCodecContext *x = avcodec_alloc_context3(avcodec_find_decoder(j.id));
    avcodec_parameters_to_context(x, s->codecpar);
    x->thread_count = 1;
    x->err_recognition = AV_EF_CRCCHECK | AV_EF_BUFFER;
    ck_assert_int_eq(avcodec_open2(x, NULL, NULL), 0);
    AVPacket *p = av_packet_alloc();
    while (av_read_frame(f, p) == 0) {
        av_packet_rescale_ts(p, s->time_base, (AVRational){1, TICKS_PER_S});
        ck_assert_uint_lt(j.n, SEEN_MAX);
        j.of[j.n++] = (struct seen){p->dts, p->pts, p->duration, p->flags & AV_PKT_FLAG_KEY,
                                    packager_hash(span_of(p->data, (size_t)p->size))};
        decode(x, p, &j);
        av_packet_unref(p);
    }
    decode(x, NULL, &j);
    av_packet_free(&p);
    avcodec_free_context(&x);
    av_freep(&f->pb->buffer);
    avio_context_free(&f->pb);
    avformat_close_input(&f);
    return j;
}

static struct segment *cut(uint64_t msn, const struct clip *c, size_t first, size_t n)
{
    struct packets ps = clip_cut(c, first, n);
    struct packets none = {0};
    bool video = track_params(c->track)->kind == TRACK_VIDEO;
    struct sound *sound = video ? NULL : sound_create(c->track, &ps);
    struct segment_info info = {.msn = msn, .duration = TICKS_PER_S, .independent = true};
    struct segment *s = segment_create(&info, video ? c->track : NULL, video ? &ps : &none, sound);
    sound_unref(sound);
    return s;
}

static struct blob *made(segment_make_fn *make, const struct segment *s)
{
    struct blob *b = NULL;
    ck_assert_int_eq(make(s, &b), ERR_OK);
    return b;
}

static void put(struct buf *out, struct blob *b)
{
    ck_assert_int_eq(buf_put(out, blob_span(b)), ERR_OK);
    blob_unref(b);
}

/* Two segments of a codec behind one initialisation section. */
START_TEST(in_fmp4)
{
    enum track_codec codec = (enum track_codec)_i;
    struct clip c = clip_codec(codec, FRAMES, START);
    bool video = track_params(c.track)->kind == TRACK_VIDEO;
    segment_make_fn *media = video ? packager_cmaf_video : packager_cmaf_audio;
    segment_make_fn *init = video ? packager_cmaf_video_init : packager_cmaf_audio_init;
    struct segment *one = cut(7, &c, 0, HALF);
    struct segment *two = cut(8, &c, HALF, FRAMES - HALF);
    struct blob *head = made(init, one);
    struct blob *again = made(init, two);
    ck_assert(span_equal(blob_span(head), blob_span(again)));
    blob_unref(again);
    struct buf all;
    buf_init(&all, SIZE_MAX / 2);
    put(&all, head);
    put(&all, made(media, one));
    put(&all, made(media, two));
    struct judged j = judge(buf_span(&all), "mov");
    ck_assert_int_eq(j.id, ids[codec]);
    ck_assert_int_eq(j.width, video ? CLIP_WIDTH : 0);
    ck_assert_int_eq(j.height, video ? CLIP_HEIGHT : 0);
    ck_assert_int_eq(j.sample_rate, video ? 0 : 48000);
    ck_assert_uint_eq(j.n, FRAMES);
    ck_assert_uint_eq(j.errors, 0);
    /* Opus and AAC keep the first frame to themselves. */
    ck_assert_uint_ge(j.frames, video ? FRAMES : FRAMES - 1);
    for (size_t i = 0; i < j.n; i++) {
        const struct packet *p = &c.packets.items[i];
        ck_assert_int_eq(j.of[i].dts, p->dts);
        ck_assert_int_eq(j.of[i].pts, p->pts);
        ck_assert_uint_eq(j.of[i].hash, packager_hash(p->data));
        ck_assert_int_eq(j.of[i].key, (p->flags & PACKET_KEY) != 0);
    }
    segment_unref(one);
    segment_unref(two);
    buf_fini(&all);
    clip_free(&c);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(in_mpeg_ts)
{
    enum track_codec codec = (enum track_codec)_i;
    struct clip c = clip_codec(codec, FRAMES, START);
    bool carried =
        codec != CODEC_AV1 && codec != CODEC_VP9 && codec != CODEC_OPUS && codec != CODEC_FLAC;
    ck_assert_int_eq(packager_ts_carries(track_params(c.track)), carried);
    struct segment *s[2] = {cut(7, &c, 0, HALF), cut(8, &c, HALF, FRAMES - HALF)};
    struct buf all;
    buf_init(&all, SIZE_MAX / 2);
    for (int i = 0; i < 2; i++) {
        struct blob *b = NULL;
        ck_assert_int_eq(packager_mpegts(s[i], &b), carried ? ERR_OK : ERR_UNSUPPORTED);
        if (carried) {
            put(&all, b);
        }
        segment_unref(s[i]);
    }
    if (carried) {
        struct judged j = judge(buf_span(&all), "mpegts");
        ck_assert_int_eq(j.id, ids[codec]);
        ck_assert_uint_eq(j.n, FRAMES);
        ck_assert_uint_eq(j.errors, 0);
        ck_assert_uint_ge(j.frames, FRAMES - 1);
        for (size_t i = 0; i < j.n; i++) {
            ck_assert_int_eq(j.of[i].pts & (CLOCK - 1), c.packets.items[i].pts & (CLOCK - 1));
        }
    }
    buf_fini(&all);
    clip_free(&c);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* What the container cannot carry is left out, and the rest goes on. */
START_TEST(the_rest_goes_on_in_mpeg_ts)
{
    struct clip v = clip_codec(_i == 0 ? CODEC_H264 : CODEC_AV1, FRAMES, START);
    struct clip a = clip_codec(_i == 0 ? CODEC_OPUS : CODEC_AAC, FRAMES, START);
    struct packets pictures = clip_cut(&v, 0, FRAMES);
    struct packets sounds = clip_cut(&a, 0, FRAMES);
    struct sound *sound = sound_create(a.track, &sounds);
    struct segment *s =
        segment_create(&(struct segment_info){.duration = TICKS_PER_S}, v.track, &pictures, sound);
    sound_unref(sound);
    struct blob *b = made(packager_mpegts, s);
    struct judged j = judge(blob_span(b), "mpegts");
    ck_assert_int_eq(j.id, _i == 0 ? AV_CODEC_ID_H264 : AV_CODEC_ID_AAC);
    ck_assert_uint_eq(j.n, FRAMES);
    blob_unref(b);
    segment_unref(s);
    clip_free(&v);
    clip_free(&a);
}
END_TEST

START_TEST(colours)
{
    struct clip c = clip_codec(CODEC_HEVC, FRAMES, START);
    struct track_params p = *track_params(c.track);
    p.color = (struct track_color){.primaries = 9,
                                   .transfer = 16,
                                   .matrix = 9,
                                   .has_mastering = true,
                                   .display_x = {13250, 7500, 34000},
                                   .display_y = {34500, 3000, 16000},
                                   .white_x = 15635,
                                   .white_y = 16450,
                                   .luminance_max = 10000000,
                                   .luminance_min = 50,
                                   .max_cll = 1000,
                                   .max_fall = 400};
    struct track *plain = c.track;
    c.track = track_create(&p);
    struct segment *s = cut(1, &c, 0, FRAMES);
    struct buf all;
    buf_init(&all, SIZE_MAX / 2);
    put(&all, made(packager_cmaf_video_init, s));
    put(&all, made(packager_cmaf_video, s));
    struct judged j = judge(buf_span(&all), "mov");
    ck_assert_int_eq(j.primaries, AVCOL_PRI_BT2020);
    ck_assert_int_eq(j.transfer, AVCOL_TRC_SMPTE2084);
    ck_assert(j.mastering);
    ck_assert(j.light);
    buf_fini(&all);
    segment_unref(s);
    track_unref(plain);
    clip_free(&c);
}
END_TEST

START_TEST(memory_fails_at_every_place)
{
    static segment_make_fn *const makes[] = {packager_cmaf_video, packager_cmaf_video_init,
                                             packager_cmaf_audio, packager_cmaf_audio_init};
    struct clip v = clip_codec(CODEC_HEVC, FRAMES, START);
    struct clip a = clip_codec(CODEC_EAC3, FRAMES, START);
    struct segment *s[2] = {cut(1, &v, 0, FRAMES), cut(1, &a, 0, FRAMES)};
    size_t before = blob_live_bytes();
    for (size_t i = 0; i < 4; i++) {
        bool failed = true;
        for (size_t places = 1; failed; places++) {
            struct blob *b = NULL;
            mem_fail_nth(places);
            enum err e = makes[i](s[i / 2], &b);
            failed = mem_has_failed();
            mem_fail_nth(0);
            ck_assert_int_eq(e, failed ? ERR_NOMEM : ERR_OK);
            ck_assert_int_eq(b == NULL, failed);
            blob_unref(b);
            ck_assert_uint_eq(blob_live_bytes(), before);
            ck_assert(failed || places > 1);
        }
    }
    segment_unref(s[0]);
    segment_unref(s[1]);
    clip_free(&v);
    clip_free(&a);
}
END_TEST

START_TEST(nothing_of_the_kind)
{
    struct clip v = clip_codec(CODEC_H264, 2, START);
    struct clip a = clip_codec(CODEC_AAC, 2, START);
    struct packets none = {0};
    struct blob *b = NULL;
    struct segment *s = cut(1, &v, 0, 2);
    ck_assert_int_eq(packager_cmaf_audio(s, &b), ERR_NOENT);
    ck_assert_int_eq(packager_cmaf_audio_init(s, &b), ERR_NOENT);
    segment_unref(s);
    s = cut(1, &a, 0, 2);
    ck_assert_int_eq(packager_cmaf_video(s, &b), ERR_NOENT);
    ck_assert_int_eq(packager_cmaf_video_init(s, &b), ERR_NOENT);
    segment_unref(s);
    struct sound *silence = sound_create(a.track, &none);
    s = segment_create(&(struct segment_info){.gap = true}, v.track, &none, silence);
    sound_unref(silence);
    ck_assert_int_eq(packager_cmaf_video(s, &b), ERR_NOENT);
    ck_assert_int_eq(packager_cmaf_audio_init(s, &b), ERR_NOENT);
    segment_unref(s);
    ck_assert_ptr_null(b);
    clip_free(&v);
    clip_free(&a);
}
END_TEST

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    Suite *s = suite_create("packager_codecs");
    TCase *t = tcase_create("packager_codecs");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, in_fmp4, 0, CODECS_);
    tcase_add_loop_test(t, in_mpeg_ts, 0, CODECS_);
    tcase_add_loop_test(t, the_rest_goes_on_in_mpeg_ts, 0, 2);
    tcase_add_test(t, colours);
    tcase_add_test(t, memory_fails_at_every_place);
    tcase_add_test(t, nothing_of_the_kind);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
