#include "broadcaster/rtmp/amf3.h"

#include <string.h>

#include "tests/support/unit.h"

#define BYTES(...) span_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* Reads exactly these bytes; every shorter run is refused and moves nothing. */
static struct amf0_value whole(struct span bytes)
{
    struct amf0_value v = {.type = AMF0_NULL};
    for (size_t n = 0; n < bytes.len; n++) {
        struct span cut = span_of(bytes.data, n);
        ck_assert_int_eq(amf3_read(&cut, &v), ERR_PROTO);
        ck_assert_uint_eq(cut.len, n);
    }
    ck_assert_int_eq(amf3_read(&bytes, &v), ERR_OK);
    ck_assert_uint_eq(bytes.len, 0);
    return v;
}

static void check_number(struct span bytes, double number)
{
    struct amf0_value v = whole(bytes);
    ck_assert_int_eq(v.type, AMF0_NUMBER);
    ck_assert(v.number == number);
}

static void check_text(const struct amf0_value *v, const char *text)
{
    ck_assert_int_eq(v->type, AMF0_STRING);
    ck_assert(span_equal(v->bytes, span_cstr(text)));
}

START_TEST(scalars)
{
    ck_assert_int_eq(whole(BYTES(0)).type, AMF0_NULL);
    ck_assert_int_eq(whole(BYTES(1)).type, AMF0_NULL);
    struct amf0_value no = whole(BYTES(2)), yes = whole(BYTES(3));
    ck_assert(no.type == AMF0_BOOLEAN && !no.boolean && yes.type == AMF0_BOOLEAN && yes.boolean);
    check_number(BYTES(4, 0), 0);
    check_number(BYTES(4, 0x7f), 127);
    check_number(BYTES(4, 0x81, 0x00), 128);
    check_number(BYTES(4, 0xff, 0x7f), 16383);
    check_number(BYTES(4, 0x81, 0x80, 0x00), 16384);
    check_number(BYTES(4, 0x80, 0xc0, 0x80, 0x00), 2097152);
    check_number(BYTES(4, 0xbf, 0xff, 0xff, 0xff), 268435455);
    check_number(BYTES(4, 0xc0, 0x80, 0x80, 0x00), -268435456);
    check_number(BYTES(4, 0xff, 0xff, 0xff, 0xff), -1);
    check_number(BYTES(5, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0), 1.5);
    struct amf0_value text = whole(BYTES(6, 7, 'a', 'b', 'c'));
    check_text(&text, "abc");
    text = whole(BYTES(6, 1));
    check_text(&text, "");
    struct amf0_value date = whole(BYTES(8, 1, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0));
    ck_assert(date.type == AMF0_DATE && date.number == 1);
}
END_TEST

START_TEST(passed_over)
{
    const struct span all[] = {
        BYTES(7, 5, '<', '>'),                         /* XML document */
        BYTES(11, 5, '<', '>'),                        /* XML */
        BYTES(13, 5, 0, 0, 0, 0, 1, 0, 0, 0, 2),       /* two ints */
        BYTES(14, 3, 1, 0, 0, 0, 1),                   /* an unsigned one */
        BYTES(15, 3, 0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0), /* a double */
        BYTES(16, 5, 0, 3, 'C', 1, 4, 5),              /* two objects */
        BYTES(17, 3, 0, 6, 3, 'k', 4, 5),              /* a dictionary */
        BYTES(9, 0),
        BYTES(10, 0),
        BYTES(8, 2),
        BYTES(12, 4),
        BYTES(16, 2), /* references */
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        ck_assert_int_eq(whole(all[i]).type, AMF0_NULL);
    }
    ck_assert_int_eq(whole(BYTES(9, 5, 1, 4, 1, 6, 3, 'x')).type, AMF0_ARRAY);
}
END_TEST

START_TEST(byte_arrays)
{
    struct amf0_value v = whole(BYTES(12, 7, 1, 2, 3));
    ck_assert_int_eq(v.type, AMF0_BYTES);
    ck_assert(span_equal(v.bytes, BYTES(1, 2, 3)));
    v = whole(BYTES(12, 1));
    ck_assert_int_eq(v.type, AMF0_BYTES);
    ck_assert_uint_eq(v.bytes.len, 0);
    uint8_t large[3 + 100] = {12, 0x81, 0x49}; /* 100 << 1 | 1 */
    v = whole(span_of(large, sizeof large));
    ck_assert_uint_eq(v.bytes.len, 100);
}
END_TEST

static void check_member(struct span object, const char *key, const char *text)
{
    struct amf0_value o = whole(object), v;
    ck_assert(o.type == AMF0_OBJECT && o.in_amf3);
    if (text == NULL) {
        ck_assert_int_eq(amf0_find(&o, key, &v), ERR_NOENT);
        return;
    }
    ck_assert_int_eq(amf0_find(&o, key, &v), ERR_OK);
    check_text(&v, text);
}

START_TEST(members)
{
    /* a dynamic one without a class: app, an object with a member app of its own, tcUrl = "app" by
     * reference, objects of the first traits by reference */
    struct span o = BYTES(10, 0x0b, 1,                                                  /**/
                          3, 'x', 10, 1, 7, 'a', 'p', 'p', 6, 9, 'd', 'e', 'e', 'p', 1, /**/
                          2, 6, 9, 'l', 'i', 'v', 'e',       /* name by reference 1: "app" */
                          11, 't', 'c', 'U', 'r', 'l', 6, 2, /* its text too */
                          1);
    check_member(o, "app", "live");
    check_member(o, "APP", "live");
    check_member(o, "tcurl", "app");
    check_member(o, "other", NULL);
    /* sealed members: a class K with a and b, dynamic, and c behind */
    o = BYTES(10, 0x2b, 3, 'K', 3, 'a', 3, 'b', 6, 3, '1', 6, 3, '2', 3, 'c', 6, 3, '3', 1);
    check_member(o, "a", "1");
    check_member(o, "b", "2");
    check_member(o, "c", "3");
    /* an array of named members */
    check_member(BYTES(9, 1, 3, 'k', 6, 3, 'v', 1), "k", "v");
}
END_TEST

START_TEST(objects_that_write_themselves)
{
    struct amf0_value v;
    uint8_t bytes[64] = {10, 7, 0x43};
    memcpy(bytes + 3, "flex.messaging.io.ArrayCollection", 33);
    memcpy(bytes + 36, "\x09\x03\x01\x04\x05", 5);
    struct span s = span_of(bytes, 41);
    ck_assert_int_eq(amf3_read(&s, &v), ERR_OK);
    ck_assert_uint_eq(s.len, 0);
    s = BYTES(10, 7, 3, 'K', 1);
    ck_assert_int_eq(amf3_read(&s, &v), ERR_PROTO);
}
END_TEST

START_TEST(refused)
{
    const struct span all[] = {
        BYTES(18),
        BYTES(0xff), /* unknown types */
        BYTES(6, 0),
        BYTES(6, 2), /* texts that were not there before */
        BYTES(10, 1),
        BYTES(10, 5), /* traits neither */
        BYTES(9, 0xff, 0xff, 0xff, 0xff, 1, 1),
        BYTES(12, 0xff, 0xff, 0xff, 0xff, 1),
        BYTES(15, 0xff, 0xff, 0xff, 0xff, 0, 1),
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct amf0_value v;
        struct span s = all[i];
        ck_assert_msg(amf3_read(&s, &v) == ERR_PROTO, "%zu", i);
        ck_assert_uint_eq(s.len, all[i].len);
    }
}
END_TEST

START_TEST(limits)
{
    uint8_t bytes[4096];
    struct amf0_value v;
    struct span s;
    size_t n = 0;
    for (int i = 0; i < AMF3_DEPTH_MAX; i++) { /* arrays in arrays */
        memcpy(bytes + n, "\x09\x03\x01", 3);
        n += 3;
    }
    bytes[n++] = 1;
    s = span_of(bytes, n);
    ck_assert_int_eq(amf3_read(&s, &v), ERR_LIMIT);
    s = span_of(bytes + 3, n - 3);
    ck_assert_int_eq(amf3_read(&s, &v), ERR_OK);
    /* texts */
    for (int more = 0; more < 2; more++) {
        int count = AMF3_STRINGS_MAX + more;
        bytes[0] = 9;
        bytes[1] = (uint8_t)(0x80 | (2 * count + 1) >> 7);
        bytes[2] = (uint8_t)((2 * count + 1) & 0x7f);
        bytes[3] = 1;
        n = 4;
        for (int i = 0; i < count; i++, n += 3) {
            memcpy(bytes + n, "\x06\x03x", 3);
        }
        s = span_of(bytes, n);
        ck_assert_int_eq(amf3_read(&s, &v), more ? ERR_LIMIT : ERR_OK);
    }
    /* member names */
    s = BYTES(10, 0x82, 0x80, 0x03, 1, 3, 'a');
    ck_assert_int_eq(amf3_read(&s, &v), ERR_LIMIT);
    /* kinds of objects */
    n = 0;
    memcpy(bytes, "\x09\x43\x01", 3); /* 33 */
    for (n = 3; n < 3 + 3 * 33; n += 3) {
        memcpy(bytes + n, "\x0a\x03\x01", 3);
    }
    s = span_of(bytes, n);
    ck_assert_int_eq(amf3_read(&s, &v), ERR_LIMIT);
}
END_TEST

/* Fact 15: AMF3 values between and inside of AMF0 ones. */
START_TEST(inside_of_amf0)
{
    struct span s = BYTES(2, 0, 1, 'x', 0x11, 4, 5, 0x11, 6, 3, 'y',        /**/
                          3, 0, 3, 'a', 'p', 'p', 0x11, 6, 3, 'l', 0, 0, 9, /**/
                          0x11, 10, 0x0b, 1, 7, 'a', 'p', 'p', 6, 3, 'm', 1, 5);
    struct span text;
    double number;
    struct amf0_value v, member;
    ck_assert_int_eq(amf0_read_string(&s, &text), ERR_OK);
    ck_assert_int_eq(amf0_read_number(&s, &number), ERR_OK);
    ck_assert(number == 5);
    ck_assert_int_eq(amf0_read_string(&s, &text), ERR_OK);
    ck_assert(span_equal(text, span_cstr("y")));
    ck_assert_int_eq(amf0_read(&s, &v), ERR_OK);
    ck_assert_int_eq(amf0_find(&v, "app", &member), ERR_OK);
    check_text(&member, "l");
    ck_assert_int_eq(amf0_read(&s, &v), ERR_OK);
    ck_assert_int_eq(amf0_find(&v, "app", &member), ERR_OK);
    check_text(&member, "m");
    ck_assert_int_eq(amf0_read(&s, &v), ERR_OK);
    ck_assert_uint_eq(s.len, 0);
}
END_TEST

UNIT_MAIN("amf3", scalars, passed_over, byte_arrays, members, objects_that_write_themselves,
          refused, limits, inside_of_amf0)
