/* Where segments begin: from video packets on a rising timeline to cuts. Pure.
 *
 * A segment begins at an IDR once the one before has the target duration. When the encoder's GOP is
 * longer than the limit, the cut comes on time all the same, and is marked as not independent:
 * GOPs of known length are then divided about evenly, so that every IDR still begins a segment, and
 * where the order of coding is not that of showing, a place is sought that separates both. */
#ifndef BROADCASTER_STREAM_CUTTER_H
#define BROADCASTER_STREAM_CUTTER_H

#include <stdbool.h>
#include <stdint.h>

#include "media/packet.h"

#define CUTTER_TARGET_TICKS (2 * TICKS_PER_S)

/* Longest segment: rounds to the target duration in whole seconds (RFC 8216, 4.3.3.1). */
#define CUTTER_LIMIT_TICKS (CUTTER_TARGET_TICKS + TICKS_PER_S * 45 / 100)

/* What still rounds to it, also when both ends are rounded to milliseconds. A picture that comes
 * later than this leaves a hole behind the segment. */
#define CUTTER_LONGEST_TICKS (CUTTER_TARGET_TICKS + TICKS_PER_S * 498 / 1000)

/* A cut at an IDR before the target is made only after this. */
#define CUTTER_MIN_TICKS TICKS_PER_S

/* From here on an encoder's GOP that is longer than the limit is cut where no picture that follows
 * is shown before one that went ahead; only at the limit elsewhere. */
#define CUTTER_SEEK_TICKS CUTTER_TARGET_TICKS

struct cutter {
    bool open;
    bool independent; /* the open segment starts with an IDR */
    int64_t start;    /* DTS of its first packet */
    int64_t last_dts;
    int64_t last_step;  /* between the last two packets */
    int64_t idr_dts;    /* of the newest IDR */
    int64_t gop_ticks;  /* length of the last whole GOP; 0 = not known */
    int64_t delay;      /* from DTS to PTS at the newest IDR: what the order of coding costs */
    int64_t newest_pts; /* of the open segment */
};

struct cut {
    bool drop;               /* nothing can be decoded yet: wait for an IDR */
    bool begins;             /* this packet begins a segment */
    bool independent;        /* of the segment that begins */
    bool hole;               /* between the end of the closed segment and this one */
    int64_t closed_duration; /* of the segment that this one ends, at most CUTTER_LONGEST_TICKS; 0
                                when there was none */
};

void cutter_init(struct cutter *c);

/* For every video packet in decoding order. force: begin a segment with this packet in any case
 * (changed parameters, broken timeline, a first picture that is no IDR). */
struct cut cutter_push(struct cutter *c, const struct packet *p, bool force);

/* A segment begins at this time without a picture that would say so: the sound does. independent:
 * it starts with an IDR all the same, which is shown again. Returns the duration of the segment
 * that ends there, 0 when there was none. */
int64_t cutter_begin(struct cutter *c, int64_t at, bool independent);

/* The stream pauses or ends: the duration of the open segment (0 when none is open), which is
 * closed by this; the next packet must be an IDR. */
int64_t cutter_close(struct cutter *c);

#endif
