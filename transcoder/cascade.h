/* The pictures that the rungs of one job have made of a picture of the source, for smaller rungs to
 * begin from: scaling down from a rung's size costs a fraction of scaling from the source's. One
 * thread. */
#ifndef TRANSCODER_CASCADE_H
#define TRANSCODER_CASCADE_H

#include <libavutil/frame.h>
#include <stddef.h>

#include "media/profile.h"

/* A rung begins from one that is at least so many times as wide and as high: below that the loss
 * of scaling twice is to be seen in SSIM (README.md). */
#define CASCADE_RATIO 2

struct cascade_step {
    const void *source; /* names the source's picture together with pts; not read */
    int64_t pts;
    AVFrame *made; /* without buffers when there is none */
};

struct cascade {
    struct cascade_step steps[PROFILE_LADDER_MAX];
    size_t n;
};

/* For n rungs. ERR_NOMEM; on any result cascade_fini must follow. */
enum err cascade_init(struct cascade *c, size_t n) CHECKED;
void cascade_fini(struct cascade *c);

/* The smallest picture made of source that a rung of that size may begin from; source itself when
 * there is none. Borrowed until the next cascade_put. */
const AVFrame *cascade_find(const struct cascade *c, const AVFrame *source, int width, int height);

/* Rung number index has made that of source: references it, instead of the one before. Without
 * memory it is forgotten. */
void cascade_put(struct cascade *c, size_t index, const AVFrame *source, const AVFrame *made);

#endif
