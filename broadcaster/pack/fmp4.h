/* Fragmented MP4 with one track per file, for HLS: the initialisation section and fragments
 * (ISO/IEC 14496-12; what CMAF, ISO/IEC 23000-19, asks of both). Pure; takes hostile bytes; any
 * thread. */
#ifndef BROADCASTER_PACK_FMP4_H
#define BROADCASTER_PACK_FMP4_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "media/packet.h"
#include "media/track.h"

/* Adds "ftyp" and "moov": the same bytes for the same track. Its clock has TICKS_PER_S. first_frame
 * is a packet of the track: AC-3 and E-AC-3 are described by what stands in it, others do not look.
 * ERR_PROTO: the configuration or the frame is none; ERR_LIMIT, ERR_NOMEM. out is unchanged then.
 */
enum err fmp4_put_init(struct buf *out, const struct track_params *track,
                       struct span first_frame) CHECKED;

/* Adds "moof" and "mdat" of a run of the track's packets: decoding time absolute (of the first one,
 * which must not be negative), times of decoding mended where they do not rise, of presentation
 * where they lie before it. Durations go to the next packet, the last one's is its own. What is not
 * whole is left out, and so are parameter sets that the configuration has. sequence: of the
 * fragment in its file, rising. ERR_NOENT: nothing is left; ERR_PROTO: the track's configuration is
 * damaged; ERR_LIMIT, ERR_NOMEM. out is unchanged then. */
enum err fmp4_put_fragment(struct buf *out, const struct track_params *track, uint32_t sequence,
                           const struct packet *packets, size_t n) CHECKED;

/* Bytes that a fragment of n packets has beside their payload, at most. */
size_t fmp4_overhead(enum track_kind kind, size_t n);

#endif
