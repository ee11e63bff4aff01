/* What jobs.c (the table and the broadcasters' side) and attempts.c (the transcoders' side) share.
 * No other file includes this. */
#ifndef ORCHESTRATOR_JOBS_INTERNAL_H
#define ORCHESTRATOR_JOBS_INTERNAL_H

#include "orchestrator/job.h"
#include "orchestrator/jobs.h"
#include "orchestrator/roster.h"
#include "orchestrator/session.h"

#define JOBS_BUCKETS 512 /* a power of two */

struct jobs {
    struct jobs_config config;
    struct jobs_out out;
    struct roster roster;
    struct sessions sessions;
    struct list queue; /* of job.place: by deadline, then msn */
    struct list by_origin[JOBS_BUCKETS];
    struct list by_attempt[JOBS_BUCKETS];
    uint64_t next_attempt;
    unsigned n_jobs;
    size_t held_bytes;
    struct jobs_counters counters;
};

void jobs_note_job(const struct jobs *s, enum jobs_note_type type, const struct job *j,
                   const char *reason, int64_t now_ms);

/* Puts it where it belongs in the queue. */
void jobs_enqueue(struct jobs *s, struct job *j);

/* Ends the job: takes it from its transcoder (telling it, when tell is set), frees everything. */
void jobs_close(struct jobs *s, struct job *j, bool tell, const char *reason, int64_t now_ms);

/* Gives the job up: JOB_FAILED to the broadcaster, then jobs_close. reason may be j->reason. */
void jobs_give_up(struct jobs *s, struct job *j, bool tell, bool final, const char *reason,
                  int64_t now_ms);

/* JOB_DONE to the broadcaster, then jobs_close. */
void jobs_finish(struct jobs *s, struct job *j, int64_t now_ms);

/* Takes the job from its transcoder; it is then in no list of the table. tell: JOB_CANCEL. */
void attempt_end(struct jobs *s, struct job *j, bool tell, const char *reason, int64_t now_ms);

/* Sends what the transcoder has not got yet, as far as its queue takes it. */
void attempt_pump(struct jobs *s, struct job *j, int64_t now_ms);

/* Takes the job from a transcoder that does not answer, when another one has room. */
void attempt_check_answer(struct jobs *s, struct job *j, int64_t now_ms);

/* Offers queued jobs to whoever has room. */
void attempts_assign(struct jobs *s, int64_t now_ms);

#endif
