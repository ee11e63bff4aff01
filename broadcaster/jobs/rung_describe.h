/* What a rung's encoder is told: everything that follows from the rung itself, the source's size
 * and the mode. No host adds any of its own. Pure. */
#ifndef BROADCASTER_JOBS_RUNG_DESCRIBE_H
#define BROADCASTER_JOBS_RUNG_DESCRIBE_H

#include <stdbool.h>
#include <stdint.h>

#include "broadcaster/stream/parter.h"
#include "media/profile.h"
#include "media/track.h"
#include "proto/link_msg.h"

/* Frames that DTS are ahead of PTS, the same on all rungs: B-frames are never references. */
#define RUNG_DTS_DELAY 1

/* All but the rate's three numbers (the cap stands there as bitrate_bps), the frames of a unit and
 * where it begins. frame: a picture's length in ticks where the rung has the source's own rate; 0:
 * not known yet. quality: rather than low latency. Borrows from p. */
struct link_rung rung_describe(const struct profile *p, const struct track_params *in,
                               int64_t frame, bool quality);

/* How much later than at other times parts come at the beginning of a segment, ticks: an encoder
 * that sees ahead gives the end of a segment all at once. */
int64_t rung_lag(const struct profile *p, int64_t frame, bool quality);

/* The frames of a unit. Parts end where units do. */
uint32_t rung_unit_frames(const struct parter *parter, bool quality);

#endif
