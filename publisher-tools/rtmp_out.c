#include "publisher-tools/rtmp_out.h"

#include <libavformat/avformat.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define CONNECT_TIMEOUT_MS 10000
#define SEND_TIMEOUT_MS    10000
#define CLOSE_TIMEOUT_MS   2000
#define STREAMS            2

static const AVRational ticks = {1, SOURCE_RATE};

struct rtmp_out {
    AVFormatContext *muxer;
    const struct source *source;
    const atomic_bool *abort;
    int64_t deadline_ms;
    bool header_written;
    int index[STREAMS]; /* of the muxer's streams */
};

/* What libav last complained about on this thread: its RTMP client tells the server's own words
 * only there. */
static _Thread_local char complaint[256];

static void on_log(void *context, int level, const char *format, va_list args)
{
    if (level > AV_LOG_ERROR) {
        return;
    }
    vsnprintf(complaint, sizeof complaint, format, args);
    complaint[strcspn(complaint, "\r\n")] = '\0';
}

void rtmp_out_init(void)
{
    av_log_set_callback(on_log);
}

static int interrupted(void *arg)
{
    const struct rtmp_out *o = arg;
    return atomic_load(o->abort) || clock_mono_ms() > o->deadline_ms;
}

static enum err say(const struct rtmp_out *o, int e, const char *doing, char *ret_why)
{
    if (e == AVERROR_EXIT && atomic_load(o->abort)) {
        snprintf(ret_why, RTMP_OUT_WHY_MAX, "stopped while %s", doing);
        return ERR_STATE;
    }
    if (e == AVERROR_EXIT || e == AVERROR(ETIMEDOUT)) {
        snprintf(ret_why, RTMP_OUT_WHY_MAX, "no answer for %d s while %s",
                 CONNECT_TIMEOUT_MS / 1000, doing);
        return ERR_TIMEOUT;
    }
    if (e == AVERROR(ECONNREFUSED)) {
        snprintf(ret_why, RTMP_OUT_WHY_MAX,
                 "connection refused: nothing listens there (is the broadcaster running?)");
        return ERR_CLOSED;
    }
    bool closed = e == AVERROR(EPIPE) || e == AVERROR(ECONNRESET) || e == AVERROR_EOF;
    const char *words = complaint[0] != '\0' ? complaint : av_err2str(e);
    snprintf(ret_why, RTMP_OUT_WHY_MAX, "%s while %s%s%s",
             closed ? "the server closed the connection" : "failed", doing,
             closed && complaint[0] == '\0' ? "" : ": ",
             closed && complaint[0] == '\0' ? "" : words);
    return closed ? ERR_CLOSED : ERR_IO;
}

static void begin(struct rtmp_out *o, int timeout_ms)
{
    complaint[0] = '\0';
    o->deadline_ms = clock_mono_ms() + timeout_ms;
}

static int add_stream(struct rtmp_out *o, enum source_stream kind, const AVCodecParameters *par)
{
    o->index[kind] = -1;
    if (par == NULL) {
        return 0;
    }
    AVStream *s = avformat_new_stream(o->muxer, NULL);
    if (s == NULL) {
        return AVERROR(ENOMEM);
    }
    s->time_base = ticks;
    if (kind == SOURCE_VIDEO) {
        s->avg_frame_rate = o->source->frame_rate; /* goes into onMetaData */
    }
    o->index[kind] = s->index;
    return avcodec_parameters_copy(s->codecpar, par);
}

static int open_all(struct rtmp_out *o, const char *url)
{
    const struct source *source = o->source;
    int e = avformat_alloc_output_context2(&o->muxer, NULL, "flv", url);
    if (e < 0) {
        return e;
    }
    o->muxer->interrupt_callback = (AVIOInterruptCB){interrupted, o};
    /* Packets go out as they come: no waiting for the other stream, no buffering. */
    o->muxer->flags |= AVFMT_FLAG_FLUSH_PACKETS;
    e = add_stream(o, SOURCE_VIDEO, source->video);
    if (e >= 0) {
        e = add_stream(o, SOURCE_AUDIO, source->audio);
    }
    if (e >= 0) {
        e = avio_open2(&o->muxer->pb, url, AVIO_FLAG_WRITE, &o->muxer->interrupt_callback, NULL);
    }
    if (e >= 0) {
        AVDictionary *options = NULL;
        av_dict_set(&options, "flvflags", "no_duration_filesize", 0);
        e = avformat_write_header(o->muxer, &options);
        av_dict_free(&options);
        o->header_written = e >= 0;
    }
    return e;
}

enum err rtmp_out_open(const char *url, const struct source *source, const atomic_bool *abort,
                       struct rtmp_out **ret_out, char *ret_why)
{
    struct rtmp_out *o = mem_alloc(sizeof *o);
    o->source = source;
    o->abort = abort;
    begin(o, CONNECT_TIMEOUT_MS);
    int e = open_all(o, url);
    if (e < 0) {
        enum err bad = say(o, e, "connecting", ret_why);
        rtmp_out_close(o, false);
        return bad;
    }
    *ret_out = o;
    return ERR_OK;
}

enum err rtmp_out_send(struct rtmp_out *o, AVPacket *packet, int64_t base, char *ret_why)
{
    int index = o->index[packet->stream_index];
    begin(o, SEND_TIMEOUT_MS);
    packet->pts -= base;
    packet->dts -= base;
    packet->stream_index = index;
    av_packet_rescale_ts(packet, ticks, o->muxer->streams[index]->time_base);
    int e = av_write_frame(o->muxer, packet);
    if (e >= 0 && o->muxer->pb->error < 0) {
        e = o->muxer->pb->error;
    }
    av_packet_unref(packet);
    return e < 0 ? say(o, e, "sending", ret_why) : ERR_OK;
}

void rtmp_out_close(struct rtmp_out *o, bool orderly)
{
    if (o == NULL) {
        return;
    }
    if (o->muxer != NULL) {
        begin(o, orderly ? CLOSE_TIMEOUT_MS : 0);
        if (o->header_written && orderly) {
            av_write_trailer(o->muxer);
        }
        avio_closep(&o->muxer->pb);
        avformat_free_context(o->muxer);
    }
    mem_free(o);
}
