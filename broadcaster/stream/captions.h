/* Captions that are inside of pictures: CEA-608/708 as ATSC A/53 Part 4 (6.2.3) puts them into the
 * SEI messages of H.264 and HEVC. Pure; takes hostile bytes; any thread. */
#ifndef BROADCASTER_STREAM_CAPTIONS_H
#define BROADCASTER_STREAM_CAPTIONS_H

#include <stdbool.h>

#include "base/span.h"
#include "media/track.h"

/* Whether this access unit has any; of other codecs none is known. */
bool captions_in(const struct track_params *track, struct span access_unit);

#endif
