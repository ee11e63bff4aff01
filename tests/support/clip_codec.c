#include "tests/support/clip_codec.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_RATE 48000
#define FPS         30
#define GOP         15

static const char *const encoders[CODECS_] = {
    [CODEC_H264] = "libx264",   [CODEC_HEVC] = "libx265", [CODEC_AV1] = "libaom-av1",
    [CODEC_VP9] = "libvpx-vp9", [CODEC_AAC] = "aac",      [CODEC_MP3] = "libmp3lame",
    [CODEC_OPUS] = "libopus",   [CODEC_FLAC] = "flac",    [CODEC_AC3] = "ac3",
    [CODEC_EAC3] = "eac3",
};

/* libx265 does not free all of what an encoder had: no finding of ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libx265";
}

static void need(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "clip_codec: %s\n", what);
        abort();
    }
}

static AVCodecContext *open_encoder(enum track_codec codec, bool hdr)
{
    const AVCodec *c = avcodec_find_encoder_by_name(encoders[codec]);
    need(c != NULL, encoders[codec]);
    AVCodecContext *x = avcodec_alloc_context3(c);
    AVDictionary *options = NULL;
    x->thread_count = 1;
    x->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    if (c->type == AVMEDIA_TYPE_VIDEO) {
        x->width = CLIP_WIDTH;
        x->height = CLIP_HEIGHT;
        x->pix_fmt = hdr ? AV_PIX_FMT_YUV420P10 : AV_PIX_FMT_YUV420P;
        if (hdr) {
            x->color_range = AVCOL_RANGE_MPEG;
            x->color_primaries = AVCOL_PRI_BT2020;
            x->color_trc = AVCOL_TRC_SMPTE2084;
            x->colorspace = AVCOL_SPC_BT2020_NCL;
        }
        x->time_base = (AVRational){1, FPS};
        x->framerate = (AVRational){FPS, 1};
        x->gop_size = x->keyint_min = GOP;
        x->bit_rate = codec == CODEC_H264 || codec == CODEC_HEVC ? 0 : 300000;
        av_dict_set(&options, "preset", "ultrafast", 0);
        av_dict_set(&options, "x265-params",
                    "log-level=none:pools=1:frame-threads=1:bframes=2:"
                    "open-gop=0:scenecut=0:info=0",
                    0);
        av_dict_set(&options, "x264-params", "scenecut=0:bframes=2:b-adapt=0", 0);
        av_dict_set(&options, "cpu-used", "8", 0);
        av_dict_set(&options, "usage", "realtime", 0);
        av_dict_set(&options, "deadline", "realtime", 0);
        av_dict_set(&options, "lag-in-frames", "0", 0);
    } else {
        x->sample_rate = SAMPLE_RATE;
        x->sample_fmt = c->sample_fmts[0];
        x->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_MONO;
        x->time_base = (AVRational){1, SAMPLE_RATE};
        x->bit_rate = 96000;
    }
    need(avcodec_open2(x, c, &options) == 0, "an encoder does not open");
    av_dict_free(&options);
    return x;
}

static void put(AVFrame *f, int plane, int x, int y, int v)
{
    uint8_t *row = f->data[plane] + (ptrdiff_t)y * f->linesize[plane];
    if (f->format == AV_PIX_FMT_YUV420P10) {
        ((uint16_t *)row)[x] = (uint16_t)((v & 255) << 2);
    } else {
        row[x] = (uint8_t)v;
    }
}

static void paint(AVFrame *f, int n)
{
    for (int y = 0; y < f->height; y++) {
        for (int x = 0; x < f->width; x++) {
            put(f, 0, x, y, x + y + 5 * n + ((x ^ y) & 31));
        }
    }
    for (int y = 0; y < (f->height + 1) / 2; y++) {
        for (int x = 0; x < f->width / 2; x++) {
            put(f, 1, x, y, 100 + n % 50);
            put(f, 2, x, y, 150 - n % 50);
        }
    }
}

/* One channel: planar and interleaved are the same. */
static void play(AVFrame *f, int64_t from)
{
    for (int i = 0; i < f->nb_samples; i++) {
        float v = (float)((from + i) % 109 - 54) / 80;
        switch (av_get_packed_sample_fmt((enum AVSampleFormat)f->format)) {
        case AV_SAMPLE_FMT_S16:
            ((int16_t *)f->data[0])[i] = (int16_t)(v * 20000);
            break;
        case AV_SAMPLE_FMT_S32:
            ((int32_t *)f->data[0])[i] = (int32_t)(v * 1000000000);
            break;
        default:
            ((float *)f->data[0])[i] = v;
        }
    }
}

static AVFrame *frame_for(const AVCodecContext *x)
{
    AVFrame *f = av_frame_alloc();
    f->width = x->width;
    f->height = x->height;
    f->format = x->codec_type == AVMEDIA_TYPE_VIDEO ? (int)x->pix_fmt : (int)x->sample_fmt;
    f->nb_samples = x->frame_size;
    f->ch_layout = x->ch_layout;
    need(av_frame_get_buffer(f, 0) == 0, "frame");
    return f;
}

static void drain(AVCodecContext *x, AVFormatContext *f, int *left)
{
    AVPacket *p = av_packet_alloc();
    while (avcodec_receive_packet(x, p) == 0) {
        av_packet_rescale_ts(p, x->time_base, f->streams[0]->time_base);
        if ((*left)-- > 0) {
            need(av_write_frame(f, p) >= 0, "mux");
        }
        av_packet_unref(p);
    }
    av_packet_free(&p);
}

/* The way a publisher's tool has it too: an MP4 file, whose boxes hold the configurations. */
static int encode(enum track_codec codec, bool hdr, int frames, uint8_t **ret_bytes)
{
    AVCodecContext *x = open_encoder(codec, hdr);
    AVFormatContext *f = NULL;
    avformat_alloc_output_context2(&f, NULL, "mp4", NULL);
    avformat_new_stream(f, NULL);
    avcodec_parameters_from_context(f->streams[0]->codecpar, x);
    f->streams[0]->time_base = x->time_base;
    need(avio_open_dyn_buf(&f->pb) == 0, "memory");
    AVDictionary *options = NULL;
    av_dict_set(&options, "use_editlist", "0", 0);
    f->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
    need(avformat_write_header(f, &options) >= 0, "header");
    av_dict_free(&options);
    AVFrame *frame = frame_for(x);
    int left = frames;
    for (int i = 0; i < frames; i++) {
        need(av_frame_make_writable(frame) >= 0, "frame");
        bool video = x->codec_type == AVMEDIA_TYPE_VIDEO;
        frame->pts = video ? i : (int64_t)i * x->frame_size;
        if (video) {
            paint(frame, i);
        } else {
            play(frame, frame->pts);
        }
        need(avcodec_send_frame(x, frame) == 0, "encode");
        drain(x, f, &left);
    }
    avcodec_send_frame(x, NULL);
    drain(x, f, &left);
    need(av_write_trailer(f) >= 0, "trailer");
    int n = avio_close_dyn_buf(f->pb, ret_bytes);
    f->pb = NULL;
    avformat_free_context(f);
    av_frame_free(&frame);
    avcodec_free_context(&x);
    return n;
}

struct input {
    const uint8_t *data;
    int64_t len, at;
};

static int on_read(void *arg, uint8_t *out, int size)
{
    struct input *in = arg;
    int64_t n = in->len - in->at < size ? in->len - in->at : size;
    memcpy(out, in->data + in->at, (size_t)n);
    in->at += n;
    return n > 0 ? (int)n : AVERROR_EOF;
}

static int64_t on_seek(void *arg, int64_t to, int whence)
{
    struct input *in = arg;
    if (whence == AVSEEK_SIZE) {
        return in->len;
    }
    in->at = to;
    return to;
}

static struct track *track_of(enum track_codec codec, bool hdr, const AVCodecParameters *p)
{
    /* VPCodecConfigurationRecord: profile 0, level 1, 4:2:0 in 8 bits, colours not told. */
    static const uint8_t sdr[] = {0, 10, 0x82, 2, 2, 2, 0, 0};
    /* Profile 2, 10 bits, BT.2020, PQ. */
    static const uint8_t deep[] = {2, 10, 0xA2, 9, 16, 9, 0, 0};
    const uint8_t *vpcc = hdr ? deep : sdr;
    bool video = codec <= CODEC_VP9;
    bool none = codec == CODEC_MP3 || codec == CODEC_AC3 || codec == CODEC_EAC3;
    struct span config = codec == CODEC_VP9 ? span_of(vpcc, sizeof sdr)
                         : none             ? span_of(NULL, 0)
                                            : span_of(p->extradata, (size_t)p->extradata_size);
    return track_create(&(struct track_params){.kind = video ? TRACK_VIDEO : TRACK_AUDIO,
                                               .codec = codec,
                                               .config = config,
                                               .width = video ? CLIP_WIDTH : 0,
                                               .height = video ? CLIP_HEIGHT : 0,
                                               .sar_den = 1,
                                               .sample_rate = video ? 0 : SAMPLE_RATE,
                                               .channels = video ? 0 : 1});
}

static struct clip make(enum track_codec codec, bool hdr, int frames, int64_t start)
{
    struct clip c = {0};
    uint8_t *bytes = NULL;
    av_log_set_level(AV_LOG_QUIET);
    int n = encode(codec, hdr, frames, &bytes);
    struct input in = {bytes, n, 0};
    AVFormatContext *f = avformat_alloc_context();
    f->pb = avio_alloc_context(av_malloc(65536), 65536, 0, &in, on_read, NULL, on_seek);
    need(avformat_open_input(&f, NULL, av_find_input_format("mov"), NULL) == 0, "demux");
    packets_init(&c.packets);
    c.track = track_of(codec, hdr, f->streams[0]->codecpar);
    AVPacket *p = av_packet_alloc();
    int64_t shift = 0;
    while (av_read_frame(f, p) == 0) {
        av_packet_rescale_ts(p, f->streams[0]->time_base, (AVRational){1, TICKS_PER_S});
        shift = c.packets.count == 0 ? start - p->dts : shift;
        struct packet out = {.kind = track_params(c.track)->kind,
                             .dts = p->dts + shift,
                             .pts = p->pts + shift,
                             .duration = p->duration,
                             .flags = p->flags & AV_PKT_FLAG_KEY ? PACKET_KEY : 0,
                             .blob = blob_copy(span_of(p->data, (size_t)p->size))};
        out.data = blob_span(out.blob);
        need(packets_push(&c.packets, out) == ERR_OK, "memory");
        av_packet_unref(p);
    }
    need(c.packets.count == (size_t)frames, "the clip is short");
    av_packet_free(&p);
    av_freep(&f->pb->buffer);
    avio_context_free(&f->pb);
    avformat_close_input(&f);
    av_free(bytes);
    return c;
}

struct clip clip_codec(enum track_codec codec, int frames, int64_t start)
{
    return make(codec, false, frames, start);
}

struct clip clip_codec_hdr(enum track_codec codec, int frames, int64_t start)
{
    return make(codec, true, frames, start);
}
