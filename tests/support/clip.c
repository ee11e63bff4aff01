#include "tests/support/clip.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_RATE     48000
#define FRAME_SAMPLES   1024
#define FRAME_TICKS_FPS 3000 /* 30 fps */
#define AUDIO_TICKS     1920
#define NAL_SPS         7
#define CONFIG_MAX      512
#define MADE_MAX        8
#define FRAMES_KEY      0 /* place of the number of frames in a key */

static void need(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "clip: %s\n", what);
        abort();
    }
}

/* What was encoded, kept until the process ends: a test asks for the same clip again and again. Not
 * in blobs, which tests count. */
struct made {
    int key[5];
    uint8_t config[CONFIG_MAX];
    size_t config_len;
    AVPacket **packets;
    size_t n;
};

static struct made *made_of(const int key[5], bool *ret_new)
{
    static struct made all[MADE_MAX];
    static size_t next;
    for (size_t i = 0; i < MADE_MAX; i++) {
        if (all[i].packets != NULL && memcmp(all[i].key, key, sizeof all[i].key) == 0) {
            *ret_new = false;
            return &all[i];
        }
    }
    struct made *m = &all[next++ % MADE_MAX];
    for (size_t i = 0; i < m->n; i++) {
        av_packet_free(&m->packets[i]);
    }
    free(m->packets);
    *m = (struct made){.packets = calloc((size_t)key[FRAMES_KEY] + 1, sizeof(AVPacket *))};
    need(m->packets != NULL, "memory");
    memcpy(m->key, key, sizeof m->key);
    *ret_new = true;
    return m;
}

static void drain(struct made *m, AVCodecContext *x)
{
    AVPacket *pkt = av_packet_alloc();
    while (avcodec_receive_packet(x, pkt) == 0) {
        if (m->n < (size_t)m->key[FRAMES_KEY]) {
            m->packets[m->n] = av_packet_clone(pkt);
            need(m->packets[m->n++] != NULL, "memory");
        }
        av_packet_unref(pkt);
    }
    av_packet_free(&pkt);
}

static void take(struct clip *c, const AVPacket *in, struct packet p)
{
    p.blob = blob_copy(span_of(in->data, (size_t)in->size));
    need(p.blob != NULL, "memory");
    p.data = blob_span(p.blob);
    need(packets_push(&c->packets, p) == ERR_OK, "memory");
}

/* AVCDecoderConfigurationRecord from length-prefixed SPS and PPS (and SEI, which is left out). */
static size_t make_avcc(const uint8_t *in, size_t len, uint8_t *out)
{
    const uint8_t *sps = NULL;
    size_t sps_len = 0;
    const uint8_t *pps = NULL;
    size_t pps_len = 0;
    for (size_t at = 0; at + 4 < len;) {
        size_t n =
            (size_t)in[at] << 24 | (size_t)in[at + 1] << 16 | (size_t)in[at + 2] << 8 | in[at + 3];
        const uint8_t *nal = in + at + 4;
        if ((nal[0] & 0x1f) == NAL_SPS) {
            sps = nal;
            sps_len = n;
        } else if ((nal[0] & 0x1f) == NAL_SPS + 1) {
            pps = nal;
            pps_len = n;
        }
        at += 4 + n;
    }
    need(sps != NULL && pps != NULL, "no parameter sets");
    uint8_t *o = out;
    memcpy(o, (uint8_t[]){1, sps[1], sps[2], sps[3], 0xff, 0xe1}, 6);
    o += 6;
    *o++ = (uint8_t)(sps_len >> 8);
    *o++ = (uint8_t)sps_len;
    memcpy(o, sps, sps_len);
    o += sps_len;
    *o++ = 1;
    *o++ = (uint8_t)(pps_len >> 8);
    *o++ = (uint8_t)pps_len;
    memcpy(o, pps, pps_len);
    return (size_t)(o - out) + pps_len;
}

static void paint(AVFrame *f, int n)
{
    need(av_frame_make_writable(f) >= 0, "frame");
    for (int y = 0; y < f->height; y++) {
        for (int x = 0; x < f->width; x++) {
            f->data[0][y * f->linesize[0] + x] = (uint8_t)(x + y + 5 * n + ((x ^ y) & 31));
        }
    }
    for (int y = 0; y < f->height / 2; y++) {
        memset(f->data[1] + y * f->linesize[1], 100 + n % 50, (size_t)f->width / 2);
        memset(f->data[2] + y * f->linesize[2], 150 - n % 50, (size_t)f->width / 2);
    }
}

static AVCodecContext *open_video(int width, int height, int gop, int bframes)
{
    av_log_set_level(AV_LOG_ERROR); /* the encoders tell their statistics otherwise */
    AVCodecContext *x = avcodec_alloc_context3(avcodec_find_encoder_by_name("libx264"));
    need(x != NULL, "no libx264");
    x->width = width;
    x->height = height;
    x->pix_fmt = AV_PIX_FMT_YUV420P;
    x->time_base = (AVRational){1, 30};
    x->framerate = (AVRational){30, 1};
    x->gop_size = gop;
    x->max_b_frames = bframes;
    x->thread_count = 1;
    x->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    av_opt_set(x->priv_data, "preset", "ultrafast", 0);
    av_opt_set(x->priv_data, "forced-idr", "1", 0);
    av_opt_set(x->priv_data, "x264-params", "annexb=0:scenecut=0:b-adapt=0", 0);
    need(avcodec_open2(x, NULL, NULL) == 0, "libx264 does not open");
    return x;
}

static void make_video(struct made *m, int width, int height, int frames, int gop, int bframes)
{
    AVCodecContext *x = open_video(width, height, gop, bframes);
    m->config_len = make_avcc(x->extradata, (size_t)x->extradata_size, m->config);
    AVFrame *f = av_frame_alloc();
    f->width = width;
    f->height = height;
    f->format = AV_PIX_FMT_YUV420P;
    need(av_frame_get_buffer(f, 0) == 0, "frame");
    for (int i = 0; i < frames; i++) {
        paint(f, i);
        f->pts = i;
        need(avcodec_send_frame(x, f) == 0, "encode");
        drain(m, x);
    }
    avcodec_send_frame(x, NULL);
    drain(m, x);
    av_frame_free(&f);
    avcodec_free_context(&x);
}

struct clip clip_video(int width, int height, int frames, int gop, int bframes, int64_t start)
{
    bool is_new;
    struct made *m = made_of((int[]){frames, width, height, gop, bframes}, &is_new);
    if (is_new) {
        make_video(m, width, height, frames, gop, bframes);
    }
    struct clip c = {0};
    packets_init(&c.packets);
    c.track = track_create(&(struct track_params){.kind = TRACK_VIDEO,
                                                  .codec = CODEC_H264,
                                                  .config = span_of(m->config, m->config_len),
                                                  .width = width,
                                                  .height = height,
                                                  .sar_den = 1});
    /* The encoder's first DTS lies before its first PTS by the reordering depth. */
    int64_t shift = start + (bframes > 0 ? FRAME_TICKS_FPS : 0);
    for (size_t i = 0; i < m->n; i++) {
        const AVPacket *pkt = m->packets[i];
        struct packet p = {.kind = TRACK_VIDEO,
                           .dts = pkt->dts * FRAME_TICKS_FPS + shift,
                           .pts = pkt->pts * FRAME_TICKS_FPS + shift,
                           .duration = FRAME_TICKS_FPS,
                           .flags = pkt->flags & AV_PKT_FLAG_KEY ? PACKET_KEY : 0};
        take(&c, pkt, p);
    }
    return c;
}

static AVCodecContext *open_audio(int bitrate_bps)
{
    av_log_set_level(AV_LOG_ERROR); /* the encoders tell their statistics otherwise */
    AVCodecContext *x = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_AAC));
    need(x != NULL, "no aac");
    x->sample_rate = SAMPLE_RATE;
    x->sample_fmt = AV_SAMPLE_FMT_FLTP;
    x->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_MONO;
    x->bit_rate = bitrate_bps;
    x->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    av_opt_set(x->priv_data, "aac_coder", "fast", 0);
    need(avcodec_open2(x, NULL, NULL) == 0, "aac does not open");
    return x;
}

static void make_audio(struct made *m, int frames, int bitrate_bps)
{
    AVCodecContext *x = open_audio(bitrate_bps);
    need(x->extradata_size <= CONFIG_MAX, "AAC's config");
    m->config_len = (size_t)x->extradata_size;
    memcpy(m->config, x->extradata, m->config_len);
    AVFrame *f = av_frame_alloc();
    f->nb_samples = FRAME_SAMPLES;
    f->format = AV_SAMPLE_FMT_FLTP;
    f->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_MONO;
    need(av_frame_get_buffer(f, 0) == 0, "frame");
    for (int i = 0; i < frames; i++) {
        need(av_frame_make_writable(f) >= 0, "frame");
        for (int s = 0; s < FRAME_SAMPLES; s++) {
            int at = i * FRAME_SAMPLES + s;
            ((float *)f->data[0])[s] = (float)(at % 109 - 54) / 80 * (float)(at % 4801) / 4801;
        }
        f->pts = (int64_t)i * FRAME_SAMPLES;
        need(avcodec_send_frame(x, f) == 0, "encode");
        drain(m, x);
    }
    avcodec_send_frame(x, NULL);
    drain(m, x);
    av_frame_free(&f);
    avcodec_free_context(&x);
}

struct clip clip_audio(int frames, int bitrate_bps, int64_t start)
{
    bool is_new;
    struct made *m = made_of((int[]){frames, bitrate_bps, 0, 0, -1}, &is_new);
    if (is_new) {
        make_audio(m, frames, bitrate_bps);
    }
    struct clip c = {0};
    packets_init(&c.packets);
    c.track = track_create(&(struct track_params){.kind = TRACK_AUDIO,
                                                  .codec = CODEC_AAC,
                                                  .config = span_of(m->config, m->config_len),
                                                  .sample_rate = SAMPLE_RATE,
                                                  .channels = 1});
    for (size_t i = 0; i < m->n; i++) {
        int64_t at = start + (int64_t)i * AUDIO_TICKS;
        struct packet p = {.kind = TRACK_AUDIO,
                           .dts = at,
                           .pts = at,
                           .duration = AUDIO_TICKS,
                           .flags = PACKET_KEY};
        take(&c, m->packets[i], p);
    }
    return c;
}

struct packets clip_cut(const struct clip *c, size_t first, size_t n)
{
    struct packets out;
    packets_init(&out);
    for (size_t i = first; i < first + n && i < c->packets.count; i++) {
        need(packets_push(&out, packet_ref(&c->packets.items[i])) == ERR_OK, "memory");
    }
    return out;
}

void clip_free(struct clip *c)
{
    packets_fini(&c->packets);
    track_unref(c->track);
    c->track = NULL;
}
