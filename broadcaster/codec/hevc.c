#include "broadcaster/codec/hevc.h"

#include <stddef.h>
#include <stdint.h>

#include "broadcaster/codec/avc.h"
#include "broadcaster/codec/bits.h"

#define RECORD_GENERAL_BYTES 20 /* between the version and the NAL length size */
#define NAL_HEADER_BYTES     2
#define NAL_VCL_MAX          31
#define SUB_LAYERS_MAX       7
#define PROFILE_BITS         88
#define LEVEL_BITS           8
#define CHROMA_FORMAT_MAX    3
#define BIT_DEPTH_MAX        15 /* what fits into a record */
#define LOG2_POC_MAX         16
#define SHORT_TERM_SETS_MAX  64
#define SHORT_TERM_PICTURES  16 /* of each direction */
#define LONG_TERM_MAX        32
#define SCALING_MATRICES     6
#define SCALING_COEFFICIENTS 64
#define SAR_EXTENDED         255

static int nal_type(struct span nal)
{
    return nal.data[0] >> 1 & 63;
}

/* One array of NAL units; the first SPS is kept. */
static enum err read_array(struct span *record, struct span *sps)
{
    uint8_t type;
    uint16_t count, len;
    if (span_read_u8(record, &type) != ERR_OK || span_read_be16(record, &count) != ERR_OK) {
        return ERR_PROTO;
    }
    for (unsigned i = 0; i < count; i++) {
        struct span nal;
        if (span_read_be16(record, &len) != ERR_OK ||
            span_read_bytes(record, len, &nal) != ERR_OK) {
            return ERR_PROTO;
        }
        if ((type & 63) == HEVC_NAL_SPS && sps->len == 0 && nal.len > NAL_HEADER_BYTES) {
            *sps = nal;
        }
    }
    return ERR_OK;
}

enum err hevc_config_parse(struct span record, struct hevc_config *ret_config)
{
    uint8_t version, length_size, arrays;
    struct span general, sps = {0};
    /* Some encoders leave the version at 0. */
    if (span_read_u8(&record, &version) != ERR_OK || version > 1 ||
        span_read_bytes(&record, RECORD_GENERAL_BYTES, &general) != ERR_OK ||
        span_read_u8(&record, &length_size) != ERR_OK || span_read_u8(&record, &arrays) != ERR_OK) {
        return ERR_PROTO;
    }
    length_size = (length_size & 3) + 1;
    if (length_size == 3) {
        return ERR_PROTO;
    }
    for (unsigned i = 0; i < arrays; i++) {
        if (read_array(&record, &sps) != ERR_OK) {
            return ERR_PROTO;
        }
    }
    if (sps.len == 0) {
        return ERR_NOENT;
    }
    *ret_config = (struct hevc_config){.nal_length_size = length_size, .sps = sps};
    return ERR_OK;
}

/* 7.3.3, with the general profile */
static void read_profile(struct bits *b, int sub_layers, uint8_t *ret_general)
{
    bool has_profile[SUB_LAYERS_MAX] = {false}, has_level[SUB_LAYERS_MAX] = {false};
    for (int i = 0; i < HEVC_GENERAL_BYTES; i++) {
        ret_general[i] = (uint8_t)bits_read(b, 8);
    }
    for (int i = 0; i < sub_layers; i++) {
        has_profile[i] = bits_flag(b);
        has_level[i] = bits_flag(b);
    }
    if (sub_layers > 0) {
        bits_skip(b, 2 * (8 - sub_layers));
    }
    for (int i = 0; i < sub_layers; i++) {
        bits_skip(b, has_profile[i] ? PROFILE_BITS : 0);
        bits_skip(b, has_level[i] ? LEVEL_BITS : 0);
    }
}

/* One side after cropping (7.4.3.2.1); 0 when nothing is left. */
static int cropped(uint32_t coded, uint32_t before, uint32_t after, uint32_t unit)
{
    uint64_t cut = ((uint64_t)before + after) * unit;
    return coded <= HEVC_SIDE_MAX && cut < coded ? (int)(coded - cut) : 0;
}

static enum err read_size(struct bits *b, struct hevc_sps *sps)
{
    uint32_t format = bits_ue(b);
    if (format > CHROMA_FORMAT_MAX) {
        return ERR_PROTO;
    }
    if (format == 3) {
        bits_skip(b, 1); /* separate_colour_plane_flag */
    }
    uint32_t width = bits_ue(b), height = bits_ue(b), crop[4] = {0};
    if (bits_flag(b)) {
        for (int i = 0; i < 4; i++) {
            crop[i] = bits_ue(b);
        }
    }
    sps->width = cropped(width, crop[0], crop[1], format == 1 || format == 2 ? 2 : 1);
    sps->height = cropped(height, crop[2], crop[3], format == 1 ? 2 : 1);
    sps->chroma_format = (int)format;
    return sps->width > 0 && sps->height > 0 && !b->past_end ? ERR_OK : ERR_PROTO;
}

/* 7.3.4 */
static void skip_scaling_lists(struct bits *b)
{
    for (int size = 0; size < 4; size++) {
        int coefficients = 1 << (4 + 2 * size);
        coefficients = coefficients < SCALING_COEFFICIENTS ? coefficients : SCALING_COEFFICIENTS;
        for (int matrix = 0; matrix < SCALING_MATRICES; matrix += size == 3 ? 3 : 1) {
            if (!bits_flag(b)) {
                bits_ue(b);
                continue;
            }
            if (size > 1) {
                bits_se(b);
            }
            for (int i = 0; i < coefficients && !b->past_end; i++) {
                bits_se(b);
            }
        }
    }
}

/* 7.3.7. sizes: how many pictures the sets before this one have. */
static enum err skip_short_term_set(struct bits *b, uint32_t index, unsigned *sizes)
{
    if (index > 0 && bits_flag(b)) {
        bits_flag(b);
        bits_ue(b);
        unsigned kept = 0;
        for (unsigned i = 0; i <= sizes[index - 1]; i++) {
            bool used = bits_flag(b);
            kept += used ? 1 : bits_flag(b);
        }
        sizes[index] = kept;
        return kept <= 2 * SHORT_TERM_PICTURES ? ERR_OK : ERR_PROTO;
    }
    uint32_t before = bits_ue(b), after = bits_ue(b);
    if (before > SHORT_TERM_PICTURES || after > SHORT_TERM_PICTURES) {
        return ERR_PROTO;
    }
    sizes[index] = before + after;
    for (unsigned i = 0; i < sizes[index]; i++) {
        bits_ue(b);
        bits_flag(b);
    }
    return ERR_OK;
}

static enum err skip_reference_sets(struct bits *b, int poc_bits)
{
    unsigned sizes[SHORT_TERM_SETS_MAX] = {0};
    uint32_t sets = bits_ue(b);
    if (sets > SHORT_TERM_SETS_MAX) {
        return ERR_PROTO;
    }
    for (uint32_t i = 0; i < sets && !b->past_end; i++) {
        if (skip_short_term_set(b, i, sizes) != ERR_OK) {
            return ERR_PROTO;
        }
    }
    if (bits_flag(b)) {
        uint32_t n = bits_ue(b);
        if (n > LONG_TERM_MAX) {
            return ERR_PROTO;
        }
        bits_skip(b, (int)n * (poc_bits + 1));
    }
    return ERR_OK;
}

/* From the bit depths to what stands before the VUI. */
static enum err read_coding_fields(struct bits *b, int sub_layers, struct hevc_sps *sps)
{
    uint32_t luma = bits_ue(b), chroma = bits_ue(b);
    if (luma > BIT_DEPTH_MAX - 8 || chroma > BIT_DEPTH_MAX - 8) {
        return ERR_PROTO;
    }
    sps->bit_depth_luma = (int)luma + 8;
    sps->bit_depth_chroma = (int)chroma + 8;
    uint32_t poc_bits = bits_ue(b) + 4;
    if (poc_bits > LOG2_POC_MAX) {
        return ERR_PROTO;
    }
    int sets = bits_flag(b) ? sub_layers + 1 : 1;
    for (int i = 0; i < 3 * sets + 6; i++) { /* buffering, then six block sizes and depths */
        bits_ue(b);
    }
    bool has_scaling = bits_flag(b);
    if (has_scaling && bits_flag(b)) { /* else they are the standard's */
        skip_scaling_lists(b);
    }
    bits_skip(b, 2); /* amp_enabled_flag, sample_adaptive_offset_enabled_flag */
    if (bits_flag(b)) {
        bits_skip(b, 4 + 4);
        bits_ue(b);
        bits_ue(b);
        bits_skip(b, 1);
    }
    enum err e = skip_reference_sets(b, (int)poc_bits);
    bits_skip(b, 2); /* sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag */
    return e;
}

/* Table E.1 */
static void read_aspect(struct bits *b, struct hevc_sps *sps)
{
    static const uint8_t table[][2] = {{0, 1},   {1, 1},    {12, 11}, {10, 11}, {16, 11}, {40, 33},
                                       {24, 11}, {20, 11},  {32, 11}, {80, 33}, {18, 11}, {15, 11},
                                       {64, 33}, {160, 99}, {4, 3},   {3, 2},   {2, 1}};
    uint32_t idc = bits_read(b, 8);
    int num = 0, den = 1;
    if (idc == SAR_EXTENDED) {
        num = (int)bits_read(b, 16);
        den = (int)bits_read(b, 16);
    } else if (idc < sizeof table / sizeof table[0]) {
        num = table[idc][0];
        den = table[idc][1];
    }
    if (!b->past_end && num > 0 && den > 0) {
        sps->sar_num = num;
        sps->sar_den = den;
    }
}

/* E.2.1, as far as the colours */
static void read_vui(struct bits *b, struct hevc_sps *sps)
{
    if (bits_flag(b)) {
        read_aspect(b, sps);
    }
    if (bits_flag(b)) {
        bits_skip(b, 1); /* overscan_appropriate_flag */
    }
    if (!bits_flag(b)) {
        return;
    }
    struct track_color color = {0};
    bits_skip(b, 3); /* video_format */
    color.full_range = bits_flag(b);
    if (bits_flag(b)) {
        color.primaries = (int)bits_read(b, 8);
        color.transfer = (int)bits_read(b, 8);
        color.matrix = (int)bits_read(b, 8);
    }
    if (!b->past_end) {
        sps->color = color;
    }
}

enum err hevc_sps_parse(struct span nal, struct hevc_sps *ret_sps)
{
    if (nal.len <= NAL_HEADER_BYTES || (nal.data[0] & 0x80) != 0 || nal_type(nal) != HEVC_NAL_SPS) {
        return ERR_PROTO;
    }
    struct bits b;
    bits_init_escaped(&b, span_of(nal.data + NAL_HEADER_BYTES, nal.len - NAL_HEADER_BYTES));
    struct hevc_sps sps = {.sar_den = 1, .bit_depth_luma = 8, .bit_depth_chroma = 8};
    bits_skip(&b, 4); /* sps_video_parameter_set_id */
    int sub_layers = (int)bits_read(&b, 3);
    sps.sub_layers = sub_layers + 1;
    sps.nested = bits_flag(&b);
    if (sub_layers >= SUB_LAYERS_MAX) {
        return ERR_PROTO;
    }
    read_profile(&b, sub_layers, sps.general);
    sps.id = bits_ue(&b);
    enum err e = read_size(&b, &sps);
    if (e != ERR_OK) {
        return e;
    }
    if (read_coding_fields(&b, sub_layers, &sps) == ERR_OK && bits_flag(&b)) {
        read_vui(&b, &sps);
    }
    *ret_sps = sps;
    return ERR_OK;
}

struct hevc_picture hevc_picture_of(struct span access_unit, int nal_length_size)
{
    struct span nal;
    while (avc_next_nal(&access_unit, nal_length_size, &nal)) {
        int type = nal_type(nal);
        if (type <= NAL_VCL_MAX) {
            bool idr = type == HEVC_NAL_IDR || type == HEVC_NAL_IDR + 1;
            bool bla = type >= HEVC_NAL_BLA && type < HEVC_NAL_IDR;
            return (struct hevc_picture){
                .irap = idr || bla || type == HEVC_NAL_CRA,
                .broken_link = bla,
                .clean = idr,
                .rasl = type == HEVC_NAL_RASL_N || type == HEVC_NAL_RASL_R,
            };
        }
    }
    return (struct hevc_picture){0};
}
