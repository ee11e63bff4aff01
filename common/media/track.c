#include "media/track.h"

#include <stdatomic.h>

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

bool track_equal(const struct track *a, const struct track *b)
{
    if (a == b || a == NULL || b == NULL) {
        return a == b;
    }
    const struct track_params *p = &a->params;
    const struct track_params *q = &b->params;
    return p->kind == q->kind && p->codec == q->codec && p->width == q->width &&
           p->height == q->height && p->sample_rate == q->sample_rate &&
           p->channels == q->channels && span_equal(p->config, q->config);
}
