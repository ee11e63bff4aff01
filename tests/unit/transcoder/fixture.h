/* Real H.264 sources whose pictures carry their number, jobs run through a pipeline, and a judge
 * that decodes what came out. For the unit tests of this folder; failures end the test. */
#ifndef TESTS_TRANSCODER_FIXTURE_H
#define TESTS_TRANSCODER_FIXTURE_H

#include <check.h>
#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "media/packet.h"
#include "media/profile.h"
#include "media/track.h"
#include "transcoder/avcc.h"
#include "transcoder/pipeline.h"

#define NUMBER_BITS    10
#define SOURCE_PACKETS 1024
#define NOISE          1 /* flags of a source: noise instead of a moving picture */
#define EXACT_TIMES    4 /* ticks, not rounded to milliseconds */
#define FULL_RANGE     8
#define NO_REORDER_VUI 16 /* the parameter sets do not tell the reorder depth */
#define INTERLACED     32 /* two fields of two times, with a bar that moves between them */
#define NOT_TOLD       64 /* INTERLACED, coded as if it were not */
#define BAR_STEP       8  /* samples from field to field */

struct source {
    int width, height, fps_num, fps_den, frames, gop, bframes;
    unsigned flags;
    enum AVPixelFormat format;       /* AV_PIX_FMT_YUV420P is 0 */
    enum AVColorPrimaries primaries; /* 0: all of BT.709 */
    enum AVColorTransferCharacteristic trc;
    enum AVColorSpace space;
    void (*side)(AVFrame *picture, int number); /* NULL: nothing is added to pictures */
    struct buf config;
    struct packets packets;
    struct track_params track;
};

/* Each row of a plane is the first one again: tests are compiled without optimization, and a loop
 * over all samples takes longer than encoding them. */
static inline void repeat_row(AVFrame *f, int first, int end)
{
    const uint8_t *row = f->data[0] + first * f->linesize[0];
    for (int y = first + 1; y < end; y++) {
        memcpy(f->data[0] + y * f->linesize[0], row, (size_t)f->width);
    }
}

/* One block of luma per bit, over the picture's whole width and upper half. */
static inline void draw_number(AVFrame *f, int number)
{
    int block = f->width / NUMBER_BITS;
    for (int x = 0; x < f->width; x++) {
        int bit = x / block < NUMBER_BITS ? number >> (x / block) & 1 : 0;
        f->data[0][x] = bit ? 220 : 30;
    }
    repeat_row(f, 0, f->height / 2);
}

static inline int read_number(const AVFrame *f)
{
    int block = f->width / NUMBER_BITS;
    int number = 0;
    for (int bit = 0; bit < NUMBER_BITS; bit++) {
        int sum = 0;
        for (int i = 0; i < 9; i++) {
            int y = f->height / 8 + (i / 3) * f->height / 16;
            int x = bit * block + block / 2 + i % 3 - 1;
            sum += f->data[0][y * f->linesize[0] + x];
        }
        number |= (sum / 9 > 125) << bit;
    }
    return number;
}

/* In the lower half a white bar on black, further to the right in each field. */
static inline void draw_bar(AVFrame *f, int number)
{
    for (int y = f->height / 2; y < f->height; y++) {
        int left = (2 * number + y % 2) * BAR_STEP % f->width;
        for (int x = 0; x < f->width; x++) {
            f->data[0][y * f->linesize[0] + x] = x >= left && x < left + 4 * BAR_STEP ? 220 : 30;
        }
    }
}

/* Something that moves, or noise, in the lower half, and the number in the upper one. */
static inline void draw(AVFrame *f, int number, unsigned flags)
{
    static uint32_t seed = 7;
    static uint8_t ramp[256 + 4096];
    ck_assert_int_ge(av_frame_make_writable(f), 0);
    ck_assert_int_le(f->width, 4096);
    for (size_t i = 0; ramp[1] == 0 && i < sizeof ramp; i++) {
        ramp[i] = (uint8_t)(2 * i);
    }
    for (int y = f->height / 2; y < f->height; y++) {
        uint8_t *row = f->data[0] + y * f->linesize[0];
        for (int x = 0; (flags & NOISE) && x < f->width; x++) {
            seed = seed * 1664525 + 1013904223;
            row[x] = seed >> 24;
        }
        if (!(flags & NOISE)) {
            memcpy(row, ramp + ((y + number * 3) & 0xff) / 2, (size_t)f->width);
        }
    }
    for (int p = 1; p < 3; p++) {
        for (int y = 0; y < f->height / 2; y++) {
            memset(f->data[p] + y * f->linesize[p], 100 + 20 * p, (size_t)f->width / 2);
        }
    }
    draw_number(f, number);
    if (flags & INTERLACED) {
        draw_bar(f, number);
    }
}

static inline int64_t source_time(const struct source *s, int64_t i)
{
    int64_t ticks = i * TICKS_PER_S * s->fps_den / s->fps_num;
    if (s->flags & EXACT_TIMES) {
        return ticks;
    }
    return (ticks + (ticks >= 0 ? 45 : -45)) / 90 * 90;
}

static inline AVCodecContext *source_encoder(const struct source *s)
{
    bool rgb = s->space == AVCOL_SPC_RGB && s->primaries != 0;
    const AVCodec *codec = avcodec_find_encoder_by_name(rgb ? "libx264rgb" : "libx264");
    AVCodecContext *c = avcodec_alloc_context3(codec);
    c->width = s->width;
    c->height = s->height;
    c->pix_fmt = s->format;
    c->time_base = (AVRational){s->fps_den, s->fps_num};
    c->framerate = (AVRational){s->fps_num, s->fps_den};
    c->max_b_frames = s->bframes;
    c->gop_size = s->gop;
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_CLOSED_GOP;
    c->thread_count = 1;
    c->sample_aspect_ratio = (AVRational){4, 3};
    c->color_range = (s->flags & FULL_RANGE) ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    c->color_primaries = AVCOL_PRI_BT709;
    c->color_trc = AVCOL_TRC_BT709;
    c->colorspace = AVCOL_SPC_BT709;
    if (s->primaries != 0) {
        c->color_primaries = s->primaries;
        c->color_trc = s->trc;
        c->colorspace = s->space;
    }
    if ((s->flags & (INTERLACED | NOT_TOLD)) == INTERLACED) {
        c->flags |= AV_CODEC_FLAG_INTERLACED_DCT | AV_CODEC_FLAG_INTERLACED_ME;
    }
    av_opt_set(c->priv_data, "preset", "ultrafast", 0);
    av_opt_set(c->priv_data, "crf", "20", 0);
    av_opt_set(c->priv_data, "x264-params", "scenecut=0:b-adapt=0:b-pyramid=normal", 0);
    ck_assert_int_ge(avcodec_open2(c, codec, NULL), 0);
    return c;
}

static inline void source_take(struct source *s, AVCodecContext *c, AVPacket *p)
{
    while (avcodec_receive_packet(c, p) == 0) {
        struct buf unit;
        buf_init(&unit, 1 << 24);
        ck_assert_int_eq(avcc_write_unit(span_of(p->data, (size_t)p->size), &unit), ERR_OK);
        struct packet out = {.kind = TRACK_VIDEO, .blob = blob_copy(buf_span(&unit))};
        out.data = blob_span(out.blob);
        out.flags = (p->flags & AV_PKT_FLAG_KEY) ? PACKET_KEY : 0;
        out.pts = source_time(s, p->pts);
        out.dts = source_time(s, p->dts);
        ck_assert_int_eq(packets_push(&s->packets, out), ERR_OK);
        buf_fini(&unit);
        av_packet_unref(p);
    }
}

/* --- parameter sets that do not tell the reorder depth, as some hardware encoders write them ---
 */

static inline unsigned get_bit(const uint8_t *d, size_t at)
{
    return d[at / 8] >> (7 - at % 8) & 1u;
}

static inline void put_bit(uint8_t *d, size_t at, unsigned bit)
{
    d[at / 8] = (uint8_t)((d[at / 8] & ~(0x80u >> at % 8)) | (bit << (7 - at % 8)));
}

/* Reads ue(v) (ITU-T H.264, 9.1); false past the end. */
static inline bool get_ue(const uint8_t *d, size_t end, size_t *at, unsigned *ret_v)
{
    unsigned zeros = 0;
    while (*at < end && get_bit(d, *at) == 0) {
        zeros++;
        (*at)++;
    }
    if (zeros > 16 || *at + zeros >= end) {
        return false;
    }
    unsigned v = 0;
    for (unsigned i = 0; i <= zeros; i++) {
        v = v << 1 | get_bit(d, (*at)++);
    }
    *ret_v = v - 1;
    return true;
}

/* The bit at which the last field of the VUI, bitstream_restriction_flag = 1 with its six fields,
 * begins; 0 when there is no such place. stop: the RBSP's stop bit. */
static inline size_t find_restriction(const uint8_t *d, size_t stop, unsigned reorder)
{
    for (size_t start = stop - 8; start > 40; start--) {
        size_t at = start + 2;
        unsigned v[6];
        size_t n = 0;
        while (n < 6 && get_ue(d, stop, &at, &v[n])) {
            n++;
        }
        if (n == 6 && at == stop && get_bit(d, start) && get_bit(d, start + 1) && v[0] == 0 &&
            v[1] == 0 && v[2] == v[3] && v[4] == reorder) {
            return start;
        }
    }
    return 0;
}

static inline void forget_reorder(struct buf *config, unsigned reorder)
{
    size_t len = (size_t)config->data[6] << 8 | config->data[7];
    uint8_t *sps = config->data + 8;
    size_t stop = len * 8 - 1;
    while (!get_bit(sps, stop)) {
        stop--;
    }
    size_t at = find_restriction(sps, stop, reorder);
    ck_assert_uint_gt(at, 0);
    put_bit(sps, at, 0);
    put_bit(sps, at + 1, 1);
    for (size_t i = at + 2; i < len * 8; i++) {
        put_bit(sps, i, 0);
    }
    size_t new_len = (at + 2 + 7) / 8;
    memmove(sps + new_len, sps + len, config->len - 8 - len);
    config->len -= len - new_len;
    config->data[6] = (uint8_t)(new_len >> 8);
    config->data[7] = (uint8_t)new_len;
}

/* To the source's pixel format; drawn in 4:2:0 of 8 bits. */
static inline AVFrame *converted(const AVFrame *f, enum AVPixelFormat format)
{
    struct SwsContext *sws = sws_getContext(f->width, f->height, f->format, f->width, f->height,
                                            format, SWS_POINT, NULL, NULL, NULL);
    AVFrame *out = av_frame_alloc();
    ck_assert_ptr_nonnull(sws);
    ck_assert_int_ge(sws_scale_frame(sws, out, f), 0);
    sws_freeContext(sws);
    ck_assert_int_ge(av_frame_copy_props(out, f), 0);
    return out;
}

/* The size, rate, gop, bframes, flags, format and colours are set by the caller. */
static inline void source_make(struct source *s)
{
    AVCodecContext *c = source_encoder(s);
    AVPacket *p = av_packet_alloc();
    AVFrame *f = av_frame_alloc();
    f->format = AV_PIX_FMT_YUV420P;
    f->width = s->width;
    f->height = s->height;
    f->color_range = c->color_range;
    ck_assert_int_ge(av_frame_get_buffer(f, 0), 0);
    packets_init(&s->packets);
    buf_init(&s->config, 4096);
    for (int i = 0; i < s->frames; i++) {
        draw(f, i, s->flags);
        f->pts = i;
        f->interlaced_frame = (s->flags & (INTERLACED | NOT_TOLD)) == INTERLACED;
        f->top_field_first = f->interlaced_frame;
        AVFrame *sent = converted(f, c->pix_fmt);
        if (s->side != NULL) {
            s->side(sent, i);
        }
        ck_assert_int_ge(avcodec_send_frame(c, sent), 0);
        av_frame_free(&sent);
        source_take(s, c, p);
    }
    ck_assert_int_ge(avcodec_send_frame(c, NULL), 0);
    source_take(s, c, p);
    ck_assert_uint_eq(s->packets.count, (size_t)s->frames);
    struct span header = span_of(c->extradata, (size_t)c->extradata_size);
    ck_assert_int_eq(avcc_write_config(header, &s->config), ERR_OK);
    if (s->flags & NO_REORDER_VUI) {
        forget_reorder(&s->config, s->bframes > 1 ? 2 : 1);
    }
    s->track = (struct track_params){.kind = TRACK_VIDEO,
                                     .codec = CODEC_H264,
                                     .config = buf_span(&s->config),
                                     .width = s->width,
                                     .height = s->height,
                                     .sar_num = 4,
                                     .sar_den = 3};
    av_frame_free(&f);
    av_packet_free(&p);
    avcodec_free_context(&c);
}

static inline void source_free(struct source *s)
{
    packets_fini(&s->packets);
    buf_fini(&s->config);
}

/* --- jobs --- */

struct out_unit {
    struct link_unit unit; /* config and packets are copies */
    struct blob *payload;
};

struct output {
    struct out_unit units[256];
    size_t count;
    struct link_job_done done;
    struct fault fault;
    enum err result;
    uint64_t errors;
};

static inline enum err collect(void *arg, const struct link_unit *unit, struct blob *payload)
{
    struct output *o = arg;
    ck_assert_uint_lt(o->count, 256);
    struct out_unit *u = &o->units[o->count++];
    u->unit = *unit;
    u->payload = blob_ref(payload);
    u->unit.packets = mem_alloc(unit->n_packets * sizeof *unit->packets);
    memcpy(u->unit.packets, unit->packets, unit->n_packets * sizeof *unit->packets);
    if (unit->config.len > 0) {
        uint8_t *copy = mem_alloc(unit->config.len);
        memcpy(copy, unit->config.data, unit->config.len);
        u->unit.config = span_of(copy, unit->config.len);
    }
    return ERR_OK;
}

static inline void output_free(struct output *o)
{
    for (size_t i = 0; i < o->count; i++) {
        mem_free(o->units[i].unit.packets);
        mem_free((void *)o->units[i].unit.config.data);
        blob_unref(o->units[i].payload);
    }
    *o = (struct output){0};
}

static inline struct link_rung rung_for(const struct source *s, const char *profile)
{
    const struct profile *p = profile_find(span_cstr(profile));
    ck_assert_ptr_nonnull(p);
    int w = 0;
    int h = 0;
    profile_output_size(p, s->width, s->height, &w, &h);
    return (struct link_rung){.name = p->name,
                              .width = (uint32_t)w,
                              .height = (uint32_t)h,
                              .fps_num = (uint32_t)p->fps_num,
                              .fps_den = (uint32_t)p->fps_den,
                              .bitrate_bps = (uint32_t)p->bitrate_bps,
                              .buffer_bits = (uint32_t)p->bitrate_bps,
                              .vbv_init_permille = 900,
                              .crf = 23,
                              .preset = "veryfast",
                              .bframes = 2,
                              .dts_delay_frames = 1,
                              .frames_per_part = 6};
}

static inline struct link_job_open open_for(const struct source *s, const char *profile)
{
    struct link_job_open open = {
        .stream = "t", .msn = 1, .track = s->track, .n_ladder = 1, .deadline_ms = 20000};
    open.ladder[0] = rung_for(s, profile);
    return open;
}

/* Feeds packets [from, to) one by one, the first preroll of them not to be shown. */
static inline void run_job(const struct source *s, const struct link_job_open *open, size_t from,
                           size_t to, size_t preroll, int64_t duration, struct output *o)
{
    *o = (struct output){0};
    struct pipeline *p = NULL;
    o->result = pipeline_create(open, collect, o, NULL, &o->fault, &p);
    if (o->result != ERR_OK) {
        return;
    }
    for (size_t i = from; i < to && o->result == ERR_OK; i++) {
        struct packet packet = s->packets.items[i];
        packet.flags |= i < from + preroll ? PACKET_PREROLL : 0;
        struct packets one = {.items = &packet, .count = 1};
        o->result = pipeline_feed(p, &one);
    }
    if (o->result == ERR_OK) {
        o->result = pipeline_finish(p, duration);
    }
    if (o->result != ERR_OK) {
        o->fault = *pipeline_fault(p);
    }
    o->done = pipeline_done(p);
    o->errors = pipeline_errors(p);
    pipeline_destroy(p);
}

/* --- the judge --- */

struct judged {
    int numbers[SOURCE_PACKETS];
    int64_t pts[SOURCE_PACKETS];
    size_t count;
    int width, height;
    AVRational sar;
    enum AVColorRange range;
    enum AVColorSpace space;
    enum AVColorPrimaries primaries;
    enum AVColorTransferCharacteristic trc;
    int64_t comb; /* luma of odd lines that leaves both neighbours', over the lower half, summed */
    int luma, cb, cr; /* of the last picture, at three quarters of its height, in its middle */
    char types[SOURCE_PACKETS];
    struct buf captions; /* cc_data of all pictures, if it was initialised */
};

static inline void judge_picture(const AVFrame *f, struct judged *j)
{
    int y = f->height * 3 / 4;
    j->luma = f->data[0][y * f->linesize[0] + f->width / 2];
    j->cb = f->data[1][y / 2 * f->linesize[1] + f->width / 4];
    j->cr = f->data[2][y / 2 * f->linesize[2] + f->width / 4];
    for (y = f->height / 2 + 2; y < f->height - 2; y++) {
        const uint8_t *row = f->data[0] + y * f->linesize[0];
        for (int x = 0; x < f->width; x++) {
            int above = row[x] - row[x - f->linesize[0]];
            int below = row[x] - row[x + f->linesize[0]];
            j->comb += (above > 60 && below > 60) || (above < -60 && below < -60);
        }
    }
}

static inline void judge_take(AVCodecContext *c, AVFrame *f, struct judged *j)
{
    while (avcodec_receive_frame(c, f) == 0) {
        ck_assert_uint_lt(j->count, SOURCE_PACKETS);
        ck_assert_int_eq(f->decode_error_flags, 0);
        j->types[j->count] = av_get_picture_type_char(f->pict_type);
        j->pts[j->count] = f->pts;
        j->numbers[j->count++] = read_number(f);
        j->width = f->width;
        j->height = f->height;
        j->sar = f->sample_aspect_ratio;
        j->range = f->color_range;
        j->space = f->colorspace;
        j->primaries = f->color_primaries;
        j->trc = f->color_trc;
        judge_picture(f, j);
        const AVFrameSideData *cc = av_frame_get_side_data(f, AV_FRAME_DATA_A53_CC);
        if (cc != NULL && j->captions.max > 0) {
            ck_assert_int_eq(buf_put(&j->captions, span_of(cc->data, cc->size)), ERR_OK);
        }
        av_frame_unref(f);
    }
}

static inline void judge_unit(AVCodecContext *c, AVFrame *f, const struct out_unit *u,
                              struct judged *j)
{
    const uint8_t *at = blob_span(u->payload).data;
    for (size_t i = 0; i < u->unit.n_packets; i++) {
        const struct link_packet *lp = &u->unit.packets[i];
        AVPacket *p = av_packet_alloc();
        ck_assert_int_ge(av_new_packet(p, (int)lp->length), 0);
        memcpy(p->data, at, lp->length);
        at += lp->length;
        p->pts = lp->pts;
        p->dts = lp->dts;
        ck_assert_int_eq(avcodec_send_packet(c, p), 0);
        av_packet_free(&p);
        judge_take(c, f, j);
    }
    ck_assert_ptr_eq(at, blob_span(u->payload).data + blob_span(u->payload).len);
}

/* Decodes all parts of one rung, joined over outputs, with one decoder that knows only the first
 * configuration and takes no error. */
static inline void judge(struct output *const *outputs, size_t n, uint32_t rung, struct judged *j)
{
    *j = (struct judged){.captions = j->captions};
    AVCodecContext *c = NULL;
    AVFrame *f = av_frame_alloc();
    for (size_t o = 0; o < n; o++) {
        for (size_t i = 0; i < outputs[o]->count; i++) {
            const struct out_unit *u = &outputs[o]->units[i];
            if (u->unit.rung != rung) {
                continue;
            }
            if (c == NULL) {
                const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_H264);
                c = avcodec_alloc_context3(codec);
                struct span config = u->unit.config;
                c->extradata = av_mallocz(config.len + AV_INPUT_BUFFER_PADDING_SIZE);
                memcpy(c->extradata, config.data, config.len);
                c->extradata_size = (int)config.len;
                c->thread_count = 1;
                c->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK | AV_EF_BITSTREAM;
                ck_assert_int_ge(avcodec_open2(c, codec, NULL), 0);
            }
            judge_unit(c, f, u, j);
        }
    }
    ck_assert_ptr_nonnull(c);
    ck_assert_int_ge(avcodec_send_packet(c, NULL), 0);
    judge_take(c, f, j);
    av_frame_free(&f);
    avcodec_free_context(&c);
}

#endif
