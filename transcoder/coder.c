#include "transcoder/coder.h"

#include <stdbool.h>

#include "base/mem.h"
#include "media/packet.h"
#include "transcoder/avcc.h"
#include "transcoder/caption_lane.h"
#include "transcoder/encode.h"
#include "transcoder/grid.h"

#define TIMES 128 /* slots whose times are remembered: more than encoder delay + DTS delay */

struct part {
    uint32_t number;
    struct link_packet *packets; /* frames_per_part */
    int64_t *slots;              /* of each */
    size_t count;
    struct buf payload;
};

struct coder {
    const struct coder_host *host;
    size_t index;
    struct link_rung params;
    struct fault fault;
    enum err result;
    struct grid grid;        /* for its times alone */
    struct encoder *encoder; /* NULL before the first slot that is encoded */
    uint64_t config_hash;
    int64_t next_slot;             /* first slot not given to the encoder */
    int64_t first_slot;            /* first one that is encoded at all */
    int64_t times[TIMES];          /* PTS of slot i at i % TIMES */
    struct caption_lane *captions; /* NULL: the source has had none */

    int64_t coded; /* slots that came out of the encoder or were skipped */
    struct part part;
    bool ended; /* next_slot is the number of slots of the segment */
    bool last_emitted;
    bool config_sent;
    struct link_rung_total total;
};

struct coder_step *coder_step_create(enum coder_step_type type)
{
    struct coder_step *s = mem_alloc(sizeof *s);
    s->type = type;
    return s;
}

void coder_step_destroy(struct coder_step *s)
{
    if (s != NULL) {
        av_buffer_unref(&s->captions);
        av_frame_free(&s->picture);
        mem_free(s);
    }
}

struct coder *coder_create(const struct coder_host *host, size_t index,
                           const struct link_rung *params)
{
    struct coder *c = mem_alloc(sizeof *c);
    c->host = host;
    c->index = index;
    c->params = *params;
    c->params.name = "";
    c->params.preset = mem_strdup(params->preset);
    grid_init(&c->grid, params->fps_num, params->fps_den);
    c->first_slot = (int64_t)params->emit_from * params->frames_per_part;
    c->coded = c->first_slot;
    c->part.number = params->emit_from;
    c->part.packets = mem_try_alloc(params->frames_per_part * sizeof *c->part.packets);
    c->part.slots = mem_try_alloc(params->frames_per_part * sizeof *c->part.slots);
    buf_init(&c->part.payload, LINK_PAYLOAD_MAX);
    if (c->part.packets == NULL || c->part.slots == NULL) {
        coder_destroy(c);
        return NULL;
    }
    return c;
}

void coder_destroy(struct coder *c)
{
    if (c == NULL) {
        return;
    }
    caption_lane_destroy(c->captions);
    encoder_destroy(c->encoder);
    buf_fini(&c->part.payload);
    mem_free(c->part.packets);
    mem_free(c->part.slots);
    mem_free((char *)c->params.preset);
    mem_free(c);
}

enum err coder_result(const struct coder *c)
{
    return c->result;
}

const struct fault *coder_fault(const struct coder *c)
{
    return &c->fault;
}

struct link_rung_total coder_total(const struct coder *c)
{
    return c->total;
}

static bool is_cancelled(const struct coder *c)
{
    return c->host->cancel != NULL && atomic_load(c->host->cancel);
}

static bool has_own_times(const struct coder *c)
{
    return c->params.fps_num == 0;
}

static int64_t slot_time(const struct coder *c, int64_t slot)
{
    if (!has_own_times(c)) {
        return grid_time(&c->grid, slot);
    }
    /* Before the first picture one tick apart: later than anything of the segment before. */
    return slot < 0 ? c->grid.start + slot : c->times[slot % TIMES];
}

static int64_t slot_duration(const struct coder *c, int64_t slot)
{
    if (!has_own_times(c) || slot + 1 < c->next_slot) {
        return slot_time(c, slot + 1) - slot_time(c, slot);
    }
    return slot > 0 ? slot_time(c, slot) - slot_time(c, slot - 1) : 0;
}

/* The slot of a packet: what was pushed is the slot itself, or the picture's own time. */
static int64_t slot_of(const struct coder *c, int64_t pts)
{
    if (!has_own_times(c)) {
        return pts;
    }
    int64_t slot = c->next_slot - 1;
    while (slot > c->next_slot - TIMES && slot >= 0 && c->times[slot % TIMES] != pts) {
        slot--;
    }
    return slot;
}

/* Puts the captions in front of their pictures. Only now that the part is whole all of its slots
 * are closed: a picture may leave the encoder as soon as it comes, ahead of B-frames before it. */
static enum err add_captions(struct coder *c)
{
    struct buf with;
    buf_init(&with, LINK_PAYLOAD_MAX);
    struct span left = buf_span(&c->part.payload);
    enum err e = ERR_OK;
    for (size_t i = 0; i < c->part.count && e == ERR_OK; i++) {
        struct link_packet *p = &c->part.packets[i];
        struct span picture = {0};
        size_t before = with.len;
        e = caption_lane_write(c->captions, c->part.slots[i], &with);
        e = e == ERR_OK ? span_read_bytes(&left, p->length, &picture) : e;
        e = e == ERR_OK ? buf_put(&with, picture) : e;
        p->length = (uint32_t)(with.len - before);
    }
    if (e != ERR_OK) {
        buf_fini(&with);
        return fault_set(&c->fault, false, e, "no room for the captions of a part");
    }
    buf_fini(&c->part.payload);
    c->part.payload = with;
    return ERR_OK;
}

static enum err emit_part(struct coder *c, bool last)
{
    enum err e = c->captions != NULL ? add_captions(c) : ERR_OK;
    if (e != ERR_OK) {
        return e;
    }
    struct span bytes = buf_span(&c->part.payload);
    struct blob *payload = blob_wrap(bytes.data, bytes.len, mem_free, c->part.payload.data);
    if (payload == NULL) {
        return fault_set(&c->fault, false, ERR_NOMEM, "no memory for a part");
    }
    buf_init(&c->part.payload, LINK_PAYLOAD_MAX);
    struct link_unit unit = {
        .rung = (uint32_t)c->index,
        .part = c->part.number,
        .packets = c->part.packets,
        .n_packets = c->part.count,
        .last = last,
        .config_hash = c->config_hash,
    };
    if (!c->config_sent) {
        unit.config = encoder_config(c->encoder);
    }
    c->total.frames += c->part.count;
    c->total.pixels += (uint64_t)c->part.count * c->params.width * c->params.height;
    c->total.bytes += bytes.len;
    c->config_sent = true;
    c->last_emitted = last;
    c->part.count = 0;
    c->part.number++;
    e = c->host->emit(c->host->emit_arg, &unit, payload);
    blob_unref(payload);
    return e;
}

static enum err add_packet(struct coder *c, const struct encoded *out)
{
    struct fault *f = &c->fault;
    int64_t slot = slot_of(c, out->pts);
    int64_t dts = slot_time(c, c->coded - c->params.dts_delay_frames);
    int64_t pts = slot_time(c, slot);
    if (slot < 0 || slot / c->params.frames_per_part != c->part.number || dts > pts) {
        return fault_set(f, true, ERR_STATE,
                         "the encoder reorders pictures further than the rung allows");
    }
    size_t before = c->part.payload.len;
    if (avcc_write_unit(out->annex_b, &c->part.payload) != ERR_OK) {
        return fault_set(f, false, ERR_LIMIT, "a part is empty or larger than %d bytes",
                         LINK_PAYLOAD_MAX);
    }
    c->part.slots[c->part.count] = slot;
    c->part.packets[c->part.count++] = (struct link_packet){
        .length = (uint32_t)(c->part.payload.len - before),
        .dts = dts,
        .pts = pts,
        .duration = (uint32_t)slot_duration(c, slot),
        .flags = out->key ? PACKET_KEY : 0,
    };
    c->coded++;
    if (c->ended && c->coded == c->next_slot) {
        return emit_part(c, true);
    }
    return c->part.count == c->params.frames_per_part ? emit_part(c, false) : ERR_OK;
}

/* ERR_AGAIN and ERR_CLOSED are ends, not errors. */
static enum err take_packets(struct coder *c)
{
    for (;;) {
        struct encoded out;
        enum err e = encoder_pull(c->encoder, &out, &c->fault);
        if (e == ERR_AGAIN || e == ERR_CLOSED) {
            return ERR_OK;
        }
        if (e == ERR_OK) {
            e = add_packet(c, &out);
        }
        if (e != ERR_OK) {
            return e;
        }
    }
}

static enum err open_encoder(struct coder *c, const AVFrame *like)
{
    enum err e = encoder_create(&c->params, like, &c->fault, &c->encoder);
    if (e == ERR_OK) {
        c->config_hash = avcc_hash(encoder_config(c->encoder));
    }
    return e;
}

static enum encoder_type type_of(const struct coder *c, int64_t slot)
{
    const struct link_rung *p = &c->params;
    if (slot == c->first_slot || (p->gop_frames > 0 && slot % p->gop_frames == 0)) {
        return ENCODER_IDR;
    }
    return slot % p->frames_per_part == p->frames_per_part - 1 ? ENCODER_P : ENCODER_AUTO;
}

static enum err encode(struct coder *c, AVFrame *picture, int64_t slot)
{
    if (is_cancelled(c)) {
        return fault_set(&c->fault, false, ERR_CLOSED, "cancelled");
    }
    enum err e = c->encoder == NULL ? open_encoder(c, picture) : ERR_OK;
    if (e != ERR_OK) {
        return e;
    }
    int64_t pts = has_own_times(c) ? c->times[slot % TIMES] : slot;
    return encoder_push(c->encoder, picture, pts, type_of(c, slot), &c->fault);
}

static enum err add_captions_of(struct coder *c, const struct coder_step *step)
{
    if (c->captions == NULL) {
        c->captions = caption_lane_create((size_t)c->params.frames_per_part + TIMES);
    }
    if (c->captions == NULL) {
        return fault_set(&c->fault, false, ERR_NOMEM, "no memory for captions");
    }
    struct span data = span_of(step->captions->data, step->captions->size);
    caption_lane_add(c->captions, step->number, data);
    return ERR_OK;
}

/* The slot before next_slot is as full as it gets. Its part is not whole before: the encoder keeps
 * a picture back. */
static void close_captions(struct coder *c, uint64_t before)
{
    if (c->captions != NULL) {
        caption_lane_close(c->captions, c->next_slot - 1, before);
    }
}

static enum err take_slot(struct coder *c, const struct coder_step *step)
{
    close_captions(c, step->number);
    c->grid.start = step->start;
    c->times[step->slot % TIMES] = step->pts;
    enum err e = step->picture != NULL ? encode(c, step->picture, step->slot) : ERR_OK;
    c->next_slot = step->slot + 1;
    return e == ERR_OK && c->encoder != NULL ? take_packets(c) : e;
}

static enum err take_end(struct coder *c, const struct coder_step *step)
{
    close_captions(c, step->number);
    if (c->encoder == NULL) {
        return ERR_OK;
    }
    c->ended = true;
    enum err e = encoder_end(c->encoder, &c->fault);
    if (e == ERR_OK) {
        e = take_packets(c);
    }
    if (e == ERR_OK && !c->last_emitted) {
        e = fault_set(&c->fault, false, ERR_STATE, "the encoder lost pictures");
    }
    return e;
}

enum err coder_run(struct coder *c, struct coder_step *step)
{
    switch (step->type) {
    case CODER_CAPTIONS:
        c->result = add_captions_of(c, step);
        break;
    case CODER_SLOT:
        c->result = take_slot(c, step);
        break;
    case CODER_END:
        c->result = take_end(c, step);
        break;
    }
    coder_step_destroy(step);
    return c->result;
}
