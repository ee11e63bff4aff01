/* A lane of parts that is being made: takes the packets of one kind in a segment as they come, and
 * gives the parts that end in them to a rendition. Several segments may be coming in. Loop's
 * thread. */
#ifndef BROADCASTER_STREAM_PART_LANE_H
#define BROADCASTER_STREAM_PART_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broadcaster/stream/parter.h"
#include "broadcaster/stream/rendition.h"

struct part_lane {
    struct parter parter;
    struct rendition *to; /* borrowed */
    enum track_kind kind;
};

/* One segment in it. */
struct part_run {
    uint64_t msn;
    size_t noted;   /* packets of its segment whose lengths the parter has seen */
    size_t done;    /* and those that stand in parts */
    uint32_t count; /* its parts */
    bool lost;      /* there was no memory for one: no more of this segment */
};

void part_lane_init(struct part_lane *lane, struct rendition *to, enum track_kind kind);

/* A segment begins, of which there are no packets yet. */
void part_run_init(struct part_run *run, uint64_t msn);

/* packets: all of the segment so far, in decoding order, those of earlier calls unchanged; n
 * of them will stay in it as they are, with their durations; the last of these ends at `end`. all:
 * they are the whole segment. Nothing is cut of a segment as long as nobody asks for parts; once
 * somebody does, all of it is: a segment has all of its parts or none. */
void part_lane_cut(struct part_lane *lane, struct part_run *run, struct track *track,
                   const struct packet *packets, size_t n, int64_t end, bool all);

#endif
