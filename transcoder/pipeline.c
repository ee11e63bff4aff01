#include "transcoder/pipeline.h"

#include <stdbool.h>

#include "base/mem.h"
#include "transcoder/capabilities.h"
#include "transcoder/decode.h"
#include "transcoder/deinterlace.h"
#include "transcoder/lanes.h"
#include "transcoder/rung.h"
#include "transcoder/turn.h"

#define RATE_OWN_TIMES  30 /* frames a second, where the source's own times are kept */
#define SOURCE_SHARE    4  /* reading and scaling a source: this part of encoding one of its size */
#define RATE_PER_THREAD (8 * 1000 * 1000) /* luma samples a second: less is not worth a thread */

struct pipeline {
    struct rung_host host;
    struct coder_host coder_host;
    struct fault fault;
    struct decoder *decoder;
    struct deinterlacer *deinterlacer; /* NULL: no picture was interlaced so far */
    AVFrame *frame;
    AVFrame *woven;        /* out of the deinterlacer */
    struct turner *turner; /* NULL: pictures stand upright */
    AVFrame *upright;      /* out of the turner */
    struct rung *rungs[PROFILE_LADDER_MAX];
    struct coder *coders[PROFILE_LADDER_MAX]; /* as many, */
    size_t lane_of[PROFILE_LADDER_MAX];       /* each in a lane, or LANE_NONE */
    size_t order[PROFILE_LADDER_MAX]; /* the largest rung first: smaller ones begin from it */
    size_t n_rungs;
    uint64_t rates[PROFILE_LADDER_MAX]; /* luma samples a second of each rung; in their order */
    uint64_t source_rate;
    struct lanes *lanes; /* NULL: everything is done by the caller's thread */
    bool late;           /* what they are given for */
    struct cascade cascade;
    AVRational track_sar;
    uint64_t shown;
};

static enum err run_step(void *item)
{
    struct coder_step *step = item;
    return coder_run(step->coder, step);
}

static void drop_step(void *item)
{
    coder_step_destroy(item);
}

/* Threads that wake up for each picture and find it in another processor's caches cost processor
 * time: a job that is in time does without. What a lane was given it ends first. */
static bool is_own(const struct pipeline *p, size_t rung)
{
    size_t lane = p->lane_of[rung];
    return lane == LANE_NONE || (!p->late && lanes_is_free(p->lanes, lane));
}

static enum err hand(void *arg, size_t rung, struct coder_step *step)
{
    struct pipeline *p = arg;
    step->coder = p->coders[rung];
    if (is_own(p, rung)) {
        return run_step(step);
    }
    enum err e = lanes_push(p->lanes, p->lane_of[rung], step);
    if (e != ERR_OK) {
        coder_step_destroy(step);
    }
    return e;
}

static bool create_rungs(struct pipeline *p, const struct link_job_open *open)
{
    for (; p->n_rungs < open->n_ladder; p->n_rungs++) {
        size_t i = p->n_rungs;
        p->lane_of[i] = LANE_NONE;
        p->coders[i] = coder_create(&p->coder_host, i, &open->ladder[i]);
        p->rungs[i] = rung_create(&p->host, i, &open->ladder[i]);
        if (p->coders[i] == NULL || p->rungs[i] == NULL) {
            coder_destroy(p->coders[i]);
            rung_destroy(p->rungs[i]);
            return false;
        }
    }
    return true;
}

static uint64_t area(const struct link_rung *r)
{
    return (uint64_t)r->width * r->height;
}

static void order_rungs(struct pipeline *p, const struct link_job_open *open)
{
    for (size_t i = 0; i < open->n_ladder; i++) {
        size_t at = i;
        for (; at > 0 && area(&open->ladder[p->order[at - 1]]) < area(&open->ladder[i]); at--) {
            p->order[at] = p->order[at - 1];
        }
        p->order[at] = i;
    }
}

static void rate_rungs(struct pipeline *p, const struct link_job_open *open)
{
    uint64_t fps_max = 1;
    for (size_t i = 0; i < open->n_ladder; i++) {
        const struct link_rung *r = &open->ladder[p->order[i]];
        uint64_t fps = r->fps_num > 0 ? r->fps_num / r->fps_den : RATE_OWN_TIMES;
        p->rates[i] = area(r) * fps;
        fps_max = fps > fps_max ? fps : fps_max;
    }
    p->source_rate = (uint64_t)open->track.width * (uint64_t)open->track.height * fps_max;
}

enum err pipeline_create(const struct link_job_open *open, coder_emit_fn *emit, void *arg,
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
    p->host = (struct rung_host){
        .hand = hand, .hand_arg = p, .cancel = cancel, .fault = &p->fault, .cascade = &p->cascade};
    p->coder_host = (struct coder_host){.emit = emit, .emit_arg = arg, .cancel = cancel};
    p->late = true;
    order_rungs(p, open);
    rate_rungs(p, open);
    p->decoder = decoder;
    p->frame = av_frame_alloc();
    p->woven = av_frame_alloc();
    p->upright = av_frame_alloc();
    const struct track_turn *turn = &open->track.turn;
    p->turner = turn->quarters != 0 || turn->mirrored ? turner_create(turn) : NULL;
    p->track_sar = (AVRational){open->track.sar_num, open->track.sar_den};
    if (cascade_init(&p->cascade, open->n_ladder) != ERR_OK || p->frame == NULL ||
        p->woven == NULL || p->upright == NULL || !create_rungs(p, open)) {
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
    lanes_destroy(p->lanes);
    for (size_t i = 0; i < p->n_rungs; i++) {
        rung_destroy(p->rungs[i]);
        coder_destroy(p->coders[i]);
    }
    decoder_destroy(p->decoder);
    cascade_fini(&p->cascade);
    deinterlacer_destroy(p->deinterlacer);
    turner_destroy(p->turner);
    av_frame_free(&p->frame);
    av_frame_free(&p->woven);
    av_frame_free(&p->upright);
    mem_free(p);
}

size_t pipeline_spread(struct pipeline *p, size_t threads, atomic_int *tids)
{
    uint64_t own = p->source_rate / SOURCE_SHARE;
    uint64_t sum = own;
    size_t lane_of[PROFILE_LADDER_MAX];
    for (size_t i = 0; i < p->n_rungs; i++) {
        sum += p->rates[i];
    }
    uint64_t worth = 1 + sum / RATE_PER_THREAD;
    threads = worth < threads ? (size_t)worth : threads;
    size_t n = lanes_place(p->rates, p->n_rungs, own, threads, lane_of);
    if (n == 0) {
        return 0;
    }
    p->lanes = lanes_create(n, run_step, drop_step, tids);
    for (size_t i = 0; i < p->n_rungs; i++) {
        bool there = lane_of[i] < lanes_count(p->lanes);
        p->lane_of[p->order[i]] = there ? lane_of[i] : LANE_NONE;
    }
    return lanes_count(p->lanes);
}

void pipeline_set_waited(struct pipeline *p, int64_t us)
{
    p->late = us >= PIPELINE_LATE_US;
}

static bool is_cancelled(const struct pipeline *p)
{
    return p->host.cancel != NULL && atomic_load(p->host.cancel);
}

static enum err offer(struct pipeline *p, const AVFrame *frame)
{
    p->shown++;
    for (size_t i = 0; i < p->n_rungs; i++) {
        enum err e = rung_offer(p->rungs[p->order[i]], frame);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static enum err show(struct pipeline *p, AVFrame *frame)
{
    AVRational *sar = &frame->sample_aspect_ratio;
    if (sar->num <= 0 && p->track_sar.num > 0 && p->track_sar.den > 0) {
        *sar = p->track_sar;
    }
    if (p->turner == NULL) {
        return offer(p, frame);
    }
    enum err e = turner_run(p->turner, frame, p->upright, &p->fault);
    if (e == ERR_OK) {
        e = offer(p, p->upright);
    }
    av_frame_unref(p->upright);
    return e;
}

static enum err show_deinterlaced(struct pipeline *p)
{
    for (;;) {
        enum err e = deinterlacer_pull(p->deinterlacer, p->woven, &p->fault);
        if (e == ERR_AGAIN || e == ERR_CLOSED) {
            return ERR_OK;
        }
        if (e == ERR_OK) {
            e = show(p, p->woven);
        }
        av_frame_unref(p->woven);
        if (e != ERR_OK) {
            return e;
        }
    }
}

/* From the first interlaced picture on all go through the deinterlacer, which keeps one back. */
static enum err take_picture(struct pipeline *p)
{
    if (p->deinterlacer == NULL && p->frame->interlaced_frame) {
        p->deinterlacer = deinterlacer_create();
        if (p->deinterlacer == NULL) {
            return fault_set(&p->fault, false, ERR_NOMEM, "no memory for a picture");
        }
    }
    if (p->deinterlacer == NULL) {
        return show(p, p->frame);
    }
    enum err e = deinterlacer_push(p->deinterlacer, p->frame, &p->fault);
    return e == ERR_OK ? show_deinterlaced(p) : e;
}

static enum err end_pictures(struct pipeline *p)
{
    if (p->deinterlacer == NULL) {
        return ERR_OK;
    }
    enum err e = deinterlacer_push(p->deinterlacer, NULL, &p->fault);
    return e == ERR_OK ? show_deinterlaced(p) : e;
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
            e = take_picture(p);
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

/* Also of what cannot be decoded: it has its time all the same. */
static void note_begin(struct pipeline *p, const struct packet *packet)
{
    struct rung_host *h = &p->host;
    bool is_shown = (packet->flags & PACKET_PREROLL) == 0;
    if (is_shown && (!h->has_begin || packet->pts < h->begin)) {
        h->has_begin = true;
        h->begin = packet->pts;
    }
}

static enum err feed_one(struct pipeline *p, const struct packet *packet)
{
    if (is_cancelled(p)) {
        return cancelled(p);
    }
    if (!is_time(packet->pts) || !is_time(packet->dts)) {
        return fault_set(&p->fault, true, ERR_LIMIT, "a packet's time is out of all bounds");
    }
    note_begin(p, packet);
    enum err e = decoder_push(p->decoder, packet, &p->fault);
    return e == ERR_OK ? show_decoded(p) : e;
}

/* Ends what is beside this thread: when all went well it finishes what it has, otherwise it stops.
 * The words for an error are then found. */
static enum err settle(struct pipeline *p, enum err e)
{
    if (p->lanes != NULL) {
        e = lanes_end(p->lanes, e);
    }
    for (size_t i = 0; i < p->n_rungs && e != ERR_OK; i++) {
        const struct fault *f = coder_fault(p->coders[i]);
        if (coder_result(p->coders[i]) == e && f->text[0] != '\0') {
            (void)fault_set(&p->fault, f->final, e, "%s", f->text);
        }
    }
    return e;
}

enum err pipeline_feed(struct pipeline *p, const struct packets *packets)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < packets->count && e == ERR_OK; i++) {
        e = feed_one(p, &packets->items[i]);
    }
    return e == ERR_OK ? e : settle(p, e);
}

enum err pipeline_finish(struct pipeline *p, int64_t duration)
{
    enum err e = decoder_push(p->decoder, NULL, &p->fault);
    if (e == ERR_OK) {
        e = show_decoded(p);
    }
    if (e == ERR_OK) {
        e = end_pictures(p);
    }
    if (e == ERR_OK && p->shown == 0) {
        e = fault_set(&p->fault, true, ERR_PROTO, "no picture of the segment can be decoded");
    }
    for (size_t i = 0; i < p->n_rungs && e == ERR_OK; i++) {
        e = rung_finish(p->rungs[p->order[i]], duration);
    }
    return settle(p, e);
}

uint64_t pipeline_halt(struct pipeline *p)
{
    (void)settle(p, ERR_CLOSED);
    return p->lanes != NULL ? lanes_cpu_us(p->lanes) : 0;
}

const struct fault *pipeline_fault(const struct pipeline *p)
{
    return &p->fault;
}

struct link_job_done pipeline_done(const struct pipeline *p)
{
    struct link_job_done done = {.n_rungs = p->n_rungs};
    for (size_t i = 0; i < p->n_rungs; i++) {
        done.rungs[i] = coder_total(p->coders[i]);
    }
    return done;
}

uint64_t pipeline_errors(const struct pipeline *p)
{
    return decoder_errors(p->decoder);
}
