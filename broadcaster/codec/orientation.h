/* How pictures are to be turned for showing, as the display orientation SEI message of H.264 (ITU-T
 * H.264, D.1.27) and HEVC (ITU-T H.265, D.2.17) says. Pure; takes hostile bytes; any thread. */
#ifndef BROADCASTER_CODEC_ORIENTATION_H
#define BROADCASTER_CODEC_ORIENTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "media/track.h"

/* What an access unit with lengths of that size says; false: nothing, as do those of other codecs.
 * Turns are rounded to quarters. */
bool orientation_in(enum track_codec codec, int length_size, struct span access_unit,
                    struct track_turn *ret_turn);

/* As a track header's matrix says (ISO/IEC 14496-12, 6.2.2): its first five numbers count. */
struct track_turn orientation_of_matrix(const int32_t matrix[9]);

#endif
