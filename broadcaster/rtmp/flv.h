/* The bodies of audio and video messages are those of FLV tags (FLV specification 10.1, E.4.2.1 and
 * E.4.3.1, and Enhanced RTMP v2); aggregate messages are runs of whole tags (RTMP 1.0, 7.1.6).
 * Pure; borrows its input.
 */
#ifndef BROADCASTER_RTMP_FLV_H
#define BROADCASTER_RTMP_FLV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "broadcaster/rtmp/exheader.h"

/* Walks over the parts of a body: one for each track in it. */
struct flv_body {
    enum track_kind kind;
    struct span body;
    bool opened, extended;
    struct exheader ex;
};

void flv_body_init(struct flv_body *b, enum track_kind kind, struct span body);

/* The next part. ERR_NOENT: there are no more; ERR_PROTO: it is cut short, and is the last. Of the
 * form without an extended header these codecs are known: H.264 (7), and by custom HEVC (12) and
 * AV1 (13); AAC (10) and MP3 (2, 14). */
enum err flv_body_next(struct flv_body *b, struct av_part *ret_part) CHECKED;

struct flv_tag {
    uint8_t type; /* as RTMP's message types */
    uint32_t timestamp;
    struct span body;
};

/* Takes one tag and its back pointer from the front of *s. The last back pointer may be missing.
 * ERR_PROTO: cut short. */
enum err flv_tag_read(struct span *s, struct flv_tag *ret_tag) CHECKED;

#endif
