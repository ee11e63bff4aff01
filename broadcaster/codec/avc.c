#include "broadcaster/codec/avc.h"

#include <stddef.h>
#include <stdint.h>

#define NAL_TYPE_MASK     31
#define SPS_BYTES_MAX     1024 /* what is looked at; all we want stands in front of that */
#define SPS_POC_CYCLE_MAX 255
#define SAR_EXTENDED      255
#define GOLOMB_PREFIX_MAX 31
#define CHROMA_FORMAT_MAX 3
#define BIT_DEPTH_MAX     14
#define SPS_MB_SIDE_MAX   (AVC_SIDE_MAX / 16)
#define SCALING_LISTS_MAX 12
#define SCALING_LISTS_4X4 6

enum err avc_config_parse(struct span record, struct avc_config *ret_config)
{
    uint8_t version, length_size, sps_count;
    uint16_t sps_len;
    struct span skipped, sps;
    if (span_read_u8(&record, &version) != ERR_OK || version != 1 ||
        span_read_bytes(&record, 3, &skipped) != ERR_OK ||
        span_read_u8(&record, &length_size) != ERR_OK ||
        span_read_u8(&record, &sps_count) != ERR_OK) {
        return ERR_PROTO;
    }
    length_size = (length_size & 3) + 1;
    if (length_size == 3) {
        return ERR_PROTO;
    }
    if ((sps_count & 31) == 0) {
        return ERR_NOENT;
    }
    if (span_read_be16(&record, &sps_len) != ERR_OK ||
        span_read_bytes(&record, sps_len, &sps) != ERR_OK) {
        return ERR_PROTO;
    }
    if (sps_len == 0) {
        return ERR_NOENT;
    }
    *ret_config = (struct avc_config){.nal_length_size = length_size, .sps = sps};
    return ERR_OK;
}

/* Bits of an RBSP; past the end they are zero and `past_end` stays set. */
struct bits {
    uint8_t bytes[SPS_BYTES_MAX];
    size_t len; /* bits */
    size_t at;
    bool past_end;
};

/* Copies without the emulation prevention bytes (7.4.1: 00 00 03). */
static void bits_init(struct bits *b, struct span nal)
{
    size_t n = 0;
    int zeros = 0;
    for (size_t i = 0; i < nal.len && n < sizeof b->bytes; i++) {
        uint8_t v = nal.data[i];
        if (zeros >= 2 && v == 3) {
            zeros = 0;
            continue;
        }
        zeros = v == 0 ? zeros + 1 : 0;
        b->bytes[n++] = v;
    }
    b->len = n * 8;
    b->at = 0;
    b->past_end = false;
}

static uint32_t read_bits(struct bits *b, int n)
{
    uint32_t v = 0;
    for (int i = 0; i < n; i++) {
        unsigned bit = 0;
        if (b->at < b->len) {
            bit = b->bytes[b->at / 8] >> (7 - b->at % 8) & 1;
            b->at++;
        } else {
            b->past_end = true;
        }
        v = v << 1 | bit;
    }
    return v;
}

static bool read_flag(struct bits *b)
{
    return read_bits(b, 1) != 0;
}

/* ue(v), 9.1. A code that is too long reads as past the end. */
static uint32_t read_ue(struct bits *b)
{
    int zeros = 0;
    while (!read_flag(b)) {
        if (b->past_end || ++zeros > GOLOMB_PREFIX_MAX) {
            b->past_end = true;
            return 0;
        }
    }
    return ((uint32_t)1 << zeros) - 1 + read_bits(b, zeros);
}

/* se(v), 9.1.1. */
static int64_t read_se(struct bits *b)
{
    int64_t k = read_ue(b);
    return k % 2 != 0 ? (k + 1) / 2 : -(k / 2);
}

/* 7.3.2.1.1.1 */
static void skip_scaling_list(struct bits *b, int size)
{
    int64_t last = 8, next = 8;
    for (int i = 0; i < size && next != 0; i++) {
        next = (last + read_se(b) + 256) & 255;
        last = next != 0 ? next : last;
    }
}

static bool has_chroma_fields(int profile_idc)
{
    static const uint8_t profiles[] = {100, 110, 122, 244, 44,  83, 86,
                                       118, 128, 138, 139, 134, 135};
    for (size_t i = 0; i < sizeof profiles; i++) {
        if (profiles[i] == profile_idc) {
            return true;
        }
    }
    return false;
}

/* Returns ChromaArrayType, or -1 when format or depths cannot be. */
static int read_chroma_fields(struct bits *b, struct avc_sps *sps)
{
    uint32_t format = read_ue(b);
    if (format > CHROMA_FORMAT_MAX) {
        return -1;
    }
    bool separate_planes = format == 3 && read_flag(b);
    uint32_t luma = read_ue(b), chroma = read_ue(b);
    if (luma > BIT_DEPTH_MAX - 8 || chroma > BIT_DEPTH_MAX - 8) {
        return -1;
    }
    sps->chroma_format = (int)format;
    sps->bit_depth_luma = (int)luma + 8;
    sps->bit_depth_chroma = (int)chroma + 8;
    read_flag(b);
    if (read_flag(b)) {
        int lists = format == 3 ? SCALING_LISTS_MAX : SCALING_LISTS_MAX - 4;
        for (int i = 0; i < lists; i++) {
            if (read_flag(b)) {
                skip_scaling_list(b, i < SCALING_LISTS_4X4 ? 16 : 64);
            }
        }
    }
    return separate_planes ? 0 : (int)format;
}

/* From log2_max_frame_num to gaps_in_frame_num. */
static enum err skip_order_fields(struct bits *b)
{
    read_ue(b);
    uint32_t poc_type = read_ue(b);
    if (poc_type == 0) {
        read_ue(b);
    } else if (poc_type == 1) {
        read_flag(b);
        read_se(b);
        read_se(b);
        uint32_t n = read_ue(b);
        if (n > SPS_POC_CYCLE_MAX) {
            return ERR_PROTO;
        }
        for (uint32_t i = 0; i < n; i++) {
            read_se(b);
        }
    } else if (poc_type > 2) {
        return ERR_PROTO;
    }
    read_ue(b); /* max_num_ref_frames */
    read_flag(b);
    return ERR_OK;
}

/* One side after cropping (7.4.2.1.1, CropUnitX and CropUnitY); 0 when nothing is left. */
static int cropped(uint32_t coded, uint32_t before, uint32_t after, uint32_t unit)
{
    uint64_t cut = ((uint64_t)before + after) * unit;
    return cut < coded ? (int)(coded - cut) : 0;
}

static enum err read_size(struct bits *b, int chroma_array_type, struct avc_sps *sps)
{
    uint32_t width_mbs = read_ue(b);
    uint32_t height_units = read_ue(b);
    bool frames_only = read_flag(b);
    if (width_mbs >= SPS_MB_SIDE_MAX || height_units >= SPS_MB_SIDE_MAX) {
        return ERR_PROTO;
    }
    if (!frames_only) {
        read_flag(b);
    }
    read_flag(b); /* direct_8x8_inference_flag */
    uint32_t crop[4] = {0};
    if (read_flag(b)) {
        for (int i = 0; i < 4; i++) {
            crop[i] = read_ue(b);
        }
    }
    uint32_t field_factor = frames_only ? 1 : 2;
    uint32_t unit_x = chroma_array_type == 1 || chroma_array_type == 2 ? 2 : 1;
    uint32_t unit_y = (chroma_array_type == 1 ? 2 : 1) * field_factor;
    sps->width = cropped((width_mbs + 1) * 16, crop[0], crop[1], unit_x);
    sps->height = cropped((height_units + 1) * 16 * field_factor, crop[2], crop[3], unit_y);
    bool possible = sps->width > 0 && sps->height > 0 && sps->height <= AVC_SIDE_MAX;
    return possible && !b->past_end ? ERR_OK : ERR_PROTO;
}

/* Table E-1 */
static void read_aspect(struct bits *b, struct avc_sps *sps)
{
    static const uint8_t table[][2] = {{0, 1},   {1, 1},    {12, 11}, {10, 11}, {16, 11}, {40, 33},
                                       {24, 11}, {20, 11},  {32, 11}, {80, 33}, {18, 11}, {15, 11},
                                       {64, 33}, {160, 99}, {4, 3},   {3, 2},   {2, 1}};
    bool has_vui = read_flag(b);
    bool has_aspect = has_vui && read_flag(b);
    if (!has_aspect) {
        return;
    }
    uint32_t idc = read_bits(b, 8);
    int num = 0, den = 1;
    if (idc == SAR_EXTENDED) {
        num = (int)read_bits(b, 16);
        den = (int)read_bits(b, 16);
    } else if (idc < sizeof table / sizeof table[0]) {
        num = table[idc][0];
        den = table[idc][1];
    }
    if (!b->past_end && num > 0 && den > 0) {
        sps->sar_num = num;
        sps->sar_den = den;
    }
}

enum err avc_sps_parse(struct span nal, struct avc_sps *ret_sps)
{
    if (nal.len < 4 || (nal.data[0] & 0x80) != 0 || avc_nal_type(nal) != AVC_NAL_SPS) {
        return ERR_PROTO;
    }
    struct bits b;
    bits_init(&b, nal);
    read_bits(&b, 8);
    struct avc_sps sps = {
        .sar_den = 1, .chroma_format = 1, .bit_depth_luma = 8, .bit_depth_chroma = 8};
    sps.profile_idc = (int)read_bits(&b, 8);
    read_bits(&b, 8); /* constraint flags */
    sps.level_idc = (int)read_bits(&b, 8);
    sps.id = read_ue(&b);
    sps.has_chroma_fields = has_chroma_fields(sps.profile_idc);
    int chroma_array_type = sps.has_chroma_fields ? read_chroma_fields(&b, &sps) : 1;
    if (chroma_array_type < 0) {
        return ERR_PROTO;
    }
    enum err e = skip_order_fields(&b);
    if (e == ERR_OK) {
        e = read_size(&b, chroma_array_type, &sps);
    }
    if (e != ERR_OK) {
        return e;
    }
    read_aspect(&b, &sps);
    *ret_sps = sps;
    return ERR_OK;
}

bool avc_next_nal(struct span *access_unit, int nal_length_size, struct span *ret_nal)
{
    for (;;) {
        size_t len = 0;
        for (int i = 0; i < nal_length_size; i++) {
            uint8_t byte;
            if (span_read_u8(access_unit, &byte) != ERR_OK) {
                return false;
            }
            len = len << 8 | byte;
        }
        struct span nal;
        if (span_read_bytes(access_unit, len, &nal) != ERR_OK) {
            return false;
        }
        if (nal.len > 0) {
            *ret_nal = nal;
            return true;
        }
    }
}

int avc_nal_type(struct span nal)
{
    return nal.data[0] & NAL_TYPE_MASK;
}

bool avc_has_idr(struct span access_unit, int nal_length_size)
{
    struct span nal;
    while (avc_next_nal(&access_unit, nal_length_size, &nal)) {
        if (avc_nal_type(nal) == AVC_NAL_IDR) {
            return true;
        }
    }
    return false;
}
