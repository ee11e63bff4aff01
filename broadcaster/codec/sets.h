/* Parameter sets that come inside of access units, where players look for them in the configuration
 * only ("avc1", "hvc1": ISO/IEC 14496-15, 5.4.2.1 and 8.4.1.1): what differs makes a new
 * configuration, what does not is left out of samples. H.264 and HEVC. Pure; takes hostile bytes;
 * any thread; borrows its input. */
#ifndef BROADCASTER_CODEC_SETS_H
#define BROADCASTER_CODEC_SETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "media/track.h"

#define SETS_MAX 64 /* of one configuration; what has more is left as it is */

/* VPS, SPS or PPS. nal has a byte at least. */
bool sets_is_one(enum track_codec codec, struct span nal);

/* The parameter sets of a record, in order. */
struct sets {
    enum track_codec codec;
    int length_size; /* bytes of the lengths of NAL units */
    size_t n;
    struct span nals[SETS_MAX]; /* inside the record */
};

/* ERR_PROTO: not such a record, or cut short; ERR_LIMIT: more than SETS_MAX. */
enum err sets_read(enum track_codec codec, struct span record, struct sets *ret_sets) CHECKED;

/* True when one of them is the same to the byte. */
bool sets_has(const struct sets *s, struct span nal);

/* Adds to out the record as it must be for this access unit, whose sets take the place of those
 * with the same number. ERR_NOENT: as it is; also when what comes is no good. ERR_PROTO,
 * ERR_LIMIT: as above, or by the buffer; ERR_NOMEM. out is unchanged then. */
enum err sets_follow(enum track_codec codec, struct span record, struct span access_unit,
                     struct buf *out) CHECKED;

#endif
