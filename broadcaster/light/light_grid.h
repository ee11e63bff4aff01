/* Where a light sound's samples lie in a stream's time: a grid of its own that begins where its
 * encoder does, of frames of 1024 samples that are whole ticks long. What is heard is fitted into
 * it, so that it neither drifts away nor has holes. Pure. */
#ifndef BROADCASTER_LIGHT_LIGHT_GRID_H
#define BROADCASTER_LIGHT_LIGHT_GRID_H

#include <stdbool.h>
#include <stdint.h>

#include "media/track.h"

#define LIGHT_FRAME_SAMPLES 1024 /* AAC-LC (ISO/IEC 14496-3, 4.5.2.1.1) */

/* How far behind what is heard a frame comes: itself, its overlap and its encoder's look ahead. */
#define LIGHT_LAG_FRAMES 3

/* What is further off than this is a hole or an overlap; what is nearer is the clocks' drift. */
#define LIGHT_HOLE_MS  40
#define LIGHT_DRIFT_MS 1 /* and up to this nothing is done */

struct light_grid {
    int rate;       /* Hz, one of light_grid_rate's */
    int64_t anchor; /* ticks: the time of sample 0 */
    int64_t calm;   /* samples: up to there a drift is being mended */
};

/* The sampling rate that suits so many bits: 16, 24, 32 or 48 kHz. A frame of each is a whole
 * number of ticks. */
int light_grid_rate(int bitrate_bps, int channels);
int64_t light_grid_frame_ticks(int rate);

void light_grid_init(struct light_grid *g, int rate, int64_t anchor);

/* The time of a sample, ticks; samples may be negative. And the sample nearest to a time. */
int64_t light_grid_time(const struct light_grid *g, int64_t sample);
int64_t light_grid_sample(const struct light_grid *g, int64_t ticks);

enum light_fix {
    LIGHT_FIT,     /* it goes on where the last one ended */
    LIGHT_FILL,    /* so many samples of silence come before it */
    LIGHT_DROP,    /* its first ones were there already */
    LIGHT_STRETCH, /* the next LIGHT_STRETCH_MS are longer by so many, or shorter */
};

#define LIGHT_STRETCH_MS 250

/* Sound begins at that time, and `have` samples are there: what becomes of it, and of how many
 * samples (at the grid's rate; of LIGHT_STRETCH alone they may be negative). */
enum light_fix light_grid_fit(struct light_grid *g, int64_t at, int64_t have, int64_t *ret_samples);

#endif
