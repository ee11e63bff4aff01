/* The extended headers of audio and video messages (Enhanced RTMP v2, "Enhanced Audio" and
 * "Enhanced Video"): packet types, FourCCs, multitrack and ModEx. One message may hold parts of
 * several tracks. Pure; borrows its input. */
#ifndef BROADCASTER_RTMP_EXHEADER_H
#define BROADCASTER_RTMP_EXHEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "media/track.h"

enum av_payload {
    AV_CONFIG,     /* a codec header, as struct track_params tells; may be empty */
    AV_TS_CONFIG,  /* AV1's descriptor of MPEG-2 TS */
    AV_CODED,      /* one access unit or more frames of sound; not empty */
    AV_COLOR_INFO, /* AMF: pairs of name and value */
    AV_CHANNELS,   /* which speakers the channels of the sound are for */
    AV_NOTHING,    /* end of sequence, seek commands, empty tags: to be passed over */
    AV_UNKNOWN,    /* a kind of packet that no specification of today knows */
};

struct av_part {
    enum av_payload payload;
    bool carried;           /* codec is valid */
    enum track_codec codec; /* as declared; the codec header may prove another */
    const char *why;        /* not carried: a static sentence */
    unsigned track_id;      /* 0 without multitrack; 0..255 */
    int32_t composition_ms; /* PTS - DTS, signed */
    uint32_t offset_ns;     /* to be added to the message's time: 0..999999 */
    struct span data;
};

struct exheader {
    enum track_kind kind;
    struct span rest;
    unsigned packet_type;
    uint32_t fourcc;
    uint32_t offset_ns;
    bool many;      /* each track has a size */
    bool per_track; /* each track has a FourCC */
    bool tracks;    /* each part begins with a track id */
    bool done;
};

/* body: from the message's first byte on, which has the bit of an extended header (video), or the
 * sound format 9. ERR_PROTO: cut short. */
enum err exheader_open(struct exheader *h, enum track_kind kind, struct span body) CHECKED;

/* The next part; ERR_NOENT: there are no more; ERR_PROTO: this one is cut short, and is the last.
 */
enum err exheader_next(struct exheader *h, struct av_part *ret_part) CHECKED;

/* 'a','v','c','1' as a number; the codec that it stands for: ERR_NOENT, and *ret_why then says why
 * it is not carried. */
#define FOURCC(a, b, c, d)                                                                         \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
enum err exheader_codec(enum track_kind kind, uint32_t fourcc, enum track_codec *ret_codec,
                        const char **ret_why) CHECKED;

#endif
