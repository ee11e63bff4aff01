#include "broadcaster/stream/captions.h"

#include <stddef.h>
#include <string.h>

#include "broadcaster/codec/avc.h"
#include "broadcaster/codec/nal.h"

#define AVC_SEI         6
#define AVC_SLICE_LAST  5
#define HEVC_SEI_PREFIX 39
#define HEVC_SLICE_LAST 31

/* itu_t_t35_country_code (United States), provider code (ATSC), "GA94", cc_data. No byte of it is
 * changed by emulation prevention. */
static const uint8_t signature[] = {0xb5, 0x00, 0x31, 'G', 'A', '9', '4', 0x03};

static bool has_signature(struct span nal)
{
    for (size_t at = 0; at + sizeof signature <= nal.len; at++) {
        const uint8_t *found = memchr(nal.data + at, signature[0], nal.len - at);
        if (found == NULL || (size_t)(nal.data + nal.len - found) < sizeof signature) {
            return false;
        }
        if (memcmp(found, signature, sizeof signature) == 0) {
            return true;
        }
        at = (size_t)(found - nal.data);
    }
    return false;
}

bool captions_in(const struct track_params *track, struct span access_unit)
{
    bool hevc = track->codec == CODEC_HEVC;
    int length_size;
    if ((track->codec != CODEC_H264 && !hevc) ||
        nal_length_size(track->codec, track->config, &length_size) != ERR_OK) {
        return false;
    }
    struct span nal;
    while (avc_next_nal(&access_unit, length_size, &nal)) {
        int type = hevc ? nal.data[0] >> 1 & 63 : avc_nal_type(nal);
        if (type == (hevc ? HEVC_SEI_PREFIX : AVC_SEI) && has_signature(nal)) {
            return true;
        }
        if (type <= (hevc ? HEVC_SLICE_LAST : AVC_SLICE_LAST)) {
            return false; /* such messages stand before the slices */
        }
    }
    return false;
}
