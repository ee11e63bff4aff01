/* Where a picture that was not seen from its beginning may begin: at an IDR; at a recovery point,
 * which streams that are refreshed little by little have instead; or anywhere, once none of both
 * has come for long. Pure. */
#ifndef BROADCASTER_STREAM_JOIN_H
#define BROADCASTER_STREAM_JOIN_H

#include <stdbool.h>

#include "media/packet.h"
#include "media/track.h"

/* Longer than the GOPs that encoders make by themselves. */
#define JOIN_WAIT_TICKS (12 * TICKS_PER_S)

struct join {
    bool waiting;
    int64_t since; /* DTS of the first picture that was left out */
};

/* Whether decoding can begin with this picture, as good as it will get; ends the waiting. Pictures
 * that are asked about rise in time. */
bool join_here(struct join *j, const struct track *track, const struct packet *p);

/* True for H.264 (ITU-T H.264, D.1.8) and HEVC (ITU-T H.265, D.2.8) pictures with a recovery point
 * message. */
bool join_is_recovery_point(const struct track_params *track, struct span access_unit);

#endif
