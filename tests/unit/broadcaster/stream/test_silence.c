#include "broadcaster/stream/silence.h"

#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

#define SPAN(bytes) span_of((const uint8_t *)(bytes), sizeof(bytes) - 1)

static struct blob *made(enum track_codec codec, struct span config)
{
    struct track_params t = {
        .kind = TRACK_AUDIO, .codec = codec, .sample_rate = 48000, .config = config};
    return silence_create(&t);
}

static void check(struct span config, const char *bytes, size_t len)
{
    struct blob *b = made(CODEC_AAC, config);
    ck_assert_ptr_nonnull(b);
    ck_assert_uint_eq(blob_span(b).len, len);
    ck_assert_mem_eq(blob_span(b).data, bytes, len);
    blob_unref(b);
}

/* The bits are written out by hand from the syntax. */
START_TEST(frames_without_any_band)
{
    /* 000 0000 00000000 | 0 00 0 000000 0 | 000 111 */
    check(SPAN("\x11\x88"), "\0\0\0\x07", 4);
    /* 001 0000 1 | 0 00 0 000000 0 | 00 | 00000000 000 | 00000000 000 | 111 */
    check(SPAN("\x11\x90"), "\x21\0\0\0\0\x1c", 6);
    check(SPAN("\x2b\x11\x88\0"), "\x21\0\0\0\0\x1c", 6); /* explicit SBR */
}
END_TEST

START_TEST(layouts)
{
    static const size_t bits[] = {
        0, 29, 43, 29 + 43, 2 * 29 + 43, 29 + 2 * 43, 2 * 29 + 2 * 43, 2 * 29 + 3 * 43};
    for (unsigned layout = 1; layout < 8; layout++) {
        uint8_t config[2] = {0x11, (uint8_t)(0x80 | layout << 3)};
        struct blob *b = made(CODEC_AAC, span_of(config, sizeof config));
        ck_assert_ptr_nonnull(b);
        ck_assert_uint_eq(blob_span(b).len, (bits[layout] + 3 + 7) / 8);
        blob_unref(b);
    }
}
END_TEST

START_TEST(none_is_made_for_others)
{
    ck_assert_ptr_null(made(CODEC_OPUS, SPAN("\x11\x90")));
    ck_assert_ptr_null(made(CODEC_AAC, SPAN("")));
    ck_assert_ptr_null(made(CODEC_AAC, SPAN("\x11")));
    ck_assert_ptr_null(made(CODEC_AAC, SPAN("\x11\x80"))); /* its own layout */
    ck_assert_ptr_null(made(CODEC_AAC, SPAN("\x11\xc0")));
    ck_assert_ptr_null(made(CODEC_AAC, SPAN("\x0a\x10"))); /* Main */
    ck_assert_ptr_null(made(CODEC_AAC, SPAN("\x17\x80\0\0\x10")));
}
END_TEST

START_TEST(memory_runs_out)
{
    mem_fail_nth(1);
    ck_assert_ptr_null(made(CODEC_AAC, SPAN("\x11\x90")));
    mem_fail_nth(0);
}
END_TEST

UNIT_MAIN("silence", frames_without_any_band, layouts, none_is_made_for_others, memory_runs_out)
