#include "base/buf.h"

#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

static void assert_holds(const struct buf *b, const void *bytes, size_t len)
{
    ck_assert_uint_eq(b->len, len);
    ck_assert_mem_eq(b->data, bytes, len);
}

START_TEST(appenders_write_big_endian)
{
    struct buf b;
    buf_init(&b, 100);
    ck_assert_int_eq(buf_put_u8(&b, 0x01), ERR_OK);
    ck_assert_int_eq(buf_put_be16(&b, 0x0203), ERR_OK);
    ck_assert_int_eq(buf_put_be24(&b, 0x040506), ERR_OK);
    ck_assert_int_eq(buf_put_be32(&b, 0x0708090a), ERR_OK);
    ck_assert_int_eq(buf_put_be64(&b, 0x0b0c0d0e0f101112), ERR_OK);
    ck_assert_int_eq(buf_put_le32(&b, 0x16151413), ERR_OK);
    uint8_t wanted[22];
    for (size_t i = 0; i < sizeof wanted; i++) {
        wanted[i] = (uint8_t)(i + 1);
    }
    assert_holds(&b, wanted, sizeof wanted);
    buf_fini(&b);
}
END_TEST

START_TEST(the_maximum_holds_and_leaves_the_content_alone)
{
    struct buf b;
    buf_init(&b, 10);
    ck_assert_int_eq(buf_put(&b, span_cstr("12345678")), ERR_OK);
    ck_assert_int_eq(buf_put(&b, span_cstr("abc")), ERR_LIMIT);
    ck_assert_int_eq(buf_put_be24(&b, 0), ERR_LIMIT);
    ck_assert_int_eq(buf_printf(&b, "%d", 100), ERR_LIMIT);
    ck_assert_ptr_null(buf_reserve(&b, 3));
    ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX));
    assert_holds(&b, "12345678", 8);
    ck_assert_int_eq(buf_put(&b, span_cstr("90")), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_LIMIT);
    assert_holds(&b, "1234567890", 10);
    buf_fini(&b);
}
END_TEST

START_TEST(printf_fills_up_to_the_maximum)
{
    struct buf b;
    buf_init(&b, 6);
    ck_assert_int_eq(buf_printf(&b, "%s", "abc"), ERR_OK);
    ck_assert_int_eq(buf_printf(&b, "%d", 123), ERR_OK);
    assert_holds(&b, "abc123", 6);
    ck_assert_int_eq(buf_printf(&b, "%s", ""), ERR_OK);
    ck_assert_int_eq(buf_printf(&b, "x"), ERR_LIMIT);
    assert_holds(&b, "abc123", 6);
    buf_fini(&b);
    /* Exactly what was allocated first: the NUL behind it must have a place too. */
    buf_init(&b, 1000);
    ck_assert_int_eq(buf_printf(&b, "%256s", ""), ERR_OK);
    ck_assert_uint_eq(b.len, 256);
    buf_fini(&b);
}
END_TEST

START_TEST(it_grows_over_many_appends)
{
    struct buf b;
    buf_init(&b, 100000);
    for (unsigned i = 0; i < 25000; i++) {
        ck_assert_int_eq(buf_put_be32(&b, i), ERR_OK);
    }
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_LIMIT);
    struct span s = buf_span(&b);
    for (unsigned i = 0; i < 25000; i++) {
        uint32_t v;
        ck_assert_int_eq(span_read_be32(&s, &v), ERR_OK);
        ck_assert_uint_eq(v, i);
    }
    ck_assert_uint_le(b.cap, b.max);
    buf_fini(&b);
}
END_TEST

START_TEST(reserve_then_grow)
{
    struct buf b;
    buf_init(&b, 1000);
    uint8_t *at = buf_reserve(&b, 5);
    ck_assert_ptr_nonnull(at);
    memcpy(at, "hello", 5);
    ck_assert_uint_eq(b.len, 0);
    buf_grow(&b, 3);
    assert_holds(&b, "hel", 3);
    ck_assert_ptr_eq(buf_reserve(&b, 0), b.data + 3);
    buf_fini(&b);
    buf_init(&b, 1000);
    ck_assert_ptr_nonnull(buf_reserve(&b, 0));
    buf_fini(&b);
}
END_TEST

START_TEST(drop_and_clear)
{
    struct buf b;
    buf_init(&b, 1000);
    buf_drop(&b, 0);
    ck_assert_int_eq(buf_put(&b, span_cstr("abcdef")), ERR_OK);
    buf_drop(&b, 2);
    assert_holds(&b, "cdef", 4);
    buf_drop(&b, 0);
    buf_drop(&b, 4);
    ck_assert_uint_eq(b.len, 0);
    ck_assert_int_eq(buf_put(&b, span_of(NULL, 0)), ERR_OK);
    ck_assert_int_eq(buf_put(&b, span_cstr("x")), ERR_OK);
    const uint8_t *memory = b.data;
    buf_clear(&b);
    ck_assert_uint_eq(b.len, 0);
    ck_assert_ptr_eq(b.data, memory);
    buf_fini(&b);
    ck_assert_ptr_null(b.data);
    ck_assert_uint_eq(b.max, 1000);
    buf_fini(&b);
}
END_TEST

START_TEST(refused_memory_leaves_the_content_alone)
{
    struct buf b;
    buf_init(&b, 100000);
    mem_fail_nth(1);
    ck_assert_int_eq(buf_put(&b, span_cstr("x")), ERR_NOMEM);
    ck_assert(mem_has_failed());
    ck_assert_uint_eq(b.len, 0);
    ck_assert_int_eq(buf_put(&b, span_cstr("abc")), ERR_OK);
    mem_fail_nth(1);
    ck_assert_int_eq(buf_printf(&b, "%5000d", 1), ERR_NOMEM);
    mem_fail_nth(1);
    ck_assert_ptr_null(buf_reserve(&b, 5000));
    assert_holds(&b, "abc", 3);
    ck_assert_int_eq(buf_printf(&b, "%d", 1), ERR_OK);
    assert_holds(&b, "abc1", 4);
    buf_fini(&b);
}
END_TEST

UNIT_MAIN("buf", appenders_write_big_endian, the_maximum_holds_and_leaves_the_content_alone,
          printf_fills_up_to_the_maximum, it_grows_over_many_appends, reserve_then_grow,
          drop_and_clear, refused_memory_leaves_the_content_alone)
