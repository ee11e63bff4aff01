#include "broadcaster/jobs.h"

#include "base/mem.h"
#include "broadcaster/jobs_internal.h"

struct jobs *jobs_create(jobs_send_fn *send, void *arg, int64_t deadline_ms)
{
    struct jobs *j = mem_alloc(sizeof *j);
    list_init(&j->streams);
    j->send = send;
    j->send_arg = arg;
    j->deadline_ms = deadline_ms;
    return j;
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

void jobs_set_connected(struct jobs *j, bool connected)
{
    j->connected = connected;
    LIST_EACH (&j->streams, sn, sn_next) {
        struct job_stream *s = LIST_ITEM(sn, struct job_stream, node);
        LIST_EACH (&s->jobs, jn, jn_next) {
            jobs_job_forget_opening(LIST_ITEM(jn, struct job, node));
        }
    }
    jobs_pump_all(j);
}

bool jobs_connected(const struct jobs *j)
{
    return j->connected;
}

void jobs_writable(struct jobs *j)
{
    jobs_pump_all(j);
}

void jobs_tick(struct jobs *j, int64_t now_ms)
{
    LIST_EACH (&j->streams, sn, sn_next) {
        struct job_stream *s = LIST_ITEM(sn, struct job_stream, node);
        LIST_EACH (&s->jobs, jn, jn_next) {
            struct job *job = LIST_ITEM(jn, struct job, node);
            if (job->source != NULL && now_ms - job->complete_ms > j->deadline_ms) {
                jobs_job_give_up(s, job,
                                 j->connected ? JOBS_FAILED_LATE : JOBS_FAILED_NO_ORCHESTRATOR,
                                 j->connected ? "no transcoder finished it in time"
                                              : "there is no orchestrator");
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
