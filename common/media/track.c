#include "media/track.h"

#include <stdatomic.h>
#include <string.h>

#include "base/blob.h"
#include "base/mem.h"

struct track {
    atomic_uint refs;
    struct track_params params;
    struct blob *config;
};

struct track *track_create(const struct track_params *params)
{
    struct blob *config = blob_copy(params->config);
    if (config == NULL) {
        return NULL;
    }
    struct track *t = mem_alloc(sizeof *t);
    t->refs = 1;
    t->params = *params;
    t->config = config;
    t->params.config = blob_span(config);
    return t;
}

struct track *track_ref(struct track *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void track_unref(struct track *t)
{
    if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    blob_unref(t->config);
    mem_free(t);
}

const struct track_params *track_params(const struct track *t)
{
    return &t->params;
}

static bool color_equal(const struct track_color *a, const struct track_color *b)
{
    return a->primaries == b->primaries && a->transfer == b->transfer && a->matrix == b->matrix &&
           a->full_range == b->full_range && a->has_mastering == b->has_mastering &&
           memcmp(a->display_x, b->display_x, sizeof a->display_x) == 0 &&
           memcmp(a->display_y, b->display_y, sizeof a->display_y) == 0 &&
           a->white_x == b->white_x && a->white_y == b->white_y &&
           a->luminance_max == b->luminance_max && a->luminance_min == b->luminance_min &&
           a->max_cll == b->max_cll && a->max_fall == b->max_fall;
}

void track_shown_size(const struct track_params *t, int *ret_width, int *ret_height)
{
    bool lies = t->turn.quarters % 2 == 1;
    *ret_width = lies ? t->height : t->width;
    *ret_height = lies ? t->width : t->height;
}

bool track_equal(const struct track *a, const struct track *b)
{
    if (a == b || a == NULL || b == NULL) {
        return a == b;
    }
    const struct track_params *p = &a->params;
    const struct track_params *q = &b->params;
    return p->kind == q->kind && p->codec == q->codec && p->index == q->index &&
           p->width == q->width && p->height == q->height && p->sample_rate == q->sample_rate &&
           p->channels == q->channels && color_equal(&p->color, &q->color) &&
           p->turn.quarters == q->turn.quarters && p->turn.mirrored == q->turn.mirrored &&
           span_equal(p->config, q->config);
}

static const char *const codec_names[CODECS_] = {
    [CODEC_H264] = "h264", [CODEC_HEVC] = "hevc", [CODEC_AV1] = "av1",   [CODEC_VP9] = "vp9",
    [CODEC_AAC] = "aac",   [CODEC_MP3] = "mp3",   [CODEC_OPUS] = "opus", [CODEC_FLAC] = "flac",
    [CODEC_AC3] = "ac3",   [CODEC_EAC3] = "eac3",
};

const char *track_codec_name(enum track_codec codec)
{
    return codec_names[codec];
}

bool track_codec_is_video(enum track_codec codec)
{
    return codec < CODEC_AAC;
}

enum err track_codec_find(const char *name, enum track_codec *ret_codec)
{
    for (int i = 0; i < CODECS_; i++) {
        if (strcmp(name, codec_names[i]) == 0) {
            *ret_codec = (enum track_codec)i;
            return ERR_OK;
        }
    }
    return ERR_NOENT;
}
