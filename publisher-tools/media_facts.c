#include "publisher-tools/media_facts.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "publisher-tools/media_codec.h"

#define IO_BUFFER_BYTES    32768
#define PREROLL_MAX        3000 /* packets */
#define PREROLL_BYTES_MAX  (64 * 1024 * 1024)
#define RECENT_MAX         256 /* packets in RATE_RUN_TICKS, at most */
#define RATE_RUN_TICKS     (90000 / 2)
#define BEFORE_THE_SEGMENT 1 /* mark on packets and frames of the preroll */

static const AVRational ticks = {1, 90000};

struct media_prober {
    AVPacket *preroll[PREROLL_MAX]; /* video since the last key frame of earlier segments */
    size_t n_preroll;
    size_t preroll_bytes;
};

/* The bytes of the map and of the segment as one file. */
struct reader {
    struct span parts[2];
    int64_t at;
};

/* The DTS of the newest packets. */
struct recent {
    int64_t dts[RECENT_MAX];
    unsigned n; /* that have been, also those that are forgotten */
};

struct work {
    struct media_prober *m;
    struct segment_facts facts;
    struct reader reader;
    AVIOContext *io;
    AVFormatContext *input;
    AVCodecContext *decoder[2]; /* video, audio */
    int index[2];
    int64_t usual[2]; /* step from packet to packet */
    struct recent recent[2];
    AVFrame *frame;
    bool no_start;   /* no key frame so far, in no segment: nothing can be decoded yet */
    bool no_leading; /* there is nothing that the leading pictures of the start could need */
    char *why;
};

static int64_t total_length(const struct reader *r)
{
    return (int64_t)(r->parts[0].len + r->parts[1].len);
}

static int on_read(void *arg, uint8_t *out, int size)
{
    struct reader *r = arg;
    size_t first = r->parts[0].len;
    size_t at = (size_t)r->at;
    struct span from =
        at < first ? span_of(r->parts[0].data + at, first - at)
                   : span_of(r->parts[1].data + (at - first), r->parts[1].len - (at - first));
    size_t n = from.len < (size_t)size ? from.len : (size_t)size;
    if (n == 0) {
        return AVERROR_EOF;
    }
    memcpy(out, from.data, n);
    r->at += (int64_t)n;
    return (int)n;
}

static int64_t on_seek(void *arg, int64_t offset, int whence)
{
    struct reader *r = arg;
    int64_t end = total_length(r);
    if (whence == AVSEEK_SIZE) {
        return end;
    }
    int64_t at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? r->at + offset : end + offset;
    if (at < 0 || at > end) {
        return AVERROR(EINVAL);
    }
    r->at = at;
    return at;
}

static enum err refuse(struct work *w, const char *what, int av_error)
{
    snprintf(w->why, MEDIA_WHY_MAX, "%s%s%s", what, av_error < 0 ? ": " : "",
             av_error < 0 ? av_err2str(av_error) : "");
    return av_error == AVERROR(ENOMEM) ? ERR_NOMEM : ERR_PROTO;
}

static enum err open_input(struct work *w)
{
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    w->io = buffer != NULL
                ? avio_alloc_context(buffer, IO_BUFFER_BYTES, 0, &w->reader, on_read, NULL, on_seek)
                : NULL;
    w->input = avformat_alloc_context();
    if (w->io == NULL || w->input == NULL) {
        return refuse(w, "out of memory", AVERROR(ENOMEM));
    }
    w->input->pb = w->io;
    AVDictionary *options = NULL;
    /* Other demultiplexers open further files and addresses, at the wish of who made the bytes. */
    av_dict_set(&options, "format_whitelist", "mpegts,mov,aac,mp3", 0);
    int e = avformat_open_input(&w->input, NULL, NULL, &options);
    av_dict_free(&options);
    if (e < 0) {
        return refuse(w, "not a container that is known", e);
    }
    e = avformat_find_stream_info(w->input, NULL);
    return e < 0 ? refuse(w, "its streams cannot be read", e) : ERR_OK;
}

static enum err open_decoder(struct work *w, int kind, enum AVMediaType type)
{
    int index = av_find_best_stream(w->input, type, -1, -1, NULL, 0);
    w->index[kind] = index < 0 ? -1 : index;
    if (index < 0) {
        return ERR_OK;
    }
    const AVCodecParameters *par = w->input->streams[index]->codecpar;
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);
    AVCodecContext *c = codec != NULL ? avcodec_alloc_context3(codec) : NULL;
    w->decoder[kind] = c;
    if (c == NULL || avcodec_parameters_to_context(c, par) < 0) {
        return refuse(w, "no decoder for its codec", 0);
    }
    c->thread_count = 1;
    c->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER;
    c->pkt_timebase = w->input->streams[index]->time_base;
    int e = avcodec_open2(c, codec, NULL);
    return e < 0 ? refuse(w, "its decoder cannot be opened", e) : ERR_OK;
}

static void count_frames(struct work *w, int kind)
{
    struct stream_facts *s = kind == 0 ? &w->facts.video : &w->facts.audio;
    while (avcodec_receive_frame(w->decoder[kind], w->frame) >= 0) {
        if (w->frame->reordered_opaque != BEFORE_THE_SEGMENT) {
            s->decoded++;
            s->errors +=
                w->frame->decode_error_flags != 0 || (w->frame->flags & AV_FRAME_FLAG_CORRUPT);
            if (kind == 0) {
                w->facts.width = w->frame->width;
                w->facts.height = w->frame->height;
                w->facts.range = w->frame->color_trc == AVCOL_TRC_SMPTE2084      ? MEDIA_PQ
                                 : w->frame->color_trc == AVCOL_TRC_ARIB_STD_B67 ? MEDIA_HLG
                                                                                 : MEDIA_SDR;
            }
        }
        av_frame_unref(w->frame);
    }
}

/* packet NULL: the end, everything that is still inside comes out. */
static void decode(struct work *w, int kind, const AVPacket *packet, int64_t mark)
{
    struct stream_facts *s = kind == 0 ? &w->facts.video : &w->facts.audio;
    w->decoder[kind]->reordered_opaque = mark;
    int e = avcodec_send_packet(w->decoder[kind], packet);
    if (e < 0 && e != AVERROR_EOF && mark != BEFORE_THE_SEGMENT) {
        s->errors++;
    }
    count_frames(w, kind);
}

/* The step from one packet to the next, against the usual one. */
static void count_step(struct stream_facts *s, int64_t *usual, int64_t step)
{
    s->longest_step = FFMAX(s->longest_step, step);
    if (*usual == 0) {
        *usual = step;
    } else if (step * 4 > *usual * 5 || step * 5 < *usual * 4) {
        s->irregular++;
        s->left_out += (unsigned)((step + *usual / 2) / *usual - (step * 4 > *usual * 5));
    }
}

/* The shortest run that ends here and lasts half a second. */
static void count_rate(struct stream_facts *s, struct recent *r, int64_t dts)
{
    unsigned kept = r->n < RECENT_MAX ? r->n : RECENT_MAX;
    for (unsigned back = 1; back <= kept; back++) {
        int64_t ticks = dts - r->dts[(r->n - back) % RECENT_MAX];
        if (ticks >= RATE_RUN_TICKS) {
            s->peak_milli = FFMAX(s->peak_milli, (int64_t)back * 1000 * 90000 / ticks);
            break;
        }
    }
    r->dts[r->n++ % RECENT_MAX] = dts;
}

static void count_times(struct stream_facts *s, int64_t *usual, struct recent *recent,
                        const AVPacket *p)
{
    int64_t pts = p->pts != AV_NOPTS_VALUE ? p->pts : p->dts;
    int64_t dts = p->dts != AV_NOPTS_VALUE ? p->dts : p->pts;
    s->no_dts += p->dts == AV_NOPTS_VALUE;
    if (dts == AV_NOPTS_VALUE) {
        s->packets++;
        return;
    }
    if (!s->present) {
        s->first_dts = s->last_dts = dts;
        s->first_pts = s->last_pts = pts;
    } else if (dts <= s->last_dts) {
        s->dts_faults++;
    } else {
        count_step(s, usual, dts - s->last_dts);
    }
    count_rate(s, recent, dts);
    s->present = true;
    s->packets++;
    s->last_dts = dts;
    s->first_pts = FFMIN(s->first_pts, pts);
    s->last_pts = FFMAX(s->last_pts, pts);
}

void media_prober_forget(struct media_prober *m)
{
    for (size_t i = 0; i < m->n_preroll; i++) {
        av_packet_free(&m->preroll[i]);
    }
    m->n_preroll = 0;
    m->preroll_bytes = 0;
}

static void keep_for_later(struct media_prober *m, const AVPacket *p)
{
    if (p->flags & AV_PKT_FLAG_KEY) {
        media_prober_forget(m);
    } else if (m->n_preroll == 0) {
        return; /* nothing to decode it on */
    }
    if (m->n_preroll == PREROLL_MAX || m->preroll_bytes + (size_t)p->size > PREROLL_BYTES_MAX) {
        media_prober_forget(m);
        return;
    }
    AVPacket *copy = av_packet_clone(p);
    if (copy != NULL) {
        m->preroll[m->n_preroll++] = copy;
        m->preroll_bytes += (size_t)p->size;
    }
}

static void on_first_picture(struct work *w, const AVPacket *p)
{
    w->facts.starts_with_key = p->flags & AV_PKT_FLAG_KEY;
    const AVCodecParameters *par = w->input->streams[p->stream_index]->codecpar;
    w->facts.starts_with_idr = media_codec_independent(par, p);
    bool open = media_codec_hevc_kind(par, p) == MEDIA_HEVC_CRA;
    for (size_t i = 0; (open || !w->facts.starts_with_key) && i < w->m->n_preroll; i++) {
        decode(w, 0, w->m->preroll[i], BEFORE_THE_SEGMENT);
    }
    w->no_leading = open && w->m->n_preroll == 0;
    w->no_start = !open && !w->facts.starts_with_key && w->m->n_preroll == 0;
}

static void on_video(struct work *w, const AVPacket *p)
{
    if (w->facts.video.packets == 0) {
        on_first_picture(w, p);
    } else if (w->no_leading) {
        int kind = media_codec_hevc_kind(w->input->streams[p->stream_index]->codecpar, p);
        bool leading = kind == MEDIA_HEVC_RASL_N || kind == MEDIA_HEVC_RASL_R;
        w->facts.video.decoded += leading; /* decoders pass over them */
        w->no_leading = !(p->flags & AV_PKT_FLAG_KEY);
    }
    count_times(&w->facts.video, &w->usual[0], &w->recent[0], p);
    w->no_start = w->no_start && !(p->flags & AV_PKT_FLAG_KEY);
    if (w->no_start) {
        w->facts.video.decoded++;
        return;
    }
    decode(w, 0, p, 0);
    keep_for_later(w->m, p);
}

static enum err read_packets(struct work *w)
{
    AVPacket *p = av_packet_alloc();
    w->frame = av_frame_alloc();
    if (p == NULL || w->frame == NULL) {
        av_packet_free(&p);
        return refuse(w, "out of memory", AVERROR(ENOMEM));
    }
    while (av_read_frame(w->input, p) >= 0) {
        av_packet_rescale_ts(p, w->input->streams[p->stream_index]->time_base, ticks);
        if (p->stream_index == w->index[0]) {
            on_video(w, p);
        } else if (p->stream_index == w->index[1]) {
            count_times(&w->facts.audio, &w->usual[1], &w->recent[1], p);
            decode(w, 1, p, 0);
        }
        av_packet_unref(p);
    }
    for (int kind = 0; kind < 2; kind++) {
        if (w->decoder[kind] != NULL) {
            decode(w, kind, NULL, 0);
        }
    }
    av_packet_free(&p);
    return ERR_OK;
}

static void work_fini(struct work *w)
{
    avcodec_free_context(&w->decoder[0]);
    avcodec_free_context(&w->decoder[1]);
    avformat_close_input(&w->input);
    if (w->io != NULL) {
        av_freep(&w->io->buffer);
        avio_context_free(&w->io);
    }
    av_frame_free(&w->frame);
}

struct media_prober *media_prober_create(void)
{
    return mem_alloc(sizeof(struct media_prober));
}

void media_prober_destroy(struct media_prober *m)
{
    if (m != NULL) {
        media_prober_forget(m);
        mem_free(m);
    }
}

static void note_stream(struct work *w, int kind, struct stream_facts *s)
{
    if (w->index[kind] >= 0) {
        media_codec_string(w->input->streams[w->index[kind]]->codecpar, s->codec);
    }
}

static enum err read_segment(struct work *w)
{
    enum err e = open_decoder(w, 0, AVMEDIA_TYPE_VIDEO);
    if (e == ERR_OK) {
        e = open_decoder(w, 1, AVMEDIA_TYPE_AUDIO);
    }
    if (e == ERR_OK && w->index[0] < 0 && w->index[1] < 0) {
        e = refuse(w, "neither video nor audio in it", 0);
    }
    return e == ERR_OK ? read_packets(w) : e;
}

enum err media_prober_read(struct media_prober *m, struct span map, struct span segment,
                           struct segment_facts *ret_facts, char *ret_why)
{
    struct work w = {.m = m, .reader = {{map, segment}, 0}, .index = {-1, -1}, .why = ret_why};
    enum err e = open_input(&w);
    if (e == ERR_OK) {
        e = read_segment(&w);
    }
    if (e == ERR_OK) {
        const AVCodecContext *a = w.decoder[1];
        bool known = a != NULL && a->sample_rate > 0;
        w.facts.sample_ticks =
            known ? av_rescale(a->frame_size > 0 ? a->frame_size : 1024, 90000, a->sample_rate) : 0;
        note_stream(&w, 0, &w.facts.video);
        note_stream(&w, 1, &w.facts.audio);
        *ret_facts = w.facts;
    }
    work_fini(&w);
    return e;
}

/* FNV-1a of a packet: what it holds, and when it is shown. */
static uint64_t packet_sum(const AVPacket *p)
{
    uint64_t h = UINT64_C(14695981039346656037) ^ (uint64_t)p->pts;
    for (int i = 0; i < p->size; i++) {
        h = (h ^ p->data[i]) * UINT64_C(1099511628211);
    }
    return h;
}

static enum err peek_packets(struct work *w, struct part_facts *f)
{
    AVPacket *p = av_packet_alloc();
    if (p == NULL) {
        return refuse(w, "out of memory", AVERROR(ENOMEM));
    }
    f->has_video = w->index[0] >= 0;
    f->independent = !f->has_video;
    while (av_read_frame(w->input, p) >= 0) {
        if (p->stream_index == w->index[0]) {
            f->independent |=
                media_codec_independent(w->input->streams[p->stream_index]->codecpar, p);
        }
        av_packet_rescale_ts(p, w->input->streams[p->stream_index]->time_base, ticks);
        f->media += packet_sum(p);
        f->packets++;
        av_packet_unref(p);
    }
    av_packet_free(&p);
    return ERR_OK;
}

enum err media_prober_peek(struct span map, struct span part, struct part_facts *ret_facts,
                           char *ret_why)
{
    struct work w = {.reader = {{map, part}, 0}, .index = {-1, -1}, .why = ret_why};
    struct part_facts f = {0};
    enum err e = open_input(&w);
    if (e == ERR_OK) {
        w.index[0] = av_find_best_stream(w.input, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
        e = peek_packets(&w, &f);
    }
    if (e == ERR_OK) {
        *ret_facts = f;
    }
    work_fini(&w);
    return e;
}

int64_t stream_facts_ticks(const struct stream_facts *s)
{
    if (s->packets < 2) {
        return 0;
    }
    int64_t between = s->last_pts - s->first_pts;
    return between + between / (s->packets - 1);
}
