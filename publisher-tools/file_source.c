#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "publisher-tools/source.h"

#define STREAMS 2

static const AVRational ticks = {1, SOURCE_RATE};

struct file_source {
    struct source source;
    const char *path;
    bool loop;
    AVFormatContext *input;
    int index[STREAMS];        /* of the input's streams; -1: none */
    int64_t last_dts[STREAMS]; /* ticks, so that times only rise */
    int64_t frame_ticks;       /* of a picture, when a packet does not say */
    int64_t input_start;       /* ticks: where this reading of the file begins */
    int64_t shift;             /* ticks added to what the file says, less input_start */
    int64_t end;               /* ticks: where what was given so far ends */
    AVPacket *ahead;           /* the next packet, already read */
    bool has_ahead;
    bool gave_any;    /* from this reading of the file */
    enum err outcome; /* of reading ahead; why in words */
    char why[SOURCE_WHY_MAX];
};

static enum err failed(char *ret_why, enum err e, const char *path, const char *what, int av_error)
{
    snprintf(ret_why, SOURCE_WHY_MAX, "%s: %s%s%s", path, what, av_error != 0 ? ": " : "",
             av_error != 0 ? av_err2str(av_error) : "");
    return e;
}

static enum err check_codec(const struct file_source *f, enum source_stream kind,
                            enum AVCodecID wanted, char *ret_why)
{
    if (f->index[kind] < 0) {
        return ERR_OK;
    }
    enum AVCodecID found = f->input->streams[f->index[kind]]->codecpar->codec_id;
    if (found == wanted) {
        return ERR_OK;
    }
    snprintf(ret_why, SOURCE_WHY_MAX,
             "%s: its %s is %s; only %s is sent on as it is: convert the file first, for example "
             "with: ffmpeg -i %s -c:v libx264 -c:a aac out.mp4",
             f->path, kind == SOURCE_VIDEO ? "video" : "audio", avcodec_get_name(found),
             avcodec_get_name(wanted), f->path);
    return ERR_UNSUPPORTED;
}

static enum err open_input(struct file_source *f, char *ret_why)
{
    avformat_close_input(&f->input);
    int e = avformat_open_input(&f->input, f->path, NULL, NULL);
    if (e >= 0) {
        e = avformat_find_stream_info(f->input, NULL);
    }
    if (e < 0) {
        return failed(ret_why, ERR_IO, f->path, "cannot be read", e);
    }
    int v = av_find_best_stream(f->input, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    int a = av_find_best_stream(f->input, AVMEDIA_TYPE_AUDIO, -1, v, NULL, 0);
    f->index[SOURCE_VIDEO] = v < 0 ? -1 : v;
    f->index[SOURCE_AUDIO] = a < 0 ? -1 : a;
    if (v < 0 && a < 0) {
        return failed(ret_why, ERR_UNSUPPORTED, f->path, "has neither video nor audio", 0);
    }
    for (unsigned i = 0; i < f->input->nb_streams; i++) {
        bool wanted = (int)i == v || (int)i == a;
        f->input->streams[i]->discard = wanted ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    }
    int64_t start = f->input->start_time;
    f->input_start =
        start == AV_NOPTS_VALUE ? 0 : av_rescale_q(start, (AVRational){1, AV_TIME_BASE}, ticks);
    f->gave_any = false;
    enum err bad = check_codec(f, SOURCE_VIDEO, AV_CODEC_ID_H264, ret_why);
    return bad != ERR_OK ? bad : check_codec(f, SOURCE_AUDIO, AV_CODEC_ID_AAC, ret_why);
}

static enum source_stream kind_of(const struct file_source *f, const AVPacket *p)
{
    return p->stream_index == f->index[SOURCE_VIDEO] ? SOURCE_VIDEO : SOURCE_AUDIO;
}

/* From the file's times to ours: one clock for both streams, going on over loops, never back.
 * False: sound from before the start or from before the loop's seam (an encoder's priming, mostly),
 * which is left out. */
static bool set_times(struct file_source *f, AVPacket *p)
{
    enum source_stream kind = kind_of(f, p);
    av_packet_rescale_ts(p, f->input->streams[p->stream_index]->time_base, ticks);
    int64_t add = f->shift - f->input_start;
    if (p->dts == AV_NOPTS_VALUE) {
        p->dts = p->pts != AV_NOPTS_VALUE ? p->pts : f->last_dts[kind] + f->frame_ticks - add;
    }
    if (p->pts == AV_NOPTS_VALUE) {
        p->pts = p->dts;
    }
    p->dts += add;
    if (kind == SOURCE_AUDIO && p->dts <= f->last_dts[kind] + p->duration / 2) {
        return false;
    }
    p->dts = FFMAX(p->dts, f->last_dts[kind] + 1);
    p->pts = FFMAX(p->pts + add, p->dts);
    f->last_dts[kind] = p->dts;
    if (p->duration <= 0) {
        p->duration = kind == SOURCE_VIDEO ? f->frame_ticks : 0;
    }
    f->end = FFMAX(f->end, p->pts + p->duration);
    p->stream_index = kind;
    return true;
}

static bool is_wanted(const struct file_source *f, const AVPacket *p)
{
    return p->stream_index == f->index[SOURCE_VIDEO] || p->stream_index == f->index[SOURCE_AUDIO];
}

static enum err start_over(struct file_source *f, char *ret_why)
{
    if (!f->gave_any) {
        return failed(ret_why, ERR_IO, f->path, "holds no media", 0);
    }
    f->shift = f->end;
    return open_input(f, ret_why);
}

/* The ticks by which the first dts may lie before the first pts (pictures shown out of order). */
static int64_t lead_ticks(const struct file_source *f)
{
    return f->source.video != NULL ? f->source.video->video_delay * f->frame_ticks : 0;
}

static enum err read_ahead(struct file_source *f, char *ret_why)
{
    for (;;) {
        int e = av_read_frame(f->input, f->ahead);
        if (e == AVERROR_EOF && f->loop) {
            enum err bad = start_over(f, ret_why);
            if (bad != ERR_OK) {
                return bad;
            }
            continue;
        }
        if (e == AVERROR_EOF) {
            return ERR_CLOSED;
        }
        if (e < 0) {
            return failed(ret_why, ERR_IO, f->path, "cannot be read on", e);
        }
        if (is_wanted(f, f->ahead) && set_times(f, f->ahead)) {
            f->gave_any = true;
            f->has_ahead = true;
            return ERR_OK;
        }
        av_packet_unref(f->ahead);
    }
}

/* Makes sure that there is a packet ahead, or that outcome says why there is none any more. */
static void look_ahead(struct file_source *f)
{
    if (!f->has_ahead && f->outcome == ERR_OK) {
        f->outcome = read_ahead(f, f->why);
    }
}

static int64_t due_us(struct source *s)
{
    struct file_source *f = (struct file_source *)s;
    look_ahead(f);
    return f->has_ahead ? av_rescale(f->ahead->dts, 1000000, SOURCE_RATE) : 0;
}

static enum err next(struct source *s, AVPacket *packet, char *ret_why)
{
    struct file_source *f = (struct file_source *)s;
    look_ahead(f);
    if (!f->has_ahead) {
        memcpy(ret_why, f->why, SOURCE_WHY_MAX);
        return f->outcome;
    }
    av_packet_move_ref(packet, f->ahead);
    f->has_ahead = false;
    return ERR_OK;
}

static void destroy(struct source *s)
{
    struct file_source *f = (struct file_source *)s;
    avcodec_parameters_free(&s->video);
    avcodec_parameters_free(&s->audio);
    av_packet_free(&f->ahead);
    avformat_close_input(&f->input);
    mem_free(f);
}

static enum err copy_parameters(struct file_source *f)
{
    AVCodecParameters **out[STREAMS] = {&f->source.video, &f->source.audio};
    for (int kind = 0; kind < STREAMS; kind++) {
        if (f->index[kind] < 0) {
            continue;
        }
        *out[kind] = avcodec_parameters_alloc();
        if (*out[kind] == NULL ||
            avcodec_parameters_copy(*out[kind], f->input->streams[f->index[kind]]->codecpar) < 0) {
            return ERR_NOMEM;
        }
        (*out[kind])->codec_tag = 0; /* the container's own; another container has another */
    }
    return ERR_OK;
}

enum err file_source_create(const char *path, bool loop, struct source **ret_source, char *ret_why)
{
    struct file_source *f = mem_alloc(sizeof *f);
    f->path = path;
    f->loop = loop;
    f->last_dts[SOURCE_VIDEO] = f->last_dts[SOURCE_AUDIO] = -1;
    f->source = (struct source){.due_us = due_us, .next = next, .destroy = destroy};
    snprintf(ret_why, SOURCE_WHY_MAX, "out of memory");
    f->ahead = av_packet_alloc();
    enum err e = f->ahead != NULL ? open_input(f, ret_why) : ERR_NOMEM;
    if (e == ERR_OK) {
        e = copy_parameters(f);
    }
    if (e != ERR_OK) {
        destroy(&f->source);
        return e;
    }
    AVRational rate = {0, 1};
    if (f->index[SOURCE_VIDEO] >= 0) {
        rate = f->input->streams[f->index[SOURCE_VIDEO]]->avg_frame_rate;
    }
    f->frame_ticks = rate.num > 0 ? av_rescale(SOURCE_RATE, rate.den, rate.num) : SOURCE_RATE / 25;
    f->source.frame_rate = rate;
    f->shift = lead_ticks(f);
    *ret_source = &f->source;
    return ERR_OK;
}
