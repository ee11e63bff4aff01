#include "transcoder/turn.h"

#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <stdio.h>

#include "base/mem.h"
#include "media/packet.h"

/* What can be turned by a quarter as it is: 4:2:2 cannot, and would become one of 16 bits. */
#define FORMATS                                                                                    \
    "format=yuv420p|yuvj420p|yuv444p|yuvj444p|gbrp|yuv420p10le|yuv444p10le|gbrp10le|"              \
    "yuv420p12le|yuv444p12le|gbrp12le,"

struct turner {
    char filters[256];
    AVFilterGraph *graph; /* NULL: none yet */
    AVFilterContext *source, *sink;
    int width, height, format;
};

struct turner *turner_create(const struct track_turn *turn)
{
    static const char *const turns[] = {"null", FORMATS "transpose=clock", "hflip,vflip",
                                        FORMATS "transpose=cclock"};
    struct turner *t = mem_alloc(sizeof *t);
    snprintf(t->filters, sizeof t->filters, "%s%s", turn->mirrored ? "hflip," : "",
             turns[turn->quarters % 4]);
    return t;
}

void turner_destroy(struct turner *t)
{
    if (t != NULL) {
        avfilter_graph_free(&t->graph);
        mem_free(t);
    }
}

static int build(struct turner *t, const AVFrame *in)
{
    char args[128];
    snprintf(args, sizeof args, "video_size=%dx%d:pix_fmt=%d:time_base=1/%d", in->width, in->height,
             in->format, TICKS_PER_S);
    t->graph = avfilter_graph_alloc();
    AVFilterInOut *outputs = avfilter_inout_alloc(), *inputs = avfilter_inout_alloc();
    int r = t->graph != NULL && outputs != NULL && inputs != NULL ? 0 : AVERROR(ENOMEM);
    if (r >= 0) {
        t->graph->nb_threads = 1;
        r = avfilter_graph_create_filter(&t->source, avfilter_get_by_name("buffer"), "in", args,
                                         NULL, t->graph);
    }
    r = r < 0 ? r
              : avfilter_graph_create_filter(&t->sink, avfilter_get_by_name("buffersink"), "out",
                                             NULL, NULL, t->graph);
    if (r >= 0) {
        *outputs = (AVFilterInOut){.name = av_strdup("in"), .filter_ctx = t->source};
        *inputs = (AVFilterInOut){.name = av_strdup("out"), .filter_ctx = t->sink};
        r = outputs->name != NULL && inputs->name != NULL ? 0 : AVERROR(ENOMEM);
    }
    r = r < 0 ? r : avfilter_graph_parse_ptr(t->graph, t->filters, &inputs, &outputs, NULL);
    avfilter_inout_free(&inputs);
    avfilter_inout_free(&outputs);
    return r < 0 ? r : avfilter_graph_config(t->graph, NULL);
}

static int rebuild(struct turner *t, const AVFrame *in)
{
    avfilter_graph_free(&t->graph);
    int r = build(t, in);
    if (r < 0) {
        avfilter_graph_free(&t->graph);
        return r;
    }
    t->width = in->width;
    t->height = in->height;
    t->format = in->format;
    return 0;
}

enum err turner_run(struct turner *t, const AVFrame *in, AVFrame *out, struct fault *f)
{
    int r = 0;
    if (t->graph == NULL || t->width != in->width || t->height != in->height ||
        t->format != in->format) {
        r = rebuild(t, in);
    }
    r = r < 0 ? r
              : av_buffersrc_add_frame_flags(t->source, (AVFrame *)in, AV_BUFFERSRC_FLAG_KEEP_REF);
    r = r < 0 ? r : av_buffersink_get_frame(t->sink, out);
    return r < 0 ? fault_set_av(f, r != AVERROR(ENOMEM), "turning a picture", r) : ERR_OK;
}
