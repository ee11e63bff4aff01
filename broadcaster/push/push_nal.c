#include "broadcaster/push/push_nal.h"

#include <string.h>

#include "broadcaster/codec/avc.h"

#define AVC_PPS         8
#define AVC_FILLER      12
#define HEVC_VPS        32
#define HEVC_SPS        33
#define HEVC_PPS        34
#define HEVC_AUD        35
#define HEVC_FILLER     38
#define HEVC_IRAP_FIRST 16
#define HEVC_IRAP_LAST  23

#define HEVC_PROFILE_AT    1 /* of profile_tier_level in the unescaped SPS behind its NAL header */
#define HEVC_PROFILE_BYTES 12

static int hevc_type(struct span nal)
{
    return nal.data[0] >> 1 & 0x3f;
}

/* The place of the next 00 00 01 from at on; len: there is none. */
static size_t find_start(struct span s, size_t at)
{
    while (at + 3 <= s.len) {
        const uint8_t *one = memchr(s.data + at + 2, 1, s.len - at - 2);
        if (one == NULL) {
            return s.len;
        }
        size_t end = (size_t)(one - s.data);
        if (s.data[end - 1] == 0 && s.data[end - 2] == 0) {
            return end - 2;
        }
        at = end - 1;
    }
    return s.len;
}

bool push_next_nal(struct span *stream, struct span *ret_nal)
{
    size_t start = find_start(*stream, 0);
    while (start + 3 < stream->len) {
        size_t end = find_start(*stream, start + 3);
        struct span nal = span_of(stream->data + start + 3, end - start - 3);
        while (nal.len > 0 && nal.data[nal.len - 1] == 0) {
            nal.len--;
        }
        if (nal.len > 0) {
            *stream = span_of(stream->data + end, stream->len - end);
            *ret_nal = nal;
            return true;
        }
        start = end;
    }
    *stream = span_of(NULL, 0);
    return false;
}

static bool holds(const struct span *sets, size_t n, struct span nal)
{
    for (size_t i = 0; i < n; i++) {
        if (span_equal(sets[i], nal)) {
            return true;
        }
    }
    return false;
}

static void collect(struct span *sets, size_t *n, struct span nal)
{
    if (*n < PUSH_SETS_MAX && !holds(sets, *n, nal)) {
        sets[(*n)++] = nal;
    }
}

void push_sets_collect(struct push_sets *s, struct span stream, bool hevc)
{
    struct span nal;
    while (push_next_nal(&stream, &nal)) {
        int type = hevc ? hevc_type(nal) : avc_nal_type(nal);
        if (hevc && type == HEVC_VPS) {
            collect(s->vps, &s->n_vps, nal);
        } else if (type == (hevc ? HEVC_SPS : AVC_NAL_SPS)) {
            collect(s->sps, &s->n_sps, nal);
        } else if (type == (hevc ? HEVC_PPS : AVC_PPS)) {
            collect(s->pps, &s->n_pps, nal);
        }
    }
}

bool push_sets_have(const struct push_sets *s, struct span nal)
{
    return holds(s->vps, s->n_vps, nal) || holds(s->sps, s->n_sps, nal) ||
           holds(s->pps, s->n_pps, nal);
}

static enum err put_sets(struct buf *out, const struct span *sets, size_t n)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < n && e == ERR_OK; i++) {
        if (sets[i].len > UINT16_MAX) {
            return ERR_PROTO;
        }
        e = buf_put_be16(out, (uint16_t)sets[i].len);
        if (e == ERR_OK) {
            e = buf_put(out, sets[i]);
        }
    }
    return e;
}

static bool has_format_fields(uint8_t profile)
{
    return profile == 100 || profile == 110 || profile == 122 || profile == 144;
}

enum err push_put_avc_config(struct buf *out, const struct push_sets *s,
                             const struct push_format *f)
{
    if (s->n_sps == 0 || s->n_pps == 0) {
        return ERR_NOENT;
    }
    if (s->sps[0].len < 4) {
        return ERR_PROTO;
    }
    const uint8_t *sps = s->sps[0].data;
    const uint8_t head[] = {1, sps[1], sps[2], sps[3], 0xfc | 3, (uint8_t)(0xe0 | s->n_sps)};
    enum err e = buf_put(out, span_of(head, sizeof head));
    if (e == ERR_OK) {
        e = put_sets(out, s->sps, s->n_sps);
    }
    if (e == ERR_OK) {
        e = buf_put_u8(out, (uint8_t)s->n_pps);
    }
    if (e == ERR_OK) {
        e = put_sets(out, s->pps, s->n_pps);
    }
    if (e == ERR_OK && has_format_fields(sps[1])) {
        uint8_t depth = (uint8_t)(0xf8 | ((f->depth - 8) & 7));
        const uint8_t tail[] = {(uint8_t)(0xfc | (f->chroma & 3)), depth, depth, 0};
        e = buf_put(out, span_of(tail, sizeof tail));
    }
    return e;
}

/* The first n bytes behind the NAL header without emulation prevention (H.265, 7.3.1.1). */
static bool unescape(struct span nal, uint8_t *out, size_t n)
{
    size_t zeros = 0, have = 0;
    for (size_t i = 2; i < nal.len && have < n; i++) {
        if (zeros >= 2 && nal.data[i] == 3) {
            zeros = 0;
            continue;
        }
        zeros = nal.data[i] == 0 ? zeros + 1 : 0;
        out[have++] = nal.data[i];
    }
    return have == n;
}

static enum err put_array(struct buf *out, int type, const struct span *sets, size_t n)
{
    enum err e = buf_put_u8(out, (uint8_t)(0x80 | type)); /* array_completeness */
    if (e == ERR_OK) {
        e = buf_put_be16(out, (uint16_t)n);
    }
    return e == ERR_OK ? put_sets(out, sets, n) : e;
}

enum err push_put_hevc_config(struct buf *out, const struct push_sets *s,
                              const struct push_format *f)
{
    uint8_t sps[HEVC_PROFILE_AT + HEVC_PROFILE_BYTES];
    if (s->n_vps == 0 || s->n_sps == 0 || s->n_pps == 0) {
        return ERR_NOENT;
    }
    if (!unescape(s->sps[0], sps, sizeof sps)) {
        return ERR_PROTO;
    }
    uint8_t layers = (uint8_t)((sps[0] >> 1 & 7) + 1);
    uint8_t nested = sps[0] & 1;
    uint8_t depth = (uint8_t)(0xf8 | ((f->depth - 8) & 7));
    const uint8_t tail[] = {
        0xf0,  0, 0xfc, (uint8_t)(0xfc | (f->chroma & 3)),        depth,
        depth, 0, 0,    (uint8_t)(layers << 3 | nested << 2 | 3), 3,
    };
    enum err e = buf_put_u8(out, 1);
    if (e == ERR_OK) {
        e = buf_put(out, span_of(sps + HEVC_PROFILE_AT, HEVC_PROFILE_BYTES));
    }
    if (e == ERR_OK) {
        e = buf_put(out, span_of(tail, sizeof tail));
    }
    if (e == ERR_OK) {
        e = put_array(out, HEVC_VPS, s->vps, s->n_vps);
    }
    if (e == ERR_OK) {
        e = put_array(out, HEVC_SPS, s->sps, s->n_sps);
    }
    return e == ERR_OK ? put_array(out, HEVC_PPS, s->pps, s->n_pps) : e;
}

static bool left_out(struct span nal, bool hevc, const struct push_sets *s)
{
    int type = hevc ? hevc_type(nal) : avc_nal_type(nal);
    return type == (hevc ? HEVC_AUD : AVC_NAL_AUD) || type == (hevc ? HEVC_FILLER : AVC_FILLER) ||
           push_sets_have(s, nal);
}

enum err push_put_unit(struct buf *out, struct span stream, bool hevc, const struct push_sets *s)
{
    size_t before = out->len;
    enum err e = ERR_OK;
    struct span nal;
    while (e == ERR_OK && push_next_nal(&stream, &nal)) {
        if (left_out(nal, hevc, s)) {
            continue;
        }
        e = buf_put_be32(out, (uint32_t)nal.len);
        if (e == ERR_OK) {
            e = buf_put(out, nal);
        }
    }
    if (e == ERR_OK && out->len == before) {
        e = ERR_NOENT;
    }
    if (e != ERR_OK) {
        out->len = before;
    }
    return e;
}

bool push_hevc_is_key(struct span unit, int length_size)
{
    struct span nal;
    while (avc_next_nal(&unit, length_size, &nal)) {
        int type = hevc_type(nal);
        if (type < HEVC_VPS) {
            return type >= HEVC_IRAP_FIRST && type <= HEVC_IRAP_LAST;
        }
    }
    return false;
}

enum err push_read_adts(struct span *frame, uint8_t asc[PUSH_ASC_BYTES], int *ret_rate,
                        int *ret_channels)
{
    static const int rates[] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                22050, 16000, 12000, 11025, 8000,  7350};
    const uint8_t *h = frame->data;
    if (frame->len < 7 || h[0] != 0xff || (h[1] & 0xf6) != 0xf0) {
        return ERR_PROTO;
    }
    size_t header = h[1] & 1 ? 7 : 9;
    size_t length = (size_t)(h[3] & 3) << 11 | (size_t)h[4] << 3 | h[5] >> 5;
    unsigned rate = h[2] >> 2 & 15;
    unsigned channels = (h[2] & 1u) << 2 | h[3] >> 6;
    if (length <= header || length > frame->len) {
        return ERR_PROTO;
    }
    if ((h[6] & 3) != 0 || rate >= sizeof rates / sizeof rates[0] || channels == 0) {
        return ERR_UNSUPPORTED;
    }
    unsigned object = (h[2] >> 6u) + 1u;
    asc[0] = (uint8_t)(object << 3 | rate >> 1);
    asc[1] = (uint8_t)((rate & 1) << 7 | channels << 3);
    *ret_rate = rates[rate];
    *ret_channels = channels == 7 ? 8 : (int)channels;
    *frame = span_of(h + header, length - header);
    return ERR_OK;
}
