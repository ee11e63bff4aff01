#include "broadcaster/rtmp/flv.h"

#include <string.h>

#include "broadcaster/rtmp/asc.h"
#include "tests/support/unit.h"

#define BYTES(...) span_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static enum err read_one(enum track_kind kind, struct span s, struct av_part *ret_part)
{
    struct flv_body b;
    struct av_part further;
    flv_body_init(&b, kind, s);
    enum err e = flv_body_next(&b, ret_part);
    if (e == ERR_OK) {
        ck_assert_int_eq(flv_body_next(&b, &further), ERR_NOENT);
    }
    return e;
}

static struct av_part video(struct span s)
{
    struct av_part p;
    ck_assert_int_eq(read_one(TRACK_VIDEO, s, &p), ERR_OK);
    return p;
}

static struct av_part audio(struct span s)
{
    struct av_part p;
    ck_assert_int_eq(read_one(TRACK_AUDIO, s, &p), ERR_OK);
    return p;
}

START_TEST(video_bodies)
{
    struct av_part p = video(BYTES(0x17, 1, 0, 0, 80, 9, 9));
    ck_assert_int_eq(p.payload, AV_CODED);
    ck_assert(p.carried && p.codec == CODEC_H264);
    ck_assert_int_eq(p.composition_ms, 80);
    ck_assert_uint_eq(p.data.len, 2);
    ck_assert_int_eq(video(BYTES(0x27, 1, 0xff, 0xff, 0xfe, 9)).composition_ms, -2);
    ck_assert_int_eq(video(BYTES(0x27, 1, 0x80, 0, 0, 9)).composition_ms, -8388608);
    ck_assert_int_eq(video(BYTES(0x27, 1, 0x7f, 0xff, 0xff, 9)).composition_ms, 8388607);
    ck_assert_int_eq(video(BYTES(0x17, 0, 0, 0, 0, 1)).payload, AV_CONFIG);
    ck_assert_int_eq(video(BYTES(0x17, 2, 0, 0, 0)).payload, AV_NOTHING);
    ck_assert_int_eq(video(BYTES(0x17, 1, 0, 0, 0)).payload, AV_NOTHING);
    ck_assert_int_eq(video(BYTES(0x57, 0)).payload, AV_NOTHING);
    ck_assert_int_eq(video(span_of(NULL, 0)).payload, AV_NOTHING);
}
END_TEST

START_TEST(codecs_by_custom)
{
    struct av_part p = video(BYTES(0x1c, 1, 0, 0, 40, 9, 9)); /* HEVC */
    ck_assert(p.carried && p.codec == CODEC_HEVC && p.payload == AV_CODED);
    ck_assert_int_eq(p.composition_ms, 40);
    p = video(BYTES(0x1d, 0, 0, 0, 0, 9)); /* AV1 */
    ck_assert(p.carried && p.codec == CODEC_AV1 && p.payload == AV_CONFIG);
    p = video(BYTES(0x12, 0)); /* Sorenson H.263 */
    ck_assert(!p.carried && p.payload == AV_CODED);
    ck_assert_ptr_nonnull(strstr(p.why, "publish H.264"));
}
END_TEST

START_TEST(bad_video)
{
    struct av_part p = {.composition_ms = 5};
    ck_assert_int_eq(read_one(TRACK_VIDEO, BYTES(0x17), &p), ERR_PROTO);
    ck_assert_int_eq(read_one(TRACK_VIDEO, BYTES(0x17, 1, 0, 0), &p), ERR_PROTO);
    ck_assert_int_eq(read_one(TRACK_VIDEO, BYTES(0x90, 'a', 'v', '0'), &p), ERR_PROTO);
    ck_assert_int_eq(p.composition_ms, 5);
}
END_TEST

START_TEST(audio_bodies)
{
    struct av_part p = audio(BYTES(0xaf, 1, 1, 2, 3));
    ck_assert(p.payload == AV_CODED && p.carried && p.codec == CODEC_AAC);
    ck_assert_int_eq(p.composition_ms, 0);
    ck_assert_uint_eq(p.data.len, 3);
    ck_assert_int_eq(audio(BYTES(0xaf, 0, 0x12, 0x10)).payload, AV_CONFIG);
    ck_assert_int_eq(audio(BYTES(0xaf, 1)).payload, AV_NOTHING);
    ck_assert_int_eq(audio(span_of(NULL, 0)).payload, AV_NOTHING);
    p = audio(BYTES(0x2f, 0xff, 0xfb)); /* MP3, and at 8 kHz */
    ck_assert(p.payload == AV_CODED && p.carried && p.codec == CODEC_MP3 && p.data.len == 2);
    ck_assert_int_eq(audio(BYTES(0xe2, 0xff, 0xfb)).codec, CODEC_MP3);
    ck_assert(!audio(BYTES(0xb2, 1)).carried); /* Speex */
    ck_assert_int_eq(read_one(TRACK_AUDIO, BYTES(0xaf), &p), ERR_PROTO);
}
END_TEST

START_TEST(tags)
{
    struct span s = BYTES(9, 0, 0, 2, 0x01, 0x02, 0x03, 0x04, 0, 0, 0, 'a', 'b', 0, 0, 0, 13, /**/
                          8, 0, 0, 1, 0, 0, 5, 0, 0, 0, 0, 'c');
    struct flv_tag t;
    ck_assert_int_eq(flv_tag_read(&s, &t), ERR_OK);
    ck_assert_int_eq(t.type, 9);
    ck_assert_uint_eq(t.timestamp, 0x04010203);
    ck_assert_uint_eq(t.body.len, 2);
    ck_assert_int_eq(t.body.data[0], 'a');
    ck_assert_int_eq(flv_tag_read(&s, &t), ERR_OK); /* the last back pointer is missing */
    ck_assert_int_eq(t.type, 8);
    ck_assert_uint_eq(t.timestamp, 5);
    ck_assert_uint_eq(s.len, 0);
    s = BYTES(9, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 'a');
    ck_assert_int_eq(flv_tag_read(&s, &t), ERR_PROTO);
    ck_assert_uint_eq(s.len, 12);
}
END_TEST

static void check_asc(struct span s, int object_type, int rate, int channels)
{
    struct asc a;
    ck_assert_int_eq(asc_parse(s, &a), ERR_OK);
    ck_assert_int_eq(a.object_type, object_type);
    ck_assert_int_eq(a.sample_rate, rate);
    ck_assert_int_eq(a.channels, channels);
}

START_TEST(audio_configs)
{
    check_asc(BYTES(0x12, 0x10), 2, 44100, 2);
    check_asc(BYTES(0x11, 0x90), 2, 48000, 2);
    check_asc(BYTES(0x12, 0x08, 0x56, 0xe5, 0x00), 2, 44100, 1); /* as ffmpeg sends it */
    check_asc(BYTES(0x11, 0xb0), 2, 48000, 6);
    check_asc(BYTES(0x11, 0xb8), 2, 48000, 8);
    /* explicit rate: 00010 1111 (24 bits: 50000) 0010 000 */
    check_asc(BYTES(0x17, 0x80, 0x61, 0xa8, 0x10), 2, 50000, 2);
    /* explicit SBR: 00101 0110 0010 0011 00010 00..: 24000 core, 48000 extension */
    check_asc(BYTES(0x2b, 0x11, 0x88, 0x00), 2, 24000, 2);
    /* escape: 11111 000111 0011 0010: type 39 */
    check_asc(BYTES(0xf8, 0xe6, 0x40), 39, 48000, 2);
}
END_TEST

START_TEST(audio_config_with_program)
{
    /* 00010 0011 0000 | 000 | tag 0000 type 01 rate 0011 front 0010 side 0000 back 0001 lfe 01
     * data 000 cc 0000 | 0 0 0 | front: single, pair; back: pair -> 1 + 2 + 2 + 1 */
    check_asc(BYTES(0x11, 0x80, 0x04, 0xc8, 0x05, 0x00, 0x01, 0x19, 0x00), 2, 48000, 6);
}
END_TEST

START_TEST(bad_audio_configs)
{
    struct asc a = {.channels = 77};
    ck_assert_int_eq(asc_parse(span_of(NULL, 0), &a), ERR_PROTO);
    ck_assert_int_eq(asc_parse(BYTES(0x12), &a), ERR_PROTO);
    ck_assert_int_eq(asc_parse(BYTES(0x16, 0x90), &a), ERR_PROTO);       /* reserved rate 13 */
    ck_assert_int_eq(asc_parse(BYTES(0x12, 0x48), &a), ERR_PROTO);       /* reserved channels 9 */
    ck_assert_int_eq(asc_parse(BYTES(0x17, 0x80, 0x61), &a), ERR_PROTO); /* cut short */
    ck_assert_int_eq(asc_parse(BYTES(0x17, 0x80, 0, 0, 0x10), &a), ERR_PROTO); /* 0 Hz */
    ck_assert_int_eq(asc_parse(BYTES(0x17, 0xff, 0xff, 0xff, 0x90), &a), ERR_PROTO);
    ck_assert_int_eq(asc_parse(BYTES(0x11, 0x80, 0x04), &a), ERR_PROTO);
    ck_assert_int_eq(a.channels, 77);
}
END_TEST

UNIT_MAIN("flv", video_bodies, codecs_by_custom, bad_video, audio_bodies, tags, audio_configs,
          audio_config_with_program, bad_audio_configs)
