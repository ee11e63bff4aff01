#include "broadcaster/codec/sets.h"

#include <stdint.h>

#include "broadcaster/codec/avc.h"
#include "broadcaster/codec/bits.h"
#include "broadcaster/codec/hevc.h"
#include "broadcaster/codec/nal.h"

#define AVC_PPS           8
#define HEVC_VPS          32
#define HEVC_PPS          34
#define ARRAY_COMPLETE    0x80
#define AVC_SPS_COUNT_MAX 31

static int type_of(enum track_codec codec, struct span nal)
{
    return codec == CODEC_HEVC ? nal.data[0] >> 1 & 63 : avc_nal_type(nal);
}

bool sets_is_one(enum track_codec codec, struct span nal)
{
    int type = type_of(codec, nal);
    return codec == CODEC_HEVC ? type >= HEVC_VPS && type <= HEVC_PPS
                               : type == AVC_NAL_SPS || type == AVC_PPS;
}

static enum err add(void *arg, struct span nal)
{
    struct sets *s = arg;
    if (s->n == SETS_MAX) {
        return ERR_LIMIT;
    }
    s->nals[s->n++] = nal;
    return ERR_OK;
}

enum err sets_read(enum track_codec codec, struct span record, struct sets *ret_sets)
{
    ret_sets->codec = codec;
    ret_sets->n = 0;
    enum err e = nal_length_size(codec, record, &ret_sets->length_size);
    return e == ERR_OK ? nal_each_set(codec, record, add, ret_sets) : e;
}

bool sets_has(const struct sets *s, struct span nal)
{
    for (size_t i = 0; i < s->n; i++) {
        if (span_equal(s->nals[i], nal)) {
            return true;
        }
    }
    return false;
}

/* --- what a set is the place of --- */

/* Its number among those of its type (ITU-T H.264, 7.4.2.1 and 7.4.2.2; H.265, 7.4.3.1 to
 * 7.4.3.3); -1: it cannot be read. */
static int64_t number_of(enum track_codec codec, struct span nal)
{
    int type = type_of(codec, nal);
    size_t head = codec == CODEC_HEVC ? 2 : 1;
    struct bits b;
    if (nal.len <= head || (nal.data[0] & 0x80) != 0) {
        return -1;
    }
    if (codec == CODEC_H264 && type == AVC_NAL_SPS) {
        struct avc_sps sps;
        return avc_sps_parse(nal, &sps) == ERR_OK ? (int64_t)sps.id : -1;
    }
    if (codec == CODEC_HEVC && type == HEVC_NAL_SPS) {
        struct hevc_sps sps;
        return hevc_sps_parse(nal, &sps) == ERR_OK ? (int64_t)sps.id : -1;
    }
    bits_init_escaped(&b, span_of(nal.data + head, nal.len - head));
    int64_t number = type == HEVC_VPS ? bits_read(&b, 4) : bits_ue(&b);
    return b.past_end ? -1 : number;
}

static bool put_in(struct sets *s, struct span nal)
{
    int64_t number = number_of(s->codec, nal);
    if (number < 0 || nal.len > UINT16_MAX) {
        return false;
    }
    for (size_t i = 0; i < s->n; i++) {
        if (type_of(s->codec, s->nals[i]) == type_of(s->codec, nal) &&
            number_of(s->codec, s->nals[i]) == number) {
            s->nals[i] = nal;
            return true;
        }
    }
    return add(s, nal) == ERR_OK;
}

/* --- records --- */

struct record {
    const struct sets *sets;
    struct buf *out;
    enum err e;
};

static void put_u8(struct record *r, unsigned v)
{
    r->e = r->e == ERR_OK ? buf_put_u8(r->out, (uint8_t)v) : r->e;
}

static size_t count_of(const struct record *r, int type)
{
    size_t n = 0;
    for (size_t i = 0; i < r->sets->n; i++) {
        n += type_of(r->sets->codec, r->sets->nals[i]) == type;
    }
    return n;
}

static const struct span *first_of(const struct record *r, int type)
{
    for (size_t i = 0; i < r->sets->n; i++) {
        if (type_of(r->sets->codec, r->sets->nals[i]) == type) {
            return &r->sets->nals[i];
        }
    }
    return NULL;
}

static void put_sets(struct record *r, int type)
{
    for (size_t i = 0; i < r->sets->n && r->e == ERR_OK; i++) {
        struct span nal = r->sets->nals[i];
        if (type_of(r->sets->codec, nal) == type) {
            r->e = buf_put_be16(r->out, (uint16_t)nal.len);
            r->e = r->e == ERR_OK ? buf_put(r->out, nal) : r->e;
        }
    }
}

/* ISO/IEC 14496-15, 5.3.3.1.2 */
static void put_avc(struct record *r)
{
    const struct span *first = first_of(r, AVC_NAL_SPS);
    size_t n_sps = count_of(r, AVC_NAL_SPS), n_pps = count_of(r, AVC_PPS);
    struct avc_sps sps;
    if (first == NULL || n_sps > AVC_SPS_COUNT_MAX || avc_sps_parse(*first, &sps) != ERR_OK) {
        r->e = ERR_PROTO;
        return;
    }
    put_u8(r, 1);
    for (size_t i = 1; i <= 3; i++) {
        put_u8(r, first->data[i]);
    }
    put_u8(r, 0xfc | (unsigned)(r->sets->length_size - 1));
    put_u8(r, 0xe0 | (unsigned)n_sps);
    put_sets(r, AVC_NAL_SPS);
    put_u8(r, (unsigned)n_pps);
    put_sets(r, AVC_PPS);
    if (sps.has_chroma_fields) {
        put_u8(r, 0xfc | (unsigned)sps.chroma_format);
        put_u8(r, 0xf8 | ((unsigned)sps.bit_depth_luma - 8));
        put_u8(r, 0xf8 | ((unsigned)sps.bit_depth_chroma - 8));
        put_u8(r, 0);
    }
}

/* The head of the old record with what the sequence parameter set says (8.3.3.1.2). */
static void put_hevc_head(struct record *r, struct span old, unsigned arrays)
{
    const struct span *first = first_of(r, HEVC_NAL_SPS);
    struct hevc_sps sps;
    if (first == NULL || hevc_sps_parse(*first, &sps) != ERR_OK) {
        r->e = ERR_PROTO;
        return;
    }
    put_u8(r, 1);
    for (size_t i = 0; i < HEVC_GENERAL_BYTES; i++) {
        put_u8(r, sps.general[i]);
    }
    put_u8(r, old.data[13]); /* min_spatial_segmentation_idc, parallelismType */
    put_u8(r, old.data[14]);
    put_u8(r, old.data[15]);
    put_u8(r, 0xfc | (unsigned)sps.chroma_format);
    put_u8(r, 0xf8 | ((unsigned)sps.bit_depth_luma - 8));
    put_u8(r, 0xf8 | ((unsigned)sps.bit_depth_chroma - 8));
    put_u8(r, 0); /* avgFrameRate: not told */
    put_u8(r, 0);
    put_u8(r, (unsigned)sps.sub_layers << 3 | (unsigned)sps.nested << 2 |
                  (unsigned)(r->sets->length_size - 1));
    put_u8(r, arrays);
}

static void put_hevc(struct record *r, struct span old)
{
    /* Those of all other types stand behind. */
    static const int order[] = {HEVC_VPS, HEVC_NAL_SPS, HEVC_PPS, 39, 40};
    unsigned arrays = 0;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        arrays += count_of(r, order[i]) > 0;
    }
    put_hevc_head(r, old, arrays);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        size_t n = count_of(r, order[i]);
        if (n > 0) {
            put_u8(r, (order[i] <= HEVC_PPS ? ARRAY_COMPLETE : 0) | (unsigned)order[i]);
            put_u8(r, 0);
            put_u8(r, (unsigned)n);
            put_sets(r, order[i]);
        }
    }
}

/* False: all that are in it are known, or cannot be read. */
static bool take_sets(struct sets *s, struct span access_unit)
{
    struct span nal;
    bool any = false;
    while (avc_next_nal(&access_unit, s->length_size, &nal)) {
        if (sets_is_one(s->codec, nal) && !sets_has(s, nal)) {
            any = put_in(s, nal) || any;
        }
    }
    return any;
}

enum err sets_follow(enum track_codec codec, struct span record, struct span access_unit,
                     struct buf *out)
{
    struct sets s;
    size_t before = out->len;
    enum err e = sets_read(codec, record, &s);
    if (e != ERR_OK) {
        return e;
    }
    if (!take_sets(&s, access_unit)) {
        return ERR_NOENT;
    }
    struct record r = {.sets = &s, .out = out, .e = ERR_OK};
    if (codec == CODEC_HEVC) {
        put_hevc(&r, record);
    } else {
        put_avc(&r);
    }
    if (r.e != ERR_OK) {
        out->len = before;
    }
    return r.e;
}
