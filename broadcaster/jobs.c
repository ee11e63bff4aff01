#include "broadcaster/jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/list.h"
#include "base/mem.h"
#include "broadcaster/jobs_rung.h"
#include "broadcaster/part_lane.h"
#include "broadcaster/rung_describe.h"
#include "run/events.h"
#include "run/log.h"

#define INPUTS_FIRST_CAP 64

/* How long a segment may be open: what the cutter and the repair of times allow, a publisher's
 * stalls included. The orchestrator's deadline counts from the opening, ours from the end. */
#define SEGMENT_SPAN_MS 15000

/* Segments that may wait behind an unfinished one on a rung. */
#define WAITING_MAX 32

struct job_input {
    struct packet packet;
    int64_t came_us; /* monotonic */
};

struct job {
    struct list node; /* of its stream, rising msn */
    uint64_t wire_id; /* of the present opening; 0 = not open at the orchestrator */
    uint64_t msn;
    struct track *video;
    struct job_input *inputs;
    size_t n_inputs, cap_inputs, input_bytes;
    size_t sent;
    uint32_t seq;
    bool last_sent;
    bool failed;               /* nothing more is sent; settles as gaps when the source is known */
    enum jobs_failure failure; /* the first one */
    unsigned openings;
    struct segment *source; /* NULL until the segment is complete */
    int64_t complete_ms;
    struct jobs_rung rungs[PROFILE_LADDER_MAX];
    bool whole; /* there are no parts of it */
    struct part_run runs[PROFILE_LADDER_MAX];
    uint32_t unit_frames[PROFILE_LADDER_MAX]; /* of each unit of a rung */
    size_t wire_rungs[PROFILE_LADDER_MAX];    /* index in the opening's ladder -> in ours */
    size_t n_wire_rungs;
};

struct job_stream {
    struct list node;
    struct jobs *owner;
    char id[ID_MAX + 1];
    struct profile ladder[PROFILE_LADDER_MAX];
    struct rendition *renditions[PROFILE_LADDER_MAX];
    struct jobs_rate rates[PROFILE_LADDER_MAX];
    struct part_lane lanes[PROFILE_LADDER_MAX];
    size_t n;
    struct list jobs;
    size_t n_jobs;
    uint64_t lost_in_a_row;
    jobs_settled_fn *settled; /* NULL: nobody is told */
    void *settled_arg;
    uint32_t history; /* of the last segments, the newest in bit 0: 1 = all rungs came */
    unsigned n_history;
    jobs_tap_fn *tap;
    void *tap_arg;
};

struct jobs {
    struct list streams;
    jobs_send_fn *send;
    void *send_arg;
    int64_t deadline_ms;
    bool quality; /* rather than low latency */
    bool connected;
    uint64_t last_wire_id;
    struct jobs_counters counters;
};

struct jobs *jobs_create(jobs_send_fn *send, void *arg, int64_t deadline_ms)
{
    struct jobs *j = mem_alloc(sizeof *j);
    list_init(&j->streams);
    j->send = send;
    j->send_arg = arg;
    j->deadline_ms = deadline_ms;
    return j;
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

static void job_destroy(struct job_stream *s, struct job *job)
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

/* --- out --- */

static struct link_rung describe_rung(const struct job_stream *s, const struct job *job, size_t i)
{
    const struct parter *parter = &s->lanes[i].parter;
    struct link_rung r =
        rung_describe(&s->ladder[i], track_params(job->video), parter->frame, s->owner->quality);
    r.bitrate_bps = (uint32_t)s->rates[i].rate_bps;
    r.buffer_bits = (uint32_t)s->rates[i].size_bits;
    r.vbv_init_permille = jobs_rate_permille(&s->rates[i]);
    r.frames_per_part = job->unit_frames[i];
    r.emit_from = job->rungs[i].parts;
    return r;
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
        if (!job->rungs[i].complete) {
            m.open.ladder[job->n_wire_rungs] = describe_rung(s, job, i);
            job->wire_rungs[job->n_wire_rungs++] = i;
        }
    }
    m.open.n_ladder = job->n_wire_rungs;
    enum err e = s->owner->send(s->owner->send_arg, &m, NULL);
    if (e == ERR_OK) {
        job->wire_id = ++s->owner->last_wire_id;
        job->openings++;
        job->openings > 1 ? s->owner->counters.reopened++ : s->owner->counters.opened++;
    }
    return e;
}

static enum err send_input(struct jobs *j, struct job *job, const struct packet *p)
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
    enum err e = j->send(j->send_arg, &m, payload);
    blob_unref(payload);
    return e;
}

static enum err send_last(struct jobs *j, struct job *job)
{
    struct link_msg m = {.type = LINK_JOB_UNIT, .job = job->wire_id};
    m.unit = (struct link_unit){
        .last = true,
        .duration = (uint32_t)segment_info(job->source)->duration,
        .seq = job->seq,
    };
    return j->send(j->send_arg, &m, NULL);
}

/* Sends what can be sent now. ERR_AGAIN: the queue is full; anything else: the job cannot be sent.
 */
static enum err job_send(struct job_stream *s, struct job *job)
{
    if (!s->owner->connected || job->failed) {
        return ERR_OK;
    }
    enum err e = job->wire_id != 0 ? ERR_OK : send_open(s, job);
    while (e == ERR_OK && job->sent < job->n_inputs) {
        e = send_input(s->owner, job, &job->inputs[job->sent].packet);
        if (e == ERR_OK) {
            job->sent++;
            job->seq++;
        }
    }
    if (e == ERR_OK && job->source != NULL && !job->last_sent) {
        e = send_last(s->owner, job);
        job->last_sent = e == ERR_OK;
    }
    return e;
}

/* --- settling --- */

static bool all_settled(const struct job_stream *s, const struct job *job)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!job->rungs[i].settled) {
            return false;
        }
    }
    return true;
}

static void settle_rung(struct job_stream *s, struct job *job, size_t i, bool gap)
{
    struct jobs_rung *rung = &job->rungs[i];
    struct segment_info info = *segment_info(job->source);
    info.gap = gap;
    info.independent = !gap;
    struct packets none;
    packets_init(&none);
    struct segment *seg =
        gap ? segment_create(&info, NULL, &none, NULL)
            : segment_create(&info, rung->track, &rung->packets, segment_sound(job->source));
    rung->settled = true;
    rendition_settle(s->renditions[i], seg);
    if (s->settled != NULL) {
        s->settled(s->settled_arg, i, seg, gap ? &job->failure : NULL);
    }
    segment_unref(seg);
}

static void cancel_on_wire(struct jobs *j, struct job *job, const char *reason)
{
    if (job->wire_id != 0 && j->connected) {
        struct link_msg m = {.type = LINK_JOB_CANCEL, .job = job->wire_id, .reason = reason};
        /* Best effort: when the queue is full, the orchestrator's own deadline ends the job. */
        enum err ignored = j->send(j->send_arg, &m, NULL);
        (void)ignored;
    }
    job->wire_id = 0;
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

/* What is not there yet will not come: gaps. Destroys the job unless its source is still growing.
 */
static void give_up(struct job_stream *s, struct job *job, enum jobs_failure why,
                    const char *reason)
{
    job->failure = job->failed ? job->failure : why;
    if (!job->failed) {
        emit_lost(s, job, reason);
        tell_loss(s, job, reason);
    }
    job->failed = true;
    cancel_on_wire(s->owner, job, reason);
    if (job->source == NULL) {
        return;
    }
    s->owner->counters.given_up++;
    s->owner->counters.given_up_by[job->failure]++;
    remember(s, false);
    for (size_t i = 0; i < s->n; i++) {
        if (!job->rungs[i].settled) {
            settle_rung(s, job, i, true);
        }
    }
    job_destroy(s, job);
}

/* False: the queue is full, what is kept goes out when there is room. A job that cannot be sent for
 * another reason is given up, so that it holds up no other. */
static bool job_pump(struct job_stream *s, struct job *job)
{
    enum err e = job_send(s, job);
    if (e != ERR_OK && e != ERR_AGAIN) {
        char reason[96];
        snprintf(reason, sizeof reason, "it cannot be sent to the orchestrator: %s", err_text(e));
        give_up(s, job, JOBS_FAILED_INPUT, reason);
    }
    return e != ERR_AGAIN;
}

static void pump_all(struct jobs *j)
{
    LIST_EACH (&j->streams, sn, sn_next) {
        struct job_stream *s = LIST_ITEM(sn, struct job_stream, node);
        LIST_EACH (&s->jobs, jn, jn_next) {
            if (!job_pump(s, LIST_ITEM(jn, struct job, node))) {
                return;
            }
        }
    }
}

void jobs_writable(struct jobs *j)
{
    pump_all(j);
}

static void forget_opening(struct job *job)
{
    job->wire_id = 0;
    job->sent = 0;
    job->seq = 0;
    job->last_sent = false;
}

void jobs_set_connected(struct jobs *j, bool connected)
{
    j->connected = connected;
    LIST_EACH (&j->streams, sn, sn_next) {
        struct job_stream *s = LIST_ITEM(sn, struct job_stream, node);
        LIST_EACH (&s->jobs, jn, jn_next) {
            forget_opening(LIST_ITEM(jn, struct job, node));
        }
    }
    pump_all(j);
}

/* --- in --- */

static struct job *find_job(struct jobs *j, uint64_t wire_id, struct job_stream **ret_stream)
{
    LIST_EACH (&j->streams, sn, sn_next) {
        struct job_stream *s = LIST_ITEM(sn, struct job_stream, node);
        LIST_EACH (&s->jobs, jn, jn_next) {
            struct job *job = LIST_ITEM(jn, struct job, node);
            if (job->wire_id == wire_id) {
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
    if (i != SIZE_MAX && !(u->last && job->source == NULL)) {
        const struct link_rung described = describe_rung(s, job, i);
        e = jobs_rung_push(&job->rungs[i], &described, u, payload);
    }
    if (e != ERR_OK) {
        s->owner->counters.refused_units++;
        log_warn("jobs", "bad_rung_unit", "stream=%s msn=%" PRIu64 " rung=%u part=%u: %s", s->id,
                 job->msn, u->rung, u->part, err_text(e));
        give_up(s, job, JOBS_FAILED_BAD_ANSWER, "the orchestrator sent a unit that does not fit");
        return;
    }
    jobs_rate_spend(&s->rates[i], u);
    if (s->tap != NULL) {
        s->tap(s->tap_arg, i, job->msn, job->rungs[i].track, &job->rungs[i].packets);
    }
    rendition_begin(s->renditions[i]);
    if (!job->whole) {
        make_parts(s, job, i);
    }
    if (job->rungs[i].complete) {
        settle_rung(s, job, i, false);
    }
    rendition_commit(s->renditions[i]);
    if (all_settled(s, job)) {
        s->owner->counters.done++;
        tell_done(s, job);
        remember(s, true);
        job_destroy(s, job);
    }
}

void jobs_on_message(struct jobs *j, const struct link_msg *m, struct blob *payload)
{
    struct job_stream *s;
    struct job *job = find_job(j, m->job, &s);
    if (job == NULL || m->job == 0) {
        return; /* finished or given up: answers to it may still be under way */
    }
    switch (m->type) {
    case LINK_RUNG_UNIT:
        on_rung_unit(s, job, &m->unit, payload);
        break;
    case LINK_JOB_FAILED:
    case LINK_JOB_REFUSE:
        j->counters.failed++;
        job->wire_id = 0;
        give_up(s, job, m->type == LINK_JOB_REFUSE ? JOBS_FAILED_BUSY : JOBS_FAILED_TRANSCODE,
                m->reason);
        break;
    default:
        break; /* JOB_ACCEPT and JOB_DONE tell nothing that the units do not */
    }
}

void jobs_tick(struct jobs *j, int64_t now_ms)
{
    LIST_EACH (&j->streams, sn, sn_next) {
        struct job_stream *s = LIST_ITEM(sn, struct job_stream, node);
        LIST_EACH (&s->jobs, jn, jn_next) {
            struct job *job = LIST_ITEM(jn, struct job, node);
            if (job->source != NULL && now_ms - job->complete_ms > j->deadline_ms) {
                give_up(s, job, j->connected ? JOBS_FAILED_LATE : JOBS_FAILED_NO_ORCHESTRATOR,
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

/* --- streams --- */

struct job_stream *jobs_stream_create(struct jobs *j, const char *id, const struct profile *ladder,
                                      struct rendition *const *rungs, size_t n)
{
    struct job_stream *s = mem_alloc(sizeof *s);
    s->owner = j;
    snprintf(s->id, sizeof s->id, "%s", id);
    s->n = n;
    for (size_t i = 0; i < n; i++) {
        s->ladder[i] = ladder[i];
        s->renditions[i] = rungs[i];
        jobs_rate_init(&s->rates[i], ladder[i].bitrate_bps);
        part_lane_init(&s->lanes[i], rungs[i], TRACK_VIDEO);
        if (ladder[i].fps_num > 0) {
            parter_set_rate(&s->lanes[i].parter, ladder[i].fps_num, ladder[i].fps_den);
        }
        rendition_set_part_lag(rungs[i], TRACK_VIDEO,
                               rung_lag(&ladder[i], s->lanes[i].parter.frame, j->quality));
    }
    list_init(&s->jobs);
    list_push_back(&j->streams, &s->node);
    return s;
}

void jobs_stream_destroy(struct job_stream *s)
{
    if (s == NULL) {
        return;
    }
    LIST_EACH (&s->jobs, jn, jn_next) {
        struct job *job = LIST_ITEM(jn, struct job, node);
        cancel_on_wire(s->owner, job, "the stream has ended");
        job_destroy(s, job);
    }
    list_remove(&s->node);
    mem_free(s);
}

void jobs_stream_set_tap(struct job_stream *s, jobs_tap_fn *fn, void *arg)
{
    s->tap = fn;
    s->tap_arg = arg;
}

const struct packets *jobs_stream_parts(const struct job_stream *s, size_t rung, uint64_t msn,
                                        struct track **ret_track)
{
    LIST_EACH (&s->jobs, jn, jn_next) {
        const struct job *job = LIST_ITEM(jn, const struct job, node);
        if (job->msn == msn && job->rungs[rung].track != NULL && !job->rungs[rung].settled) {
            *ret_track = job->rungs[rung].track;
            return &job->rungs[rung].packets;
        }
    }
    return NULL;
}

void jobs_stream_watch(struct job_stream *s, jobs_settled_fn *fn, void *arg)
{
    s->settled = fn;
    s->settled_arg = arg;
}

bool jobs_stream_has(const struct job_stream *s, uint64_t msn)
{
    LIST_EACH (&s->jobs, n, next) {
        if (LIST_ITEM(n, const struct job, node)->msn == msn) {
            return true;
        }
    }
    return false;
}

bool jobs_connected(const struct jobs *j)
{
    return j->connected;
}

static struct job *open_job(struct job_stream *s)
{
    if (list_empty(&s->jobs)) {
        return NULL;
    }
    struct job *newest = LIST_ITEM(s->jobs.prev, struct job, node);
    return newest->source == NULL ? newest : NULL;
}

static void open_rung(struct job_stream *s, struct job *job, size_t i,
                      const struct segment_info *source)
{
    struct segment_info info = *source;
    info.independent = true;
    jobs_rung_init(&job->rungs[i]);
    part_run_init(&job->runs[i], info.msn);
    job->unit_frames[i] = rung_unit_frames(&s->lanes[i].parter, s->owner->quality);
    rendition_expect(s->renditions[i], info.msn);
    if (!job->whole) {
        rendition_open(s->renditions[i], &info);
    }
}

void jobs_segment_open(struct job_stream *s, const struct segment_info *info, struct track *video)
{
    if (s->n == 0) {
        return; /* there is nothing to transcode to */
    }
    if (s->n_jobs >= JOBS_PER_STREAM_MAX) {
        give_up(s, LIST_ITEM(s->jobs.next, struct job, node),
                s->owner->connected ? JOBS_FAILED_LATE : JOBS_FAILED_NO_ORCHESTRATOR,
                "transcoding is too far behind the source");
    }
    struct job *job = mem_alloc(sizeof *job);
    job->msn = info->msn;
    job->video = track_ref(video);
    job->whole = info->duration > 0;
    for (size_t i = 0; i < s->n; i++) {
        open_rung(s, job, i, info);
    }
    list_push_back(&s->jobs, &job->node);
    s->n_jobs++;
}

void jobs_segment_date(struct job_stream *s, const struct segment_info *info)
{
    struct job *job = s->n_jobs > 0 ? LIST_ITEM(s->jobs.prev, struct job, node) : NULL;
    for (size_t i = 0; job != NULL && job->msn == info->msn && i < s->n; i++) {
        if (!job->whole && !job->rungs[i].settled) {
            struct segment_info own = *info;
            own.independent = true;
            rendition_open(s->renditions[i], &own);
        }
    }
}

void jobs_segment_without_picture(struct job_stream *s, struct segment *source)
{
    while (s->n_jobs > 0 && rendition_waiting(s->renditions[0]) >= WAITING_MAX) {
        give_up(s, LIST_ITEM(s->jobs.next, struct job, node), JOBS_FAILED_LATE,
                "transcoding is too far behind the source");
    }
    for (size_t i = 0; i < s->n; i++) {
        struct segment_info info = *segment_info(source);
        info.gap = rendition_count(s->renditions[i]) == 0;
        struct packets none;
        packets_init(&none);
        struct segment *seg =
            segment_create(&info, NULL, &none, info.gap ? NULL : segment_sound(source));
        rendition_expect(s->renditions[i], info.msn);
        rendition_settle(s->renditions[i], seg);
        segment_unref(seg);
    }
}

static enum err add_input(struct job *job, const struct packet *p)
{
    size_t cost = sizeof(struct job_input) + p->data.len;
    if (job->input_bytes + cost > JOB_INPUT_MAX) {
        return ERR_LIMIT;
    }
    if (job->n_inputs == job->cap_inputs) {
        size_t cap = job->cap_inputs > 0 ? job->cap_inputs * 2 : INPUTS_FIRST_CAP;
        struct job_input *inputs = mem_try_realloc(job->inputs, cap * sizeof *inputs);
        if (inputs == NULL) {
            return ERR_NOMEM;
        }
        job->inputs = inputs;
        job->cap_inputs = cap;
    }
    struct packet copy = packet_ref(p);
    copy.flags &= ~(unsigned)PACKET_OPEN; /* what it needs comes before it, as the preroll */
    job->inputs[job->n_inputs++] = (struct job_input){copy, clock_mono_us()};
    job->input_bytes += cost;
    return ERR_OK;
}

void jobs_packet(struct job_stream *s, const struct packet *p)
{
    struct job *job = open_job(s);
    if (job == NULL || job->failed || p->data.len == 0) {
        return; /* an empty access unit shows nothing, and the link carries none */
    }
    enum err e = add_input(job, p);
    if (e != ERR_OK) {
        give_up(s, job, JOBS_FAILED_INPUT, err_text(e));
        return;
    }
    job_pump(s, job);
}

void jobs_segment_close(struct job_stream *s, struct segment *source, int64_t now_ms)
{
    struct job *job = open_job(s);
    if (job == NULL) {
        return;
    }
    job->source = segment_ref(source);
    job->complete_ms = now_ms;
    if (job->failed) {
        give_up(s, job, job->failure, "its job had failed");
        return;
    }
    job_pump(s, job);
}
