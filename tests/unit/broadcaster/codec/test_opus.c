#include "broadcaster/codec/opus.h"

#include "tests/support/unit.h"
#include "tests/unit/broadcaster/codec/cut.h"

#define HEAD_MONO "4f707573486561640101380180bb0000000000" /* libopus, by FFmpeg */
#define HEAD_5_1                                                                                   \
    "4f707573486561640106380180bb0000000001"                                                       \
    "0402000401020305"

START_TEST(heads)
{
    int channels = 0;
    ck_assert_int_eq(opus_head_parse(cut_hex(HEAD_MONO), &channels), ERR_OK);
    ck_assert_int_eq(channels, 1);
    struct span head = cut_hex(HEAD_5_1);
    ck_assert_int_eq(opus_head_parse(head, &channels), ERR_OK);
    ck_assert_int_eq(channels, 6);
    for (size_t n = 0; n < head.len; n++) {
        struct span cut = cut_at(head, n);
        ck_assert_int_eq(opus_head_parse(cut, &channels), ERR_PROTO);
        cut_free(cut);
    }
    ck_assert_int_eq(opus_head_parse(cut_hex("4f707573486561640103380180bb0000000000"), &channels),
                     ERR_PROTO); /* three channels need a mapping */
    ck_assert_int_eq(opus_head_parse(cut_hex("4f707573486561640100380180bb0000000000"), &channels),
                     ERR_PROTO);
    ck_assert_int_eq(opus_head_parse(cut_hex("4f707573486561641001380180bb0000000000"), &channels),
                     ERR_PROTO); /* another version */
    ck_assert_int_eq(channels, 6);
}
END_TEST

START_TEST(heads_made)
{
    uint8_t head[OPUS_HEAD_BYTES];
    opus_head_make(1, head);
    ck_assert(span_equal(span_of(head, sizeof head), cut_hex(HEAD_MONO)));
    opus_head_make(2, head);
    ck_assert_int_eq(head[9], 2);
}
END_TEST

START_TEST(durations)
{
    ck_assert_int_eq(opus_packet_samples(BYTES(0xf8, 1)), 960);     /* CELT, 20 ms */
    ck_assert_int_eq(opus_packet_samples(BYTES(0xe0, 1)), 120);     /* 2.5 ms */
    ck_assert_int_eq(opus_packet_samples(BYTES(0x18, 1)), 2880);    /* SILK, 60 ms */
    ck_assert_int_eq(opus_packet_samples(BYTES(0x68, 1)), 960);     /* hybrid, 20 ms */
    ck_assert_int_eq(opus_packet_samples(BYTES(0xf9, 1)), 1920);    /* two */
    ck_assert_int_eq(opus_packet_samples(BYTES(0xfb, 0x83)), 2880); /* three */
    ck_assert_int_eq(opus_packet_samples(BYTES(0xfb, 0x3f)), 0);    /* longer than may be */
    ck_assert_int_eq(opus_packet_samples(BYTES(0xfb)), 0);
    ck_assert_int_eq(opus_packet_samples(span_of(NULL, 0)), 0);
}
END_TEST

UNIT_MAIN("opus", heads, heads_made, durations)
