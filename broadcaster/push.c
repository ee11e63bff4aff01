#include "broadcaster/push.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/push_sequence.h"
#include "broadcaster/stream_push.h"
#include "run/events.h"
#include "run/log.h"

#define NO_SESSIONS "No sessions available"
#define EXHAUSTED   "Hit max transcode attempts"
#define STOPPING    "the server is stopping"
#define REVOKED     "the stream key is not valid any more"
#define NO_STREAM   "Could not create stream ID: "
#define TAKEN       "this stream is being published already"

enum push_state { ASKING, READY, ENDED };

struct push_stream {
    struct list node;
    struct push *owner;
    enum push_state state;
    char name[ID_MAX + 1]; /* as the path says it */
    char *key;             /* what was admitted: the path's key */
    char *query;           /* and the query */
    bool mp4;              /* the first segment's container, and that of all answers */
    struct admission_ask *ask;
    struct admission_pass *pass;
    bool revoked; /* its key is not valid any more */
    struct limits limits;
    struct rate_meter rate;
    struct stream *stream;
    struct stream_push push;
    struct push_sequence sequence;
    struct list held;      /* of those that may not send their body yet */
    struct list uploading; /* the server's, until they come back */
    struct list waiting;   /* for their turn, or for their rungs */
    size_t n_held, unanswered;
    bool delivering;
    int64_t last_ms;
};

struct push {
    struct push_config config;
    struct list streams;
    bool shut;
    struct push_counters counters;
};

void push_answer_fini(struct push_answer *a)
{
    for (size_t i = 0; i < a->n; i++) {
        segment_unref(a->segments[i]);
    }
    a->n = 0;
}

struct push *push_create(const struct push_config *config)
{
    struct push *p = mem_alloc(sizeof *p);
    p->config = *config;
    list_init(&p->streams);
    return p;
}

/* --- answers --- */

static void give(struct push *p, struct push_job *job, int status, const char *text)
{
    list_remove(&job->node);
    job->answer.status = status;
    if (text != job->answer.text) {
        snprintf(job->answer.text, sizeof job->answer.text, "%s", text);
    }
    p->counters.refused += status >= 400;
    p->config.answer(p->config.arg, job);
}

/* Of a job that was let in. */
static void finish(struct push_job *job, int status, const char *text)
{
    struct push_stream *ps = job->stream;
    ps->unanswered--;
    if (status != 200) {
        push_answer_fini(&job->answer);
    }
    give(ps->owner, job, status, text);
}

static void finish_rungs(struct push_job *job)
{
    if (!job->lost) {
        job->answer.parts = job->request.wants_parts;
        finish(job, 200, "");
    } else if (job->failure == JOBS_FAILED_BUSY || job->failure == JOBS_FAILED_NO_ORCHESTRATOR) {
        finish(job, 503, NO_SESSIONS);
    } else {
        finish(job, 500, EXHAUSTED);
    }
}

/* --- the end of a stream --- */

static void end_stream(struct push_stream *ps, const char *reason, int64_t now_ms)
{
    if (ps->state == READY) {
        const char *id = stream_id(ps->stream);
        event_emit_reason("publisher_gone", "stream", id, reason);
        log_info("broadcaster", "unpublish", "stream=%s orderly=1 reason=\"%s\"", id, reason);
        stream_push_watch(ps->stream, NULL, NULL);
        stream_end(ps->stream, now_ms);
        admission_end(ps->pass, reason);
        ps->pass = NULL;
        ps->stream = NULL;
    }
    ps->state = ENDED;
}

static void destroy_stream(struct push_stream *ps)
{
    if (ps->ask != NULL) {
        admission_cancel(ps->ask);
    }
    list_remove(&ps->node);
    ps->owner->counters.streams--;
    mem_free(ps->key);
    mem_free(ps->query);
    mem_free(ps);
}

static void cancel_ask(struct push_job *job)
{
    if (job->ask != NULL) {
        admission_cancel(job->ask);
        job->ask = NULL;
    }
}

static void refuse_held(struct push_stream *ps, int status, const char *text)
{
    LIST_EACH (&ps->held, n, next) {
        struct push_job *job = LIST_ITEM(n, struct push_job, node);
        cancel_ask(job);
        ps->n_held--;
        give(ps->owner, job, status, text);
    }
}

static bool in_use(const struct push_stream *ps)
{
    return ps->n_held > 0 || ps->unanswered > 0;
}

static void end_and_answer(struct push_stream *ps, int status, const char *text, int64_t now_ms)
{
    struct push_item item;
    refuse_held(ps, status, text);
    while (push_sequence_drop(&ps->sequence, &item)) {
        finish(item.what, status, text);
    }
    LIST_EACH (&ps->waiting, n, next) {
        finish(LIST_ITEM(n, struct push_job, node), status, text);
    }
    end_stream(ps, text, now_ms);
    if (!in_use(ps)) {
        destroy_stream(ps);
    }
}

void push_shut(struct push *p, int64_t now_ms)
{
    p->shut = true;
    LIST_EACH (&p->streams, n, next) {
        struct push_stream *ps = LIST_ITEM(n, struct push_stream, node);
        if (ps->state != ENDED) {
            end_and_answer(ps, 503, STOPPING, now_ms);
        }
    }
}

void push_destroy(struct push *p)
{
    if (p == NULL) {
        return;
    }
    LIST_EACH (&p->streams, n, next) {
        struct push_stream *ps = LIST_ITEM(n, struct push_stream, node);
        LIST_EACH (&ps->held, h, h_next) {
            cancel_ask(LIST_ITEM(h, struct push_job, node));
        }
        end_stream(ps, STOPPING, clock_mono_ms());
        destroy_stream(ps);
    }
    mem_free(p);
}

/* --- segments into the stream --- */

static void on_settled(void *arg, size_t rung, struct segment *s, const enum jobs_failure *why)
{
    struct push_stream *ps = arg;
    LIST_EACH (&ps->waiting, n, next) {
        struct push_job *job = LIST_ITEM(n, struct push_job, node);
        if (job->rungs_left == 0 || job->msn != segment_info(s)->msn) {
            continue;
        }
        job->rungs_left--;
        if (why != NULL) {
            job->failure = job->lost ? job->failure : *why;
            job->lost = true;
        } else {
            job->answer.segments[rung] = segment_ref(s);
        }
        if (job->rungs_left == 0 && !ps->delivering) {
            finish_rungs(job);
        }
        return;
    }
}

/* What is over a limit has no place in the stream. */
static bool within_limits(struct push_stream *ps, struct push_job *job, int64_t now_ms)
{
    char text[LIMITS_TEXT_MAX];
    const struct push_media *m = &job->media;
    const struct track_params *v = m->video != NULL ? track_params(m->video) : NULL;
    if ((v != NULL && !limits_size_fits(&ps->limits, v->width, v->height, text)) ||
        !rate_meter_add(&ps->rate, &ps->limits, m->video_packets.bytes + m->audio_packets.bytes,
                        now_ms, text)) {
        finish(job, 403, text);
        return false;
    }
    return true;
}

static void deliver(struct push_stream *ps, const struct push_turn *turn, int64_t now_ms)
{
    struct push *p = ps->owner;
    struct push_job *job = turn->item.what;
    bool pictures = job->media.video != NULL;
    stream_push_begin(ps->stream, &job->media);
    stream_push_watch(ps->stream, on_settled, ps);
    size_t n = pictures ? stream_push_rungs(ps->stream) : 0;
    bool connected = jobs_connected(p->config.jobs);
    job->msn = stream_push_next(ps->stream) + turn->holes;
    job->rungs_left = n;
    job->answer.n = n;
    job->answer.mp4 = ps->mp4;
    job->answer.number = job->number;
    for (size_t i = 0; i < n; i++) {
        snprintf(job->answer.names[i], sizeof job->answer.names[i], "%s",
                 stream_push_rung(ps->stream, i));
    }
    list_push_back(&ps->waiting, &job->node);
    p->counters.segments++;
    p->counters.holes += turn->holes;
    ps->delivering = true;
    stream_push_segment(ps->stream, &ps->push, &job->media, turn->holes, turn->restarted, now_ms);
    ps->delivering = false;
    push_media_fini(&job->media);
    if (!p->config.transcodes || !connected) {
        finish(job, 503, NO_SESSIONS);
    } else if (job->rungs_left == 0) {
        finish_rungs(job);
    } else if (!stream_push_pending(ps->stream, job->msn)) {
        finish(job, 500, EXHAUSTED); /* a codec that transcoders do not take */
    }
}

static bool has_room(const struct push_stream *ps, const struct push_job *job, int64_t now_ms)
{
    return ps->unanswered < PUSH_AT_ONCE || now_ms - job->since_ms >= PUSH_HOLD_MS;
}

/* The body may come. */
static void let_in(struct push_stream *ps, struct push_job *job)
{
    job->number =
        job->request.numbered ? job->request.number : push_sequence_free_number(&ps->sequence);
    if (!push_sequence_upload(&ps->sequence, job->number)) {
        give(ps->owner, job, 503, NO_SESSIONS);
        return;
    }
    list_remove(&job->node);
    list_push_back(&ps->uploading, &job->node);
    ps->unanswered++;
    job->answer.status = 0;
    ps->owner->config.answer(ps->owner->config.arg, job);
}

static void ask_second(struct push_stream *ps, struct push_job *job);

static void let_in_held(struct push_stream *ps, int64_t now_ms)
{
    LIST_EACH (&ps->held, n, next) {
        struct push_job *job = LIST_ITEM(n, struct push_job, node);
        if (!job->admitted && job->ask == NULL) {
            ask_second(ps, job);
        } else if (job->admitted && has_room(ps, job, now_ms)) {
            ps->n_held--;
            let_in(ps, job);
        }
    }
}

static void advance(struct push_stream *ps, int64_t now_ms)
{
    struct push_turn turn;
    while (ps->state == READY && push_sequence_next(&ps->sequence, now_ms, &turn)) {
        if (within_limits(ps, turn.item.what, now_ms)) {
            deliver(ps, &turn, now_ms);
        }
        ps->last_ms = now_ms;
    }
    if (ps->state == READY) {
        let_in_held(ps, now_ms);
    }
}

/* --- who may --- */

/* Acted upon at the next tick: the caller walks its passes. */
static void on_revoked(void *arg, const char *code, const char *text)
{
    struct push_stream *ps = arg;
    (void)code, (void)text;
    ps->revoked = true;
}

static void start_stream(struct push_stream *ps, const struct push_job *first,
                         const struct admission_verdict *v, int64_t now_ms)
{
    struct push *p = ps->owner;
    char text[PUSH_TEXT_MAX];
    const char *why = "";
    if (v->err != ERR_OK) {
        streams_figures(p->config.streams)->streams_refused++;
        snprintf(text, sizeof text, NO_STREAM "%s", v->text);
        bool may = v->err == ERR_LIMIT || v->err == ERR_STATE;
        refuse_held(ps, may ? 500 : 403, text);
        ps->state = ENDED;
        return;
    }
    if (streams_publish(p->config.streams, v->name.id, v->ladder, now_ms, clock_wall_ms(),
                        &ps->stream, &why) != ERR_OK) {
        admission_unused(p->config.admission, v, why);
        snprintf(text, sizeof text, NO_STREAM "%s", why);
        refuse_held(ps, 500, text);
        ps->state = ENDED;
        return;
    }
    ps->state = READY;
    ps->last_ms = now_ms;
    ps->limits = v->limits;
    rate_meter_init(&ps->rate, now_ms);
    ps->pass = admission_begin(p->config.admission, v, on_revoked, ps);
    stream_push_size(ps->stream, first->request.width, first->request.height);
    event_emit("stream_started", "stream", stream_id(ps->stream));
    log_info("broadcaster", "publish", "stream=%s peer=%s by=push", stream_id(ps->stream),
             first->peer);
    let_in_held(ps, now_ms);
}

static void on_verdict(void *arg, const struct admission_verdict *v)
{
    struct push_stream *ps = arg;
    bool later = ps->ask != NULL;
    ps->ask = NULL;
    start_stream(ps, LIST_ITEM(ps->held.next, struct push_job, node), v, clock_mono_ms());
    if (later && ps->state == ENDED) {
        destroy_stream(ps);
    }
}

static struct admission_ask *ask(struct push *p, const struct push_job *job, admission_fn *fn,
                                 void *arg)
{
    char path[PUSH_PATH_MAX];
    push_request_path(&job->request, path);
    struct admission_request r = {
        .kind = ADMISSION_PUSH,
        .path = path,
        .query = job->request.query,
        .tc_url = job->url,
        .peer = job->peer,
        .address = job->address,
    };
    return admission_ask(p->config.admission, &r, fn, arg);
}

static void create_stream(struct push *p, struct push_job *job, int64_t now_ms)
{
    struct push_stream *ps = mem_alloc(sizeof *ps);
    ps->owner = p;
    ps->state = ASKING;
    snprintf(ps->name, sizeof ps->name, "%s", job->request.name);
    ps->key = mem_strdup(job->request.key);
    ps->query = mem_strdup(job->request.query);
    ps->mp4 = job->request.mp4;
    ps->last_ms = now_ms;
    push_sequence_init(&ps->sequence);
    list_init(&ps->held);
    list_init(&ps->uploading);
    list_init(&ps->waiting);
    list_push_back(&p->streams, &ps->node);
    p->counters.streams++;
    job->stream = ps;
    job->admitted = true;
    list_push_back(&ps->held, &job->node);
    ps->n_held++;
    struct admission_ask *open = ask(p, job, on_verdict, ps);
    if (open != NULL) {
        ps->ask = open;
    } else if (ps->state == ENDED) {
        destroy_stream(ps);
    }
}

/* Somebody with other words than those that were admitted pushes into a stream that is there. */
static void on_second_verdict(void *arg, const struct admission_verdict *v)
{
    struct push_job *job = arg;
    struct push_stream *ps = job->stream;
    char text[PUSH_TEXT_MAX];
    job->ask = NULL;
    bool other =
        v->err == ERR_OK && (ps->state != READY || strcmp(v->name.id, stream_id(ps->stream)) != 0);
    if (v->err == ERR_OK) {
        admission_unused(ps->owner->config.admission, v,
                         other ? TAKEN : "it pushes into a stream that is there already");
    }
    if (v->err == ERR_OK && !other) {
        job->admitted = true;
        if (has_room(ps, job, clock_mono_ms())) {
            ps->n_held--;
            let_in(ps, job);
        }
        return;
    }
    snprintf(text, sizeof text, NO_STREAM "%s", other ? TAKEN : v->text);
    ps->n_held--;
    give(ps->owner, job, other ? 500 : 403, text);
}

static void ask_second(struct push_stream *ps, struct push_job *job)
{
    /* The answer may come from inside, and the job may be gone then. */
    struct admission_ask *open = ask(ps->owner, job, on_second_verdict, job);
    if (open != NULL) {
        job->ask = open;
    }
}

static struct push_stream *find(struct push *p, const char *name)
{
    LIST_EACH (&p->streams, n, next) {
        struct push_stream *ps = LIST_ITEM(n, struct push_stream, node);
        if (ps->state != ENDED && strcmp(ps->name, name) == 0) {
            return ps;
        }
    }
    return NULL;
}

static void join(struct push_stream *ps, struct push_job *job, int64_t now_ms)
{
    struct push *p = ps->owner;
    if (strcmp(ps->key, job->request.key) != 0) {
        give(p, job, 403, NO_STREAM "this stream is being pushed with another key");
        return;
    }
    if (ps->n_held >= PUSH_WAITING_MAX) {
        give(p, job, 503, NO_SESSIONS);
        return;
    }
    job->admitted = strcmp(ps->query, job->request.query) == 0;
    job->stream = ps;
    if (job->admitted && ps->state == READY && ps->n_held == 0 && has_room(ps, job, now_ms)) {
        let_in(ps, job);
        return;
    }
    list_push_back(&ps->held, &job->node);
    ps->n_held++;
    if (!job->admitted && ps->state == READY) {
        ask_second(ps, job);
    }
}

static void take_ask(struct push *p, struct push_job *job, int64_t now_ms)
{
    struct push_stream *ps = find(p, job->request.name);
    list_init(&job->node);
    job->since_ms = now_ms;
    if (p->shut) {
        give(p, job, 503, STOPPING);
    } else if (ps != NULL) {
        join(ps, job, now_ms);
    } else if (p->counters.streams >= PUSH_STREAMS_MAX) {
        give(p, job, 500, NO_STREAM "too many streams are being pushed");
    } else {
        create_stream(p, job, now_ms);
    }
}

static void refuse_body(struct push *p, struct push_job *job)
{
    switch (job->result) {
    case ERR_NOMEM:
        finish(job, 500, "ErrStorage");
        break;
    case ERR_LIMIT:
        finish(job, 500, job->why);
        break;
    default:
        p->counters.undecodable++;
        log_warn("push", "undecodable", "stream=%s number=%" PRIu64 " why=\"%s\"",
                 job->stream->name, job->number, job->why);
        finish(job, 422, job->why);
        break;
    }
}

static void take_body(struct push *p, struct push_job *job, int64_t now_ms)
{
    struct push_stream *ps = job->stream;
    list_remove(&job->node);
    push_sequence_upload_ends(&ps->sequence, job->number);
    if (ps->state != READY) {
        finish(job, 503, STOPPING);
        return;
    }
    if (job->result != ERR_OK) {
        refuse_body(p, job);
        return;
    }
    switch (push_sequence_add(&ps->sequence, job->number, job->hash, job, now_ms)) {
    case PUSH_TAKEN:
        break;
    case PUSH_DUPLICATE:
        p->counters.duplicates++;
        finish(job, 500, "segment already exists");
        break;
    case PUSH_LATE:
        p->counters.late++;
        finish(job, 500, "segment comes too late: its place in the stream was given up");
        break;
    case PUSH_FULL:
        finish(job, 503, NO_SESSIONS);
        break;
    }
}

static void settle(struct push_stream *ps, int64_t now_ms)
{
    advance(ps, now_ms);
    if (ps->state == ENDED && !in_use(ps)) {
        destroy_stream(ps);
    }
}

void push_take(struct push *p, struct push_job *job, int64_t now_ms)
{
    struct push_stream *ps = job->stream;
    switch (job->stage) {
    case PUSH_ASK:
        take_ask(p, job, now_ms);
        return;
    case PUSH_BODY:
        take_body(p, job, now_ms);
        break;
    case PUSH_GONE:
        list_remove(&job->node);
        push_sequence_upload_ends(&ps->sequence, job->number);
        ps->unanswered--;
        p->config.forget(p->config.arg, job);
        break;
    }
    settle(ps, now_ms);
}

void push_tick(struct push *p, int64_t now_ms)
{
    LIST_EACH (&p->streams, n, next) {
        struct push_stream *ps = LIST_ITEM(n, struct push_stream, node);
        if (in_use(ps)) {
            ps->last_ms = now_ms;
        }
        if (ps->state == READY && now_ms - ps->last_ms >= p->config.idle_ms) {
            end_stream(ps, "nothing was pushed for the idle time-out", now_ms);
        }
        if (ps->state == READY && ps->revoked) {
            end_and_answer(ps, 403, REVOKED, now_ms);
        } else {
            settle(ps, now_ms);
        }
    }
}

/* --- reports --- */

struct push_counters push_counters(const struct push *p)
{
    return p->counters;
}

void push_metrics(const struct push *p, struct metrics *m)
{
    const struct push_counters *c = &p->counters;
    metrics_one(m, METRIC_GAUGE, "sbe_push_streams", "Streams that are pushed over HTTP.",
                (double)c->streams);
    metrics_one(m, METRIC_COUNTER, "sbe_push_segments_total", "Pushed segments that were taken.",
                (double)c->segments);
    metrics_one(m, METRIC_COUNTER, "sbe_push_refused_total",
                "Pushes that were answered with an error after they were understood.",
                (double)c->refused);
    metrics_one(m, METRIC_COUNTER, "sbe_push_holes_total",
                "Numbers that were not pushed and became gaps.", (double)c->holes);
    metrics_one(m, METRIC_COUNTER, "sbe_push_undecodable_total",
                "Pushed segments that could not be read.", (double)c->undecodable);
}

void push_status(const struct push *p, struct json *object)
{
    struct json *j = json_new_object();
    json_set_int(j, "streams", (int64_t)p->counters.streams);
    json_set_int(j, "segments", (int64_t)p->counters.segments);
    json_set_int(j, "refused", (int64_t)p->counters.refused);
    json_set_int(j, "duplicates", (int64_t)p->counters.duplicates);
    json_set_int(j, "late", (int64_t)p->counters.late);
    json_set_int(j, "holes", (int64_t)p->counters.holes);
    json_set_int(j, "undecodable", (int64_t)p->counters.undecodable);
    json_set(object, "push", j);
}
