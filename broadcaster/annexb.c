#include "broadcaster/annexb.h"

#include <stdbool.h>

#include "broadcaster/avc.h"

#define SETS_SPS_MASK 0x1f

static const uint8_t start_code[] = {0, 0, 0, 1};
/* primary_pic_type 7: any slice type may follow. */
static const uint8_t delimiter[] = {0, 0, 0, 1, AVC_NAL_AUD, 0xf0};

static enum err put_nal(struct buf *out, struct span nal)
{
    enum err e = buf_put(out, span_of(start_code, sizeof start_code));
    return e == ERR_OK ? buf_put(out, nal) : e;
}

static enum err put_sets(struct buf *out, struct span *record, unsigned count)
{
    enum err e = ERR_OK;
    for (unsigned i = 0; i < count && e == ERR_OK; i++) {
        uint16_t len = 0;
        struct span set = {0};
        e = span_read_be16(record, &len);
        if (e == ERR_OK) {
            e = span_read_bytes(record, len, &set);
        }
        if (e == ERR_OK && set.len > 0) {
            e = put_nal(out, set);
        }
    }
    return e;
}

enum err annexb_put_config(struct buf *out, struct span record, int *ret_length_size)
{
    size_t before = out->len;
    struct span head;
    uint8_t n_pps = 0;
    enum err e = span_read_bytes(&record, 6, &head);
    if (e != ERR_OK) {
        return e;
    }
    int length_size = (head.data[4] & 3) + 1;
    if (head.data[0] != 1 || length_size == 3) {
        return ERR_PROTO;
    }
    e = put_sets(out, &record, head.data[5] & SETS_SPS_MASK);
    if (e == ERR_OK) {
        e = span_read_u8(&record, &n_pps);
    }
    if (e == ERR_OK) {
        e = put_sets(out, &record, n_pps);
    }
    if (e != ERR_OK) {
        out->len = before;
        return e;
    }
    *ret_length_size = length_size;
    return ERR_OK;
}

static bool has_type(struct span unit, int length_size, int type)
{
    struct span nal;
    while (avc_next_nal(&unit, length_size, &nal)) {
        if (avc_nal_type(nal) == type) {
            return true;
        }
    }
    return false;
}

enum err annexb_put_unit(struct buf *out, struct span unit, int length_size, struct span sets)
{
    size_t before = out->len;
    enum err e = buf_put(out, span_of(delimiter, sizeof delimiter));
    if (e == ERR_OK && sets.len > 0 && !has_type(unit, length_size, AVC_NAL_SPS)) {
        e = buf_put(out, sets);
    }
    size_t n = 0;
    struct span nal;
    while (e == ERR_OK && avc_next_nal(&unit, length_size, &nal)) {
        if (avc_nal_type(nal) != AVC_NAL_AUD) {
            e = put_nal(out, nal);
            n++;
        }
    }
    if (e == ERR_OK && n == 0) {
        e = ERR_PROTO;
    }
    if (e != ERR_OK) {
        out->len = before;
    }
    return e;
}
