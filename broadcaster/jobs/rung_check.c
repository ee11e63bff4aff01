#include "broadcaster/jobs/rung_check.h"

#include <stdbool.h>

#include "broadcaster/codec/avc.h"
#include "media/packet.h"

#define LENGTH_BYTES 4 /* before each NAL unit: what transcoders write */

#define NAL_SLICE 1
#define NAL_IDR   5
#define NAL_SPS   7
#define NAL_PPS   8

#define SLICE_TYPES 5 /* each is told as itself, or 5 higher: all of the picture are alike */
#define SLICE_P     0
#define SLICE_B     1
#define SLICE_I     2

/* The first bits of a slice's head: ue(v) of first_mb_in_slice, slice_type, pic_parameter_set_id.
 */
struct bits {
    struct span left; /* behind the NAL unit's header */
    size_t at;
};

static int read_bit(struct bits *b)
{
    if (b->at / 8 >= b->left.len) {
        return -1;
    }
    int bit = b->left.data[b->at / 8] >> (7 - b->at % 8) & 1;
    b->at++;
    return bit;
}

/* Small numbers only; -1: it is larger or cut off. No emulation prevention byte can stand before
 * the end of three such numbers: that takes more zeros than they have. */
#define UE_ZEROS_MAX 6
static int read_ue(struct bits *b)
{
    int zeros = 0, bit;
    while ((bit = read_bit(b)) == 0) {
        if (++zeros > UE_ZEROS_MAX) {
            return -1;
        }
    }
    int value = 1;
    for (int i = 0; i < zeros && bit >= 0; i++) {
        bit = read_bit(b);
        value = value << 1 | bit;
    }
    return bit < 0 ? -1 : value - 1;
}

/* Of a frame's first slice. Rungs have one picture parameter set, number 0. */
static const char *check_slice(struct span nal)
{
    struct bits b = {.left = span_of(nal.data + 1, nal.len - 1)};
    int first_mb = read_ue(&b), type = read_ue(&b), pps = read_ue(&b);
    if (first_mb != 0) {
        return "a frame does not begin at its beginning";
    }
    if (type < 0 || type >= 2 * SLICE_TYPES || type % SLICE_TYPES > SLICE_I || pps != 0) {
        return "a frame has a slice of a kind that there is not";
    }
    if (avc_nal_type(nal) == NAL_IDR && type % SLICE_TYPES != SLICE_I) {
        return "a key frame leans on other frames";
    }
    return NULL;
}

static const char *check_frame(const struct link_packet *p, struct span frame)
{
    struct span nal;
    size_t walked = 0;
    bool has_slice = false;
    bool is_key = (p->flags & PACKET_KEY) != 0;
    struct span left = frame;
    while (avc_next_nal(&left, LENGTH_BYTES, &nal)) {
        int type = avc_nal_type(nal);
        walked = (size_t)(nal.data - frame.data) + nal.len;
        if (type == NAL_SPS || type == NAL_PPS) {
            return "a frame brings parameter sets of its own";
        }
        if (type != NAL_SLICE && type != NAL_IDR) {
            continue;
        }
        if ((type == NAL_IDR) != is_key) {
            return is_key ? "a key frame is none" : "a key frame is not said to be one";
        }
        const char *why = has_slice ? NULL : check_slice(nal);
        if (why != NULL) {
            return why;
        }
        has_slice = true;
    }
    if (walked != frame.len) {
        return "a frame is not made of NAL units";
    }
    return has_slice ? NULL : "a frame has no picture";
}

static const char *check_config(const struct link_rung *described, struct span record)
{
    struct avc_config config;
    struct avc_sps sps;
    if (avc_config_parse(record, &config) != ERR_OK || avc_sps_parse(config.sps, &sps) != ERR_OK) {
        return "its parameter sets cannot be read";
    }
    if (config.nal_length_size != LENGTH_BYTES) {
        return "its NAL units have lengths of another size";
    }
    if (sps.width != (int)described->width || sps.height != (int)described->height) {
        return "it has another size than was asked for";
    }
    return NULL;
}

const char *rung_check_frames(const struct link_rung *described, const struct link_unit *u,
                              struct span payload)
{
    if (u->config.len > 0) {
        const char *why = check_config(described, u->config);
        if (why != NULL) {
            return why;
        }
        if (u->n_packets > 0 && (u->packets[0].flags & PACKET_KEY) == 0) {
            return "its first frame is no key frame";
        }
    }
    size_t at = 0;
    for (size_t i = 0; i < u->n_packets; i++) {
        if (u->packets[i].length > payload.len - at) {
            return "its frames are longer than what came";
        }
        const char *why =
            check_frame(&u->packets[i], span_of(payload.data + at, u->packets[i].length));
        if (why != NULL) {
            return why;
        }
        at += u->packets[i].length;
    }
    return NULL;
}

/* When the k-th frame of a grid is due, behind the first. */
static int64_t grid_ticks(const struct link_rung *d, int64_t k)
{
    return k * TICKS_PER_S * (int64_t)d->fps_den / (int64_t)d->fps_num;
}

static int64_t grid_slots(const struct link_rung *d, int64_t ticks)
{
    int64_t quarters = 4 * ticks * (int64_t)d->fps_num / (TICKS_PER_S * (int64_t)d->fps_den);
    return (quarters + 1) / 4;
}

/* As many as the segment is long, which is measured where it is decoded. Where composition offsets
 * grow in its midst it is shown for longer. One more when the source's last picture turns out
 * shorter than those before it, for it is shown before that is known. */
static bool is_whole(const struct link_rung *d, const struct rung_place *place, int64_t frames)
{
    int64_t least = grid_slots(d, place->duration);
    int64_t most = grid_slots(d, place->end - place->start) + 1;
    least = least > 1 ? least : 1;
    most = most > least ? most : least;
    return frames >= least && frames <= most + 1;
}

static bool is_near(int64_t a, int64_t b, int64_t most)
{
    return a - b <= most && b - a <= most;
}

/* Grid times are rounded at both ends. */
#define ROUNDING_TICKS 2

const char *rung_check_times(const struct link_rung *described, const struct link_unit *u,
                             const struct rung_place *place)
{
    if (described->fps_num == 0 || u->n_packets == 0) {
        return NULL;
    }
    int64_t delay = grid_ticks(described, described->dts_delay_frames);
    int64_t first = place->frames > 0 ? place->first_dts : u->packets[0].dts;
    if (!is_near(first + delay, place->start, RUNG_CHECK_START_TICKS)) {
        return "its times are not those of the source";
    }
    /* A frame is coded before those of its B-frames, and shown behind them. */
    int64_t ahead = grid_ticks(described, described->dts_delay_frames + described->bframes);
    for (size_t i = 0; i < u->n_packets; i++) {
        const struct link_packet *p = &u->packets[i];
        int64_t due = first + grid_ticks(described, (int64_t)(place->frames + i));
        if (!is_near(p->dts, due, ROUNDING_TICKS) || p->pts < p->dts ||
            p->pts > p->dts + ahead + ROUNDING_TICKS) {
            return "a frame has another time than was asked for";
        }
    }
    int64_t frames = (int64_t)(place->frames + u->n_packets);
    if (place->duration > 0 && u->last && !is_whole(described, place, frames)) {
        return "its segment has another number of frames than the source's length gives";
    }
    return NULL;
}

const char *rung_check(const struct link_rung *described, const struct link_unit *u,
                       struct span payload, const struct rung_place *place)
{
    const char *why = rung_check_frames(described, u, payload);
    return why != NULL ? why : rung_check_times(described, u, place);
}
