/* Whether a part of a rung that came back is what was asked for, as far as that shows without
 * decoding it: its parameter sets, its NAL units, and the heads of its slices (ITU-T
 * H.264, 7.3.2.1, 7.3.3). Whoever encodes may be broken, or lie. Pure; any thread. */
#ifndef BROADCASTER_RUNG_CHECK_H
#define BROADCASTER_RUNG_CHECK_H

#include "base/span.h"
#include "proto/link_msg.h"

/* NULL: nothing is wrong; else a static sentence about it ("a frame ..."). payload: the unit's
 * packets, as long as these say together. A unit with parameter sets begins an emission: its first
 * frame has to be an IDR. */
const char *rung_check(const struct link_rung *described, const struct link_unit *u,
                       struct span payload);

#endif
