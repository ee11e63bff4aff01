/* From the byte streams of MPEG-TS to the forms that tracks and packets have here: H.264 and HEVC
 * NAL units behind their lengths with a decoder configuration record, raw AAC with an
 * AudioSpecificConfig. Pure; takes hostile bytes. */
#ifndef BROADCASTER_PUSH_PUSH_NAL_H
#define BROADCASTER_PUSH_PUSH_NAL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define PUSH_SETS_MAX 8 /* parameter sets of one kind */

/* Takes the next NAL unit that is not empty from a byte stream (ITU-T H.264 and H.265, annex B),
 * without the zeros around it; false at the end. */
bool push_next_nal(struct span *stream, struct span *ret_nal);

/* What of the sample format a configuration record repeats. */
struct push_format {
    int chroma; /* chroma_format_idc: 0 to 3 */
    int depth;  /* bits: 8 to 16 */
};

/* The first parameter sets that a byte stream holds, borrowed from it. */
struct push_sets {
    struct span vps[PUSH_SETS_MAX], sps[PUSH_SETS_MAX], pps[PUSH_SETS_MAX];
    size_t n_vps, n_sps, n_pps;
};

/* Adds those of the stream that are not there yet. */
void push_sets_collect(struct push_sets *s, struct span stream, bool hevc);

/* True when the NAL unit is one of them, byte by byte. */
bool push_sets_have(const struct push_sets *s, struct span nal);

/* Adds an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1) or an
 * HEVCDecoderConfigurationRecord (8.3.3.1), with lengths of four bytes. ERR_NOENT: parameter sets
 * are missing; ERR_PROTO: too short or too long to be any; ERR_LIMIT, ERR_NOMEM. */
enum err push_put_avc_config(struct buf *out, const struct push_sets *s,
                             const struct push_format *f) CHECKED;
enum err push_put_hevc_config(struct buf *out, const struct push_sets *s,
                              const struct push_format *f) CHECKED;

/* Adds one access unit with lengths of four bytes: without delimiters, fillers and the parameter
 * sets that stand in the record. ERR_NOENT: nothing is left; ERR_LIMIT, ERR_NOMEM. */
enum err push_put_unit(struct buf *out, struct span stream, bool hevc,
                       const struct push_sets *s) CHECKED;

/* True when a unit of push_put_unit's form, or of a file with such lengths, is one where decoding
 * of HEVC can start: an IRAP picture. */
bool push_hevc_is_key(struct span unit, int length_size);

#define PUSH_ASC_BYTES 2

/* An ADTS frame (ISO/IEC 14496-3, 1.A.2) with one raw data block: *frame becomes the block, asc its
 * AudioSpecificConfig. ERR_PROTO: it is none; ERR_UNSUPPORTED: several blocks, or reserved values.
 */
enum err push_read_adts(struct span *frame, uint8_t asc[PUSH_ASC_BYTES], int *ret_rate,
                        int *ret_channels) CHECKED;

#endif
