#include "broadcaster/codec/nal.h"

#include <string.h>

#include "tests/support/unit.h"

static enum err collect(void *arg, struct span nal)
{
    char *text = arg;
    size_t at = strlen(text);
    for (size_t i = 0; i < nal.len; i++) {
        text[at + i] = (char)('a' + nal.data[i] % 26);
    }
    text[at + nal.len] = '.';
    text[at + nal.len + 1] = '\0';
    return nal.len == 9 ? ERR_LIMIT : ERR_OK;
}

static const uint8_t hvcc[] = {1, 1,    0x60, 0, 0, 0, 0xb0, 0,    0, 0,    0, 0, 93, 0xf0,
                               0, 0xfc, 0,    0, 0, 0, 0,    0x0f, 2, 0xa0, 0, 1, 0,  2,
                               0, 1,    0xa1, 0, 2, 0, 1,    2,    0, 2,    3, 4};

START_TEST(hevc_records)
{
    char text[64] = "";
    int size = 0;
    ck_assert_int_eq(nal_length_size(CODEC_HEVC, span_of(hvcc, sizeof hvcc), &size), ERR_OK);
    ck_assert_int_eq(size, 4);
    ck_assert_int_eq(nal_each_set(CODEC_HEVC, span_of(hvcc, sizeof hvcc), collect, text), ERR_OK);
    ck_assert_str_eq(text, "ab.c.de.");
    for (size_t n = 0; n < sizeof hvcc; n++) {
        text[0] = '\0';
        ck_assert_int_eq(nal_each_set(CODEC_HEVC, span_of(hvcc, n), collect, text), ERR_PROTO);
    }
    uint8_t bad[sizeof hvcc];
    memcpy(bad, hvcc, sizeof bad);
    bad[21] = 0x0e; /* lengths of three bytes do not exist */
    ck_assert_int_eq(nal_length_size(CODEC_HEVC, span_of(bad, sizeof bad), &size), ERR_PROTO);
    bad[21] = 0x0d;
    ck_assert_int_eq(nal_length_size(CODEC_HEVC, span_of(bad, sizeof bad), &size), ERR_OK);
    ck_assert_int_eq(size, 2);
    bad[0] = 2;
    ck_assert_int_eq(nal_length_size(CODEC_HEVC, span_of(bad, sizeof bad), &size), ERR_PROTO);
}
END_TEST

START_TEST(the_walk_ends_where_it_is_told_to)
{
    static const uint8_t avcc[] = {1, 100, 0, 31, 0xff, 0xe1, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0};
    char text[64] = "";
    ck_assert_int_eq(nal_each_set(CODEC_H264, span_of(avcc, sizeof avcc), collect, text),
                     ERR_LIMIT);
}
END_TEST

UNIT_MAIN("nal", hevc_records, the_walk_ends_where_it_is_told_to)
