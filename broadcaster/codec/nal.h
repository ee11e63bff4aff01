/* What H.264 and HEVC have in common in their length-prefixed form (ISO/IEC 14496-15): access units
 * as NAL units behind their lengths, and decoder configuration records with parameter sets. Pure;
 * takes hostile bytes; any thread; borrows its input. */
#ifndef BROADCASTER_CODEC_NAL_H
#define BROADCASTER_CODEC_NAL_H

#include "base/err.h"
#include "base/span.h"
#include "media/track.h"

/* How many bytes the lengths have (1, 2 or 4), from an AVCDecoderConfigurationRecord (5.3.3.1) or
 * an HEVCDecoderConfigurationRecord (8.3.3.1). ERR_PROTO: it is none. */
enum err nal_length_size(enum track_codec codec, struct span record, int *ret_size) CHECKED;

/* Called for each parameter set, in order. What it returns ends the walk unless it is ERR_OK. */
typedef enum err nal_set_fn(void *arg, struct span nal);

/* Walks over the parameter sets of a record. ERR_PROTO: the record is cut short or none. */
enum err nal_each_set(enum track_codec codec, struct span record, nal_set_fn *fn,
                      void *arg) CHECKED;

#endif
