/* What must be known of H.264 without decoding it: the decoder configuration record (ISO/IEC
 * 14496-15, 5.3.3.1), the sequence parameter set (ITU-T H.264, 7.3.2.1.1 and Annex E) and whether
 * an access unit holds an IDR picture. Pure; any thread; borrows its input. */
#ifndef BROADCASTER_CODEC_AVC_H
#define BROADCASTER_CODEC_AVC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

#define AVC_SIDE_MAX 16384 /* pixels */

struct avc_config {
    int nal_length_size; /* 1, 2 or 4 */
    struct span sps;     /* the first one, borrowed from the record; starts with its NAL header */
};

/* ERR_PROTO: not such a record; ERR_NOENT: well-formed, but without a sequence parameter set. */
enum err avc_config_parse(struct span record, struct avc_config *ret_config) CHECKED;

struct avc_sps {
    int profile_idc;
    int level_idc;
    uint32_t id;
    bool has_chroma_fields; /* the profile is one whose sets tell what follows: */
    int chroma_format;      /* chroma_format_idc; 1 when not told */
    int bit_depth_luma, bit_depth_chroma;
    int width; /* pixels, after cropping; 1..AVC_SIDE_MAX */
    int height;
    int sar_num; /* 0/1 when not told */
    int sar_den;
};

/* nal: the whole NAL unit, header byte and emulation prevention bytes included. ERR_PROTO: not an
 * SPS, cut short or with impossible sizes. A cut after the picture size costs only the aspect. */
enum err avc_sps_parse(struct span nal, struct avc_sps *ret_sps) CHECKED;

#define AVC_NAL_IDR 5
#define AVC_NAL_SPS 7
#define AVC_NAL_AUD 9

/* Takes the next NAL unit that has a byte at least from the front of an access unit (each behind
 * its length); false at the end, or where the unit is cut short. */
bool avc_next_nal(struct span *access_unit, int nal_length_size, struct span *ret_nal);
int avc_nal_type(struct span nal);

/* True when one of the NAL units (each behind its length) is a slice of an IDR picture. */
bool avc_has_idr(struct span access_unit, int nal_length_size);

#endif
