#include "broadcaster/rtmp/exheader.h"

#include <stddef.h>

#define TYPE_SEQUENCE_START 0
#define TYPE_CODED_FRAMES   1
#define TYPE_SEQUENCE_END   2
#define TYPE_CODED_FRAMES_X 3 /* video only */
#define TYPE_METADATA       4 /* video */
#define TYPE_CHANNELS       4 /* audio */
#define TYPE_TS_START       5 /* video */
#define TYPE_MULTITRACK_A   5 /* audio */
#define TYPE_MULTITRACK_V   6 /* video */
#define TYPE_MODEX          7
#define FRAME_COMMAND       5
#define MULTI_ONE           0
#define MULTI_MANY          1
#define MULTI_MANY_CODECS   2
#define MODEX_OFFSET_NS     0
#define MODEX_LONG          256 /* a size that is told in 16 bits behind it */
#define OFFSET_NS_MAX       999999
#define COMPOSITION_SIGN    0x800000

enum err exheader_codec(enum track_kind kind, uint32_t fourcc, enum track_codec *ret_codec,
                        const char **ret_why)
{
    static const struct {
        uint32_t fourcc;
        enum track_kind kind;
        enum track_codec codec;
    } known[] = {
        {FOURCC('a', 'v', 'c', '1'), TRACK_VIDEO, CODEC_H264},
        {FOURCC('h', 'v', 'c', '1'), TRACK_VIDEO, CODEC_HEVC},
        {FOURCC('a', 'v', '0', '1'), TRACK_VIDEO, CODEC_AV1},
        {FOURCC('v', 'p', '0', '9'), TRACK_VIDEO, CODEC_VP9},
        {FOURCC('m', 'p', '4', 'a'), TRACK_AUDIO, CODEC_AAC},
        {FOURCC('.', 'm', 'p', '3'), TRACK_AUDIO, CODEC_MP3},
        {FOURCC('O', 'p', 'u', 's'), TRACK_AUDIO, CODEC_OPUS},
        {FOURCC('f', 'L', 'a', 'C'), TRACK_AUDIO, CODEC_FLAC},
        {FOURCC('a', 'c', '-', '3'), TRACK_AUDIO, CODEC_AC3},
        {FOURCC('e', 'c', '-', '3'), TRACK_AUDIO, CODEC_EAC3},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].fourcc == fourcc && known[i].kind == kind) {
            *ret_codec = known[i].codec;
            return ERR_OK;
        }
    }
    if (kind == TRACK_AUDIO) {
        *ret_why = "the audio codec cannot be carried: publish AAC, Opus, FLAC, MP3, AC-3 or "
                   "E-AC-3";
    } else if (fourcc == FOURCC('v', 'p', '0', '8')) {
        *ret_why = "VP8 cannot be carried by HLS: publish H.264, HEVC, AV1 or VP9";
    } else if (fourcc == FOURCC('v', 'v', 'c', '1')) {
        *ret_why = "VVC cannot be played by browsers: publish H.264, HEVC, AV1 or VP9";
    } else {
        *ret_why = "the video codec cannot be carried: publish H.264, HEVC, AV1 or VP9";
    }
    return ERR_NOENT;
}

/* One ModEx with the packet type behind it; kinds that are not known change nothing. */
static enum err read_modex(struct exheader *h)
{
    uint8_t small, types;
    uint16_t large;
    struct span data;
    uint32_t ns;
    if (span_read_u8(&h->rest, &small) != ERR_OK) {
        return ERR_PROTO;
    }
    size_t size = (size_t)small + 1;
    if (size == MODEX_LONG) {
        if (span_read_be16(&h->rest, &large) != ERR_OK) {
            return ERR_PROTO;
        }
        size = (size_t)large + 1;
    }
    if (span_read_bytes(&h->rest, size, &data) != ERR_OK ||
        span_read_u8(&h->rest, &types) != ERR_OK) {
        return ERR_PROTO;
    }
    if (types >> 4 == MODEX_OFFSET_NS && span_read_be24(&data, &ns) == ERR_OK &&
        ns <= OFFSET_NS_MAX) {
        h->offset_ns = ns;
    }
    h->packet_type = types & 15;
    return ERR_OK;
}

static bool is_multitrack(const struct exheader *h)
{
    return h->packet_type == (h->kind == TRACK_VIDEO ? TYPE_MULTITRACK_V : TYPE_MULTITRACK_A);
}

/* Kinds of multitrack that are not known leave nothing to be read. */
static enum err read_multitrack(struct exheader *h)
{
    uint8_t types;
    if (span_read_u8(&h->rest, &types) != ERR_OK) {
        return ERR_PROTO;
    }
    h->tracks = true;
    h->many = types >> 4 != MULTI_ONE;
    h->per_track = types >> 4 == MULTI_MANY_CODECS;
    h->packet_type = types & 15;
    if (types >> 4 > MULTI_MANY_CODECS) {
        h->done = true;
    }
    return ERR_OK;
}

enum err exheader_open(struct exheader *h, enum track_kind kind, struct span body)
{
    uint8_t first;
    *h = (struct exheader){.kind = kind};
    if (span_read_u8(&body, &first) != ERR_OK) {
        return ERR_PROTO;
    }
    h->rest = body;
    h->packet_type = first & 15;
    while (h->packet_type == TYPE_MODEX) {
        if (read_modex(h) != ERR_OK) {
            return ERR_PROTO;
        }
    }
    bool command = kind == TRACK_VIDEO && (first >> 4 & 7) == FRAME_COMMAND;
    if (command && h->packet_type != TYPE_METADATA) {
        h->done = true; /* a seek: there is nothing behind it */
        return ERR_OK;
    }
    if (is_multitrack(h) && read_multitrack(h) != ERR_OK) {
        return ERR_PROTO;
    }
    if (!h->done && !h->per_track && span_read_be32(&h->rest, &h->fourcc) != ERR_OK) {
        return ERR_PROTO;
    }
    return ERR_OK;
}

/* Takes what stands before the data of a part: FourCC, track id and size; gives the data. */
static enum err take_data(struct exheader *h, struct av_part *part, struct span *ret_data)
{
    uint8_t id = 0;
    uint32_t size;
    if (h->per_track && span_read_be32(&h->rest, &h->fourcc) != ERR_OK) {
        return ERR_PROTO;
    }
    if (h->tracks && span_read_u8(&h->rest, &id) != ERR_OK) {
        return ERR_PROTO;
    }
    part->track_id = id;
    if (!h->many) {
        *ret_data = h->rest;
        h->done = true;
        return ERR_OK;
    }
    if (span_read_be24(&h->rest, &size) != ERR_OK ||
        span_read_bytes(&h->rest, size, ret_data) != ERR_OK) {
        return ERR_PROTO;
    }
    h->done = h->rest.len == 0;
    return ERR_OK;
}

static enum err read_coded(struct av_part *part, bool composed)
{
    uint32_t composition;
    if (composed) {
        if (span_read_be24(&part->data, &composition) != ERR_OK) {
            return ERR_PROTO;
        }
        part->composition_ms = (int32_t)composition -
                               ((composition & COMPOSITION_SIGN) != 0 ? 2 * COMPOSITION_SIGN : 0);
    }
    part->payload = part->data.len > 0 ? AV_CODED : AV_NOTHING;
    return ERR_OK;
}

static enum err classify_video(const struct exheader *h, struct av_part *part)
{
    switch (h->packet_type) {
    case TYPE_CODED_FRAMES:
        return read_coded(part, part->carried &&
                                    (part->codec == CODEC_H264 || part->codec == CODEC_HEVC));
    case TYPE_CODED_FRAMES_X:
        return read_coded(part, false);
    case TYPE_METADATA:
        part->payload = AV_COLOR_INFO;
        break;
    case TYPE_TS_START:
        part->payload = AV_TS_CONFIG;
        break;
    default:
        break;
    }
    return ERR_OK;
}

static enum err classify(const struct exheader *h, struct av_part *part)
{
    if (h->packet_type == TYPE_SEQUENCE_START) {
        part->payload = AV_CONFIG;
    } else if (h->packet_type == TYPE_SEQUENCE_END) {
        part->payload = AV_NOTHING;
    } else if (h->kind == TRACK_VIDEO) {
        return classify_video(h, part);
    } else if (h->packet_type == TYPE_CODED_FRAMES) {
        return read_coded(part, false);
    } else if (h->packet_type == TYPE_CHANNELS) {
        part->payload = AV_CHANNELS;
    }
    return ERR_OK;
}

enum err exheader_next(struct exheader *h, struct av_part *ret_part)
{
    struct av_part part = {.payload = AV_UNKNOWN, .offset_ns = h->offset_ns};
    if (h->done) {
        return ERR_NOENT;
    }
    enum err e = take_data(h, &part, &part.data);
    if (e == ERR_OK) {
        part.carried = exheader_codec(h->kind, h->fourcc, &part.codec, &part.why) == ERR_OK;
        e = classify(h, &part);
    }
    if (e != ERR_OK) {
        h->done = true;
        return e;
    }
    *ret_part = part;
    return ERR_OK;
}
