#include "broadcaster/media/media_probe.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/span.h"
#include "base/utf8.h"

#define IO_BYTES        32768
#define PROBE_BYTES     (2 * 1024 * 1024)
#define ANALYZE_US      2000000
#define TIME_MAX_MS     10000
#define SIDE_MAX        65536
#define SAR_MAX         8
#define DURATION_MAX_US ((int64_t)1000 * 365 * 86400 * 1000000)

/* Containers of media alone: none that names other files (concat, hls, dash, image sequences). */
static const char containers[] = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mp3,aac,ac3,eac3,flac,ogg,"
                                 "wav,w64,mpegts,mpeg,avi,flv";

struct probe {
    AVFormatContext *format;
    AVIOContext *io;
    int fd;
    int64_t at, size;
    int64_t until_ms;
    const atomic_bool *cancel;
    bool expired;
};

static bool out_of_time(struct probe *p)
{
    p->expired = p->expired || clock_mono_ms() > p->until_ms || atomic_load(p->cancel);
    return p->expired;
}

static int is_interrupted(void *arg)
{
    return out_of_time(arg);
}

static int read_bytes(void *arg, uint8_t *out, int size)
{
    struct probe *p = arg;
    if (out_of_time(p)) {
        return AVERROR_EXIT;
    }
    ssize_t n = pread(p->fd, out, (size_t)size, p->at);
    if (n <= 0) {
        return n == 0 ? AVERROR_EOF : AVERROR(errno);
    }
    p->at += n;
    return (int)n;
}

static int64_t seek_bytes(void *arg, int64_t offset, int whence)
{
    struct probe *p = arg;
    if (whence & AVSEEK_SIZE) {
        return p->size;
    }
    whence &= ~AVSEEK_FORCE;
    int64_t base = whence == SEEK_CUR ? p->at : whence == SEEK_END ? p->size : 0;
    if (offset < -base || offset > p->size - base) {
        return AVERROR(EINVAL);
    }
    p->at = base + offset;
    return p->at;
}

/* A file may name other files: none is opened. */
static int refuse_open(AVFormatContext *s, AVIOContext **io, const char *url, int flags,
                       AVDictionary **options)
{
    (void)s, (void)io, (void)url, (void)flags, (void)options;
    return AVERROR(EPERM);
}

static void close_input(struct probe *p)
{
    avformat_close_input(&p->format);
    if (p->io != NULL) {
        av_freep(&p->io->buffer);
        avio_context_free(&p->io);
    }
}

static int open_input(struct probe *p)
{
    uint8_t *buffer = av_malloc(IO_BYTES);
    p->format = avformat_alloc_context();
    p->io = buffer != NULL
                ? avio_alloc_context(buffer, IO_BYTES, 0, p, read_bytes, NULL, seek_bytes)
                : NULL;
    if (p->io == NULL || p->format == NULL) {
        av_free(p->io == NULL ? buffer : NULL);
        return AVERROR(ENOMEM);
    }
    p->format->pb = p->io;
    p->format->io_open = refuse_open;
    p->format->interrupt_callback = (AVIOInterruptCB){is_interrupted, p};
    p->format->probesize = PROBE_BYTES;
    p->format->max_analyze_duration = ANALYZE_US;
    p->format->format_whitelist = av_strdup(containers);
    if (p->format->format_whitelist == NULL) {
        return AVERROR(ENOMEM);
    }
    int r = avformat_open_input(&p->format, NULL, NULL, NULL);
    return r < 0 ? r : avformat_find_stream_info(p->format, NULL);
}

/* --- facts --- */

static bool is_turned(const AVStream *s)
{
    const int32_t *matrix =
        (const int32_t *)av_stream_get_side_data(s, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    double turn = matrix != NULL ? av_display_rotation_get(matrix) : 0;
    return !isnan(turn) && lround(fabs(turn) / 90) % 2 == 1;
}

static void read_size(const AVStream *s, struct media_facts *f)
{
    int width = s->codecpar->width, height = s->codecpar->height;
    AVRational sar = s->codecpar->sample_aspect_ratio;
    if (width <= 0 || height <= 0 || width > SIDE_MAX || height > SIDE_MAX) {
        return;
    }
    if (sar.num > 0 && sar.den > 0 && sar.num / sar.den < SAR_MAX && sar.den / sar.num < SAR_MAX) {
        width = (int)av_rescale(width, sar.num, sar.den);
    }
    bool turned = is_turned(s);
    f->width = turned ? height : width;
    f->height = turned ? width : height;
}

static void read_stream(const AVStream *s, struct media_facts *f)
{
    const AVCodecParameters *c = s->codecpar;
    bool video =
        c->codec_type == AVMEDIA_TYPE_VIDEO && (s->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0;
    const char *codec = avcodec_get_name(c->codec_id);
    if (video && f->video_codec[0] == '\0') {
        snprintf(f->video_codec, sizeof f->video_codec, "%s", codec);
        read_size(s, f);
        AVRational rate = s->avg_frame_rate;
        f->fps_milli = rate.num > 0 && rate.den > 0 ? av_rescale(rate.num, 1000, rate.den) : 0;
    } else if (c->codec_type == AVMEDIA_TYPE_AUDIO && f->audio_codec[0] == '\0') {
        snprintf(f->audio_codec, sizeof f->audio_codec, "%s", codec);
    }
}

/* As much of it as is UTF-8, control characters aside. */
static void read_title(const AVFormatContext *format, struct media_facts *f)
{
    const AVDictionaryEntry *title = av_dict_get(format->metadata, "title", NULL, 0);
    struct span s = title != NULL ? span_cstr(title->value) : span_of(NULL, 0);
    size_t at = 0;
    uint32_t code;
    for (size_t n; s.len > 0; s = span_of(s.data + n, s.len - n)) {
        n = utf8_read(s, &code);
        if (n == 0 || at + n >= sizeof f->title) {
            break;
        }
        if (code >= 0x20 && code != 0x7f) {
            memcpy(f->title + at, s.data, n);
            at += n;
        }
    }
    f->title[at] = '\0';
}

static void read_facts(const struct probe *p, struct media_facts *f)
{
    for (unsigned i = 0; i < p->format->nb_streams; i++) {
        read_stream(p->format->streams[i], f);
    }
    int64_t us = p->format->duration;
    if (us > 0 && us < DURATION_MAX_US) {
        f->duration_ms = us / 1000 > 0 ? us / 1000 : 1;
        f->bitrate_bps = av_rescale(p->size, 8000, f->duration_ms);
    }
    read_title(p->format, f);
}

enum err media_probe(int fd, uint64_t size, const atomic_bool *cancel,
                     struct media_facts *ret_facts)
{
    struct probe p = {
        .fd = fd,
        .size = size < INT64_MAX ? (int64_t)size : INT64_MAX,
        .until_ms = clock_mono_ms() + TIME_MAX_MS,
        .cancel = cancel,
    };
    struct media_facts facts = {0};
    int r = open_input(&p);
    if (r >= 0) {
        read_facts(&p, &facts);
    }
    close_input(&p);
    bool empty = facts.video_codec[0] == '\0' && facts.audio_codec[0] == '\0';
    if (r == AVERROR(ENOMEM)) {
        return ERR_NOMEM;
    }
    if (r < 0 || empty) {
        return p.expired ? ERR_TIMEOUT : ERR_PROTO;
    }
    *ret_facts = facts;
    return ERR_OK;
}
