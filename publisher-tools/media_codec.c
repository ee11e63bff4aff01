#include "publisher-tools/media_codec.h"

#include <stdio.h>

#include "base/span.h"

/* ITU-T H.264, table 7-1; H.265, table 7-1 */
#define AVC_IDR      5
#define AVC_SPS      7
#define AVC_SLICE    1
#define HEVC_BLA     16
#define HEVC_VCL_MAX 31
#define AVCC_LENGTH  4 /* byte with the size of lengths */
#define HVCC_LENGTH  21

/* Takes the next NAL unit behind a start code, or behind its length when that has a size. */
static bool next_nal(struct span *s, int length_size, struct span *ret_nal)
{
    size_t len = 0;
    for (int i = 0; i < length_size && s->len > 0; i++) {
        len = len << 8 | s->data[0];
        *s = span_of(s->data + 1, s->len - 1);
    }
    while (length_size == 0 && s->len > 3 && (s->data[0] | s->data[1] | (s->data[2] ^ 1)) != 0) {
        *s = span_of(s->data + 1, s->len - 1);
    }
    if (length_size == 0) {
        len = s->len > 3 ? s->len - 3 : 0;
        *ret_nal = span_of(s->data + 3, len);
        *s = *ret_nal;
        return len > 0;
    }
    if (len == 0 || len > s->len) {
        return false;
    }
    *ret_nal = span_of(s->data, len);
    *s = span_of(s->data + len, s->len - len);
    return true;
}

static int length_size(const AVCodecParameters *par, int byte)
{
    bool lengths = par->extradata_size > byte && par->extradata[0] == 1;
    return lengths ? (par->extradata[byte] & 3) + 1 : 0;
}

int media_codec_hevc_kind(const AVCodecParameters *par, const AVPacket *p)
{
    struct span rest = span_of(p->data, (size_t)p->size), nal;
    int size = length_size(par, HVCC_LENGTH);
    while (par->codec_id == AV_CODEC_ID_HEVC && next_nal(&rest, size, &nal)) {
        if ((nal.data[0] >> 1 & 63) <= HEVC_VCL_MAX) {
            return nal.data[0] >> 1 & 63;
        }
    }
    return -1;
}

bool media_codec_independent(const AVCodecParameters *par, const AVPacket *p)
{
    if (par->codec_id == AV_CODEC_ID_HEVC) {
        int kind = media_codec_hevc_kind(par, p);
        return kind >= HEVC_BLA && kind <= MEDIA_HEVC_CRA;
    }
    if (par->codec_id == AV_CODEC_ID_H264) {
        struct span rest = span_of(p->data, (size_t)p->size), nal;
        int size = length_size(par, AVCC_LENGTH);
        while (next_nal(&rest, size, &nal)) {
            int kind = nal.data[0] & 31;
            if (kind >= AVC_SLICE && kind <= AVC_IDR) {
                return kind == AVC_IDR;
            }
        }
        return false;
    }
    return p->flags & AV_PKT_FLAG_KEY;
}

static void avc_string(const AVCodecParameters *par, char *out)
{
    struct span rest = span_of(par->extradata, (size_t)par->extradata_size), nal;
    if (par->extradata_size > 3 && par->extradata[0] == 1) {
        snprintf(out, MEDIA_CODEC_MAX, "avc1.%02x%02x%02x", par->extradata[1], par->extradata[2],
                 par->extradata[3]);
        return;
    }
    while (next_nal(&rest, 0, &nal)) {
        if ((nal.data[0] & 31) == AVC_SPS && nal.len > 3) {
            snprintf(out, MEDIA_CODEC_MAX, "avc1.%02x%02x%02x", nal.data[1], nal.data[2],
                     nal.data[3]);
            return;
        }
    }
    snprintf(out, MEDIA_CODEC_MAX, "avc1");
}

static void aac_string(const AVCodecParameters *par, char *out)
{
    /* libav counts profiles from zero, MPEG-4 audio object types from one. */
    int type = par->profile >= 0 ? par->profile + 1 : 2;
    snprintf(out, MEDIA_CODEC_MAX, "mp4a.40.%d", type);
}

void media_codec_string(const AVCodecParameters *par, char *ret_codec)
{
    ret_codec[0] = '\0';
    switch (par->codec_id) {
    case AV_CODEC_ID_H264:
        avc_string(par, ret_codec);
        break;
    case AV_CODEC_ID_HEVC:
        snprintf(ret_codec, MEDIA_CODEC_MAX, "hvc1.%d.L%d", par->profile, par->level);
        break;
    case AV_CODEC_ID_AV1:
        snprintf(ret_codec, MEDIA_CODEC_MAX, "av01.%d", par->profile);
        break;
    case AV_CODEC_ID_VP9:
        snprintf(ret_codec, MEDIA_CODEC_MAX, "vp09.%02d", par->profile);
        break;
    case AV_CODEC_ID_AAC:
        aac_string(par, ret_codec);
        break;
    case AV_CODEC_ID_MP3:
        snprintf(ret_codec, MEDIA_CODEC_MAX, "mp4a.40.34");
        break;
    case AV_CODEC_ID_AC3:
        snprintf(ret_codec, MEDIA_CODEC_MAX, "ac-3");
        break;
    case AV_CODEC_ID_EAC3:
        snprintf(ret_codec, MEDIA_CODEC_MAX, "ec-3");
        break;
    case AV_CODEC_ID_OPUS:
        snprintf(ret_codec, MEDIA_CODEC_MAX, "opus");
        break;
    case AV_CODEC_ID_FLAC:
        snprintf(ret_codec, MEDIA_CODEC_MAX, "flac");
        break;
    default:
        break;
    }
}
