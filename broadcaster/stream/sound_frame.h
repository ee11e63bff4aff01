/* How long a packet of sound lasts, from its codec and first bytes. Pure; any thread. */
#ifndef BROADCASTER_STREAM_SOUND_FRAME_H
#define BROADCASTER_STREAM_SOUND_FRAME_H

#include "base/span.h"
#include "media/track.h"

/* What says that it lasts longer lies, and is not believed: a stream's time follows its sound. */
#define SOUND_FRAME_MAX_S 1

struct sound_frame {
    int samples; /* per channel */
    int rate;    /* Hz; 0: not known, and samples is 0 too */
};

/* AAC: of the core (ISO/IEC 14496-3, 4.5.2.1.1), so that SBR does not matter; MP3 (ISO/IEC 11172-3,
 * 2.4.2.3; 13818-3, 2.4.2.3); Opus (RFC 6716, 3.1 and 3.2); FLAC (RFC 9639, 9.1.1); AC-3 and E-AC-3
 * (ETSI TS 102 366, 4.1 and E.1.3.1.4). */
struct sound_frame sound_frame_of(const struct track_params *track, struct span data);

/* In ticks, rounded down; 0 when not known. */
int64_t sound_frame_ticks(struct sound_frame f);

#endif
