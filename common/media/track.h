/* A track: what a decoder must know before the first packet. Immutable and reference-counted;
 * a change of the source makes a new one. Any thread. */
#ifndef MEDIA_TRACK_H
#define MEDIA_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum track_kind { TRACK_VIDEO, TRACK_AUDIO };
enum track_codec { CODEC_H264, CODEC_AAC };

/* Media time everywhere: 90 kHz ticks (ISO/IEC 13818-1 system clock / 300), 64 bits, never
 * wrapping. */
#define TICKS_PER_S  90000
#define TICKS_PER_MS 90

struct track_params {
    enum track_kind kind;
    enum track_codec codec;
    struct span config; /* H.264: AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1);
                           AAC: AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1) */
    int width;          /* video, pixels, after cropping */
    int height;
    int sar_num; /* sample aspect ratio; 0/1 when not told */
    int sar_den;
    int sample_rate; /* audio, Hz */
    int channels;
};

struct track;

/* Copies everything; NULL when memory is refused (config is sized by a peer). */
struct track *track_create(const struct track_params *params);
struct track *track_ref(struct track *t);
void track_unref(struct track *t); /* takes NULL */

/* Borrowed while a reference is held. */
const struct track_params *track_params(const struct track *t);

/* Same kind, codec, sizes and config bytes. NULLs are equal to each other only. */
bool track_equal(const struct track *a, const struct track *b);

#endif
