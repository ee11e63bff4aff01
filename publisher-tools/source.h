/* Where published packets come from: H.264 and AAC in order of decoding, on one clock that starts
 * at 0 and never goes back. One thread. */
#ifndef PUBLISHER_TOOLS_SOURCE_H
#define PUBLISHER_TOOLS_SOURCE_H

#include <libavcodec/codec_par.h>
#include <libavcodec/packet.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SOURCE_WHY_MAX 512
#define SOURCE_RATE    90000 /* pts and dts are in ticks of this */

enum source_stream { SOURCE_VIDEO, SOURCE_AUDIO }; /* AVPacket.stream_index */

struct source {
    AVCodecParameters *video; /* NULL: none */
    AVCodecParameters *audio; /* NULL: none */
    AVRational frame_rate;    /* 0/1: not known */

    /* When the next packet should be on its way, in microseconds of the source's clock. */
    int64_t (*due_us)(struct source *s);

    /* Fills packet (blank before). ERR_CLOSED: the source is at its end; ERR_IO: it cannot go on
     * (why: a sentence). Never waits for time to pass. */
    enum err (*next)(struct source *s, AVPacket *packet, char *ret_why) CHECKED;

    void (*destroy)(struct source *s);
};

struct test_source_config {
    int width, height; /* even */
    int fps_num, fps_den;
    int64_t bitrate_bps;
    int keyint; /* frames */
    bool audio;
};

/* Encodes the test picture and tone: libx264 (ultrafast, zerolatency) and AAC at 48 kHz mono.
 * ERR_UNSUPPORTED: the encoder refused (ret_why of SOURCE_WHY_MAX: a sentence). */
enum err test_source_create(const struct test_source_config *config, struct source **ret_source,
                            char *ret_why) CHECKED;

/* Reads a media file; loop: again from the start when it ends, with the times going on. The best
 * video stream must be H.264 and the best audio stream, if there is one, AAC. ERR_IO: cannot be
 * read; ERR_UNSUPPORTED: other codecs (ret_why: a sentence). path is borrowed. */
enum err file_source_create(const char *path, bool loop, struct source **ret_source,
                            char *ret_why) CHECKED;

void source_destroy(struct source *s); /* takes NULL */

#endif
