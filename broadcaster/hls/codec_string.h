/* The name of a codec with what a player must know of it, as CODECS of a playlist has it (RFC 6381
 * and the sample entries' own specifications). Pure; takes hostile bytes; any thread. */
#ifndef BROADCASTER_HLS_CODEC_STRING_H
#define BROADCASTER_HLS_CODEC_STRING_H

#include <stdbool.h>

#include "media/track.h"

#define CODEC_STRING_MAX 64 /* with the NUL */

/* "avc1.64001f", "hvc1.1.6.L93.B0" (ISO/IEC 14496-15, annex E), "av01.0.04M.08" (AV1 in ISOBMFF,
 * 5), "vp09.00.31.08" (VP in ISOBMFF, 3), "mp4a.40.2", "mp4a.6B" (MP3), "Opus", "fLaC", "ac-3",
 * "ec-3". False, with nothing written, when the configuration does not tell. */
bool codec_string(const struct track_params *t, char ret_text[CODEC_STRING_MAX]);

/* "PQ", "HLG": VIDEO-RANGE of the track's colours; NULL: SDR, or not told. Static. */
const char *codec_video_range(const struct track_params *t);

#endif
