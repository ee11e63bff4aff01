#include "broadcaster/codec/flac.h"

#include "tests/support/unit.h"
#include "tests/unit/broadcaster/codec/cut.h"

/* FFmpeg's encoder, 48000 Hz, 2 channels */
#define INFO "1200120000025800051b0bb802f00000bb80a316b305f13b13fe767b3d0d068f95bc"

static void check_config(const char *hex)
{
    struct span s = cut_hex(hex);
    struct flac_config c;
    ck_assert_int_eq(flac_config_parse(s, &c), ERR_OK);
    ck_assert_int_eq(c.sample_rate, 48000);
    ck_assert_int_eq(c.channels, 2);
    ck_assert(span_equal(c.streaminfo, cut_hex(INFO)));
}

START_TEST(configs)
{
    check_config(INFO);
    check_config("80000022" INFO);
    check_config("664c6143"
                 "80000022" INFO);
    check_config("664c6143"
                 "00000022" INFO "84000000");
}
END_TEST

START_TEST(bad_configs)
{
    struct flac_config c = {.channels = 77};
    struct span whole = cut_hex("664c6143"
                                "80000022" INFO);
    for (size_t n = 0; n < whole.len; n++) {
        struct span cut = cut_at(whole, n);
        ck_assert_int_eq(flac_config_parse(cut, &c), ERR_PROTO);
        cut_free(cut);
    }
    ck_assert_int_eq(flac_config_parse(cut_hex("664c6143"
                                               "84000022" INFO),
                                       &c),
                     ERR_PROTO);
    ck_assert_int_eq(flac_config_parse(cut_hex("664c6143"
                                               "80000023" INFO),
                                       &c),
                     ERR_PROTO);
    uint8_t zero[FLAC_STREAMINFO_BYTES] = {0};
    ck_assert_int_eq(flac_config_parse(span_of(zero, sizeof zero), &c), ERR_PROTO); /* 0 Hz */
    ck_assert_int_eq(c.channels, 77);
}
END_TEST

START_TEST(frames)
{
    ck_assert_int_eq(flac_frame_samples(cut_hex("fff85a8800374e000000")), 576 << 3);
    ck_assert_int_eq(flac_frame_samples(BYTES(0xff, 0xf8, 0x1a, 0x88)), 192);
    ck_assert_int_eq(flac_frame_samples(BYTES(0xff, 0xf9, 0xca, 0x88)), 4096);
    ck_assert_int_eq(flac_frame_samples(BYTES(0xff, 0xf8, 0x6a, 0x88, 0x00, 99)), 100);
    ck_assert_int_eq(flac_frame_samples(BYTES(0xff, 0xf8, 0x7a, 0x88, 0xc2, 0x80, 0x03, 0xff)),
                     1024);
    ck_assert_int_eq(flac_frame_samples(BYTES(0xff, 0xf8, 0x7a, 0x88, 0xc2, 0x80, 0x03)), 0);
    ck_assert_int_eq(flac_frame_samples(BYTES(0xff, 0xf8, 0x6a, 0x88, 0x80, 99)), 0);
    ck_assert_int_eq(flac_frame_samples(BYTES(0xff, 0xf8, 0x6a, 0x88)), 0);
    ck_assert_int_eq(flac_frame_samples(BYTES(0xff, 0xf8, 0x0a, 0x88, 0)), 0); /* reserved */
    ck_assert_int_eq(flac_frame_samples(BYTES(0xff, 0xe8, 0x1a, 0x88)), 0);
    ck_assert_int_eq(flac_frame_samples(BYTES(0xff, 0xf8, 0x1a)), 0);
}
END_TEST

UNIT_MAIN("flac", configs, bad_configs, frames)
