/* How fast one stream may begin segments: a bucket of them that fills with the clock. Media time
 * comes from the publisher and says nothing about how much it costs to cut and number it. Pure;
 * times are monotonic ms. */
#ifndef BROADCASTER_STREAM_PACE_H
#define BROADCASTER_STREAM_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_BURST    120 /* segments at once: a publisher that was held up catches up */
#define PACE_PER_S    5   /* and on and on: ten times as fast as it is watched */
#define PACE_DEBT_MAX 64  /* begun before the publisher could be stopped */

struct pace {
    int64_t level; /* thousandths of a segment; below 0: debt */
    int64_t at_ms;
};

void pace_init(struct pace *p, int64_t now_ms);

/* Counts a segment that begins. False: the debt is as large as it may become, and it is not
 * counted. */
bool pace_take(struct pace *p, int64_t now_ms);

/* Whether pace_take would succeed; if not, packets are to be left out. */
bool pace_may(const struct pace *p, int64_t now_ms);

/* How long nothing should be taken from the publisher; 0: it may go on. */
int64_t pace_wait_ms(const struct pace *p);

#endif
