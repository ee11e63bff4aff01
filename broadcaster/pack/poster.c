#include "broadcaster/pack/poster.h"

#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <string.h>

#define QUALITY  4 /* mjpeg's quantizer: 2 is the best, 31 the worst */
#define SIDE_MIN 16
#define SAR_MAX  8 /* what is stretched more than that is no true shape */

static const struct {
    enum AVCodecID id;
    bool config; /* its decoder reads the record */
} decoders[CODECS_] = {
    [CODEC_H264] = {AV_CODEC_ID_H264, true},
    [CODEC_HEVC] = {AV_CODEC_ID_HEVC, true},
    [CODEC_AV1] = {AV_CODEC_ID_AV1, true},
    [CODEC_VP9] = {AV_CODEC_ID_VP9, false},
};

static enum err err_of(int av)
{
    return av == AVERROR(ENOMEM) ? ERR_NOMEM : ERR_PROTO;
}

static const struct packet *key_of(const struct segment *s)
{
    const struct packets *ps = segment_packets(s);
    for (size_t i = 0; segment_video(s) != NULL && i < ps->count; i++) {
        if ((ps->items[i].flags & PACKET_KEY) != 0) {
            return &ps->items[i];
        }
    }
    return NULL;
}

bool poster_has(const struct segment *s)
{
    return key_of(s) != NULL;
}

/* --- decoding --- */

static enum err open_decoder(const struct track_params *t, AVCodecContext **ret_ctx)
{
    enum AVCodecID id = decoders[t->codec].id;
    const AVCodec *codec = id != AV_CODEC_ID_NONE ? avcodec_find_decoder(id) : NULL;
    if (codec == NULL) {
        return ERR_UNSUPPORTED;
    }
    AVCodecContext *ctx = *ret_ctx = avcodec_alloc_context3(codec);
    if (ctx == NULL) {
        return ERR_NOMEM;
    }
    if (decoders[t->codec].config && t->config.len > 0) {
        ctx->extradata = av_mallocz(t->config.len + AV_INPUT_BUFFER_PADDING_SIZE);
        if (ctx->extradata == NULL) {
            return ERR_NOMEM;
        }
        memcpy(ctx->extradata, t->config.data, t->config.len);
        ctx->extradata_size = (int)t->config.len;
    }
    ctx->thread_count = 1;
    ctx->max_pixels = POSTER_PIXELS_MAX;
    ctx->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
    ctx->flags2 |= AV_CODEC_FLAG2_SHOW_ALL;
    int r = avcodec_open2(ctx, codec, NULL);
    return r < 0 ? err_of(r) : ERR_OK;
}

/* Copied: a slice of a blob lacks the zeroed padding that bit readers need. */
static enum err send_packet(AVCodecContext *ctx, const struct packet *p)
{
    AVPacket *packet = av_packet_alloc();
    int r = packet != NULL ? av_new_packet(packet, (int)p->data.len) : AVERROR(ENOMEM);
    if (r == 0) {
        memcpy(packet->data, p->data.data, p->data.len);
        packet->flags |= AV_PKT_FLAG_KEY;
        r = avcodec_send_packet(ctx, packet);
    }
    av_packet_free(&packet);
    if (r == 0) {
        r = avcodec_send_packet(ctx, NULL);
    }
    return r < 0 ? err_of(r) : ERR_OK;
}

static enum err decode(const struct track_params *t, const struct packet *p, AVFrame *frame)
{
    AVCodecContext *ctx = NULL;
    bool small =
        p->data.len <= POSTER_INPUT_MAX && (int64_t)t->width * t->height <= POSTER_PIXELS_MAX;
    enum err e = small ? open_decoder(t, &ctx) : ERR_LIMIT;
    e = e == ERR_OK ? send_packet(ctx, p) : e;
    if (e == ERR_OK) {
        int r = avcodec_receive_frame(ctx, frame);
        e = r < 0 ? err_of(r) : ERR_OK;
    }
    avcodec_free_context(&ctx);
    bool picture = e == ERR_OK && frame->width > 0 && frame->height > 0 && frame->data[0] != NULL &&
                   frame->hw_frames_ctx == NULL;
    if (e == ERR_OK && !picture) {
        return ERR_PROTO;
    }
    return e == ERR_OK && (int64_t)frame->width * frame->height > POSTER_PIXELS_MAX ? ERR_LIMIT : e;
}

/* --- scaling --- */

static int at_least(int64_t side)
{
    return side > SIDE_MIN ? (int)side : SIDE_MIN;
}

/* The shape in which it is shown, made smaller until it is small enough. */
static void output_size(const AVFrame *in, const struct track_params *t, int *ret_w, int *ret_h)
{
    AVRational sar = in->sample_aspect_ratio;
    if (sar.num <= 0 || sar.den <= 0) {
        sar = (AVRational){t->sar_num, t->sar_den};
    }
    bool sane =
        sar.num > 0 && sar.den > 0 && sar.num / SAR_MAX <= sar.den && sar.den / SAR_MAX <= sar.num;
    int64_t w = in->width;
    int64_t h = in->height;
    if (sane && sar.num < sar.den) {
        h = h * sar.den / sar.num;
    } else if (sane) {
        w = w * sar.num / sar.den;
    }
    if (w > POSTER_WIDTH_MAX) {
        h = h * POSTER_WIDTH_MAX / w;
        w = POSTER_WIDTH_MAX;
    }
    if (h > POSTER_HEIGHT_MAX) {
        w = w * POSTER_HEIGHT_MAX / h;
        h = POSTER_HEIGHT_MAX;
    }
    *ret_w = at_least(w);
    *ret_h = at_least(h);
}

/* JPEG's samples are of BT.601 with the full range (JFIF 1.02). */
static void set_colors(struct SwsContext *sws, const AVFrame *in)
{
    bool full = in->color_range == AVCOL_RANGE_JPEG;
    int space = in->colorspace == AVCOL_SPC_BT709                             ? SWS_CS_ITU709
                : in->colorspace == AVCOL_SPC_BT2020_NCL                      ? SWS_CS_BT2020
                : in->colorspace == AVCOL_SPC_UNSPECIFIED && in->height > 576 ? SWS_CS_ITU709
                                                                              : SWS_CS_ITU601;
    (void)sws_setColorspaceDetails(sws, sws_getCoefficients(space), full,
                                   sws_getCoefficients(SWS_CS_ITU601), 1, 0, 1 << 16, 1 << 16);
}

static enum err scale(const AVFrame *in, const struct track_params *t, AVFrame *out)
{
    output_size(in, t, &out->width, &out->height);
    out->format = AV_PIX_FMT_YUVJ420P;
    out->color_range = AVCOL_RANGE_JPEG;
    if (sws_isSupportedInput(in->format) <= 0) {
        return ERR_UNSUPPORTED;
    }
    int r = av_frame_get_buffer(out, 0);
    if (r < 0) {
        return err_of(r);
    }
    struct SwsContext *sws =
        sws_getContext(in->width, in->height, in->format, out->width, out->height, out->format,
                       SWS_AREA | SWS_ACCURATE_RND, NULL, NULL, NULL);
    if (sws == NULL) {
        return ERR_NOMEM;
    }
    set_colors(sws, in);
    r = sws_scale(sws, (const uint8_t *const *)in->data, in->linesize, 0, in->height, out->data,
                  out->linesize);
    sws_freeContext(sws);
    return r < 0 ? err_of(r) : ERR_OK;
}

/* --- turning --- */

static void turn_plane(const AVFrame *in, const AVFrame *out, const struct track_turn *turn, int p)
{
    int shift = p > 0;
    int w = AV_CEIL_RSHIFT(in->width, shift), h = AV_CEIL_RSHIFT(in->height, shift);
    for (int y = 0; y < h; y++) {
        const uint8_t *from = in->data[p] + y * in->linesize[p];
        for (int x = 0; x < w; x++) {
            int left = turn->mirrored ? w - 1 - x : x;
            const int to[4][2] = {
                {left, y}, {h - 1 - y, left}, {w - 1 - left, h - 1 - y}, {y, w - 1 - left}};
            const int *at = to[turn->quarters % 4];
            out->data[p][at[1] * out->linesize[p] + at[0]] = from[x];
        }
    }
}

/* The small picture, in place of itself. */
static enum err stand(AVFrame *picture, const struct track_turn *turn)
{
    if (turn->quarters == 0 && !turn->mirrored) {
        return ERR_OK;
    }
    AVFrame *out = av_frame_alloc();
    if (out == NULL) {
        return ERR_NOMEM;
    }
    bool lies = turn->quarters % 2 == 1;
    out->format = picture->format;
    out->color_range = picture->color_range;
    out->width = lies ? picture->height : picture->width;
    out->height = lies ? picture->width : picture->height;
    int r = av_frame_get_buffer(out, 0);
    for (int p = 0; r == 0 && p < 3; p++) {
        turn_plane(picture, out, turn, p);
    }
    if (r == 0) {
        av_frame_unref(picture);
        av_frame_move_ref(picture, out);
    }
    av_frame_free(&out);
    return r < 0 ? err_of(r) : ERR_OK;
}

/* --- encoding --- */

static enum err open_encoder(AVFrame *picture, AVCodecContext **ret_ctx)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    if (codec == NULL) {
        return ERR_UNSUPPORTED;
    }
    AVCodecContext *ctx = *ret_ctx = avcodec_alloc_context3(codec);
    if (ctx == NULL) {
        return ERR_NOMEM;
    }
    ctx->width = picture->width;
    ctx->height = picture->height;
    ctx->pix_fmt = picture->format;
    ctx->color_range = AVCOL_RANGE_JPEG;
    ctx->time_base = (AVRational){1, 1};
    ctx->thread_count = 1;
    ctx->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
    ctx->global_quality = picture->quality = FF_QP2LAMBDA * QUALITY;
    int r = avcodec_open2(ctx, codec, NULL);
    return r < 0 ? err_of(r) : ERR_OK;
}

static enum err encode(AVFrame *picture, struct blob **ret_jpeg)
{
    AVCodecContext *ctx = NULL;
    AVPacket *packet = av_packet_alloc();
    enum err e = packet != NULL ? open_encoder(picture, &ctx) : ERR_NOMEM;
    if (e == ERR_OK) {
        int r = avcodec_send_frame(ctx, picture);
        r = r < 0 ? r : avcodec_receive_packet(ctx, packet);
        e = r < 0 ? err_of(r) : packet->size > POSTER_BYTES_MAX ? ERR_LIMIT : ERR_OK;
    }
    if (e == ERR_OK) {
        struct blob *jpeg = blob_copy(span_of(packet->data, (size_t)packet->size));
        e = jpeg != NULL ? ERR_OK : ERR_NOMEM;
        *ret_jpeg = jpeg != NULL ? jpeg : *ret_jpeg;
    }
    av_packet_free(&packet);
    avcodec_free_context(&ctx);
    return e;
}

enum err poster_make(const struct segment *s, struct blob **ret_jpeg)
{
    const struct packet *key = key_of(s);
    if (key == NULL) {
        return ERR_NOENT;
    }
    const struct track_params *t = track_params(segment_video(s));
    AVFrame *in = av_frame_alloc();
    AVFrame *out = av_frame_alloc();
    enum err e = in != NULL && out != NULL ? decode(t, key, in) : ERR_NOMEM;
    e = e == ERR_OK ? scale(in, t, out) : e;
    e = e == ERR_OK ? stand(out, &t->turn) : e;
    e = e == ERR_OK ? encode(out, ret_jpeg) : e;
    av_frame_free(&in);
    av_frame_free(&out);
    return e;
}
