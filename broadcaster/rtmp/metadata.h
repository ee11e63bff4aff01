/* What a publisher says of its stream in the data message onMetaData (FLV 10.1, E.5), with or
 * without @setDataFrame in front. Hints for people: encoders declare what they do not send, so that
 * nothing may be built on it. Pure. */
#ifndef BROADCASTER_RTMP_METADATA_H
#define BROADCASTER_RTMP_METADATA_H

#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define METADATA_ENCODER_MAX 64  /* bytes with the NUL */
#define METADATA_TITLE_MAX   201 /* the same */

/* 0 and "": not said, or nonsense. */
struct rtmp_metadata {
    int width, height;
    int fps_milli; /* frames in 1000 s */
    int video_kbps, audio_kbps;
    char encoder[METADATA_ENCODER_MAX]; /* printable ASCII without quotes */
    /* Well-formed UTF-8 without characters that control or turn the text around them, without
     * spaces at its ends; whole characters. */
    char title[METADATA_TITLE_MAX];
};

/* body: a whole data message. ERR_NOENT: it is no onMetaData that could be read. */
enum err metadata_parse(struct span body, struct rtmp_metadata *ret_metadata) CHECKED;

/* OBS sends the sound of its "VOD track" inside of data messages named additionalMedia, unless it
 * uses Enhanced RTMP's tracks: *ret_sound is the body of the audio message in there, inside of
 * body. ERR_NOENT: it is none that could be read. */
enum err metadata_additional_sound(struct span body, struct span *ret_sound) CHECKED;

#endif
