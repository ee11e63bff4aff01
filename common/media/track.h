/* A track: what a decoder must know before the first packet. Immutable and reference-counted;
 * a change of the source makes a new one. Any thread. */
#ifndef MEDIA_TRACK_H
#define MEDIA_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

enum track_kind { TRACK_VIDEO, TRACK_AUDIO };
enum track_codec { /* video first */
                   CODEC_H264,
                   CODEC_HEVC,
                   CODEC_AV1,
                   CODEC_VP9,
                   CODEC_AAC,
                   CODEC_MP3,
                   CODEC_OPUS,
                   CODEC_FLAC,
                   CODEC_AC3,
                   CODEC_EAC3,
                   CODECS_
};

/* Tracks of one kind that a publisher may send beside each other (Enhanced RTMP multitrack). */
#define TRACKS_PER_KIND_MAX 8

/* Media time everywhere: 90 kHz ticks (ISO/IEC 13818-1 system clock / 300), 64 bits, never
 * wrapping. */
#define TICKS_PER_S  90000
#define TICKS_PER_MS 90

/* What the publisher told of the picture's colours and brightness (Enhanced RTMP v2, "colorInfo"),
 * as it will stand in "colr", "mdcv" and "clli" (ISO/IEC 14496-12, 12.1.5 to 12.1.8). Zero: not
 * told. */
struct track_color {
    int primaries, transfer, matrix; /* code points of ISO/IEC 23091-2 */
    bool full_range;
    bool has_mastering;
    uint16_t display_x[3], display_y[3]; /* green, blue, red, in 0.00002 */
    uint16_t white_x, white_y;
    uint32_t luminance_max, luminance_min; /* 0.0001 cd/m2 */
    uint16_t max_cll, max_fall;            /* cd/m2; both 0: not told */
};

/* How pictures are to be shown: mirrored left to right first, then turned. */
struct track_turn {
    unsigned quarters; /* of a full turn, clockwise: 0 to 3 */
    bool mirrored;
};

struct track_params {
    enum track_kind kind;
    enum track_codec codec;
    unsigned index;     /* which of the publisher's tracks of this kind: below
                           TRACKS_PER_KIND_MAX, 0 when there is one */
    struct span config; /* H.264: AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1);
                           HEVC: HEVCDecoderConfigurationRecord (the same, 8.3.3.1);
                           AV1: AV1CodecConfigurationRecord (AV1 in ISOBMFF, 2.3.3);
                           VP9: VPCodecConfigurationRecord, without the box's version and flags
                           (VP in ISOBMFF, 2.2); AAC: AudioSpecificConfig (ISO/IEC 14496-3,
                           1.6.2.1); Opus: the identification header, "OpusHead" (RFC 7845, 5.1);
                           FLAC: the 34 bytes of the STREAMINFO block (RFC 9639, 8.2); MP3, AC-3,
                           E-AC-3: empty, each frame says it all */
    int width;          /* video, pixels, after cropping */
    int height;
    int sar_num; /* sample aspect ratio; 0/1 when not told */
    int sar_den;
    int sample_rate; /* audio, Hz */
    int channels;
    struct track_color color;
    struct track_turn turn; /* video */
};

struct track;

/* Copies everything; NULL when memory is refused (config is sized by a peer). */
struct track *track_create(const struct track_params *params);
struct track *track_ref(struct track *t);
void track_unref(struct track *t); /* takes NULL */

/* Borrowed while a reference is held. */
const struct track_params *track_params(const struct track *t);

/* The size as it is to be shown, pixels as they are: width and height change places with a quarter
 * turn. */
void track_shown_size(const struct track_params *t, int *ret_width, int *ret_height);

/* Same kind, codec, index, sizes, turn, colours and config bytes. NULLs are equal to each other
 * only. */
bool track_equal(const struct track *a, const struct track *b);

/* "h264", "opus": for logs, status and the link. Static. */
const char *track_codec_name(enum track_codec codec);

bool track_codec_is_video(enum track_codec codec);

/* The codec of that name; ERR_NOENT. */
enum err track_codec_find(const char *name, enum track_codec *ret_codec) CHECKED;

#endif
