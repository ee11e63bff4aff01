#include "broadcaster/rtmp/flv.h"

#define FRAME_TYPE_COMMAND 5
#define VIDEO_AVC          7
#define VIDEO_HEVC         12
#define VIDEO_AV1          13
#define VIDEO_EXTENDED     0x80
#define SOUND_MP3          2
#define SOUND_EXTENDED     9
#define SOUND_AAC          10
#define SOUND_MP3_8K       14
#define PACKET_CONFIG      0
#define PACKET_CODED       1
#define TAG_TYPE_MASK      0x1f

static enum av_payload payload_of(uint8_t packet_type, struct span data)
{
    if (packet_type == PACKET_CONFIG) {
        return AV_CONFIG;
    }
    return packet_type == PACKET_CODED && data.len > 0 ? AV_CODED : AV_NOTHING;
}

static enum err read_video(struct span body, uint8_t first, struct av_part *part)
{
    uint8_t packet_type;
    uint32_t composition;
    unsigned codec = first & 15;
    if (first >> 4 == FRAME_TYPE_COMMAND) {
        return ERR_OK;
    }
    if (codec != VIDEO_AVC && codec != VIDEO_HEVC && codec != VIDEO_AV1) {
        part->payload = AV_CODED;
        part->why = "the video codec cannot be carried: publish H.264, HEVC, AV1 or VP9";
        return ERR_OK;
    }
    part->carried = true;
    part->codec = codec == VIDEO_AVC ? CODEC_H264 : codec == VIDEO_HEVC ? CODEC_HEVC : CODEC_AV1;
    if (span_read_u8(&body, &packet_type) != ERR_OK ||
        span_read_be24(&body, &composition) != ERR_OK) {
        return ERR_PROTO;
    }
    part->composition_ms = (int32_t)composition - ((composition & 0x800000) != 0 ? 0x1000000 : 0);
    part->payload = payload_of(packet_type, body);
    part->data = body;
    return ERR_OK;
}

static enum err read_audio(struct span body, uint8_t first, struct av_part *part)
{
    uint8_t packet_type = PACKET_CODED;
    unsigned format = first >> 4;
    bool mp3 = format == SOUND_MP3 || format == SOUND_MP3_8K;
    if (format != SOUND_AAC && !mp3) {
        part->payload = AV_CODED;
        part->why = "the audio codec cannot be carried: publish AAC, Opus, FLAC, MP3, AC-3 or "
                    "E-AC-3";
        return ERR_OK;
    }
    part->carried = true;
    part->codec = mp3 ? CODEC_MP3 : CODEC_AAC;
    if (!mp3 && span_read_u8(&body, &packet_type) != ERR_OK) {
        return ERR_PROTO;
    }
    part->payload = payload_of(packet_type, body);
    part->data = body;
    return ERR_OK;
}

void flv_body_init(struct flv_body *b, enum track_kind kind, struct span body)
{
    *b = (struct flv_body){.kind = kind, .body = body};
}

/* The form of FLV 10.1 has one part. */
static enum err read_plain(struct flv_body *b, struct av_part *ret_part)
{
    struct av_part part = {.payload = AV_NOTHING};
    struct span body = b->body;
    uint8_t first;
    if (span_read_u8(&body, &first) == ERR_OK) {
        enum err e = b->kind == TRACK_VIDEO ? read_video(body, first, &part)
                                            : read_audio(body, first, &part);
        if (e != ERR_OK) {
            return e;
        }
    }
    *ret_part = part;
    return ERR_OK;
}

static bool is_extended(const struct flv_body *b)
{
    return b->body.len > 0 && (b->kind == TRACK_VIDEO ? (b->body.data[0] & VIDEO_EXTENDED) != 0
                                                      : b->body.data[0] >> 4 == SOUND_EXTENDED);
}

enum err flv_body_next(struct flv_body *b, struct av_part *ret_part)
{
    if (!b->opened) {
        b->opened = true;
        b->extended = is_extended(b);
        if (!b->extended) {
            return read_plain(b, ret_part);
        }
        enum err e = exheader_open(&b->ex, b->kind, b->body);
        if (e != ERR_OK) {
            b->ex.done = true;
            return e;
        }
    }
    return b->extended ? exheader_next(&b->ex, ret_part) : ERR_NOENT;
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
