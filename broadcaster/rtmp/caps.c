#include "broadcaster/rtmp/caps.h"

#include <stddef.h>

#define CAPS_OURS (CAPS_EX_RECONNECT | CAPS_EX_MULTITRACK | CAPS_EX_MODEX | CAPS_EX_OFFSET_NANO)
#define CAPS_MAX  UINT32_MAX

/* All that exheader.c carries. H.264 is decoded and encoded by the transcoders; the rest is given
 * on as it comes. */
static const struct {
    const char *fourcc;
    enum track_kind kind;
    enum track_codec codec;
    uint8_t flags;
} ours[] = {
    {"avc1", TRACK_VIDEO, CODEC_H264, CAPS_CAN_DECODE | CAPS_CAN_ENCODE | CAPS_CAN_FORWARD},
    {"hvc1", TRACK_VIDEO, CODEC_HEVC, CAPS_CAN_FORWARD},
    {"av01", TRACK_VIDEO, CODEC_AV1, CAPS_CAN_FORWARD},
    {"vp09", TRACK_VIDEO, CODEC_VP9, CAPS_CAN_FORWARD},
    {"mp4a", TRACK_AUDIO, CODEC_AAC, CAPS_CAN_FORWARD},
    {"Opus", TRACK_AUDIO, CODEC_OPUS, CAPS_CAN_FORWARD},
    {"fLaC", TRACK_AUDIO, CODEC_FLAC, CAPS_CAN_FORWARD},
    {".mp3", TRACK_AUDIO, CODEC_MP3, CAPS_CAN_FORWARD},
    {"ac-3", TRACK_AUDIO, CODEC_AC3, CAPS_CAN_FORWARD},
    {"ec-3", TRACK_AUDIO, CODEC_EAC3, CAPS_CAN_FORWARD},
};
#define OURS (sizeof ours / sizeof ours[0])

static uint32_t flags_of(const struct amf0_value *v)
{
    return v->type == AMF0_NUMBER && v->number >= 0 && v->number <= CAPS_MAX ? (uint32_t)v->number
                                                                             : 0;
}

static void read_map(const struct amf0_value *object, const char *name, enum track_kind kind,
                     struct rtmp_caps *caps)
{
    struct amf0_value map, v;
    if (amf0_find(object, name, &map) != ERR_OK || map.type != AMF0_OBJECT) {
        return;
    }
    caps->enhanced = true;
    uint32_t all = amf0_find(&map, "*", &v) == ERR_OK ? flags_of(&v) : 0;
    for (size_t i = 0; i < OURS; i++) {
        if (ours[i].kind == kind) {
            uint32_t own = amf0_find(&map, ours[i].fourcc, &v) == ERR_OK ? flags_of(&v) : 0;
            caps->codecs[ours[i].codec] |= (uint8_t)(all | own);
        }
    }
}

/* The list of the first version. */
static void read_list(const struct amf0_value *object, struct rtmp_caps *caps)
{
    struct amf0_value list;
    struct span name;
    if (amf0_find(object, "fourCcList", &list) != ERR_OK || list.type != AMF0_ARRAY) {
        return;
    }
    caps->enhanced = true;
    while (amf0_read_string(&list.bytes, &name) == ERR_OK) {
        bool all = span_equal(name, span_cstr("*"));
        for (size_t i = 0; i < OURS; i++) {
            if (all || span_equal(name, span_cstr(ours[i].fourcc))) {
                caps->codecs[ours[i].codec] |= CAPS_CAN_DECODE;
            }
        }
    }
}

void caps_read(const struct amf0_value *object, struct rtmp_caps *ret_caps)
{
    struct rtmp_caps caps = {0};
    struct amf0_value v;
    if (amf0_find(object, "capsEx", &v) == ERR_OK && v.type == AMF0_NUMBER) {
        caps.enhanced = true;
        caps.ex = flags_of(&v);
    }
    read_list(object, &caps);
    read_map(object, "videoFourCcInfoMap", TRACK_VIDEO, &caps);
    read_map(object, "audioFourCcInfoMap", TRACK_AUDIO, &caps);
    *ret_caps = caps;
}

static void put_map(struct amf0_writer *w, const char *name, enum track_kind kind)
{
    amf0_put_key(w, name);
    amf0_put_object(w);
    for (size_t i = 0; i < OURS; i++) {
        if (ours[i].kind == kind) {
            amf0_put_key(w, ours[i].fourcc);
            amf0_put_number(w, ours[i].flags);
        }
    }
    amf0_put_end(w);
}

void caps_put(struct amf0_writer *w)
{
    amf0_put_key(w, "fourCcList");
    amf0_put_array(w, OURS);
    for (size_t i = 0; i < OURS; i++) {
        amf0_put_string(w, ours[i].fourcc);
    }
    put_map(w, "videoFourCcInfoMap", TRACK_VIDEO);
    put_map(w, "audioFourCcInfoMap", TRACK_AUDIO);
    amf0_put_key(w, "capsEx");
    amf0_put_number(w, CAPS_OURS);
}
