#include "broadcaster/jobs/jobs_rung.h"

#include "broadcaster/codec/avc.h"

/* x264's own default for an encoder that starts with nothing before it. */
#define RATE_FIRST_PERMILLE 900

/* Of the cap, and of a second at the cap: ten seconds of the one and a whole buffer of the other
 * are 10.3 seconds at the cap. */
#define RATE_PERMILLE   960
#define BUFFER_PERMILLE 700

void jobs_rung_init(struct jobs_rung *r)
{
    *r = (struct jobs_rung){0};
    packets_init(&r->packets);
    jobs_held_init(&r->held);
}

void jobs_rung_let_go(struct jobs_rung *r)
{
    r->probe = 0;
    jobs_held_clear(&r->held);
    jobs_rung_unwatch(r);
}

void jobs_rung_unwatch(struct jobs_rung *r)
{
    if (r->watch != NULL) {
        r->watch->drop(r->watch);
        r->watch = NULL;
    }
}

void jobs_rung_fini(struct jobs_rung *r)
{
    jobs_rung_let_go(r);
    packets_fini(&r->packets);
    track_unref(r->track);
}

static bool times_fit(const struct jobs_rung *r, const struct link_unit *u)
{
    const struct packets *ps = &r->packets;
    int64_t last = ps->count > 0 ? ps->items[ps->count - 1].dts : INT64_MIN;
    for (size_t i = 0; i < u->n_packets; i++) {
        if (u->packets[i].dts <= last || u->packets[i].pts < u->packets[i].dts) {
            return false;
        }
        last = u->packets[i].dts;
    }
    return true;
}

static bool size_fits(const struct link_rung *described, const struct link_unit *u)
{
    return u->n_packets == described->frames_per_part ||
           (u->last && u->n_packets > 0 && u->n_packets < described->frames_per_part);
}

static enum err learn_track(struct jobs_rung *r, const struct link_rung *described,
                            const struct link_unit *u)
{
    struct avc_config config;
    if (avc_config_parse(u->config, &config) != ERR_OK) {
        return ERR_PROTO;
    }
    struct track_params params = {
        .kind = TRACK_VIDEO,
        .codec = CODEC_H264,
        .config = u->config,
        .width = (int)described->width,
        .height = (int)described->height,
        .sar_num = 0,
        .sar_den = 1,
    };
    r->track = track_create(&params);
    r->config_hash = u->config_hash;
    return r->track != NULL ? ERR_OK : ERR_NOMEM;
}

/* Each lasts until the next one is decoded, whatever was said: parts of a segment are decoded one
 * by one. On a grid it does but for the rounding, and may stand in a part already. */
static void join_times(struct packets *ps, size_t from)
{
    for (size_t i = from > 0 ? from : 1; i < ps->count; i++) {
        int64_t step = ps->items[i].dts - ps->items[i - 1].dts;
        if (step > ps->items[i - 1].duration + 1 || step < ps->items[i - 1].duration - 1) {
            ps->items[i - 1].duration = step;
        }
    }
}

enum err jobs_rung_push(struct jobs_rung *r, const struct link_rung *described,
                        const struct link_unit *u, struct blob *payload)
{
    if (r->complete || u->part != r->parts || !size_fits(described, u) || !times_fit(r, u)) {
        return ERR_PROTO;
    }
    size_t count = r->packets.count + u->n_packets;
    size_t bytes = r->packets.bytes + blob_span(payload).len;
    if (bytes + count * sizeof(struct packet) > JOBS_RUNG_MAX) {
        return ERR_LIMIT;
    }
    if (r->track == NULL) {
        enum err e = learn_track(r, described, u);
        if (e != ERR_OK) {
            return e;
        }
    } else if (u->config_hash != r->config_hash) {
        return ERR_PROTO;
    }
    size_t before = r->packets.count;
    enum err e = link_unit_packets(u, TRACK_VIDEO, payload, &r->packets);
    if (e == ERR_OK) {
        join_times(&r->packets, before);
        r->parts++;
        r->complete = u->last;
    }
    return e;
}

/* Of the buffer: what a segment is to leave for the key frame that begins the next one. */
#define RESERVE_PERMILLE 250

#define SEGMENT_FIRST_S 2 /* how long a segment lasts, until one was seen */

/* What a segment that starves adds to the CRF: nothing is known of the first one; one alone may
 * need hardly more than it has, and a step of one can be a quarter of the rate where there is
 * grain. */
#define CRF_STEP_FIRST  3
#define CRF_STEP_AGAIN  2
#define CRF_STEP_AFRESH 1

void jobs_rate_init(struct jobs_rate *r, int cap_bps)
{
    r->rate_bps = (int64_t)cap_bps * RATE_PERMILLE / 1000;
    r->size_bits = (int64_t)cap_bps * BUFFER_PERMILLE / 1000;
    r->level_bits = r->size_bits * RATE_FIRST_PERMILLE / 1000;
    r->segment_bits = r->rate_bps * SEGMENT_FIRST_S;
    r->in_bits = 0;
    r->out_bits = 0;
    r->crf_now = 0;
    r->crf_told = 0;
    r->crf_more = 0;
    r->crf_step = CRF_STEP_FIRST;
}

/* What a segment spent, permille of what flowed in: above the first it starves unless the buffer is
 * as full as the second; below the others the next one is told to spend more (or much more). */
#define SPENT_MUCH  940
#define LEVEL_WHOLE 940
#define SPENT_LESS  760
#define SPENT_HALF  500

static bool is_starved(const struct jobs_rate *r)
{
    return r->out_bits * 1000 / r->in_bits > SPENT_MUCH && jobs_rate_permille(r) < LEVEL_WHOLE;
}

/* A segment may be opened before what the one before it did is known: what was told it already is
 * not told a second time. */
static uint32_t next_crf_more(const struct jobs_rate *r)
{
    int64_t spent = r->out_bits * 1000 / r->in_bits;
    uint32_t more = r->crf_told;
    if (is_starved(r)) {
        uint32_t up = r->crf_now + r->crf_step;
        more = up > more ? up : more;
    } else if (spent < SPENT_LESS && r->crf_now > 0) {
        uint32_t down = spent < SPENT_HALF ? r->crf_now / 2 : r->crf_now - 1;
        more = down < more ? down : more;
    }
    return more < RATE_CRF_MORE_MAX ? more : RATE_CRF_MORE_MAX;
}

static void end_segment(struct jobs_rate *r)
{
    r->crf_more = next_crf_more(r);
    r->crf_step = is_starved(r) ? CRF_STEP_AGAIN : CRF_STEP_AFRESH;
    r->crf_now = r->crf_told;
    r->segment_bits = r->in_bits;
    r->in_bits = 0;
    r->out_bits = 0;
}

void jobs_rate_spend(struct jobs_rate *r, const struct link_unit *u)
{
    for (size_t i = 0; i < u->n_packets; i++) {
        int64_t in = r->rate_bps * u->packets[i].duration / TICKS_PER_S;
        r->in_bits += in;
        r->out_bits += (int64_t)u->packets[i].length * 8;
        r->level_bits += in;
        if (r->level_bits > r->size_bits) {
            r->level_bits = r->size_bits;
        }
        r->level_bits -= (int64_t)u->packets[i].length * 8;
        if (r->level_bits < 0) {
            r->level_bits = 0;
        }
    }
    if (u->last && r->in_bits > 0) {
        end_segment(r);
    }
}

/* The last parts of a segment come when the next one is open already: most of it tells enough. */
uint32_t jobs_rate_crf_more(const struct jobs_rate *r)
{
    return r->in_bits * 2 >= r->segment_bits ? next_crf_more(r) : r->crf_more;
}

void jobs_rate_open(struct jobs_rate *r)
{
    r->crf_told = jobs_rate_crf_more(r);
    if (r->in_bits == 0) {
        r->crf_now = r->crf_told;
    }
}

uint32_t jobs_rate_bps(const struct jobs_rate *r)
{
    int64_t reserve = r->size_bits * RESERVE_PERMILLE / 1000;
    int64_t told = r->rate_bps - r->rate_bps * reserve / r->segment_bits;
    return (uint32_t)(told > r->rate_bps / 2 ? told : r->rate_bps / 2);
}

uint32_t jobs_rate_permille(const struct jobs_rate *r)
{
    return (uint32_t)(r->level_bits * 1000 / r->size_bits);
}
