/* From a segment's packets to its container, by libavformat. Any thread. */
#ifndef BROADCASTER_PACKAGER_H
#define BROADCASTER_PACKAGER_H

#include "base/blob.h"
#include "base/err.h"
#include "broadcaster/segment.h"

#define PACKAGER_BYTES_MAX (512u * 1024 * 1024) /* of one container */

/* A segment as MPEG-TS (ISO/IEC 13818-1), the same bytes each time: a segment_make_fn. Video is PID
 * 0x100, audio 0x101. Times are the packets' own modulo 2^33; PSI continuity counters follow the
 * segment's number, the others start anew behind a discontinuity_indicator, so that segments join.
 * Parameter sets stand before every IDR and before the first picture, IDR or not.
 *
 * What cannot be carried is left out and the rest goes on: packets that are not whole, audio that
 * ADTS cannot express. ERR_NOENT: a gap, or nothing is left; ERR_PROTO: the track's configuration
 * is damaged; ERR_LIMIT: longer than PACKAGER_BYTES_MAX; ERR_NOMEM; ERR_IO: libavformat refused.
 * Gives. */
enum err packager_mpegts(const struct segment *s, struct blob **ret_blob) CHECKED;

#endif
