/* The bodies of audio and video messages for players: the old form of the FLV specification (10.1,
 * E.4.2.1 and E.4.3.1) for H.264, AAC and MP3, the one of Enhanced RTMP v2 ("ExVideoTagHeader",
 * "ExAudioTagHeader") for all others. Pure. */
#ifndef BROADCASTER_RTMP_FLV_WRITE_H
#define BROADCASTER_RTMP_FLV_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "media/packet.h"
#include "media/track.h"

#define FLV_HEAD_MAX 8

/* What stands in a message's body before a codec header or an access unit. */
struct flv_head {
    uint8_t bytes[FLV_HEAD_MAX];
    size_t len;
};

/* True for what every player can be sent. */
bool flv_write_is_old_form(enum track_codec codec);

/* The four characters by which Enhanced RTMP calls it; "avc1" and "mp4a" too. Static. */
const char *flv_write_fourcc(enum track_codec codec);

/* The whole body of the message with the codec header, appended to out; nothing is appended for
 * codecs that have none. ERR_LIMIT, ERR_NOMEM: from out; ERR_UNSUPPORTED: config is not what
 * media/track.h says. */
enum err flv_write_config(struct buf *out, const struct track_params *track) CHECKED;

/* What stands before an access unit. composition_ms: PTS - DTS, clamped to 24 bits. */
struct flv_head flv_write_head(const struct track_params *track, unsigned packet_flags,
                               int64_t composition_ms);

#endif
