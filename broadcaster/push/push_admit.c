#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/push/push_internal.h"
#include "run/events.h"
#include "run/log.h"

#define NO_STREAM "Could not create stream ID: "
#define TAKEN     "this stream is being published already"

/* --- who may send a body, and when --- */

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
        push_give(ps->owner, job, 503, PUSH_NO_SESSIONS);
        return;
    }
    list_remove(&job->node);
    list_push_back(&ps->uploading, &job->node);
    ps->unanswered++;
    job->answer.status = 0;
    ps->owner->config.answer(ps->owner->config.arg, job);
}

/* Somebody with other words than those that were admitted pushes into a stream that is there. */
static void on_second_verdict(void *arg, const struct admission_verdict *v)
{
    struct push_job *job = arg;
    struct push_stream *ps = job->stream;
    char text[PUSH_TEXT_MAX];
    job->ask = NULL;
    bool other = v->err == ERR_OK &&
                 (ps->state != PUSH_STREAM_READY || strcmp(v->name.id, stream_id(ps->stream)) != 0);
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
    push_give(ps->owner, job, other ? 500 : 403, text);
}

static void ask_second(struct push_stream *ps, struct push_job *job)
{
    /* The answer may come from inside, and the job may be gone then. */
    struct admission_ask *open = ask(ps->owner, job, on_second_verdict, job);
    if (open != NULL) {
        job->ask = open;
    }
}

void push_let_in_held(struct push_stream *ps, int64_t now_ms)
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

/* --- the first of a stream --- */

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
        push_refuse_held(ps, may ? 500 : 403, text);
        ps->state = PUSH_STREAM_ENDED;
        return;
    }
    if (streams_publish(p->config.streams, v->name.id, v->ladder, now_ms, clock_wall_ms(),
                        &ps->stream, &why) != ERR_OK) {
        admission_unused(p->config.admission, v, why);
        snprintf(text, sizeof text, NO_STREAM "%s", why);
        push_refuse_held(ps, 500, text);
        ps->state = PUSH_STREAM_ENDED;
        return;
    }
    ps->state = PUSH_STREAM_READY;
    ps->last_ms = now_ms;
    ps->limits = v->limits;
    rate_meter_init(&ps->rate, now_ms);
    ps->pass = admission_begin(p->config.admission, v, on_revoked, ps);
    stream_push_size(ps->stream, first->request.width, first->request.height);
    event_emit("stream_started", "stream", stream_id(ps->stream));
    log_info("broadcaster", "publish", "stream=%s peer=%s by=push", stream_id(ps->stream),
             first->peer);
    push_let_in_held(ps, now_ms);
}

static void on_verdict(void *arg, const struct admission_verdict *v)
{
    struct push_stream *ps = arg;
    bool later = ps->ask != NULL;
    ps->ask = NULL;
    start_stream(ps, LIST_ITEM(ps->held.next, struct push_job, node), v, clock_mono_ms());
    if (later && ps->state == PUSH_STREAM_ENDED) {
        push_stream_destroy(ps);
    }
}

static void create_stream(struct push *p, struct push_job *job, int64_t now_ms)
{
    struct push_stream *ps = mem_alloc(sizeof *ps);
    ps->owner = p;
    ps->state = PUSH_STREAM_ASKING;
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
    } else if (ps->state == PUSH_STREAM_ENDED) {
        push_stream_destroy(ps);
    }
}

static struct push_stream *find(struct push *p, const char *name)
{
    LIST_EACH (&p->streams, n, next) {
        struct push_stream *ps = LIST_ITEM(n, struct push_stream, node);
        if (ps->state != PUSH_STREAM_ENDED && strcmp(ps->name, name) == 0) {
            return ps;
        }
    }
    return NULL;
}

static void join(struct push_stream *ps, struct push_job *job, int64_t now_ms)
{
    struct push *p = ps->owner;
    if (strcmp(ps->key, job->request.key) != 0) {
        push_give(p, job, 403, NO_STREAM "this stream is being pushed with another key");
        return;
    }
    if (ps->n_held >= PUSH_WAITING_MAX) {
        push_give(p, job, 503, PUSH_NO_SESSIONS);
        return;
    }
    job->admitted = strcmp(ps->query, job->request.query) == 0;
    job->stream = ps;
    if (job->admitted && ps->state == PUSH_STREAM_READY && ps->n_held == 0 &&
        has_room(ps, job, now_ms)) {
        let_in(ps, job);
        return;
    }
    list_push_back(&ps->held, &job->node);
    ps->n_held++;
    if (!job->admitted && ps->state == PUSH_STREAM_READY) {
        ask_second(ps, job);
    }
}

void push_take_ask(struct push *p, struct push_job *job, int64_t now_ms)
{
    struct push_stream *ps = find(p, job->request.name);
    list_init(&job->node);
    job->since_ms = now_ms;
    if (p->shut) {
        push_give(p, job, 503, PUSH_STOPPING);
    } else if (ps != NULL) {
        join(ps, job, now_ms);
    } else if (p->counters.streams >= PUSH_STREAMS_MAX) {
        push_give(p, job, 500, NO_STREAM "too many streams are being pushed");
    } else {
        create_stream(p, job, now_ms);
    }
}
