/* What streams.c (the registry and the lives in it), feed.c (who publishes), stream.c (pictures),
 * stream_sound.c (sound), stream_silence.c (its holes), stream_segment.c (the open segment),
 * stream_parts.c (its parts) and stream_report.c share; nobody else includes it. */
#ifndef BROADCASTER_STREAM_STREAM_INTERNAL_H
#define BROADCASTER_STREAM_STREAM_INTERNAL_H

#include "base/id.h"
#include "base/list.h"
#include "broadcaster/auth/publish_key.h"
#include "broadcaster/light/light_sounds.h"
#include "broadcaster/stream/advice.h"
#include "broadcaster/stream/cutter.h"
#include "broadcaster/stream/join.h"
#include "broadcaster/stream/pace.h"
#include "broadcaster/stream/part_lane.h"
#include "broadcaster/stream/preroll.h"
#include "broadcaster/stream/program_clock.h"
#include "broadcaster/stream/repair.h"
#include "broadcaster/stream/side_sounds.h"
#include "broadcaster/stream/sides.h"
#include "broadcaster/stream/stream.h"
#include "broadcaster/stream/stream_tap.h"

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

/* Who listens: to the source; to its rungs; to the publisher's further pictures. */
#define STREAM_TAP_RUNGS  1
#define STREAM_TAP_SIDES  (STREAM_TAP_RUNGS + PROFILE_LADDER_MAX)
#define STREAM_TAP_POINTS (STREAM_TAP_SIDES + SIDES_MAX)

struct stream {
    struct list node;
    struct streams *owner;
    char id[ID_MAX + 1];
    enum stream_state state;
    int64_t since_ms; /* of this publisher */
    int64_t ended_ms; /* of the state STREAM_WAITING or STREAM_ENDED */
    int64_t left_ms;  /* when its publisher did */
    int64_t on_ms;    /* since when it has been on, over a publisher's absence that was short: */
    int64_t on_wall_ms;
    char title[BOARD_TITLE_MAX + 1];

    struct feed *feed;     /* in force; NULL while nobody publishes through one */
    struct feed *claimant; /* waits to take over */
    struct publish_key key;
    bool key_given;     /* by the webhook: the publisher itself has another one, or none */
    int64_t heard_ms;   /* the last packet of the feed in force */
    int64_t key_due_ms; /* from then on pictures without a keyframe to begin at are a fault */
    bool was_taken;
    int64_t taken_ms; /* the last take-over, when was_taken */

    struct repair repair;
    struct advice advice;
    struct cutter cutter;
    struct join join;             /* the picture waits for a place to begin at */
    struct track *video;          /* of the open segment, or the newest */
    struct track *next_video;     /* takes over at its first IDR */
    struct track *audio;          /* of the open segment; NULL until sound is heard */
    struct track *next_audio;     /* takes over with the next segment, once it is heard */
    bool sound_waits;             /* next_audio has been heard */
    int64_t sound_waits_since;    /* DTS */
    uint64_t first_discontinuity; /* of each of its renditions */
    bool begun;                   /* this publisher has completed a segment */
    bool discontinuity;           /* before the next segment, which must start with an IDR */

    uint64_t next_msn;
    bool open; /* a segment is being received */
    struct segment_info info;
    struct packets video_packets;
    struct packets audio_packets;
    struct packets pending; /* sound before anything is open */
    struct preroll preroll;
    struct part_lane lanes[2]; /* by enum track_kind */
    struct part_run runs[2];   /* of the open segment */
    struct program_clock program;
    struct pace pace;
    const char *why; /* the last packet was refused */

    bool starved;         /* packets were left out: the picture must begin anew */
    bool flooded;         /* that has happened, and the publisher is still too fast */
    int64_t picture_ms;   /* when the last one came; monotonic */
    int64_t sound_lead;   /* how far the sound usually is ahead of the picture, ticks */
    int64_t newest_sound; /* DTS */
    int64_t sound_lag;    /* how far the sound usually is behind the picture, ticks */
    size_t unbroken;      /* sound of the open segment whose holes are filled */
    int64_t sound_end;    /* of the last of it, ticks; 0: none yet */
    int64_t silent_until; /* no sound has a place before */
    struct blob *silence; /* a frame of it, once there was need */

    struct rendition *source;
    struct sides *sides;             /* the publisher's further picture tracks */
    struct side_sounds *side_sounds; /* and those of sound */
    struct light_sounds *light;      /* for rungs with sound of their own */
    struct ladder wanted;            /* until the first segment begins: */
    struct ladder ladder;            /* this stream's, as long as it lives */
    struct rendition *rungs[PROFILE_LADDER_MAX];
    size_t light_of[PROFILE_LADDER_MAX]; /* of rungs whose sound is a light one: which */
    struct job_stream *jobs;
    struct tap_point taps[STREAM_TAP_POINTS];

    struct track *tracks[2][TRACKS_PER_KIND_MAX]; /* all that this publisher announced */

    uint64_t received_bytes, video_count, audio_count, undecodable_dropped, sound_dropped;
};

/* --- stream_segment.c --- */

/* Where and how a segment begins. */
struct begin {
    int64_t at;     /* ticks */
    int64_t closed; /* duration of the open segment, which this one ends */
    bool independent;
    bool hole;      /* between both */
    bool picture;   /* it begins with one of the publisher's */
    int64_t waited; /* ticks: so long ago its first packet came */
};

/* Ends the open segment, if there is one, and begins another. ERR_NOMEM. */
enum err segment_begin(struct stream *st, const struct begin *b, int64_t now_ms) CHECKED;
void segment_end(struct stream *st, int64_t duration, int64_t now_ms);

/* Leaves out the sound of the open segment from `end` on, with which nothing is shown any more. */
void segment_leave_sound(struct stream *st, int64_t end);

/* Bytes of all tracks that are in no complete segment. */
size_t segment_held(const struct stream *st);

/* Whether so many bytes more are too many for one segment. */
bool segment_is_full(const struct stream *st, size_t bytes);

/* To the open segment's pictures or sound. ERR_NOMEM. */
enum err segment_add(struct stream *st, struct packets *to, const struct packet *p) CHECKED;

/* The first picture comes to a segment that began with sound alone a moment ago. */
void segment_adopt_picture(struct stream *st, bool independent);

enum err stream_no_memory(struct stream *st);

/* --- stream_sound.c --- */

/* A sound packet on the mended timeline. ERR_NOMEM. */
enum err stream_on_sound(struct stream *st, struct packet *p, int64_t now_ms) CHECKED;

/* What waited for the first segment goes there, as far as it is not older. */
enum err stream_take_pending(struct stream *st, int64_t from) CHECKED;

/* --- stream_parts.c --- */

/* A segment has begun, or, before its first part, what is known of it has changed. */
void parts_open(struct stream *st);

/* Packets came: makes parts of what stays in the open segment as it is. */
void parts_make(struct stream *st);

/* A picture of this time came now: the first segment's date is put right as long as nobody has seen
 * it. */
void parts_date(struct stream *st, int64_t dts, int64_t now_ms);

/* The open segment is complete and has this length: makes parts of what is left. */
void parts_close(struct stream *st, int64_t duration);

/* The open segment cannot end before this; ticks. */
int64_t parts_until(const struct stream *st);

/* --- stream_silence.c --- */

/* Sound comes. False: silence is where it would be. */
bool silence_takes(struct stream *st, const struct packet *p);

/* The open segment reaches to there at least: fills the holes of its sound before, as far as
 * nothing can come there. */
void silence_fill(struct stream *st, int64_t end);

/* The open segment ends there, and no sound comes any more. */
void silence_end(struct stream *st, int64_t end);

/* The sound that follows does not go on where the last one ended. */
void silence_forget(struct stream *st);

/* --- streams.c --- */
/* NULL: there is none. */
struct stream *streams_find(struct streams *s, const char *id);

/* The two halves of streams_publish. The second one begins the stream, or goes on with it, whatever
 * the limits say; it must not be live. */
struct stream *streams_begin(struct streams *s, const char *id, const struct ladder *ladder,
                             int64_t now_ms, int64_t wall_ms);

/* Takes the stream out of the registry and off the board. */
void stream_destroy(struct stream *st);

/* The first segment begins, and the publisher's tracks are known: makes the rungs, but those of
 * which the publisher brings one of about the same height. Later calls do nothing. */
void streams_start_ladder(struct stream *st);

/* The stream can be watched from now on. */
void streams_first_segment(struct stream *st);

/* The board knows the stream's state and title from now on. */
void streams_tell_board(struct stream *st);

/* The newest stream may be another one now. */
void streams_update_current(struct streams *s);

#endif
