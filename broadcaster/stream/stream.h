/* The live streams by id: from a publisher's packets to numbered segments in renditions and jobs.
 * A stream outlives its publisher for a grace, so that one who comes back continues the same
 * playlists. Loop's thread; times are monotonic ms unless named otherwise. */
#ifndef BROADCASTER_STREAM_STREAM_H
#define BROADCASTER_STREAM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "broadcaster/jobs/jobs.h"
#include "broadcaster/jobs/ladder.h"
#include "broadcaster/stream/board.h"
#include "broadcaster/stream/figures.h"
#include "broadcaster/stream/lives.h"
#include "broadcaster/stream/numbers.h"
#include "broadcaster/stream/repair.h"
#include "media/packet.h"
#include "media/profile.h"
#include "run/json.h"

/* Of one segment being received; what would become larger is ended early. */
#define STREAM_SEGMENT_MAX         (32 * 1024 * 1024) /* bytes */
#define STREAM_SEGMENT_PACKETS_MAX 8192 /* its packets: each costs more than its bytes */
#define STREAM_NAMES_MAX           1024 /* streams, those in their grace included */

struct streams;
struct stream;

struct streams_config {
    struct board *board; /* borrowed, all five */
    struct jobs *jobs;
    struct numbers *numbers;
    struct light_workers *light; /* NULL: light sounds are encoded at once */
    struct lives *lives;         /* NULL: no stream has been here before */
    struct ladder ladder;        /* until streams_set_ladder */
    bool source_only;            /* there is nobody to transcode: no stream gets rungs */
    size_t max_live;
    int64_t grace_ms;  /* between the publisher's end and EXT-X-ENDLIST */
    int64_t linger_ms; /* between EXT-X-ENDLIST and 404; -1: see rendition_stays_ms */
    bool show_current; /* -currentManifest */
};

struct streams *streams_create(const struct streams_config *config);
void streams_destroy(struct streams *s); /* takes NULL; no publisher may be left */

/* A publisher begins. ladder: of a stream that is new; NULL: the streams' own. ERR_STATE: the id is
 * live; ERR_LIMIT: too many live streams (ret_why: a sentence, static). The stream is valid until
 * stream_end. */
enum err streams_publish(struct streams *s, const char *id, const struct ladder *ladder,
                         int64_t now_ms, int64_t wall_ms, struct stream **ret_stream,
                         const char **ret_why) CHECKED;

/* Whether streams_publish would admit it now; errors as there. Nothing is counted. */
enum err streams_check(struct streams *s, const char *id, const char **ret_why) CHECKED;

const char *stream_id(const struct stream *st);

void stream_track(struct stream *st, struct track *track);

/* Borrows p. ERR_NOMEM: the publisher must be closed; stream_why says to people why. Whatever else
 * is wrong with a packet is mended and counted, or the packet left out and counted. */
enum err stream_packet(struct stream *st, const struct packet *p, int64_t now_ms) CHECKED;
const char *stream_why(const struct stream *st);

/* What the publisher calls it: UTF-8 without control characters, at most BOARD_TITLE_MAX bytes;
 * copied, "": nothing. And the rate that it declares, frames in 1000 s; 0: none. */
void stream_told(struct stream *st, const char *title, int fps_milli);

/* Something that the publisher sent never became a packet. */
void stream_left_out(struct stream *st, enum repair_kind why, int64_t now_ms);

/* How long nothing should be read from the publisher, which begins segments too fast; 0: go on. Who
 * is read from all the same loses packets. */
int64_t stream_wait_ms(const struct stream *st);

/* The publisher has gone: its last segment is closed. st may still be there, but not for the
 * caller. */
void stream_end(struct stream *st, int64_t now_ms);

/* Graces and lingering. Call a few times a second. */
void streams_tick(struct streams *s, int64_t now_ms);

size_t streams_live(const struct streams *s);

/* "streams": [...] of /status, and the same numbers for /metrics. */
void streams_status(const struct streams *s, int64_t now_ms, struct json *object);
void streams_metrics(const struct streams *s, struct metrics *m);

/* The ladder of streams that are new from now on; those that are there, or in their grace, keep
 * theirs. */
void streams_set_ladder(struct streams *s, const struct ladder *ladder);
const struct ladder *streams_ladder(const struct streams *s); /* borrowed */

/* Live streams at once from now on; more that are live already go on. */
void streams_set_max_live(struct streams *s, size_t max);

/* What is counted over all of them; borrowed. */
struct figures *streams_figures(struct streams *s);

/* The id of the stream that was published last, live ones first; NULL: there is none. Borrowed
 * until the stream goes. */
const char *streams_newest(const struct streams *s);

/* The ids as an array, and the known system's master playlists by id. Gives. */
struct json *streams_ids(const struct streams *s);
struct json *streams_manifests(const struct streams *s);

#endif
