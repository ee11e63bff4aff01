#include "broadcaster/pack/packager.h"

#include <check.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "tests/support/clip.h"

#define CLOCK      (INT64_C(1) << 33)
#define TS_PACKET  188
#define PID_VIDEO  0x100
#define PID_AUDIO  0x101
#define SEG_FRAMES 30
#define MAX_SEEN   1000

/* --- the judge: libavformat and libavcodec read what was made --------------------------------- */

struct seen {
    int64_t dts, pts;
    bool key;
    size_t len;
    uint8_t *bytes;
};

struct judged {
    struct seen video[MAX_SEEN];
    size_t n_video;
    struct seen audio[MAX_SEEN];
    size_t n_audio;
    size_t corrupt;
    size_t frames; /* decoded */
    int width, height;
    int sample_rate;
    int n_streams;
};

struct input {
    struct span data;
    size_t at;
};

static int read_input(void *arg, uint8_t *out, int size)
{
    struct input *in = arg;
    size_t n = in->data.len - in->at < (size_t)size ? in->data.len - in->at : (size_t)size;
    if (n == 0) {
        return AVERROR_EOF;
    }
    memcpy(out, in->data.data + in->at, n);
    in->at += n;
    return (int)n;
}

/* The judge looks ahead and comes back; without that it forgets times it could have told. */
static int64_t seek_input(void *arg, int64_t to, int whence)
{
    struct input *in = arg;
    if (whence == AVSEEK_SIZE) {
        return (int64_t)in->data.len;
    }
    ck_assert_int_eq(whence, SEEK_SET);
    in->at = (size_t)to;
    return to;
}

static void decode(AVCodecContext *x, const AVPacket *p, struct judged *j)
{
    AVFrame *f = av_frame_alloc();
    avcodec_send_packet(x, p);
    while (avcodec_receive_frame(x, f) == 0) {
        j->frames++;
        j->width = f->width;
        j->height = f->height;
        ck_assert_int_eq(f->decode_error_flags, 0);
        av_frame_unref(f);
    }
    av_frame_free(&f);
}

static void keep(struct judged *j, const AVPacket *p, bool video)
{
    size_t *n = video ? &j->n_video : &j->n_audio;
    ck_assert_uint_lt(*n, MAX_SEEN);
    struct seen *s = video ? &j->video[*n] : &j->audio[*n];
    (*n)++;
    s->dts = p->dts;
    s->pts = p->pts;
    s->key = p->flags & AV_PKT_FLAG_KEY;
    s->len = (size_t)p->size;
    s->bytes = malloc(s->len + 1);
    memcpy(s->bytes, p->data, s->len);
    j->corrupt += (p->flags & AV_PKT_FLAG_CORRUPT) != 0;
}

static struct judged *judge(struct span ts)
{
    struct judged *j = calloc(1, sizeof *j);
    struct input in = {ts, 0};
    AVFormatContext *f = avformat_alloc_context();
    f->pb = avio_alloc_context(av_malloc(65536), 65536, 0, &in, read_input, NULL, seek_input);
    ck_assert_int_eq(avformat_open_input(&f, NULL, av_find_input_format("mpegts"), NULL), 0);
    ck_assert_int_ge(avformat_find_stream_info(f, NULL), 0);
    j->n_streams = (int)f->nb_streams;
    AVCodecContext *x = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
    x->thread_count = 1;
    ck_assert_int_eq(avcodec_open2(x, NULL, NULL), 0);
    AVPacket *p = av_packet_alloc();
    while (av_read_frame(f, p) == 0) {
        AVStream *s = f->streams[p->stream_index];
        bool video = s->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
        ck_assert_int_eq(s->id, video ? PID_VIDEO : PID_AUDIO);
        ck_assert_int_eq(s->codecpar->codec_id, video ? AV_CODEC_ID_H264 : AV_CODEC_ID_AAC);
        if (video) {
            decode(x, p, j);
        } else {
            j->sample_rate = s->codecpar->sample_rate;
        }
        keep(j, p, video);
        av_packet_unref(p);
    }
    decode(x, NULL, j);
    av_packet_free(&p);
    avcodec_free_context(&x);
    av_freep(&f->pb->buffer);
    avio_context_free(&f->pb);
    avformat_close_input(&f);
    return j;
}

static void judged_free(struct judged *j)
{
    for (size_t i = 0; i < j->n_video; i++) {
        free(j->video[i].bytes);
    }
    for (size_t i = 0; i < j->n_audio; i++) {
        free(j->audio[i].bytes);
    }
    free(j);
}

/* Continuity as ISO/IEC 13818-1, 2.4.3.3 has it, on every PID. */
static size_t continuity_errors(struct span ts)
{
    int last[8192];
    size_t errors = 0;
    memset(last, -1, sizeof last);
    ck_assert_uint_eq(ts.len % TS_PACKET, 0);
    for (const uint8_t *p = ts.data; p < ts.data + ts.len; p += TS_PACKET) {
        ck_assert_uint_eq(p[0], 0x47);
        int pid = (p[1] & 0x1f) << 8 | p[2];
        int counter = p[3] & 15;
        bool payload = p[3] & 0x10;
        bool discontinuity = (p[3] & 0x20) && p[4] > 0 && (p[5] & 0x80);
        if (last[pid] >= 0 && !discontinuity) {
            errors += counter != (payload ? (last[pid] + 1) % 16 : last[pid]);
        }
        last[pid] = counter;
    }
    return errors;
}

/* The first PCR (base, 90 kHz), or -1. */
static int64_t first_pcr(struct span ts)
{
    for (const uint8_t *p = ts.data; p < ts.data + ts.len; p += TS_PACKET) {
        if ((p[3] & 0x20) && p[4] >= 7 && (p[5] & 0x10)) {
            return (int64_t)p[6] << 25 | p[7] << 17 | p[8] << 9 | p[9] << 1 | p[10] >> 7;
        }
    }
    return -1;
}

static size_t count_pid(struct span ts, int pid)
{
    size_t n = 0;
    for (const uint8_t *p = ts.data; p < ts.data + ts.len; p += TS_PACKET) {
        n += ((p[1] & 0x1f) << 8 | p[2]) == pid;
    }
    return n;
}

/* --- making segments -------------------------------------------------------------------------- */

static struct segment *cut(uint64_t msn, const struct clip *video, size_t v, size_t n_v,
                           const struct clip *audio, size_t a, size_t n_a)
{
    struct packets pictures = {0};
    struct sound *sound = NULL;
    if (video != NULL) {
        pictures = clip_cut(video, v, n_v);
    }
    if (audio != NULL) {
        struct packets sounds = clip_cut(audio, a, n_a);
        sound = sound_create(audio->track, &sounds);
    }
    struct segment_info info = {.msn = msn, .duration = TICKS_PER_S, .independent = true};
    struct segment *s =
        segment_create(&info, video != NULL ? video->track : NULL, &pictures, sound);
    sound_unref(sound);
    return s;
}

static struct blob *make(struct segment *s)
{
    struct blob *b = NULL;
    ck_assert_int_eq(packager_mpegts(s, &b), ERR_OK);
    ck_assert_ptr_nonnull(b);
    segment_unref(s);
    return b;
}

/* The judge unwraps the clock in a way of its own. */
static void same_time(int64_t seen, int64_t meant)
{
    ck_assert_int_eq(seen & (CLOCK - 1), meant & (CLOCK - 1));
}

static void same_audio(const struct judged *j, const struct clip *c, size_t n)
{
    ck_assert_uint_eq(j->n_audio, n);
    for (size_t i = 0; i < n; i++) {
        const struct seen *s = &j->audio[i];
        const struct packet *p = &c->packets.items[i];
        ck_assert_uint_eq(s->bytes[0], 0xff);
        size_t head = s->bytes[1] & 1 ? 7 : 9;
        ck_assert_uint_eq(s->len - head, p->data.len);
        ck_assert_int_eq(memcmp(s->bytes + head, p->data.data, p->data.len), 0);
        same_time(s->pts, p->pts);
    }
}

static void same_video(const struct judged *j, const struct clip *c, size_t n)
{
    ck_assert_uint_eq(j->n_video, n);
    for (size_t i = 0; i < n; i++) {
        const struct packet *p = &c->packets.items[i];
        same_time(j->video[i].dts, p->dts);
        same_time(j->video[i].pts, p->pts);
        ck_assert_int_eq(j->video[i].key, (p->flags & PACKET_KEY) != 0);
    }
}

/* --- tests ------------------------------------------------------------------------------------ */

START_TEST(one_segment)
{
    struct clip v = clip_video(320, 180, SEG_FRAMES, SEG_FRAMES, 2, 900000);
    struct clip a = clip_audio(46, 64000, 900000);
    struct blob *b = make(cut(7, &v, 0, SEG_FRAMES, &a, 0, 46));
    struct span ts = blob_span(b);
    struct judged *j = judge(ts);
    same_video(j, &v, SEG_FRAMES);
    same_audio(j, &a, 46);
    ck_assert_uint_eq(j->frames, SEG_FRAMES);
    ck_assert_int_eq(j->width, 320);
    ck_assert_int_eq(j->height, 180);
    ck_assert_int_eq(j->sample_rate, 48000);
    ck_assert_uint_eq(j->corrupt, 0);
    ck_assert_uint_eq(continuity_errors(ts), 0);
    ck_assert_uint_eq(count_pid(ts, 0), 1);
    ck_assert_uint_eq(count_pid(ts, 0x11), 1);
    ck_assert_uint_eq(count_pid(ts, 0x1000), 1);
    judged_free(j);
    blob_unref(b);
    clip_free(&v);
    clip_free(&a);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(the_size_is_told_before)
{
    for (int audio = 0; audio < 2; audio++) {
        for (int height = 90; height <= 360; height *= 2) {
            struct clip v = clip_video(height * 16 / 9, height, SEG_FRAMES, 10, 0, 900000);
            struct clip a = clip_audio(46, 64000, 900000);
            struct segment *s = cut(7, &v, 0, SEG_FRAMES, audio ? &a : NULL, 0, 46);
            size_t told = packager_mpegts_size(s);
            struct blob *b = make(s);
            ck_assert_uint_ge(told * 10, blob_span(b).len * 9);
            ck_assert_uint_le(told * 10, blob_span(b).len * 11);
            blob_unref(b);
            clip_free(&v);
            clip_free(&a);
        }
    }
}
END_TEST

START_TEST(joined_segments)
{
    struct clip v = clip_video(320, 180, 4 * SEG_FRAMES, SEG_FRAMES, 2, 900000);
    struct clip a = clip_audio(187, 64000, 900000);
    struct buf all;
    buf_init(&all, SIZE_MAX / 2);
    for (size_t i = 0; i < 4; i++) {
        size_t from = i * 187 / 4;
        struct blob *b =
            make(cut(14 + i, &v, i * SEG_FRAMES, SEG_FRAMES, &a, from, (i + 1) * 187 / 4 - from));
        ck_assert_int_eq(buf_put(&all, blob_span(b)), ERR_OK);
        blob_unref(b);
    }
    struct judged *j = judge(buf_span(&all));
    same_video(j, &v, 4 * SEG_FRAMES);
    same_audio(j, &a, 187);
    for (size_t i = 1; i < j->n_video; i++) {
        ck_assert_int_gt(j->video[i].dts, j->video[i - 1].dts);
    }
    ck_assert_uint_eq(j->frames, 4 * SEG_FRAMES);
    ck_assert_uint_eq(j->corrupt, 0);
    ck_assert_uint_eq(continuity_errors(buf_span(&all)), 0);
    judged_free(j);
    buf_fini(&all);
    clip_free(&v);
    clip_free(&a);
}
END_TEST

/* _i: where the clock stands at the start. */
static const int64_t starts[] = {0,
                                 1,
                                 -45000,
                                 90000,
                                 CLOCK - 45000,
                                 CLOCK - 1,
                                 CLOCK,
                                 CLOCK + 45000,
                                 5 * CLOCK - 30000,
                                 INT64_C(1) << 50};

START_TEST(clock_wraps)
{
    int64_t start = starts[_i];
    struct clip v = clip_video(160, 90, SEG_FRAMES, SEG_FRAMES, 0, start);
    struct clip a = clip_audio(46, 64000, start);
    struct blob *b = make(cut(1, &v, 0, SEG_FRAMES, &a, 0, 46));
    struct judged *j = judge(blob_span(b));
    same_video(j, &v, SEG_FRAMES);
    same_audio(j, &a, 46);
    ck_assert_uint_eq(j->frames, SEG_FRAMES);
    int64_t pcr = first_pcr(blob_span(b));
    ck_assert_int_ge(pcr, 0);
    int64_t lead = (start - pcr) & (CLOCK - 1);
    ck_assert_int_ge(lead, 0);
    ck_assert_int_le(lead, 2 * TICKS_PER_S);
    judged_free(j);
    blob_unref(b);
    clip_free(&v);
    clip_free(&a);
}
END_TEST

START_TEST(starts_without_idr)
{
    struct clip v = clip_video(320, 180, 40, 40, 0, 900000);
    struct blob *b = make(cut(2, &v, 10, 30, NULL, 0, 0));
    struct span ts = blob_span(b);
    struct judged *j = judge(ts);
    ck_assert_uint_eq(j->n_video, 30);
    ck_assert(!j->video[0].key);
    /* Delimiter, then SPS, before any slice. */
    static const uint8_t head[] = {0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67};
    ck_assert_int_eq(memcmp(j->video[0].bytes, head, sizeof head), 0);
    judged_free(j);
    blob_unref(b);
    clip_free(&v);
}
END_TEST

START_TEST(sets_before_each_idr_only)
{
    struct clip v = clip_video(160, 90, 30, 10, 0, 900000);
    struct blob *b = make(cut(2, &v, 0, 30, NULL, 0, 0));
    struct judged *j = judge(blob_span(b));
    for (size_t i = 0; i < j->n_video; i++) {
        bool sps = j->video[i].bytes[10] == 0x67;
        ck_assert_int_eq(sps, i % 10 == 0);
    }
    ck_assert_uint_eq(continuity_errors(blob_span(b)), 0);
    ck_assert_uint_eq(count_pid(blob_span(b), 0), 1);
    judged_free(j);
    blob_unref(b);
    clip_free(&v);
}
END_TEST

START_TEST(video_alone_and_audio_alone)
{
    struct clip v = clip_video(160, 90, SEG_FRAMES, SEG_FRAMES, 0, 900000);
    struct clip a = clip_audio(47, 64000, 900000);
    struct blob *b = make(cut(1, &v, 0, SEG_FRAMES, NULL, 0, 0));
    struct judged *j = judge(blob_span(b));
    same_video(j, &v, SEG_FRAMES);
    ck_assert_int_eq(j->n_streams, 1);
    ck_assert_uint_eq(j->n_audio, 0);
    judged_free(j);
    blob_unref(b);
    b = make(cut(1, NULL, 0, 0, &a, 0, 47));
    j = judge(blob_span(b));
    same_audio(j, &a, 47);
    ck_assert_int_eq(j->n_streams, 1);
    ck_assert_int_ge(first_pcr(blob_span(b)), 0);
    judged_free(j);
    blob_unref(b);
    clip_free(&v);
    clip_free(&a);
}
END_TEST

START_TEST(light_audio_stays_light)
{
    struct clip a = clip_audio(94, 32000, 900000);
    struct blob *b = make(cut(1, NULL, 0, 0, &a, 0, 94));
    ck_assert_uint_le(blob_span(b).len * 100, a.packets.bytes * 135);
    blob_unref(b);
    clip_free(&a);
}
END_TEST

START_TEST(nothing_to_package)
{
    struct clip v = clip_video(160, 90, 2, 2, 0, 0);
    struct packets none = {0};
    struct blob *b = NULL;
    struct segment *s = segment_create(&(struct segment_info){.gap = true}, v.track, &none, NULL);
    ck_assert_int_eq(packager_mpegts(s, &b), ERR_NOENT);
    segment_unref(s);
    s = segment_create(&(struct segment_info){.msn = 1}, v.track, &none, NULL);
    ck_assert_int_eq(packager_mpegts(s, &b), ERR_NOENT);
    segment_unref(s);
    ck_assert_ptr_null(b);
    clip_free(&v);
}
END_TEST

START_TEST(the_same_bytes_each_time)
{
    struct clip v = clip_video(160, 90, SEG_FRAMES, SEG_FRAMES, 0, 900000);
    struct clip a = clip_audio(46, 64000, 900000);
    struct blob *one = make(cut(3, &v, 0, SEG_FRAMES, &a, 0, 46));
    struct blob *two = make(cut(3, &v, 0, SEG_FRAMES, &a, 0, 46));
    ck_assert(span_equal(blob_span(one), blob_span(two)));
    blob_unref(one);
    blob_unref(two);
    clip_free(&v);
    clip_free(&a);
}
END_TEST

/* --- bad days --------------------------------------------------------------------------------- */

static void push(struct packets *to, enum track_kind kind, int64_t dts, const void *data, size_t n)
{
    struct blob *b = blob_copy(span_of(data, n));
    struct packet p = {
        .kind = kind, .dts = dts, .pts = dts, .flags = PACKET_KEY, .blob = b, .data = blob_span(b)};
    ck_assert_int_eq(packets_push(to, p), ERR_OK);
}

START_TEST(bad_packets_are_left_out)
{
    static const uint8_t large[9000] = {0x21};
    static const uint8_t one_byte_nal[] = {0, 0, 0, 1, 0x0a, 0, 0, 0, 2, 0x0c, 0xff};
    static const uint8_t cut_short[] = {0, 0, 0, 9, 0x41, 1};
    struct clip v = clip_video(160, 90, SEG_FRAMES, SEG_FRAMES, 0, 900000);
    struct clip a = clip_audio(10, 64000, 900000);
    struct packets pictures = {0};
    push(&pictures, TRACK_VIDEO, 890000, cut_short, sizeof cut_short);
    push(&pictures, TRACK_VIDEO, 890001, "", 0);
    push(&pictures, TRACK_VIDEO, 890002, one_byte_nal, sizeof one_byte_nal);
    for (size_t i = 0; i < v.packets.count; i++) {
        struct packet p = packet_ref(&v.packets.items[i]);
        ck_assert_int_eq(packets_push(&pictures, p), ERR_OK);
    }
    struct packets sounds = clip_cut(&a, 0, 10);
    push(&sounds, TRACK_AUDIO, 930000, large, sizeof large);
    push(&sounds, TRACK_AUDIO, 930001, large, 1);
    push(&sounds, TRACK_AUDIO, 930002, large, 0);
    struct sound *sound = sound_create(a.track, &sounds);
    struct segment *s = segment_create(&(struct segment_info){0}, v.track, &pictures, sound);
    sound_unref(sound);
    struct blob *b = make(s);
    struct judged *j = judge(blob_span(b));
    ck_assert_uint_eq(j->frames, SEG_FRAMES);
    same_audio(j, &a, 10);
    ck_assert_uint_eq(continuity_errors(blob_span(b)), 0);
    judged_free(j);
    blob_unref(b);
    clip_free(&v);
    clip_free(&a);
}
END_TEST

START_TEST(times_that_stand_still_or_go_back)
{
    struct clip v = clip_video(160, 90, SEG_FRAMES, SEG_FRAMES, 0, 900000);
    v.packets.items[5].dts = v.packets.items[4].dts;
    v.packets.items[9].dts -= 20000;
    v.packets.items[12].pts = 0;
    struct blob *b = make(cut(1, &v, 0, SEG_FRAMES, NULL, 0, 0));
    struct judged *j = judge(blob_span(b));
    ck_assert_uint_eq(j->n_video, SEG_FRAMES);
    for (size_t i = 1; i < j->n_video; i++) {
        ck_assert_int_gt(j->video[i].dts, j->video[i - 1].dts);
        ck_assert_int_ge(j->video[i].pts, j->video[i].dts);
    }
    judged_free(j);
    blob_unref(b);
    clip_free(&v);
}
END_TEST

static struct track *retrack(const struct clip *c, const void *config, size_t n, int rate)
{
    struct track_params p = *track_params(c->track);
    p.config = span_of(config, n);
    p.sample_rate = rate;
    return track_create(&p);
}

START_TEST(audio_that_adts_cannot_carry)
{
    /* Escaped sample rate; AAC of an object type above four; nothing; a rate of nothing. */
    static const struct {
        uint8_t config[5];
        size_t len;
        int rate;
    } bad[] = {{{0x17, 0x80, 0xbb, 0x80, 0x08}, 5, 48000},
               {{0xb9, 0x88}, 2, 48000},
               {{0}, 0, 48000},
               {{0x11, 0x88}, 2, 0}};
    struct clip v = clip_video(160, 90, SEG_FRAMES, SEG_FRAMES, 0, 900000);
    struct clip a = clip_audio(10, 64000, 900000);
    struct track *good = a.track;
    a.track = retrack(&a, bad[_i].config, bad[_i].len, bad[_i].rate);
    struct blob *b = make(cut(1, &v, 0, SEG_FRAMES, &a, 0, 10));
    struct judged *j = judge(blob_span(b));
    ck_assert_uint_eq(j->frames, SEG_FRAMES);
    ck_assert_int_eq(j->n_streams, 1);
    judged_free(j);
    blob_unref(b);
    struct segment *s = cut(1, NULL, 0, 0, &a, 0, 10);
    ck_assert_int_ne(packager_mpegts(s, &b), ERR_OK);
    segment_unref(s);
    track_unref(good);
    clip_free(&v);
    clip_free(&a);
}
END_TEST

START_TEST(damaged_video_configuration)
{
    struct clip v = clip_video(160, 90, 2, 2, 0, 0);
    struct track *good = v.track;
    for (size_t n = 0; n < track_params(good)->config.len; n++) {
        v.track = retrack(&v, track_params(good)->config.data, n, 0);
        struct segment *s = cut(1, &v, 0, 2, NULL, 0, 0);
        struct blob *b = NULL;
        ck_assert_int_eq(packager_mpegts(s, &b), ERR_PROTO);
        segment_unref(s);
        track_unref(v.track);
        v.track = good;
    }
    clip_free(&v);
}
END_TEST

START_TEST(memory_fails_at_every_place)
{
    struct clip v = clip_video(160, 90, SEG_FRAMES, SEG_FRAMES, 0, 900000);
    struct clip a = clip_audio(46, 64000, 900000);
    struct segment *s = cut(1, &v, 0, SEG_FRAMES, &a, 0, 46);
    size_t before = blob_live_bytes();
    size_t places = 0;
    for (;; places++) {
        struct blob *b = NULL;
        mem_fail_nth(places + 1);
        enum err e = packager_mpegts(s, &b);
        bool failed = mem_has_failed();
        mem_fail_nth(0);
        if (!failed) {
            ck_assert_int_eq(e, ERR_OK);
            blob_unref(b);
            break;
        }
        ck_assert_int_eq(e, ERR_NOMEM);
        ck_assert_ptr_null(b);
        ck_assert_uint_eq(blob_live_bytes(), before);
    }
    ck_assert_uint_gt(places, 5);
    segment_unref(s);
    clip_free(&v);
    clip_free(&a);
}
END_TEST

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    Suite *s = suite_create("packager");
    TCase *good = tcase_create("good");
    tcase_set_timeout(good, 30);
    tcase_add_test(good, one_segment);
    tcase_add_test(good, the_size_is_told_before);
    tcase_add_test(good, joined_segments);
    tcase_add_loop_test(good, clock_wraps, 0, sizeof starts / sizeof starts[0]);
    tcase_add_test(good, starts_without_idr);
    tcase_add_test(good, sets_before_each_idr_only);
    tcase_add_test(good, video_alone_and_audio_alone);
    tcase_add_test(good, light_audio_stays_light);
    tcase_add_test(good, nothing_to_package);
    tcase_add_test(good, the_same_bytes_each_time);
    suite_add_tcase(s, good);
    TCase *bad = tcase_create("bad");
    tcase_set_timeout(bad, 30);
    tcase_add_test(bad, bad_packets_are_left_out);
    tcase_add_test(bad, times_that_stand_still_or_go_back);
    tcase_add_loop_test(bad, audio_that_adts_cannot_carry, 0, 4);
    tcase_add_test(bad, damaged_video_configuration);
    tcase_add_test(bad, memory_fails_at_every_place);
    suite_add_tcase(s, bad);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
