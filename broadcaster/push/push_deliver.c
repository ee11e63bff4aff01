#include <stdio.h>

#include "broadcaster/push/push_internal.h"

#define EXHAUSTED "Hit max transcode attempts"

static void finish_rungs(struct push_job *job)
{
    if (!job->lost) {
        job->answer.parts = job->request.wants_parts;
        push_finish(job, 200, "");
    } else if (job->failure == JOBS_FAILED_BUSY || job->failure == JOBS_FAILED_NO_ORCHESTRATOR) {
        push_finish(job, 503, PUSH_NO_SESSIONS);
    } else {
        push_finish(job, 500, EXHAUSTED);
    }
}

static void on_settled(void *arg, size_t rung, struct segment *s, const enum jobs_failure *why)
{
    struct push_stream *ps = arg;
    LIST_EACH (&ps->waiting, n, next) {
        struct push_job *job = LIST_ITEM(n, struct push_job, node);
        uint64_t msn = segment_info(s)->msn, piece = msn - job->msn;
        if (job->rungs_left == 0 || msn < job->msn || piece >= job->answer.n_pieces) {
            continue;
        }
        job->rungs_left--;
        if (why != NULL) {
            job->failure = job->lost ? job->failure : *why;
            job->lost = true;
        } else {
            job->answer.segments[rung][piece] = segment_ref(s);
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
        push_finish(job, 403, text);
        return false;
    }
    return true;
}

static bool pending(const struct push_stream *ps, const struct push_job *job)
{
    for (size_t i = 0; i < job->answer.n_pieces; i++) {
        if (stream_push_pending(ps->stream, job->msn + i)) {
            return true;
        }
    }
    return false;
}

/* False: the job is answered. */
static bool split(struct push_stream *ps, struct push_job *job, struct push_media *pieces)
{
    char text[LIMITS_TEXT_MAX];
    int64_t longest = stream_push_longest(&ps->push);
    enum err e = push_media_keep_turn(&job->media, &ps->turn);
    if (e == ERR_OK) {
        e = push_split(&job->media, longest, pieces, &job->answer.n_pieces);
    }
    if (e == ERR_LIMIT) {
        snprintf(text, sizeof text,
                 "invalid duration: %.1f s do not fit into segments of %.1f s, as they are since "
                 "this stream's first one: push segments of one length",
                 (double)job->media.duration / TICKS_PER_S, (double)longest / TICKS_PER_S);
    }
    if (e != ERR_OK) {
        push_finish(job, 500, e == ERR_LIMIT ? text : "ErrStorage");
    }
    return e == ERR_OK;
}

static void put_in(struct push_stream *ps, const struct push_turn *turn, struct push_media *pieces,
                   int64_t now_ms)
{
    struct push *p = ps->owner;
    struct push_job *job = turn->item.what;
    size_t n_pieces = job->answer.n_pieces;
    bool pictures = pieces[0].video != NULL;
    stream_push_begin(ps->stream, &pieces[0]);
    stream_push_watch(ps->stream, on_settled, ps);
    size_t n = pictures ? stream_push_rungs(ps->stream) : 0;
    bool connected = jobs_connected(p->config.jobs);
    job->msn = stream_push_next(ps->stream) + turn->holes;
    job->rungs_left = n * n_pieces;
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
    for (size_t i = 0; i < n_pieces; i++) {
        bool first = i == 0;
        stream_push_segment(ps->stream, &ps->push, &pieces[i], first ? turn->holes : 0,
                            first && turn->restarted, now_ms);
        push_media_fini(&pieces[i]);
    }
    ps->delivering = false;
    if (!p->config.transcodes || !connected) {
        push_finish(job, 503, PUSH_NO_SESSIONS);
    } else if (job->rungs_left == 0) {
        finish_rungs(job);
    } else if (!pending(ps, job)) {
        push_finish(job, 500, EXHAUSTED); /* a codec that transcoders do not take */
    }
}

void push_deliver(struct push_stream *ps, int64_t now_ms)
{
    struct push_turn turn;
    while (ps->state == PUSH_STREAM_READY && push_sequence_next(&ps->sequence, now_ms, &turn)) {
        struct push_media pieces[PUSH_PIECES_MAX];
        if (within_limits(ps, turn.item.what, now_ms) && split(ps, turn.item.what, pieces)) {
            put_in(ps, &turn, pieces, now_ms);
        }
        ps->last_ms = now_ms;
    }
}
