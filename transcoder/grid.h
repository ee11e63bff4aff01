/* The output's frame times: a constant-rate grid anchored at the segment's first picture, or the
 * source's own times. Pure integers; a slot is a frame's number in its segment, from 0. */
#ifndef TRANSCODER_GRID_H
#define TRANSCODER_GRID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define GRID_SEGMENT_TICKS_MAX (120 * 90000LL) /* a segment longer than this is refused */

struct grid {
    uint32_t fps_num; /* 0: the source's own times */
    uint32_t fps_den;
    bool started;
    int64_t start;    /* S: when the segment begins, ticks */
    int64_t last_pts; /* of the newest picture */
    int64_t next;     /* first slot that no picture has */
    int64_t offered;  /* pictures seen */
};

enum grid_verdict {
    GRID_TAKE,  /* the picture has this slot for certain */
    GRID_WAIT,  /* it has the slot unless the segment turns out to end before it */
    GRID_DROP,  /* a picture with that slot is there already */
    GRID_WRONG, /* its time lies further than GRID_SEGMENT_TICKS_MAX after the first */
};

/* fps_num 0: the source's own times. Allocates nothing. */
void grid_init(struct grid *g, uint32_t fps_num, uint32_t fps_den);

/* Before the first picture is offered: the segment begins at that time, no later than the first
 * picture, which has all slots up to its own. Not told: with the first picture. */
void grid_begin(struct grid *g, int64_t pts);

/* Offers the next picture in presentation order. TAKE and WAIT set ret_slot; slots between
 * the one before and this belong to the picture before. ret_settled: a picture that WAITed before
 * is now certain (set for every verdict but WRONG).
 *
 * slot = floor((pts - S) * fps + 1/4). WAIT happens where pictures come faster than slots: a
 * segment of n = floor(duration * fps + 1/4) slots may end before this picture's. */
enum grid_verdict grid_offer(struct grid *g, int64_t pts, int64_t *ret_slot, bool *ret_settled);

/* Slots of a whole segment: max(1, floor(duration * fps + 1/4)); with the source's own times: the
 * number of pictures. ERR_LIMIT: longer than GRID_SEGMENT_TICKS_MAX. */
enum err grid_slots(const struct grid *g, int64_t duration, int64_t *ret_slots) CHECKED;

/* PTS of a slot on the grid (may be negative: before S); not for the source's own times. */
int64_t grid_time(const struct grid *g, int64_t slot);

#endif
