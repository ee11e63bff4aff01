/* What libav says of a media file: how long it is, what is in it. Nothing is decoded for it but
 * what libav needs to find that out; no other file is opened, whatever this one names. */
#ifndef BROADCASTER_MEDIA_MEDIA_PROBE_H
#define BROADCASTER_MEDIA_MEDIA_PROBE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"

#define MEDIA_CODEC_MAX 24
#define MEDIA_TITLE_MAX 256

/* What is not known is 0, or "". */
struct media_facts {
    int64_t duration_ms;
    int64_t bitrate_bps;               /* of the whole file */
    int width, height;                 /* as it is shown: turned, with square pixels */
    int64_t fps_milli;                 /* pictures in 1000 s */
    char video_codec[MEDIA_CODEC_MAX]; /* libav's names: "h264" */
    char audio_codec[MEDIA_CODEC_MAX];
    char title[MEDIA_TITLE_MAX]; /* UTF-8 */
};

/* Reads an open file of that size; its offset stays. cancel: set by another thread to give up. Any
 * thread. ERR_PROTO: it cannot be read as media (a half-copied file, say); ERR_TIMEOUT: that takes
 * too long, or cancel was set; ERR_NOMEM. */
enum err media_probe(int fd, uint64_t size, const atomic_bool *cancel,
                     struct media_facts *ret_facts) CHECKED;

#endif
