/* The table of all jobs: what comes from broadcasters goes to transcoders, and what they make goes
 * back; who is lost, refuses or fails is replaced. Events in, messages out. Pure: no socket, no
 * clock (now_ms is any monotonic clock), no log. One thread; the callbacks of struct job_table_out
 * may not call back into the table.
 *
 * A job is QUEUED, then OFFERED to a transcoder, then ACTIVE; it ends in exactly one JOB_DONE,
 * JOB_FAILED or JOB_REFUSE to its broadcaster, unless the broadcaster cancelled it or has gone. */
#ifndef ORCHESTRATOR_JOB_TABLE_H
#define ORCHESTRATOR_JOB_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "orchestrator/roster.h"
#include "proto/link_msg.h"
#include "run/metrics.h"

/* Defaults of struct job_table_config. */
#define JOB_TABLE_SESSIONS_DEFAULT    10
#define JOB_TABLE_MAX_DEFAULT         4096
#define JOB_TABLE_JOB_BYTES_DEFAULT   ((size_t)64 << 20)
#define JOB_TABLE_PEER_BYTES_DEFAULT  ((size_t)256 << 20)
#define JOB_TABLE_TOTAL_BYTES_DEFAULT ((size_t)512 << 20)
#define JOB_TABLE_DEADLINE_MAX_MS     600000 /* a longer one is shortened to this */
#define JOB_TABLE_ANSWER_MS_DEFAULT   1000
#define JOB_TABLE_LATE_MS_DEFAULT     2000
#define JOB_TABLE_HEDGE_MS_DEFAULT    500
#define JOB_TABLE_ATTEMPTS_DEFAULT    3
#define JOB_TABLE_STRETCH_AFTER_MS    300 /* waiting for so long: the estimates may be too low */
#define JOB_TABLE_SHED_PART           3 /* of the time to its deadline: a job that has waited for */
#define JOB_TABLE_SHED_MAX_MS         3000 /* it, or for so long, may lose rungs */
#define JOB_TABLE_SHED_SURE_MS        1000 /* less, when all say themselves that it is too much */
#define JOB_TABLE_STALE_MS            4500 /* and after that it goes when there is not room for all */
#define JOB_TABLE_CALM_MAX_MS         1000
#define JOB_TABLE_SHORT_MS            10000  /* after that the stream's next ones need not wait; */
#define JOB_TABLE_SHORT_MAX_MS        300000 /* twice as long each time that it is so again soon */
#define JOB_TABLE_PAID_MS             10000  /* a segment is not longer, as far as its price goes */
#define JOB_TABLE_TICK_MS             100    /* how often job_table_tick wants to be called */

/* A transcoder that always owes something for so long, for all of that time, has too much (the
 * least and half of the time, when it has more than it says): new segments lose rungs. What was
 * begun before is waited for, and what is owed is made up for, in so long. */
#define JOB_TABLE_BEHIND_MS       1000
#define JOB_TABLE_BEHIND_LEAST_MS 500
#define JOB_TABLE_BEHIND_FOR_MS   1500
#define JOB_TABLE_RELIEF_MS       6000

struct job_table;

struct job_table_config {
    unsigned max_sessions;    /* streams at once */
    unsigned max_jobs;        /* open at once */
    size_t job_bytes;         /* held of one job */
    size_t broadcaster_bytes; /* held of all jobs of one broadcaster */
    size_t total_bytes;       /* held of all jobs */
    int64_t answer_ms; /* a transcoder that has neither accepted nor refused a job for so long loses
                          it, if another one has room */
    int64_t late_ms;  /* so does one that owes a part for longer than two parts last, or for so long
                         if that is less; 0: nobody is late */
    int64_t hedge_ms; /* a job of which a part is owed for so long is given to another one as well;
                         0: never */
    unsigned max_attempts; /* refusals and failures of a job; being lost is not counted here */
};

void job_table_config_defaults(struct job_table_config *c);

enum job_note_type {
    JOB_NOTE_OPENED,       /* a broadcaster opened it */
    JOB_NOTE_ASSIGNED,     /* offered to a transcoder */
    JOB_NOTE_REDISPATCHED, /* taken from a transcoder (reason), to be done again */
    JOB_NOTE_DONE,
    JOB_NOTE_FAILED,        /* given up (reason) */
    JOB_NOTE_REFUSED,       /* never taken (reason) */
    JOB_NOTE_CANCELLED,     /* by its broadcaster or because that has gone (reason) */
    JOB_NOTE_HEDGED,        /* offered to a second transcoder as well */
    JOB_NOTE_RUNG_GIVEN_UP, /* that rung will not come, the others will (reason) */
    JOB_NOTE_RUNG_REJECTED, /* its broadcaster cannot use what came of that rung (reason) */
    JOB_NOTE_SUSPENDED, /* the transcoder is, because of this job's failure and others' (reason) */
};

/* For the log. Texts are borrowed until the callback returns; "" when there is none. */
struct job_note {
    enum job_note_type type;
    const char *stream; /* printable, when the job was taken; else as the peer wrote it */
    uint64_t msn;
    uint64_t job; /* the broadcaster's number */
    const char *broadcaster, *transcoder, *reason;
    const char *rung;   /* its name; "" when it is not about one */
    int64_t suspend_ms; /* JOB_NOTE_SUSPENDED */
    unsigned attempts, losses;
    int64_t age_ms;
};

struct job_table_out {
    void *arg;

    /* Sends a message. JOB_OPEN and JOB_UNIT go to transcoders: ERR_AGAIN = its queue is full,
     * job_table_writable will be called. JOB_CANCEL goes to transcoders: the callee keeps what it
     * cannot send at once. RUNG_UNIT, RUNG_GIVEN_UP, JOB_ACCEPT, JOB_REFUSE, JOB_DONE, JOB_FAILED
     * go to broadcasters, in order; any error for a RUNG_UNIT ends its job. m and payload are
     * borrowed.
     */
    enum err (*send)(void *arg, link_peer to, const struct link_msg *m, struct blob *payload);

    void (*note)(void *arg, const struct job_note *n); /* may be NULL */

    /* Where rungs have a price; all or none are NULL. A job opens that may have so many pixels at
     * most: NULL, it may, and `closed` is called when it is over; else why not (borrowed). Then: so
     * many pixels of a job of that broadcaster, made by that transcoder, were passed on. Of these,
     * so many were rejected and have now been made again; that transcoder may have gone. */
    const char *(*open)(void *arg, link_peer broadcaster, uint64_t pixels);
    void (*closed)(void *arg, link_peer broadcaster, uint64_t pixels);
    void (*earned)(void *arg, link_peer broadcaster, const struct transcoder *by, uint64_t pixels);
    void (*unearned)(void *arg, link_peer broadcaster, link_peer by, uint64_t pixels);
};

struct job_table_counters {
    uint64_t opened, done, failed, refused, cancelled;
    uint64_t redispatched;   /* taken from a transcoder and done again */
    uint64_t late;           /* of these: because it was late */
    uint64_t hedged;         /* given to a second transcoder as well */
    uint64_t hedges_won;     /* of these: that one went on with a rung */
    uint64_t hedge_units;    /* parts of rungs that another attempt went on with; dropped */
    uint64_t rungs_given_up; /* so that the rest of a job fits */
    uint64_t rungs_rejected; /* by their broadcaster */
    uint64_t suspensions;    /* of transcoders */
    uint64_t bad_units;      /* rung units that broke a rule */
    uint64_t late_answers;   /* for an attempt that is over: normal after a re-dispatch */
    uint64_t stray;          /* for a job that this peer does not have, or from the wrong peer */
    uint64_t frames, pixels; /* of rung units passed on */
};

struct job_table_gauges {
    unsigned queued, offered, active;
    unsigned doubled; /* of these: two transcoders are at work on it */
    unsigned sessions, max_sessions;
    size_t held_bytes;
};

/* How long segments took here. */
struct job_table_times {
    struct histogram queue_wait; /* from being opened to being offered for the first time */
    struct histogram work;       /* from being offered to being done, of the attempt that did it */
    struct histogram whole;      /* from being opened to being done */
};

struct job_table *job_table_create(const struct job_table_config *config,
                                   const struct job_table_out *out);
void job_table_destroy(struct job_table *s); /* says nothing to anybody; takes NULL */

/* Who is connected; borrowed. */
const struct roster *job_table_roster(const struct job_table *s);
struct job_table_counters job_table_counters(const struct job_table *s);
struct job_table_gauges job_table_gauges(const struct job_table *s);
const struct job_table_times *job_table_times(const struct job_table *s); /* borrowed */

/* Streams at once from now on; more that are here already go on. */
void job_table_set_max_sessions(struct job_table *s, unsigned max);

/* A hello, the first or a further one. ERR_LIMIT: too many are here. */
enum err job_table_transcoder_joined(struct job_table *s, link_peer peer, const char *address,
                                     const struct link_hello *hello, int64_t now_ms) CHECKED;
enum err job_table_broadcaster_joined(struct job_table *s, link_peer peer, const char *address,
                                      const struct link_hello *hello, int64_t now_ms) CHECKED;

/* It has gone. Peers that never joined are ignored. */
void job_table_transcoder_lost(struct job_table *s, link_peer peer, int64_t now_ms);
void job_table_broadcaster_lost(struct job_table *s, link_peer peer, int64_t now_ms);

/* From a broadcaster; job is its own number. */
void job_table_open(struct job_table *s, link_peer peer, uint64_t job,
                    const struct link_job_open *open, int64_t now_ms);
void job_table_unit(struct job_table *s, link_peer peer, uint64_t job, const struct link_unit *unit,
                    struct blob *payload, int64_t now_ms);
/* What came of that rung (an index of its ladder) from that part on is not good. */
void job_table_rung_reject(struct job_table *s, link_peer peer, uint64_t job,
                           const struct link_rung_word *word, const char *reason, int64_t now_ms);
/* Gives up the newest of that broadcaster's jobs. False: it has none. */
bool job_table_drop_newest(struct job_table *s, link_peer broadcaster, const char *reason,
                           int64_t now_ms);

void job_table_cancel(struct job_table *s, link_peer peer, uint64_t job, int64_t now_ms);

/* From a transcoder; attempt is the number in the JOB_OPEN it got. */
void job_table_accepted(struct job_table *s, link_peer peer, uint64_t attempt);
void job_table_refused(struct job_table *s, link_peer peer, uint64_t attempt, const char *reason,
                       int64_t now_ms);
void job_table_rung_unit(struct job_table *s, link_peer peer, uint64_t attempt,
                         const struct link_unit *unit, struct blob *payload, int64_t now_ms);
void job_table_done(struct job_table *s, link_peer peer, uint64_t attempt,
                    const struct link_job_done *done, int64_t now_ms);
void job_table_failed(struct job_table *s, link_peer peer, uint64_t attempt, const char *reason,
                      bool final, int64_t now_ms);

/* There is room again in a transcoder's queue. */
void job_table_writable(struct job_table *s, link_peer peer, int64_t now_ms);

/* The loop stood still for so long: what came meanwhile is still to be read, so nobody is late for
 * as long again (at most JOB_TABLE_CALM_MAX_MS). */
void job_table_stalled(struct job_table *s, int64_t ms, int64_t now_ms);

/* Time passes: deadlines, answers that do not come, sessions that end. */
void job_table_tick(struct job_table *s, int64_t now_ms);

#endif
