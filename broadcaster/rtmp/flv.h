/* The bodies of audio and video messages are those of FLV tags (FLV specification 10.1, E.4.2.1 and
 * E.4.3.1); aggregate messages are runs of whole tags (RTMP 1.0, 7.1.6). Pure; borrows its input.
 */
#ifndef RTMP_FLV_H
#define RTMP_FLV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

enum flv_payload {
    FLV_CONFIG, /* a decoder configuration record, or an AudioSpecificConfig */
    FLV_CODED,  /* one access unit */
    FLV_NOTHING /* end of sequence, seek commands, empty tags: to be passed over */
};

struct flv_body {
    enum flv_payload payload;
    int32_t composition_ms; /* H.264: PTS - DTS, signed */
    struct span data;
};

/* ERR_UNSUPPORTED: a codec other than H.264 (video) or AAC (audio). ERR_PROTO: cut short. */
enum err flv_video_parse(struct span body, struct flv_body *ret_body) CHECKED;
enum err flv_audio_parse(struct span body, struct flv_body *ret_body) CHECKED;

struct flv_tag {
    uint8_t type; /* as RTMP's message types */
    uint32_t timestamp;
    struct span body;
};

/* Takes one tag and its back pointer from the front of *s. The last back pointer may be missing.
 * ERR_PROTO: cut short. */
enum err flv_tag_read(struct span *s, struct flv_tag *ret_tag) CHECKED;

#endif
