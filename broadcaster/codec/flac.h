/* FLAC: the STREAMINFO block (RFC 9639, 8.2) and a frame's length (9.1). Pure; any thread; borrows
 * its input. */
#ifndef BROADCASTER_CODEC_FLAC_H
#define BROADCASTER_CODEC_FLAC_H

#include "base/err.h"
#include "base/span.h"

#define FLAC_STREAMINFO_BYTES 34

struct flac_config {
    struct span streaminfo; /* its 34 bytes, borrowed */
    int sample_rate;        /* Hz, above 0 */
    int channels;           /* 1..8 */
};

/* The block alone, behind its block header, or behind "fLaC" and its block header, with others
 * behind it. ERR_PROTO: none of these. */
enum err flac_config_parse(struct span header, struct flac_config *ret_config) CHECKED;

/* Samples (of one channel) in a frame; 0: not a frame. */
int flac_frame_samples(struct span frame);

#endif
