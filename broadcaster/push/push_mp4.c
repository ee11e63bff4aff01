#include "broadcaster/push/push_mp4.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <string.h>

#include "base/buf.h"
#include "broadcaster/pack/packager.h"

#define IO_BYTES          32768
#define AAC_FRAME_SAMPLES 1024

struct muxer {
    AVFormatContext *format;
    AVPacket *packet;
    struct buf out;
    enum err write_error;
    int stream[2]; /* by track_kind; -1: none */
};

static enum err err_of_av(const struct muxer *m, int code)
{
    if (m->write_error != ERR_OK) {
        return m->write_error;
    }
    return code >= 0 ? ERR_OK : code == AVERROR(ENOMEM) ? ERR_NOMEM : ERR_IO;
}

static int write_out(void *arg, uint8_t *data, int size)
{
    struct muxer *m = arg;
    enum err e = buf_put(&m->out, span_of(data, (size_t)size));
    if (e != ERR_OK) {
        m->write_error = e;
        return AVERROR(EFBIG);
    }
    return size;
}

static enum AVCodecID codec_id(enum track_codec codec)
{
    static const enum AVCodecID ids[CODECS_] = {
        [CODEC_H264] = AV_CODEC_ID_H264, [CODEC_HEVC] = AV_CODEC_ID_HEVC,
        [CODEC_AV1] = AV_CODEC_ID_AV1,   [CODEC_VP9] = AV_CODEC_ID_VP9,
        [CODEC_AAC] = AV_CODEC_ID_AAC,   [CODEC_MP3] = AV_CODEC_ID_MP3,
        [CODEC_OPUS] = AV_CODEC_ID_OPUS, [CODEC_FLAC] = AV_CODEC_ID_FLAC,
        [CODEC_AC3] = AV_CODEC_ID_AC3,   [CODEC_EAC3] = AV_CODEC_ID_EAC3,
    };
    return ids[codec];
}

static enum err open_output(struct muxer *m)
{
    int code = avformat_alloc_output_context2(&m->format, NULL, "mp4", NULL);
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
    m->format->avoid_negative_ts = 0;
    m->format->flags &= ~AVFMT_FLAG_AUTO_BSF;
    return ERR_OK;
}

static enum err add_track(struct muxer *m, const struct track *track)
{
    const struct track_params *t = track_params(track);
    AVStream *st = avformat_new_stream(m->format, NULL);
    if (st == NULL) {
        return ERR_NOMEM;
    }
    AVCodecParameters *p = st->codecpar;
    bool video = t->kind == TRACK_VIDEO;
    st->time_base = (AVRational){1, video ? TICKS_PER_S : t->sample_rate};
    p->codec_type = video ? AVMEDIA_TYPE_VIDEO : AVMEDIA_TYPE_AUDIO;
    p->codec_id = codec_id(t->codec);
    p->width = t->width;
    p->height = t->height;
    if (t->sar_num > 0) {
        p->sample_aspect_ratio = (AVRational){t->sar_num, t->sar_den};
    }
    p->sample_rate = t->sample_rate;
    p->frame_size = t->codec == CODEC_AAC ? AAC_FRAME_SAMPLES : 0;
    av_channel_layout_default(&p->ch_layout, t->channels);
    if (t->config.len > 0) {
        p->extradata = av_mallocz(t->config.len + AV_INPUT_BUFFER_PADDING_SIZE);
        if (p->extradata == NULL) {
            return ERR_NOMEM;
        }
        memcpy(p->extradata, t->config.data, t->config.len);
        p->extradata_size = (int)t->config.len;
    }
    m->stream[t->kind] = st->index;
    return ERR_OK;
}

static enum err write_header(struct muxer *m)
{
    AVDictionary *options = NULL;
    /* The header comes with the first fragment: some codecs are described by their packets. */
    av_dict_set(&options, "movflags", "frag_keyframe+delay_moov+default_base_moof", 0);
    av_dict_set(&options, "use_editlist", "0", 0);
    int code = avformat_write_header(m->format, &options);
    av_dict_free(&options);
    return err_of_av(m, code);
}

static enum err write_packet(struct muxer *m, const struct packet *p)
{
    const AVRational ticks = {1, TICKS_PER_S};
    AVPacket *out = m->packet;
    out->data = (uint8_t *)p->data.data;
    out->size = (int)p->data.len;
    out->stream_index = m->stream[p->kind];
    out->dts = p->dts;
    out->pts = p->pts;
    out->duration = p->duration;
    out->flags = p->flags & PACKET_KEY ? AV_PKT_FLAG_KEY : 0;
    av_packet_rescale_ts(out, ticks, m->format->streams[out->stream_index]->time_base);
    return err_of_av(m, av_write_frame(m->format, out));
}

static const struct packets *sound_of(const struct segment *s)
{
    static const struct packets none;
    struct sound *sound = segment_sound(s);
    return sound != NULL ? sound_packets(sound) : &none;
}

static enum err write_packets(struct muxer *m, const struct segment *s)
{
    const struct packets *video = segment_packets(s), *audio = sound_of(s);
    size_t v = 0, a = 0;
    enum err e = ERR_OK;
    while (e == ERR_OK && (v < video->count || a < audio->count)) {
        bool picture =
            a == audio->count || (v < video->count && video->items[v].dts <= audio->items[a].dts);
        e = write_packet(m, picture ? &video->items[v++] : &audio->items[a++]);
    }
    int code = av_write_trailer(m->format);
    return e == ERR_OK ? err_of_av(m, code) : e;
}

static void muxer_fini(struct muxer *m)
{
    if (m->format != NULL && m->format->pb != NULL) {
        av_freep(&m->format->pb->buffer);
        avio_context_free(&m->format->pb);
    }
    avformat_free_context(m->format);
    if (m->packet != NULL) {
        m->packet->data = NULL;
        m->packet->size = 0;
        av_packet_free(&m->packet);
    }
    buf_fini(&m->out);
}

enum err push_mp4(const struct segment *s, struct blob **ret_blob)
{
    bool video = segment_packets(s)->count > 0 && segment_video(s) != NULL;
    bool audio = sound_of(s)->count > 0;
    if (segment_info(s)->gap || (!video && !audio)) {
        return ERR_NOENT;
    }
    struct muxer m = {.stream = {-1, -1}};
    buf_init(&m.out, PACKAGER_BYTES_MAX);
    enum err e = open_output(&m);
    if (e == ERR_OK && video) {
        e = add_track(&m, segment_video(s));
    }
    if (e == ERR_OK && audio) {
        e = add_track(&m, sound_track(segment_sound(s)));
    }
    if (e == ERR_OK) {
        e = write_header(&m);
    }
    if (e == ERR_OK) {
        e = write_packets(&m, s);
    }
    if (e == ERR_OK) {
        e = packager_give(&m.out, ret_blob);
    }
    muxer_fini(&m);
    return e;
}
