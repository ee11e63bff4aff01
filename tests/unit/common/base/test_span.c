#include "base/span.h"

#include <string.h>

#include "tests/support/unit.h"

static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09};

START_TEST(readers_take_big_endian_from_the_front)
{
    struct span s = span_of(bytes, sizeof bytes);
    uint8_t a;
    uint16_t b;
    uint32_t c;
    ck_assert_int_eq(span_read_u8(&s, &a), ERR_OK);
    ck_assert_int_eq(span_read_be16(&s, &b), ERR_OK);
    ck_assert_int_eq(span_read_be24(&s, &c), ERR_OK);
    ck_assert_uint_eq(a, 0x01);
    ck_assert_uint_eq(b, 0x0203);
    ck_assert_uint_eq(c, 0x040506);
    ck_assert_uint_eq(s.len, 3);
    ck_assert_ptr_eq(s.data, bytes + 6);
}
END_TEST

START_TEST(wide_readers)
{
    struct span s = span_of(bytes, sizeof bytes);
    struct span t = s;
    struct span u = s;
    uint32_t be, le;
    uint64_t wide;
    ck_assert_int_eq(span_read_be32(&s, &be), ERR_OK);
    ck_assert_int_eq(span_read_le32(&t, &le), ERR_OK);
    ck_assert_int_eq(span_read_be64(&u, &wide), ERR_OK);
    ck_assert_uint_eq(be, 0x01020304);
    ck_assert_uint_eq(le, 0x04030201);
    ck_assert_uint_eq(wide, 0x0102030405060708);
    ck_assert_uint_eq(u.len, 1);
}
END_TEST

/* Each reader on one byte too few: nothing moves, nothing is written. */
START_TEST(too_few_bytes_change_nothing)
{
    uint8_t a = 0xaa;
    uint16_t b = 0xaaaa;
    uint32_t c = 0xaaaaaaaa;
    uint64_t d = 0xaaaaaaaaaaaaaaaa;
    struct span out = span_of(bytes, 5);
    const size_t wanted[] = {1, 2, 3, 4, 8, 4, 6};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        struct span s = span_of(bytes, wanted[i] - 1);
        enum err e = i == 0   ? span_read_u8(&s, &a)
                     : i == 1 ? span_read_be16(&s, &b)
                     : i == 2 ? span_read_be24(&s, &c)
                     : i == 3 ? span_read_be32(&s, &c)
                     : i == 4 ? span_read_be64(&s, &d)
                     : i == 5 ? span_read_le32(&s, &c)
                              : span_read_bytes(&s, 6, &out);
        ck_assert_int_eq(e, ERR_PROTO);
        ck_assert_ptr_eq(s.data, bytes);
        ck_assert_uint_eq(s.len, wanted[i] - 1);
    }
    ck_assert_uint_eq(a, 0xaa);
    ck_assert_uint_eq(b, 0xaaaa);
    ck_assert_uint_eq(c, 0xaaaaaaaa);
    ck_assert_uint_eq(d, 0xaaaaaaaaaaaaaaaa);
    ck_assert_uint_eq(out.len, 5);
}
END_TEST

START_TEST(bytes_are_borrowed_and_may_be_none)
{
    struct span s = span_of(bytes, 4);
    struct span out;
    ck_assert_int_eq(span_read_bytes(&s, 0, &out), ERR_OK);
    ck_assert_uint_eq(out.len, 0);
    ck_assert_int_eq(span_read_bytes(&s, 4, &out), ERR_OK);
    ck_assert_ptr_eq(out.data, bytes);
    ck_assert_uint_eq(s.len, 0);
    ck_assert_int_eq(span_read_bytes(&s, SIZE_MAX, &out), ERR_PROTO);
}
END_TEST

START_TEST(equality_is_of_bytes)
{
    ck_assert(span_equal(span_cstr("abc"), span_of("abcd", 3)));
    ck_assert(!span_equal(span_cstr("abc"), span_cstr("abd")));
    ck_assert(!span_equal(span_cstr("abc"), span_cstr("ab")));
    ck_assert(span_equal(span_of(NULL, 0), span_cstr("")));
    ck_assert(span_equal(span_of("a\0b", 3), span_of("a\0b", 3)));
    ck_assert(!span_equal(span_of("a\0b", 3), span_of("a\0c", 3)));
}
END_TEST

START_TEST(decimal_numbers)
{
    uint64_t v = 7;
    ck_assert(!span_decimal(span_cstr(""), 9, &v));
    ck_assert(!span_decimal(span_cstr("-1"), 9, &v));
    ck_assert(!span_decimal(span_cstr("1 "), 9, &v));
    ck_assert(!span_decimal(span_cstr("5"), 4, &v));
    ck_assert(!span_decimal(span_cstr("256"), 255, &v));
    ck_assert(!span_decimal(span_cstr("18446744073709551616"), UINT64_MAX, &v));
    ck_assert_uint_eq(v, 7);
    ck_assert(span_decimal(span_of("12x", 2), 12, &v));
    ck_assert_uint_eq(v, 12);
    ck_assert(span_decimal(span_cstr("000"), 0, &v));
    ck_assert_uint_eq(v, 0);
    ck_assert(span_decimal(span_cstr("18446744073709551615"), UINT64_MAX, &v));
    ck_assert_uint_eq(v, UINT64_MAX);
}
END_TEST

START_TEST(lines_end_with_lf_crlf_or_the_end)
{
    struct span s = span_cstr("one\r\n\n\rtwo\r\nlast");
    ck_assert(span_equal(span_take_line(&s), span_cstr("one")));
    ck_assert(span_equal(span_take_line(&s), span_cstr("")));
    ck_assert(span_equal(span_take_line(&s), span_cstr("\rtwo")));
    ck_assert(span_equal(span_take_line(&s), span_cstr("last")));
    ck_assert_uint_eq(s.len, 0);
    ck_assert(span_equal(span_take_line(&s), span_cstr("")));
    ck_assert_uint_eq(s.len, 0);
}
END_TEST

UNIT_MAIN("span", readers_take_big_endian_from_the_front, wide_readers,
          too_few_bytes_change_nothing, bytes_are_borrowed_and_may_be_none, equality_is_of_bytes,
          decimal_numbers, lines_end_with_lf_crlf_or_the_end)
