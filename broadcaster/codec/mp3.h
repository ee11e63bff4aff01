/* MP3: the header of a frame of MPEG-1 or MPEG-2 audio, layer III (ISO/IEC 11172-3, 2.4.1.3;
 * 13818-3, 2.4.1.3, and the half rates known as MPEG 2.5). Pure; any thread; borrows its input. */
#ifndef BROADCASTER_CODEC_MP3_H
#define BROADCASTER_CODEC_MP3_H

#include "base/err.h"
#include "base/span.h"

struct mp3_packet {
    int sample_rate; /* Hz */
    int channels;    /* 1 or 2 */
    int samples;     /* of one channel, in the whole packet */
};

/* A packet of one or more frames. ERR_PROTO: it does not begin with one of layer III. */
enum err mp3_packet_parse(struct span packet, struct mp3_packet *ret_packet) CHECKED;

#endif
