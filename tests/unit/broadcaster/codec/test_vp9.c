#include "broadcaster/codec/vp9.h"

#include "tests/support/unit.h"
#include "tests/unit/broadcaster/codec/cut.h"

/* profile 0, key, shown, BT.709 (space 2), studio range, 320x240 */
static const uint8_t key_frame[] = {0x82, 0x49, 0x83, 0x42, 0x40, 0x13, 0xf0, 0x0e, 0xf0};

START_TEST(records)
{
    struct span record;
    struct track_color color;
    struct span plain = BYTES(0, 21, 0x82, 1, 13, 1, 0, 0);
    ck_assert_int_eq(vp9_config_parse(plain, &record, &color), ERR_OK);
    ck_assert(span_equal(record, plain));
    ck_assert(color.primaries == 1 && color.transfer == 13 && color.matrix == 1);
    ck_assert(!color.full_range);
    /* as FFmpeg sends it: with the box's version and flags */
    struct span boxed = cut_hex("010000000014820202020000");
    ck_assert_int_eq(vp9_config_parse(boxed, &record, &color), ERR_OK);
    ck_assert(span_equal(record, cut_hex("0014820202020000")));
    ck_assert_int_eq(vp9_config_parse(BYTES(2, 31, 0xa3, 9, 16, 9, 0, 0), &record, &color), ERR_OK);
    ck_assert(color.full_range && color.transfer == 16);
}
END_TEST

START_TEST(bad_records)
{
    struct span record = {.len = 7};
    struct track_color color;
    ck_assert_int_eq(vp9_config_parse(BYTES(0, 21, 0x82, 1, 13, 1, 0), &record, &color), ERR_PROTO);
    ck_assert_int_eq(vp9_config_parse(BYTES(0, 21, 0x92, 1, 13, 1, 0, 0), &record, &color),
                     ERR_PROTO); /* 9 bits */
    ck_assert_int_eq(vp9_config_parse(BYTES(4, 21, 0x82, 1, 13, 1, 0, 0), &record, &color),
                     ERR_PROTO);
    ck_assert_int_eq(vp9_config_parse(span_of(NULL, 0), &record, &color), ERR_PROTO);
    ck_assert_uint_eq(record.len, 7);
}
END_TEST

START_TEST(frames)
{
    struct vp9_frame f;
    ck_assert_int_eq(vp9_frame_parse(span_of(key_frame, sizeof key_frame), &f), ERR_OK);
    ck_assert(f.key && f.profile == 0 && f.bit_depth == 8 && f.sub_x && f.sub_y);
    ck_assert_int_eq(f.width, 320);
    ck_assert_int_eq(f.height, 240);
    ck_assert_int_eq(f.color.matrix, 1);
    ck_assert_int_eq(vp9_frame_parse(BYTES(0x86, 0, 0x40), &f), ERR_OK);
    ck_assert(!f.key); /* inter */
    ck_assert_int_eq(vp9_frame_parse(BYTES(0x88), &f), ERR_OK);
    ck_assert(!f.key); /* shows an old one */
    /* profile 2, key: 12 bits, BT.2020, full range: 10 0 1 0 0 1 0 | sync | 1 101 1 | 1x1 */
    ck_assert_int_eq(vp9_frame_parse(BYTES(0x92, 0x49, 0x83, 0x42, 0xd8, 0, 0, 0, 0), &f), ERR_OK);
    ck_assert(f.key && f.profile == 2 && f.bit_depth == 12 && f.color.full_range);
    ck_assert_int_eq(f.color.matrix, 9);
    ck_assert_int_eq(f.width, 1);
}
END_TEST

START_TEST(bad_frames)
{
    struct vp9_frame f = {.width = 7};
    struct span whole = span_of(key_frame, sizeof key_frame);
    for (size_t n = 0; n < whole.len - 1; n++) { /* of the last byte only the upper half counts */
        struct span cut = cut_at(whole, n);
        ck_assert_int_eq(vp9_frame_parse(cut, &f), ERR_PROTO);
        cut_free(cut);
    }
    ck_assert_int_eq(vp9_frame_parse(BYTES(0x42, 0x49, 0x83, 0x42, 0x40, 0, 0, 0, 0), &f),
                     ERR_PROTO);
    ck_assert_int_eq(vp9_frame_parse(BYTES(0x82, 0x49, 0x83, 0x43, 0x40, 0, 0, 0, 0), &f),
                     ERR_PROTO);
    ck_assert_int_eq(f.width, 7);
}
END_TEST

START_TEST(made)
{
    struct vp9_frame f;
    uint8_t record[VP9_RECORD_BYTES];
    ck_assert_int_eq(vp9_frame_parse(span_of(key_frame, sizeof key_frame), &f), ERR_OK);
    vp9_config_make(&f, record);
    ck_assert(span_equal(span_of(record, sizeof record), BYTES(0, 20, 0x82, 2, 2, 1, 0, 0)));
    f.width = 1920;
    f.height = 1080;
    f.sub_x = f.sub_y = false;
    f.color.full_range = true;
    vp9_config_make(&f, record);
    ck_assert(span_equal(span_of(record, sizeof record), BYTES(0, 40, 0x87, 2, 2, 1, 0, 0)));
    f.width = f.height = 65536;
    vp9_config_make(&f, record);
    ck_assert_int_eq(record[1], 62);
}
END_TEST

UNIT_MAIN("vp9", records, bad_records, frames, bad_frames, made)
