#include "transcoder/benchmark_clip.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <string.h>

#include "transcoder/avcc.h"

#define UNIT_MAX   (4 * 1024 * 1024)
#define CONFIG_MAX 4096
#define CHROMA     128

static AVCodecContext *open_encoder(struct fault *f)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
    AVCodecContext *x = codec != NULL ? avcodec_alloc_context3(codec) : NULL;
    if (x == NULL) {
        (void)fault_set(f, false, ERR_UNSUPPORTED, "there is no libx264 to measure with");
        return NULL;
    }
    x->width = BENCHMARK_WIDTH;
    x->height = BENCHMARK_HEIGHT;
    x->pix_fmt = AV_PIX_FMT_YUV420P;
    x->time_base = (AVRational){1, BENCHMARK_FPS};
    x->framerate = (AVRational){BENCHMARK_FPS, 1};
    x->gop_size = BENCHMARK_FRAMES;
    x->max_b_frames = 0;
    x->thread_count = 1;
    x->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    int r = av_opt_set(x->priv_data, "preset", "ultrafast", 0);
    r = r < 0 ? r : av_opt_set(x->priv_data, "tune", "zerolatency", 0);
    r = r < 0 ? r : avcodec_open2(x, codec, NULL);
    if (r < 0) {
        (void)fault_set_av(f, false, "the benchmark's encoder", r);
        avcodec_free_context(&x);
    }
    return x;
}

/* Slopes, edges and a little noise that move at two speeds: work for the motion search and for the
 * residual, as a camera's picture is. */
static void paint(AVFrame *f, int number)
{
    uint32_t seed = (uint32_t)number * 747796405 + 1;
    for (int y = 0; y < f->height; y++) {
        uint8_t *row = f->data[0] + (ptrdiff_t)y * f->linesize[0];
        for (int x = 0; x < f->width; x++) {
            int far_x = x + number * 2;
            int near_x = x - number * 5;
            int block = ((near_x >> 5) ^ (y >> 5)) & 3;
            seed = seed * 1664525 + 1013904223;
            int v = block == 0 ? 40 + ((near_x * 3 + y * 5) & 127) : 60 + (far_x + y) % 120;
            row[x] = (uint8_t)(v + (int)(seed >> 29));
        }
    }
}

static enum err take_packets(struct benchmark_clip *c, AVCodecContext *x, AVPacket *p)
{
    enum err e = ERR_OK;
    while (e == ERR_OK && avcodec_receive_packet(x, p) == 0) {
        struct buf unit;
        buf_init(&unit, UNIT_MAX);
        e = avcc_write_unit(span_of(p->data, (size_t)p->size), &unit);
        struct packet out = {.kind = TRACK_VIDEO,
                             .pts = p->pts * TICKS_PER_S / BENCHMARK_FPS,
                             .dts = p->dts * TICKS_PER_S / BENCHMARK_FPS,
                             .flags = (p->flags & AV_PKT_FLAG_KEY) != 0 ? PACKET_KEY : 0};
        out.blob = e == ERR_OK ? blob_copy(buf_span(&unit)) : NULL;
        buf_fini(&unit);
        av_packet_unref(p);
        if (out.blob == NULL) {
            return ERR_NOMEM;
        }
        out.data = blob_span(out.blob);
        e = packets_push(&c->packets, out);
        if (e != ERR_OK) {
            packet_unref(&out);
        }
    }
    return e;
}

static enum err encode(struct benchmark_clip *c, AVCodecContext *x, AVFrame *frame, AVPacket *p)
{
    frame->format = AV_PIX_FMT_YUV420P;
    frame->width = BENCHMARK_WIDTH;
    frame->height = BENCHMARK_HEIGHT;
    if (av_frame_get_buffer(frame, 0) < 0) {
        return ERR_NOMEM;
    }
    for (int i = 0; i < BENCHMARK_FRAMES; i++) {
        if (av_frame_make_writable(frame) < 0) {
            return ERR_NOMEM;
        }
        paint(frame, i);
        for (int plane = 1; plane < 3; plane++) {
            memset(frame->data[plane], CHROMA,
                   (size_t)frame->linesize[plane] * (BENCHMARK_HEIGHT / 2));
        }
        frame->pts = i;
        if (avcodec_send_frame(x, frame) < 0) {
            return ERR_UNSUPPORTED;
        }
        enum err e = take_packets(c, x, p);
        if (e != ERR_OK) {
            return e;
        }
    }
    (void)avcodec_send_frame(x, NULL);
    return take_packets(c, x, p);
}

enum err benchmark_clip_init(struct benchmark_clip *c, struct fault *f)
{
    *c = (struct benchmark_clip){0};
    packets_init(&c->packets);
    buf_init(&c->config, CONFIG_MAX);
    AVCodecContext *x = open_encoder(f);
    if (x == NULL) {
        return ERR_UNSUPPORTED;
    }
    AVFrame *frame = av_frame_alloc();
    AVPacket *p = av_packet_alloc();
    enum err e = frame != NULL && p != NULL ? encode(c, x, frame, p) : ERR_NOMEM;
    if (e == ERR_OK) {
        e = avcc_write_config(span_of(x->extradata, (size_t)x->extradata_size), &c->config);
    }
    av_frame_free(&frame);
    av_packet_free(&p);
    avcodec_free_context(&x);
    if (e != ERR_OK) {
        return fault_set(f, false, e, "the benchmark's source cannot be made: %s", err_text(e));
    }
    c->track = (struct track_params){.kind = TRACK_VIDEO,
                                     .codec = CODEC_H264,
                                     .config = buf_span(&c->config),
                                     .width = BENCHMARK_WIDTH,
                                     .height = BENCHMARK_HEIGHT,
                                     .sar_den = 1};
    return ERR_OK;
}

void benchmark_clip_fini(struct benchmark_clip *c)
{
    packets_fini(&c->packets);
    buf_fini(&c->config);
}
