/* What the status and the metrics say of segments sent for transcoding. */
#include "broadcaster/jobs/jobs.h"
#include "run/json.h"
#include "run/metrics.h"

void jobs_status(const struct jobs *j, struct json *object)
{
    struct jobs_counters c = jobs_counters(j);
    struct json *o = json_new_object();
    json_set_int(o, "opened", (int64_t)c.opened);
    json_set_int(o, "reopened", (int64_t)c.reopened);
    json_set_int(o, "moved", (int64_t)c.moved);
    json_set_int(o, "done", (int64_t)c.done);
    json_set_int(o, "failed", (int64_t)c.failed);
    json_set_int(o, "given_up", (int64_t)c.given_up);
    json_set(object, "jobs", o);
}

void jobs_metrics(const struct jobs *j, struct metrics *m)
{
    struct jobs_counters c = jobs_counters(j);
    metrics_one(m, METRIC_COUNTER, "livepeer_segment_source_emerged_total",
                "Segments offered for transcoding.", (double)c.opened);
    metrics_one(m, METRIC_COUNTER, "livepeer_segment_transcoded_total",
                "Segments whose rungs all came.", (double)c.done);
    metrics_one(m, METRIC_COUNTER, "livepeer_segment_transcoded_all_appeared_total",
                "Segments whose rungs were all listed.", (double)c.done);
    const char *name = "livepeer_segment_transcode_failed_total";
    metrics_family(m, name, METRIC_COUNTER, "Segments with a rung that was lost.");
    for (int i = 0; i < JOBS_FAILURES_; i++) {
        const char *code = jobs_failure_code((enum jobs_failure)i);
        metrics_sample(m, name, (const char *const[]){"error_code", code, NULL},
                       (double)c.given_up_by[i]);
    }
    metrics_one(m, METRIC_GAUGE, "livepeer_success_rate",
                "Part of the last segments whose rungs all came, averaged over the streams.",
                jobs_success_rate(j));
    metrics_one(m, METRIC_COUNTER, "sbe_jobs_reopened_total",
                "Segments offered again after a loss.", (double)c.reopened);
    metrics_one(m, METRIC_COUNTER, "sbe_jobs_moved_total",
                "Segments offered to another orchestrator because one did not do them.",
                (double)c.moved);
    metrics_one(m, METRIC_COUNTER, "sbe_jobs_bad_answers_total",
                "Results that did not fit their segment.", (double)c.refused_units);
}
