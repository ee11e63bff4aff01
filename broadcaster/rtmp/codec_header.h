/* What a codec header in FLV says of its track. Pure. */
#ifndef BROADCASTER_RTMP_CODEC_HEADER_H
#define BROADCASTER_RTMP_CODEC_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "broadcaster/codec/vp9.h"
#include "media/track.h"

struct codec_header {
    enum track_codec codec;     /* H.264 and HEVC: what it is, whatever was declared */
    struct track_params params; /* config: inside the header; empty: the track follows from the
                                   frames */
    struct track_color color;
    int nal_length_size; /* H.264, HEVC */
    bool has_record;     /* VP9: what the publisher sent */
    uint8_t record[VP9_RECORD_BYTES];
};

/* codec: as declared. ERR_NOENT: it says nothing; ERR_PROTO, ERR_LIMIT, ERR_UNSUPPORTED: it cannot
 * be read. */
enum err codec_header_read(enum track_codec codec, struct span header,
                           struct codec_header *ret_header) CHECKED;

/* A sentence for that; static. */
const char *codec_header_unreadable(enum track_codec codec);

#endif
