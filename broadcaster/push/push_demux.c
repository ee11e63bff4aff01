#include "broadcaster/push/push_demux.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/codec/avc.h"
#include "broadcaster/codec/orientation.h"
#include "broadcaster/push/push_nal.h"
#include "broadcaster/rtmp/asc.h"

#define IO_BYTES          32768
#define ANALYZE_US        2000000
#define AAC_FRAME_SAMPLES 1024
#define CONFIG_MAX        (64 * 1024)
#define TIME_MAX          ((int64_t)1 << 50) /* ticks */
#define SOUND_SLACK_TICKS (5 * TICKS_PER_S)  /* outside of the pictures: dropped beyond */
#define FRAME_TICKS       (TICKS_PER_S / 30) /* where nothing else is known */

static const AVRational ticks = {1, TICKS_PER_S};

struct demuxer {
    AVFormatContext *format;
    AVIOContext *io;
    AVPacket *packet;
    struct span bytes;
    size_t at;
    int64_t until_ms;
    const struct push_demux_options *options;
    bool expired;
    struct push_media *media;
    int video, audio; /* indices; -1: none */
    enum track_codec video_codec, audio_codec;
    bool byte_stream; /* the video has start codes */
    bool adts;
    int length_size;
    struct push_sets sets;
    struct buf config; /* of the video: sets borrow from it until the track is made */
    struct buf unit;   /* scratch */
    uint8_t asc[PUSH_ASC_BYTES];
    char *why;
};

static enum err fail(struct demuxer *d, enum err e, const char *why)
{
    snprintf(d->why, PUSH_DEMUX_WHY_MAX, "%s", why);
    return e;
}

static enum err no_memory(struct demuxer *d)
{
    return fail(d, ERR_NOMEM, "the server is short of memory: try again later");
}

static bool out_of_time(struct demuxer *d)
{
    const atomic_bool *cancel = d->options->cancel;
    d->expired = d->expired || clock_mono_ms() > d->until_ms ||
                 (cancel != NULL && atomic_load_explicit(cancel, memory_order_relaxed));
    return d->expired;
}

static int read_bytes(void *arg, uint8_t *out, int size)
{
    struct demuxer *d = arg;
    size_t left = d->bytes.len - d->at;
    size_t n = (size_t)size < left ? (size_t)size : left;
    if (out_of_time(d)) {
        return AVERROR_EXIT;
    }
    if (n == 0) {
        return AVERROR_EOF;
    }
    memcpy(out, d->bytes.data + d->at, n);
    d->at += n;
    return (int)n;
}

static int64_t seek_bytes(void *arg, int64_t offset, int whence)
{
    struct demuxer *d = arg;
    int64_t len = (int64_t)d->bytes.len;
    if (whence & AVSEEK_SIZE) {
        return len;
    }
    whence &= ~AVSEEK_FORCE;
    int64_t base = whence == SEEK_CUR ? (int64_t)d->at : whence == SEEK_END ? len : 0;
    if (offset < -base || offset > len - base) {
        return AVERROR(EINVAL);
    }
    d->at = (size_t)(base + offset);
    return (int64_t)d->at;
}

static int is_interrupted(void *arg)
{
    return out_of_time(arg);
}

/* A file may name other files: none is opened. */
static int refuse_open(AVFormatContext *s, AVIOContext **io, const char *url, int flags,
                       AVDictionary **options)
{
    (void)s, (void)io, (void)url, (void)flags, (void)options;
    return AVERROR(EPERM);
}

void push_demux_init(void)
{
    av_max_alloc(PUSH_LIBRARY_ALLOC);
}

static enum err err_of_av(struct demuxer *d, int code, const char *why)
{
    if (d->expired) {
        return fail(d, ERR_TIMEOUT, "reading it takes too long");
    }
    return code == AVERROR(ENOMEM) ? no_memory(d) : fail(d, ERR_PROTO, why);
}

static enum err open_input(struct demuxer *d)
{
    const char *name = d->options->mp4 ? "mov" : "mpegts";
    uint8_t *buffer = av_malloc(IO_BYTES);
    d->packet = av_packet_alloc();
    d->format = avformat_alloc_context();
    d->io = buffer != NULL
                ? avio_alloc_context(buffer, IO_BYTES, 0, d, read_bytes, NULL, seek_bytes)
                : NULL;
    if (d->io == NULL || d->packet == NULL || d->format == NULL) {
        av_free(d->io == NULL ? buffer : NULL);
        return no_memory(d);
    }
    d->format->pb = d->io;
    d->format->io_open = refuse_open;
    d->format->interrupt_callback = (AVIOInterruptCB){is_interrupted, d};
    d->format->max_streams = PUSH_DEMUX_STREAMS;
    d->format->max_analyze_duration = ANALYZE_US;
    d->format->max_ts_probe = 1;
    int code = avformat_open_input(&d->format, "", av_find_input_format(name), NULL);
    if (code >= 0) {
        code = avformat_find_stream_info(d->format, NULL);
    }
    const char *why = d->options->mp4 ? "this is not an MP4 file that can be read"
                                      : "this is not an MPEG-TS file that can be read";
    return code >= 0 ? ERR_OK : err_of_av(d, code, why);
}

static bool find_codec(enum AVCodecID id, enum track_codec *ret_codec)
{
    static const struct {
        enum AVCodecID id;
        enum track_codec codec;
    } known[] = {
        {AV_CODEC_ID_H264, CODEC_H264}, {AV_CODEC_ID_HEVC, CODEC_HEVC},
        {AV_CODEC_ID_AV1, CODEC_AV1},   {AV_CODEC_ID_VP9, CODEC_VP9},
        {AV_CODEC_ID_AAC, CODEC_AAC},   {AV_CODEC_ID_MP3, CODEC_MP3},
        {AV_CODEC_ID_OPUS, CODEC_OPUS}, {AV_CODEC_ID_FLAC, CODEC_FLAC},
        {AV_CODEC_ID_AC3, CODEC_AC3},   {AV_CODEC_ID_EAC3, CODEC_EAC3},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].id == id) {
            *ret_codec = known[i].codec;
            return true;
        }
    }
    return false;
}

/* The first of each kind. */
static void choose_streams(struct demuxer *d)
{
    d->video = d->audio = -1;
    for (unsigned i = 0; i < d->format->nb_streams; i++) {
        const AVStream *st = d->format->streams[i];
        bool video = st->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
        bool media = video || st->codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
        int *slot = video ? &d->video : &d->audio;
        enum track_codec codec;
        if (!media || (st->disposition & AV_DISPOSITION_ATTACHED_PIC)) {
            continue;
        }
        if (*slot >= 0 || !find_codec(st->codecpar->codec_id, &codec)) {
            d->media->left_out++;
            d->format->streams[i]->discard = AVDISCARD_ALL;
            continue;
        }
        *slot = (int)i;
        *(video ? &d->video_codec : &d->audio_codec) = codec;
    }
}

static struct push_format format_of(const AVCodecParameters *p)
{
    struct push_format f = {1, 8};
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(p->format);
    if (desc != NULL) {
        f.depth = desc->comp[0].depth;
        f.chroma = desc->nb_components < 3 ? 0
                   : !desc->log2_chroma_w  ? 3
                   : !desc->log2_chroma_h  ? 2
                                           : 1;
    }
    return f;
}

static enum err put_vp9_config(struct demuxer *d, const AVCodecParameters *p)
{
    struct push_format f = format_of(p);
    uint8_t level = p->level > 0 && p->level < 256 ? (uint8_t)p->level : 10;
    uint8_t profile = p->profile > 0 && p->profile < 4 ? (uint8_t)p->profile : 0;
    uint8_t chroma = f.chroma == 3 ? 3 : f.chroma == 2 ? 2 : 1;
    const uint8_t record[] = {
        profile,
        level,
        (uint8_t)(f.depth << 4 | chroma << 1 | (p->color_range == AVCOL_RANGE_JPEG)),
        (uint8_t)p->color_primaries,
        (uint8_t)p->color_trc,
        (uint8_t)p->color_space,
        0,
        0,
    };
    return buf_put(&d->config, span_of(record, sizeof record));
}

static enum err put_config(struct demuxer *d, const AVCodecParameters *p, struct span extra)
{
    bool hevc = d->video_codec == CODEC_HEVC;
    bool sets = hevc || d->video_codec == CODEC_H264;
    d->length_size = 4;
    if (d->video_codec == CODEC_VP9) {
        return put_vp9_config(d, p);
    }
    d->byte_stream = sets && (extra.len == 0 || extra.data[0] != 1);
    if (d->byte_stream) {
        struct push_format f = format_of(p);
        push_sets_collect(&d->sets, extra, hevc);
        return hevc ? push_put_hevc_config(&d->config, &d->sets, &f)
                    : push_put_avc_config(&d->config, &d->sets, &f);
    }
    if (extra.len == 0) {
        return ERR_NOENT;
    }
    size_t size_at = hevc ? 21 : 4;
    if (sets) {
        if (extra.len <= size_at || (extra.data[size_at] & 3) == 2) {
            return ERR_PROTO;
        }
        d->length_size = (extra.data[size_at] & 3) + 1;
    }
    return buf_put(&d->config, extra);
}

static struct track_turn turn_of(const AVStream *st)
{
    size_t size = 0;
    const int32_t *matrix =
        (const int32_t *)av_stream_get_side_data(st, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return matrix != NULL && size >= 9 * sizeof *matrix ? orientation_of_matrix(matrix)
                                                        : (struct track_turn){0};
}

static enum err make_video(struct demuxer *d)
{
    const AVStream *st = d->format->streams[d->video];
    const AVCodecParameters *p = st->codecpar;
    enum err e = put_config(d, p, span_of(p->extradata, (size_t)p->extradata_size));
    if (e == ERR_NOMEM) {
        return no_memory(d);
    }
    if (e != ERR_OK || p->width < 1 || p->height < 1 || p->width > AVC_SIDE_MAX ||
        p->height > AVC_SIDE_MAX) {
        return fail(d, ERR_PROTO, "its video cannot be decoded: parameter sets are missing");
    }
    AVRational sar =
        st->sample_aspect_ratio.num > 0 ? st->sample_aspect_ratio : p->sample_aspect_ratio;
    struct track_params t = {
        .kind = TRACK_VIDEO,
        .codec = d->video_codec,
        .config = buf_span(&d->config),
        .width = p->width,
        .height = p->height,
        .sar_num = sar.num > 0 && sar.den > 0 ? sar.num : 0,
        .sar_den = sar.num > 0 && sar.den > 0 ? sar.den : 1,
        .turn = turn_of(st),
    };
    d->media->video = track_create(&t);
    return d->media->video != NULL ? ERR_OK : no_memory(d);
}

static enum err make_audio(struct demuxer *d, struct span config, int rate, int channels)
{
    struct track_params t = {
        .kind = TRACK_AUDIO,
        .codec = d->audio_codec,
        .config = config,
        .sample_rate = rate,
        .channels = channels,
        .sar_den = 1,
    };
    d->media->audio = track_create(&t);
    return d->media->audio != NULL ? ERR_OK : no_memory(d);
}

/* Of ADTS the first frame says it. Sound that says too little of itself is left out. */
static enum err open_audio(struct demuxer *d)
{
    const AVCodecParameters *p = d->format->streams[d->audio]->codecpar;
    struct span extra = span_of(p->extradata, (size_t)p->extradata_size);
    int rate = p->sample_rate, channels = p->ch_layout.nb_channels;
    struct asc asc;
    d->adts = d->audio_codec == CODEC_AAC && extra.len == 0;
    if (d->adts) {
        return ERR_OK;
    }
    bool needs =
        d->audio_codec == CODEC_AAC || d->audio_codec == CODEC_OPUS || d->audio_codec == CODEC_FLAC;
    bool bad = (needs && extra.len == 0) || rate < 1 || channels < 1 || extra.len > CONFIG_MAX;
    if (!bad && d->audio_codec == CODEC_AAC) {
        bad = asc_parse(extra, &asc) != ERR_OK;
        rate = bad ? rate : asc.sample_rate;
        channels = bad ? channels : asc.channels;
    }
    if (bad) {
        d->media->left_out++;
        d->audio = -1;
        return ERR_OK;
    }
    return make_audio(d, needs ? extra : span_of(NULL, 0), rate, channels);
}

/* --- packets --- */

/* PTS and DTS in ticks, rising; false: it has none that could be used. */
static bool set_times(struct packet *p, const AVPacket *from, AVRational base,
                      const struct packets *to)
{
    int64_t dts = from->dts != AV_NOPTS_VALUE ? from->dts : from->pts;
    int64_t pts = from->pts != AV_NOPTS_VALUE ? from->pts : dts;
    const struct packet *last = to->count > 0 ? &to->items[to->count - 1] : NULL;
    if (dts == AV_NOPTS_VALUE && last == NULL) {
        return false;
    }
    if (dts == AV_NOPTS_VALUE) {
        p->dts = p->pts = last->dts + (last->duration > 0 ? last->duration : FRAME_TICKS);
    } else {
        p->dts = av_rescale_q(dts, base, ticks);
        p->pts = av_rescale_q(pts, base, ticks);
    }
    if (p->dts < -TIME_MAX || p->dts > TIME_MAX || p->pts < -TIME_MAX || p->pts > TIME_MAX) {
        return false;
    }
    if (last != NULL && p->dts <= last->dts) {
        p->dts = last->dts + 1;
    }
    p->pts = p->pts < p->dts ? p->dts : p->pts;
    int64_t duration = from->duration > 0 ? av_rescale_q(from->duration, base, ticks) : 0;
    p->duration = duration > 0 && duration < TIME_MAX ? duration : 0;
    return true;
}

static enum err add(struct demuxer *d, struct packets *to, struct packet *p, struct span data)
{
    if (d->media->video_packets.count + d->media->audio_packets.count >= PUSH_PACKETS_MAX) {
        return fail(d, ERR_LIMIT, "it has more packets than one segment may have");
    }
    p->blob = blob_copy(data);
    if (p->blob == NULL) {
        return no_memory(d);
    }
    p->data = blob_span(p->blob);
    if (packets_push(to, *p) != ERR_OK) {
        packet_unref(p);
        return no_memory(d);
    }
    return ERR_OK;
}

static bool is_key(const struct demuxer *d, struct span data)
{
    switch (d->video_codec) {
    case CODEC_H264:
        return avc_has_idr(data, d->length_size);
    case CODEC_HEVC:
        return push_hevc_is_key(data, d->length_size);
    default:
        return (d->packet->flags & AV_PKT_FLAG_KEY) != 0;
    }
}

static enum err on_video(struct demuxer *d, struct span data)
{
    struct packets *to = &d->media->video_packets;
    struct packet p = {.kind = TRACK_VIDEO};
    if (d->byte_stream) {
        buf_clear(&d->unit);
        enum err e = push_put_unit(&d->unit, data, d->video_codec == CODEC_HEVC, &d->sets);
        if (e == ERR_NOENT) {
            return ERR_OK;
        }
        if (e != ERR_OK) {
            return no_memory(d);
        }
        data = buf_span(&d->unit);
    }
    if (data.len == 0 || !set_times(&p, d->packet, d->format->streams[d->video]->time_base, to)) {
        return ERR_OK;
    }
    p.flags = is_key(d, data) ? PACKET_KEY : 0;
    return add(d, to, &p, data);
}

/* ERR_NOENT: leave this frame out. */
static enum err unwrap_adts(struct demuxer *d, struct span *data)
{
    uint8_t asc[PUSH_ASC_BYTES];
    int rate, channels;
    enum err e = push_read_adts(data, asc, &rate, &channels);
    if (e != ERR_OK) {
        return ERR_NOENT;
    }
    if (d->media->audio == NULL) {
        memcpy(d->asc, asc, sizeof asc);
        return make_audio(d, span_of(asc, sizeof asc), rate, channels);
    }
    return memcmp(d->asc, asc, sizeof asc) == 0 ? ERR_OK : ERR_NOENT;
}

static enum err on_audio(struct demuxer *d, struct span data)
{
    struct packets *to = &d->media->audio_packets;
    struct packet p = {.kind = TRACK_AUDIO, .flags = PACKET_KEY};
    if (d->packet->flags & AV_PKT_FLAG_DISCARD) {
        return ERR_OK;
    }
    if (d->adts) {
        enum err e = unwrap_adts(d, &data);
        if (e != ERR_OK) {
            return e == ERR_NOENT ? ERR_OK : e;
        }
    }
    if (data.len == 0 || !set_times(&p, d->packet, d->format->streams[d->audio]->time_base, to)) {
        return ERR_OK;
    }
    if (d->audio_codec == CODEC_AAC) {
        p.duration =
            (int64_t)AAC_FRAME_SAMPLES * TICKS_PER_S / track_params(d->media->audio)->sample_rate;
    }
    return add(d, to, &p, data);
}

static enum err read_packets(struct demuxer *d)
{
    enum err e = ERR_OK;
    while (e == ERR_OK && !out_of_time(d)) {
        int code = av_read_frame(d->format, d->packet);
        if (code == AVERROR(ENOMEM)) {
            return no_memory(d);
        }
        if (code < 0) {
            break; /* the end, or damage: what came before it counts */
        }
        struct span data = span_of(d->packet->data, (size_t)d->packet->size);
        if (d->packet->stream_index == d->video) {
            e = on_video(d, data);
        } else if (d->packet->stream_index == d->audio) {
            e = on_audio(d, data);
        }
        av_packet_unref(d->packet);
    }
    return e == ERR_OK && d->expired ? err_of_av(d, 0, "") : e;
}

/* --- what it comes to --- */

static void set_durations(struct packets *video)
{
    for (size_t i = 0; i + 1 < video->count; i++) {
        video->items[i].duration = video->items[i + 1].dts - video->items[i].dts;
    }
}

static int64_t video_duration(struct packets *video, int64_t told)
{
    struct packet *last = &video->items[video->count - 1];
    int64_t span = last->dts - video->items[0].dts;
    if (video->count == 1) {
        last->duration = last->duration > 0 ? last->duration : told;
    } else if (last->duration <= 0) {
        last->duration = span / (int64_t)(video->count - 1);
    }
    last->duration = last->duration > 0 ? last->duration : FRAME_TICKS;
    return span + last->duration;
}

static void drop_sound_outside(struct push_media *m)
{
    struct packets *all = &m->audio_packets;
    size_t kept = 0;
    for (size_t i = 0; i < all->count; i++) {
        int64_t at = all->items[i].dts - m->start;
        if (at >= -SOUND_SLACK_TICKS && at <= m->duration + SOUND_SLACK_TICKS) {
            all->items[kept++] = all->items[i];
        } else {
            all->bytes -= all->items[i].data.len;
            packet_unref(&all->items[i]);
        }
    }
    all->count = kept;
}

/* Where the file says nothing, its first picture and its key pictures may. */
static enum err follow_turn(struct demuxer *d)
{
    struct push_media *m = d->media;
    const struct packets *ps = &m->video_packets;
    struct track_turn first = track_params(m->video)->turn, turn;
    if (first.quarters != 0 || first.mirrored) {
        return ERR_OK;
    }
    for (size_t i = 0; i < ps->count; i++) {
        if ((i == 0 || (ps->items[i].flags & PACKET_KEY) != 0) &&
            orientation_in(d->video_codec, d->length_size, ps->items[i].data, &turn)) {
            first = m->turn_told ? first : turn;
            m->turn_told = true;
            m->turn_last = turn;
        }
    }
    bool lies = first.quarters != 0 || first.mirrored;
    return lies && push_media_turn(m, first) != ERR_OK ? no_memory(d) : ERR_OK;
}

static enum err conclude(struct demuxer *d)
{
    struct push_media *m = d->media;
    struct packets *v = &m->video_packets, *a = &m->audio_packets;
    if (v->count == 0) {
        track_unref(m->video);
        m->video = NULL;
    }
    if (v->count == 0 && a->count == 0) {
        return fail(d, ERR_PROTO, "there is nothing in it that can be played");
    }
    if (v->count > 0) {
        set_durations(v);
        m->start = v->items[0].dts;
        m->duration = video_duration(v, d->options->told_ticks);
        m->independent = (v->items[0].flags & PACKET_KEY) != 0;
    } else {
        const struct packet *last = &a->items[a->count - 1];
        m->start = a->items[0].dts;
        m->duration = last->dts + last->duration - m->start;
        m->independent = true;
    }
    m->duration = m->duration > 0 ? m->duration : 1;
    m->wraps = !d->options->mp4;
    if (m->duration > PUSH_DURATION_TICKS) {
        return fail(d, ERR_LIMIT, "invalid duration: a segment lasts at most 300 seconds");
    }
    if (v->count > 0) {
        drop_sound_outside(m);
    }
    return v->count > 0 ? follow_turn(d) : ERR_OK;
}

static void demuxer_fini(struct demuxer *d)
{
    avformat_close_input(&d->format);
    if (d->io != NULL) {
        av_freep(&d->io->buffer);
        avio_context_free(&d->io);
    }
    av_packet_free(&d->packet);
    buf_fini(&d->config);
    buf_fini(&d->unit);
}

enum err push_demux(struct span bytes, const struct push_demux_options *options,
                    struct push_media *ret_media, char *ret_why)
{
    struct push_media media;
    push_media_init(&media);
    struct demuxer d = {
        .bytes = bytes,
        .options = options,
        .until_ms = clock_mono_ms() + PUSH_DEMUX_MS,
        .media = &media,
        .why = ret_why,
    };
    buf_init(&d.config, CONFIG_MAX);
    buf_init(&d.unit, PUSH_BODY_MAX + CONFIG_MAX);
    enum err e = open_input(&d);
    if (e == ERR_OK) {
        choose_streams(&d);
        e = d.video >= 0 ? make_video(&d) : ERR_OK;
    }
    if (e == ERR_OK && d.audio >= 0) {
        e = open_audio(&d);
    }
    if (e == ERR_OK) {
        e = read_packets(&d);
    }
    if (e == ERR_OK) {
        e = conclude(&d);
    }
    demuxer_fini(&d);
    if (e != ERR_OK) {
        push_media_fini(&media);
        return e;
    }
    *ret_media = media;
    return ERR_OK;
}
