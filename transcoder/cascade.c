#include "transcoder/cascade.h"

#include <assert.h>
#include <stdbool.h>

enum err cascade_init(struct cascade *c, size_t n)
{
    assert(n <= PROFILE_LADDER_MAX);
    *c = (struct cascade){0};
    for (; c->n < n; c->n++) {
        c->steps[c->n].made = av_frame_alloc();
        if (c->steps[c->n].made == NULL) {
            return ERR_NOMEM;
        }
    }
    return ERR_OK;
}

void cascade_fini(struct cascade *c)
{
    for (size_t i = 0; i < c->n; i++) {
        av_frame_free(&c->steps[i].made);
    }
    c->n = 0;
}

static bool may_begin_from(const AVFrame *f, int width, int height)
{
    return f->width >= width * CASCADE_RATIO && f->height >= height * CASCADE_RATIO;
}

const AVFrame *cascade_find(const struct cascade *c, const AVFrame *source, int width, int height)
{
    const AVFrame *best = source;
    for (size_t i = 0; i < c->n; i++) {
        const struct cascade_step *s = &c->steps[i];
        if (s->made->buf[0] != NULL && s->source == source->data[0] && s->pts == source->pts &&
            may_begin_from(s->made, width, height) && s->made->width < best->width &&
            s->made->height < best->height) {
            best = s->made;
        }
    }
    return best;
}

void cascade_put(struct cascade *c, size_t index, const AVFrame *source, const AVFrame *made)
{
    struct cascade_step *s = &c->steps[index];
    av_frame_unref(s->made);
    s->source = source->data[0];
    s->pts = source->pts;
    if (av_frame_ref(s->made, made) < 0) {
        av_frame_unref(s->made);
    }
}
