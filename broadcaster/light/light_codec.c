#include "broadcaster/light/light_codec.h"

#include <libavcodec/avcodec.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/channel_layout.h>
#include <libswresample/swresample.h>
#include <string.h>

#include "base/mem.h"

#define FORMAT     AV_SAMPLE_FMT_FLTP
#define STEREO     2
#define FILL_MAX_S 1 /* of silence that is put in at a time */

static const enum AVCodecID decoders[CODECS_] = {
    [CODEC_AAC] = AV_CODEC_ID_AAC,   [CODEC_MP3] = AV_CODEC_ID_MP3, [CODEC_OPUS] = AV_CODEC_ID_OPUS,
    [CODEC_FLAC] = AV_CODEC_ID_FLAC, [CODEC_AC3] = AV_CODEC_ID_AC3, [CODEC_EAC3] = AV_CODEC_ID_EAC3,
};

struct light_codec {
    struct light_grid grid;
    AVCodecContext *decoder, *encoder;
    SwrContext *swr; /* from the first frame that was decoded */
    int swr_rate;    /* what it takes: */
    int swr_format;
    AVChannelLayout swr_layout;
    AVAudioFifo *fifo; /* at the grid's rate */
    AVPacket *packet;
    AVFrame *heard, *said; /* decoded; to be encoded */
    int64_t resampled;     /* samples that were given to the fifo */
    int64_t encoded;       /* and to the encoder */
    struct track *track;
};

static enum err err_of(int av)
{
    return av == AVERROR(ENOMEM) ? ERR_NOMEM : ERR_STATE;
}

/* --- coming and going --- */

static enum err open_decoder(struct light_codec *c, const struct track_params *t)
{
    enum AVCodecID id = decoders[t->codec];
    const AVCodec *codec = id != AV_CODEC_ID_NONE ? avcodec_find_decoder(id) : NULL;
    if (codec == NULL) {
        return ERR_UNSUPPORTED;
    }
    AVCodecContext *ctx = c->decoder = avcodec_alloc_context3(codec);
    if (ctx == NULL) {
        return ERR_NOMEM;
    }
    if (t->config.len > 0) {
        ctx->extradata = av_mallocz(t->config.len + AV_INPUT_BUFFER_PADDING_SIZE);
        if (ctx->extradata == NULL) {
            return ERR_NOMEM;
        }
        memcpy(ctx->extradata, t->config.data, t->config.len);
        ctx->extradata_size = (int)t->config.len;
    }
    ctx->thread_count = 1;
    ctx->pkt_timebase = (AVRational){1, TICKS_PER_S};
    ctx->flags2 |= AV_CODEC_FLAG2_SKIP_MANUAL; /* players of the source hear all of it as well */
    int r = avcodec_open2(ctx, codec, NULL);
    return r == AVERROR(ENOMEM) ? ERR_NOMEM : r < 0 ? ERR_UNSUPPORTED : ERR_OK;
}

static enum err open_encoder(struct light_codec *c, int bitrate_bps, int channels)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("aac");
    AVCodecContext *ctx = c->encoder = codec != NULL ? avcodec_alloc_context3(codec) : NULL;
    if (ctx == NULL) {
        return codec != NULL ? ERR_NOMEM : ERR_UNSUPPORTED;
    }
    ctx->sample_fmt = FORMAT;
    ctx->sample_rate = c->grid.rate;
    ctx->time_base = (AVRational){1, c->grid.rate};
    ctx->bit_rate = bitrate_bps;
    ctx->thread_count = 1;
    ctx->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    av_channel_layout_default(&ctx->ch_layout, channels);
    int r = avcodec_open2(ctx, codec, NULL);
    if (r < 0) {
        return r == AVERROR(ENOMEM) ? ERR_NOMEM : ERR_UNSUPPORTED;
    }
    c->fifo = av_audio_fifo_alloc(FORMAT, channels, LIGHT_FRAME_SAMPLES);
    struct track_params t = {
        .kind = TRACK_AUDIO,
        .codec = CODEC_AAC,
        .config = span_of(ctx->extradata, (size_t)ctx->extradata_size),
        .sample_rate = c->grid.rate,
        .channels = channels,
    };
    c->track = c->fifo != NULL ? track_create(&t) : NULL;
    return c->track != NULL ? ERR_OK : ERR_NOMEM;
}

enum err light_codec_create(const struct track_params *source, const struct light_form *form,
                            int64_t anchor, struct light_codec **ret_codec)
{
    struct light_codec *c = mem_alloc(sizeof *c);
    int channels = source->channels == 1 || form->channels == 1 ? 1 : STEREO;
    light_grid_init(&c->grid, light_grid_rate(form->bitrate_bps, channels), anchor);
    c->packet = av_packet_alloc();
    c->heard = av_frame_alloc();
    c->said = av_frame_alloc();
    bool room = c->packet != NULL && c->heard != NULL && c->said != NULL;
    enum err e = room ? open_decoder(c, source) : ERR_NOMEM;
    if (e == ERR_OK) {
        e = open_encoder(c, form->bitrate_bps, channels);
    }
    if (e != ERR_OK) {
        light_codec_destroy(c);
        return e;
    }
    *ret_codec = c;
    return ERR_OK;
}

void light_codec_destroy(struct light_codec *c)
{
    if (c == NULL) {
        return;
    }
    avcodec_free_context(&c->decoder);
    avcodec_free_context(&c->encoder);
    swr_free(&c->swr);
    av_channel_layout_uninit(&c->swr_layout);
    if (c->fifo != NULL) {
        av_audio_fifo_free(c->fifo);
    }
    av_packet_free(&c->packet);
    av_frame_free(&c->heard);
    av_frame_free(&c->said);
    track_unref(c->track);
    mem_free(c);
}

int light_codec_rate(const struct light_codec *c)
{
    return c->grid.rate;
}

struct track *light_codec_track(const struct light_codec *c)
{
    return c->track;
}

/* --- encoding --- */

static enum err give(const struct light_codec *c, struct packets *out)
{
    int64_t at = light_grid_time(&c->grid, c->packet->pts);
    if (c->packet->pts < 0) {
        return ERR_OK; /* the encoder's lead-in, before the first sample */
    }
    struct packet p = {
        .kind = TRACK_AUDIO,
        .flags = PACKET_KEY,
        .dts = at,
        .pts = at,
        .duration = light_grid_frame_ticks(c->grid.rate),
        .blob = blob_copy(span_of(c->packet->data, (size_t)c->packet->size)),
    };
    if (p.blob == NULL) {
        return ERR_NOMEM;
    }
    p.data = blob_span(p.blob);
    enum err e = packets_push(out, p);
    if (e != ERR_OK) {
        packet_unref(&p);
    }
    return e;
}

static enum err receive(struct light_codec *c, struct packets *out)
{
    for (;;) {
        int r = avcodec_receive_packet(c->encoder, c->packet);
        if (r == AVERROR(EAGAIN) || r == AVERROR_EOF) {
            return ERR_OK;
        }
        if (r < 0) {
            return err_of(r);
        }
        enum err e = give(c, out);
        av_packet_unref(c->packet);
        if (e != ERR_OK) {
            return e;
        }
    }
}

static enum err new_frame(AVFrame *f, const AVChannelLayout *layout, int rate, int samples)
{
    av_frame_unref(f);
    f->nb_samples = samples;
    f->format = FORMAT;
    f->sample_rate = rate;
    int r = av_channel_layout_copy(&f->ch_layout, layout);
    if (r >= 0) {
        r = av_frame_get_buffer(f, 0);
    }
    return r < 0 ? err_of(r) : ERR_OK;
}

/* all: a last frame that is not full ends in silence. */
static enum err encode(struct light_codec *c, bool all, struct packets *out)
{
    enum err e = ERR_OK;
    while (e == ERR_OK && av_audio_fifo_size(c->fifo) >= (all ? 1 : LIGHT_FRAME_SAMPLES)) {
        e = new_frame(c->said, &c->encoder->ch_layout, c->grid.rate, LIGHT_FRAME_SAMPLES);
        if (e != ERR_OK) {
            return e;
        }
        av_samples_set_silence(c->said->data, 0, LIGHT_FRAME_SAMPLES,
                               c->said->ch_layout.nb_channels, FORMAT);
        (void)av_audio_fifo_read(c->fifo, (void **)c->said->data, LIGHT_FRAME_SAMPLES);
        c->said->pts = c->encoded;
        c->encoded += LIGHT_FRAME_SAMPLES;
        int r = avcodec_send_frame(c->encoder, c->said);
        e = r < 0 ? err_of(r) : receive(c, out);
    }
    return e;
}

/* --- resampling --- */

static enum err put(struct light_codec *c, AVFrame *f, int samples)
{
    int r = samples > 0 ? av_audio_fifo_write(c->fifo, (void **)f->data, samples) : 0;
    c->resampled += samples;
    return r < 0 ? err_of(r) : ERR_OK;
}

/* n samples of what was decoded, NULL and 0: none; last: and what the filter holds back. */
static enum err resample(struct light_codec *c, const uint8_t **data, int n, bool last)
{
    int room = swr_get_out_samples(c->swr, n);
    if (room < 0) {
        return err_of(room);
    }
    enum err e = new_frame(c->said, &c->encoder->ch_layout, c->grid.rate, room + 1);
    if (e != ERR_OK) {
        return e;
    }
    static const uint8_t nothing[AV_NUM_DATA_POINTERS];
    const uint8_t *none[AV_NUM_DATA_POINTERS] = {nothing};
    const uint8_t **in = data != NULL || last ? data : none;
    int got = swr_convert(c->swr, c->said->extended_data, room + 1, in, n);
    return got < 0 ? err_of(got) : put(c, c->said, got);
}

static enum err drain(struct light_codec *c)
{
    enum err e = c->swr != NULL ? resample(c, NULL, 0, true) : ERR_OK;
    swr_free(&c->swr);
    return e;
}

static bool swr_fits(const struct light_codec *c, const AVFrame *f)
{
    return c->swr != NULL && c->swr_rate == f->sample_rate && c->swr_format == f->format &&
           av_channel_layout_compare(&c->swr_layout, &f->ch_layout) == 0;
}

static enum err open_swr(struct light_codec *c, const AVFrame *f)
{
    enum err e = drain(c);
    int r = e == ERR_OK ? av_channel_layout_copy(&c->swr_layout, &f->ch_layout) : 0;
    if (e != ERR_OK || r < 0) {
        return e != ERR_OK ? e : err_of(r);
    }
    c->swr_rate = f->sample_rate;
    c->swr_format = f->format;
    r = swr_alloc_set_opts2(&c->swr, &c->encoder->ch_layout, FORMAT, c->grid.rate, &c->swr_layout,
                            f->format, f->sample_rate, 0, NULL);
    if (r >= 0) {
        r = swr_init(c->swr);
    }
    return r < 0 ? err_of(r) : ERR_OK;
}

/* Samples that are there, those in the filter included. */
static int64_t have(const struct light_codec *c)
{
    return c->resampled + (c->swr != NULL ? swr_get_delay(c->swr, c->grid.rate) : 0);
}

static enum err fill_some(struct light_codec *c, int n)
{
    if (c->swr != NULL) {
        int r = swr_inject_silence(c->swr, (int)((int64_t)n * c->swr_rate / c->grid.rate));
        return r < 0 ? err_of(r) : resample(c, NULL, 0, false);
    }
    enum err e = new_frame(c->said, &c->encoder->ch_layout, c->grid.rate, n);
    if (e == ERR_OK) {
        av_samples_set_silence(c->said->data, 0, n, c->said->ch_layout.nb_channels, FORMAT);
        e = put(c, c->said, n);
    }
    return e;
}

static enum err fill(struct light_codec *c, int64_t samples, struct packets *out)
{
    enum err e = ERR_OK;
    int most = c->grid.rate * FILL_MAX_S;
    while (e == ERR_OK && samples > 0) {
        int n = samples < most ? (int)samples : most;
        e = fill_some(c, n);
        samples -= n;
        if (e == ERR_OK) {
            e = encode(c, false, out);
        }
    }
    return e;
}

/* The frame without its first samples. */
static enum err put_heard(struct light_codec *c, int skip)
{
    AVFrame *f = c->heard;
    const uint8_t *planes[AV_NUM_DATA_POINTERS] = {0};
    bool planar = av_sample_fmt_is_planar(f->format) != 0;
    int n_planes = planar ? f->ch_layout.nb_channels : 1;
    int step = av_get_bytes_per_sample(f->format) * (planar ? 1 : f->ch_layout.nb_channels);
    for (int i = 0; i < n_planes; i++) {
        planes[i] = f->extended_data[i] + (ptrdiff_t)skip * step;
    }
    return resample(c, planes, f->nb_samples - skip, false);
}

static enum err take_heard(struct light_codec *c, struct packets *out)
{
    AVFrame *f = c->heard;
    if (f->ch_layout.nb_channels < 1 || f->ch_layout.nb_channels > AV_NUM_DATA_POINTERS ||
        f->sample_rate < 1 || f->pts == AV_NOPTS_VALUE) {
        return ERR_OK;
    }
    enum err e = swr_fits(c, f) ? ERR_OK : open_swr(c, f);
    if (e != ERR_OK) {
        return e;
    }
    int64_t n = 0;
    int skip = 0;
    switch (light_grid_fit(&c->grid, f->pts, have(c), &n)) {
    case LIGHT_FILL:
        e = fill(c, n, out);
        break;
    case LIGHT_DROP:
        n = n * f->sample_rate / c->grid.rate;
        skip = n < f->nb_samples ? (int)n : f->nb_samples;
        break;
    case LIGHT_STRETCH:
        if (swr_set_compensation(c->swr, (int)n, c->grid.rate * LIGHT_STRETCH_MS / 1000) < 0) {
            return ERR_STATE;
        }
        break;
    case LIGHT_FIT:
        break;
    }
    if (e == ERR_OK && skip < f->nb_samples) {
        e = put_heard(c, skip);
    }
    return e == ERR_OK ? encode(c, false, out) : e;
}

/* --- in --- */

/* Copied: a slice of a blob lacks the zeroed padding that bit readers need. */
static enum err send(struct light_codec *c, const struct packet *p)
{
    int r = av_new_packet(c->packet, (int)p->data.len);
    if (r < 0) {
        return err_of(r);
    }
    memcpy(c->packet->data, p->data.data, p->data.len);
    c->packet->pts = c->packet->dts = p->pts;
    r = avcodec_send_packet(c->decoder, c->packet);
    av_packet_unref(c->packet);
    return r == AVERROR(ENOMEM) ? ERR_NOMEM : ERR_OK;
}

enum err light_codec_feed(struct light_codec *c, const struct packet *p, struct packets *out)
{
    enum err e = p->data.len > 0 ? send(c, p) : ERR_OK;
    while (e == ERR_OK && avcodec_receive_frame(c->decoder, c->heard) == 0) {
        e = take_heard(c, out);
        av_frame_unref(c->heard);
    }
    return e;
}

enum err light_codec_reach(struct light_codec *c, int64_t until, struct packets *out)
{
    int64_t missing = light_grid_sample(&c->grid, until) - have(c);
    return missing > 0 ? fill(c, missing, out) : ERR_OK;
}

enum err light_codec_end(struct light_codec *c, struct packets *out)
{
    enum err e = drain(c);
    if (e == ERR_OK) {
        e = encode(c, true, out);
    }
    int r = e == ERR_OK ? avcodec_send_frame(c->encoder, NULL) : 0;
    return e != ERR_OK ? e : r < 0 ? err_of(r) : receive(c, out);
}
