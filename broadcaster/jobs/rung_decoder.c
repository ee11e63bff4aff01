#include "broadcaster/jobs/rung_decoder.h"

#include <libavcodec/avcodec.h>
#include <string.h>

#include "base/mem.h"

#define ALIGN_MAX 128

struct rung_decoder {
    AVCodecContext *ctx;
    AVPacket *packet;
    AVFrame *frame;
    int width, height; /* asked for */
    bool begun;        /* its first frame is behind it */
};

static uint8_t *padded(struct span s)
{
    uint8_t *copy = av_mallocz(s.len + AV_INPUT_BUFFER_PADDING_SIZE);
    if (copy != NULL && s.len > 0) {
        memcpy(copy, s.data, s.len);
    }
    return copy;
}

static int open_decoder(AVCodecContext *ctx, const AVCodec *codec, struct span config,
                        const struct link_rung *asked)
{
    ctx->extradata = padded(config);
    if (ctx->extradata == NULL) {
        return AVERROR(ENOMEM);
    }
    ctx->extradata_size = (int)config.len;
    ctx->thread_count = 1;
    ctx->skip_loop_filter = AVDISCARD_ALL;
    ctx->err_recognition =
        AV_EF_EXPLODE | AV_EF_BITSTREAM | AV_EF_BUFFER | AV_EF_AGGRESSIVE; /* bits left over */
    /* Only who makes up for macroblocks that are missing says that they are. */
    ctx->error_concealment = FF_EC_GUESS_MVS;
    /* As libavcodec counts: with whole macroblocks, and lines as long as its vectors like them. */
    ctx->max_pixels = (int64_t)(asked->width + ALIGN_MAX) * (asked->height + ALIGN_MAX);
    return avcodec_open2(ctx, codec, NULL);
}

struct rung_decoder *rung_decoder_create(const struct link_rung *asked, struct span config,
                                         const char **ret_why)
{
    const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_H264);
    struct rung_decoder *d = mem_alloc(sizeof *d);
    d->ctx = codec != NULL ? avcodec_alloc_context3(codec) : NULL;
    d->packet = av_packet_alloc();
    d->frame = av_frame_alloc();
    d->width = (int)asked->width;
    d->height = (int)asked->height;
    bool ready = d->ctx != NULL && d->packet != NULL && d->frame != NULL;
    int r = ready ? open_decoder(d->ctx, codec, config, asked) : AVERROR(ENOMEM);
    if (r < 0) {
        rung_decoder_destroy(d);
        *ret_why = r == AVERROR(ENOMEM) ? NULL : "its parameter sets cannot be used";
        return NULL;
    }
    return d;
}

void rung_decoder_destroy(struct rung_decoder *d)
{
    if (d == NULL) {
        return;
    }
    av_frame_free(&d->frame);
    av_packet_free(&d->packet);
    avcodec_free_context(&d->ctx);
    mem_free(d);
}

/* --- what is found --- */

enum finding {
    FINE,
    UNREADABLE,
    DAMAGED,
    OTHER_SIZE,
};

static const char *sentence(enum finding f, bool first)
{
    switch (f) {
    case UNREADABLE:
        return first ? "its first frame cannot be decoded" : "a frame cannot be decoded";
    case DAMAGED:
        return first ? "its first frame is damaged" : "a frame is damaged";
    case OTHER_SIZE:
        return first ? "its first frame has another size than was asked for"
                     : "a frame has another size than was asked for";
    case FINE:
        break;
    }
    return NULL;
}

static enum finding judge(int r)
{
    return r < 0 && r != AVERROR(ENOMEM) && r != AVERROR(EAGAIN) && r != AVERROR_EOF ? UNREADABLE
                                                                                     : FINE;
}

static enum finding look(const struct rung_decoder *d)
{
    if (d->frame->decode_error_flags != 0 || (d->frame->flags & AV_FRAME_FLAG_CORRUPT) != 0) {
        return DAMAGED;
    }
    return d->frame->width == d->width && d->frame->height == d->height ? FINE : OTHER_SIZE;
}

static enum finding drain(struct rung_decoder *d)
{
    for (;;) {
        int r = avcodec_receive_frame(d->ctx, d->frame);
        if (r < 0) {
            return judge(r);
        }
        enum finding f = look(d);
        av_frame_unref(d->frame);
        if (f != FINE) {
            return f;
        }
    }
}

static enum finding decode(struct rung_decoder *d, struct span picture, bool key)
{
    int r = av_new_packet(d->packet, (int)picture.len);
    if (r < 0) {
        return judge(r);
    }
    memcpy(d->packet->data, picture.data, picture.len);
    d->packet->flags |= key ? AV_PKT_FLAG_KEY : 0;
    r = avcodec_send_packet(d->ctx, d->packet);
    av_packet_unref(d->packet);
    enum finding f = judge(r);
    return f == FINE ? drain(d) : f;
}

static enum finding flush(struct rung_decoder *d)
{
    enum finding f = judge(avcodec_send_packet(d->ctx, NULL));
    return f == FINE ? drain(d) : f;
}

const char *rung_decoder_part(struct rung_decoder *d, const struct link_packet *packets, size_t n,
                              struct span payload, bool last)
{
    enum finding f = FINE;
    bool first = !d->begun;
    for (size_t i = 0; i < n && f == FINE; i++) {
        struct span picture;
        first = !d->begun;
        d->begun = true;
        f = span_read_bytes(&payload, packets[i].length, &picture) == ERR_OK
                ? decode(d, picture, (packets[i].flags & PACKET_KEY) != 0)
                : UNREADABLE;
    }
    if (last && f == FINE) {
        f = flush(d);
    }
    return sentence(f, first);
}
