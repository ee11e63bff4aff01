/* What must be known of HEVC without decoding it: the decoder configuration record (ISO/IEC
 * 14496-15, 8.3.3.1), the sequence parameter set (ITU-T H.265, 7.3.2.2 and Annex E) and which kinds
 * of pictures an access unit holds (7.4.2.2). Pure; any thread; borrows its input. */
#ifndef BROADCASTER_CODEC_HEVC_H
#define BROADCASTER_CODEC_HEVC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "media/track.h"

#define HEVC_SIDE_MAX 16384 /* pixels */

struct hevc_config {
    int nal_length_size; /* 1, 2 or 4 */
    struct span sps;     /* the first one, borrowed from the record; starts with its NAL header */
};

/* ERR_PROTO: not such a record; ERR_NOENT: well-formed, but without a sequence parameter set. */
enum err hevc_config_parse(struct span record, struct hevc_config *ret_config) CHECKED;

#define HEVC_GENERAL_BYTES 12 /* general_profile_space to general_level_idc */

struct hevc_sps {
    uint32_t id;
    uint8_t general[HEVC_GENERAL_BYTES];
    int sub_layers; /* 1..7 */
    bool nested;    /* sps_temporal_id_nesting_flag */
    int chroma_format;
    int bit_depth_luma, bit_depth_chroma;
    int width; /* pixels, after cropping; 1..HEVC_SIDE_MAX */
    int height;
    int sar_num; /* 0/1 when not told */
    int sar_den;
    struct track_color color; /* primaries, transfer, matrix, full_range; 0 when not told */
};

/* nal: the whole NAL unit, header and emulation prevention bytes included. ERR_PROTO: not an SPS,
 * cut short before its size, or impossible. A cut after the size costs only aspect and colours. */
enum err hevc_sps_parse(struct span nal, struct hevc_sps *ret_sps) CHECKED;

#define HEVC_NAL_RASL_N 8
#define HEVC_NAL_RASL_R 9
#define HEVC_NAL_BLA    16 /* 16 to 18 */
#define HEVC_NAL_IDR    19 /* 19 and 20 */
#define HEVC_NAL_CRA    21
#define HEVC_NAL_SPS    33

struct hevc_picture {
    bool irap;        /* decoding can start here: IDR, BLA or CRA */
    bool broken_link; /* a BLA picture: its RASL pictures can never be decoded */
    bool clean;       /* an IDR picture: nothing leads it that needs what came before */
    bool rasl;        /* a leading picture that needs pictures from before its IRAP */
};

/* What the first picture slice of an access unit (each NAL unit behind its length) says; all false
 * when there is none. */
struct hevc_picture hevc_picture_of(struct span access_unit, int nal_length_size);

#endif
