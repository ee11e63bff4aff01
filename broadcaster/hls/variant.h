/* What the master playlists say of a rendition, measured from its segments. Pure. */
#ifndef BROADCASTER_HLS_VARIANT_H
#define BROADCASTER_HLS_VARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broadcaster/hls/codec_string.h"
#include "broadcaster/stream/segment.h"

#define RENDITION_NAME_MAX 64

/* What of a rendition is left in MPEG-TS; of those that are tracks of sound (hls_is_audio) it has
 * nothing. */
enum variant_ts { VARIANT_TS_WHOLE, VARIANT_TS_SOUND, VARIANT_TS_NOTHING };

/* One kind of track in fMP4; a peak of 0: there is none. */
struct variant_track {
    char codec[CODEC_STRING_MAX]; /* "": not known */
    int64_t peak_bps;             /* the highest so far; the mean where that is not known */
    int64_t mean_bps;             /* of what is kept */
    int64_t highest_bps;          /* of a run of segments of half a target duration; 0: not known */
};

struct variant {
    char name[RENDITION_NAME_MAX + 1];  /* "source", "P144p30fps16x9" */
    char sound[RENDITION_NAME_MAX + 1]; /* in fMP4, the rendition of its sound; "": the source's */
    int rank;                           /* place in master playlists, rising; the source's is 0 */
    int width, height;                  /* 0: not known, no RESOLUTION */
    int64_t bandwidth_bps;              /* the highest so far, picture and sound */
    enum variant_ts ts;
    struct variant_track video, audio;
    int fps_milli;           /* frames per 1000 s, at most; 0: not known */
    int channels;            /* 0: not known */
    const char *video_range; /* "PQ", "HLG" or NULL; static storage */
    bool dependent;          /* a segment does not start with an IDR */
    bool captions;           /* there were some inside of its pictures (captions.h) */
    bool parts_only;         /* there is no segment yet: measured from the first one's parts */
    bool size_told; /* the classic master says these sizes instead, nothing when they are 0 */
    int told_width, told_height;
};

/* Looks at all kept segments (the newest last, at least one) and sets everything but the name, the
 * sound, the rank and bandwidth_bps; a highest rate stays when its segments have left. When all of
 * them are gaps it stays as it is: a rung that is away for a while keeps its place in the master
 * playlists. */
void variant_measure(struct variant *v, struct segment *const *kept, size_t n);

/* No master playlist would tell one from the other. */
bool variant_is_same(const struct variant *one, const struct variant *other);

#endif
