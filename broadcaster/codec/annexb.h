/* H.264 and HEVC from length-prefixed NAL units (ISO/IEC 14496-15) to a byte stream (ITU-T H.264
 * and H.265, annex B) that a decoder can join at any segment. Pure; takes hostile bytes. */
#ifndef BROADCASTER_CODEC_ANNEXB_H
#define BROADCASTER_CODEC_ANNEXB_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "media/track.h"

/* Adds the parameter sets of an AVCDecoderConfigurationRecord (14496-15, 5.3.3.1) or, with
 * CODEC_HEVC, an HEVCDecoderConfigurationRecord (8.3.3.1), each behind a start code, and tells how
 * many bytes a packet's NAL lengths have (1, 2 or 4). ERR_PROTO: it is none; ERR_LIMIT, ERR_NOMEM.
 * out is unchanged then. */
enum err annexb_put_config(struct buf *out, enum track_codec codec, struct span record,
                           int *ret_length_size) CHECKED;

/* Adds one access unit: an access unit delimiter, the parameter sets (as annexb_put_config wrote
 * them; empty: none) unless the unit brings an SPS of its own, then its NAL units. A unit that is
 * cut short gives what is whole in it. ERR_PROTO: nothing is; ERR_LIMIT, ERR_NOMEM. out is
 * unchanged then. */
enum err annexb_put_unit(struct buf *out, enum track_codec codec, struct span unit, int length_size,
                         struct span sets) CHECKED;

#endif
