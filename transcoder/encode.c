#include "transcoder/encode.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "media/track.h"
#include "transcoder/avcc.h"

#define OWN_TIMES_FPS 30 /* told to the rate control when the source's own times are kept */

struct encoder {
    AVCodecContext *ctx;
    AVPacket *packet;
    struct buf config;
};

static void set_rate(AVCodecContext *ctx, const struct link_rung *rung)
{
    if (rung->fps_num > 0) {
        ctx->framerate = (AVRational){(int)rung->fps_num, (int)rung->fps_den};
        ctx->time_base = av_inv_q(ctx->framerate);
    } else {
        ctx->framerate = (AVRational){OWN_TIMES_FPS, 1};
        ctx->time_base = (AVRational){1, TICKS_PER_S};
    }
    ctx->rc_max_rate = rung->bitrate_bps;
    ctx->rc_buffer_size = (int)rung->buffer_bits;
    /* 0 would mean libx264's own default, so an empty buffer is told as one bit. */
    int64_t fill = (int64_t)rung->buffer_bits * rung->vbv_init_permille / 1000;
    ctx->rc_initial_buffer_occupancy = fill > 0 ? (int)fill : 1;
}

static void set_picture(AVCodecContext *ctx, const struct link_rung *rung, const AVFrame *like)
{
    ctx->width = (int)rung->width;
    ctx->height = (int)rung->height;
    ctx->pix_fmt = AV_PIX_FMT_YUV420P;
    ctx->color_range = like->color_range;
    ctx->color_primaries = like->color_primaries;
    ctx->color_trc = like->color_trc;
    ctx->colorspace = like->colorspace;
    ctx->chroma_sample_location = like->chroma_location;
    ctx->sample_aspect_ratio = like->sample_aspect_ratio;
}

/* What libx264 calls the profile, and what makes it that one whatever the preset leaves out. */
static const char *profile_name(uint32_t profile, const char **ret_params)
{
    *ret_params = "";
    switch (profile) {
    case LINK_PROFILE_BASELINE:
        return "baseline";
    case LINK_PROFILE_MAIN:
        *ret_params = ":cabac=1";
        return "main";
    case LINK_PROFILE_HIGH:
        *ret_params = ":8x8dct=1";
        return "high";
    default:
        return NULL;
    }
}

/* Without the macroblock tree, which knows what later pictures need of a picture: B-frames are
 * needed by none, and get fewer bits than by libx264's default (1.3). */
#define B_FACTOR "1.5"

/* The lookahead is never 0: it makes the encoder keep a picture back, see encoder_pull. Only one
 * beyond the B-frames is worth choosing these by, and feeds the macroblock tree. */
static int set_x264(AVCodecContext *ctx, const struct link_rung *rung)
{
    char params[256];
    const char *more;
    const char *profile = profile_name(rung->profile, &more);
    unsigned lookahead = rung->bframes + rung->lookahead_frames;
    bool far = rung->lookahead_frames > 0;
    snprintf(params, sizeof params,
             "b-adapt=%d:rc-lookahead=%u:sync-lookahead=0:sliced-threads=0:scenecut=0:open-gop=0:"
             "keyint=infinite:b-pyramid=none:mbtree=%d:pbratio=" B_FACTOR
             ":stitchable=1:force-cfr=%d%s",
             far, lookahead > 0 ? lookahead : 1, far, rung->fps_num > 0, more);
    ctx->thread_count = 1;
    ctx->max_b_frames = (int)rung->bframes;
    ctx->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_CLOSED_GOP;
    int r = av_opt_set(ctx->priv_data, "preset", rung->preset, 0);
    r = r < 0 ? r : av_opt_set_double(ctx->priv_data, "crf", rung->crf, 0);
    r = r < 0 ? r : av_opt_set_int(ctx->priv_data, "forced-idr", 1, 0);
    r = r < 0 ? r : av_opt_set_int(ctx->priv_data, "a53cc", 0, 0);
    if (r >= 0 && profile != NULL) {
        r = av_opt_set(ctx->priv_data, "profile", profile, 0);
    }
    return r < 0 ? r : av_opt_set(ctx->priv_data, "x264-params", params, 0);
}

static enum err encoder_open(struct encoder *e, const struct link_rung *rung, const AVFrame *like,
                             struct fault *f)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
    if (codec == NULL) {
        return fault_set(f, false, ERR_UNSUPPORTED, "this host's libavcodec has no libx264");
    }
    e->ctx = avcodec_alloc_context3(codec);
    e->packet = av_packet_alloc();
    if (e->ctx == NULL || e->packet == NULL) {
        return fault_set(f, false, ERR_NOMEM, "no memory for an encoder");
    }
    set_rate(e->ctx, rung);
    set_picture(e->ctx, rung, like);
    int r = set_x264(e->ctx, rung);
    r = r < 0 ? r : avcodec_open2(e->ctx, codec, NULL);
    if (r < 0) {
        return fault_set_av(f, true, "the encoder refuses the rung's parameters", r);
    }
    struct span header = span_of(e->ctx->extradata, (size_t)e->ctx->extradata_size);
    if (avcc_write_config(header, &e->config) != ERR_OK) {
        return fault_set(f, false, ERR_UNSUPPORTED, "the encoder made no parameter sets");
    }
    return ERR_OK;
}

enum err encoder_create(const struct link_rung *rung, const AVFrame *like, struct fault *f,
                        struct encoder **ret_encoder)
{
    struct encoder *e = mem_alloc(sizeof *e);
    buf_init(&e->config, LINK_CONFIG_MAX);
    enum err result = encoder_open(e, rung, like, f);
    if (result != ERR_OK) {
        encoder_destroy(e);
        return result;
    }
    *ret_encoder = e;
    return ERR_OK;
}

void encoder_destroy(struct encoder *e)
{
    if (e == NULL) {
        return;
    }
    av_packet_free(&e->packet);
    avcodec_free_context(&e->ctx);
    buf_fini(&e->config);
    mem_free(e);
}

struct span encoder_config(const struct encoder *e)
{
    return buf_span(&e->config);
}

static enum AVPictureType picture_type(enum encoder_type type)
{
    switch (type) {
    case ENCODER_IDR:
        return AV_PICTURE_TYPE_I;
    case ENCODER_P:
        return AV_PICTURE_TYPE_P;
    case ENCODER_AUTO:
        break;
    }
    return AV_PICTURE_TYPE_NONE;
}

enum err encoder_push(struct encoder *e, AVFrame *frame, int64_t pts, enum encoder_type type,
                      struct fault *f)
{
    frame->pts = pts;
    frame->pict_type = picture_type(type);
    int r = avcodec_send_frame(e->ctx, frame);
    return r < 0 ? fault_set_av(f, false, "encoding", r) : ERR_OK;
}

enum err encoder_end(struct encoder *e, struct fault *f)
{
    int r = avcodec_send_frame(e->ctx, NULL);
    return r < 0 ? fault_set_av(f, false, "ending the encoder", r) : ERR_OK;
}

enum err encoder_pull(struct encoder *e, struct encoded *ret_out, struct fault *f)
{
    av_packet_unref(e->packet);
    int r = avcodec_receive_packet(e->ctx, e->packet);
    if (r == AVERROR(EAGAIN)) {
        return ERR_AGAIN;
    }
    if (r == AVERROR_EOF) {
        return ERR_CLOSED;
    }
    if (r < 0) {
        return fault_set_av(f, false, "encoding", r);
    }
    *ret_out = (struct encoded){
        .pts = e->packet->pts,
        .key = (e->packet->flags & AV_PKT_FLAG_KEY) != 0,
        .annex_b = span_of(e->packet->data, (size_t)e->packet->size),
    };
    return ERR_OK;
}
