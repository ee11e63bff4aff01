#include "transcoder/pipeline.h"

#include <stdbool.h>

#include "base/mem.h"
#include "transcoder/capabilities.h"
#include "transcoder/decode.h"

struct pipeline {
    struct rung_host host;
    struct fault fault;
    struct decoder *decoder;
    AVFrame *frame;
    struct rung *rungs[PROFILE_LADDER_MAX];
    size_t n_rungs;
    AVRational track_sar;
    uint64_t shown;
};

static bool create_rungs(struct pipeline *p, const struct link_job_open *open)
{
    for (size_t i = 0; i < open->n_ladder; i++) {
        p->rungs[i] = rung_create(&p->host, i, &open->ladder[i]);
        if (p->rungs[i] == NULL) {
            return false;
        }
        p->n_rungs++;
    }
    return true;
}

enum err pipeline_create(const struct link_job_open *open, rung_emit_fn *emit, void *arg,
                         const atomic_bool *cancel, struct fault *f, struct pipeline **ret_pipeline)
{
    enum err e = capabilities_check(open, f);
    struct decoder *decoder = NULL;
    if (e == ERR_OK) {
        e = decoder_create(&open->track, f, &decoder);
    }
    if (e != ERR_OK) {
        return e;
    }
    struct pipeline *p = mem_alloc(sizeof *p);
    p->host =
        (struct rung_host){.emit = emit, .emit_arg = arg, .cancel = cancel, .fault = &p->fault};
    p->decoder = decoder;
    p->frame = av_frame_alloc();
    p->track_sar = (AVRational){open->track.sar_num, open->track.sar_den};
    if (p->frame == NULL || !create_rungs(p, open)) {
        pipeline_destroy(p);
        return fault_set(f, false, ERR_NOMEM, "no memory for a job");
    }
    *ret_pipeline = p;
    return ERR_OK;
}

void pipeline_destroy(struct pipeline *p)
{
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < p->n_rungs; i++) {
        rung_destroy(p->rungs[i]);
    }
    decoder_destroy(p->decoder);
    av_frame_free(&p->frame);
    mem_free(p);
}

static bool is_cancelled(const struct pipeline *p)
{
    return p->host.cancel != NULL && atomic_load(p->host.cancel);
}

static enum err show(struct pipeline *p)
{
    AVRational *sar = &p->frame->sample_aspect_ratio;
    if (sar->num <= 0 && p->track_sar.num > 0 && p->track_sar.den > 0) {
        *sar = p->track_sar;
    }
    p->shown++;
    for (size_t i = 0; i < p->n_rungs; i++) {
        enum err e = rung_offer(p->rungs[i], p->frame);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static enum err cancelled(struct pipeline *p)
{
    return fault_set(&p->fault, false, ERR_CLOSED, "cancelled");
}

static enum err show_decoded(struct pipeline *p)
{
    for (;;) {
        if (is_cancelled(p)) {
            return cancelled(p);
        }
        enum err e = decoder_pull(p->decoder, p->frame, &p->fault);
        if (e == ERR_AGAIN || e == ERR_CLOSED) {
            return ERR_OK;
        }
        if (e == ERR_OK) {
            e = show(p);
        }
        av_frame_unref(p->frame);
        if (e != ERR_OK) {
            return e;
        }
    }
}

static bool is_time(int64_t ticks)
{
    return ticks > -PIPELINE_TIME_MAX && ticks < PIPELINE_TIME_MAX;
}

static enum err feed_one(struct pipeline *p, const struct packet *packet)
{
    if (is_cancelled(p)) {
        return cancelled(p);
    }
    if (!is_time(packet->pts) || !is_time(packet->dts)) {
        return fault_set(&p->fault, true, ERR_LIMIT, "a packet's time is out of all bounds");
    }
    enum err e = decoder_push(p->decoder, packet, &p->fault);
    return e == ERR_OK ? show_decoded(p) : e;
}

enum err pipeline_feed(struct pipeline *p, const struct packets *packets)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < packets->count && e == ERR_OK; i++) {
        e = feed_one(p, &packets->items[i]);
    }
    return e;
}

enum err pipeline_finish(struct pipeline *p, int64_t duration)
{
    enum err e = decoder_push(p->decoder, NULL, &p->fault);
    if (e == ERR_OK) {
        e = show_decoded(p);
    }
    if (e == ERR_OK && p->shown == 0) {
        e = fault_set(&p->fault, true, ERR_PROTO, "no picture of the segment can be decoded");
    }
    for (size_t i = 0; i < p->n_rungs && e == ERR_OK; i++) {
        e = rung_finish(p->rungs[i], duration);
    }
    return e;
}

const struct fault *pipeline_fault(const struct pipeline *p)
{
    return &p->fault;
}

struct link_job_done pipeline_done(const struct pipeline *p)
{
    struct link_job_done done = {.n_rungs = p->n_rungs};
    for (size_t i = 0; i < p->n_rungs; i++) {
        done.rungs[i] = rung_total(p->rungs[i]);
    }
    return done;
}

uint64_t pipeline_errors(const struct pipeline *p)
{
    return decoder_errors(p->decoder);
}
