/* From the audio and video messages of one publish to tracks and packets. Pure. */
#ifndef RTMP_MEDIA_H
#define RTMP_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/span.h"
#include "broadcaster/rtmp/session.h"
#include "media/track.h"

#define MEDIA_CONFIG_MAX 65536 /* bytes of a codec header */

struct media {
    struct track *tracks[2]; /* by enum track_kind */
    bool announced[2];
    int nal_length_size;
    bool clocked;
    uint32_t last_timestamp;
    int64_t now_ms;
};

void media_init(struct media *m);
void media_fini(struct media *m);

struct media_message {
    enum track_kind kind;
    uint32_t timestamp; /* milliseconds, wrapping */
    struct blob *blob;  /* borrowed; packets take references */
    struct span body;   /* inside the blob */
};

/* Gives fn the events of one message: TRACK for a codec header that is new or differs from the last
 * one, PACKET for an access unit. Not live: headers are kept and announced by the first live
 * message, access units are dropped; so are those that no header came for. On failure *ret_why is a
 * static sentence. ERR_UNSUPPORTED, ERR_PROTO, ERR_LIMIT, ERR_NOMEM. */
enum err media_feed(struct media *m, const struct media_message *message, bool live,
                    rtmp_event_fn *fn, void *arg, const char **ret_why) CHECKED;

#endif
