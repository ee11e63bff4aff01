#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "broadcaster/jobs/jobs_internal.h"
#include "run/log.h"

/* How long streams go elsewhere, if they can, after an orchestrator refused or failed a segment. */
#define AVOID_MS 5000

/* --- choosing --- */

static bool is_avoided(const struct jobs_way *w)
{
    return w->owner->now_ms < w->avoid_until_ms;
}

/* The open one with the fewest streams, the first of several. */
static struct jobs_way *pick(const struct jobs *j, bool avoided_too)
{
    struct jobs_way *best = NULL;
    LIST_EACH (&j->ways, n, next) {
        struct jobs_way *w = LIST_ITEM(n, struct jobs_way, node);
        bool can = w->open && (avoided_too || !is_avoided(w));
        if (can && (best == NULL || w->streams < best->streams)) {
            best = w;
        }
    }
    return best;
}

void jobs_stream_leave_way(struct job_stream *s)
{
    if (s->way != NULL) {
        s->way->streams--;
        s->way = NULL;
    }
}

static void take_way(struct job_stream *s, struct jobs_way *w)
{
    jobs_stream_leave_way(s);
    s->way = w;
    w->streams++;
    log_debug("jobs", "orchestrator", "stream=%s orchestrator=%s streams=%zu", s->id, w->name,
              w->streams);
}

bool jobs_stream_has_way(struct job_stream *s)
{
    if (s->way == NULL) {
        struct jobs_way *w = pick(s->owner, false);
        w = w != NULL ? w : pick(s->owner, true);
        if (w != NULL) {
            take_way(s, w);
        }
    }
    return s->way != NULL;
}

static void avoid(struct jobs_way *w, const char *reason)
{
    w->avoid_until_ms = w->owner->now_ms + AVOID_MS;
    snprintf(w->avoided_for, sizeof w->avoided_for, "%s", reason);
}

bool jobs_job_move(struct job_stream *s, struct job *job, const char *reason)
{
    struct jobs *j = s->owner;
    struct jobs_way *from = job->way != NULL ? job->way : s->way;
    avoid(from, reason);
    struct jobs_way *to = job->attempts + 1 < j->max_attempts ? pick(j, false) : NULL;
    if (to == NULL) {
        return false;
    }
    log_info("jobs", "moved", "stream=%s msn=%" PRIu64 " from=%s to=%s reason=\"%s\"", s->id,
             job->msn, from->name, to->name, reason);
    j->counters.moved++;
    job->attempts++;
    jobs_job_cancel(job, reason);
    jobs_job_forget_opening(job);
    take_way(s, to);
    jobs_job_pump(s, job);
    return true;
}

bool jobs_job_open_anew(struct job_stream *s, struct job *job)
{
    if (job->attempts + 1 >= s->owner->max_attempts) {
        return false;
    }
    job->attempts++;
    jobs_job_forget_opening(job);
    jobs_job_pump(s, job);
    return true;
}

void jobs_no_way(const struct jobs *j, char ret_why[JOBS_WHY_MAX])
{
    int n = snprintf(ret_why, JOBS_WHY_MAX, "there is no orchestrator that can be used");
    const char *before = ": ";
    LIST_EACH (&j->ways, node, next) {
        const struct jobs_way *w = LIST_ITEM(node, const struct jobs_way, node);
        if (n < JOBS_WHY_MAX) {
            n += snprintf(ret_why + n, JOBS_WHY_MAX - (size_t)n, "%s%s: %s", before, w->name,
                          w->why);
        }
        before = "; ";
    }
}

/* --- ways --- */

struct jobs_way *jobs_way_create(struct jobs *j, const char *name, jobs_send_fn *send, void *arg)
{
    struct jobs_way *w = mem_alloc(sizeof *w);
    w->owner = j;
    w->send = send;
    w->send_arg = arg;
    snprintf(w->name, sizeof w->name, "%s", name);
    snprintf(w->why, sizeof w->why, "not connected yet");
    w->avoid_until_ms = j->now_ms;
    list_push_back(&j->ways, &w->node);
    return w;
}

/* Nothing is open there any more. */
static void leave(struct jobs_way *w)
{
    LIST_EACH (&w->owner->streams, sn, sn_next) {
        struct job_stream *s = LIST_ITEM(sn, struct job_stream, node);
        if (s->way == w) {
            jobs_stream_leave_way(s);
        }
        LIST_EACH (&s->jobs, jn, jn_next) {
            struct job *job = LIST_ITEM(jn, struct job, node);
            if (job->way == w) {
                jobs_job_forget_opening(job);
            }
        }
    }
}

void jobs_way_open(struct jobs_way *w)
{
    w->open = true;
    w->why[0] = '\0';
    w->avoid_until_ms = w->owner->now_ms;
    jobs_pump_all(w->owner);
}

void jobs_way_close(struct jobs_way *w, const char *why)
{
    snprintf(w->why, sizeof w->why, "%s", why);
    if (w->open) {
        w->open = false;
        leave(w);
        jobs_pump_all(w->owner);
    }
}

static void cancel_all(struct jobs_way *w, const char *reason)
{
    LIST_EACH (&w->owner->streams, sn, sn_next) {
        struct job_stream *s = LIST_ITEM(sn, struct job_stream, node);
        LIST_EACH (&s->jobs, jn, jn_next) {
            struct job *job = LIST_ITEM(jn, struct job, node);
            if (job->way == w) {
                jobs_job_cancel(job, reason);
            }
        }
    }
}

void jobs_way_withdraw(struct jobs_way *w, const char *why)
{
    if (w->open) {
        cancel_all(w, why);
    }
    jobs_way_close(w, why);
}

void jobs_way_destroy(struct jobs_way *w)
{
    if (w != NULL) {
        jobs_way_close(w, "");
        list_remove(&w->node);
        mem_free(w);
    }
}

void jobs_way_writable(struct jobs_way *w)
{
    jobs_pump_all(w->owner);
}

bool jobs_way_is_open(const struct jobs_way *w)
{
    return w->open;
}

size_t jobs_way_streams(const struct jobs_way *w)
{
    return w->streams;
}

const char *jobs_way_why(const struct jobs_way *w)
{
    return !w->open ? w->why : is_avoided(w) ? w->avoided_for : "";
}
