/* A frame of sound in which nothing is heard. Pure; any thread. */
#ifndef BROADCASTER_STREAM_SILENCE_H
#define BROADCASTER_STREAM_SILENCE_H

#include "base/blob.h"
#include "media/track.h"

/* AAC with one of the usual channel layouts: a raw_data_block without any band (ISO/IEC 14496-3,
 * 4.4.2.1), as long as the track's frames. NULL: none is made for such a track, or out of memory.
 * Gives. */
struct blob *silence_create(const struct track_params *track);

#endif
