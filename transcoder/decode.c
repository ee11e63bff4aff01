#include "transcoder/decode.h"

#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
#include <string.h>

#include "base/mem.h"
#include "transcoder/avcc.h"

#define VPCC_BYTES  8
#define REORDER_MAX 16 /* ITU-T H.264, A.3.1: max_dec_frame_buffering */

struct decoder {
    enum track_codec codec;
    AVCodecContext *ctx;
    AVPacket *packet;
    uint64_t errors;
    uint64_t packets;
    int64_t first_dts;
    int64_t first_delay; /* pts - dts of the first packet */
};

static const struct {
    enum AVCodecID id;
    bool config; /* its decoder reads the record */
} decoders[CODECS_] = {
    [CODEC_H264] = {AV_CODEC_ID_H264, true},
    [CODEC_HEVC] = {AV_CODEC_ID_HEVC, true},
    [CODEC_AV1] = {AV_CODEC_ID_AV1, true},
    [CODEC_VP9] = {AV_CODEC_ID_VP9, false},
};

static enum err set_extradata(AVCodecContext *ctx, struct span config)
{
    ctx->extradata = av_mallocz(config.len + AV_INPUT_BUFFER_PADDING_SIZE);
    if (ctx->extradata == NULL) {
        return ERR_NOMEM;
    }
    memcpy(ctx->extradata, config.data, config.len);
    ctx->extradata_size = (int)config.len;
    return ERR_OK;
}

/* VP9's bitstream tells the matrix alone; the rest is in the VPCodecConfigurationRecord ("VP Codec
 * ISO Media File Format Binding"): primaries in byte 3, transfer in byte 4. */
static void set_vp9_colours(AVCodecContext *ctx, struct span config)
{
    if (config.len >= VPCC_BYTES && av_color_primaries_name(config.data[3]) != NULL &&
        av_color_transfer_name(config.data[4]) != NULL) {
        ctx->color_primaries = config.data[3];
        ctx->color_trc = config.data[4];
    }
}

static enum err set_config(AVCodecContext *ctx, const struct track_params *track)
{
    if (decoders[track->codec].config && set_extradata(ctx, track->config) != ERR_OK) {
        return ERR_NOMEM;
    }
    ctx->pkt_timebase = (AVRational){1, TICKS_PER_S};
    ctx->thread_count = 1;
    ctx->max_pixels = DECODE_PIXELS_MAX;
    /* A picture with concealed errors is better than a repeated one. */
    ctx->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
    if (track->codec == CODEC_VP9) {
        set_vp9_colours(ctx, track->config);
    }
    if (track->codec == CODEC_AV1) {
        /* libdav1d holds pictures back for its threads otherwise. For H.264 and HEVC the flag means
         * that no picture is shown out of order. */
        ctx->flags |= AV_CODEC_FLAG_LOW_DELAY;
    }
    ctx->flags2 |= AV_CODEC_FLAG2_SHOW_ALL;
    return ERR_OK;
}

static enum err decoder_open(struct decoder *d, const struct track_params *track, struct fault *f)
{
    const AVCodec *codec = avcodec_find_decoder(decoders[track->codec].id);
    if (codec == NULL) {
        return fault_set(f, false, ERR_UNSUPPORTED, "this host's libavcodec has no %s decoder",
                         track_codec_name(track->codec));
    }
    d->ctx = avcodec_alloc_context3(codec);
    d->packet = av_packet_alloc();
    if (d->ctx == NULL || d->packet == NULL || set_config(d->ctx, track) != ERR_OK) {
        return fault_set(f, false, ERR_NOMEM, "no memory for a decoder");
    }
    int r = avcodec_open2(d->ctx, codec, NULL);
    return r < 0 ? fault_set_av(f, true, "the decoder cannot be opened", r) : ERR_OK;
}

enum err decoder_check(const struct track_params *track, struct fault *f)
{
    if (track->kind != TRACK_VIDEO || !track_codec_is_video(track->codec)) {
        return fault_set(f, true, ERR_UNSUPPORTED, "only video is transcoded");
    }
    if (track->codec == CODEC_H264 && avcc_check_config(track->config) != ERR_OK) {
        return fault_set(f, true, ERR_PROTO,
                         "the track's config is not an AVCDecoderConfigurationRecord");
    }
    return ERR_OK;
}

enum err decoder_create(const struct track_params *track, struct fault *f,
                        struct decoder **ret_decoder)
{
    enum err e = decoder_check(track, f);
    if (e != ERR_OK) {
        return e;
    }
    struct decoder *d = mem_alloc(sizeof *d);
    d->codec = track->codec;
    e = decoder_open(d, track, f);
    if (e != ERR_OK) {
        decoder_destroy(d);
        return e;
    }
    *ret_decoder = d;
    return ERR_OK;
}

void decoder_destroy(struct decoder *d)
{
    if (d == NULL) {
        return;
    }
    av_packet_free(&d->packet);
    avcodec_free_context(&d->ctx);
    mem_free(d);
}

/* An H.264 source with B-frames whose parameter sets do not tell its reorder depth would lose
 * pictures until libavcodec has guessed it. The first two packets tell: PTS - DTS over the DTS
 * step. */
static void learn_reorder(struct decoder *d, const struct packet *p)
{
    if (d->packets == 0) {
        d->first_dts = p->dts;
        d->first_delay = p->pts - p->dts;
        if (d->first_delay > 0 && d->ctx->has_b_frames == 0) {
            d->ctx->has_b_frames = 1;
        }
    } else if (d->packets == 1 && d->first_delay > 0 && p->dts > d->first_dts) {
        int64_t step = p->dts - d->first_dts;
        int64_t depth = d->first_delay / step + (d->first_delay % step > step / 2);
        if (depth <= REORDER_MAX && depth > d->ctx->has_b_frames) {
            d->ctx->has_b_frames = (int)depth;
        }
    }
    d->packets++;
}

static enum err fill_packet(struct decoder *d, const struct packet *p)
{
    /* Copied: a slice of a blob lacks the zeroed padding that bit readers need. */
    if (p->data.len > INT32_MAX - AV_INPUT_BUFFER_PADDING_SIZE ||
        av_new_packet(d->packet, (int)p->data.len) < 0) {
        return ERR_NOMEM;
    }
    memcpy(d->packet->data, p->data.data, p->data.len);
    d->packet->pts = p->pts;
    d->packet->dts = p->dts;
    d->packet->duration = p->duration;
    d->packet->flags = ((p->flags & PACKET_KEY) != 0 ? AV_PKT_FLAG_KEY : 0) |
                       ((p->flags & PACKET_PREROLL) != 0 ? AV_PKT_FLAG_DISCARD : 0);
    return ERR_OK;
}

/* Bytes that cannot be read are no end of the job; an allocation that failed is. */
static enum err judge(struct decoder *d, int av_error, struct fault *f)
{
    if (av_error == AVERROR(ENOMEM)) {
        return fault_set_av(f, false, "decoding", av_error);
    }
    d->errors++;
    return ERR_OK;
}

enum err decoder_push(struct decoder *d, const struct packet *p, struct fault *f)
{
    if (p == NULL) {
        int r = avcodec_send_packet(d->ctx, NULL);
        return r < 0 && r != AVERROR_EOF ? judge(d, r, f) : ERR_OK;
    }
    if (p->data.len == 0) {
        /* libavcodec reads an empty packet as the end. */
        d->errors++;
        return ERR_OK;
    }
    if (d->codec == CODEC_H264) {
        learn_reorder(d, p);
    }
    if (fill_packet(d, p) != ERR_OK) {
        return fault_set(f, false, ERR_NOMEM, "no memory for a packet of %zu bytes", p->data.len);
    }
    int r = avcodec_send_packet(d->ctx, d->packet);
    av_packet_unref(d->packet);
    return r < 0 ? judge(d, r, f) : ERR_OK;
}

enum err decoder_pull(struct decoder *d, AVFrame *frame, struct fault *f)
{
    for (;;) {
        int r = avcodec_receive_frame(d->ctx, frame);
        if (r == AVERROR(EAGAIN)) {
            return ERR_AGAIN;
        }
        if (r == AVERROR_EOF) {
            return ERR_CLOSED;
        }
        if (r < 0) {
            enum err e = judge(d, r, f);
            if (e != ERR_OK) {
                return e;
            }
            continue;
        }
        if (frame->pts != AV_NOPTS_VALUE) {
            return ERR_OK;
        }
        d->errors++;
        av_frame_unref(frame);
    }
}

uint64_t decoder_errors(const struct decoder *d)
{
    return d->errors;
}
