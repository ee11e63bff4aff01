#include "broadcaster/rtmp/flv.h"

#define FRAME_TYPE_COMMAND 5
#define CODEC_AVC          7
#define SOUND_AAC          10
#define ENHANCED_HEADER    0x80
#define PACKET_CONFIG      0
#define PACKET_CODED       1
#define TAG_TYPE_MASK      0x1f

static enum flv_payload payload_of(uint8_t packet_type, struct span data)
{
    if (packet_type == PACKET_CONFIG) {
        return FLV_CONFIG;
    }
    return packet_type == PACKET_CODED && data.len > 0 ? FLV_CODED : FLV_NOTHING;
}

enum err flv_video_parse(struct span body, struct flv_body *ret_body)
{
    struct flv_body v = {.payload = FLV_NOTHING};
    uint8_t first, packet_type;
    uint32_t composition;
    bool empty = span_read_u8(&body, &first) != ERR_OK;
    if (!empty && (first & ENHANCED_HEADER) != 0) {
        return ERR_UNSUPPORTED;
    }
    if (empty || first >> 4 == FRAME_TYPE_COMMAND) {
        *ret_body = v;
        return ERR_OK;
    }
    if ((first & 15) != CODEC_AVC) {
        return ERR_UNSUPPORTED;
    }
    if (span_read_u8(&body, &packet_type) != ERR_OK ||
        span_read_be24(&body, &composition) != ERR_OK) {
        return ERR_PROTO;
    }
    v.composition_ms = (int32_t)composition - ((composition & 0x800000) != 0 ? 0x1000000 : 0);
    v.payload = payload_of(packet_type, body);
    v.data = body;
    *ret_body = v;
    return ERR_OK;
}

enum err flv_audio_parse(struct span body, struct flv_body *ret_body)
{
    struct flv_body a = {.payload = FLV_NOTHING};
    uint8_t first, packet_type;
    if (span_read_u8(&body, &first) != ERR_OK) {
        *ret_body = a;
        return ERR_OK;
    }
    if (first >> 4 != SOUND_AAC) {
        return ERR_UNSUPPORTED;
    }
    if (span_read_u8(&body, &packet_type) != ERR_OK) {
        return ERR_PROTO;
    }
    a.payload = payload_of(packet_type, body);
    a.data = body;
    *ret_body = a;
    return ERR_OK;
}

enum err flv_tag_read(struct span *s, struct flv_tag *ret_tag)
{
    struct span rest = *s, stream_id;
    struct flv_tag tag;
    uint32_t len, low, back;
    uint8_t high;
    if (span_read_u8(&rest, &tag.type) != ERR_OK || span_read_be24(&rest, &len) != ERR_OK ||
        span_read_be24(&rest, &low) != ERR_OK || span_read_u8(&rest, &high) != ERR_OK ||
        span_read_bytes(&rest, 3, &stream_id) != ERR_OK ||
        span_read_bytes(&rest, len, &tag.body) != ERR_OK) {
        return ERR_PROTO;
    }
    if (span_read_be32(&rest, &back) != ERR_OK) {
        rest.len = 0;
    }
    tag.type &= TAG_TYPE_MASK;
    tag.timestamp = (uint32_t)high << 24 | low;
    *s = rest;
    *ret_tag = tag;
    return ERR_OK;
}
