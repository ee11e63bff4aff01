#include "broadcaster/rtmp/amf3.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum marker {
    MARKER_UNDEFINED = 0,
    MARKER_NULL = 1,
    MARKER_FALSE = 2,
    MARKER_TRUE = 3,
    MARKER_INTEGER = 4,
    MARKER_DOUBLE = 5,
    MARKER_STRING = 6,
    MARKER_XML_DOCUMENT = 7,
    MARKER_DATE = 8,
    MARKER_ARRAY = 9,
    MARKER_OBJECT = 10,
    MARKER_XML = 11,
    MARKER_BYTES = 12,
    MARKER_INTS = 13,
    MARKER_UINTS = 14,
    MARKER_DOUBLES = 15,
    MARKER_OBJECTS = 16,
    MARKER_DICTIONARY = 17,
};

#define U29_BYTES   4
#define INTEGER_TOP (1 << 28) /* of 29 bits, in two's complement */

struct traits {
    size_t first, count; /* in names */
    bool dynamic;
    bool wrapper; /* a class known to write one value in place of its members */
};

struct walk {
    struct span in;
    struct span strings[AMF3_STRINGS_MAX];
    size_t n_strings;
    struct traits traits[AMF3_TRAITS_MAX];
    size_t n_traits;
    struct span names[AMF3_SEALED_MAX];
    size_t n_names;
    const char *wanted; /* a member of the outermost value; NULL: none */
    bool found;
    struct amf0_value member;
};

static enum err read_value(struct walk *w, int depth, struct amf0_value *ret_value);

/* 1.3.1: seven bits of each byte, all eight of the fourth. */
static enum err read_u29(struct walk *w, uint32_t *ret_v)
{
    uint32_t v = 0;
    for (int i = 0; i < U29_BYTES; i++) {
        uint8_t byte;
        enum err e = span_read_u8(&w->in, &byte);
        if (e != ERR_OK) {
            return e;
        }
        if (i == U29_BYTES - 1) {
            v = v << 8 | byte;
            break;
        }
        v = v << 7 | (byte & 0x7f);
        if ((byte & 0x80) == 0) {
            break;
        }
    }
    *ret_v = v;
    return ERR_OK;
}

static enum err read_double(struct walk *w, double *ret_v)
{
    uint64_t bits;
    enum err e = span_read_be64(&w->in, &bits);
    if (e == ERR_OK) {
        memcpy(ret_v, &bits, sizeof *ret_v);
    }
    return e;
}

/* 1.3.2; the empty text is never referred to. */
static enum err read_text(struct walk *w, struct span *ret_text)
{
    uint32_t v;
    enum err e = read_u29(w, &v);
    if (e != ERR_OK) {
        return e;
    }
    if ((v & 1) == 0) {
        if (v >> 1 >= w->n_strings) {
            return ERR_PROTO;
        }
        *ret_text = w->strings[v >> 1];
        return ERR_OK;
    }
    e = span_read_bytes(&w->in, v >> 1, ret_text);
    if (e == ERR_OK && ret_text->len > 0) {
        if (w->n_strings == AMF3_STRINGS_MAX) {
            return ERR_LIMIT;
        }
        w->strings[w->n_strings++] = *ret_text;
    }
    return e;
}

static enum err read_member(struct walk *w, int depth, struct span name)
{
    struct amf0_value v;
    enum err e = read_value(w, depth + 1, &v);
    if (e == ERR_OK && depth == 0 && w->wanted != NULL && !w->found &&
        name.len == strlen(w->wanted) &&
        strncasecmp((const char *)name.data, w->wanted, name.len) == 0) {
        w->found = true;
        w->member = v;
    }
    return e;
}

/* Named members up to an empty name. */
static enum err read_named(struct walk *w, int depth)
{
    for (;;) {
        struct span name;
        enum err e = read_text(w, &name);
        if (e != ERR_OK || name.len == 0) {
            return e;
        }
        e = read_member(w, depth, name);
        if (e != ERR_OK) {
            return e;
        }
    }
}

/* Every value takes at least a byte, so that the count needs no limit of its own. */
static enum err skip_values(struct walk *w, int depth, uint32_t count)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; e == ERR_OK && i < count; i++) {
        struct amf0_value v;
        e = read_value(w, depth + 1, &v);
    }
    return e;
}

static enum err new_traits(struct walk *w, uint32_t header, struct traits *ret_traits)
{
    struct traits t = {.first = w->n_names, .count = header >> 4, .dynamic = (header & 8) != 0};
    struct span class_name;
    enum err e = read_text(w, &class_name);
    if (e == ERR_OK && (header & 4) != 0) {
        t.wrapper = span_equal(class_name, span_cstr("flex.messaging.io.ArrayCollection")) ||
                    span_equal(class_name, span_cstr("flex.messaging.io.ObjectProxy"));
        t.count = 0;
        e = t.wrapper ? ERR_OK : ERR_PROTO;
    }
    if (e == ERR_OK && (t.count > AMF3_SEALED_MAX - w->n_names || w->n_traits == AMF3_TRAITS_MAX)) {
        e = ERR_LIMIT;
    }
    for (size_t i = 0; e == ERR_OK && i < t.count; i++) {
        e = read_text(w, &w->names[w->n_names]);
        w->n_names++;
    }
    if (e == ERR_OK) {
        w->traits[w->n_traits++] = t;
        *ret_traits = t;
    }
    return e;
}

/* 3.12 */
static enum err read_object(struct walk *w, int depth, struct amf0_value *v)
{
    uint32_t header;
    struct traits t;
    enum err e = read_u29(w, &header);
    if (e != ERR_OK || (header & 1) == 0) {
        return e;
    }
    v->type = AMF0_OBJECT;
    if ((header & 2) == 0) {
        if (header >> 2 >= w->n_traits) {
            return ERR_PROTO;
        }
        t = w->traits[header >> 2];
    } else {
        e = new_traits(w, header, &t);
    }
    if (e == ERR_OK && t.wrapper) {
        return skip_values(w, depth, 1);
    }
    for (size_t i = 0; e == ERR_OK && i < t.count; i++) {
        e = read_member(w, depth, w->names[t.first + i]);
    }
    return e == ERR_OK && t.dynamic ? read_named(w, depth) : e;
}

/* 3.11 */
static enum err read_array(struct walk *w, int depth, struct amf0_value *v)
{
    uint32_t header;
    enum err e = read_u29(w, &header);
    if (e != ERR_OK || (header & 1) == 0) {
        return e;
    }
    v->type = header >> 1 > 0 ? AMF0_ARRAY : AMF0_OBJECT;
    e = read_named(w, depth);
    return e == ERR_OK ? skip_values(w, depth, header >> 1) : e;
}

/* 3.14 */
static enum err read_bytes(struct walk *w, struct amf0_value *v)
{
    uint32_t header;
    enum err e = read_u29(w, &header);
    if (e != ERR_OK || (header & 1) == 0) {
        return e;
    }
    v->type = AMF0_BYTES;
    return span_read_bytes(&w->in, header >> 1, &v->bytes);
}

/* 3.15: vectors of numbers; 3.9, 3.13: texts of XML, of which size is 1. */
static enum err skip_run(struct walk *w, bool fixed_flag, uint32_t size)
{
    uint32_t header;
    uint8_t fixed;
    struct span bytes;
    enum err e = read_u29(w, &header);
    if (e == ERR_OK && (header & 1) == 0) {
        return ERR_OK;
    }
    if (e == ERR_OK && fixed_flag) {
        e = span_read_u8(&w->in, &fixed);
    }
    return e == ERR_OK ? span_read_bytes(&w->in, (size_t)(header >> 1) * size, &bytes) : e;
}

/* 3.14: vectors of objects; 3.15: dictionaries, two values for each. */
static enum err skip_container(struct walk *w, int depth, bool dictionary)
{
    uint32_t header;
    uint8_t flag;
    struct span class_name;
    enum err e = read_u29(w, &header);
    if (e != ERR_OK || (header & 1) == 0) {
        return e;
    }
    e = span_read_u8(&w->in, &flag);
    if (e == ERR_OK && !dictionary) {
        e = read_text(w, &class_name);
    }
    return e == ERR_OK ? skip_values(w, depth, (header >> 1) * (dictionary ? 2 : 1)) : e;
}

static enum err read_date(struct walk *w, struct amf0_value *v)
{
    uint32_t header;
    enum err e = read_u29(w, &header);
    if (e != ERR_OK || (header & 1) == 0) {
        return e;
    }
    v->type = AMF0_DATE;
    return read_double(w, &v->number);
}

static enum err read_integer(struct walk *w, struct amf0_value *v)
{
    uint32_t bits;
    enum err e = read_u29(w, &bits);
    if (e == ERR_OK) {
        int32_t n = (int32_t)(bits & (2 * INTEGER_TOP - 1));
        v->type = AMF0_NUMBER;
        v->number = n >= INTEGER_TOP ? n - 2 * INTEGER_TOP : n;
    }
    return e;
}

static enum err read_body(struct walk *w, uint8_t marker, int depth, struct amf0_value *v)
{
    switch (marker) {
    case MARKER_UNDEFINED:
    case MARKER_NULL:
        return ERR_OK;
    case MARKER_FALSE:
    case MARKER_TRUE:
        v->type = AMF0_BOOLEAN;
        v->boolean = marker == MARKER_TRUE;
        return ERR_OK;
    case MARKER_INTEGER:
        return read_integer(w, v);
    case MARKER_DOUBLE:
        v->type = AMF0_NUMBER;
        return read_double(w, &v->number);
    case MARKER_STRING:
        v->type = AMF0_STRING;
        return read_text(w, &v->bytes);
    case MARKER_DATE:
        return read_date(w, v);
    case MARKER_ARRAY:
        return read_array(w, depth, v);
    case MARKER_OBJECT:
        return read_object(w, depth, v);
    case MARKER_XML_DOCUMENT:
    case MARKER_XML:
        return skip_run(w, false, 1);
    case MARKER_BYTES:
        return read_bytes(w, v);
    case MARKER_INTS:
    case MARKER_UINTS:
        return skip_run(w, true, 4);
    case MARKER_DOUBLES:
        return skip_run(w, true, 8);
    case MARKER_OBJECTS:
        return skip_container(w, depth, false);
    case MARKER_DICTIONARY:
        return skip_container(w, depth, true);
    default:
        return ERR_PROTO;
    }
}

static enum err read_value(struct walk *w, int depth, struct amf0_value *ret_value)
{
    struct amf0_value v = {.type = AMF0_NULL};
    uint8_t marker;
    if (depth >= AMF3_DEPTH_MAX) {
        return ERR_LIMIT;
    }
    enum err e = span_read_u8(&w->in, &marker);
    if (e == ERR_OK) {
        e = read_body(w, marker, depth, &v);
    }
    if (e == ERR_OK) {
        *ret_value = v;
    }
    return e;
}

enum err amf3_read(struct span *s, struct amf0_value *ret_value)
{
    struct walk w = {.in = *s};
    struct amf0_value v;
    enum err e = read_value(&w, 0, &v);
    if (e != ERR_OK) {
        return e;
    }
    if (v.type == AMF0_OBJECT) {
        v.in_amf3 = true;
        v.bytes = span_of(s->data, s->len - w.in.len);
    }
    *s = w.in;
    *ret_value = v;
    return ERR_OK;
}

enum err amf3_find(struct span object, const char *key, struct amf0_value *ret_value)
{
    struct walk w = {.in = object, .wanted = key};
    struct amf0_value v;
    enum err e = read_value(&w, 0, &v);
    if (e != ERR_OK || !w.found) {
        return ERR_NOENT;
    }
    *ret_value = w.member;
    return ERR_OK;
}
