#include "broadcaster/codec/annexb.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ROUNDS 20000

static const uint8_t record[] = {1,    0x64, 0, 0x1f, 0xff, 0xe1, 0, 3, 0x67, 0x64,
                                 0x1f, 2,    0, 2,    0x68, 0xaa, 0, 1, 0x68};
static const uint8_t sets_want[] = {0, 0, 0,    1,    0x67, 0x64, 0x1f, 0, 0,
                                    0, 1, 0x68, 0xaa, 0,    0,    0,    1, 0x68};
static const uint8_t delimiter[] = {0, 0, 0, 1, 9, 0xf0};

static void expect(struct buf *b, const void *want, size_t n)
{
    ck_assert_uint_eq(b->len, n);
    ck_assert_int_eq(memcmp(b->data, want, n), 0);
    buf_clear(b);
}

START_TEST(config)
{
    struct buf b;
    int size = 0;
    buf_init(&b, 1000);
    ck_assert_int_eq(annexb_put_config(&b, CODEC_H264, span_of(record, sizeof record), &size),
                     ERR_OK);
    ck_assert_int_eq(size, 4);
    expect(&b, sets_want, sizeof sets_want);
    for (size_t n = 0; n < sizeof record; n++) {
        size = -1;
        ck_assert_int_eq(annexb_put_config(&b, CODEC_H264, span_of(record, n), &size), ERR_PROTO);
        ck_assert_int_eq(size, -1);
        ck_assert_uint_eq(b.len, 0);
    }
    buf_fini(&b);
}
END_TEST

START_TEST(config_that_is_none)
{
    uint8_t bad[sizeof record];
    struct buf b;
    int size;
    buf_init(&b, 1000);
    memcpy(bad, record, sizeof bad);
    bad[0] = 0;
    ck_assert_int_eq(annexb_put_config(&b, CODEC_H264, span_of(bad, sizeof bad), &size), ERR_PROTO);
    bad[0] = 1;
    bad[4] = 0xfe; /* lengths of three bytes do not exist */
    ck_assert_int_eq(annexb_put_config(&b, CODEC_H264, span_of(bad, sizeof bad), &size), ERR_PROTO);
    buf_fini(&b);
}
END_TEST

START_TEST(unit)
{
    static const uint8_t in[] = {0, 0, 0, 2, 0x41, 0x11, 0, 0, 0, 1, 0x41};
    static const uint8_t want[] = {0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x41, 0x11, 0, 0, 0, 1, 0x41};
    struct buf b;
    buf_init(&b, 1000);
    ck_assert_int_eq(annexb_put_unit(&b, CODEC_H264, span_of(in, sizeof in), 4, span_of(NULL, 0)),
                     ERR_OK);
    expect(&b, want, sizeof want);
    buf_fini(&b);
}
END_TEST

START_TEST(sets_go_behind_the_delimiter)
{
    static const uint8_t in[] = {0, 2, 9, 0x10, 0, 2, 0x65, 0x88};
    static const uint8_t own_sps[] = {0, 1, 0x67, 0, 2, 0x65, 0x88};
    static const uint8_t sets[] = {0, 0, 0, 1, 0x67};
    static const uint8_t want[] = {0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67, 0, 0, 0, 1, 0x65, 0x88};
    struct buf b;
    buf_init(&b, 1000);
    struct span s = span_of(sets, sizeof sets);
    ck_assert_int_eq(annexb_put_unit(&b, CODEC_H264, span_of(in, sizeof in), 2, s), ERR_OK);
    expect(&b, want, sizeof want);
    ck_assert_int_eq(annexb_put_unit(&b, CODEC_H264, span_of(own_sps, sizeof own_sps), 2, s),
                     ERR_OK);
    expect(&b, want, sizeof want);
    buf_fini(&b);
}
END_TEST

START_TEST(cut_short_gives_what_is_whole)
{
    static const uint8_t in[] = {2, 0x41, 0x11, 0, 9, 0x41};
    static const uint8_t want[] = {0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x41, 0x11};
    struct buf b;
    buf_init(&b, 1000);
    ck_assert_int_eq(annexb_put_unit(&b, CODEC_H264, span_of(in, sizeof in), 1, span_of(NULL, 0)),
                     ERR_OK);
    expect(&b, want, sizeof want);
    for (size_t n = 0; n < 3; n++) {
        ck_assert_int_eq(annexb_put_unit(&b, CODEC_H264, span_of(in, n), 1, span_of(NULL, 0)),
                         ERR_PROTO);
        ck_assert_uint_eq(b.len, 0);
    }
    buf_fini(&b);
}
END_TEST

/* Whatever comes, each NAL unit that goes out came in, and nothing is read past the end (heap
 * blocks of the exact size, for the sanitizers). */
START_TEST(random_bytes)
{
    srand(1);
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = (size_t)(rand() % 40);
        uint8_t *in = malloc(n + (n == 0));
        for (size_t i = 0; i < n; i++) {
            in[i] = (uint8_t)(rand() % 3 == 0 ? rand() : rand() % 5);
        }
        int size = 1 << rand() % 3;
        struct buf b;
        buf_init(&b, 4096);
        enum err e = annexb_put_unit(&b, CODEC_H264, span_of(in, n), size, span_of(delimiter, 4));
        ck_assert(e == ERR_OK || e == ERR_PROTO);
        ck_assert(e == ERR_OK ? b.len > sizeof delimiter : b.len == 0);
        ck_assert_uint_le(b.len, sizeof delimiter + 4 + 4 * n);
        buf_clear(&b);
        int length_size;
        e = annexb_put_config(&b, CODEC_H264, span_of(in, n), &length_size);
        ck_assert(e == ERR_OK || b.len == 0);
        buf_fini(&b);
        free(in);
    }
}
END_TEST

START_TEST(limits_and_memory)
{
    static const uint8_t in[] = {0, 0, 0, 2, 0x41, 0x11};
    struct buf b;
    buf_init(&b, 8);
    int size;
    ck_assert_int_eq(annexb_put_unit(&b, CODEC_H264, span_of(in, sizeof in), 4, span_of(NULL, 0)),
                     ERR_LIMIT);
    ck_assert_uint_eq(b.len, 0);
    ck_assert_int_eq(annexb_put_config(&b, CODEC_H264, span_of(record, sizeof record), &size),
                     ERR_LIMIT);
    ck_assert_uint_eq(b.len, 0);
    buf_fini(&b);
    buf_init(&b, 1000);
    mem_fail_nth(1);
    ck_assert_int_eq(annexb_put_unit(&b, CODEC_H264, span_of(in, sizeof in), 4, span_of(NULL, 0)),
                     ERR_NOMEM);
    mem_fail_nth(1);
    ck_assert_int_eq(annexb_put_config(&b, CODEC_H264, span_of(record, sizeof record), &size),
                     ERR_NOMEM);
    ck_assert_uint_eq(b.len, 0);
    buf_fini(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("annexb");
    TCase *t = tcase_create("annexb");
    tcase_set_timeout(t, 20);
    tcase_add_test(t, config);
    tcase_add_test(t, config_that_is_none);
    tcase_add_test(t, unit);
    tcase_add_test(t, sets_go_behind_the_delimiter);
    tcase_add_test(t, cut_short_gives_what_is_whole);
    tcase_add_test(t, random_bytes);
    tcase_add_test(t, limits_and_memory);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
