/* What the files of the job table share: job_table.c (the table itself), job_table_jobs.c (the
 * broadcasters' side), job_table_attempts.c (giving jobs to transcoders and taking them away),
 * job_table_answers.c (the transcoders' side) and job_table_shed.c (rungs that are given up). No
 * other file includes this. */
#ifndef ORCHESTRATOR_JOB_TABLE_INTERNAL_H
#define ORCHESTRATOR_JOB_TABLE_INTERNAL_H

#include "orchestrator/job.h"
#include "orchestrator/job_table.h"
#include "orchestrator/over_jobs.h"
#include "orchestrator/roster.h"
#include "orchestrator/session.h"

#define JOB_TABLE_BUCKETS 512 /* a power of two */
#define REASON_QUOTED_MAX 300 /* of a transcoder's reason inside one of ours, with the NUL */

struct job_table {
    struct job_table_config config;
    struct job_table_out out;
    struct roster roster;
    struct sessions sessions;
    struct over_jobs over;
    int64_t short_until_ms; /* there is not room for all: the plan says for what there is */
    int64_t short_ms;       /* for how long that counts; 0: it never was so */
    bool is_limited;       /* of a transcoder it was seen that it makes no more: so does the plan */
    bool has_room_for_all; /* all transcoders together, though each alone may be too slow */
    int64_t planned_ms;
    unsigned planned_of;   /* transcoders */
    int64_t calm_until_ms; /* nobody is late before */
    struct list queue;     /* of job.place: by deadline, then msn */
    struct list by_origin[JOB_TABLE_BUCKETS];
    struct list by_attempt[JOB_TABLE_BUCKETS];
    uint64_t next_attempt;
    unsigned n_jobs;
    size_t held_bytes;
    struct job_table_counters counters;
    struct job_table_times times;
};

/* rung: JOB_NO_RUNG when it is not about one. transcoder: NULL for none. */
#define JOB_NO_RUNG UINT32_MAX
void job_table_note(const struct job_table *s, enum job_note_type type, const struct job *j,
                    const struct transcoder *transcoder, uint32_t rung, const char *reason,
                    int64_t now_ms);

/* Puts it where it belongs in the queue, unless it is there. */
void job_table_enqueue(struct job_table *s, struct job *j, int64_t now_ms);

/* Says it to a broadcaster. */
void job_table_answer(struct job_table *s, link_peer peer, const struct link_msg *m);

/* Ends the job: takes it from its transcoders (telling them), frees everything. */
void job_table_close(struct job_table *s, struct job *j, const char *reason, int64_t now_ms);

/* Gives the job up: JOB_FAILED to the broadcaster, then job_table_close. reason may be j->reason.
 */
void job_table_give_up(struct job_table *s, struct job *j, bool final, const char *reason,
                       int64_t now_ms);

/* No transcoder was ever asked for it: JOB_REFUSE to the broadcaster, then job_table_close. */
void job_table_refuse(struct job_table *s, struct job *j, const char *reason, int64_t now_ms);

/* Gives it up because its attempts are used up; the last one's reason is j->reason. */
void job_table_fail(struct job_table *s, struct job *j, int64_t now_ms);

/* The job is complete: JOB_DONE to the broadcaster, then job_table_close. */
void job_table_finish(struct job_table *s, struct job *j, int64_t now_ms);

struct list *job_table_attempt_bucket(struct job_table *s, uint64_t number);

/* Takes the job from that transcoder. tell: JOB_CANCEL. */
void attempt_end(struct job_table *s, struct job_attempt *a, bool tell, const char *reason,
                 int64_t now_ms);

/* Pixels a second that its transcoder was asked for on average since it has it. */
uint64_t attempt_load(struct job_attempt *a, int64_t now_ms);

/* Pixels a second that its transcoder brought on average since it has it, of all of its jobs. */
uint64_t attempt_made(const struct job_attempt *a, int64_t now_ms);

/* After attempts of the job have ended or lost rungs: finishes a job of which nothing is missing,
 * ends attempts that can bring nothing any more, and queues what nobody does. The job may be gone
 * afterwards. */
void attempts_settle(struct job_table *s, struct job *j, int64_t now_ms);

/* Takes the job from that transcoder (telling it, when tell is set), to be done again. The job may
 * be gone afterwards. */
void attempt_redo(struct job_table *s, struct job_attempt *a, bool tell, const char *reason,
                  int64_t now_ms);

/* Charges the transcoder with a failure of that job. */
void attempt_charge(struct job_table *s, struct job *j, struct transcoder *t, const char *reason,
                    int64_t now_ms);

/* A part of that rung was rejected: whoever made it loses the whole job, and who has just begun
 * with it begins anew, with that rung too. */
void attempts_begin_anew(struct job_table *s, struct job *j, uint32_t rung, const char *reason,
                         int64_t now_ms);

/* Sends what the transcoder has not got yet, as far as its queue takes it. */
void attempt_pump(struct job_table *s, struct job_attempt *a, int64_t now_ms);

/* Takes the job from a transcoder that does not answer or is late, when another one has room, or
 * gives it to a second one; ends a job of which nothing is missing but the JOB_DONE. The job may be
 * gone afterwards. */
void job_check_progress(struct job_table *s, struct job *j, int64_t now_ms);

/* Who might have the job. rate: of what is to be done. (job_table_ask.c) */
struct dispatch_ask;
#define JOB_ASK_AVOIDED (JOB_AVOIDED_MAX + JOB_TRIES)

/* What is not covered: for whoever lost it least by its fault among those that are there. */
void job_ask_open(const struct job_table *s, const struct job *j, uint64_t rate, int64_t now_ms,
                  link_peer avoided[JOB_ASK_AVOIDED], struct dispatch_ask *ret_ask);

/* Somebody is there who has not lost it by its fault. */
bool job_may_be_confirmed(const struct job_table *s, const struct job *j, int64_t now_ms);

/* All that is open, for somebody with time to spare who is not at work on it and did not lose it.
 */
void job_ask_other(const struct job_table *s, const struct job *j, int64_t now_ms,
                   link_peer avoided[JOB_ASK_AVOIDED], struct dispatch_ask *ret_ask);

/* Notes who owes a part for too long. */
void job_mark_late(struct job_table *s, struct job *j, int64_t now_ms);

/* Offers queued jobs to whoever has room. */
void attempts_assign(struct job_table *s, int64_t now_ms);

/* Finds the transcoders that stay behind with what they have, believes less of them, and has new
 * segments lose rungs. (job_table_behind.c) */
void transcoders_look(struct job_table *s, int64_t now_ms);

/* All together make as much as all streams ask for, as far as that is known. */
bool rungs_have_room(const struct job_table *s, int64_t now_ms);

/* A new job: while there is no room for all, it loses at once what the plan has no room for. */
void rungs_plan_job(struct job_table *s, struct job *j, int64_t now_ms);

/* Gives up rungs of jobs that have waited, those of the lowest value first, so that the rest of
 * them fits; offers what fits then. */
void rungs_shed(struct job_table *s, int64_t now_ms);

#endif
