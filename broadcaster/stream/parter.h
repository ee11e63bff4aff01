/* Where parts end: from the times of a lane's packets to its part target, once, and to parts that
 * follow it. A part has so many frames as last about its aim (PARTER_AIM_TICKS); the target is
 * their length and a margin for times that are rounded or jitter, so that every regular part is
 * between PARTER_LEAST_PERMILLE and all of it (draft-pantos-hls-rfc8216bis, 4.4.4.9). Pure. */
#ifndef BROADCASTER_STREAM_PARTER_H
#define BROADCASTER_STREAM_PARTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/packet.h"

#define PARTER_AIM_TICKS      (TICKS_PER_S / 5)
#define PARTER_LIGHT_TICKS    (TICKS_PER_S / 2) /* where a fragment's head weighs more than time */
#define PARTER_LEAST_PERMILLE 850
#define PARTER_PACKETS_MAX    4096 /* of one part */

/* What the target is chosen from: frames of about the same length that last so long, at least
 * PARTER_STEPS_MIN of them, or two that are alike, or one that is as the publisher declares; or
 * else the first PARTER_STEPS_MAX. */
#define PARTER_LEARN_TICKS (TICKS_PER_S / 2)
#define PARTER_STEPS_MIN   3
#define PARTER_STEPS_MAX   256

struct parter {
    int64_t aim;
    int64_t target;   /* ticks; 0: not chosen yet. It never changes then. */
    int64_t frame;    /* a usual one's length, ticks */
    size_t frames;    /* of a regular part */
    int64_t declared; /* a frame's length as the publisher says; 0: it does not */
    int32_t steps[PARTER_STEPS_MAX];
    size_t n_steps;
};

void parter_init(struct parter *p);

/* Parts of about so many ticks, more than 0. Before the target is chosen. */
void parter_set_aim(struct parter *p, int64_t ticks);

/* The lane's rate is known: chooses the target at once, if there is none. num, den > 0. */
void parter_set_rate(struct parter *p, int num, int den);

/* The lane's rate as a publisher declares it, which may be wrong: frames in 1000 s; 0: it does not.
 */
void parter_expect(struct parter *p, int fps_milli);

/* How far the next frame was from one frame, ticks. Chooses the target when enough were seen. */
void parter_note(struct parter *p, int64_t step);

/* The first part of n packets (at least one) of a segment that stand in no part yet, when the
 * target is chosen: how many it has; 0: not to be said yet. Their durations are the steps between
 * their DTS; the last one ends at `end`. all: the segment ends with them. ret_duration: as
 * EXT-X-PART says it, from 1 to the target. A part never gets longer than the target: it ends
 * before the packet with which it would, and a single packet that is longer is said to be as long
 * as that. */
size_t parter_cut(const struct parter *p, const struct packet *packets, size_t n, int64_t end,
                  bool all, int64_t *ret_duration);

#endif
