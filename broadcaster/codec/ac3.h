/* AC-3 and E-AC-3: the head of a syncframe (ATSC A/52:2018, 5.3, 5.4 and Annex E, E.1.2). Pure; any
 * thread; borrows its input. */
#ifndef BROADCASTER_CODEC_AC3_H
#define BROADCASTER_CODEC_AC3_H

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"

struct ac3_packet {
    bool enhanced;   /* E-AC-3 */
    int sample_rate; /* Hz */
    int channels;    /* of the first independent substream, LFE included */
    int samples;     /* of one channel, in the whole packet */
};

/* A packet of one or more syncframes. ERR_PROTO: it does not begin with one. */
enum err ac3_packet_parse(struct span packet, struct ac3_packet *ret_packet) CHECKED;

#endif
