/* Segments out to the orchestrators, rung units back. One job is one segment of one stream,
 * streamed: it opens with the segment's first packet. The packets are kept until the job is
 * finished, so that it can be opened anew after the orchestrator, or the way to it, was lost. A
 * stream has one orchestrator, and keeps it while it can be used; then all that is unfinished goes
 * on at another one, from the first parts that are missing. Every
 * number of a rung is settled in the end: with content or as a gap. Pure but for the log; loop's
 * thread. */
#ifndef BROADCASTER_JOBS_JOBS_H
#define BROADCASTER_JOBS_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "broadcaster/jobs/rung_check.h"
#include "broadcaster/stream/rendition.h"
#include "broadcaster/stream/segment.h"
#include "media/packet.h"
#include "media/profile.h"
#include "proto/link_msg.h"

#define JOBS_PER_STREAM_MAX 8                  /* unfinished segments; the oldest is given up */
#define JOB_INPUT_MAX       (64 * 1024 * 1024) /* one segment's packets, bookkeeping included */

#define JOBS_WAY_NAME_MAX 300 /* bytes */
#define JOBS_WHY_MAX      320 /* bytes of a reason, with the NUL */

struct jobs;
struct jobs_way;   /* to one orchestrator */
struct job_stream; /* the jobs of one stream */
struct json;
struct metrics;

/* deadline_ms: how long after its end a segment's rungs may come. max_attempts: orchestrators that
 * may refuse, fail or sleep through one segment before it is given up; those that are lost do not
 * count. */
struct jobs *jobs_create(int64_t deadline_ms, unsigned max_attempts);

/* Rungs for quality rather than for low latency, as at first: the encoders see further ahead, and
 * their parts come so much later. Before the first stream. */
void jobs_set_quality(struct jobs *j, bool quality);

void jobs_destroy(struct jobs *j); /* takes NULL; after all its streams and ways */

/* Looks at each part that comes back: what is wrong with it (a static sentence), or NULL. Such a
 * part is not shown, and the orchestrator has it made again elsewhere. NULL, as at first: nobody
 * looks. */
typedef const char *jobs_inspect_fn(const struct link_rung *asked, const struct link_unit *u,
                                    struct span payload, const struct rung_place *place);
void jobs_set_inspection(struct jobs *j, jobs_inspect_fn *fn);

/* Units are looked at elsewhere, which takes a while: fn begins it, and jobs_probed says what was
 * found (why: a static sentence, or NULL); what came of the rung meanwhile waits. It is called for
 * the first unit of each emission, then with *watch NULL, and for those behind it as long as it
 * sets *watch, which it is given again. fn says false when nobody looks. fn NULL, as at first:
 * nobody does. */
struct jobs_watch; /* jobs_rung.h */
typedef bool jobs_probe_fn(void *arg, const struct link_rung *asked, const struct link_unit *u,
                           struct blob *payload, uint64_t ticket, struct jobs_watch **watch);
void jobs_set_probe(struct jobs *j, jobs_probe_fn *fn, void *arg);
void jobs_probed(struct jobs *j, uint64_t ticket, const char *why);

/* How many viewers a rung has, for the orchestrator. NULL, as at first: it is not known. */
typedef unsigned jobs_viewers_fn(void *arg, const char *stream, const char *rung);
void jobs_set_viewers(struct jobs *j, jobs_viewers_fn *fn, void *arg);

/* --- the orchestrators --- */

/* Sends one message to the orchestrator. ERR_AGAIN: full, jobs_way_writable follows; anything else:
 * it cannot be sent at all. */
typedef enum err jobs_send_fn(void *arg, const struct link_msg *m, struct blob *payload);

/* name: for people, copied. It is closed. Streams go to the open way with the fewest of them.
 * Gives.
 */
struct jobs_way *jobs_way_create(struct jobs *j, const char *name, jobs_send_fn *send, void *arg);
void jobs_way_destroy(struct jobs_way *w); /* takes NULL; closes it */

/* The orchestrator can be used now; or cannot any more, and has forgotten all jobs: its streams
 * move at once. why: words for people, copied. */
void jobs_way_open(struct jobs_way *w);
void jobs_way_close(struct jobs_way *w, const char *why);

/* As closing, but the orchestrator is still there: it is told that it need not go on. */
void jobs_way_withdraw(struct jobs_way *w, const char *why);

void jobs_way_writable(struct jobs_way *w);
void jobs_way_message(struct jobs_way *w, const struct link_msg *m, struct blob *payload);

bool jobs_way_is_open(const struct jobs_way *w);
size_t jobs_way_streams(const struct jobs_way *w); /* that have it now */

/* Why it is not open, or why new streams do not go there; "" when they do. */
const char *jobs_way_why(const struct jobs_way *w);

/* True when a way is open. */
bool jobs_connected(const struct jobs *j);

/* --- all --- */

/* Gives up what is too late. Call a few times a second. */
void jobs_tick(struct jobs *j, int64_t now_ms);

/* True when no job is unfinished. */
bool jobs_idle(const struct jobs *j);

/* Why a segment's rungs were given up. */
enum jobs_failure {
    JOBS_FAILED_TRANSCODE,       /* transcoders could not */
    JOBS_FAILED_BUSY,            /* the orchestrator did not take it */
    JOBS_FAILED_LATE,            /* not within the deadline */
    JOBS_FAILED_NO_ORCHESTRATOR, /* none could be used */
    JOBS_FAILED_BAD_ANSWER,      /* the orchestrator sent what does not fit */
    JOBS_FAILED_INPUT,           /* larger than this broadcaster keeps */
    JOBS_FAILURES_
};

/* As the field's metrics call it: "Transcode". */
const char *jobs_failure_code(enum jobs_failure f);

struct jobs_counters {
    uint64_t opened, reopened, moved, done, given_up, failed, refused_units;
    uint64_t given_up_by[JOBS_FAILURES_];
};
/* moved: openings at another orchestrator because one did not do it, though it is there. */
struct jobs_counters jobs_counters(const struct jobs *j);

/* The counters in the status and in the metrics. */
void jobs_status(const struct jobs *j, struct json *object);
void jobs_metrics(const struct jobs *j, struct metrics *m);

/* The part of the last JOBS_HISTORY segments of each stream whose rungs all came, averaged over the
 * streams; 1 when there are none. */
#define JOBS_HISTORY 30
double jobs_success_rate(const struct jobs *j);

/* --- streams --- */

/* rungs[i] is the rendition of ladder[i]; the renditions are borrowed for the stream's life, the
 * rest is copied. */
struct job_stream *jobs_stream_create(struct jobs *j, const char *id, const struct profile *ladder,
                                      struct rendition *const *rungs, size_t n);
void jobs_stream_destroy(struct job_stream *s); /* takes NULL */

/* The next segment begins: numbers rise. What is known of it is shown of the rungs' segments, which
 * have parts; but of a source that comes in whole segments, whose duration is known already, the
 * rungs' are whole as well. packets then follow in decoding order (a reference of
 * each is taken), those with PACKET_PREROLL first. */
void jobs_segment_open(struct job_stream *s, const struct segment_info *info, struct track *video);

/* It was recorded at another time than was said when it began; nobody has seen any of it yet. */
void jobs_segment_date(struct job_stream *s, const struct segment_info *info);

void jobs_packet(struct job_stream *s, const struct packet *p);

/* Tells of each rung of each segment once, when it is settled: s is borrowed, a gap when *why says
 * why it was lost, else why is NULL. From inside of other calls: fn may call nothing here. */
typedef void jobs_settled_fn(void *arg, size_t rung, struct segment *s,
                             const enum jobs_failure *why);
void jobs_stream_watch(struct job_stream *s, jobs_settled_fn *fn, void *arg); /* NULL: nobody */

/* How many viewers that rung has, as the orchestrator is told. */
unsigned jobs_stream_viewers(const struct job_stream *s, size_t rung);

/* True while rungs of that segment are still to be settled. */
bool jobs_stream_has(const struct job_stream *s, uint64_t msn);

/* A segment of sound alone, for which none was opened: there is nothing to transcode, and the rungs
 * have the same sound; those that have shown nothing yet stay away. */
void jobs_segment_without_picture(struct job_stream *s, struct segment *source);

/* The sound that a rung's segment has beside its picture, borrowed (NULL: none). False: it is not
 * there yet; the segment waits until jobs_stream_sound_came. */
typedef bool jobs_sound_fn(void *arg, size_t rung, const struct segment *source,
                           struct sound **ret_sound);
void jobs_stream_set_sound(struct job_stream *s, jobs_sound_fn *fn, void *arg); /* NULL: source's */
void jobs_stream_sound_came(struct job_stream *s, uint64_t msn);

/* The open segment is complete; source gives times, flags and sound to the rungs' segments. */
void jobs_segment_close(struct job_stream *s, struct segment *source, int64_t now_ms);

/* fn(arg, rung, msn, track, packets) is called when parts of a rung came: all of that segment so
 * far, borrowed. NULL, as at first: nobody. arg is borrowed. */
typedef void jobs_tap_fn(void *arg, size_t rung, uint64_t msn, struct track *track,
                         const struct packets *so_far);
void jobs_stream_set_tap(struct job_stream *s, jobs_tap_fn *fn, void *arg);

/* What is there of a rung's segment that is coming in, and its track (borrowed); NULL: nothing. */
const struct packets *jobs_stream_parts(const struct job_stream *s, size_t rung, uint64_t msn,
                                        struct track **ret_track);

#endif
