/* VP9: the codec configuration record ("VP Codec ISO Media File Format Binding" 1.0, 2.2) and the
 * head of a frame ("VP9 Bitstream & Decoding Process Specification" 0.6, 6.2). Pure; any thread;
 * borrows its input. */
#ifndef BROADCASTER_CODEC_VP9_H
#define BROADCASTER_CODEC_VP9_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "media/track.h"

#define VP9_RECORD_BYTES 8 /* without the box's version and flags */

/* The record, without the version and flags that some publishers put before it, and its colours.
 * ERR_PROTO: not such a record. */
enum err vp9_config_parse(struct span record, struct span *ret_record,
                          struct track_color *ret_color) CHECKED;

struct vp9_frame {
    bool key;
    int profile;       /* of a key frame, as all below: */
    int bit_depth;     /* 8, 10 or 12 */
    bool sub_x, sub_y; /* chroma is halved in that direction */
    struct track_color color;
    int width, height; /* pixels, 1..65536 */
};

/* The first frame of a packet (a superframe begins with its first frame). ERR_PROTO: not VP9. */
enum err vp9_frame_parse(struct span packet, struct vp9_frame *ret_frame) CHECKED;

/* Whether a record says the same of profile and bit depth as a key frame. */
bool vp9_config_fits(struct span record, const struct vp9_frame *key);

/* A record for publishers that send none, from a key frame. The level is the lowest that allows the
 * picture's size. */
void vp9_config_make(const struct vp9_frame *key, uint8_t ret_record[VP9_RECORD_BYTES]);

#endif
