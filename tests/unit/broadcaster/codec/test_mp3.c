#include "broadcaster/codec/mp3.h"

#include "tests/support/unit.h"
#include "tests/unit/broadcaster/codec/cut.h"

static void check_packet(struct span s, int rate, int channels, int samples)
{
    struct mp3_packet p;
    ck_assert_int_eq(mp3_packet_parse(s, &p), ERR_OK);
    ck_assert_int_eq(p.sample_rate, rate);
    ck_assert_int_eq(p.channels, channels);
    ck_assert_int_eq(p.samples, samples);
}

/* The first two are LAME's. */
START_TEST(heads)
{
    check_packet(cut_hex("fffb946400"), 48000, 2, 1152);
    check_packet(cut_hex("fff340c400"), 22050, 1, 576);
    check_packet(cut_hex("ffe318c4"), 8000, 1, 576);   /* MPEG 2.5 */
    check_packet(cut_hex("fffb0000"), 44100, 2, 1152); /* free format */
}
END_TEST

START_TEST(many_frames)
{
    /* 32 kbit/s at 48000 Hz: 96 bytes a frame */
    uint8_t two[2 * 96] = {0xff, 0xfb, 0x14, 0x64};
    memcpy(two + 96, two, 4);
    check_packet(span_of(two, sizeof two), 48000, 2, 2304);
    two[96] = 0;
    check_packet(span_of(two, sizeof two), 48000, 2, 1152);
    /* with a padding byte the second one stands one byte later */
    uint8_t padded[97 + 96] = {0xff, 0xfb, 0x16, 0x64};
    memcpy(padded + 97, padded, 4);
    check_packet(span_of(padded, sizeof padded), 48000, 2, 2304);
}
END_TEST

START_TEST(bad)
{
    static const char *const heads[] = {"",         "fffb94",   "fffa",     "ffdb9464", "fffd9464",
                                        "fff99464", "fffbf464", "fffb9c64", "ffeb9464", "fff19464"};
    struct mp3_packet p = {.channels = 77};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        ck_assert_msg(mp3_packet_parse(cut_hex(heads[i]), &p) == ERR_PROTO, "%s", heads[i]);
    }
    ck_assert_int_eq(p.channels, 77);
}
END_TEST

UNIT_MAIN("mp3", heads, many_frames, bad)
