/* Pictures to one rung's size and to 8-bit 4:2:0 (libswscale, bicubic). Colour tags and range stay
 * the source's. One thread. */
#ifndef TRANSCODER_SCALE_H
#define TRANSCODER_SCALE_H

#include <libavutil/frame.h>

#include "transcoder/fault.h"

struct scaler;

/* Allocates no picture yet. Gives. */
struct scaler *scaler_create(int width, int height);
void scaler_destroy(struct scaler *s); /* takes NULL */

/* Makes out (unreferenced, gets a reference) the picture in at the rung's size, with the colour
 * tags and the sample aspect ratio of in; no side data. A source that changes its size or format
 * is followed. A picture that needs no work is referenced, not copied. ERR_UNSUPPORTED: a pixel
 * format that cannot be read; ERR_NOMEM. */
enum err scaler_run(struct scaler *s, const AVFrame *in, AVFrame *out, struct fault *f) CHECKED;

#endif
