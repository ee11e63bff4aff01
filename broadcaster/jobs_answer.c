#include <inttypes.h>

#include "base/clock.h"
#include "broadcaster/jobs_internal.h"
#include "run/log.h"

static struct job *find_job(const struct jobs_way *w, uint64_t wire_id,
                            struct job_stream **ret_stream)
{
    LIST_EACH (&w->owner->streams, sn, sn_next) {
        struct job_stream *s = LIST_ITEM(sn, struct job_stream, node);
        LIST_EACH (&s->jobs, jn, jn_next) {
            struct job *job = LIST_ITEM(jn, struct job, node);
            if (job->wire_id == wire_id && job->way == w) {
                *ret_stream = s;
                return job;
            }
        }
    }
    return NULL;
}

/* How long ago the source's picture came that told how long the part is which ends there (on a
 * rung's times, which are a frame earlier); -1: it has not come. */
static int64_t part_age_us(const struct job_stream *s, const struct job *job, size_t i, int64_t end)
{
    int64_t came_us = job->source != NULL ? job->complete_ms * 1000 : -1;
    end += s->lanes[i].parter.frame * RUNG_DTS_DELAY;
    for (size_t k = job->n_inputs; k > 0 && job->inputs[k - 1].packet.dts >= end; k--) {
        came_us = job->inputs[k - 1].came_us;
    }
    return came_us >= 0 ? clock_mono_us() - came_us : -1;
}

/* The parts that end in what is there. How long the newest picture of a rung with the source's own
 * times lasts is told by the next one. */
static void make_parts(struct job_stream *s, struct job *job, size_t i)
{
    const struct jobs_rung *rung = &job->rungs[i];
    const struct packets *ps = &rung->packets;
    const struct packet *last = &ps->items[ps->count - 1];
    bool known = rung->complete || s->ladder[i].fps_num > 0;
    size_t done = job->runs[i].done, n = known ? ps->count : ps->count - 1;
    int64_t end = known ? last->dts + last->duration : last->dts;
    if (n > 0) {
        part_lane_cut(&s->lanes[i], &job->runs[i], rung->track, ps->items, n, end, rung->complete);
    }
    if (job->runs[i].done > done) {
        done = job->runs[i].done;
        int64_t age_us = part_age_us(s, job, i, done < ps->count ? ps->items[done].dts : end);
        rendition_part_came(s->renditions[i], age_us);
        log_debug("jobs", "part", "stream=%s rung=%s msn=%" PRIu64 " parts=%u late_us=%" PRId64,
                  s->id, s->ladder[i].name, job->msn, job->runs[i].count, age_us);
    }
}

static void on_rung_unit(struct job_stream *s, struct job *job, const struct link_unit *u,
                         struct blob *payload)
{
    size_t i = u->rung < job->n_wire_rungs ? job->wire_rungs[u->rung] : SIZE_MAX;
    enum err e = ERR_PROTO;
    if (i != SIZE_MAX && job->rungs[i].given_up) {
        return;
    }
    if (i != SIZE_MAX && !(u->last && job->source == NULL)) {
        const struct link_rung described = jobs_describe_rung(s, job, i);
        e = jobs_rung_push(&job->rungs[i], &described, u, payload);
    }
    if (e != ERR_OK) {
        s->owner->counters.refused_units++;
        log_warn("jobs", "bad_rung_unit", "stream=%s msn=%" PRIu64 " rung=%u part=%u: %s", s->id,
                 job->msn, u->rung, u->part, err_text(e));
        const char *reason = "the orchestrator sent a unit that does not fit";
        if (!jobs_job_move(s, job, reason)) {
            jobs_job_give_up(s, job, JOBS_FAILED_BAD_ANSWER, reason);
        }
        return;
    }
    job->heard_ms = s->owner->now_ms;
    jobs_rate_spend(&s->rates[i], u);
    if (s->tap != NULL) {
        s->tap(s->tap_arg, i, job->msn, job->rungs[i].track, &job->rungs[i].packets);
    }
    rendition_begin(s->renditions[i]);
    if (!job->whole) {
        make_parts(s, job, i);
    }
    if (job->rungs[i].complete) {
        jobs_rung_settle(s, job, i, false);
    }
    rendition_commit(s->renditions[i]);
    jobs_job_finish(s, job);
}

static void on_refused(struct job_stream *s, struct job *job, const struct link_msg *m)
{
    s->owner->counters.failed++;
    job->wire_id = 0; /* there is nothing to cancel */
    /* What is final is the segment's own fault. */
    if (m->final || !jobs_job_move(s, job, m->reason)) {
        jobs_job_give_up(s, job,
                         m->type == LINK_JOB_REFUSE ? JOBS_FAILED_BUSY : JOBS_FAILED_TRANSCODE,
                         m->reason);
    }
}

/* Whoever is full says what it leaves out; the rest of the segment comes. */
static void on_given_up(struct job_stream *s, struct job *job, const struct link_msg *m)
{
    uint32_t wire = m->word.rung;
    size_t i = wire < job->n_wire_rungs ? job->wire_rungs[wire] : SIZE_MAX;
    if (i != SIZE_MAX && !job->rungs[i].complete && !job->rungs[i].given_up) {
        jobs_rung_give_up(s, job, i, m->reason);
    }
}

void jobs_way_message(struct jobs_way *w, const struct link_msg *m, struct blob *payload)
{
    struct job_stream *s;
    struct job *job = m->job != 0 ? find_job(w, m->job, &s) : NULL;
    if (job == NULL) {
        return; /* finished, given up or elsewhere: answers to it may still be under way */
    }
    switch (m->type) {
    case LINK_RUNG_UNIT:
        on_rung_unit(s, job, &m->unit, payload);
        break;
    case LINK_RUNG_GIVEN_UP:
        on_given_up(s, job, m);
        break;
    case LINK_JOB_FAILED:
    case LINK_JOB_REFUSE:
        on_refused(s, job, m);
        break;
    default:
        break; /* JOB_ACCEPT and JOB_DONE tell nothing that the units do not */
    }
}
