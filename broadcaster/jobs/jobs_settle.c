#include <inttypes.h>

#include "base/mem.h"
#include "broadcaster/jobs/jobs_internal.h"
#include "run/events.h"
#include "run/log.h"

static void remember(struct job_stream *s, bool success)
{
    s->history = s->history << 1 | success;
    s->n_history += s->n_history < JOBS_HISTORY;
}

double jobs_success_rate(const struct jobs *j)
{
    double sum = 0;
    unsigned n = 0;
    LIST_EACH (&j->streams, sn, sn_next) {
        const struct job_stream *s = LIST_ITEM(sn, struct job_stream, node);
        if (s->n_history > 0) {
            uint32_t last = s->history & ((1u << s->n_history) - 1);
            sum += (double)__builtin_popcount(last) / s->n_history;
            n++;
        }
    }
    return n > 0 ? sum / n : 1;
}

void jobs_job_destroy(struct job_stream *s, struct job *job)
{
    list_remove(&job->node);
    s->n_jobs--;
    for (size_t i = 0; i < job->n_inputs; i++) {
        packet_unref(&job->inputs[i].packet);
    }
    for (size_t i = 0; i < s->n; i++) {
        jobs_rung_fini(&job->rungs[i]);
    }
    mem_free(job->inputs);
    track_unref(job->video);
    segment_unref(job->source);
    mem_free(job);
}

static bool all_settled(const struct job_stream *s, const struct job *job)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!job->rungs[i].settled) {
            return false;
        }
    }
    return true;
}

/* False: it comes later. */
static bool find_sound(const struct job_stream *s, const struct job *job, size_t i,
                       struct sound **ret_sound)
{
    if (s->sound != NULL) {
        return s->sound(s->sound_arg, i, job->source, ret_sound);
    }
    *ret_sound = segment_sound(job->source);
    return true;
}

bool jobs_rung_has_sound(const struct job_stream *s, const struct job *job, size_t i)
{
    struct sound *sound;
    return find_sound(s, job, i, &sound);
}

struct segment *jobs_rung_put(struct job_stream *s, struct job *job, size_t i, bool gap)
{
    struct jobs_rung *rung = &job->rungs[i];
    struct sound *sound = NULL;
    if (!gap && !find_sound(s, job, i, &sound)) {
        return NULL;
    }
    struct segment_info info = *segment_info(job->source);
    info.gap = gap;
    info.independent = !gap;
    struct packets none;
    packets_init(&none);
    struct segment *seg = gap ? segment_create(&info, NULL, &none, NULL)
                              : segment_create(&info, rung->track, &rung->packets, sound);
    rung->settled = true;
    rendition_settle(s->renditions[i], seg);
    return seg;
}

void jobs_rung_tell(struct job_stream *s, struct job *job, size_t i, struct segment *seg)
{
    if (seg != NULL && s->settled != NULL && job->video != NULL) {
        s->settled(s->settled_arg, i, seg, segment_info(seg)->gap ? &job->failure : NULL);
    }
    segment_unref(seg);
}

void jobs_rung_settle(struct job_stream *s, struct job *job, size_t i, bool gap)
{
    jobs_rung_tell(s, job, i, jobs_rung_put(s, job, i, gap));
}

static void emit_lost(const struct job_stream *s, const struct job *job, const char *reason)
{
    struct json *j = event_begin("rung_lost");
    json_set_str(j, "stream", s->id);
    json_set_int(j, "msn", (int64_t)job->msn);
    json_set_str(j, "reason", reason);
    event_end(j);
}

/* Whatever keeps rungs from coming lasts: it is told when it begins and when it is over. */
static void tell_loss(struct job_stream *s, const struct job *job, const char *reason)
{
    enum log_level level = s->lost_in_a_row++ == 0 ? LOG_WARN : LOG_DEBUG;
    log_line(level, "jobs", "rung_lost", "stream=%s msn=%" PRIu64 " reason=\"%s\"", s->id, job->msn,
             reason);
}

static void tell_done(struct job_stream *s, const struct job *job)
{
    if (s->lost_in_a_row > 0) {
        log_info("jobs", "rungs_are_back", "stream=%s msn=%" PRIu64 " lost=%" PRIu64, s->id,
                 job->msn, s->lost_in_a_row);
        s->lost_in_a_row = 0;
    }
}

static bool is_late(enum jobs_failure why)
{
    return why == JOBS_FAILED_LATE || why == JOBS_FAILED_NO_ORCHESTRATOR;
}

/* Rungs that have all but their sound wait for it: the others are gaps. False: there are none. */
static bool keep_made(struct job_stream *s, struct job *job)
{
    bool any = false;
    for (size_t i = 0; i < s->n; i++) {
        any = any || (job->rungs[i].complete && !job->rungs[i].settled);
    }
    for (size_t i = 0; any && i < s->n; i++) {
        if (!job->rungs[i].complete && !job->rungs[i].settled) {
            job->rungs[i].lost = true;
            jobs_rung_settle(s, job, i, true);
        }
    }
    return any;
}

void jobs_job_give_up(struct job_stream *s, struct job *job, enum jobs_failure why,
                      const char *reason)
{
    job->failure = job->failed ? job->failure : why;
    if (!job->failed) {
        emit_lost(s, job, reason);
        tell_loss(s, job, reason);
    }
    job->failed = true;
    jobs_job_cancel(job, reason);
    if (job->source == NULL || (!is_late(why) && keep_made(s, job))) {
        return;
    }
    s->owner->counters.given_up++;
    s->owner->counters.given_up_by[job->failure]++;
    remember(s, false);
    for (size_t i = 0; i < s->n; i++) {
        if (!job->rungs[i].settled) {
            jobs_rung_settle(s, job, i, true);
        }
    }
    jobs_job_destroy(s, job);
}

void jobs_job_give_up_late(struct job_stream *s, struct job *job, const char *reason)
{
    if (jobs_connected(s->owner)) {
        jobs_job_give_up(s, job, JOBS_FAILED_LATE, reason);
    } else {
        char why[JOBS_WHY_MAX];
        jobs_no_way(s->owner, why);
        jobs_job_give_up(s, job, JOBS_FAILED_NO_ORCHESTRATOR, why);
    }
}

bool jobs_job_is_made(const struct job_stream *s, const struct job *job)
{
    bool any = false;
    for (size_t i = 0; i < s->n; i++) {
        if (!job->rungs[i].complete && !job->rungs[i].lost) {
            return false;
        }
        any = any || job->rungs[i].complete;
    }
    return any;
}

static bool any_lost(const struct job_stream *s, const struct job *job)
{
    for (size_t i = 0; i < s->n; i++) {
        if (job->rungs[i].lost) {
            return true;
        }
    }
    return false;
}

bool jobs_job_finish(struct job_stream *s, struct job *job)
{
    if (!all_settled(s, job)) {
        return false;
    }
    if (job->video == NULL) {
        jobs_job_destroy(s, job);
        return true;
    }
    bool whole = !any_lost(s, job);
    if (whole) {
        s->owner->counters.done++;
        tell_done(s, job);
    } else {
        s->owner->counters.given_up++;
        s->owner->counters.given_up_by[job->failure]++;
    }
    remember(s, whole);
    jobs_job_destroy(s, job);
    return true;
}

void jobs_rung_lose(struct job_stream *s, struct job *job, size_t i, const char *reason)
{
    struct jobs_rung *rung = &job->rungs[i];
    if (rung->settled || rung->lost) {
        return;
    }
    if (!any_lost(s, job)) {
        emit_lost(s, job, reason);
        tell_loss(s, job, reason);
    }
    rung->lost = true;
    job->failure = job->failed ? job->failure : JOBS_FAILED_BUSY;
    if (job->source != NULL) {
        (void)jobs_settle_lost(s, job);
    }
}

bool jobs_settle_lost(struct job_stream *s, struct job *job)
{
    for (size_t i = 0; i < s->n; i++) {
        if (job->rungs[i].lost && !job->rungs[i].settled) {
            jobs_rung_settle(s, job, i, true);
        }
    }
    return jobs_job_finish(s, job);
}
