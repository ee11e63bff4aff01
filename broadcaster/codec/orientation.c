#include "broadcaster/codec/orientation.h"

#include "broadcaster/codec/avc.h"
#include "broadcaster/codec/bits.h"

#define AVC_SEI         6
#define AVC_SLICE_LAST  5
#define HEVC_SEI_PREFIX 39
#define HEVC_SLICE_LAST 31
#define ORIENTATION     47 /* payloadType, the same one in both */
#define FULL_TURN       65536
#define MESSAGES_MAX    64 /* of one NAL unit that are looked at */

/* Of payloadType and payloadSize: bytes of 255 add up (7.3.2.3.1). */
static uint32_t read_sum(struct bits *b)
{
    uint32_t sum = 0, byte;
    do {
        byte = bits_read(b, 8);
        sum += byte;
    } while (byte == 255 && !b->past_end);
    return sum;
}

static struct track_turn read_orientation(struct bits *b)
{
    struct track_turn turn = {0};
    if (bits_flag(b)) {
        return turn; /* display_orientation_cancel_flag */
    }
    bool hor_flip = bits_flag(b), ver_flip = bits_flag(b);
    uint32_t anticlockwise = bits_read(b, 16);
    if (b->past_end) {
        return turn;
    }
    uint32_t quarters = (anticlockwise + FULL_TURN / 8) / (FULL_TURN / 4);
    turn.mirrored = hor_flip != ver_flip;
    /* Upside down is mirrored and turned by half. */
    turn.quarters = (8 - quarters + (ver_flip ? 2 : 0)) % 4;
    return turn;
}

/* payloads: the NAL unit behind its header. */
static bool find(struct span payloads, struct track_turn *ret_turn)
{
    struct bits b;
    bits_init_escaped(&b, payloads);
    for (int i = 0; i < MESSAGES_MAX && !b.past_end; i++) {
        uint32_t type = read_sum(&b), size = read_sum(&b);
        if (type == ORIENTATION && !b.past_end) {
            *ret_turn = read_orientation(&b);
            return true;
        }
        for (uint32_t at = 0; at < size && !b.past_end; at++) {
            bits_skip(&b, 8);
        }
    }
    return false;
}

bool orientation_in(enum track_codec codec, int length_size, struct span access_unit,
                    struct track_turn *ret_turn)
{
    bool hevc = codec == CODEC_HEVC;
    size_t header = hevc ? 2 : 1;
    struct span nal;
    while ((hevc || codec == CODEC_H264) && avc_next_nal(&access_unit, length_size, &nal)) {
        int type = hevc ? nal.data[0] >> 1 & 63 : avc_nal_type(nal);
        bool sei = type == (hevc ? HEVC_SEI_PREFIX : AVC_SEI) && nal.len > header;
        if (sei && find(span_of(nal.data + header, nal.len - header), ret_turn)) {
            return true;
        }
        if (type <= (hevc ? HEVC_SLICE_LAST : AVC_SLICE_LAST)) {
            return false; /* such messages stand before the slices */
        }
    }
    return false;
}

struct track_turn orientation_of_matrix(const int32_t matrix[9])
{
    int64_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
    struct track_turn turn = {0};
    int64_t area = a * d - b * c;
    if (area == 0) {
        return turn;
    }
    turn.mirrored = area < 0;
    a = turn.mirrored ? -a : a;
    b = turn.mirrored ? -b : b;
    bool lies = (a < 0 ? -a : a) < (b < 0 ? -b : b);
    turn.quarters = lies ? (b > 0 ? 1 : 3) : (a > 0 ? 0 : 2);
    return turn;
}
