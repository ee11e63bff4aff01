#include "broadcaster/rtmp/amf0.h"

#include <string.h>
#include <strings.h>

#include "broadcaster/rtmp/amf3.h"

enum marker {
    MARKER_NUMBER = 0,
    MARKER_BOOLEAN = 1,
    MARKER_STRING = 2,
    MARKER_OBJECT = 3,
    MARKER_NULL = 5,
    MARKER_UNDEFINED = 6,
    MARKER_REFERENCE = 7,
    MARKER_ECMA_ARRAY = 8,
    MARKER_OBJECT_END = 9,
    MARKER_STRICT_ARRAY = 10,
    MARKER_DATE = 11,
    MARKER_LONG_STRING = 12,
    MARKER_UNSUPPORTED = 13,
    MARKER_XML = 15,
    MARKER_TYPED_OBJECT = 16,
};

#define DATE_ZONE_BYTES 2

static enum err read_value(struct span *s, int depth, struct amf0_value *ret_value);

static enum err read_double(struct span *s, double *ret_v)
{
    uint64_t bits;
    enum err e = span_read_be64(s, &bits);
    if (e == ERR_OK) {
        memcpy(ret_v, &bits, sizeof *ret_v);
    }
    return e;
}

static enum err read_short_string(struct span *s, struct span *ret_text)
{
    uint16_t len;
    enum err e = span_read_be16(s, &len);
    return e == ERR_OK ? span_read_bytes(s, len, ret_text) : e;
}

static enum err read_long_string(struct span *s, struct span *ret_text)
{
    uint32_t len;
    enum err e = span_read_be32(s, &len);
    return e == ERR_OK ? span_read_bytes(s, len, ret_text) : e;
}

/* One member. *ret_end: there was none, the object is over. */
static enum err read_member(struct span *s, int depth, struct span *ret_key,
                            struct amf0_value *ret_value, bool *ret_end)
{
    struct span key;
    if (s->len == 0) {
        *ret_end = true;
        return ERR_OK;
    }
    enum err e = read_short_string(s, &key);
    if (e != ERR_OK) {
        return e;
    }
    if (key.len == 0 && (s->len == 0 || s->data[0] == MARKER_OBJECT_END)) {
        uint8_t marker;
        e = span_read_u8(s, &marker);
        (void)e; /* a missing marker ends it just as well */
        *ret_end = true;
        return ERR_OK;
    }
    e = read_value(s, depth, ret_value);
    if (e == ERR_OK) {
        *ret_key = key;
        *ret_end = false;
    }
    return e;
}

static enum err read_members(struct span *s, int depth, struct span *ret_members)
{
    const uint8_t *start = s->data;
    for (;;) {
        struct span key;
        struct amf0_value value;
        bool end;
        size_t len = (size_t)(s->data - start);
        enum err e = read_member(s, depth, &key, &value, &end);
        if (e != ERR_OK) {
            return e;
        }
        if (end) {
            *ret_members = span_of(start, len);
            return ERR_OK;
        }
    }
}

/* Every element takes at least a byte, so the count needs no limit of its own. */
static enum err read_elements(struct span *s, int depth, struct span *ret_elements)
{
    uint32_t count;
    enum err e = span_read_be32(s, &count);
    const uint8_t *start = s->data;
    for (uint32_t i = 0; e == ERR_OK && i < count && s->len > 0; i++) {
        struct amf0_value value;
        e = read_value(s, depth, &value);
    }
    if (e == ERR_OK) {
        *ret_elements = span_of(start, (size_t)(s->data - start));
    }
    return e;
}

static enum err read_object(struct span *s, uint8_t marker, int depth, struct amf0_value *v)
{
    enum err e = ERR_OK;
    v->type = AMF0_OBJECT;
    if (marker == MARKER_TYPED_OBJECT) {
        struct span class_name;
        e = read_short_string(s, &class_name);
    } else if (marker == MARKER_ECMA_ARRAY) {
        uint32_t count; /* a hint only */
        e = span_read_be32(s, &count);
    }
    return e == ERR_OK ? read_members(s, depth, &v->bytes) : e;
}

static enum err read_scalar(struct span *s, uint8_t marker, struct amf0_value *v)
{
    uint8_t byte;
    uint16_t reference;
    struct span zone;
    enum err e;
    switch (marker) {
    case MARKER_NUMBER:
        v->type = AMF0_NUMBER;
        return read_double(s, &v->number);
    case MARKER_BOOLEAN:
        v->type = AMF0_BOOLEAN;
        e = span_read_u8(s, &byte);
        v->boolean = e == ERR_OK && byte != 0;
        return e;
    case MARKER_STRING:
        v->type = AMF0_STRING;
        return read_short_string(s, &v->bytes);
    case MARKER_LONG_STRING:
    case MARKER_XML:
        v->type = AMF0_STRING;
        return read_long_string(s, &v->bytes);
    case MARKER_DATE:
        v->type = AMF0_DATE;
        e = read_double(s, &v->number);
        return e == ERR_OK ? span_read_bytes(s, DATE_ZONE_BYTES, &zone) : e;
    case MARKER_REFERENCE:
        return span_read_be16(s, &reference);
    case MARKER_NULL:
    case MARKER_UNDEFINED:
    case MARKER_UNSUPPORTED:
        return ERR_OK;
    default:
        return ERR_PROTO;
    }
}

static enum err read_value(struct span *s, int depth, struct amf0_value *ret_value)
{
    struct amf0_value v = {.type = AMF0_NULL};
    uint8_t marker;
    if (depth >= AMF0_DEPTH_MAX) {
        return ERR_LIMIT;
    }
    enum err e = span_read_u8(s, &marker);
    if (e != ERR_OK) {
        return e;
    }
    switch (marker) {
    case MARKER_OBJECT:
    case MARKER_ECMA_ARRAY:
    case MARKER_TYPED_OBJECT:
        e = read_object(s, marker, depth + 1, &v);
        break;
    case MARKER_STRICT_ARRAY:
        v.type = AMF0_ARRAY;
        e = read_elements(s, depth + 1, &v.bytes);
        break;
    case AMF3_MARKER:
        e = amf3_read(s, &v);
        break;
    default:
        e = read_scalar(s, marker, &v);
        break;
    }
    if (e == ERR_OK) {
        *ret_value = v;
    }
    return e;
}

enum err amf0_read(struct span *s, struct amf0_value *ret_value)
{
    struct span rest = *s;
    enum err e = read_value(&rest, 0, ret_value);
    if (e == ERR_OK) {
        *s = rest;
    }
    return e;
}

static enum err read_typed(struct span *s, enum amf0_type type, struct amf0_value *ret_value)
{
    struct span rest = *s;
    struct amf0_value v;
    enum err e = amf0_read(&rest, &v);
    if (e != ERR_OK || v.type != type) {
        return e != ERR_OK ? e : ERR_PROTO;
    }
    *s = rest;
    *ret_value = v;
    return ERR_OK;
}

enum err amf0_read_number(struct span *s, double *ret_number)
{
    struct amf0_value v;
    enum err e = read_typed(s, AMF0_NUMBER, &v);
    if (e == ERR_OK) {
        *ret_number = v.number;
    }
    return e;
}

enum err amf0_read_string(struct span *s, struct span *ret_text)
{
    struct amf0_value v;
    enum err e = read_typed(s, AMF0_STRING, &v);
    if (e == ERR_OK) {
        *ret_text = v.bytes;
    }
    return e;
}

enum err amf0_find(const struct amf0_value *object, const char *key, struct amf0_value *ret_value)
{
    size_t key_len = strlen(key);
    if (object->type == AMF0_OBJECT && object->in_amf3) {
        return amf3_find(object->bytes, key, ret_value);
    }
    struct span rest = object->type == AMF0_OBJECT ? object->bytes : span_of(NULL, 0);
    for (;;) {
        struct span name;
        struct amf0_value v;
        bool end;
        /* The depth was checked when the object itself was read. */
        enum err e = read_member(&rest, 1, &name, &v, &end);
        if (e != ERR_OK || end) {
            return ERR_NOENT;
        }
        if (name.len == key_len && strncasecmp((const char *)name.data, key, key_len) == 0) {
            *ret_value = v;
            return ERR_OK;
        }
    }
}

static void put(struct amf0_writer *w, struct span bytes)
{
    if (w->err == ERR_OK) {
        w->err = buf_put(w->out, bytes);
    }
}

static void put_marker(struct amf0_writer *w, enum marker marker)
{
    uint8_t byte = (uint8_t)marker;
    put(w, span_of(&byte, 1));
}

void amf0_put_number(struct amf0_writer *w, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_marker(w, MARKER_NUMBER);
    if (w->err == ERR_OK) {
        w->err = buf_put_be64(w->out, bits);
    }
}

void amf0_put_boolean(struct amf0_writer *w, bool v)
{
    uint8_t byte = v ? 1 : 0;
    put_marker(w, MARKER_BOOLEAN);
    put(w, span_of(&byte, 1));
}

void amf0_put_string(struct amf0_writer *w, const char *text)
{
    put_marker(w, MARKER_STRING);
    amf0_put_key(w, text);
}

void amf0_put_null(struct amf0_writer *w)
{
    put_marker(w, MARKER_NULL);
}

void amf0_put_undefined(struct amf0_writer *w)
{
    put_marker(w, MARKER_UNDEFINED);
}

void amf0_put_object(struct amf0_writer *w)
{
    put_marker(w, MARKER_OBJECT);
}

void amf0_put_ecma_array(struct amf0_writer *w, uint32_t count)
{
    put_marker(w, MARKER_ECMA_ARRAY);
    if (w->err == ERR_OK) {
        w->err = buf_put_be32(w->out, count);
    }
}

void amf0_put_key(struct amf0_writer *w, const char *key)
{
    struct span text = span_cstr(key);
    if (text.len > UINT16_MAX) {
        text.len = UINT16_MAX;
    }
    if (w->err == ERR_OK) {
        w->err = buf_put_be16(w->out, (uint16_t)text.len);
    }
    put(w, text);
}

void amf0_put_end(struct amf0_writer *w)
{
    amf0_put_key(w, "");
    put_marker(w, MARKER_OBJECT_END);
}

void amf0_put_array(struct amf0_writer *w, uint32_t count)
{
    put_marker(w, MARKER_STRICT_ARRAY);
    if (w->err == ERR_OK) {
        w->err = buf_put_be32(w->out, count);
    }
}
