#include <inttypes.h>
#include <stdio.h>

#include "broadcaster/jobs/jobs_internal.h"
#include "run/log.h"

/* How long a segment may be open: what the cutter and the repair of times allow, a publisher's
 * stalls included. The orchestrator's deadline counts from the opening, ours from the end. */
#define SEGMENT_SPAN_MS 15000

struct link_rung jobs_describe_rung(const struct job_stream *s, const struct job *job, size_t i)
{
    const struct parter *parter = &s->lanes[i].parter;
    struct link_rung r =
        rung_describe(&s->ladder[i], track_params(job->video), parter->frame, s->owner->quality);
    bool intra =
        s->ladder[i].gop_ms == PROFILE_GOP_INTRA; /* the next key frame is as any picture */
    r.bitrate_bps = intra ? (uint32_t)s->rates[i].rate_bps : jobs_rate_bps(&s->rates[i]);
    r.buffer_bits = (uint32_t)s->rates[i].size_bits;
    r.crf += jobs_rate_crf_more(&s->rates[i]);
    r.crf = r.crf < PROFILE_QUALITY_MAX ? r.crf : PROFILE_QUALITY_MAX;
    r.vbv_init_permille = jobs_rate_permille(&s->rates[i]);
    r.frames_per_part = job->unit_frames[i];
    r.emit_from = job->rungs[i].parts;
    return r;
}

static void log_rung(const struct job_stream *s, const struct job *job, const struct link_rung *r)
{
    log_debug("jobs", "rung", "stream=%s msn=%" PRIu64 " rung=%s crf=%u bps=%u fill_permille=%u",
              s->id, job->msn, r->name, r->crf, r->bitrate_bps, r->vbv_init_permille);
}

static enum err send_open(struct job_stream *s, struct job *job)
{
    struct link_msg m = {.type = LINK_JOB_OPEN, .job = s->owner->last_wire_id + 1};
    m.open.stream = s->id;
    m.open.msn = job->msn;
    m.open.track = *track_params(job->video);
    m.open.deadline_ms = (uint32_t)(s->owner->deadline_ms + SEGMENT_SPAN_MS);
    job->n_wire_rungs = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (!job->rungs[i].complete && !job->rungs[i].lost) {
            struct link_rung *r = &m.open.ladder[job->n_wire_rungs];
            *r = jobs_describe_rung(s, job, i);
            r->viewers = jobs_stream_viewers(s, i);
            log_rung(s, job, r);
            if (job->rungs[i].parts == 0) {
                jobs_rate_open(&s->rates[i]);
            }
            job->wire_rungs[job->n_wire_rungs++] = i;
        }
    }
    m.open.n_ladder = job->n_wire_rungs;
    enum err e = s->way->send(s->way->send_arg, &m, NULL);
    if (e == ERR_OK) {
        job->way = s->way;
        job->heard_ms = s->owner->now_ms;
        job->wire_id = ++s->owner->last_wire_id;
        job->openings++;
        job->openings > 1 ? s->owner->counters.reopened++ : s->owner->counters.opened++;
    }
    return e;
}

static enum err send_input(struct job *job, const struct packet *p)
{
    struct link_packet lp = {
        .length = (uint32_t)p->data.len,
        .dts = p->dts,
        .pts = p->pts,
        .duration = (uint32_t)p->duration,
        .flags = p->flags,
    };
    struct link_msg m = {.type = LINK_JOB_UNIT, .job = job->wire_id};
    m.unit = (struct link_unit){.packets = &lp, .n_packets = 1, .seq = job->seq};
    struct blob *payload = blob_slice(p->blob, p->data);
    if (payload == NULL) {
        return ERR_NOMEM;
    }
    enum err e = job->way->send(job->way->send_arg, &m, payload);
    blob_unref(payload);
    return e;
}

static enum err send_last(struct job *job)
{
    struct link_msg m = {.type = LINK_JOB_UNIT, .job = job->wire_id};
    m.unit = (struct link_unit){
        .last = true,
        .duration = (uint32_t)segment_info(job->source)->duration,
        .seq = job->seq,
    };
    return job->way->send(job->way->send_arg, &m, NULL);
}

/* Whether anything of it is still to come. */
static bool wants_rungs(const struct job_stream *s, const struct job *job)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!job->rungs[i].complete && !job->rungs[i].lost) {
            return true;
        }
    }
    return false;
}

/* Whether it is open somewhere, or can and must be opened. */
static bool has_place(struct job_stream *s, const struct job *job)
{
    return job->wire_id != 0 || (wants_rungs(s, job) && jobs_stream_has_way(s));
}

/* Sends what can be sent now. ERR_AGAIN: the queue is full; anything else: the job cannot be sent.
 */
static enum err send_all(struct job_stream *s, struct job *job)
{
    if (job->failed || !has_place(s, job)) {
        return ERR_OK;
    }
    enum err e = job->wire_id != 0 ? ERR_OK : send_open(s, job);
    while (e == ERR_OK && job->sent < job->n_inputs) {
        e = send_input(job, &job->inputs[job->sent].packet);
        if (e == ERR_OK) {
            job->sent++;
            job->seq++;
        }
    }
    if (e == ERR_OK && job->source != NULL && !job->last_sent) {
        e = send_last(job);
        job->last_sent = e == ERR_OK;
    }
    return e;
}

bool jobs_job_pump(struct job_stream *s, struct job *job)
{
    enum err e = send_all(s, job);
    if (e != ERR_OK && e != ERR_AGAIN) {
        char reason[96];
        snprintf(reason, sizeof reason, "it cannot be sent to the orchestrator: %s", err_text(e));
        jobs_job_give_up(s, job, JOBS_FAILED_INPUT, reason);
    }
    return e != ERR_AGAIN;
}

void jobs_pump_all(struct jobs *j)
{
    LIST_EACH (&j->streams, sn, sn_next) {
        struct job_stream *s = LIST_ITEM(sn, struct job_stream, node);
        LIST_EACH (&s->jobs, jn, jn_next) {
            if (!jobs_job_pump(s, LIST_ITEM(jn, struct job, node))) {
                break;
            }
        }
    }
}

/* What came of that opening and is not shown yet is not wanted. */
static void let_go(struct job *job)
{
    for (size_t i = 0; i < PROFILE_LADDER_MAX; i++) {
        struct jobs_rung *rung = &job->rungs[i];
        if (rung->probe != 0 || rung->watch != NULL) {
            jobs_rung_let_go(rung);
        }
    }
    job->over = false;
}

void jobs_job_forget_opening(struct job *job)
{
    let_go(job);
    job->wire_id = 0;
    job->way = NULL;
    job->sent = 0;
    job->seq = 0;
    job->last_sent = false;
}

void jobs_job_cancel(struct job *job, const char *reason)
{
    if (job->wire_id != 0) {
        struct link_msg m = {.type = LINK_JOB_CANCEL, .job = job->wire_id, .reason = reason};
        /* Best effort: when the queue is full, the orchestrator's own deadline ends the job. */
        enum err ignored = job->way->send(job->way->send_arg, &m, NULL);
        (void)ignored;
    }
    let_go(job);
    job->wire_id = 0;
}
