#include <inttypes.h>

#include "base/clock.h"
#include "broadcaster/jobs/jobs_internal.h"
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

/* PTS of the first and the last picture shown, as far as they have come. */
static void source_span(const struct job *job, struct rung_place *place)
{
    bool any = false;
    for (size_t k = 0; k < job->n_inputs; k++) {
        const struct packet *p = &job->inputs[k].packet;
        if ((p->flags & PACKET_PREROLL) != 0) {
            continue;
        }
        place->start = !any || p->pts < place->start ? p->pts : place->start;
        place->end = !any || p->pts > place->end ? p->pts : place->end;
        any = true;
    }
}

static const char *inspect(const struct job_stream *s, const struct job *job, size_t i,
                           const struct link_unit *u, struct blob *payload)
{
    const struct jobs_rung *rung = &job->rungs[i];
    if (s->owner->inspect == NULL || u->part != rung->parts) {
        return NULL;
    }
    const struct link_rung described = jobs_describe_rung(s, job, i);
    struct rung_place place = {
        .start = INT64_MAX,
        .end = INT64_MAX,
        .first_dts = rung->packets.count > 0 ? rung->packets.items[0].dts : 0,
        .frames = rung->packets.count,
        .duration = job->source != NULL ? segment_info(job->source)->duration : 0,
    };
    source_span(job, &place);
    return s->owner->inspect(&described, u, blob_span(payload), &place);
}

static void on_bad_answer(struct job_stream *s, struct job *job)
{
    const char *reason = "the orchestrator sent a unit that does not fit";
    if (!jobs_job_move(s, job, reason)) {
        jobs_job_give_up(s, job, JOBS_FAILED_BAD_ANSWER, reason);
    }
}

/* Whoever made it is not trusted with it any more; the parts before are shown already. */
static void reject(struct job_stream *s, struct job *job, size_t i, const struct link_unit *u,
                   const char *why)
{
    s->owner->counters.refused_units++;
    log_warn("jobs", "rung_rejected", "stream=%s msn=%" PRIu64 " rung=%s part=%u reason=\"%s\"",
             s->id, job->msn, s->ladder[i].name, u->part, why);
    job->rungs[i].rejected = true;
    jobs_rung_unwatch(&job->rungs[i]);
    struct link_msg m = {.type = LINK_RUNG_REJECT, .job = job->wire_id, .reason = why};
    m.word = (struct link_rung_word){.rung = u->rung, .part = u->part};
    if (job->way->send(job->way->send_arg, &m, NULL) != ERR_OK) {
        on_bad_answer(s, job);
    }
}

/* Whether it has to wait, because it is looked at or behind one that is. */
static enum err hold(struct job_stream *s, struct job *job, size_t i, const struct link_unit *u,
                     struct blob *payload, bool *ret_held)
{
    struct jobs *j = s->owner;
    struct jobs_rung *rung = &job->rungs[i];
    *ret_held = rung->probe != 0;
    bool begins = u->config.len > 0;
    if (rung->probe == 0 && j->probe != NULL && (begins || rung->watch != NULL) &&
        u->part == rung->parts) {
        const struct link_rung described = jobs_describe_rung(s, job, i);
        if (begins) {
            jobs_rung_unwatch(rung);
        }
        *ret_held =
            j->probe(j->probe_arg, &described, u, payload, j->last_ticket + 1, &rung->watch);
        rung->probe = *ret_held ? ++j->last_ticket : 0;
    }
    return *ret_held ? jobs_held_add(&rung->held, u, payload) : ERR_OK;
}

/* ERR_AGAIN: nothing was taken, and that is as it should be. probed: it was looked at, and is
 * right. */
static enum err take_unit(struct job_stream *s, struct job *job, size_t i,
                          const struct link_unit *u, struct blob *payload, bool probed)
{
    struct jobs_rung *rung = &job->rungs[i];
    bool is_stale = rung->rejected && rung->probe == 0 && u->part != rung->parts;
    if (rung->lost || is_stale) {
        return ERR_AGAIN;
    }
    if (rung->probe == 0 && !probed) {
        const char *why = inspect(s, job, i, u, payload);
        if (why != NULL) {
            reject(s, job, i, u, why);
            return ERR_AGAIN;
        }
    }
    bool held = false;
    enum err e = probed ? ERR_OK : hold(s, job, i, u, payload, &held);
    if (e != ERR_OK || held) {
        return e != ERR_OK ? e : ERR_AGAIN;
    }
    const struct link_rung described = jobs_describe_rung(s, job, i);
    e = jobs_rung_push(rung, &described, u, payload);
    if (rung->complete) {
        jobs_rung_unwatch(rung);
    }
    rung->rejected = rung->rejected && e != ERR_OK;
    return e;
}

/* The last part waits for the segment's sound: behind it another one would be promised. */
static void show_rung(struct job_stream *s, struct job *job, size_t i)
{
    bool complete = job->rungs[i].complete;
    bool ends = complete && jobs_rung_has_sound(s, job, i);
    rendition_begin(s->renditions[i]);
    if (!job->whole && ends == complete) {
        make_parts(s, job, i);
    }
    struct segment *seg = ends ? jobs_rung_put(s, job, i, false) : NULL;
    rendition_commit(s->renditions[i]);
    jobs_rung_tell(s, job, i, seg);
}

static void on_rung_unit(struct job_stream *s, struct job *job, const struct link_unit *u,
                         struct blob *payload, bool probed)
{
    size_t i = u->rung < job->n_wire_rungs ? job->wire_rungs[u->rung] : SIZE_MAX;
    enum err e = ERR_PROTO;
    if (i != SIZE_MAX && !(u->last && job->source == NULL)) {
        e = take_unit(s, job, i, u, payload, probed);
    }
    if (e == ERR_AGAIN) {
        return;
    }
    if (e != ERR_OK) {
        s->owner->counters.refused_units++;
        log_warn("jobs", "bad_rung_unit", "stream=%s msn=%" PRIu64 " rung=%u part=%u: %s", s->id,
                 job->msn, u->rung, u->part, err_text(e));
        on_bad_answer(s, job);
        return;
    }
    job->heard_ms = s->owner->now_ms;
    jobs_rate_spend(&s->rates[i], u);
    if (s->tap != NULL) {
        s->tap(s->tap_arg, i, job->msn, job->rungs[i].track, &job->rungs[i].packets);
    }
    show_rung(s, job, i);
    jobs_job_finish(s, job);
}

void jobs_stream_sound_came(struct job_stream *s, uint64_t msn)
{
    LIST_EACH (&s->jobs, jn, jn_next) {
        struct job *job = LIST_ITEM(jn, struct job, node);
        if (job->msn != msn || job->source == NULL) {
            continue;
        }
        for (size_t i = 0; i < s->n; i++) {
            if (job->rungs[i].complete && !job->rungs[i].settled) {
                show_rung(s, job, i);
            }
        }
        jobs_job_finish(s, job);
        return;
    }
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

/* All has come, but some of it was rejected: that had crossed on its way. */
static void on_done(struct job_stream *s, struct job *job)
{
    job->over = true;
    for (size_t i = 0; i < s->n; i++) {
        if (job->rungs[i].probe != 0) {
            return; /* it may be complete */
        }
    }
    if (!jobs_job_open_anew(s, job)) {
        jobs_job_give_up(s, job, JOBS_FAILED_BAD_ANSWER, "no attempt brought what can be used");
    }
}

static bool has_come(const struct job_stream *s, const struct job *job)
{
    for (size_t i = 0; i < s->n; i++) {
        if (job->rungs[i].parts > 0 || job->rungs[i].probe != 0) {
            return true;
        }
    }
    return false;
}

/* There may be room for all at another one, which costs nothing as long as nothing has come. */
static void on_rung_given_up(struct job_stream *s, struct job *job, size_t i, const char *reason)
{
    bool wanted = !job->rungs[i].settled && !job->rungs[i].lost;
    if (!wanted || has_come(s, job) || !jobs_job_move(s, job, reason)) {
        jobs_rung_lose(s, job, i, reason);
    }
}

static struct job *find_probed(struct jobs *j, uint64_t ticket, struct job_stream **ret_stream,
                               size_t *ret_rung)
{
    LIST_EACH (&j->streams, sn, sn_next) {
        struct job_stream *s = LIST_ITEM(sn, struct job_stream, node);
        LIST_EACH (&s->jobs, jn, jn_next) {
            struct job *job = LIST_ITEM(jn, struct job, node);
            for (size_t i = 0; i < s->n; i++) {
                if (job->rungs[i].probe == ticket) {
                    *ret_stream = s;
                    *ret_rung = i;
                    return job;
                }
            }
        }
    }
    return NULL;
}

void jobs_probed(struct jobs *j, uint64_t ticket, const char *why)
{
    struct job_stream *s;
    size_t i;
    struct job *job = find_probed(j, ticket, &s, &i);
    if (job == NULL) {
        return; /* its opening is not wanted any more */
    }
    struct jobs_way *w = job->way;
    uint64_t wire_id = job->wire_id;
    struct jobs_held held;
    jobs_held_move(&job->rungs[i].held, &held);
    job->rungs[i].probe = 0;
    struct held_unit *it;
    bool first = true;
    while ((it = jobs_held_take(&held)) != NULL) {
        job = find_job(w, wire_id, &s);
        if (job != NULL && first && why != NULL) {
            reject(s, job, i, &it->unit, why);
        } else if (job != NULL) {
            on_rung_unit(s, job, &it->unit, it->payload, first);
        }
        first = false;
        held_unit_destroy(it);
    }
    job = find_job(w, wire_id, &s);
    if (job != NULL && job->over) {
        on_done(s, job);
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
        on_rung_unit(s, job, &m->unit, payload, false);
        break;
    case LINK_JOB_FAILED:
    case LINK_JOB_REFUSE:
        on_refused(s, job, m);
        break;
    case LINK_RUNG_GIVEN_UP:
        if (m->word.rung < job->n_wire_rungs) {
            on_rung_given_up(s, job, job->wire_rungs[m->word.rung], m->reason);
        }
        break;
    case LINK_JOB_DONE:
        on_done(s, job);
        break;
    default:
        break; /* JOB_ACCEPT tells nothing that the units do not */
    }
}
