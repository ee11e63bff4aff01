/* What jobs.c (who is served, and for how long), jobs_way.c (the orchestrators, and which one a
 * stream has), jobs_stream.c (a stream's segments coming in), jobs_wire.c (jobs going out),
 * jobs_answer.c (rungs coming back) and jobs_settle.c (how each number ends) share; nobody else
 * includes it. */
#ifndef BROADCASTER_JOBS_JOBS_INTERNAL_H
#define BROADCASTER_JOBS_JOBS_INTERNAL_H

#include "base/id.h"
#include "base/list.h"
#include "broadcaster/jobs/jobs.h"
#include "broadcaster/jobs/jobs_rung.h"
#include "broadcaster/jobs/rung_describe.h"
#include "broadcaster/stream/part_lane.h"

struct job_input {
    struct packet packet;
    int64_t came_us; /* monotonic */
};

struct job {
    struct list node;     /* of its stream, rising msn */
    uint64_t wire_id;     /* of the present opening; 0 = not open at any orchestrator */
    struct jobs_way *way; /* of that opening; NULL: it is open nowhere */
    int64_t heard_ms;     /* when it was opened, or its last unit came */
    unsigned attempts;    /* that an orchestrator refused, failed or slept through */
    uint64_t msn;
    struct track *video; /* NULL: there is sound alone, and nothing to transcode */
    struct job_input *inputs;
    size_t n_inputs, cap_inputs, input_bytes;
    size_t sent;
    uint32_t seq;
    bool last_sent;
    bool over;                 /* the orchestrator has no more of that opening */
    bool failed;               /* nothing more is sent; settles as gaps when the source is known */
    enum jobs_failure failure; /* the first one */
    unsigned openings;
    struct segment *source; /* NULL until the segment is complete */
    int64_t complete_ms;
    struct jobs_rung rungs[PROFILE_LADDER_MAX];
    bool whole; /* there are no parts of it */
    struct part_run runs[PROFILE_LADDER_MAX];
    uint32_t unit_frames[PROFILE_LADDER_MAX]; /* of each unit of a rung */
    size_t wire_rungs[PROFILE_LADDER_MAX];    /* index in the opening's ladder -> in ours */
    size_t n_wire_rungs;
};

struct job_stream {
    struct list node;
    struct jobs *owner;
    char id[ID_MAX + 1];
    struct profile ladder[PROFILE_LADDER_MAX];
    struct rendition *renditions[PROFILE_LADDER_MAX];
    struct jobs_rate rates[PROFILE_LADDER_MAX];
    struct part_lane lanes[PROFILE_LADDER_MAX];
    size_t n;
    struct jobs_way *way; /* of the next opening; NULL: it has none yet */
    struct list jobs;
    size_t n_jobs;
    uint64_t lost_in_a_row;
    jobs_settled_fn *settled; /* NULL: nobody is told */
    void *settled_arg;
    uint32_t history; /* of the last segments, the newest in bit 0: 1 = all rungs came */
    unsigned n_history;
    jobs_tap_fn *tap;
    void *tap_arg;
    jobs_sound_fn *sound; /* NULL: the source's */
    void *sound_arg;
};

struct jobs_way {
    struct list node;
    struct jobs *owner;
    char name[JOBS_WAY_NAME_MAX + 1];
    jobs_send_fn *send;
    void *send_arg;
    bool open;
    char why[JOBS_WHY_MAX]; /* while it is not open */
    int64_t avoid_until_ms; /* it refused something lately */
    char avoided_for[JOBS_WHY_MAX];
    size_t streams; /* that have it */
};

struct jobs {
    struct list streams;
    struct list ways;
    int64_t deadline_ms;
    unsigned max_attempts;
    bool quality;   /* rather than low latency */
    int64_t now_ms; /* of the last tick */
    uint64_t last_wire_id;
    struct jobs_counters counters;
    jobs_inspect_fn *inspect; /* NULL: nobody looks */
    jobs_probe_fn *probe;     /* NULL: nobody does */
    void *probe_arg;
    uint64_t last_ticket;
    jobs_viewers_fn *viewers; /* NULL: it is not known */
    void *viewers_arg;
};

/* --- jobs_way.c --- */

/* True when s->way is open; chooses one when there is none yet. */
bool jobs_stream_has_way(struct job_stream *s);

/* The stream has no way any more. */
void jobs_stream_leave_way(struct job_stream *s);

/* The orchestrator that has the job, or should have taken it, did not do it: opens it, and the
 * stream's next ones, at another one. False, and nothing has happened to the job, when there is no
 * other or it was tried often enough. */
bool jobs_job_move(struct job_stream *s, struct job *job, const char *reason);

/* The orchestrator is done with the job and keeps nothing of it, but what came was no good: opens
 * it anew from the first parts that are missing. False, and nothing has happened, when it was tried
 * often enough. */
bool jobs_job_open_anew(struct job_stream *s, struct job *job);

/* Why there is no way that is open. */
void jobs_no_way(const struct jobs *j, char ret_why[JOBS_WHY_MAX]);

/* --- jobs_wire.c --- */

/* How rung i is asked for, from its first part that is missing. */
struct link_rung jobs_describe_rung(const struct job_stream *s, const struct job *job, size_t i);

/* Sends what can be sent now. False: the queue is full, what is kept goes out when there is room. A
 * job that cannot be sent for another reason is given up, so that it holds up no other. */
bool jobs_job_pump(struct job_stream *s, struct job *job);
void jobs_pump_all(struct jobs *j);

/* It is not open anywhere. */
void jobs_job_forget_opening(struct job *job);

/* Its orchestrator need not go on with it. */
void jobs_job_cancel(struct job *job, const char *reason);

/* --- jobs_settle.c --- */

/* Rung i has all its parts, or is a gap: its segment is settled, unless it waits for its sound. The
 * job's source must be there. */
void jobs_rung_settle(struct job_stream *s, struct job *job, size_t i, bool gap);

/* The two halves of it, for who commits the rendition's changes between them: whoever is told that
 * a rung is settled may look whether viewers have it. Gives the segment; NULL: it waits. */
struct segment *jobs_rung_put(struct job_stream *s, struct job *job, size_t i, bool gap);
void jobs_rung_tell(struct job_stream *s, struct job *job, size_t i,
                    struct segment *seg); /* takes */

/* Whether its sound is there. The job's source must be. */
bool jobs_rung_has_sound(const struct job_stream *s, const struct job *job, size_t i);

/* All is there of those of its rungs that are not lost: what waits, waits for sound. */
bool jobs_job_is_made(const struct job_stream *s, const struct job *job);

/* Destroys the job when all its rungs are settled, and says whether it has. */
bool jobs_job_finish(struct job_stream *s, struct job *job);

/* Rung i will not come (any further): a gap, once the job's source is there. May destroy the job.
 */
void jobs_rung_lose(struct job_stream *s, struct job *job, size_t i, const char *reason);

/* The job's source is there: what was lost before is a gap now. Says whether that destroyed it. */
bool jobs_settle_lost(struct job_stream *s, struct job *job);

/* What is not there yet will not come: gaps. Destroys the job unless its source is still growing.
 */
void jobs_job_give_up(struct job_stream *s, struct job *job, enum jobs_failure why,
                      const char *reason);

/* As that, because of the time: for the reason, or for want of an orchestrator. */
void jobs_job_give_up_late(struct job_stream *s, struct job *job, const char *reason);

void jobs_job_destroy(struct job_stream *s, struct job *job);

#endif
