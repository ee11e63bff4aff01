#include <assert.h>
#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "publisher-tools/picture.h"
#include "publisher-tools/source.h"
#include "publisher-tools/tone.h"

#define SAMPLE_RATE   48000
#define AUDIO_BITRATE 96000

struct test_source {
    struct source source;
    struct test_source_config config;
    AVCodecContext *video;
    AVCodecContext *audio;
    AVFrame *picture;
    AVFrame *sound;
    int64_t next_picture; /* frames */
    int64_t next_sample;
    int64_t packets_of_sound; /* the encoder gives them late: they are not next_sample's */
    int64_t audio_shift;      /* ticks: the encoder's priming, so that no time is negative */
};

static int64_t rescale(int64_t v, int num, int den)
{
    return av_rescale_q(v, (AVRational){num, den}, (AVRational){1, SOURCE_RATE});
}

/* When the next packet of each kind is to be decoded, in ticks of the source's clock. */
static int64_t video_dts(const struct test_source *t)
{
    return rescale(t->next_picture, t->config.fps_den, t->config.fps_num) + t->audio_shift;
}

static int64_t audio_dts(const struct test_source *t)
{
    return t->audio != NULL ? rescale(t->packets_of_sound * t->sound->nb_samples, 1, SAMPLE_RATE)
                            : INT64_MAX;
}

static int64_t due_us(struct source *s)
{
    const struct test_source *t = (const struct test_source *)s;
    return av_rescale(FFMIN(video_dts(t), audio_dts(t)), 1000000, SOURCE_RATE);
}

static int send_picture(struct test_source *t)
{
    AVFrame *f = t->picture;
    int e = av_frame_make_writable(f);
    if (e < 0) {
        return e;
    }
    struct picture p = {.y = f->data[0],
                        .u = f->data[1],
                        .v = f->data[2],
                        .y_stride = f->linesize[0],
                        .u_stride = f->linesize[1],
                        .v_stride = f->linesize[2],
                        .width = f->width,
                        .height = f->height};
    picture_draw(&p, (uint32_t)t->next_picture, clock_wall_ms());
    f->pts = t->next_picture++;
    return avcodec_send_frame(t->video, f);
}

static int send_sound(struct test_source *t)
{
    AVFrame *f = t->sound;
    int e = av_frame_make_writable(f);
    if (e < 0) {
        return e;
    }
    tone_fill((float *)f->data[0], (size_t)f->nb_samples, t->next_sample, SAMPLE_RATE);
    f->pts = t->next_sample;
    t->next_sample += f->nb_samples;
    return avcodec_send_frame(t->audio, f);
}

/* Takes a finished packet from an encoder; AVERROR(EAGAIN): none yet. */
static int receive(struct test_source *t, AVCodecContext *c, AVPacket *packet)
{
    int e = avcodec_receive_packet(c, packet);
    if (e < 0) {
        return e;
    }
    bool is_video = c == t->video;
    if (packet->duration == 0) {
        packet->duration = is_video ? 1 : t->sound->nb_samples;
    }
    av_packet_rescale_ts(packet, c->time_base, (AVRational){1, SOURCE_RATE});
    packet->stream_index = is_video ? SOURCE_VIDEO : SOURCE_AUDIO;
    packet->pts += t->audio_shift;
    packet->dts += t->audio_shift;
    return 0;
}

/* Feeds one encoder until it gives a packet. */
static int encode(struct test_source *t, bool video, AVPacket *packet)
{
    int e = receive(t, video ? t->video : t->audio, packet);
    while (e == AVERROR(EAGAIN)) {
        e = video ? send_picture(t) : send_sound(t);
        if (e >= 0) {
            e = receive(t, video ? t->video : t->audio, packet);
        }
    }
    return e;
}

static enum err next(struct source *s, AVPacket *packet, char *ret_why)
{
    struct test_source *t = (struct test_source *)s;
    bool video = video_dts(t) < audio_dts(t);
    int e = encode(t, video, packet);
    if (e < 0) {
        snprintf(ret_why, SOURCE_WHY_MAX, "the encoder failed: %s", av_err2str(e));
        return ERR_IO;
    }
    t->packets_of_sound += !video;
    return ERR_OK;
}

static void destroy(struct source *s)
{
    struct test_source *t = (struct test_source *)s;
    avcodec_parameters_free(&s->video);
    avcodec_parameters_free(&s->audio);
    avcodec_free_context(&t->video);
    avcodec_free_context(&t->audio);
    av_frame_free(&t->picture);
    av_frame_free(&t->sound);
    mem_free(t);
}

static enum err open_encoder(AVCodecContext *c, AVDictionary **options, AVCodecParameters **ret_par,
                             char *ret_why)
{
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    c->thread_count = 1;
    int e = avcodec_open2(c, c->codec, options);
    av_dict_free(options);
    if (e < 0) {
        snprintf(ret_why, SOURCE_WHY_MAX, "the %s encoder refuses these settings: %s",
                 c->codec->name, av_err2str(e));
        return ERR_UNSUPPORTED;
    }
    *ret_par = avcodec_parameters_alloc();
    if (*ret_par == NULL || avcodec_parameters_from_context(*ret_par, c) < 0) {
        snprintf(ret_why, SOURCE_WHY_MAX, "out of memory");
        return ERR_NOMEM;
    }
    return ERR_OK;
}

static enum err new_context(const char *name, AVCodecContext **ret_c, char *ret_why)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(name);
    AVCodecContext *c = codec != NULL ? avcodec_alloc_context3(codec) : NULL;
    if (c == NULL) {
        snprintf(ret_why, SOURCE_WHY_MAX, "this libavcodec has no encoder %s", name);
        return ERR_UNSUPPORTED;
    }
    *ret_c = c;
    return ERR_OK;
}

static enum err open_video(struct test_source *t, char *ret_why)
{
    const struct test_source_config *k = &t->config;
    enum err e = new_context("libx264", &t->video, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    AVCodecContext *c = t->video;
    c->width = k->width;
    c->height = k->height;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->time_base = (AVRational){k->fps_den, k->fps_num};
    c->framerate = (AVRational){k->fps_num, k->fps_den};
    c->bit_rate = k->bitrate_bps;
    c->rc_max_rate = k->bitrate_bps;
    c->rc_buffer_size = (int)FFMIN(k->bitrate_bps, INT32_MAX);
    c->gop_size = k->keyint;
    c->keyint_min = k->keyint;
    c->max_b_frames = 0;
    AVDictionary *options = NULL;
    av_dict_set(&options, "preset", "ultrafast", 0);
    av_dict_set(&options, "tune", "zerolatency", 0);
    av_dict_set(&options, "x264-params", "scenecut=0", 0);
    e = open_encoder(c, &options, &t->source.video, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    t->picture = av_frame_alloc();
    if (t->picture != NULL) {
        t->picture->format = c->pix_fmt;
        t->picture->width = c->width;
        t->picture->height = c->height;
    }
    return t->picture != NULL && av_frame_get_buffer(t->picture, 0) == 0 ? ERR_OK : ERR_NOMEM;
}

static enum err open_audio(struct test_source *t, char *ret_why)
{
    enum err e = new_context("aac", &t->audio, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    AVCodecContext *c = t->audio;
    c->sample_rate = SAMPLE_RATE;
    c->sample_fmt = AV_SAMPLE_FMT_FLTP;
    c->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_MONO;
    c->bit_rate = AUDIO_BITRATE;
    c->time_base = (AVRational){1, SAMPLE_RATE};
    AVDictionary *options = NULL;
    e = open_encoder(c, &options, &t->source.audio, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    t->audio_shift = rescale(c->initial_padding, 1, SAMPLE_RATE);
    t->sound = av_frame_alloc();
    if (t->sound != NULL) {
        t->sound->format = c->sample_fmt;
        t->sound->nb_samples = c->frame_size;
        t->sound->sample_rate = SAMPLE_RATE;
        t->sound->ch_layout = c->ch_layout;
    }
    return t->sound != NULL && av_frame_get_buffer(t->sound, 0) == 0 ? ERR_OK : ERR_NOMEM;
}

enum err test_source_create(const struct test_source_config *config, struct source **ret_source,
                            char *ret_why)
{
    assert(config->width % 2 == 0 && config->height % 2 == 0);
    struct test_source *t = mem_alloc(sizeof *t);
    t->config = *config;
    t->source = (struct source){.due_us = due_us, .next = next, .destroy = destroy};
    t->source.frame_rate = (AVRational){config->fps_num, config->fps_den};
    snprintf(ret_why, SOURCE_WHY_MAX, "out of memory");
    enum err e = open_video(t, ret_why);
    if (e == ERR_OK && config->audio) {
        e = open_audio(t, ret_why);
    }
    if (e != ERR_OK) {
        destroy(&t->source);
        return e;
    }
    *ret_source = &t->source;
    return ERR_OK;
}

void source_destroy(struct source *s)
{
    if (s != NULL) {
        s->destroy(s);
    }
}
