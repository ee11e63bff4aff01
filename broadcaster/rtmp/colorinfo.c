#include "broadcaster/rtmp/colorinfo.h"

#include "broadcaster/rtmp/amf0.h"

#define CODE_POINT_MAX   255
#define COORDINATE_PARTS 50000 /* of 1: mdcv counts in 0.00002 */
#define COORDINATE_MAX   1.0
#define LUMINANCE_PARTS  10000 /* of 1 cd/m2 */
#define LUMINANCE_MAX    10000.0

/* A number of the object in parts of 1, rounded; false when it is not there or out of range. */
static bool read_number(const struct amf0_value *object, const char *key, double max, double parts,
                        uint32_t *ret_v)
{
    struct amf0_value v;
    if (amf0_find(object, key, &v) != ERR_OK || v.type != AMF0_NUMBER || !(v.number >= 0) ||
        v.number > max) {
        return false;
    }
    *ret_v = (uint32_t)(v.number * parts + 0.5);
    return true;
}

static bool find_object(const struct amf0_value *info, const char *key, struct amf0_value *ret_v)
{
    return amf0_find(info, key, ret_v) == ERR_OK && ret_v->type == AMF0_OBJECT;
}

static void read_config(const struct amf0_value *object, struct track_color *c)
{
    const struct {
        const char *key;
        int *value;
    } rows[] = {{"colorPrimaries", &c->primaries},
                {"transferCharacteristics", &c->transfer},
                {"matrixCoefficients", &c->matrix}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t v;
        if (read_number(object, rows[i].key, CODE_POINT_MAX, 1, &v)) {
            *rows[i].value = (int)v;
        }
    }
}

/* All of it or nothing: a part alone says nothing to a display. */
static void read_mastering(const struct amf0_value *object, struct track_color *c)
{
    static const char *const x[] = {"greenX", "blueX", "redX"};
    static const char *const y[] = {"greenY", "blueY", "redY"};
    struct track_color m = *c;
    uint32_t v = 0;
    bool whole = true;
    for (int i = 0; i < 3; i++) {
        whole = read_number(object, x[i], COORDINATE_MAX, COORDINATE_PARTS, &v) && whole;
        m.display_x[i] = (uint16_t)v;
        whole = read_number(object, y[i], COORDINATE_MAX, COORDINATE_PARTS, &v) && whole;
        m.display_y[i] = (uint16_t)v;
    }
    whole = read_number(object, "whitePointX", COORDINATE_MAX, COORDINATE_PARTS, &v) && whole;
    m.white_x = (uint16_t)v;
    whole = read_number(object, "whitePointY", COORDINATE_MAX, COORDINATE_PARTS, &v) && whole;
    m.white_y = (uint16_t)v;
    whole = read_number(object, "maxLuminance", LUMINANCE_MAX, LUMINANCE_PARTS, &m.luminance_max) &&
            whole;
    whole = read_number(object, "minLuminance", LUMINANCE_MAX, LUMINANCE_PARTS, &m.luminance_min) &&
            whole;
    if (whole) {
        m.has_mastering = true;
        *c = m;
    }
}

static struct track_color read_info(const struct amf0_value *info)
{
    struct track_color c = {0};
    struct amf0_value part;
    uint32_t v;
    if (find_object(info, "colorConfig", &part)) {
        read_config(&part, &c);
    }
    if (find_object(info, "hdrMdcv", &part)) {
        read_mastering(&part, &c);
    }
    if (find_object(info, "hdrCll", &part)) {
        c.max_cll = read_number(&part, "maxCLL", LUMINANCE_MAX, 1, &v) ? (uint16_t)v : 0;
        c.max_fall = read_number(&part, "maxFall", LUMINANCE_MAX, 1, &v) ? (uint16_t)v : 0;
    }
    return c;
}

enum err colorinfo_read(struct span data, bool *ret_told, struct track_color *ret_color)
{
    while (data.len > 0) {
        struct span name;
        struct amf0_value info;
        enum err e = amf0_read_string(&data, &name);
        if (e == ERR_OK) {
            e = amf0_read(&data, &info);
        }
        if (e != ERR_OK) {
            return e;
        }
        if (span_equal(name, span_cstr("colorInfo"))) {
            *ret_told = info.type == AMF0_OBJECT && info.bytes.len > 0;
            *ret_color = *ret_told ? read_info(&info) : (struct track_color){0};
            return ERR_OK;
        }
    }
    return ERR_NOENT;
}
