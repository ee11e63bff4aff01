/* The table of all jobs: what comes from broadcasters goes to transcoders, and what they make goes
 * back; who is lost, refuses or fails is replaced. Events in, messages out. Pure: no socket, no
 * clock (now_ms is any monotonic clock), no log. One thread; the callbacks of struct jobs_out may
 * not call back into the table.
 *
 * A job is QUEUED, then OFFERED to a transcoder, then ACTIVE; it ends in exactly one JOB_DONE,
 * JOB_FAILED or JOB_REFUSE to its broadcaster, unless the broadcaster cancelled it or has gone. */
#ifndef ORCHESTRATOR_JOBS_H
#define ORCHESTRATOR_JOBS_H

#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "orchestrator/roster.h"
#include "proto/link_msg.h"

/* Defaults of struct jobs_config. */
#define JOBS_SESSIONS_DEFAULT    10
#define JOBS_MAX_DEFAULT         4096
#define JOBS_JOB_BYTES_DEFAULT   ((size_t)64 << 20)
#define JOBS_PEER_BYTES_DEFAULT  ((size_t)256 << 20)
#define JOBS_TOTAL_BYTES_DEFAULT ((size_t)512 << 20)
#define JOBS_DEADLINE_MAX_MS     120000 /* a longer one is shortened to this */
#define JOBS_ANSWER_MS_DEFAULT   1000
#define JOBS_TICK_MS             100 /* how often jobs_tick wants to be called */

struct jobs;

struct jobs_config {
    unsigned max_sessions;    /* streams at once */
    unsigned max_jobs;        /* open at once */
    size_t job_bytes;         /* held of one job */
    size_t broadcaster_bytes; /* held of all jobs of one broadcaster */
    size_t total_bytes;       /* held of all jobs */
    int64_t answer_ms; /* a transcoder that has neither accepted nor refused a job for so long loses
                          it, if another one has room */
};

void jobs_config_defaults(struct jobs_config *c);

enum jobs_note_type {
    JOBS_NOTE_OPENED,       /* a broadcaster opened it */
    JOBS_NOTE_ASSIGNED,     /* offered to a transcoder */
    JOBS_NOTE_REDISPATCHED, /* taken from a transcoder (reason), to be done again */
    JOBS_NOTE_DONE,
    JOBS_NOTE_FAILED,    /* given up (reason) */
    JOBS_NOTE_REFUSED,   /* never taken (reason) */
    JOBS_NOTE_CANCELLED, /* by its broadcaster or because that has gone (reason) */
};

/* For the log. Texts are borrowed until the callback returns; "" when there is none. */
struct jobs_note {
    enum jobs_note_type type;
    const char *stream; /* printable, when the job was taken; else as the peer wrote it */
    uint64_t msn;
    uint64_t job; /* the broadcaster's number */
    const char *broadcaster, *transcoder, *reason;
    unsigned attempts, losses;
    int64_t age_ms;
};

struct jobs_out {
    void *arg;

    /* Sends a message. JOB_OPEN and JOB_UNIT go to transcoders: ERR_AGAIN = its queue is full,
     * jobs_writable will be called. JOB_CANCEL goes to transcoders: the callee keeps what it cannot
     * send at once. RUNG_UNIT, JOB_ACCEPT, JOB_REFUSE, JOB_DONE, JOB_FAILED go to broadcasters, in
     * order; any error for a RUNG_UNIT ends its job. m and payload are borrowed. */
    enum err (*send)(void *arg, link_peer to, const struct link_msg *m, struct blob *payload);

    void (*note)(void *arg, const struct jobs_note *n); /* may be NULL */
};

struct jobs_counters {
    uint64_t opened, done, failed, refused, cancelled;
    uint64_t redispatched;   /* taken from a transcoder and done again */
    uint64_t bad_units;      /* rung units that broke a rule */
    uint64_t late_answers;   /* for an attempt that is over: normal after a re-dispatch */
    uint64_t stray;          /* for a job that this peer does not have, or from the wrong peer */
    uint64_t frames, pixels; /* of rung units passed on */
};

struct jobs_gauges {
    unsigned queued, offered, active;
    unsigned sessions, max_sessions;
    size_t held_bytes;
};

struct jobs *jobs_create(const struct jobs_config *config, const struct jobs_out *out);
void jobs_destroy(struct jobs *s); /* says nothing to anybody; takes NULL */

/* Who is connected; borrowed. */
const struct roster *jobs_roster(const struct jobs *s);
struct jobs_counters jobs_counters(const struct jobs *s);
struct jobs_gauges jobs_gauges(const struct jobs *s);

/* A hello, the first or a further one. ERR_LIMIT: too many are here. */
enum err jobs_transcoder_joined(struct jobs *s, link_peer peer, const char *address,
                                const struct link_hello *hello, int64_t now_ms) CHECKED;
enum err jobs_broadcaster_joined(struct jobs *s, link_peer peer, const char *address,
                                 const struct link_hello *hello, int64_t now_ms) CHECKED;

/* It has gone. Peers that never joined are ignored. */
void jobs_transcoder_lost(struct jobs *s, link_peer peer, int64_t now_ms);
void jobs_broadcaster_lost(struct jobs *s, link_peer peer, int64_t now_ms);

/* From a broadcaster; job is its own number. */
void jobs_open(struct jobs *s, link_peer peer, uint64_t job, const struct link_job_open *open,
               int64_t now_ms);
void jobs_unit(struct jobs *s, link_peer peer, uint64_t job, const struct link_unit *unit,
               struct blob *payload, int64_t now_ms);
void jobs_cancel(struct jobs *s, link_peer peer, uint64_t job, int64_t now_ms);

/* From a transcoder; attempt is the number in the JOB_OPEN it got. */
void jobs_accepted(struct jobs *s, link_peer peer, uint64_t attempt);
void jobs_refused(struct jobs *s, link_peer peer, uint64_t attempt, const char *reason,
                  int64_t now_ms);
void jobs_rung_unit(struct jobs *s, link_peer peer, uint64_t attempt, const struct link_unit *unit,
                    struct blob *payload, int64_t now_ms);
void jobs_done(struct jobs *s, link_peer peer, uint64_t attempt, const struct link_job_done *done,
               int64_t now_ms);
void jobs_failed(struct jobs *s, link_peer peer, uint64_t attempt, const char *reason, bool final,
                 int64_t now_ms);

/* There is room again in a transcoder's queue. */
void jobs_writable(struct jobs *s, link_peer peer, int64_t now_ms);

/* Time passes: deadlines, answers that do not come, sessions that end. */
void jobs_tick(struct jobs *s, int64_t now_ms);

#endif
