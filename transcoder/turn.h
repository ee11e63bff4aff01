/* Turns a source's pictures as they are to be shown (libavfilter). One thread. */
#ifndef TRANSCODER_TURN_H
#define TRANSCODER_TURN_H

#include <libavutil/frame.h>

#include "media/track.h"
#include "transcoder/fault.h"

struct turner;

/* Gives. */
struct turner *turner_create(const struct track_turn *turn);
void turner_destroy(struct turner *t); /* takes NULL */

/* out, unreferenced, becomes in turned, with its time and other properties; a sample aspect ratio
 * turns with it. Pictures may change their size and format. ERR_UNSUPPORTED, ERR_NOMEM. */
enum err turner_run(struct turner *t, const AVFrame *in, AVFrame *out, struct fault *f) CHECKED;

#endif
