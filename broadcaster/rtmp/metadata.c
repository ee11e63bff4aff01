#include "broadcaster/rtmp/metadata.h"

#include <string.h>

#include "base/utf8.h"
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

/* Of no width, or of an effect on what stands around them: C0 and C1, separators of lines, marks of
 * direction, and a byte order mark. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

static void copy_title(char *out, struct span text)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    size_t n = 0;
    while (text.len > 0) {
        uint32_t code = 0;
        size_t len = utf8_read(text, &code);
        struct span c = len > 0 ? span_of(text.data, len) : span_cstr(replacement);
        if (len > 0 && is_control(code)) {
            c = span_cstr(" ");
        }
        text = span_of(text.data + (len > 0 ? len : 1), text.len - (len > 0 ? len : 1));
        bool space = c.len == 1 && c.data[0] == ' ';
        if (space && (n == 0 || out[n - 1] == ' ')) {
            continue;
        }
        if (n + c.len >= METADATA_TITLE_MAX) {
            break;
        }
        memcpy(out + n, c.data, c.len);
        n += c.len;
    }
    out[n - (n > 0 && out[n - 1] == ' ')] = '\0';
}

enum err metadata_parse(struct span body, struct rtmp_metadata *ret_metadata)
{
    struct rtmp_metadata m = {0};
    struct span name;
    struct amf0_value object, encoder, title;
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
    if (amf0_find(&object, "title", &title) == ERR_OK && title.type == AMF0_STRING) {
        copy_title(m.title, title.bytes);
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
