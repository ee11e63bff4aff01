/* The way into a stream for whole segments: the pusher made the cut, and it is kept. Loop's thread;
 * the stream was given by streams_publish and has no other publisher. */
#ifndef BROADCASTER_STREAM_STREAM_PUSH_H
#define BROADCASTER_STREAM_STREAM_PUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "broadcaster/jobs/jobs.h"
#include "broadcaster/push/push_media.h"
#include "broadcaster/stream/stream.h"

/* A step of the pusher's clock from one segment to the next, beyond which the timeline breaks. */
#define STREAM_PUSH_BACK_TICKS  (TICKS_PER_S / 10)
#define STREAM_PUSH_AHEAD_TICKS TICKS_PER_S

/* Where the stream's timeline and the pusher's clock stand; zero at first. The pusher's. */
struct stream_push {
    int target_s; /* EXT-X-TARGETDURATION; 0: before the first */
    bool started;
    int64_t next;     /* on the pusher's clock: the end of the last segment */
    int64_t end;      /* the same on the stream's timeline */
    int64_t duration; /* of the last segment */
    bool has_sound;
    int64_t newest_sound; /* DTS on the stream's timeline */
    uint64_t jumps;       /* segments that did not follow on */
};

/* A segment may last so long, ticks; 0: before the first one, which decides it. */
int64_t stream_push_longest(const struct stream_push *p);

/* Adds a segment: takes the packets out of m, whose tracks stay. It lasts at most
 * stream_push_longest. holes: numbers missing in front of
 * it, which become gaps. restarted: the pusher began anew. ret_msn: its number; *ret_rungs: how
 * many rungs will be settled (see stream_push_watch), perhaps from inside of this call. */
void stream_push_segment(struct stream *st, struct stream_push *p, struct push_media *m,
                         unsigned holes, bool restarted, int64_t now_ms);

/* The number that the next segment without holes gets. */
uint64_t stream_push_next(const struct stream *st);

/* Before the first segment, whose tracks are m's, and harmless later: the stream's rungs are
 * settled.
 */
void stream_push_begin(struct stream *st, const struct push_media *m);

/* The rungs that a segment with pictures is transcoded to, by index. */
size_t stream_push_rungs(const struct stream *st);
const char *stream_push_rung(const struct stream *st, size_t rung);

/* As jobs_stream_watch, for this stream, once it has begun: does nothing before. */
void stream_push_watch(struct stream *st, jobs_settled_fn *fn, void *arg);

/* True while rungs of that segment are still to be settled. */
bool stream_push_pending(const struct stream *st, uint64_t msn);

/* What the master playlist says of the source's size; 0: nothing. */
void stream_push_size(struct stream *st, int width, int height);

#endif
