/* Interlaced pictures to progressive ones (libavfilter's bwdif), one for one: two fields become one
 * picture with the time of the first. One thread. */
#ifndef TRANSCODER_DEINTERLACE_H
#define TRANSCODER_DEINTERLACE_H

#include <libavutil/frame.h>

#include "transcoder/fault.h"

struct deinterlacer;

/* NULL when memory is refused. Gives. */
struct deinterlacer *deinterlacer_create(void);
void deinterlacer_destroy(struct deinterlacer *d); /* takes NULL */

/* Offers the next picture in presentation order, pts in ticks (borrowed; referenced when it is
 * used); NULL: there are no more. Those that are not marked as interlaced come out as they are, in
 * their turn, and so do all of a size or format that cannot be deinterlaced. To be called only when
 * deinterlacer_pull has said ERR_AGAIN. ERR_NOMEM. */
enum err deinterlacer_push(struct deinterlacer *d, const AVFrame *in, struct fault *f) CHECKED;

/* The next picture; out must be unreferenced. It keeps one back, because it looks at the next one
 * too. ERR_AGAIN: push more; ERR_CLOSED: that was all. */
enum err deinterlacer_pull(struct deinterlacer *d, AVFrame *out, struct fault *f) CHECKED;

#endif
