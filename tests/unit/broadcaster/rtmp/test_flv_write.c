#include "broadcaster/rtmp/flv_write.h"

#include <string.h>

#include "base/mem.h"
#include "broadcaster/rtmp/flv.h"
#include "tests/support/unit.h"

static struct track_params track(enum track_codec codec, const char *config)
{
    return (struct track_params){
        .kind = codec < CODEC_AAC ? TRACK_VIDEO : TRACK_AUDIO,
        .codec = codec,
        .config = span_cstr(config),
        .sample_rate = 48000,
        .channels = 2,
    };
}

static void check_head(enum track_codec codec, unsigned flags, int64_t composition,
                       const void *bytes, size_t len)
{
    struct track_params t = track(codec, "config");
    struct flv_head h = flv_write_head(&t, flags, composition);
    ck_assert_uint_eq(h.len, len);
    ck_assert_mem_eq(h.bytes, bytes, len);
}

/* FLV 10.1, E.4.3.1 and E.4.2.1 */
START_TEST(the_old_form)
{
    check_head(CODEC_H264, PACKET_KEY, 66, "\x17\x01\x00\x00\x42", 5);
    check_head(CODEC_H264, 0, -1, "\x27\x01\xff\xff\xff", 5);
    check_head(CODEC_H264, 0, INT64_MAX, "\x27\x01\x7f\xff\xff", 5);
    check_head(CODEC_AAC, PACKET_KEY, 0, "\xaf\x01", 2);
    check_head(CODEC_MP3, PACKET_KEY, 0, "\x2f", 1);
    struct track_params t = track(CODEC_MP3, "");
    t.channels = 1;
    static const struct {
        int rate;
        uint8_t byte;
    } mp3[] = {{44100, 0x2e}, {22050, 0x2a}, {24000, 0x2a}, {11025, 0x26}, {8000, 0xe2}};
    for (size_t i = 0; i < sizeof mp3 / sizeof mp3[0]; i++) {
        t.sample_rate = mp3[i].rate;
        ck_assert_uint_eq(flv_write_head(&t, PACKET_KEY, 0).bytes[0], mp3[i].byte);
    }
}
END_TEST

/* Enhanced RTMP v2, ExVideoTagHeader and ExAudioTagHeader */
START_TEST(the_enhanced_form)
{
    check_head(CODEC_HEVC, PACKET_KEY, 5, "\x91hvc1\x00\x00\x05", 8);
    check_head(CODEC_HEVC, 0, -2, "\xa1hvc1\xff\xff\xfe", 8);
    check_head(CODEC_HEVC, 0, 0, "\xa3hvc1", 5);
    check_head(CODEC_AV1, PACKET_KEY, 0,
               "\x91"
               "av01",
               5);
    check_head(CODEC_VP9, 0, 0, "\xa1vp09", 5);
    check_head(CODEC_OPUS, PACKET_KEY, 0, "\x91Opus", 5);
    check_head(CODEC_FLAC, PACKET_KEY, 0,
               "\x91"
               "fLaC",
               5);
    check_head(CODEC_AC3, PACKET_KEY, 0,
               "\x91"
               "ac-3",
               5);
    check_head(CODEC_EAC3, PACKET_KEY, 0,
               "\x91"
               "ec-3",
               5);
}
END_TEST

static void check_config(enum track_codec codec, const char *config, const void *bytes, size_t len)
{
    struct track_params t = track(codec, config);
    struct buf out;
    buf_init(&out, 1000);
    ck_assert_int_eq(flv_write_config(&out, &t), ERR_OK);
    ck_assert_uint_eq(out.len, len);
    if (len > 0) {
        ck_assert_mem_eq(out.data, bytes, len);
    }
    buf_fini(&out);
}

START_TEST(codec_headers)
{
    check_config(CODEC_H264, "avcC",
                 "\x17\x00\x00\x00\x00"
                 "avcC",
                 9);
    check_config(CODEC_HEVC, "hvcC", "\x90hvc1hvcC", 9);
    check_config(CODEC_AV1, "av1C",
                 "\x90"
                 "av01av1C",
                 9);
    check_config(CODEC_VP9, "vpcC", "\x90vp09vpcC", 9);
    check_config(CODEC_AAC, "as",
                 "\xaf\x00"
                 "as",
                 4);
    check_config(CODEC_OPUS, "OpusHead", "\x90OpusOpusHead", 13);
    check_config(CODEC_FLAC, "0123456789012345678901234567890123",
                 "\x90"
                 "fLaC"
                 "fLaC\x80\x00\x00\x22"
                 "0123456789012345678901234567890123",
                 47);
    check_config(CODEC_MP3, "", "", 0);
    check_config(CODEC_AC3, "", "", 0);
}
END_TEST

START_TEST(a_header_that_is_none_is_refused)
{
    struct track_params t = track(CODEC_FLAC, "short");
    struct buf out;
    buf_init(&out, 1000);
    ck_assert_int_eq(flv_write_config(&out, &t), ERR_UNSUPPORTED);
    ck_assert_uint_eq(out.len, 0);
    buf_fini(&out);
    t = track(CODEC_H264, "a longer one");
    buf_init(&out, 10);
    ck_assert_int_eq(flv_write_config(&out, &t), ERR_LIMIT);
    buf_fini(&out);
    buf_init(&out, 1000);
    mem_fail_nth(1);
    ck_assert_int_eq(flv_write_config(&out, &t), ERR_NOMEM);
    buf_fini(&out);
}
END_TEST

/* The one part of a body, and nothing behind it. */
static struct av_part read_back(enum track_kind kind, struct span body)
{
    struct flv_body b;
    struct av_part part, none;
    flv_body_init(&b, kind, body);
    ck_assert_int_eq(flv_body_next(&b, &part), ERR_OK);
    ck_assert_int_eq(flv_body_next(&b, &none), ERR_NOENT);
    return part;
}

/* What is written is read as what it was, of every codec. */
START_TEST(there_and_back)
{
    for (int c = 0; c < CODECS_; c++) {
        enum track_codec codec = (enum track_codec)c;
        bool timed = codec == CODEC_H264 || codec == CODEC_HEVC;
        struct track_params t = track(codec, "config");
        for (int composition = timed ? -300 : 0; composition <= (timed ? 300 : 0);
             composition += 100) {
            struct flv_head h = flv_write_head(&t, PACKET_KEY, composition);
            uint8_t bytes[FLV_HEAD_MAX + 3];
            memcpy(bytes, h.bytes, h.len);
            memcpy(bytes + h.len, "abc", 3);
            struct av_part part = read_back(t.kind, span_of(bytes, h.len + 3));
            ck_assert_int_eq(part.payload, AV_CODED);
            ck_assert(part.carried);
            ck_assert_int_eq(part.codec, codec);
            ck_assert_int_eq(part.composition_ms, composition);
            ck_assert(span_equal(part.data, span_cstr("abc")));
        }
        struct buf out;
        buf_init(&out, 1000);
        t.config = codec == CODEC_FLAC ? span_cstr("0123456789012345678901234567890123") : t.config;
        ck_assert_int_eq(flv_write_config(&out, &t), ERR_OK);
        if (codec != CODEC_MP3) { /* which has no header */
            struct av_part part = read_back(t.kind, buf_span(&out));
            ck_assert_int_eq(part.payload, AV_CONFIG);
            ck_assert(part.carried);
            ck_assert_int_eq(part.codec, codec);
        }
        buf_fini(&out);
    }
}
END_TEST

UNIT_MAIN("flv_write", the_old_form, the_enhanced_form, codec_headers,
          a_header_that_is_none_is_refused, there_and_back)
