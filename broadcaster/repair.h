/* Mends the times of a publisher's packets: one rising timeline per stream, whatever the encoder
 * does. Pure. Every repair is counted. */
#ifndef BROADCASTER_REPAIR_H
#define BROADCASTER_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "media/packet.h"

/* A timeline starts here, so that decoding times before the first picture stay positive. */
#define REPAIR_ORIGIN_TICKS (10 * TICKS_PER_S)

/* A step of the publisher's clock beyond this, in either direction, is taken for a jump. */
#define REPAIR_JUMP_TICKS (3 * TICKS_PER_S)

struct repair_counters {
    uint64_t dts_not_rising; /* DTS equal to or below the one before */
    uint64_t pts_below_dts;
    uint64_t jumps; /* the clock jumped; the timeline goes on without one */
};

struct repair {
    bool started;        /* offset is valid */
    int64_t origin;      /* where the next timeline piece starts */
    int64_t offset;      /* output = input + offset */
    int64_t newest;      /* highest DTS given out */
    int64_t last_dts[2]; /* by enum track_kind */
    bool has_last[2];
    struct repair_counters counters;
};

void repair_init(struct repair *r);

/* to += from. */
void repair_counters_add(struct repair_counters *to, const struct repair_counters *from);

/* The publisher's clock starts anew (it came back): the next packet continues the timeline after
 * what was given out. */
void repair_restart(struct repair *r);

/* Sets dts and pts of p on the stream's timeline: per kind strictly rising DTS, PTS not below DTS.
 */
void repair_packet(struct repair *r, struct packet *p);

#endif
