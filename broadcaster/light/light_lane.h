/* A light sound's encoder and the way to it: packets go in on the loop's thread, are worked off in
 * order on another one, and the frames come back to the loop. All functions on the loop's thread.
 */
#ifndef BROADCASTER_LIGHT_LIGHT_LANE_H
#define BROADCASTER_LIGHT_LIGHT_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "broadcaster/light/light_codec.h"

/* What waits for the encoder; packets past it are left out and become silence. */
#define LIGHT_LANE_ITEMS_MAX 4096
#define LIGHT_LANE_BYTES_MAX (4 * 1024 * 1024)

struct light_workers;
struct light_lane;

/* Something came back: frames, a mark, the end. The lane may be destroyed in it. */
typedef void light_lane_fn(void *arg, struct light_lane *lane);

/* workers (borrowed) NULL: all is done at once, inside of the calls. Errors are
 * light_codec_create's. */
enum err light_lane_create(struct light_workers *workers, const struct track_params *source,
                           const struct light_form *form, int64_t anchor, light_lane_fn *fn,
                           void *arg, struct light_lane **ret_lane) CHECKED;

/* Takes NULL. What is being encoded goes nowhere. */
void light_lane_destroy(struct light_lane *lane);

int light_lane_rate(const struct light_lane *lane);
struct track *light_lane_track(const struct light_lane *lane); /* borrowed */

/* The next packet of the source. */
void light_lane_packet(struct light_lane *lane, const struct packet *p);

/* No sound comes any more that begins before this time, ticks. */
void light_lane_reach(struct light_lane *lane, int64_t until);

/* Comes back when all before it has: numbers rise. */
void light_lane_mark(struct light_lane *lane, uint64_t mark);

/* It is silent up to there (INT64_MIN: ends where it is), and ends. */
void light_lane_end(struct light_lane *lane, int64_t until);

/* What came back: frames that nobody has taken (they may be taken), the newest mark (0: none),
 * whether all has; failed: the encoder failed, and nothing comes any more. */
struct packets *light_lane_frames(struct light_lane *lane);
uint64_t light_lane_marked(const struct light_lane *lane);
bool light_lane_ended(const struct light_lane *lane);
bool light_lane_failed(const struct light_lane *lane);

#endif
