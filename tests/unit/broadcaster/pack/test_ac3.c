#include "broadcaster/pack/ac3.h"

#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

/* 48 kHz, 448 kb/s (frmsizecod 30), bsid 8, complete main, 3/2 with LFE. */
static const uint8_t surround[] = {0x0b, 0x77, 0, 0, 0x1e, 0x40, 0xe1, 0};
/* 44.1 kHz, 128 kb/s (frmsizecod 16), bsid 8, 2/0, not Dolby Surround; no LFE. */
static const uint8_t stereo[] = {0x0b, 0x77, 0, 0, 0x50, 0x40, 0x40, 0};

START_TEST(ac3_frames)
{
    struct ac3_facts f;
    ck_assert_int_eq(ac3_parse(span_of(surround, sizeof surround), &f), ERR_OK);
    ck_assert_int_eq(f.sample_rate, 48000);
    ck_assert_int_eq(f.channels, 6);
    ck_assert_uint_eq(f.rate_kbps, 448);
    ck_assert_uint_eq(f.of[0].bsid, 8);
    struct buf b;
    buf_init(&b, 100);
    ck_assert_int_eq(ac3_put_dac3(&b, &f), ERR_OK);
    /* 00 01000 000 111 1 01111 00000 */
    ck_assert_int_eq(b.len == 3 && memcmp(b.data, "\x10\x3d\xe0", 3), 0);
    buf_fini(&b);
    ck_assert_int_eq(ac3_parse(span_of(stereo, sizeof stereo), &f), ERR_OK);
    ck_assert_int_eq(f.sample_rate, 44100);
    ck_assert_int_eq(f.channels, 2);
    ck_assert_uint_eq(f.rate_kbps, 128);
}
END_TEST

START_TEST(ac3_that_is_none)
{
    static const struct {
        size_t at;
        uint8_t is;
    } bad[] = {{0, 0}, {1, 0}, {4, 0xde}, {4, 0x26}, {5, 0x58}};
    struct ac3_facts f = {.n = 77};
    for (size_t n = 0; n < 7; n++) {
        ck_assert_int_eq(ac3_parse(span_of(surround, n), &f), ERR_PROTO);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t frame[sizeof surround];
        memcpy(frame, surround, sizeof frame);
        frame[bad[i].at] = bad[i].is;
        ck_assert_int_eq(ac3_parse(span_of(frame, sizeof frame), &f), ERR_PROTO);
    }
    ck_assert_uint_eq(f.n, 77);
}
END_TEST

/* An independent substream 3/2 with LFE of 16 bytes, and one of 16 that adds Lrs/Rrs. 48 kHz, six
 * blocks. */
static const uint8_t both[32] = {
    /* 00 000 00000000111 | 00 11 111 1 | 10000 00000 0 ... */
    0x0b, 0x77, 0x00, 0x07, 0x3f, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    /* 01 000 00000000111 | 00 11 010 0 | 10000 00000 0 1 0000001000000000 (bit 6 from the left) */
    0x0b, 0x77, 0x40, 0x07, 0x34, 0x80, 0x10 | 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0};

START_TEST(eac3_with_seven_channels)
{
    struct ac3_facts f;
    ck_assert_int_eq(eac3_parse(span_of(both, sizeof both), &f), ERR_OK);
    ck_assert_uint_eq(f.n, 1);
    ck_assert_uint_eq(f.of[0].dependents, 1);
    ck_assert_uint_eq(f.of[0].locations, 2);
    ck_assert_int_eq(f.channels, 8);
    ck_assert_int_eq(f.sample_rate, 48000);
    ck_assert_uint_eq(f.rate_kbps, 8); /* twice 16 bytes in 32 ms */
    struct buf b;
    buf_init(&b, 100);
    ck_assert_int_eq(ac3_put_dec3(&b, &f), ERR_OK);
    /* 0000000001000 000 | 00 10000 0 0 000 111 1 000 0001 000000010 */
    ck_assert_uint_eq(b.len, 6);
    ck_assert_int_eq(memcmp(b.data, "\x00\x40\x20\x0f\x02\x02", 6), 0);
    buf_fini(&b);
}
END_TEST

START_TEST(eac3_cut_short)
{
    struct ac3_facts f = {.n = 77};
    for (size_t n = 0; n < 6; n++) {
        ck_assert_int_eq(eac3_parse(span_of(both, n), &f), ERR_PROTO);
    }
    ck_assert_uint_eq(f.n, 77);
    /* A dependent substream depends on one. */
    ck_assert_int_eq(eac3_parse(span_of(both + 16, 16), &f), ERR_PROTO);
    /* What stands behind the first frame may be anything. */
    uint8_t odd[20] = {0};
    memcpy(odd, both, 16);
    ck_assert_int_eq(eac3_parse(span_of(odd, sizeof odd), &f), ERR_OK);
    ck_assert_int_eq(f.channels, 6);
}
END_TEST

UNIT_MAIN("ac3", ac3_frames, ac3_that_is_none, eac3_with_seven_channels, eac3_cut_short)
