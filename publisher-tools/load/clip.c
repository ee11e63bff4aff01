#include "publisher-tools/load/clip.h"

#include <inttypes.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>

#include "base/mem.h"
#include "broadcaster/push/push_nal.h"

#define CONFIG_MAX (64 * 1024)

static const AVRational ticks = {1, TICKS_PER_S};

struct reader {
    const char *path;
    char *why;
    AVFormatContext *input;
    AVStream *stream;
    size_t most;
    struct clip *clip;
    size_t cap, bytes;
    bool byte_stream; /* NAL units behind start codes (ITU-T H.264 and H.265, annex B) */
    struct push_sets sets;
    int64_t last_dts;
};

static enum err failed(const struct reader *r, enum err e, const char *what, int av_error)
{
    snprintf(r->why, CLIP_WHY_MAX, "%s: %s%s%s", r->path, what, av_error != 0 ? ": " : "",
             av_error != 0 ? av_err2str(av_error) : "");
    return e;
}

static enum err find_codec(struct reader *r)
{
    static const struct {
        enum AVCodecID theirs;
        enum track_codec ours;
    } known[] = {{AV_CODEC_ID_H264, CODEC_H264},
                 {AV_CODEC_ID_HEVC, CODEC_HEVC},
                 {AV_CODEC_ID_AV1, CODEC_AV1},
                 {AV_CODEC_ID_VP9, CODEC_VP9}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (r->stream->codecpar->codec_id == known[i].theirs) {
            r->clip->track.codec = known[i].ours;
            return ERR_OK;
        }
    }
    snprintf(r->why, CLIP_WHY_MAX,
             "%s: its pictures are %s; streams have H.264, HEVC, AV1 or VP9: convert it first, for "
             "example with: ffmpeg -i FILE -c:v libx264 -g 60 -an out.mp4",
             r->path, avcodec_get_name(r->stream->codecpar->codec_id));
    return ERR_UNSUPPORTED;
}

static enum err open_input(struct reader *r)
{
    int e = avformat_open_input(&r->input, r->path, NULL, NULL);
    if (e >= 0) {
        e = avformat_find_stream_info(r->input, NULL);
    }
    if (e < 0) {
        return failed(r, ERR_IO, "cannot be read", e);
    }
    int v = av_find_best_stream(r->input, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (v < 0) {
        return failed(r, ERR_UNSUPPORTED, "has no pictures", 0);
    }
    for (unsigned i = 0; i < r->input->nb_streams; i++) {
        r->input->streams[i]->discard = (int)i == v ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    }
    r->stream = r->input->streams[v];
    return find_codec(r);
}

/* The record that stands in front of packets with lengths, from what a byte stream has. */
static enum err make_record(struct reader *r, struct span extra)
{
    const AVCodecParameters *par = r->stream->codecpar;
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(par->format);
    bool hevc = par->codec_id == AV_CODEC_ID_HEVC;
    struct push_format format = {.chroma = 1, .depth = 8};
    if (d != NULL && d->nb_components >= 3) {
        format.chroma = d->log2_chroma_h > 0 ? 1 : d->log2_chroma_w > 0 ? 2 : 3;
        format.depth = d->comp[0].depth;
    }
    push_sets_collect(&r->sets, extra, hevc);
    struct buf *out = &r->clip->config;
    enum err e = hevc ? push_put_hevc_config(out, &r->sets, &format)
                      : push_put_avc_config(out, &r->sets, &format);
    return e == ERR_OK ? e
                       : failed(r, e, "has no parameter sets that a decoder could begin with", 0);
}

static enum err take_track(struct reader *r)
{
    const AVCodecParameters *par = r->stream->codecpar;
    struct track_params *t = &r->clip->track;
    struct span extra = span_of(par->extradata, (size_t)par->extradata_size);
    bool nal = par->codec_id == AV_CODEC_ID_H264 || par->codec_id == AV_CODEC_ID_HEVC;
    r->byte_stream = nal && (extra.len == 0 || extra.data[0] != 1);
    enum err e = r->byte_stream ? make_record(r, extra) : buf_put(&r->clip->config, extra);
    if (e != ERR_OK) {
        return r->why[0] != '\0' ? e : failed(r, e, err_text(e), 0);
    }
    AVRational rate = r->stream->avg_frame_rate;
    r->clip->frame = rate.num > 0 && rate.den > 0 ? av_rescale(TICKS_PER_S, rate.den, rate.num)
                                                  : TICKS_PER_S / 25;
    t->kind = TRACK_VIDEO;
    t->config = buf_span(&r->clip->config);
    t->width = par->width;
    t->height = par->height;
    t->sar_num = par->sample_aspect_ratio.num;
    t->sar_den = par->sample_aspect_ratio.den > 0 ? par->sample_aspect_ratio.den : 1;
    return ERR_OK;
}

/* --- packets --- */

static struct blob *copy_unit(struct reader *r, const AVPacket *p)
{
    struct span bytes = span_of(p->data, (size_t)p->size);
    if (!r->byte_stream) {
        return blob_copy(bytes);
    }
    struct buf unit;
    buf_init(&unit, CLIP_BYTES_MAX);
    bool hevc = r->stream->codecpar->codec_id == AV_CODEC_ID_HEVC;
    struct blob *b =
        push_put_unit(&unit, bytes, hevc, &r->sets) == ERR_OK ? blob_copy(buf_span(&unit)) : NULL;
    buf_fini(&unit);
    return b;
}

static enum err begin_segment(struct reader *r)
{
    struct clip *c = r->clip;
    if (c->n == r->cap) {
        size_t cap = r->cap > 0 ? r->cap * 2 : 64;
        void *more = mem_try_realloc(c->segments, cap * sizeof *c->segments);
        if (more == NULL) {
            return failed(r, ERR_NOMEM, "is too long for this host's memory; read less with -segs",
                          0);
        }
        c->segments = more;
        r->cap = cap;
    }
    c->segments[c->n].duration = 0;
    packets_init(&c->segments[c->n].packets);
    c->n++;
    return ERR_OK;
}

/* The pictures' times of a segment span it, whichever order they come in. */
static int64_t first_pts(const struct packets *ps)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < ps->count; i++) {
        first = ps->items[i].pts < first ? ps->items[i].pts : first;
    }
    return first;
}

static int64_t end_pts(const struct packets *ps)
{
    int64_t end = INT64_MIN;
    for (size_t i = 0; i < ps->count; i++) {
        int64_t t = ps->items[i].pts + ps->items[i].duration;
        end = t > end ? t : end;
    }
    return end;
}

static void close_segment(struct clip *c)
{
    struct clip_segment *s = c->n > 0 ? &c->segments[c->n - 1] : NULL;
    if (s != NULL && s->packets.count > 0) {
        s->duration = end_pts(&s->packets) - first_pts(&s->packets);
        c->duration += s->duration;
    }
}

/* Whether this packet begins a segment. */
static bool is_cut(const struct reader *r, const struct packet *p)
{
    const struct clip *c = r->clip;
    if ((p->flags & PACKET_KEY) == 0) {
        return false;
    }
    int64_t begin = c->n > 0 ? c->segments[c->n - 1].packets.items[0].dts : 0;
    return c->n == 0 || p->dts - begin + c->frame / 2 >= CLIP_SEGMENT_TICKS;
}

static bool is_full(const struct reader *r)
{
    return r->most > 0 && r->clip->n == r->most;
}

static enum err add(struct reader *r, struct packet p, bool *ret_full)
{
    struct clip *c = r->clip;
    bool cut = is_cut(r, &p);
    *ret_full = cut && is_full(r);
    if (*ret_full || (c->n == 0 && !cut)) {
        packet_unref(&p);
        return ERR_OK;
    }
    enum err e = ERR_OK;
    if (cut) {
        close_segment(c);
        e = begin_segment(r);
    } else if (p.dts - c->segments[c->n - 1].packets.items[0].dts > CLIP_SEGMENT_MAX) {
        e = failed(r, ERR_LIMIT,
                   "has no key frame for a minute; encode it with one each two seconds", 0);
    }
    r->bytes += p.data.len;
    if (e == ERR_OK && r->bytes > CLIP_BYTES_MAX) {
        e = failed(r, ERR_LIMIT, "is larger than 1 GiB; read less of it with -segs", 0);
    }
    if (e == ERR_OK) {
        e = packets_push(&c->segments[c->n - 1].packets, p);
    }
    if (e != ERR_OK) {
        packet_unref(&p);
    }
    return e;
}

static enum err take_packet(struct reader *r, AVPacket *p, bool *ret_full)
{
    if (p->stream_index != r->stream->index || p->size <= 0) {
        return ERR_OK;
    }
    av_packet_rescale_ts(p, r->stream->time_base, ticks);
    int64_t dts = p->dts != AV_NOPTS_VALUE   ? p->dts
                  : p->pts != AV_NOPTS_VALUE ? p->pts
                                             : r->last_dts + r->clip->frame;
    if (r->clip->n > 0 && dts <= r->last_dts) {
        dts = r->last_dts + 1;
    }
    struct packet out = {.kind = TRACK_VIDEO,
                         .flags = p->flags & AV_PKT_FLAG_KEY ? PACKET_KEY : 0,
                         .dts = dts,
                         .pts = p->pts != AV_NOPTS_VALUE && p->pts > dts ? p->pts : dts,
                         .duration = p->duration > 0 ? p->duration : r->clip->frame};
    r->last_dts = dts;
    out.blob = copy_unit(r, p);
    if (out.blob == NULL) {
        return ERR_OK; /* nothing in it that is a picture */
    }
    out.data = blob_span(out.blob);
    return add(r, out, ret_full);
}

static enum err read_packets(struct reader *r)
{
    AVPacket *p = av_packet_alloc();
    enum err e = p != NULL ? ERR_OK : ERR_NOMEM;
    bool full = false;
    int got = 0;
    while (e == ERR_OK && !full && (got = av_read_frame(r->input, p)) >= 0) {
        e = take_packet(r, p, &full);
        av_packet_unref(p);
    }
    av_packet_free(&p);
    if (e == ERR_OK && !full && got != AVERROR_EOF) {
        e = failed(r, ERR_IO, "cannot be read on", got);
    }
    close_segment(r->clip);
    if (e == ERR_OK && r->clip->n == 0) {
        e = failed(r, ERR_PROTO, "holds no key frame", 0);
    }
    return e;
}

enum err clip_read(const char *path, size_t most, struct clip *ret_clip, char *ret_why)
{
    struct clip c = {0};
    struct reader r = {.path = path, .why = ret_why, .most = most, .clip = &c};
    ret_why[0] = '\0';
    buf_init(&c.config, CONFIG_MAX);
    enum err e = open_input(&r);
    if (e == ERR_OK) {
        e = take_track(&r);
    }
    if (e == ERR_OK) {
        e = read_packets(&r);
    }
    avformat_close_input(&r.input);
    if (e != ERR_OK) {
        if (ret_why[0] == '\0') {
            snprintf(ret_why, CLIP_WHY_MAX, "%s: %s", path, err_text(e));
        }
        clip_fini(&c);
        return e;
    }
    *ret_clip = c;
    return ERR_OK;
}

void clip_fini(struct clip *c)
{
    for (size_t i = 0; i < c->n; i++) {
        packets_fini(&c->segments[i].packets);
    }
    mem_free(c->segments);
    buf_fini(&c->config);
    *c = (struct clip){0};
}
