#include "transcoder/avcc.h"

#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

static const uint8_t header[] = {0,    0, 0, 1, 0x67, 100,  0,    30,   0xac,
                                 0xd9, 0, 0, 0, 1,    0x68, 0xeb, 0xe3, 0xcb};
static const uint8_t record[] = {1,    100,  0,    30,   0xff, 0xe1, 0, 6, 0x67,
                                 100,  0,    30,   0xac, 0xd9, 1,    0, 4, 0x68,
                                 0xeb, 0xe3, 0xcb, 0xfd, 0xf8, 0xf8, 0};

#define SPAN(a) span_of(a, sizeof a)

START_TEST(writes_a_config)
{
    struct buf b;
    buf_init(&b, 1000);
    ck_assert_int_eq(avcc_write_config(SPAN(header), &b), ERR_OK);
    ck_assert(span_equal(buf_span(&b), SPAN(record)));
    ck_assert_int_eq(avcc_check_config(buf_span(&b)), ERR_OK);
    buf_fini(&b);
}
END_TEST

START_TEST(a_baseline_config_has_no_tail)
{
    uint8_t baseline[sizeof header];
    memcpy(baseline, header, sizeof header);
    baseline[5] = 66;
    struct buf b;
    buf_init(&b, 1000);
    ck_assert_int_eq(avcc_write_config(SPAN(baseline), &b), ERR_OK);
    ck_assert_uint_eq(b.len, sizeof record - 4);
    ck_assert_int_eq(avcc_check_config(buf_span(&b)), ERR_OK);
    buf_fini(&b);
}
END_TEST

START_TEST(a_config_needs_both_sets)
{
    struct buf b;
    buf_init(&b, 1000);
    ck_assert_int_eq(avcc_write_config(span_of(header, 10), &b), ERR_PROTO);
    ck_assert_int_eq(avcc_write_config(span_of(header + 10, 8), &b), ERR_PROTO);
    ck_assert_int_eq(avcc_write_config(span_of(NULL, 0), &b), ERR_PROTO);
    ck_assert_uint_eq(b.len, 0);
    buf_fini(&b);
}
END_TEST

/* Every cut of a record is refused, but for the optional tail. */
START_TEST(checks_configs)
{
    for (size_t n = 0; n < sizeof record; n++) {
        ck_assert_int_eq(avcc_check_config(span_of(record, n)),
                         n < sizeof record - 4 ? ERR_PROTO : ERR_OK);
    }
    uint8_t bad[sizeof record];
    memcpy(bad, record, sizeof record);
    bad[0] = 2;
    ck_assert_int_eq(avcc_check_config(SPAN(bad)), ERR_PROTO);
    memcpy(bad, record, sizeof record);
    bad[5] = 0xe0;
    ck_assert_int_eq(avcc_check_config(SPAN(bad)), ERR_PROTO);
    memcpy(bad, record, sizeof record);
    bad[6] = 0xff;
    ck_assert_int_eq(avcc_check_config(SPAN(bad)), ERR_PROTO);
}
END_TEST

START_TEST(writes_units)
{
    static const uint8_t in[] = {0, 0, 0, 1,  9,    0xf0, 0,    0, 1, 0x67, 1, 0,    0,    0,
                                 1, 6, 5, 17, 1,    2,    0,    0, 1, 6,    4, 1,    0x80, 0,
                                 0, 1, 6, 1,  0x80, 0x80, 0,    0, 0, 1,    5, 0x65, 0,    3,
                                 7, 0, 0, 0,  0,    1,    0x41, 9, 0, 0,    1};
    static const uint8_t out[] = {0, 0, 0, 4, 6, 4,    1, 0x80, 0, 0, 0, 4, 6, 1,    0x80, 0x80,
                                  0, 0, 0, 5, 5, 0x65, 0, 3,    7, 0, 0, 0, 2, 0x41, 9};
    struct buf b;
    buf_init(&b, 1000);
    ck_assert_int_eq(avcc_write_unit(SPAN(in), &b), ERR_OK);
    ck_assert(span_equal(buf_span(&b), SPAN(out)));
    ck_assert_int_eq(avcc_write_unit(span_of(in, 11), &b), ERR_PROTO);
    buf_fini(&b);
    buf_init(&b, 10);
    ck_assert_int_eq(avcc_write_unit(SPAN(in), &b), ERR_LIMIT);
    buf_fini(&b);
}
END_TEST

START_TEST(finds_user_data)
{
    uint8_t in[400] = {0, 0, 1, 6, 5, 0xff, 20};
    memset(in + 7, 'u', 16);
    memset(in + 23, 't', 259);
    in[23 + 259] = 0x80;
    struct span text;
    ck_assert_int_eq(avcc_user_data(span_of(in, 23 + 260), &text), ERR_OK);
    ck_assert_uint_eq(text.len, 259);
    ck_assert_int_eq(text.data[0], 't');
    for (size_t n = 0; n < 23 + 259; n++) {
        ck_assert_int_eq(avcc_user_data(span_of(in, n), &text), ERR_NOENT);
    }
}
END_TEST

START_TEST(hashes)
{
    ck_assert_uint_eq(avcc_hash(span_of(NULL, 0)), 0xcbf29ce484222325u);
    ck_assert_uint_eq(avcc_hash(span_cstr("a")), 0xaf63dc4c8601ec8cu);
    ck_assert_uint_eq(avcc_hash(span_cstr("foobar")), 0x85944171f73967e8u);
}
END_TEST

START_TEST(without_memory)
{
    struct buf b;
    for (size_t n = 1;; n++) {
        buf_init(&b, 1000);
        mem_fail_nth(n);
        enum err e = avcc_write_config(SPAN(header), &b);
        bool failed = mem_has_failed();
        mem_fail_nth(0);
        ck_assert_int_eq(e, failed ? ERR_NOMEM : ERR_OK);
        buf_fini(&b);
        if (!failed) {
            ck_assert_uint_gt(n, 1);
            break;
        }
    }
    buf_init(&b, 1000);
    mem_fail_nth(1);
    ck_assert_int_eq(avcc_write_unit(span_cstr("\1\0\0\1\x65\7"), &b), ERR_PROTO);
    mem_fail_nth(1);
    static const uint8_t unit[] = {0, 0, 1, 0x65, 7};
    ck_assert_int_eq(avcc_write_unit(SPAN(unit), &b), ERR_NOMEM);
    buf_fini(&b);
}
END_TEST

/* Random bytes in exact allocations, so that a sanitizer sees any byte read past the end. */
START_TEST(random_bytes)
{
    uint32_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        size_t n = (size_t)(round % 64);
        uint8_t *in = mem_alloc(n);
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525 + 1013904223;
            in[i] = (seed >> 24) % 3 == 0 ? (uint8_t)(seed >> 16) : (seed >> 20) % 4 == 0;
        }
        struct buf b;
        struct span text;
        buf_init(&b, 1000);
        (void)!avcc_check_config(span_of(in, n));
        (void)!avcc_user_data(span_of(in, n), &text);
        if (avcc_write_config(span_of(in, n), &b) == ERR_OK) {
            ck_assert_int_eq(avcc_check_config(buf_span(&b)), ERR_OK);
        }
        buf_clear(&b);
        if (avcc_write_unit(span_of(in, n), &b) == ERR_OK) {
            ck_assert_uint_gt(b.len, 4);
        }
        buf_fini(&b);
        mem_free(in);
    }
}
END_TEST

UNIT_MAIN("avcc", writes_a_config, a_baseline_config_has_no_tail, a_config_needs_both_sets,
          checks_configs, writes_units, finds_user_data, hashes, without_memory, random_bytes)
