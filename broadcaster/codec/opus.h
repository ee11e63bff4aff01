/* Opus: the identification header (RFC 7845, 5.1) and how long a packet lasts (RFC 6716, 3.1 and
 * 3.2). Pure; any thread; borrows its input. */
#ifndef BROADCASTER_CODEC_OPUS_H
#define BROADCASTER_CODEC_OPUS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define OPUS_RATE         48000 /* what it always decodes to */
#define OPUS_HEAD_BYTES   19    /* of the form without a channel mapping */
#define OPUS_CHANNELS_MAX 255

/* ERR_PROTO: not such a header. */
enum err opus_head_parse(struct span head, int *ret_channels) CHECKED;

/* A header for publishers that send none: 1 or 2 channels. */
void opus_head_make(int channels, uint8_t ret_head[OPUS_HEAD_BYTES]);

/* Samples at OPUS_RATE, by the packet's first stream; 0: not a packet. */
int opus_packet_samples(struct span packet);

#endif
