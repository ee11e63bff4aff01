#include "broadcaster/jobs/jobs.h"

#include "base/mem.h"
#include "broadcaster/jobs/jobs_internal.h"

#define SLEEP_SHARE 3 /* of the deadline */

void jobs_set_inspection(struct jobs *j, jobs_inspect_fn *fn)
{
    j->inspect = fn;
}

struct jobs *jobs_create(int64_t deadline_ms, unsigned max_attempts)
{
    struct jobs *j = mem_alloc(sizeof *j);
    list_init(&j->streams);
    list_init(&j->ways);
    j->deadline_ms = deadline_ms;
    j->max_attempts = max_attempts;
    return j;
}

void jobs_set_probe(struct jobs *j, jobs_probe_fn *fn, void *arg)
{
    j->probe = fn;
    j->probe_arg = arg;
}

void jobs_set_viewers(struct jobs *j, jobs_viewers_fn *fn, void *arg)
{
    j->viewers = fn;
    j->viewers_arg = arg;
}

void jobs_set_quality(struct jobs *j, bool quality)
{
    j->quality = quality;
}

void jobs_destroy(struct jobs *j)
{
    mem_free(j);
}

struct jobs_counters jobs_counters(const struct jobs *j)
{
    return j->counters;
}

const char *jobs_failure_code(enum jobs_failure f)
{
    static const char *const codes[] = {"Transcode",       "OrchestratorBusy", "LostSegment",
                                        "NoOrchestrators", "UnknownResponse",  "SaveData"};
    return codes[f];
}

bool jobs_connected(const struct jobs *j)
{
    LIST_EACH (&j->ways, n, next) {
        if (LIST_ITEM(n, const struct jobs_way, node)->open) {
            return true;
        }
    }
    return false;
}

/* Nothing has come of it for so long that another orchestrator should try. */
static bool is_asleep(const struct job_stream *s, const struct job *job)
{
    const struct jobs *j = s->owner;
    int64_t since = job->heard_ms > job->complete_ms ? job->heard_ms : job->complete_ms;
    return (job->way != NULL || s->way != NULL) && !jobs_job_is_made(s, job) &&
           j->now_ms - since > j->deadline_ms / SLEEP_SHARE;
}

static void look_after(struct job_stream *s, struct job *job)
{
    struct jobs *j = s->owner;
    if (j->now_ms - job->complete_ms > j->deadline_ms) {
        jobs_job_give_up_late(s, job, "no transcoder finished it in time");
    } else if (is_asleep(s, job)) {
        job->heard_ms = j->now_ms;
        (void)jobs_job_move(s, job, "nothing came of a segment for too long");
    }
}

void jobs_tick(struct jobs *j, int64_t now_ms)
{
    j->now_ms = now_ms;
    LIST_EACH (&j->streams, sn, sn_next) {
        struct job_stream *s = LIST_ITEM(sn, struct job_stream, node);
        LIST_EACH (&s->jobs, jn, jn_next) {
            struct job *job = LIST_ITEM(jn, struct job, node);
            if (job->source != NULL) {
                look_after(s, job);
            }
        }
    }
}

bool jobs_idle(const struct jobs *j)
{
    LIST_EACH (&j->streams, sn, sn_next) {
        if (LIST_ITEM(sn, struct job_stream, node)->n_jobs > 0) {
            return false;
        }
    }
    return true;
}
