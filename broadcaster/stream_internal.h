/* What streams.c (the registry and the lives in it), stream.c (from packets to segments) and
 * stream_report.c share; nobody else includes it. */
#ifndef BROADCASTER_STREAM_INTERNAL_H
#define BROADCASTER_STREAM_INTERNAL_H

#include "base/id.h"
#include "base/list.h"
#include "broadcaster/cutter.h"
#include "broadcaster/pace.h"
#include "broadcaster/preroll.h"
#include "broadcaster/repair.h"
#include "broadcaster/stream.h"
#include "broadcaster/stream_tap.h"

enum stream_state {
    STREAM_LIVE,
    STREAM_WAITING, /* the publisher has gone; it may come back unseen */
    STREAM_ENDED,   /* EXT-X-ENDLIST; still to be fetched */
};

struct streams {
    struct streams_config config;
    struct list list; /* in order of (re)publishing: the newest last */
    size_t count;
    struct ladder ladder; /* of streams that are yet to come */
    struct figures figures;
};

struct stream {
    struct list node;
    struct streams *owner;
    char id[ID_MAX + 1];
    enum stream_state state;
    int64_t since_ms; /* of this publisher */
    int64_t ended_ms; /* of the state STREAM_WAITING or STREAM_ENDED */

    struct repair repair;
    struct cutter cutter;
    struct track *video;      /* of the open segment, or the newest */
    struct track *next_video; /* takes over at its first IDR */
    struct track *audio;      /* of the open segment; NULL until sound is heard */
    struct track *next_audio; /* takes over with the next segment, once it is heard */
    bool sound_waits;         /* next_audio has been heard */
    bool begun;               /* this publisher has completed a segment */
    bool discontinuity;       /* before the next segment, which must start with an IDR */

    uint64_t next_msn;
    bool open; /* a segment is being received */
    struct segment_info info;
    struct packets video_packets;
    struct packets audio_packets;
    struct packets preroll;
    struct pace pace;
    const char *why; /* the last packet was refused */

    struct rendition *source;
    struct ladder ladder; /* this stream's, as long as it lives */
    struct rendition *rungs[PROFILE_LADDER_MAX];
    struct job_stream *jobs;
    struct tap_point taps[1 + PROFILE_LADDER_MAX]; /* the source's, then the rungs' */

    uint64_t received_bytes, video_count, audio_count, undecodable_dropped, sound_dropped;
};

/* Takes the stream out of the registry and off the board. */
void stream_destroy(struct stream *st);

/* The newest stream may be another one now. */
void streams_update_current(struct streams *s);

#endif
