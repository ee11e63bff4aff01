/* Taps: who gets a rendition's packets as they come, not as segments: the source's as soon as they
 * are in, a rung's as its parts arrive, with its sound (the source's, or a light one) between its
 * pictures. Who takes one never holds up the stream. Loop's thread. */
#ifndef BROADCASTER_STREAM_STREAM_TAP_H
#define BROADCASTER_STREAM_STREAM_TAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "broadcaster/stream/segment.h"
#include "broadcaster/stream/stream.h"
#include "media/packet.h"
#include "media/track.h"

#define TAP_HELD_MAX       4096 /* packets of sound that wait for a rung's pictures, each tap; */
#define TAP_HELD_BYTES_MAX (8 * 1024 * 1024) /* what is older is left out */

struct tap_fns {
    /* The packet and its track, borrowed: take references. other: the other kind's track where it
     * is known already, or NULL. Times are the stream's, rising over a publisher's return. The
     * first pictures are those since the newest key frame. May not take a tap away. */
    void (*on_packet)(void *arg, struct track *track, struct track *other, const struct packet *p);
    /* The stream is over; the tap is not connected any more. */
    void (*on_end)(void *arg);
};

struct tap_held {
    struct packet packet;
    struct track *track;
};

/* Inside: for stream_tap.c only, but for fns and arg, which its owner sets. */
struct tap {
    const struct tap_fns *fns;
    void *arg;
    struct list node;
    struct tap_point *point; /* NULL: not connected */
    struct tap_held *held;   /* sound, in order */
    size_t n_held, cap_held, held_bytes;
    int64_t reached;     /* DTS of the newest picture that was given */
    struct track *video; /* the newest of each, to be the other's other */
    struct track *audio;
};

/* What a stream has for each rendition. */
struct tap_point {
    struct list taps;
    uint64_t msn; /* rungs: of the segment that is being given out, and */
    size_t given; /* how many of its packets have been */
};

void tap_init(struct tap *t, const struct tap_fns *fns, void *arg);

/* Connects it; packets that are there already are given before this returns. rung: "", "source" or
 * a rung's name. ERR_NOENT: no such stream (or it has ended), or no such rung: ret_why (static)
 * says it. */
enum err streams_tap(struct streams *s, const char *id, const char *rung, struct tap *t,
                     const char **ret_why) CHECKED;

/* Takes it away: no function of it is called any more. Takes one that is not connected. */
void tap_remove(struct tap *t);

/* --- for stream.c --- */

/* The points of a stream that begins, of its rungs once they are known, and the end of them all. */
void stream_taps_open(struct stream *st);
void stream_taps_open_rungs(struct stream *st);
void stream_taps_end(struct stream *st);

/* A packet of the source was taken. */
void stream_taps_packet(struct stream *st, const struct packet *p);

/* How many are connected. */
size_t stream_taps_count(const struct stream *st);

#endif
