/* The named rungs of the ladder, and the size that a source gets on one. Pure. */
#ifndef MEDIA_PROFILE_H
#define MEDIA_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

#define PROFILE_NAME_MAX   64 /* bytes without the NUL */
#define PROFILE_LADDER_MAX 10 /* rungs of one stream */

/* The profile of H.264 that a rung asks for (ISO/IEC 14496-10, annex A). */
enum profile_h264 {
    PROFILE_H264_ANY, /* whatever its other settings make of it */
    PROFILE_H264_BASELINE,
    PROFILE_H264_MAIN,
    PROFILE_H264_HIGH,
    PROFILE_H264_CONSTRAINED_HIGH /* High without B-frames */
};

#define PROFILE_PRESET_SIZE 12   /* the longest preset's name, with its NUL */
#define PROFILE_GOP_INTRA   (-1) /* every picture is an IDR */

/* A named one, or one that somebody defined for a stream. What is left 0 is the usual. */
struct profile {
    char name[PROFILE_NAME_MAX + 1]; /* "P240p30fps16x9": height, frames per second, aspect */
    int width;
    int height;
    int fps_num; /* 0: the source's own rate */
    int fps_den;
    int bitrate_bps; /* cap */
    enum profile_h264 h264;
    int gop_ms;                       /* at most from IDR to IDR; 0: one for each segment */
    int quality;                      /* CRF, 1 (best) to 51; 0: the usual */
    char preset[PROFILE_PRESET_SIZE]; /* the encoder's: "veryfast"; "": the usual */
    int audio_bitrate_bps;            /* of AAC of its own; 0: the source's sound as it is */
    int audio_channels;               /* of that, 1 or 2; 0 without it */
};

/* What a rung that is not one of the named ones may be. */
#define PROFILE_SIDE_MIN    16
#define PROFILE_SIDE_MAX    8192
#define PROFILE_FPS_MAX     240
#define PROFILE_FPS_DEN_MAX 1000000
#define PROFILE_BITRATE_MIN 10000
#define PROFILE_BITRATE_MAX 100000000
#define PROFILE_GOP_MS_MAX  3600000
#define PROFILE_QUALITY_MAX 51
#define PROFILE_AUDIO_MIN   16000
#define PROFILE_AUDIO_MAX   128000

/* Up to here sound of its own is mono unless it is asked for otherwise. */
#define PROFILE_AUDIO_MONO 32000

/* What libx264 calls its presets, from "ultrafast" to "slower", the useful ones. */
#define PROFILE_PRESETS "ultrafast, superfast, veryfast, faster, fast, medium, slow, slower"
bool profile_is_preset(const char *name);

/* Whether a rung can be made: its name can stand in a URL (base/id.h) and is not "source"; its
 * numbers are within the limits above, with sides made even. On ERR_PROTO or ERR_LIMIT *ret_why is
 * a static sentence. */
enum err profile_check(struct profile *p, const char **ret_why) CHECKED;

/* The profile of that name (case-sensitive), or NULL. Static storage. */
const struct profile *profile_find(struct span name);

/* All known ones, in falling order of size; static storage. */
const struct profile *profile_all(size_t *ret_count);

/* Reads a comma-separated list (blanks around names allowed) into ret_list, which holds
 * PROFILE_LADDER_MAX. ERR_NOENT: an unknown name (*ret_bad is that name, borrowed from list);
 * ERR_LIMIT: more than PROFILE_LADDER_MAX; ERR_STATE: a name twice (*ret_bad). An empty list is 0.
 */
enum err profile_parse_list(struct span list, const struct profile **ret_list, size_t *ret_count,
                            struct span *ret_bad) CHECKED;

/* The output size for a source of in_w x in_h: the larger input side (the width when square) gets
 * the profile's matching side, the other keeps the aspect and is even, at least 2. A source
 * without a size (a side below 1) gets the profile's own. */
void profile_output_size(const struct profile *p, int in_w, int in_h, int *ret_w, int *ret_h);

#endif
