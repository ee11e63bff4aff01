#include "broadcaster/codec/nal.h"

#include <stdint.h>

#define AVC_HEAD_BYTES  6 /* up to numOfSequenceParameterSets, included */
#define AVC_LENGTH_AT   4
#define AVC_SPS_MASK    31
#define HEVC_HEAD_BYTES 23 /* up to numOfArrays, included */
#define HEVC_LENGTH_AT  21

static enum err read_head(enum track_codec codec, struct span *record, struct span *ret_head,
                          int *ret_size)
{
    bool avc = codec == CODEC_H264;
    struct span head;
    enum err e = span_read_bytes(record, avc ? AVC_HEAD_BYTES : HEVC_HEAD_BYTES, &head);
    if (e != ERR_OK) {
        return e;
    }
    int size = (head.data[avc ? AVC_LENGTH_AT : HEVC_LENGTH_AT] & 3) + 1;
    if (head.data[0] != 1 || size == 3) {
        return ERR_PROTO;
    }
    *ret_head = head;
    *ret_size = size;
    return ERR_OK;
}

enum err nal_length_size(enum track_codec codec, struct span record, int *ret_size)
{
    struct span head;
    return read_head(codec, &record, &head, ret_size);
}

static enum err each_of(struct span *record, unsigned count, nal_set_fn *fn, void *arg)
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
            e = fn(arg, set);
        }
    }
    return e;
}

static enum err each_array(struct span *record, unsigned arrays, nal_set_fn *fn, void *arg)
{
    enum err e = ERR_OK;
    for (unsigned i = 0; i < arrays && e == ERR_OK; i++) {
        uint8_t type;
        uint16_t count = 0;
        e = span_read_u8(record, &type);
        if (e == ERR_OK) {
            e = span_read_be16(record, &count);
        }
        if (e == ERR_OK) {
            e = each_of(record, count, fn, arg);
        }
    }
    return e;
}

enum err nal_each_set(enum track_codec codec, struct span record, nal_set_fn *fn, void *arg)
{
    struct span head;
    int size;
    uint8_t n_pps = 0;
    enum err e = read_head(codec, &record, &head, &size);
    if (e != ERR_OK) {
        return e;
    }
    if (codec == CODEC_HEVC) {
        return each_array(&record, head.data[HEVC_HEAD_BYTES - 1], fn, arg);
    }
    e = each_of(&record, head.data[AVC_HEAD_BYTES - 1] & AVC_SPS_MASK, fn, arg);
    if (e == ERR_OK) {
        e = span_read_u8(&record, &n_pps);
    }
    return e == ERR_OK ? each_of(&record, n_pps, fn, arg) : e;
}
