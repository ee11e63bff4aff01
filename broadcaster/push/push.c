#include "broadcaster/push/push.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/push/push_internal.h"
#include "run/events.h"
#include "run/log.h"

#define REVOKED "the stream key is not valid any more"

void push_answer_fini(struct push_answer *a)
{
    for (size_t i = 0; i < a->n; i++) {
        for (size_t k = 0; k < a->n_pieces; k++) {
            segment_unref(a->segments[i][k]);
        }
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

void push_give(struct push *p, struct push_job *job, int status, const char *text)
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
void push_finish(struct push_job *job, int status, const char *text)
{
    struct push_stream *ps = job->stream;
    ps->unanswered--;
    if (status != 200) {
        push_answer_fini(&job->answer);
    }
    push_give(ps->owner, job, status, text);
}

/* --- the end of a stream --- */

static void end_stream(struct push_stream *ps, const char *reason, int64_t now_ms)
{
    if (ps->state == PUSH_STREAM_READY) {
        const char *id = stream_id(ps->stream);
        event_emit_reason("publisher_gone", "stream", id, reason);
        log_info("broadcaster", "unpublish", "stream=%s orderly=1 reason=\"%s\"", id, reason);
        stream_push_watch(ps->stream, NULL, NULL);
        stream_end(ps->stream, now_ms);
        admission_end(ps->pass, reason);
        ps->pass = NULL;
        ps->stream = NULL;
    }
    ps->state = PUSH_STREAM_ENDED;
}

void push_stream_destroy(struct push_stream *ps)
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

void push_refuse_held(struct push_stream *ps, int status, const char *text)
{
    LIST_EACH (&ps->held, n, next) {
        struct push_job *job = LIST_ITEM(n, struct push_job, node);
        cancel_ask(job);
        ps->n_held--;
        push_give(ps->owner, job, status, text);
    }
}

static bool in_use(const struct push_stream *ps)
{
    return ps->n_held > 0 || ps->unanswered > 0;
}

static void end_and_answer(struct push_stream *ps, int status, const char *text, int64_t now_ms)
{
    struct push_item item;
    push_refuse_held(ps, status, text);
    while (push_sequence_drop(&ps->sequence, &item)) {
        push_finish(item.what, status, text);
    }
    LIST_EACH (&ps->waiting, n, next) {
        push_finish(LIST_ITEM(n, struct push_job, node), status, text);
    }
    end_stream(ps, text, now_ms);
    if (!in_use(ps)) {
        push_stream_destroy(ps);
    }
}

void push_shut(struct push *p, int64_t now_ms)
{
    p->shut = true;
    LIST_EACH (&p->streams, n, next) {
        struct push_stream *ps = LIST_ITEM(n, struct push_stream, node);
        if (ps->state != PUSH_STREAM_ENDED) {
            end_and_answer(ps, 503, PUSH_STOPPING, now_ms);
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
        end_stream(ps, PUSH_STOPPING, clock_mono_ms());
        push_stream_destroy(ps);
    }
    mem_free(p);
}

/* --- jobs --- */

static void refuse_body(struct push *p, struct push_job *job)
{
    switch (job->result) {
    case ERR_NOMEM:
        push_finish(job, 500, "ErrStorage");
        break;
    case ERR_LIMIT:
        push_finish(job, 500, job->why);
        break;
    default:
        p->counters.undecodable++;
        log_warn("push", "undecodable", "stream=%s number=%" PRIu64 " why=\"%s\"",
                 job->stream->name, job->number, job->why);
        push_finish(job, 422, job->why);
        break;
    }
}

static void take_body(struct push *p, struct push_job *job, int64_t now_ms)
{
    struct push_stream *ps = job->stream;
    list_remove(&job->node);
    push_sequence_upload_ends(&ps->sequence, job->number);
    if (ps->state != PUSH_STREAM_READY) {
        push_finish(job, 503, PUSH_STOPPING);
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
        push_finish(job, 500, "segment already exists");
        break;
    case PUSH_LATE:
        p->counters.late++;
        push_finish(job, 500, "segment comes too late: its place in the stream was given up");
        break;
    case PUSH_FULL:
        push_finish(job, 503, PUSH_NO_SESSIONS);
        break;
    }
}

static void settle(struct push_stream *ps, int64_t now_ms)
{
    push_deliver(ps, now_ms);
    if (ps->state == PUSH_STREAM_READY) {
        push_let_in_held(ps, now_ms);
    }
    if (ps->state == PUSH_STREAM_ENDED && !in_use(ps)) {
        push_stream_destroy(ps);
    }
}

void push_take(struct push *p, struct push_job *job, int64_t now_ms)
{
    struct push_stream *ps = job->stream;
    switch (job->stage) {
    case PUSH_ASK:
        push_take_ask(p, job, now_ms);
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
        if (ps->state == PUSH_STREAM_READY && now_ms - ps->last_ms >= p->config.idle_ms) {
            end_stream(ps, "nothing was pushed for the idle time-out", now_ms);
        }
        if (ps->state == PUSH_STREAM_READY && ps->revoked) {
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
