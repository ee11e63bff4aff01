#include "broadcaster/rtmp/metadata.h"

#include "broadcaster/rtmp/amf0.h"

#define NUMBER_MAX 1e6 /* of pixels, frames a second, kbit/s: more is nonsense */

static int number_of(const struct amf0_value *object, const char *key, double scale)
{
    struct amf0_value v;
    enum err e = amf0_find(object, key, &v);
    bool sane = e == ERR_OK && v.type == AMF0_NUMBER && v.number > 0 && v.number <= NUMBER_MAX;
    return sane ? (int)(v.number * scale + 0.5) : 0;
}

static void copy_printable(char *out, struct span text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len && n < METADATA_ENCODER_MAX - 1; i++) {
        uint8_t c = text.data[i];
        out[n++] = (char)(c >= ' ' && c <= '~' && c != '"' ? c : '?');
    }
    out[n] = '\0';
}

enum err metadata_parse(struct span body, struct rtmp_metadata *ret_metadata)
{
    struct rtmp_metadata m = {0};
    struct span name;
    struct amf0_value object, encoder;
    enum err e = amf0_read_string(&body, &name);
    if (e == ERR_OK && span_equal(name, span_cstr("@setDataFrame"))) {
        e = amf0_read_string(&body, &name);
    }
    if (e != ERR_OK || !span_equal(name, span_cstr("onMetaData")) ||
        amf0_read(&body, &object) != ERR_OK || object.type != AMF0_OBJECT) {
        return ERR_NOENT;
    }
    m.width = number_of(&object, "width", 1);
    m.height = number_of(&object, "height", 1);
    m.fps_milli = number_of(&object, "framerate", 1000);
    if (m.fps_milli == 0) {
        m.fps_milli = number_of(&object, "fps", 1000);
    }
    m.video_kbps = number_of(&object, "videodatarate", 1);
    m.audio_kbps = number_of(&object, "audiodatarate", 1);
    if (amf0_find(&object, "encoder", &encoder) == ERR_OK && encoder.type == AMF0_STRING) {
        copy_printable(m.encoder, encoder.bytes);
    }
    *ret_metadata = m;
    return ERR_OK;
}

enum err metadata_additional_sound(struct span body, struct span *ret_sound)
{
    struct span name;
    struct amf0_value object, media;
    if (amf0_read_string(&body, &name) != ERR_OK ||
        !span_equal(name, span_cstr("additionalMedia")) || amf0_read(&body, &object) != ERR_OK ||
        amf0_find(&object, "media", &media) != ERR_OK || media.type != AMF0_BYTES ||
        media.bytes.len == 0) {
        return ERR_NOENT;
    }
    *ret_sound = media.bytes;
    return ERR_OK;
}
