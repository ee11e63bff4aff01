#include "broadcaster/stream/join.h"

#include "broadcaster/codec/avc.h"

#define SEI_RECOVERY_POINT 6
#define AVC_SEI            6
#define AVC_SLICE_LAST     5
#define HEVC_SEI_PREFIX    39
#define HEVC_SLICE_LAST    31
#define HEVC_HEADER_BYTES  2
#define AVCC_LENGTH_AT     4
#define HVCC_LENGTH_AT     21

/* A number as SEI messages write types and sizes: bytes of 255 and a last one. */
static bool read_number(struct span *s, size_t *ret_number)
{
    size_t n = 0;
    uint8_t byte;
    do {
        if (span_read_u8(s, &byte) != ERR_OK) {
            return false;
        }
        n += byte;
    } while (byte == 255);
    *ret_number = n;
    return true;
}

static bool has_recovery_message(struct span sei)
{
    size_t type, size;
    struct span payload;
    while (sei.len > 2 && read_number(&sei, &type) && read_number(&sei, &size)) {
        if (type == SEI_RECOVERY_POINT) {
            return true;
        }
        if (span_read_bytes(&sei, size, &payload) != ERR_OK) {
            return false;
        }
    }
    return false;
}

bool join_is_recovery_point(const struct track_params *track, struct span access_unit)
{
    bool hevc = track->codec == CODEC_HEVC;
    size_t at = hevc ? HVCC_LENGTH_AT : AVCC_LENGTH_AT;
    if ((track->codec != CODEC_H264 && !hevc) || track->config.len <= at) {
        return false;
    }
    int length_size = (track->config.data[at] & 3) + 1;
    size_t header = hevc ? HEVC_HEADER_BYTES : 1;
    struct span nal;
    while (avc_next_nal(&access_unit, length_size, &nal)) {
        int type = hevc ? nal.data[0] >> 1 & 63 : avc_nal_type(nal);
        bool sei = type == (hevc ? HEVC_SEI_PREFIX : AVC_SEI);
        if (sei && nal.len > header &&
            has_recovery_message(span_of(nal.data + header, nal.len - header))) {
            return true;
        }
        if (type <= (hevc ? HEVC_SLICE_LAST : AVC_SLICE_LAST)) {
            return false; /* such messages stand before the slices */
        }
    }
    return false;
}

bool join_here(struct join *j, const struct track *track, const struct packet *p)
{
    if (!j->waiting) {
        *j = (struct join){.waiting = true, .since = p->dts};
    }
    bool here = (p->flags & PACKET_KEY) != 0 || p->dts - j->since >= JOIN_WAIT_TICKS ||
                join_is_recovery_point(track_params(track), p->data);
    j->waiting = !here;
    return here;
}
