#include "broadcaster/codec/ac3.h"

#include "tests/support/unit.h"
#include "tests/unit/broadcaster/codec/cut.h"

static void check_packet(struct span s, bool enhanced, int rate, int channels, int samples)
{
    struct ac3_packet p;
    ck_assert_int_eq(ac3_packet_parse(s, &p), ERR_OK);
    ck_assert_int_eq(p.enhanced, enhanced);
    ck_assert_int_eq(p.sample_rate, rate);
    ck_assert_int_eq(p.channels, channels);
    ck_assert_int_eq(p.samples, samples);
}

/* The heads are FFmpeg's: 48000 Hz stereo, 44100 Hz 5.1, E-AC-3 48000 Hz stereo and 5.1. */
START_TEST(heads)
{
    check_packet(cut_hex("0b77fe95144043e106f46370c0c0"), false, 48000, 2, 1536);
    check_packet(cut_hex("0b77abaa5440ebf8403efe007f0f"), false, 44100, 6, 1536);
    check_packet(cut_hex("0b77017f3487c0002084210838"), true, 48000, 2, 1536);
    check_packet(cut_hex("0b77037f3f87c00020f8200002"), true, 48000, 6, 1536);
    check_packet(cut_hex("0b770000144843e106"), false, 24000, 2, 1536);  /* bsid 9: half the rate */
    check_packet(cut_hex("0b77017fc487c0002084"), true, 24000, 2, 1536); /* its second rate code */
}
END_TEST

static void put(uint8_t *out, size_t size, const char *hex)
{
    struct span s = cut_hex(hex);
    memset(out, 0, size);
    memcpy(out, s.data, s.len);
    cut_free(s);
}

START_TEST(many_frames)
{
    /* frames of 2 * (0x0f + 1) bytes with one block each */
    uint8_t six[6 * 32];
    for (size_t i = 0; i < 6; i++) {
        put(six + i * 32, 32, "0b77000f0487c000");
    }
    check_packet(span_of(six, sizeof six), true, 48000, 2, 6 * 256);
    /* a dependent substream adds no time */
    put(six + 32, 32, "0b77400f0487c000");
    check_packet(span_of(six, 64), true, 48000, 2, 256);
    /* neither does another programme */
    put(six + 32, 32, "0b77080f0487c000");
    check_packet(span_of(six, 64), true, 48000, 2, 256);
    /* what follows and is no frame is left alone */
    put(six + 32, 32, "00");
    check_packet(span_of(six, 64), true, 48000, 2, 256);
    uint8_t plain[2 * 768];
    put(plain, 768, "0b77fe95144043e106");
    put(plain + 768, 768, "0b77fe95144043e106");
    check_packet(span_of(plain, sizeof plain), false, 48000, 2, 3072);
}
END_TEST

/* Frames of six bytes, each of which says that it lasts 32 ms. */
START_TEST(more_frames_than_anybody_sends)
{
    enum { FRAMES = 10000 };
    uint8_t *bytes = malloc(FRAMES * 6);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < FRAMES; i++) {
        put(bytes + i * 6, 6, "0b7700023480");
    }
    struct ac3_packet p;
    ck_assert_int_eq(ac3_packet_parse(span_of(bytes, FRAMES * 6), &p), ERR_OK);
    ck_assert_int_gt(p.samples, 1 << 20);
    ck_assert_int_lt(p.samples, 1 << 21);
    free(bytes);
}
END_TEST

START_TEST(bad)
{
    struct ac3_packet p = {.channels = 77};
    struct span whole = cut_hex("0b77fe95144043");
    for (size_t n = 0; n < whole.len; n++) {
        struct span cut = cut_at(whole, n);
        ck_assert_int_eq(ac3_packet_parse(cut, &p), ERR_PROTO);
        cut_free(cut);
    }
    ck_assert_int_eq(ac3_packet_parse(cut_hex("770bfe95144043e106"), &p), ERR_PROTO);
    ck_assert_int_eq(ac3_packet_parse(cut_hex("0b77fe95d44043e106"), &p), ERR_PROTO); /* rate */
    ck_assert_int_eq(ac3_packet_parse(cut_hex("0b77fe95264043e106"), &p), ERR_PROTO); /* size */
    ck_assert_int_eq(ac3_packet_parse(cut_hex("0b77fe9514f843e106"), &p), ERR_PROTO); /* bsid */
    ck_assert_int_eq(ac3_packet_parse(cut_hex("0b77017ff487c0002084"), &p), ERR_PROTO);
    ck_assert_int_eq(p.channels, 77);
}
END_TEST

UNIT_MAIN("ac3", heads, many_frames, more_frames_than_anybody_sends, bad)
