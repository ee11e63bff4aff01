#include "broadcaster/codec/orientation.h"

#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

/* cancel, hor_flip, ver_flip, anticlockwise_rotation (16 bits), the period as ue(v) 1 */
static void write_message(uint8_t *at, bool hor_flip, bool ver_flip, unsigned anticlockwise)
{
    uint32_t bits =
        (uint32_t)hor_flip << 30 | (uint32_t)ver_flip << 29 | anticlockwise << 13 | 2u << 10;
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(bits >> (24 - 8 * i));
    }
}

/* Two other messages, one of them longer than 255 bytes, and then it. Returns its length. */
static size_t write_unit(uint8_t *out, bool hevc, bool hor_flip, bool ver_flip,
                         unsigned anticlockwise)
{
    static const uint8_t avc_head[] = {6, 1, 2, 9, 9, 5, 255, 5};
    static const uint8_t hevc_head[] = {39 << 1, 1, 1, 2, 9, 9, 5, 255, 5};
    size_t at = 4 + (hevc ? sizeof hevc_head : sizeof avc_head);
    memcpy(out + 4, hevc ? hevc_head : avc_head, at - 4);
    memset(out + at, 47, 260);
    at += 260;
    out[at++] = 47;
    out[at++] = 4;
    write_message(out + at, hor_flip, ver_flip, anticlockwise);
    at += 4;
    out[at++] = 0x80;
    memset(out, 0, 4);
    out[2] = (uint8_t)((at - 4) >> 8);
    out[3] = (uint8_t)(at - 4);
    return at;
}

static void expect(bool hor_flip, bool ver_flip, unsigned anticlockwise, unsigned quarters,
                   bool mirrored)
{
    uint8_t unit[400];
    for (int hevc = 0; hevc < 2; hevc++) {
        enum track_codec codec = hevc ? CODEC_HEVC : CODEC_H264;
        size_t len = write_unit(unit, hevc, hor_flip, ver_flip, anticlockwise);
        struct track_turn turn;
        ck_assert(orientation_in(codec, 4, span_of(unit, len), &turn));
        ck_assert_uint_eq(turn.quarters, quarters);
        ck_assert_int_eq(turn.mirrored, mirrored);
    }
}

START_TEST(turns_are_read)
{
    expect(false, false, 1, 0, false);
    expect(false, false, 0x4000, 3, false);
    expect(false, false, 0x8001, 2, false);
    expect(false, false, 0xc100, 1, false);
    expect(false, false, 0xffff, 0, false); /* nearly all around */
    expect(true, false, 1, 0, true);
    expect(false, true, 1, 2, true);
    expect(true, true, 1, 2, false);
    expect(true, false, 0x4001, 3, true);
    expect(false, true, 0x4001, 1, true);
}
END_TEST

START_TEST(what_says_nothing)
{
    struct track_turn turn = {.quarters = 77};
    uint8_t unit[400];
    size_t len = write_unit(unit, false, false, false, 0x4001);
    ck_assert(!orientation_in(CODEC_AV1, 4, span_of(unit, len), &turn));
    ck_assert(!orientation_in(CODEC_H264, 4, span_of(unit, 0), &turn));
    static const uint8_t slice[] = {0, 0, 0, 2, 0x65, 1};
    ck_assert(!orientation_in(CODEC_H264, 4, span_of(slice, sizeof slice), &turn));
    ck_assert_uint_eq(turn.quarters, 77);
    /* Behind the slices there is no looking; taken back, it is upright. */
    uint8_t both[sizeof slice + sizeof unit];
    memcpy(both, slice, sizeof slice);
    memcpy(both + sizeof slice, unit, len);
    ck_assert(!orientation_in(CODEC_H264, 4, span_of(both, sizeof slice + len), &turn));
    unit[len - 5] |= 0x80;
    ck_assert(orientation_in(CODEC_H264, 4, span_of(unit, len), &turn));
    ck_assert_uint_eq(turn.quarters, 0);
}
END_TEST

/* Cut anywhere and with any byte changed: nothing is read beyond it (copies, for the sanitizers).
 */
START_TEST(any_bytes)
{
    uint8_t unit[400];
    size_t len = write_unit(unit, false, true, true, 0x4001);
    struct track_turn turn = {0};
    for (size_t n = 5; n <= len; n++) {
        uint8_t *copy = mem_alloc(n);
        memcpy(copy, unit, n);
        copy[2] = (uint8_t)((n - 4) >> 8);
        copy[3] = (uint8_t)(n - 4);
        (void)orientation_in(CODEC_H264, 4, span_of(copy, n), &turn);
        copy[n - 1] ^= 0xff;
        (void)orientation_in(CODEC_HEVC, 4, span_of(copy, n), &turn);
        memset(copy + 5, 0xff, n - 5);
        (void)orientation_in(CODEC_H264, 4, span_of(copy, n), &turn);
        mem_free(copy);
        ck_assert_uint_lt(turn.quarters, 4);
    }
}
END_TEST

START_TEST(matrices_are_read)
{
    static const struct {
        int32_t a, b, c, d;
        unsigned quarters;
        bool mirrored;
    } all[] = {{1, 0, 0, 1, 0, false},  {0, 1, -1, 0, 1, false}, {-1, 0, 0, -1, 2, false},
               {0, -1, 1, 0, 3, false}, {-1, 0, 0, 1, 0, true},  {0, -1, -1, 0, 1, true},
               {1, 0, 0, -1, 2, true},  {0, 1, 1, 0, 3, true},   {0, 0, 0, 0, 0, false}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        int32_t one = i % 2 == 0 ? 0x10000 : INT32_MAX;
        const int32_t matrix[9] = {
            all[i].a * one, all[i].b * one, 0, all[i].c * one, all[i].d * one, 0, 5, 6, 0x40000000};
        struct track_turn turn = orientation_of_matrix(matrix);
        ck_assert_uint_eq(turn.quarters, all[i].quarters);
        ck_assert_int_eq(turn.mirrored, all[i].mirrored);
    }
    const int32_t lowest[9] = {INT32_MIN, INT32_MIN, 0, INT32_MIN, INT32_MIN + 1};
    (void)orientation_of_matrix(lowest);
}
END_TEST

UNIT_MAIN("orientation", turns_are_read, what_says_nothing, any_bytes, matrices_are_read)
