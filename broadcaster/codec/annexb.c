#include "broadcaster/codec/annexb.h"

#include "broadcaster/codec/avc.h"
#include "broadcaster/codec/nal.h"

#define HEVC_NAL_SPS 33
#define HEVC_NAL_AUD 35

static const uint8_t start_code[] = {0, 0, 0, 1};
/* primary_pic_type 7: any slice type may follow. */
static const uint8_t avc_delimiter[] = {0, 0, 0, 1, AVC_NAL_AUD, 0xf0};
/* pic_type 2, the same; the layer is 0, the temporal id plus 1 is 1. */
static const uint8_t hevc_delimiter[] = {0, 0, 0, 1, HEVC_NAL_AUD << 1, 1, 0x50};

static int type_of(bool hevc, struct span nal)
{
    return hevc ? nal.data[0] >> 1 & 0x3f : avc_nal_type(nal);
}

static enum err put_nal(void *arg, struct span nal)
{
    struct buf *out = arg;
    enum err e = buf_put(out, span_of(start_code, sizeof start_code));
    return e == ERR_OK ? buf_put(out, nal) : e;
}

enum err annexb_put_config(struct buf *out, enum track_codec codec, struct span record,
                           int *ret_length_size)
{
    size_t before = out->len;
    int length_size;
    enum err e = nal_length_size(codec, record, &length_size);
    if (e == ERR_OK) {
        e = nal_each_set(codec, record, put_nal, out);
    }
    if (e != ERR_OK) {
        out->len = before;
        return e;
    }
    *ret_length_size = length_size;
    return ERR_OK;
}

static bool has_type(bool hevc, struct span unit, int length_size, int type)
{
    struct span nal;
    while (avc_next_nal(&unit, length_size, &nal)) {
        if (type_of(hevc, nal) == type) {
            return true;
        }
    }
    return false;
}

static enum err put_head(struct buf *out, bool hevc, struct span unit, int length_size,
                         struct span sets)
{
    enum err e = hevc ? buf_put(out, span_of(hevc_delimiter, sizeof hevc_delimiter))
                      : buf_put(out, span_of(avc_delimiter, sizeof avc_delimiter));
    int sps = hevc ? HEVC_NAL_SPS : AVC_NAL_SPS;
    if (e == ERR_OK && sets.len > 0 && !has_type(hevc, unit, length_size, sps)) {
        e = buf_put(out, sets);
    }
    return e;
}

enum err annexb_put_unit(struct buf *out, enum track_codec codec, struct span unit, int length_size,
                         struct span sets)
{
    bool hevc = codec == CODEC_HEVC;
    size_t before = out->len;
    enum err e = put_head(out, hevc, unit, length_size, sets);
    size_t n = 0;
    struct span nal;
    while (e == ERR_OK && avc_next_nal(&unit, length_size, &nal)) {
        if (type_of(hevc, nal) != (hevc ? HEVC_NAL_AUD : AVC_NAL_AUD)) {
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
