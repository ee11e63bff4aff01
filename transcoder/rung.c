#include "transcoder/rung.h"

#include "base/mem.h"
#include "media/track.h"
#include "transcoder/grid.h"
#include "transcoder/scale.h"

/* How long the first picture may be shown in place of those before it, which cannot be decoded. No
 * segment is longer; what says so has wrong times. */
#define BEGIN_TICKS_MAX (3 * TICKS_PER_S)

struct rung {
    const struct rung_host *host;
    size_t index;
    struct link_rung params;
    struct grid grid;
    struct scaler *scaler;  /* from the source's pictures */
    struct scaler *stepped; /* from a larger rung's */

    AVFrame *shown;  /* the picture of slot next_slot - 1 */
    AVFrame *scaled; /* shown at the rung's size; without buffers when not made yet */
    AVFrame *waiting;
    int64_t waiting_slot; /* -1: none waits */
    int64_t next_slot;    /* first slot not handed on */
    int64_t first_slot;   /* first one that is encoded at all */

    uint64_t offered;        /* pictures */
    uint64_t waiting_number; /* of them, the one that waits */
    uint64_t shown_until;    /* the first one that belongs to a later slot than is filled */
};

struct rung *rung_create(const struct rung_host *host, size_t index, const struct link_rung *params)
{
    struct rung *r = mem_alloc(sizeof *r);
    r->host = host;
    r->index = index;
    r->params = *params;
    r->params.name = "";
    r->params.preset = "";
    grid_init(&r->grid, params->fps_num, params->fps_den);
    r->scaler = scaler_create((int)params->width, (int)params->height);
    r->stepped = scaler_create((int)params->width, (int)params->height);
    r->waiting_slot = -1;
    r->first_slot = (int64_t)params->emit_from * params->frames_per_part;
    r->shown = av_frame_alloc();
    r->scaled = av_frame_alloc();
    r->waiting = av_frame_alloc();
    if (r->shown == NULL || r->scaled == NULL || r->waiting == NULL) {
        rung_destroy(r);
        return NULL;
    }
    return r;
}

void rung_destroy(struct rung *r)
{
    if (r == NULL) {
        return;
    }
    av_frame_free(&r->shown);
    av_frame_free(&r->scaled);
    av_frame_free(&r->waiting);
    scaler_destroy(r->scaler);
    scaler_destroy(r->stepped);
    mem_free(r);
}

static bool is_cancelled(const struct rung *r)
{
    return r->host->cancel != NULL && atomic_load(r->host->cancel);
}

static enum err scale(struct rung *r)
{
    struct cascade *c = r->host->cascade;
    const AVFrame *from = cascade_find(c, r->shown, (int)r->params.width, (int)r->params.height);
    struct scaler *scaler = from == r->shown ? r->scaler : r->stepped;
    enum err e = scaler_run(scaler, from, r->scaled, r->host->fault);
    if (e == ERR_OK) {
        cascade_put(c, r->index, r->shown, r->scaled);
    }
    return e;
}

/* The shown picture at the rung's size, for next_slot. */
static enum err make_picture(struct rung *r, AVFrame **ret_picture)
{
    struct fault *f = r->host->fault;
    if (is_cancelled(r)) {
        return fault_set(f, false, ERR_CLOSED, "cancelled");
    }
    enum err e = r->scaled->buf[0] == NULL ? scale(r) : ERR_OK;
    if (e != ERR_OK) {
        return e;
    }
    *ret_picture = av_frame_clone(r->scaled);
    return *ret_picture != NULL ? ERR_OK
                                : fault_set(f, false, ERR_NOMEM, "no memory for a picture");
}

static enum err hand(struct rung *r, struct coder_step *step)
{
    return r->host->hand(r->host->hand_arg, r->index, step);
}

/* Hands on the shown picture for next_slot. */
static enum err advance(struct rung *r)
{
    struct coder_step *step = coder_step_create(CODER_SLOT);
    step->slot = r->next_slot++;
    step->number = r->shown_until;
    step->start = r->grid.start;
    step->pts = r->shown->pts;
    enum err e = step->slot < r->first_slot ? ERR_OK : make_picture(r, &step->picture);
    if (e != ERR_OK) {
        coder_step_destroy(step);
        return e;
    }
    return hand(r, step);
}

/* Repeats the shown picture up to the slot before end. */
static enum err repeat_until(struct rung *r, int64_t end)
{
    enum err e = ERR_OK;
    while (e == ERR_OK && r->next_slot < end) {
        e = advance(r);
    }
    return e;
}

static enum err show(struct rung *r, const AVFrame *picture, int64_t slot, uint64_t number)
{
    r->shown_until = number;
    bool is_first = r->shown->buf[0] == NULL; /* there is nothing to be shown before it */
    enum err e = is_first ? ERR_OK : repeat_until(r, slot);
    if (e != ERR_OK) {
        return e;
    }
    av_frame_unref(r->shown);
    av_frame_unref(r->scaled);
    if (av_frame_ref(r->shown, picture) < 0) {
        return fault_set(r->host->fault, false, ERR_NOMEM, "no memory for a picture");
    }
    return is_first ? repeat_until(r, slot + 1) : advance(r);
}

static enum err show_waiting(struct rung *r)
{
    int64_t slot = r->waiting_slot;
    r->waiting_slot = -1;
    enum err e = show(r, r->waiting, slot, r->waiting_number);
    av_frame_unref(r->waiting);
    return e;
}

/* Also of a picture that has no slot. */
static enum err take_captions(struct rung *r, const AVFrame *picture, uint64_t number)
{
    const AVFrameSideData *cc = av_frame_get_side_data(picture, AV_FRAME_DATA_A53_CC);
    if (cc == NULL) {
        return ERR_OK;
    }
    struct coder_step *step = coder_step_create(CODER_CAPTIONS);
    step->number = number;
    step->captions = av_buffer_ref(cc->buf);
    if (step->captions == NULL) {
        coder_step_destroy(step);
        return fault_set(r->host->fault, false, ERR_NOMEM, "no memory for captions");
    }
    return hand(r, step);
}

/* Where what comes before the first picture cannot be decoded, the segment begins earlier. */
static void begin(struct rung *r, const AVFrame *picture)
{
    const struct rung_host *h = r->host;
    int64_t lead = h->has_begin ? picture->pts - h->begin : 0;
    if (lead > 0 && lead <= BEGIN_TICKS_MAX && r->params.fps_num > 0) {
        grid_begin(&r->grid, h->begin);
    }
}

enum err rung_offer(struct rung *r, const AVFrame *picture)
{
    if (r->offered == 0) {
        begin(r, picture);
    }
    uint64_t number = r->offered++;
    int64_t slot = 0;
    bool settled = false;
    enum grid_verdict verdict = grid_offer(&r->grid, picture->pts, &slot, &settled);
    if (verdict == GRID_WRONG) {
        return fault_set(r->host->fault, true, ERR_LIMIT,
                         "a picture's time lies more than %d s after the segment's start",
                         (int)(GRID_SEGMENT_TICKS_MAX / TICKS_PER_S));
    }
    enum err e = take_captions(r, picture, number);
    if (e == ERR_OK && settled && r->waiting_slot >= 0) {
        e = show_waiting(r);
    }
    if (e != ERR_OK) {
        return e;
    }
    if (verdict == GRID_TAKE) {
        return show(r, picture, slot, number);
    }
    if (verdict == GRID_WAIT) {
        av_frame_unref(r->waiting);
        if (av_frame_ref(r->waiting, picture) < 0) {
            return fault_set(r->host->fault, false, ERR_NOMEM, "no memory for a picture");
        }
        r->waiting_slot = slot;
        r->waiting_number = number;
    }
    return ERR_OK;
}

static enum err fill_segment(struct rung *r, int64_t duration)
{
    int64_t slots = 0;
    if (grid_slots(&r->grid, duration, &slots) != ERR_OK) {
        return fault_set(r->host->fault, true, ERR_LIMIT, "the segment is longer than %d s",
                         (int)(GRID_SEGMENT_TICKS_MAX / TICKS_PER_S));
    }
    enum err e = ERR_OK;
    bool is_first = r->shown->buf[0] == NULL;
    if (r->waiting_slot >= 0 && (is_first || r->waiting_slot < slots)) {
        r->waiting_slot = r->waiting_slot < slots ? r->waiting_slot : slots - 1;
        e = show_waiting(r);
        if (e != ERR_OK) {
            return e;
        }
    }
    r->shown_until = r->offered;
    return repeat_until(r, slots);
}

enum err rung_finish(struct rung *r, int64_t duration)
{
    enum err e = fill_segment(r, duration);
    if (e != ERR_OK) {
        return e;
    }
    struct coder_step *step = coder_step_create(CODER_END);
    step->number = r->shown_until;
    return hand(r, step);
}
