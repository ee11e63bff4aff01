#include "transcoder/deinterlace.h"

#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/mem.h"
#include "media/packet.h"

struct deinterlacer {
    AVFilterGraph *graph; /* NULL: none yet, or plain */
    AVFilterContext *source, *sink;
    bool plain; /* pictures of this size and format are passed through */
    bool ended;
    int width, height, format;
    /* The first picture of another size waits until what the graph holds has come out; without a
     * graph each waits for its pull. */
    AVFrame *waiting;
};

struct deinterlacer *deinterlacer_create(void)
{
    struct deinterlacer *d = mem_alloc(sizeof *d);
    d->waiting = av_frame_alloc();
    if (d->waiting == NULL) {
        mem_free(d);
        return NULL;
    }
    return d;
}

void deinterlacer_destroy(struct deinterlacer *d)
{
    if (d == NULL) {
        return;
    }
    avfilter_graph_free(&d->graph);
    av_frame_free(&d->waiting);
    mem_free(d);
}

static bool is_same(const struct deinterlacer *d, const AVFrame *in)
{
    return d->width == in->width && d->height == in->height && d->format == in->format;
}

static int build(struct deinterlacer *d, const AVFrame *in)
{
    char args[128];
    AVFilterContext *filter = NULL;
    snprintf(args, sizeof args, "video_size=%dx%d:pix_fmt=%d:time_base=1/%d", in->width, in->height,
             in->format, TICKS_PER_S);
    d->graph = avfilter_graph_alloc();
    if (d->graph == NULL) {
        return AVERROR(ENOMEM);
    }
    d->graph->nb_threads = 1;
    /* A format that would have to be converted first is not worth it. */
    avfilter_graph_set_auto_convert(d->graph, AVFILTER_AUTO_CONVERT_NONE);
    int r = avfilter_graph_create_filter(&d->source, avfilter_get_by_name("buffer"), "in", args,
                                         NULL, d->graph);
    r = r < 0 ? r
              : avfilter_graph_create_filter(&filter, avfilter_get_by_name("bwdif"), "bwdif",
                                             "mode=send_frame:parity=auto:deint=interlaced", NULL,
                                             d->graph);
    r = r < 0 ? r
              : avfilter_graph_create_filter(&d->sink, avfilter_get_by_name("buffersink"), "out",
                                             NULL, NULL, d->graph);
    r = r < 0 ? r : avfilter_link(d->source, 0, filter, 0);
    r = r < 0 ? r : avfilter_link(filter, 0, d->sink, 0);
    return r < 0 ? r : avfilter_graph_config(d->graph, NULL);
}

/* The smallest pictures and some formats are beyond bwdif: shown as they are, they are better than
 * none. */
static enum err open_graph(struct deinterlacer *d, const AVFrame *in, struct fault *f)
{
    avfilter_graph_free(&d->graph);
    d->width = in->width;
    d->height = in->height;
    d->format = in->format;
    int r = build(d, in);
    d->plain = r < 0;
    if (r < 0) {
        avfilter_graph_free(&d->graph);
    }
    return r == AVERROR(ENOMEM) ? fault_set_av(f, false, "deinterlacing", r) : ERR_OK;
}

static enum err keep(struct deinterlacer *d, const AVFrame *in, struct fault *f)
{
    return av_frame_ref(d->waiting, in) < 0
               ? fault_set(f, false, ERR_NOMEM, "no memory for a picture")
               : ERR_OK;
}

static enum err feed(struct deinterlacer *d, AVFrame *in, struct fault *f)
{
    int r = av_buffersrc_add_frame_flags(d->source, in, AV_BUFFERSRC_FLAG_KEEP_REF);
    return r < 0 ? fault_set_av(f, false, "deinterlacing", r) : ERR_OK;
}

enum err deinterlacer_push(struct deinterlacer *d, const AVFrame *in, struct fault *f)
{
    if (in == NULL) {
        d->ended = true;
        return d->graph != NULL ? feed(d, NULL, f) : ERR_OK;
    }
    if (!is_same(d, in)) {
        enum err e = keep(d, in, f);
        if (e == ERR_OK && d->graph != NULL) {
            return feed(d, NULL, f);
        }
        return e;
    }
    return d->plain ? keep(d, in, f) : feed(d, (AVFrame *)in, f);
}

/* What comes out counts in halves: there could be a picture for each field. */
static enum err take(struct deinterlacer *d, AVFrame *out, struct fault *f)
{
    int r = av_buffersink_get_frame(d->sink, out);
    if (r == AVERROR(EAGAIN)) {
        return ERR_AGAIN;
    }
    if (r == AVERROR_EOF) {
        return ERR_CLOSED;
    }
    if (r < 0) {
        return fault_set_av(f, false, "deinterlacing", r);
    }
    out->pts =
        av_rescale_q(out->pts, av_buffersink_get_time_base(d->sink), (AVRational){1, TICKS_PER_S});
    return ERR_OK;
}

enum err deinterlacer_pull(struct deinterlacer *d, AVFrame *out, struct fault *f)
{
    if (d->graph != NULL) {
        enum err e = take(d, out, f);
        if (e != ERR_CLOSED || d->waiting->buf[0] == NULL) {
            return e;
        }
        avfilter_graph_free(&d->graph);
    }
    if (d->waiting->buf[0] == NULL) {
        return d->ended ? ERR_CLOSED : ERR_AGAIN;
    }
    if (!is_same(d, d->waiting)) {
        enum err e = open_graph(d, d->waiting, f);
        if (e != ERR_OK) {
            return e;
        }
    }
    if (d->plain) {
        av_frame_move_ref(out, d->waiting);
        return ERR_OK;
    }
    enum err e = feed(d, d->waiting, f);
    av_frame_unref(d->waiting);
    if (e == ERR_OK && d->ended) {
        e = feed(d, NULL, f);
    }
    return e == ERR_OK ? take(d, out, f) : e;
}
