#include "transcoder/rung.h"

#include <string.h>

#include "base/mem.h"
#include "media/packet.h"
#include "transcoder/avcc.h"
#include "transcoder/caption_lane.h"
#include "transcoder/encode.h"
#include "transcoder/grid.h"
#include "transcoder/scale.h"

/* How long the first picture may be shown in place of those before it, which cannot be decoded. No
 * segment is longer; what says so has wrong times. */
#define BEGIN_TICKS_MAX (3 * TICKS_PER_S)

#define TIMES 128 /* slots whose times are remembered: more than encoder delay + DTS delay */

struct part {
    uint32_t number;
    struct link_packet *packets; /* frames_per_part */
    int64_t *slots;              /* of each */
    size_t count;
    struct buf payload;
};

struct rung {
    const struct rung_host *host;
    size_t index;
    struct link_rung params;
    struct grid grid;
    struct scaler *scaler;   /* from the source's pictures */
    struct scaler *stepped;  /* from a larger rung's */
    struct encoder *encoder; /* NULL before the first slot that is encoded */
    uint64_t config_hash;

    AVFrame *shown;  /* the picture of slot next_slot - 1 */
    AVFrame *scaled; /* shown at the rung's size; without buffers when not made yet */
    AVFrame *waiting;
    int64_t waiting_slot; /* -1: none waits */
    int64_t next_slot;    /* first slot not given to the encoder */
    int64_t first_slot;   /* first one that is encoded at all */
    int64_t times[TIMES]; /* PTS of slot i at i % TIMES */

    struct caption_lane *captions; /* NULL: the source has had none */
    uint64_t offered;              /* pictures */
    uint64_t waiting_number;       /* of them, the one that waits */
    uint64_t shown_until;          /* the first one that belongs to a later slot than is filled */

    int64_t coded; /* slots that came out of the encoder or were skipped */
    struct part part;
    bool ended; /* next_slot is the number of slots of the segment */
    bool last_emitted;
    bool config_sent;
    struct link_rung_total total;
};

struct rung *rung_create(const struct rung_host *host, size_t index, const struct link_rung *params)
{
    struct rung *r = mem_alloc(sizeof *r);
    r->host = host;
    r->index = index;
    r->params = *params;
    r->params.name = "";
    r->params.preset = mem_strdup(params->preset);
    grid_init(&r->grid, params->fps_num, params->fps_den);
    r->scaler = scaler_create((int)params->width, (int)params->height);
    r->stepped = scaler_create((int)params->width, (int)params->height);
    r->waiting_slot = -1;
    r->first_slot = (int64_t)params->emit_from * params->frames_per_part;
    r->coded = r->first_slot;
    r->part.number = params->emit_from;
    r->part.packets = mem_try_alloc(params->frames_per_part * sizeof *r->part.packets);
    r->part.slots = mem_try_alloc(params->frames_per_part * sizeof *r->part.slots);
    buf_init(&r->part.payload, LINK_PAYLOAD_MAX);
    r->shown = av_frame_alloc();
    r->scaled = av_frame_alloc();
    r->waiting = av_frame_alloc();
    if (r->part.packets == NULL || r->part.slots == NULL || r->shown == NULL || r->scaled == NULL ||
        r->waiting == NULL) {
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
    caption_lane_destroy(r->captions);
    encoder_destroy(r->encoder);
    scaler_destroy(r->scaler);
    scaler_destroy(r->stepped);
    buf_fini(&r->part.payload);
    mem_free(r->part.packets);
    mem_free(r->part.slots);
    mem_free((char *)r->params.preset);
    mem_free(r);
}

struct link_rung_total rung_total(const struct rung *r)
{
    return r->total;
}

static bool is_cancelled(const struct rung *r)
{
    return r->host->cancel != NULL && atomic_load(r->host->cancel);
}

static bool has_own_times(const struct rung *r)
{
    return r->params.fps_num == 0;
}

static int64_t slot_time(const struct rung *r, int64_t slot)
{
    if (!has_own_times(r)) {
        return grid_time(&r->grid, slot);
    }
    /* Before the first picture one tick apart: later than anything of the segment before. */
    return slot < 0 ? r->grid.start + slot : r->times[slot % TIMES];
}

static int64_t slot_duration(const struct rung *r, int64_t slot)
{
    if (!has_own_times(r) || slot + 1 < r->next_slot) {
        return slot_time(r, slot + 1) - slot_time(r, slot);
    }
    return slot > 0 ? slot_time(r, slot) - slot_time(r, slot - 1) : 0;
}

/* The slot of a packet: what was pushed is the slot itself, or the picture's own time. */
static int64_t slot_of(const struct rung *r, int64_t pts)
{
    if (!has_own_times(r)) {
        return pts;
    }
    int64_t slot = r->next_slot - 1;
    while (slot > r->next_slot - TIMES && slot >= 0 && r->times[slot % TIMES] != pts) {
        slot--;
    }
    return slot;
}

/* Puts the captions in front of their pictures. Only now that the part is whole all of its slots
 * are closed: a picture may leave the encoder as soon as it comes, ahead of B-frames before it. */
static enum err add_captions(struct rung *r)
{
    struct buf with;
    buf_init(&with, LINK_PAYLOAD_MAX);
    struct span left = buf_span(&r->part.payload);
    enum err e = ERR_OK;
    for (size_t i = 0; i < r->part.count && e == ERR_OK; i++) {
        struct link_packet *p = &r->part.packets[i];
        struct span picture = {0};
        size_t before = with.len;
        e = caption_lane_write(r->captions, r->part.slots[i], &with);
        e = e == ERR_OK ? span_read_bytes(&left, p->length, &picture) : e;
        e = e == ERR_OK ? buf_put(&with, picture) : e;
        p->length = (uint32_t)(with.len - before);
    }
    if (e != ERR_OK) {
        buf_fini(&with);
        return fault_set(r->host->fault, false, e, "no room for the captions of a part");
    }
    buf_fini(&r->part.payload);
    r->part.payload = with;
    return ERR_OK;
}

static enum err emit_part(struct rung *r, bool last)
{
    enum err e = r->captions != NULL ? add_captions(r) : ERR_OK;
    if (e != ERR_OK) {
        return e;
    }
    struct span bytes = buf_span(&r->part.payload);
    struct blob *payload = blob_wrap(bytes.data, bytes.len, mem_free, r->part.payload.data);
    if (payload == NULL) {
        return fault_set(r->host->fault, false, ERR_NOMEM, "no memory for a part");
    }
    buf_init(&r->part.payload, LINK_PAYLOAD_MAX);
    struct link_unit unit = {
        .rung = (uint32_t)r->index,
        .part = r->part.number,
        .packets = r->part.packets,
        .n_packets = r->part.count,
        .last = last,
        .config_hash = r->config_hash,
    };
    if (!r->config_sent) {
        unit.config = encoder_config(r->encoder);
    }
    r->total.frames += r->part.count;
    r->total.pixels += (uint64_t)r->part.count * r->params.width * r->params.height;
    r->total.bytes += bytes.len;
    r->config_sent = true;
    r->last_emitted = last;
    r->part.count = 0;
    r->part.number++;
    e = r->host->emit(r->host->emit_arg, &unit, payload);
    blob_unref(payload);
    return e;
}

static enum err add_packet(struct rung *r, const struct encoded *out)
{
    struct fault *f = r->host->fault;
    int64_t slot = slot_of(r, out->pts);
    int64_t dts = slot_time(r, r->coded - r->params.dts_delay_frames);
    int64_t pts = slot_time(r, slot);
    if (slot < 0 || slot / r->params.frames_per_part != r->part.number || dts > pts) {
        return fault_set(f, true, ERR_STATE,
                         "the encoder reorders pictures further than the rung allows");
    }
    size_t before = r->part.payload.len;
    if (avcc_write_unit(out->annex_b, &r->part.payload) != ERR_OK) {
        return fault_set(f, false, ERR_LIMIT, "a part is empty or larger than %d bytes",
                         LINK_PAYLOAD_MAX);
    }
    r->part.slots[r->part.count] = slot;
    r->part.packets[r->part.count++] = (struct link_packet){
        .length = (uint32_t)(r->part.payload.len - before),
        .dts = dts,
        .pts = pts,
        .duration = (uint32_t)slot_duration(r, slot),
        .flags = out->key ? PACKET_KEY : 0,
    };
    r->coded++;
    if (r->ended && r->coded == r->next_slot) {
        return emit_part(r, true);
    }
    return r->part.count == r->params.frames_per_part ? emit_part(r, false) : ERR_OK;
}

/* ERR_AGAIN and ERR_CLOSED are ends, not errors. */
static enum err take_packets(struct rung *r)
{
    for (;;) {
        struct encoded out;
        enum err e = encoder_pull(r->encoder, &out, r->host->fault);
        if (e == ERR_AGAIN || e == ERR_CLOSED) {
            return ERR_OK;
        }
        if (e == ERR_OK) {
            e = add_packet(r, &out);
        }
        if (e != ERR_OK) {
            return e;
        }
    }
}

static enum err open_encoder(struct rung *r)
{
    enum err e = encoder_create(&r->params, r->scaled, r->host->fault, &r->encoder);
    if (e == ERR_OK) {
        r->config_hash = avcc_hash(encoder_config(r->encoder));
    }
    return e;
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

static enum encoder_type type_of(const struct rung *r, int64_t slot)
{
    const struct link_rung *p = &r->params;
    if (slot == r->first_slot || (p->gop_frames > 0 && slot % p->gop_frames == 0)) {
        return ENCODER_IDR;
    }
    return slot % p->frames_per_part == p->frames_per_part - 1 ? ENCODER_P : ENCODER_AUTO;
}

/* Gives the shown picture to the encoder for next_slot. */
static enum err encode_slot(struct rung *r)
{
    int64_t slot = r->next_slot;
    if (slot < r->first_slot) {
        return ERR_OK;
    }
    if (is_cancelled(r)) {
        return fault_set(r->host->fault, false, ERR_CLOSED, "cancelled");
    }
    enum err e = ERR_OK;
    if (r->scaled->buf[0] == NULL) {
        e = scale(r);
    }
    if (e == ERR_OK && r->encoder == NULL) {
        e = open_encoder(r);
    }
    if (e != ERR_OK) {
        return e;
    }
    int64_t pts = has_own_times(r) ? r->times[slot % TIMES] : slot;
    return encoder_push(r->encoder, r->scaled, pts, type_of(r, slot), r->host->fault);
}

/* The slot before next_slot is as full as it gets. Its part is not whole before: the encoder keeps
 * a picture back. */
static void close_captions(struct rung *r)
{
    if (r->captions != NULL) {
        caption_lane_close(r->captions, r->next_slot - 1, r->shown_until);
    }
}

static enum err advance(struct rung *r)
{
    close_captions(r);
    enum err e = encode_slot(r);
    r->next_slot++;
    return e == ERR_OK && r->encoder != NULL ? take_packets(r) : e;
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
    if (has_own_times(r)) {
        r->times[slot % TIMES] = picture->pts;
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
    if (r->captions == NULL) {
        r->captions = caption_lane_create((size_t)r->params.frames_per_part + TIMES);
    }
    if (r->captions == NULL) {
        return fault_set(r->host->fault, false, ERR_NOMEM, "no memory for captions");
    }
    caption_lane_add(r->captions, number, span_of(cc->data, cc->size));
    return ERR_OK;
}

/* Where what comes before the first picture cannot be decoded, the segment begins earlier. */
static void begin(struct rung *r, const AVFrame *picture)
{
    const struct rung_host *h = r->host;
    int64_t lead = h->has_begin ? picture->pts - h->begin : 0;
    if (lead > 0 && lead <= BEGIN_TICKS_MAX && !has_own_times(r)) {
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
    e = repeat_until(r, slots);
    close_captions(r);
    return e;
}

enum err rung_finish(struct rung *r, int64_t duration)
{
    enum err e = fill_segment(r, duration);
    if (e != ERR_OK || r->encoder == NULL) {
        return e;
    }
    r->ended = true;
    e = encoder_end(r->encoder, r->host->fault);
    if (e == ERR_OK) {
        e = take_packets(r);
    }
    if (e == ERR_OK && !r->last_emitted) {
        e = fault_set(r->host->fault, false, ERR_STATE, "the encoder lost pictures");
    }
    return e;
}
