/* From the audio and video messages of one publish to tracks and packets. Pure. */
#ifndef BROADCASTER_RTMP_MEDIA_H
#define BROADCASTER_RTMP_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/span.h"
#include "broadcaster/rtmp/media_track.h"
#include "broadcaster/rtmp/session.h"
#include "media/track.h"

#define MEDIA_HOPELESS_MS 2000 /* of a publish in which there is nothing that can be carried */
#define MEDIA_HOPELESS    500  /* messages of it, should their times stand still */

struct media_skips {
    const char *why; /* the last one */
    bool pending;    /* it happened before the publish was live */
    bool said;
};

struct media {
    struct media_track tracks[2][TRACKS_PER_KIND_MAX]; /* by enum track_kind and index */
    struct media_skips skips[2][RTMP_SKIPS_];
    bool clocked;
    uint32_t last_timestamp;
    int64_t now_ms;
    unsigned lost; /* messages that said nothing that can be carried */
    uint32_t lost_since;
};

void media_init(struct media *m);
void media_fini(struct media *m);

struct media_message {
    enum track_kind kind;
    uint32_t timestamp; /* milliseconds, wrapping */
    struct blob *blob;  /* borrowed; packets take references */
    struct span body;   /* inside the blob */
    unsigned track_id;  /* of parts that name none */
};

/* Gives fn the events of one message: TRACK for a track that is new or differs from the last one,
 * PACKET for an access unit, SKIPPED for what cannot go on. Not live: headers are kept and
 * announced by the first live message, access units are dropped. A publisher's tracks get their
 * indices in order of appearance; index 0 is kept for the id 0, until pictures or sound come
 * without one. On failure *ret_why is a static sentence. ERR_UNSUPPORTED: for MEDIA_HOPELESS_MS
 * nothing came that can be carried; ERR_NOMEM. */
enum err media_feed(struct media *m, const struct media_message *message, bool live,
                    rtmp_event_fn *fn, void *arg, const char **ret_why) CHECKED;

#endif
