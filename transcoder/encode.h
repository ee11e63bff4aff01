/* One H.264 encoder of one rung of one segment (libx264 through libavcodec). Every parameter that
 * reaches the parameter sets comes from the rung or from the source's pictures. One thread. */
#ifndef TRANSCODER_ENCODE_H
#define TRANSCODER_ENCODE_H

#include <libavutil/frame.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "proto/link_msg.h"
#include "transcoder/fault.h"

#define ENCODE_BFRAMES_MAX   3 /* more would be more delay than a low-latency rung may have */
#define ENCODE_LOOKAHEAD_MAX 60

struct encoder;

enum encoder_type {
    ENCODER_AUTO,
    ENCODER_IDR,
    ENCODER_P, /* nothing shown before it is coded after it */
};

/* What comes out, in decoding order. */
struct encoded {
    int64_t pts; /* as given to push */
    bool key;
    struct span annex_b; /* borrowed until the next call */
};

/* Opens it. like: the first picture, for colour tags and sample aspect ratio. On a grid
 * (rung.fps_num > 0) a push's pts counts slots; otherwise it is in ticks. ERR_UNSUPPORTED: libx264
 * refuses the parameters; ERR_NOMEM. Gives. */
enum err encoder_create(const struct link_rung *rung, const AVFrame *like, struct fault *f,
                        struct encoder **ret_encoder) CHECKED;
void encoder_destroy(struct encoder *e); /* takes NULL */

/* The AVCDecoderConfigurationRecord; borrowed while the encoder lives. */
struct span encoder_config(const struct encoder *e);

/* Encodes a picture of the rung's size (borrowed; its pts and type are overwritten). */
enum err encoder_push(struct encoder *e, AVFrame *frame, int64_t pts, enum encoder_type type,
                      struct fault *f) CHECKED;

/* No more pictures. */
enum err encoder_end(struct encoder *e, struct fault *f) CHECKED;

/* ERR_AGAIN: push more; ERR_CLOSED: that was all. The encoder keeps at least one picture back
 * until encoder_end, so that the last part is never whole before the segment is known to end: as
 * many as its B-frames and its lookahead. */
enum err encoder_pull(struct encoder *e, struct encoded *ret_out, struct fault *f) CHECKED;

#endif
