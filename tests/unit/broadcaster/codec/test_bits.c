#include "broadcaster/codec/bits.h"

#include "tests/support/unit.h"
#include "tests/unit/broadcaster/codec/cut.h"

START_TEST(reads)
{
    struct bits b;
    bits_init(&b, BYTES(0xa5, 0x0f, 0x80));
    ck_assert_uint_eq(bits_read(&b, 4), 0xa);
    ck_assert(!bits_flag(&b));
    ck_assert_uint_eq(bits_read(&b, 7), 0x50);
    bits_skip(&b, 4);
    ck_assert_uint_eq(bits_read(&b, 0), 0);
    ck_assert_uint_eq(bits_read(&b, 8), 0x80);
    ck_assert(!b.past_end);
    ck_assert_uint_eq(bits_read(&b, 3), 0);
    ck_assert(b.past_end);
}
END_TEST

START_TEST(exp_golomb)
{
    struct bits b;
    /* 1 010 011 00100 00101 0001000 */
    bits_init(&b, BYTES(0xa6, 0x42, 0x88, 0x00));
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(bits_ue(&b), i);
    }
    ck_assert_uint_eq(bits_ue(&b), 7);
    bits_init(&b, BYTES(0xa6, 0x42, 0x88));
    static const int64_t expected[] = {0, 1, -1, 2, -2};
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(bits_se(&b), expected[i]);
    }
    bits_init(&b, BYTES(0, 0, 0, 0, 0xff));
    ck_assert_uint_eq(bits_ue(&b), 0); /* too long */
    ck_assert(b.past_end);
    bits_init(&b, BYTES(0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff));
    ck_assert_uint_eq(bits_ue(&b), 0xfffffffe);
    ck_assert(!b.past_end);
}
END_TEST

START_TEST(escapes)
{
    struct bits b;
    bits_init_escaped(&b, BYTES(0, 0, 3, 0, 0, 3, 1, 3));
    ck_assert_uint_eq(bits_read(&b, 32), 0);
    ck_assert_uint_eq(bits_read(&b, 16), 0x0103);
    ck_assert(!b.past_end);
    bits_init_escaped(&b, BYTES(0, 0, 3));
    bits_skip(&b, 16);
    ck_assert(!b.past_end);
    bits_skip(&b, 1);
    ck_assert(b.past_end);
    bits_init(&b, BYTES(0, 0, 3));
    ck_assert_uint_eq(bits_read(&b, 24), 3);
}
END_TEST

UNIT_MAIN("bits", reads, exp_golomb, escapes)
