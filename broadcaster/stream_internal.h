/* What streams.c (the registry and the lives in it), feed.c (who publishes), stream.c (from packets
 * to segments) and stream_report.c share; nobody else includes it. */
#ifndef BROADCASTER_STREAM_INTERNAL_H
#define BROADCASTER_STREAM_INTERNAL_H

#include "base/id.h"
#include "base/list.h"
#include "broadcaster/cutter.h"
#include "broadcaster/pace.h"
#include "broadcaster/preroll.h"
#include "broadcaster/publish_key.h"
#include "broadcaster/repair.h"
#include "broadcaster/sides.h"
#include "broadcaster/stream.h"

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

    struct feed *feed;     /* in force; NULL while nobody publishes through one */
    struct feed *claimant; /* waits to take over */
    struct publish_key key;
    int64_t heard_ms; /* the last packet of the feed in force */
    bool was_taken;
    int64_t taken_ms; /* the last take-over, when was_taken */

    struct repair repair;
    struct cutter cutter;
    struct track *video;          /* of the open segment, or the newest */
    struct track *next_video;     /* takes over at its first IDR */
    struct track *audio;          /* of the open segment; NULL until sound is heard */
    struct track *next_audio;     /* takes over with the next segment, once it is heard */
    bool sound_waits;             /* next_audio has been heard */
    uint64_t first_discontinuity; /* of each of its renditions */
    bool begun;                   /* this publisher has completed a segment */
    bool discontinuity;           /* before the next segment, which must start with an IDR */

    uint64_t next_msn;
    bool open; /* a segment is being received */
    struct segment_info info;
    struct packets video_packets;
    struct packets audio_packets;
    struct packets preroll;
    struct pace pace;
    const char *why; /* the last packet was refused */

    struct rendition *source;
    struct sides *sides;  /* the publisher's further picture tracks */
    struct ladder wanted; /* until the first segment begins: */
    struct ladder ladder; /* this stream's, as long as it lives */
    struct rendition *rungs[PROFILE_LADDER_MAX];
    struct job_stream *jobs;

    struct track *tracks[2][TRACKS_PER_KIND_MAX]; /* all that this publisher announced */
    uint64_t further_dropped;                     /* packets of sound tracks beside the first */

    uint64_t received_bytes, video_count, audio_count, undecodable_dropped, sound_dropped;
};

/* NULL: there is none. */
struct stream *streams_find(struct streams *s, const char *id);

/* The two halves of streams_publish. The second one begins the stream, or goes on with it, whatever
 * the limits say; it must not be live. */
enum err streams_admit(struct streams *s, const char *id, const char **ret_why) CHECKED;
struct stream *streams_begin(struct streams *s, const char *id, int64_t now_ms, int64_t wall_ms);

/* Takes the stream out of the registry and off the board. */
void stream_destroy(struct stream *st);

/* The first segment begins, and the publisher's tracks are known: makes the rungs, but those of
 * which the publisher brings one of about the same height. Later calls do nothing. */
void streams_start_ladder(struct stream *st);

/* The stream can be watched from now on. */
void streams_first_segment(struct stream *st);

/* The newest stream may be another one now. */
void streams_update_current(struct streams *s);

#endif
