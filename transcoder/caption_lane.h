/* Captions that are inside of pictures, on their way from a source's pictures to a rung's slots:
 * cc_data of CEA-608/708 as ATSC A/53 Part 4 (6.2.3) has them. A rung may have fewer pictures than
 * its source, so what several of these carry comes together, at most 31 triplets in a picture; the
 * rest goes on to the next. Padding is left out. Pure; takes hostile bytes. */
#ifndef TRANSCODER_CAPTION_LANE_H
#define TRANSCODER_CAPTION_LANE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct caption_lane;

/* The last n_slots that were closed are remembered. NULL: no memory. Gives. */
struct caption_lane *caption_lane_create(size_t n_slots);
void caption_lane_destroy(struct caption_lane *l); /* takes NULL */

/* The triplets of the source's picture of this number; numbers rise. What does not find room is
 * lost, the DTVCC (CEA-708) triplets first, and these up to where a packet begins. */
void caption_lane_add(struct caption_lane *l, uint64_t picture, struct span cc_data);

/* The slot gets what the pictures before this one have left. Slots rise. */
void caption_lane_close(struct caption_lane *l, int64_t slot, uint64_t before);

/* Appends a slot's SEI message as an H.264 NAL unit (7.3.2.3) with its length in 4 bytes; nothing
 * when the slot has none. ERR_LIMIT, ERR_NOMEM from out. */
enum err caption_lane_write(const struct caption_lane *l, int64_t slot, struct buf *out) CHECKED;

#endif
