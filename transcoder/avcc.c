#include "transcoder/avcc.h"

#include <stdbool.h>
#include <string.h>

#define NAL_SEI    6
#define NAL_SPS    7
#define NAL_PPS    8
#define NAL_AUD    9
#define NAL_FILLER 12

#define SEI_USER_DATA_UNREGISTERED 5
#define SEI_UUID_BYTES             16

#define CONFIG_FIXED_BYTES 5 /* version, profile, compatibility, level, length size */
#define SPS_COUNT_MASK     0x1f

static bool is_high_profile(uint8_t profile_idc)
{
    return profile_idc == 100 || profile_idc == 110 || profile_idc == 122 || profile_idc == 144;
}

static enum err skip_sets(struct span *s, uint8_t mask)
{
    uint8_t count;
    if (span_read_u8(s, &count) != ERR_OK || (count & mask) == 0) {
        return ERR_PROTO;
    }
    for (int i = 0; i < (count & mask); i++) {
        uint16_t len;
        struct span set;
        if (span_read_be16(s, &len) != ERR_OK || len == 0 ||
            span_read_bytes(s, len, &set) != ERR_OK) {
            return ERR_PROTO;
        }
    }
    return ERR_OK;
}

enum err avcc_check_config(struct span config)
{
    struct span fixed;
    if (span_read_bytes(&config, CONFIG_FIXED_BYTES, &fixed) != ERR_OK || fixed.data[0] != 1) {
        return ERR_PROTO;
    }
    if (skip_sets(&config, SPS_COUNT_MASK) != ERR_OK || skip_sets(&config, 0xff) != ERR_OK) {
        return ERR_PROTO;
    }
    return ERR_OK;
}

/* The offset of the next 00 00 01 at or after from, or the length when there is none. */
static size_t find_start(struct span s, size_t from)
{
    while (from + 3 <= s.len) {
        const uint8_t *one = memchr(s.data + from + 2, 1, s.len - from - 2);
        if (one == NULL) {
            return s.len;
        }
        size_t at = (size_t)(one - s.data) - 2;
        if (s.data[at] == 0 && s.data[at + 1] == 0) {
            return at;
        }
        from = at + 1;
    }
    return s.len;
}

/* Takes the next NAL unit from the front; false at the end. Empty units are passed over. */
static bool next_nal(struct span *s, struct span *ret_nal)
{
    for (;;) {
        size_t start = find_start(*s, 0);
        if (start == s->len) {
            return false;
        }
        size_t begin = start + 3;
        size_t end = find_start(*s, begin);
        struct span nal = span_of(s->data + begin, end - begin);
        *s = span_of(s->data + end, s->len - end);
        /* A NAL unit never ends in a zero byte: those belong to the next start code. */
        while (nal.len > 0 && nal.data[nal.len - 1] == 0) {
            nal.len--;
        }
        if (nal.len > 0) {
            *ret_nal = nal;
            return true;
        }
    }
}

static int nal_type(struct span nal)
{
    return nal.data[0] & 0x1f;
}

/* The SEI's first message is unregistered user data (x264 writes one message per unit). */
static bool is_user_data(struct span nal)
{
    return nal_type(nal) == NAL_SEI && nal.len > 1 && nal.data[1] == SEI_USER_DATA_UNREGISTERED;
}

static bool is_left_out(struct span nal)
{
    int type = nal_type(nal);
    return type == NAL_SPS || type == NAL_PPS || type == NAL_AUD || type == NAL_FILLER ||
           is_user_data(nal);
}

enum err avcc_write_unit(struct span annex_b, struct buf *out)
{
    struct span nal;
    bool any = false;
    while (next_nal(&annex_b, &nal)) {
        if (is_left_out(nal)) {
            continue;
        }
        enum err e = buf_put_be32(out, (uint32_t)nal.len);
        if (e == ERR_OK) {
            e = buf_put(out, nal);
        }
        if (e != ERR_OK) {
            return e;
        }
        any = true;
    }
    return any ? ERR_OK : ERR_PROTO;
}

static enum err write_sets(struct span annex_b, int type, uint8_t count_bits, struct buf *out)
{
    struct span rest = annex_b;
    struct span nal;
    uint8_t count = 0;
    while (next_nal(&rest, &nal)) {
        count += nal_type(nal) == type;
    }
    enum err e = buf_put_u8(out, (uint8_t)(count_bits | count));
    rest = annex_b;
    while (e == ERR_OK && next_nal(&rest, &nal)) {
        if (nal_type(nal) != type) {
            continue;
        }
        e = nal.len > UINT16_MAX ? ERR_LIMIT : buf_put_be16(out, (uint16_t)nal.len);
        if (e == ERR_OK) {
            e = buf_put(out, nal);
        }
    }
    return e;
}

/* What follows the sets in the high profiles. Always 4:2:0 and 8 bits here. */
static enum err write_high_tail(struct buf *out)
{
    static const uint8_t tail[] = {0xfc | 1, 0xf8, 0xf8, 0};
    return buf_put(out, span_of(tail, sizeof tail));
}

enum err avcc_write_config(struct span annex_b, struct buf *out)
{
    struct span rest = annex_b;
    struct span nal;
    struct span sps = {0};
    bool has_pps = false;
    while (next_nal(&rest, &nal)) {
        if (nal_type(nal) == NAL_SPS && sps.len == 0) {
            sps = nal;
        }
        has_pps = has_pps || nal_type(nal) == NAL_PPS;
    }
    if (sps.len < 4 || !has_pps) {
        return ERR_PROTO;
    }
    const uint8_t fixed[CONFIG_FIXED_BYTES] = {1, sps.data[1], sps.data[2], sps.data[3], 0xfc | 3};
    enum err e = buf_put(out, span_of(fixed, sizeof fixed));
    if (e == ERR_OK) {
        e = write_sets(annex_b, NAL_SPS, 0xe0, out);
    }
    if (e == ERR_OK) {
        e = write_sets(annex_b, NAL_PPS, 0, out);
    }
    if (e == ERR_OK && is_high_profile(sps.data[1])) {
        e = write_high_tail(out);
    }
    return e;
}

enum err avcc_user_data(struct span annex_b, struct span *ret_text)
{
    struct span nal;
    while (next_nal(&annex_b, &nal)) {
        if (!is_user_data(nal)) {
            continue;
        }
        size_t at = 2;
        size_t size = 0;
        while (at < nal.len && nal.data[at] == 0xff) {
            size += 0xff;
            at++;
        }
        if (at >= nal.len) {
            continue;
        }
        size += nal.data[at++];
        if (size <= SEI_UUID_BYTES || size > nal.len - at) {
            continue;
        }
        *ret_text = span_of(nal.data + at + SEI_UUID_BYTES, size - SEI_UUID_BYTES);
        return ERR_OK;
    }
    return ERR_NOENT;
}

uint64_t avcc_hash(struct span bytes)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes.len; i++) {
        h = (h ^ bytes.data[i]) * 0x100000001b3u;
    }
    return h;
}
