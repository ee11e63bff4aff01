/* What job_table.c (the table and the broadcasters' side) and job_table_attempts.c (the
 * transcoders' side) share. No other file includes this. */
#ifndef ORCHESTRATOR_JOB_TABLE_INTERNAL_H
#define ORCHESTRATOR_JOB_TABLE_INTERNAL_H

#include "orchestrator/job.h"
#include "orchestrator/job_table.h"
#include "orchestrator/roster.h"
#include "orchestrator/session.h"

#define JOB_TABLE_BUCKETS 512 /* a power of two */
#define REASON_QUOTED_MAX 300 /* of a transcoder's reason inside one of ours, with the NUL */

struct job_table {
    struct job_table_config config;
    struct job_table_out out;
    struct roster roster;
    struct sessions sessions;
    struct list queue; /* of job.place: by deadline, then msn */
    struct list by_origin[JOB_TABLE_BUCKETS];
    struct list by_attempt[JOB_TABLE_BUCKETS];
    uint64_t next_attempt;
    unsigned n_jobs;
    size_t held_bytes;
    struct job_table_counters counters;
    struct job_table_times times;
};

void job_table_note(const struct job_table *s, enum job_note_type type, const struct job *j,
                    const char *reason, int64_t now_ms);

/* Puts it where it belongs in the queue. */
void job_table_enqueue(struct job_table *s, struct job *j);

/* Ends the job: takes it from its transcoder (telling it, when tell is set), frees everything. */
void job_table_close(struct job_table *s, struct job *j, bool tell, const char *reason,
                     int64_t now_ms);

/* Gives the job up: JOB_FAILED to the broadcaster, then job_table_close. reason may be j->reason.
 */
void job_table_give_up(struct job_table *s, struct job *j, bool tell, bool final,
                       const char *reason, int64_t now_ms);

/* The job is complete: JOB_DONE to the broadcaster, then job_table_close. */
void job_table_finish(struct job_table *s, struct job *j, bool tell, int64_t now_ms);

/* Takes the job from its transcoder; it is then in no list of the table. tell: JOB_CANCEL. */
void attempt_end(struct job_table *s, struct job *j, bool tell, const char *reason, int64_t now_ms);

/* Sends what the transcoder has not got yet, as far as its queue takes it. */
void attempt_pump(struct job_table *s, struct job *j, int64_t now_ms);

/* Takes the job from a transcoder that does not answer or is late, when another one has room; ends
 * a job of which nothing is missing but the JOB_DONE. */
void attempt_check_progress(struct job_table *s, struct job *j, int64_t now_ms);

/* Offers queued jobs to whoever has room. */
void attempts_assign(struct job_table *s, int64_t now_ms);

#endif
