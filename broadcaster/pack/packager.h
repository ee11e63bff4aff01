/* From a segment's packets to its containers: MPEG-TS (packager_ts.c, by libavformat) and fMP4
 * (packager_cmaf.c). What a container cannot carry is left out of it, and the rest goes on. Each
 * function that makes one is a segment_make_fn and gives the same bytes each time. Any thread. */
#ifndef BROADCASTER_PACK_PACKAGER_H
#define BROADCASTER_PACK_PACKAGER_H

#include <stdbool.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "broadcaster/stream/segment.h"

#define PACKAGER_BYTES_MAX (512u * 1024 * 1024) /* of one container */

/* A segment as MPEG-TS (ISO/IEC 13818-1), SEGMENT_TS: picture and sound. Video is PID 0x100, audio
 * 0x101. Times are the packets' own modulo 2^33; PSI continuity counters follow the segment's
 * number, the others start anew behind a discontinuity_indicator, so that segments join. Parameter
 * sets stand before every IDR and before the first picture, IDR or not.
 *
 * Left out: packets that are not whole, tracks of other codecs (packager_ts_carries), audio that
 * ADTS cannot express. ERR_NOENT: a gap, or nothing is left; ERR_UNSUPPORTED: nothing of it is of a
 * codec for MPEG-TS; ERR_PROTO: the track's configuration is damaged; ERR_LIMIT: longer than
 * PACKAGER_BYTES_MAX; ERR_NOMEM; ERR_IO: libavformat refused. Gives. */
enum err packager_mpegts(const struct segment *s, struct blob **ret_blob) CHECKED;

/* About how many bytes that makes, told without making it: within a tenth. */
size_t packager_mpegts_size(const struct segment *s);

/* Whether this track can be in MPEG-TS: H.264, HEVC; AAC that ADTS can express, MP3, AC-3, E-AC-3.
 * The others have no form there, or none that players know. */
bool packager_ts_carries(const struct track_params *t);

/* One fragment of fMP4 ("moof", "mdat"; see fmp4.h) with the picture alone or the sound alone,
 * SEGMENT_VIDEO and SEGMENT_AUDIO. Times are the packets' own, absolute. ERR_NOENT: a gap, or there
 * is none of the kind; ERR_PROTO: the track's configuration is damaged; ERR_LIMIT, ERR_NOMEM.
 * Gives. */
enum err packager_cmaf_video(const struct segment *s, struct blob **ret_blob) CHECKED;
enum err packager_cmaf_audio(const struct segment *s, struct blob **ret_blob) CHECKED;

/* The initialisation section for that, SEGMENT_VIDEO_INIT and SEGMENT_AUDIO_INIT: the same bytes
 * for all segments of a track. Errors as above. Gives. */
enum err packager_cmaf_video_init(const struct segment *s, struct blob **ret_blob) CHECKED;
enum err packager_cmaf_audio_init(const struct segment *s, struct blob **ret_blob) CHECKED;

/* A name for these bytes, the same for the same bytes: what an initialisation section's address
 * has, so that another one has another address. Never 0. */
uint64_t packager_hash(struct span bytes);

/* For the packagers: moves what out holds into a blob; out is empty then. ERR_NOMEM. Gives. */
enum err packager_give(struct buf *out, struct blob **ret_blob) CHECKED;

#endif
