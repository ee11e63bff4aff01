#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <string.h>

#include "base/buf.h"
#include "broadcaster/codec/annexb.h"
#include "broadcaster/codec/avc.h"
#include "broadcaster/pack/packager.h"

#define IO_BYTES            32768
#define TS_PACKET           188
#define TS_PID_PAT          0x0000
#define TS_PID_SDT          0x0011
#define TS_PID_PMT          0x1000
#define TS_PID_VIDEO        0x0100
#define TS_PID_AUDIO        0x0101
#define TS_OVERHEAD_DIVISOR 44                 /* 4 bytes of header on 184 */
#define TS_OVERHEAD_PACKET  256                /* the PES header, and the last packet's stuffing */
#define TS_CLOCK_TICKS      (INT64_C(1) << 33) /* PTS, DTS and PCR base wrap here */
#define TABLE_PERIOD_S      "1000000"          /* longer than any segment: tables stand once */

/* Audio frames share a PES packet as long as they lie within half of this: light rungs would
 * otherwise double in size. */
#define MAX_DELAY_US 700000

#define ADTS_HEADER_BYTES 7
#define ADTS_FRAME_MAX    0x1fff /* 13 bits of aac_frame_length */
#define PES_FRAME_MAX     60000  /* 16 bits of PES_packet_length, less its head */
#define AUDIO_FRAME_MIN   2      /* libavformat refuses shorter ones */
#define ASC_RATE_ESCAPE   15
#define ADTS_OBJECT_MAX   4
#define OBJECT_SBR        5
#define OBJECT_PS         29

struct muxer {
    AVFormatContext *format;
    AVStream *video;
    AVStream *audio;
    AVPacket *packet;
    struct buf out;
    enum err write_error; /* why out could not take what libavformat wrote */
    struct buf sets;      /* the video's parameter sets as a byte stream */
    struct buf unit;      /* scratch: one access unit as a byte stream */
    int length_size;
    enum track_codec codec; /* of the video */
    size_t audio_max;       /* bytes of a frame of the audio */
    int64_t offset;         /* added to every time */
    int64_t last_dts[2];    /* by track_kind, so that they rise strictly */
    bool any[2];
};

static enum err err_of_av(int code)
{
    return code >= 0 ? ERR_OK : code == AVERROR(ENOMEM) ? ERR_NOMEM : ERR_IO;
}

static int write_out(void *arg, uint8_t *data, int size)
{
    struct muxer *m = arg;
    enum err e = buf_put(&m->out, span_of(data, (size_t)size));
    if (e != ERR_OK) {
        m->write_error = e;
        return e == ERR_NOMEM ? AVERROR(ENOMEM) : AVERROR(EFBIG);
    }
    return size;
}

static enum err set_extradata(AVCodecParameters *p, struct span bytes)
{
    p->extradata = av_mallocz(bytes.len + AV_INPUT_BUFFER_PADDING_SIZE);
    if (p->extradata == NULL) {
        return ERR_NOMEM;
    }
    memcpy(p->extradata, bytes.data, bytes.len);
    p->extradata_size = (int)bytes.len;
    return ERR_OK;
}

static enum err add_video(struct muxer *m, const struct track *track)
{
    const struct track_params *t = track_params(track);
    if (!packager_ts_carries(t) || t->kind != TRACK_VIDEO) {
        return ERR_UNSUPPORTED;
    }
    enum err e = annexb_put_config(&m->sets, t->codec, t->config, &m->length_size);
    if (e != ERR_OK) {
        return e;
    }
    m->video = avformat_new_stream(m->format, NULL);
    if (m->video == NULL) {
        return ERR_NOMEM;
    }
    m->codec = t->codec;
    m->video->id = TS_PID_VIDEO;
    m->video->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
    m->video->codecpar->codec_id = t->codec == CODEC_HEVC ? AV_CODEC_ID_HEVC : AV_CODEC_ID_H264;
    m->video->codecpar->width = t->width;
    m->video->codecpar->height = t->height;
    return ERR_OK;
}

static const struct {
    enum AVCodecID id;
    int frame_samples;
    size_t frame_max; /* bytes */
} audio_forms[CODECS_] = {
    [CODEC_AAC] = {AV_CODEC_ID_AAC, 1024, ADTS_FRAME_MAX - ADTS_HEADER_BYTES},
    [CODEC_MP3] = {AV_CODEC_ID_MP3, 1152, PES_FRAME_MAX},
    [CODEC_AC3] = {AV_CODEC_ID_AC3, 1536, PES_FRAME_MAX},
    [CODEC_EAC3] = {AV_CODEC_ID_EAC3, 1536, PES_FRAME_MAX},
};

static enum err add_audio(struct muxer *m, const struct track *track)
{
    const struct track_params *t = track_params(track);
    if (!packager_ts_carries(t) || t->kind != TRACK_AUDIO) {
        return ERR_UNSUPPORTED;
    }
    m->audio = avformat_new_stream(m->format, NULL);
    if (m->audio == NULL) {
        return ERR_NOMEM;
    }
    m->audio_max = audio_forms[t->codec].frame_max;
    m->audio->id = TS_PID_AUDIO;
    AVCodecParameters *p = m->audio->codecpar;
    p->codec_type = AVMEDIA_TYPE_AUDIO;
    p->codec_id = audio_forms[t->codec].id;
    p->sample_rate = t->sample_rate;
    p->frame_size = audio_forms[t->codec].frame_samples;
    return t->config.len > 0 ? set_extradata(p, t->config) : ERR_OK;
}

static enum err open_output(struct muxer *m)
{
    int code = avformat_alloc_output_context2(&m->format, NULL, "mpegts", NULL);
    m->packet = av_packet_alloc();
    uint8_t *io = av_malloc(IO_BYTES);
    if (code < 0 || m->packet == NULL || io == NULL) {
        av_free(io);
        return ERR_NOMEM;
    }
    m->format->pb = avio_alloc_context(io, IO_BYTES, 1, m, NULL, write_out, NULL);
    if (m->format->pb == NULL) {
        av_free(io);
        return ERR_NOMEM;
    }
    m->format->pb->seekable = 0;
    m->format->max_delay = MAX_DELAY_US;
    m->format->avoid_negative_ts = 0;
    /* The byte stream is made here: libavformat guesses the form from the bytes, and a peer that
     * sends a NAL unit of one byte would mislead it. */
    m->format->flags &= ~AVFMT_FLAG_AUTO_BSF;
    return ERR_OK;
}

static enum err write_header(struct muxer *m)
{
    AVDictionary *options = NULL;
    av_dict_set(&options, "mpegts_flags", "initial_discontinuity", 0);
    av_dict_set(&options, "mpegts_copyts", "1", 0);
    av_dict_set(&options, "pat_period", TABLE_PERIOD_S, 0);
    av_dict_set(&options, "sdt_period", TABLE_PERIOD_S, 0);
    int code = avformat_write_header(m->format, &options);
    av_dict_free(&options);
    return err_of_av(code);
}

static void muxer_init(struct muxer *m)
{
    *m = (struct muxer){.write_error = ERR_OK};
    buf_init(&m->out, PACKAGER_BYTES_MAX);
    buf_init(&m->sets, PACKAGER_BYTES_MAX);
    buf_init(&m->unit, PACKAGER_BYTES_MAX);
}

static void muxer_fini(struct muxer *m)
{
    if (m->format != NULL) {
        if (m->format->pb != NULL) {
            av_freep(&m->format->pb->buffer);
            avio_context_free(&m->format->pb);
        }
        avformat_free_context(m->format);
    }
    if (m->packet != NULL) {
        m->packet->data = NULL;
        m->packet->size = 0;
        av_packet_free(&m->packet);
    }
    buf_fini(&m->out);
    buf_fini(&m->sets);
    buf_fini(&m->unit);
}

/* Borrows data: av_write_frame copies what it keeps. */
static enum err write_packet(struct muxer *m, AVStream *stream, const struct packet *p,
                             struct span data)
{
    int64_t *last = &m->last_dts[p->kind];
    int64_t dts = p->dts + m->offset;
    int64_t pts = p->pts + m->offset;
    if (m->any[p->kind] && dts <= *last) {
        dts = *last + 1;
    }
    AVPacket *out = m->packet;
    out->data = (uint8_t *)data.data;
    out->size = (int)data.len;
    out->stream_index = stream->index;
    out->dts = dts;
    out->pts = pts > dts ? pts : dts;
    out->duration = p->duration;
    out->flags = p->flags & PACKET_KEY ? AV_PKT_FLAG_KEY : 0;
    enum err e = err_of_av(av_write_frame(m->format, out));
    if (e == ERR_OK) {
        *last = dts;
        m->any[p->kind] = true;
    }
    return m->write_error != ERR_OK ? m->write_error : e;
}

static bool starts_anew(const struct muxer *m, const struct packet *p)
{
    return m->codec == CODEC_H264 ? avc_has_idr(p->data, m->length_size)
                                  : (p->flags & PACKET_KEY) != 0;
}

static enum err write_video(struct muxer *m, const struct packet *p)
{
    static const uint8_t padding[AV_INPUT_BUFFER_PADDING_SIZE];
    bool join = !m->any[TRACK_VIDEO] || starts_anew(m, p);
    struct span sets = join ? buf_span(&m->sets) : span_of(NULL, 0);
    buf_clear(&m->unit);
    enum err e = annexb_put_unit(&m->unit, m->codec, p->data, m->length_size, sets);
    if (e == ERR_PROTO) {
        return ERR_OK;
    }
    struct span unit = buf_span(&m->unit);
    if (e == ERR_OK) {
        e = buf_put(&m->unit, span_of(padding, sizeof padding));
        unit.data = m->unit.data;
    }
    return e == ERR_OK ? write_packet(m, m->video, p, unit) : e;
}

static enum err write_audio(struct muxer *m, const struct packet *p)
{
    if (p->data.len < AUDIO_FRAME_MIN || p->data.len > m->audio_max) {
        return ERR_OK;
    }
    return write_packet(m, m->audio, p, p->data);
}

static const struct packets *audio_of(const struct segment *s)
{
    static const struct packets none;
    struct sound *sound = segment_sound(s);
    return sound != NULL ? sound_packets(sound) : &none;
}

/* Merges both by DTS, the picture first where they are equal. */
static enum err write_packets(struct muxer *m, const struct segment *s)
{
    const struct packets *video = segment_packets(s);
    const struct packets *audio = audio_of(s);
    size_t v = m->video != NULL ? 0 : video->count;
    size_t a = m->audio != NULL ? 0 : audio->count;
    enum err e = ERR_OK;
    while (e == ERR_OK && (v < video->count || a < audio->count)) {
        bool picture =
            a == audio->count || (v < video->count && video->items[v].dts <= audio->items[a].dts);
        e = picture ? write_video(m, &video->items[v++]) : write_audio(m, &audio->items[a++]);
    }
    return e;
}

/* libavformat writes the low 33 bits of times, but counts on them being positive even after it has
 * taken its delay away for the PCR: the segment is moved into the second round of the clock. */
static int64_t clock_offset(const struct segment *s)
{
    const struct packets *video = segment_packets(s);
    const struct packets *audio = audio_of(s);
    int64_t first = video->count > 0 ? video->items[0].dts : audio->items[0].dts;
    int64_t in_round = first & (TS_CLOCK_TICKS - 1);
    return TS_CLOCK_TICKS + in_round - first;
}

/* Each table stands once, at the front: with the segment's number as its continuity counter the
 * tables of joined segments count on. libavformat repeats them in front of further key frames. */
static void keep_first_tables(struct buf *out, uint64_t msn)
{
    size_t kept = 0;
    bool front = true;
    for (size_t at = 0; at + TS_PACKET <= out->len; at += TS_PACKET) {
        uint8_t *p = out->data + at;
        int pid = (p[1] & 0x1f) << 8 | p[2];
        bool table = pid == TS_PID_PAT || pid == TS_PID_SDT || pid == TS_PID_PMT;
        front &= table;
        if (table && !front) {
            continue;
        }
        if (table) {
            p[3] = (uint8_t)((p[3] & 0xf0) | (msn & 0x0f));
        }
        if (kept != at) {
            memmove(out->data + kept, p, TS_PACKET);
        }
        kept += TS_PACKET;
    }
    out->len = kept;
}

/* Sound of a codec that MPEG-TS does not have is left out from the start. */
static const struct track *audio_for_ts(const struct segment *s)
{
    const struct sound *sound = segment_sound(s);
    const struct track *t = sound != NULL ? sound_track(sound) : NULL;
    return t != NULL && packager_ts_carries(track_params(t)) ? t : NULL;
}

static const struct track *video_for_ts(const struct segment *s)
{
    const struct track *t = segment_packets(s)->count > 0 ? segment_video(s) : NULL;
    return t != NULL && packager_ts_carries(track_params(t)) ? t : NULL;
}

static enum err add_streams(struct muxer *m, const struct segment *s, bool with_audio)
{
    const struct track *video = video_for_ts(s);
    const struct track *audio = with_audio ? audio_for_ts(s) : NULL;
    enum err e = video == NULL && audio == NULL ? ERR_UNSUPPORTED : ERR_OK;
    if (e == ERR_OK && video != NULL) {
        e = add_video(m, video);
    }
    if (e == ERR_OK && audio != NULL) {
        e = add_audio(m, audio);
    }
    return e;
}

/* Room for all of it at once: what grows by doubling is cleared, and copied, twice over. A guess
 * that is too small costs only that. */
static enum err reserve_out(struct muxer *m, const struct segment *s)
{
    const struct packets *video = segment_packets(s);
    const struct packets *audio = audio_of(s);
    size_t payload = video->bytes + audio->bytes;
    size_t packets = video->count + audio->count;
    size_t room = payload + payload / TS_OVERHEAD_DIVISOR + packets * TS_OVERHEAD_PACKET + IO_BYTES;
    room = room < PACKAGER_BYTES_MAX ? room : PACKAGER_BYTES_MAX;
    return buf_reserve(&m->out, room) != NULL ? ERR_OK : ERR_NOMEM;
}

static enum err finish(struct muxer *m, const struct segment *s, struct blob **ret_blob)
{
    enum err e = reserve_out(m, s);
    e = e == ERR_OK ? write_packets(m, s) : e;
    int code = av_write_trailer(m->format);
    if (e == ERR_OK) {
        e = m->write_error != ERR_OK ? m->write_error : err_of_av(code);
    }
    if (e == ERR_OK && !m->any[TRACK_VIDEO] && !m->any[TRACK_AUDIO]) {
        e = ERR_NOENT;
    }
    if (e == ERR_OK) {
        keep_first_tables(&m->out, segment_info(s)->msn);
        e = packager_give(&m->out, ret_blob);
    }
    return e;
}

/* *ret_refused: the streams could not be set up, which may be the audio's fault. */
static enum err mux(const struct segment *s, bool with_audio, struct blob **ret_blob,
                    bool *ret_refused)
{
    struct muxer m;
    muxer_init(&m);
    m.offset = clock_offset(s);
    enum err e = open_output(&m);
    if (e == ERR_OK) {
        e = add_streams(&m, s, with_audio);
        if (e == ERR_OK) {
            e = write_header(&m);
        }
        *ret_refused = e == ERR_IO || e == ERR_UNSUPPORTED;
    }
    if (e == ERR_OK) {
        e = finish(&m, s, ret_blob);
    }
    muxer_fini(&m);
    return e;
}

enum err packager_mpegts(const struct segment *s, struct blob **ret_blob)
{
    bool video = segment_packets(s)->count > 0;
    bool audio = audio_of(s)->count > 0;
    if (segment_info(s)->gap || (!video && !audio)) {
        return ERR_NOENT;
    }
    if (video && segment_video(s) == NULL) {
        return ERR_STATE;
    }
    bool refused = false;
    enum err e = mux(s, true, ret_blob, &refused);
    if (refused && video_for_ts(s) != NULL && audio_for_ts(s) != NULL) {
        e = mux(s, false, ret_blob, &refused);
    }
    return e;
}

/* What an ADTS header can say of an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1 and 1.A.2.2). */
static bool adts_carries(struct span config)
{
    if (config.len < 2) {
        return false;
    }
    unsigned object = config.data[0] >> 3;
    unsigned rate = (config.data[0] & 7u) << 1 | config.data[1] >> 7;
    bool extended = object == OBJECT_SBR || object == OBJECT_PS;
    return rate != ASC_RATE_ESCAPE && object > 0 && (object <= ADTS_OBJECT_MAX || extended);
}

bool packager_ts_carries(const struct track_params *t)
{
    switch (t->codec) {
    case CODEC_H264:
    case CODEC_HEVC:
        return t->kind == TRACK_VIDEO;
    case CODEC_AAC:
        return t->kind == TRACK_AUDIO && t->sample_rate > 0 && adts_carries(t->config);
    case CODEC_MP3:
    case CODEC_AC3:
    case CODEC_EAC3:
        return t->kind == TRACK_AUDIO;
    default:
        return false;
    }
}
