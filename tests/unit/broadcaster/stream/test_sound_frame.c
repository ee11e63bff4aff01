#include "broadcaster/stream/sound_frame.h"

#include "tests/support/unit.h"

#define SPAN(bytes) span_of((const uint8_t *)(bytes), sizeof(bytes) - 1)

static int samples(enum track_codec codec, int rate, struct span config, struct span data)
{
    struct track_params t = {
        .kind = TRACK_AUDIO, .codec = codec, .sample_rate = rate, .config = config};
    struct sound_frame f = sound_frame_of(&t, data);
    ck_assert(f.rate > 0 || f.samples == 0);
    return f.samples;
}

START_TEST(each_codec_says_how_long)
{
    struct span none = SPAN("");
    ck_assert_int_eq(samples(CODEC_AAC, 44100, SPAN("\x12\x10"), none), 1024);
    ck_assert_int_eq(samples(CODEC_AAC, 44100, SPAN("\x12\x14"), none), 960);
    ck_assert_int_eq(samples(CODEC_AAC, 48000, none, none), 1024);
    ck_assert_int_eq(samples(CODEC_MP3, 44100, none, SPAN("\xff\xfb\x90\x64")), 1152);
    ck_assert_int_eq(samples(CODEC_MP3, 22050, none, SPAN("\xff\xf3\x90\x64")), 576);
    ck_assert_int_eq(samples(CODEC_OPUS, 0, none, SPAN("\xfc")), 960);      /* CELT, 20 ms */
    ck_assert_int_eq(samples(CODEC_OPUS, 48000, none, SPAN("\x08")), 960);  /* SILK, 20 ms */
    ck_assert_int_eq(samples(CODEC_OPUS, 48000, none, SPAN("\x18")), 2880); /* 60 ms */
    ck_assert_int_eq(samples(CODEC_OPUS, 48000, none, SPAN("\xe1")), 240);  /* two of 2.5 ms */
    ck_assert_int_eq(samples(CODEC_OPUS, 48000, none, SPAN("\xfb\x03")), 2880);
    ck_assert_int_eq(samples(CODEC_OPUS, 48000, none, SPAN("\xfb\x3f")), 0); /* too long */
    ck_assert_int_eq(samples(CODEC_OPUS, 48000, none, none), 0);
    ck_assert_int_eq(samples(CODEC_FLAC, 48000, none, SPAN("\xff\xf8\xc9\x18")), 4096);
    ck_assert_int_eq(samples(CODEC_FLAC, 48000, none, SPAN("\xff\xf8\x59\x18")), 4608);
    ck_assert_int_eq(samples(CODEC_FLAC, 48000, none, SPAN("\xff\xf8\x79\x18")), 0);
    ck_assert_int_eq(samples(CODEC_AC3, 48000, none, none), 1536);
    ck_assert_int_eq(samples(CODEC_EAC3, 48000, none, SPAN("\x0b\x77\0\0\x30")), 1536);
    ck_assert_int_eq(samples(CODEC_EAC3, 48000, none, SPAN("\x0b\x77\0\0\0")), 256);
    ck_assert_int_eq(samples(CODEC_EAC3, 24000, none, SPAN("\x0b\x77\0\0\xc0")), 1536);
    ck_assert_int_eq(samples(CODEC_AAC, 0, SPAN("\x12\x10"), none), 0);
    ck_assert_int_eq(samples(CODEC_AAC, 1023, SPAN("\x12\x10"), none), 0); /* more than a second */
    ck_assert_int_eq(samples(CODEC_FLAC, 1, none, SPAN("\xff\xf8\xf9\x18")), 0);
    ck_assert_int_eq(samples(CODEC_FLAC, 48000, none, SPAN("\xff\xf8\xf9\x18")), 32768);
}
END_TEST

START_TEST(in_ticks)
{
    ck_assert_int_eq(sound_frame_ticks((struct sound_frame){1024, 48000}), 1920);
    ck_assert_int_eq(sound_frame_ticks((struct sound_frame){1024, 44100}), 2089);
    ck_assert_int_eq(sound_frame_ticks((struct sound_frame){0}), 0);
}
END_TEST

UNIT_MAIN("sound_frame", each_codec_says_how_long, in_ticks)
