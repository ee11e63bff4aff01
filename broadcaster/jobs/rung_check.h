/* Whether a part of a rung that came back is what was asked for, as far as that shows without
 * decoding it: its parameter sets, its NAL units, and the heads of its slices (ITU-T
 * H.264, 7.3.2.1, 7.3.3). Whoever encodes may be broken, or lie. Pure; any thread. */
#ifndef BROADCASTER_JOBS_RUNG_CHECK_H
#define BROADCASTER_JOBS_RUNG_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "media/packet.h"
#include "proto/link_msg.h"

/* NULL: nothing is wrong; else a static sentence about it ("a frame ..."). payload: the unit's
 * packets, as long as these say together. A unit with parameter sets begins an emission: its first
 * frame has to be an IDR. */
const char *rung_check_frames(const struct link_rung *described, const struct link_unit *u,
                              struct span payload);

/* Where a part belongs in its segment. */
struct rung_place {
    int64_t start;     /* ticks: PTS of the source's first picture */
    int64_t end;       /* and of its last one so far */
    int64_t first_dts; /* of the rung's first frame; counts when frames > 0 */
    size_t frames;     /* of the rung that came before */
    int64_t duration; /* ticks, of the source's segment; 0: not known yet, so nothing is the last */
};

/* As above, about its times. On a grid the k-th frame of the segment is decoded k frame lengths
 * behind the first, and there are floor(duration * fps + 1/4) of them, or as many as it takes to
 * show all pictures, or one more; the first one is shown with the source's first (give or take
 * RUNG_CHECK_START_TICKS, as a source may begin with what cannot be shown). With the source's own
 * times nothing is known. */
#define RUNG_CHECK_START_TICKS (TICKS_PER_S / 2)
const char *rung_check_times(const struct link_rung *described, const struct link_unit *u,
                             const struct rung_place *place);

/* Both. */
const char *rung_check(const struct link_rung *described, const struct link_unit *u,
                       struct span payload, const struct rung_place *place);

#endif
