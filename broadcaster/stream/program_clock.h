/* When a segment was recorded, for EXT-X-PROGRAM-DATE-TIME: the wall clock at the first packet of a
 * piece of the timeline, and the media's time since. The wall clock is asked once; what it steps
 * later is not seen. Where the encoder's clock drifts against ours, it is followed little by
 * little. Pure. */
#ifndef BROADCASTER_STREAM_PROGRAM_CLOCK_H
#define BROADCASTER_STREAM_PROGRAM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define PROGRAM_CLOCK_FOLLOW_US 1000  /* at most, with each segment */
#define PROGRAM_CLOCK_BACK_US   20000 /* where media came before it was recorded, as it is said */

struct program_clock {
    bool started;
    int64_t offset_ms; /* from the monotonic clock to that of the wall */
    int64_t ticks;     /* where the last segment began, */
    int64_t us;        /* and when that was, on the wall clock */
};

/* offset_ms: wall clock less monotonic clock. */
void program_clock_init(struct program_clock *c, int64_t offset_ms);

/* A segment begins at `start` (ticks, rising) with what came at now_ms (monotonic). anew: the
 * timeline breaks before it: the clock begins anew, but not before what was recorded earlier has
 * ended. Returns the segment's beginning in milliseconds of the wall clock. */
int64_t program_clock_begin(struct program_clock *c, int64_t start, int64_t now_ms, bool anew);

/* As long as nobody has seen when the last segment began: what belongs to `ticks` came at now_ms,
 * so that it was not recorded later. A publisher's first packets may have waited on their way.
 * Returns the segment's beginning. */
int64_t program_clock_came(struct program_clock *c, int64_t ticks, int64_t now_ms);

#endif
