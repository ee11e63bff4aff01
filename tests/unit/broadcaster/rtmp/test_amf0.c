#include "broadcaster/rtmp/amf0.h"

#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

static void check_text(struct span s, const char *text)
{
    ck_assert_uint_eq(s.len, strlen(text));
    ck_assert_mem_eq(s.data, text, s.len);
}

START_TEST(written_and_read)
{
    struct buf b;
    buf_init(&b, 4096);
    struct amf0_writer w = {.out = &b};
    amf0_put_string(&w, "connect");
    amf0_put_number(&w, -1.5);
    amf0_put_boolean(&w, true);
    amf0_put_null(&w);
    amf0_put_undefined(&w);
    amf0_put_object(&w);
    amf0_put_key(&w, "inner");
    amf0_put_object(&w);
    amf0_put_key(&w, "app");
    amf0_put_string(&w, "not this one");
    amf0_put_end(&w);
    amf0_put_key(&w, "App");
    amf0_put_string(&w, "live");
    amf0_put_end(&w);
    amf0_put_number(&w, 7);
    ck_assert_int_eq(w.err, ERR_OK);

    struct span s = buf_span(&b), text;
    struct amf0_value v;
    double number;
    ck_assert_int_eq(amf0_read_string(&s, &text), ERR_OK);
    check_text(text, "connect");
    ck_assert_int_eq(amf0_read_string(&s, &text), ERR_PROTO); /* it is a number */
    ck_assert_int_eq(amf0_read_number(&s, &number), ERR_OK);
    ck_assert(number == -1.5);
    ck_assert_int_eq(amf0_read(&s, &v), ERR_OK);
    ck_assert(v.type == AMF0_BOOLEAN && v.boolean);
    ck_assert_int_eq(amf0_read(&s, &v), ERR_OK);
    ck_assert_int_eq(v.type, AMF0_NULL);
    ck_assert_int_eq(amf0_read(&s, &v), ERR_OK);
    ck_assert_int_eq(v.type, AMF0_NULL);
    struct amf0_value object, inner;
    ck_assert_int_eq(amf0_read(&s, &object), ERR_OK);
    ck_assert_int_eq(object.type, AMF0_OBJECT);
    ck_assert_int_eq(amf0_find(&object, "app", &v), ERR_OK);
    check_text(v.bytes, "live");
    ck_assert_int_eq(amf0_find(&object, "inner", &inner), ERR_OK);
    ck_assert_int_eq(amf0_find(&inner, "app", &v), ERR_OK);
    check_text(v.bytes, "not this one");
    ck_assert_int_eq(amf0_find(&object, "ap", &v), ERR_NOENT);
    ck_assert_int_eq(amf0_find(&v, "app", &v), ERR_NOENT); /* a string has no members */
    ck_assert_int_eq(amf0_read_number(&s, &number), ERR_OK);
    ck_assert(number == 7);
    ck_assert_uint_eq(s.len, 0);
    ck_assert_int_eq(amf0_read(&s, &v), ERR_PROTO);
    buf_fini(&b);
}
END_TEST

/* All other types, one after another, then a number. */
static const uint8_t others[] = {
    8,  0,    0, 0,   9, 0,   1,   'a', 0, 0x40, 0, 0,
    0,  0,    0, 0,   0, 0,   0,   9,                  /* ECMA array {a: 2} */
    10, 0,    0, 0,   2, 5,   2,   0,   1, 'x',        /* strict array [null, "x"] */
    11, 0x40, 0, 0,   0, 0,   0,   0,   0, 0,    0,    /* date */
    12, 0,    0, 0,   3, 'a', 'b', 'c',                /* long string */
    15, 0,    0, 0,   1, '<',                          /* XML */
    16, 0,    1, 'C', 0, 1,   'b', 1,   1, 0,    0, 9, /* typed object C {b: true} */
    7,  0,    3,                                       /* reference */
    13,                                                /* unsupported */
    0,  0x40, 0, 0,   0, 0,   0,   0,   0,
};

/* Fact 15: strict arrays, dates, undefined, long texts */
START_TEST(every_type)
{
    static const enum amf0_type types[] = {AMF0_OBJECT, AMF0_ARRAY,  AMF0_DATE,
                                           AMF0_STRING, AMF0_STRING, AMF0_OBJECT,
                                           AMF0_NULL,   AMF0_NULL,   AMF0_NUMBER};
    struct span s = span_of(others, sizeof others);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct amf0_value v, member;
        ck_assert_int_eq(amf0_read(&s, &v), ERR_OK);
        ck_assert_int_eq(v.type, types[i]);
        if (i == 0) {
            ck_assert_int_eq(amf0_find(&v, "a", &member), ERR_OK);
            ck_assert(member.number == 2);
        } else if (i == 3) {
            check_text(v.bytes, "abc");
        } else if (i == 5) {
            ck_assert_int_eq(amf0_find(&v, "b", &member), ERR_OK);
            ck_assert(member.boolean);
        }
    }
    ck_assert_uint_eq(s.len, 0);
}
END_TEST

START_TEST(cut_short)
{
    /* Only objects may end with the input. */
    for (size_t n = 0; n < sizeof others; n++) {
        struct span s = span_of(others, n);
        struct amf0_value v;
        enum err e = ERR_OK;
        size_t before = n + 1;
        while (e == ERR_OK && s.len > 0) {
            ck_assert_uint_lt(s.len, before);
            before = s.len;
            e = amf0_read(&s, &v);
        }
        ck_assert(e == ERR_OK || (e == ERR_PROTO && s.len == before));
    }
}
END_TEST

/* Fact 15 */
START_TEST(missing_object_end)
{
    static const uint8_t object[] = {3, 0, 3, 'a', 'p', 'p', 2, 0, 2, 'h', 'i'};
    static const uint8_t half_end[] = {3, 0, 3, 'a', 'p', 'p', 2, 0, 2, 'h', 'i', 0, 0};
    const struct span inputs[] = {span_of(object, sizeof object),
                                  span_of(half_end, sizeof half_end)};
    for (size_t i = 0; i < 2; i++) {
        struct span s = inputs[i];
        struct amf0_value v, app;
        ck_assert_int_eq(amf0_read(&s, &v), ERR_OK);
        ck_assert_int_eq(amf0_find(&v, "app", &app), ERR_OK);
        check_text(app.bytes, "hi");
        ck_assert_uint_eq(s.len, 0);
    }
}
END_TEST

START_TEST(nesting)
{
    uint8_t bytes[AMF0_DEPTH_MAX * 4 + 8];
    for (size_t depth = 1; depth <= AMF0_DEPTH_MAX + 1; depth++) {
        size_t n = 0;
        for (size_t i = 1; i < depth; i++) {
            memcpy(bytes + n, "\3\0\1x", 4);
            n += 4;
        }
        bytes[n++] = 5;
        struct span s = span_of(bytes, n);
        struct amf0_value v;
        ck_assert_int_eq(amf0_read(&s, &v), depth <= AMF0_DEPTH_MAX ? ERR_OK : ERR_LIMIT);
    }
}
END_TEST

START_TEST(hostile_counts)
{
    static const uint8_t array[] = {10, 0xff, 0xff, 0xff, 0xff, 5, 5};
    static const uint8_t text[] = {12, 0xff, 0xff, 0xff, 0xff, 'a'};
    static const uint8_t unknown[] = {18, 1};
    struct amf0_value v;
    struct span s = span_of(array, sizeof array);
    ck_assert_int_eq(amf0_read(&s, &v), ERR_OK); /* ends with the input */
    s = span_of(text, sizeof text);
    ck_assert_int_eq(amf0_read(&s, &v), ERR_PROTO);
    ck_assert_uint_eq(s.len, sizeof text);
    s = span_of(unknown, sizeof unknown);
    ck_assert_int_eq(amf0_read(&s, &v), ERR_PROTO);
}
END_TEST

START_TEST(random_bytes)
{
    srand(11);
    for (int round = 0; round < 300000; round++) {
        uint8_t bytes[48];
        size_t len = (size_t)(rand() % (int)sizeof bytes);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)(rand() % (i % 4 == 0 ? 256 : 18));
        }
        struct span s = span_of(bytes, len);
        struct amf0_value v, member;
        while (amf0_read(&s, &v) == ERR_OK) {
            ck_assert(v.bytes.len <= len);
            ck_assert(amf0_find(&v, "a", &member) == ERR_OK || v.bytes.len <= len);
        }
    }
}
END_TEST

START_TEST(writer_without_room)
{
    for (size_t max = 0; max < 20; max++) {
        struct buf b;
        buf_init(&b, max);
        struct amf0_writer w = {.out = &b};
        amf0_put_string(&w, "0123456789");
        amf0_put_number(&w, 1);
        ck_assert_int_eq(w.err, ERR_LIMIT);
        ck_assert_uint_le(b.len, max);
        buf_fini(&b);
    }
    struct buf b;
    buf_init(&b, 100);
    struct amf0_writer w = {.out = &b};
    mem_fail_nth(1);
    amf0_put_string(&w, "x");
    ck_assert_int_eq(w.err, ERR_NOMEM);
    amf0_put_string(&w, "x");
    ck_assert_int_eq(w.err, ERR_NOMEM);
    ck_assert_uint_eq(b.len, 0);
    buf_fini(&b);
}
END_TEST

UNIT_MAIN("amf0", written_and_read, every_type, cut_short, missing_object_end, nesting,
          hostile_counts, random_bytes, writer_without_room)
