/* What one pushed file holds: at most one track of each kind, and its packets. */
#ifndef BROADCASTER_PUSH_PUSH_MEDIA_H
#define BROADCASTER_PUSH_PUSH_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "media/packet.h"
#include "media/track.h"

/* Times are ticks of the file's own clock: wherever that begins. */
struct push_media {
    struct track *video; /* NULL: none */
    struct track *audio;
    struct packets video_packets; /* in decoding order; DTS rise strictly, PTS not below DTS */
    struct packets audio_packets;
    struct packets preroll; /* pictures in front of it that decoding needs, with PACKET_PREROLL */
    int64_t start;     /* DTS of the first picture, or of the first sound where there is none */
    int64_t duration;  /* at least 1 */
    bool independent;  /* starts with a key picture, or has none at all */
    bool wraps;        /* its clock has 33 bits */
    unsigned left_out; /* tracks of codecs that are not known here, or beyond the first of a kind */
    bool turn_told;    /* pictures of it say how to turn them: the track is as the first did */
    struct track_turn turn_last; /* and the last one */
};

void push_media_init(struct push_media *m);
void push_media_fini(struct push_media *m); /* leaves it empty */

/* Its pictures are to be turned like that. ERR_NOMEM. */
enum err push_media_turn(struct push_media *m, struct track_turn turn) CHECKED;

/* One file behind the other: where neither a file nor its pictures say how to turn them, what the
 * pictures of an earlier one said last holds. io_turn is that, and zero before the first file.
 * ERR_NOMEM. */
enum err push_media_keep_turn(struct push_media *m, struct track_turn *io_turn) CHECKED;

#endif
