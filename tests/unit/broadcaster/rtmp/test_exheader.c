#include "broadcaster/rtmp/exheader.h"

#include <string.h>

#include "tests/support/unit.h"
#include "tests/unit/broadcaster/codec/cut.h"

#define TEXT(s) span_of(s, sizeof(s) - 1)

struct parts {
    enum err err; /* that ended it */
    size_t n;
    struct av_part items[8];
};

static struct parts read_parts(enum track_kind kind, struct span body)
{
    struct exheader h;
    struct parts p = {.err = exheader_open(&h, kind, body)};
    while (p.err == ERR_OK) {
        ck_assert_uint_lt(p.n, 8);
        p.err = exheader_next(&h, &p.items[p.n]);
        p.n += p.err == ERR_OK;
    }
    return p;
}

static struct av_part read_one(enum track_kind kind, struct span body)
{
    struct parts p = read_parts(kind, body);
    ck_assert_int_eq(p.err, ERR_NOENT);
    ck_assert_uint_eq(p.n, 1);
    return p.items[0];
}

static bool has(const struct av_part *p, enum av_payload payload, enum track_codec codec,
                const char *data)
{
    return p->payload == payload && p->carried && p->codec == codec &&
           span_equal(p->data, span_cstr(data));
}

START_TEST(video_packet_types)
{
    struct av_part p = read_one(TRACK_VIDEO, TEXT("\x90hvc1cfg"));
    ck_assert(has(&p, AV_CONFIG, CODEC_HEVC, "cfg") && p.track_id == 0 && p.offset_ns == 0);
    p = read_one(TRACK_VIDEO, TEXT("\x91hvc1\xff\xff\xfe"
                                   "abc"));
    ck_assert(has(&p, AV_CODED, CODEC_HEVC, "abc") && p.composition_ms == -2);
    p = read_one(TRACK_VIDEO, TEXT("\xa1"
                                   "avc1\0\0\x50"
                                   "abc"));
    ck_assert(has(&p, AV_CODED, CODEC_H264, "abc") && p.composition_ms == 80);
    p = read_one(TRACK_VIDEO, TEXT("\x92hvc1"));
    ck_assert_int_eq(p.payload, AV_NOTHING);
    p = read_one(TRACK_VIDEO, TEXT("\x93hvc1abc"));
    ck_assert(has(&p, AV_CODED, CODEC_HEVC, "abc") && p.composition_ms == 0);
    p = read_one(TRACK_VIDEO, TEXT("\xd4hvc1amf")); /* the frame type means nothing here */
    ck_assert(has(&p, AV_COLOR_INFO, CODEC_HEVC, "amf"));
    p = read_one(TRACK_VIDEO, TEXT("\x95"
                                   "av01ts"));
    ck_assert(has(&p, AV_TS_CONFIG, CODEC_AV1, "ts"));
    p = read_one(TRACK_VIDEO, TEXT("\x98hvc1?"));
    ck_assert_int_eq(p.payload, AV_UNKNOWN);
    ck_assert_int_eq(read_one(TRACK_VIDEO, TEXT("\x93hvc1")).payload, AV_NOTHING);
}
END_TEST

/* The composition time stands before frames of H.264 and HEVC only. */
START_TEST(composition_of_two_codecs)
{
    struct av_part p = read_one(TRACK_VIDEO, TEXT("\x91"
                                                  "av01abc"));
    ck_assert(has(&p, AV_CODED, CODEC_AV1, "abc") && p.composition_ms == 0);
    p = read_one(TRACK_VIDEO, TEXT("\x91vp09abc"));
    ck_assert(has(&p, AV_CODED, CODEC_VP9, "abc") && p.composition_ms == 0);
}
END_TEST

START_TEST(audio_packet_types)
{
    static const struct {
        const char *fourcc;
        enum track_codec codec;
    } rows[] = {{"mp4a", CODEC_AAC}, {"Opus", CODEC_OPUS}, {"fLaC", CODEC_FLAC},
                {".mp3", CODEC_MP3}, {"ac-3", CODEC_AC3},  {"ec-3", CODEC_EAC3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[] = "\x91____abc";
        memcpy(body + 1, rows[i].fourcc, 4);
        struct av_part p = read_one(TRACK_AUDIO, span_of(body, 8));
        ck_assert_msg(has(&p, AV_CODED, rows[i].codec, "abc"), "%s", rows[i].fourcc);
    }
    struct av_part p = read_one(TRACK_AUDIO, TEXT("\x90Opuscfg"));
    ck_assert(has(&p, AV_CONFIG, CODEC_OPUS, "cfg"));
    p = read_one(TRACK_AUDIO, TEXT("\x94Opus\2\6"));
    ck_assert(has(&p, AV_CHANNELS, CODEC_OPUS, "\2\6"));
    ck_assert_int_eq(read_one(TRACK_AUDIO, TEXT("\x92Opus")).payload, AV_NOTHING);
    ck_assert_int_eq(read_one(TRACK_AUDIO, TEXT("\x93Opus?")).payload, AV_UNKNOWN);
    ck_assert_int_eq(read_one(TRACK_AUDIO, TEXT("\x96Opus?")).payload, AV_UNKNOWN);
}
END_TEST

START_TEST(codecs_that_are_not_carried)
{
    static const char *const bodies[] = {"\x91vp08abc", "\x91vvc1abc", "\x91zzzzabc",
                                         "\x91Opusabc"};
    static const char *const words[] = {"VP8", "VVC", "publish H.264", "publish H.264"};
    for (size_t i = 0; i < 4; i++) {
        struct av_part p = read_one(TRACK_VIDEO, span_of(bodies[i], 8));
        ck_assert(!p.carried && p.payload == AV_CODED);
        ck_assert_msg(strstr(p.why, words[i]) != NULL, "%s", p.why);
    }
    struct av_part p = read_one(TRACK_AUDIO, TEXT("\x91"
                                                  "avc1abc"));
    ck_assert(!p.carried && strstr(p.why, "publish AAC") != NULL);
}
END_TEST

START_TEST(seek_commands)
{
    struct parts p = read_parts(TRACK_VIDEO, TEXT("\xd0\1"));
    ck_assert(p.err == ERR_NOENT && p.n == 0);
    p = read_parts(TRACK_VIDEO, TEXT("\xd7\2\0\0\1\3\0")); /* behind a ModEx */
    ck_assert(p.err == ERR_NOENT && p.n == 0);
}
END_TEST

START_TEST(one_track)
{
    struct av_part p = read_one(TRACK_VIDEO, TEXT("\x96\1avc1\5\0\0\x21"
                                                  "abc"));
    ck_assert(has(&p, AV_CODED, CODEC_H264, "abc") && p.track_id == 5 && p.composition_ms == 33);
    p = read_one(TRACK_AUDIO, TEXT("\x95\1mp4a\xff"
                                   "abc"));
    ck_assert(has(&p, AV_CODED, CODEC_AAC, "abc") && p.track_id == 255);
}
END_TEST

START_TEST(many_tracks)
{
    struct parts p = read_parts(TRACK_VIDEO, TEXT("\x96\x11hvc1"
                                                  "\0\0\0\5\0\0\1ab"
                                                  "\2\0\0\4\0\0\2c"));
    ck_assert(p.err == ERR_NOENT && p.n == 2);
    ck_assert(has(&p.items[0], AV_CODED, CODEC_HEVC, "ab") && p.items[0].track_id == 0);
    ck_assert(has(&p.items[1], AV_CODED, CODEC_HEVC, "c") && p.items[1].track_id == 2);
    ck_assert(p.items[0].composition_ms == 1 && p.items[1].composition_ms == 2);
}
END_TEST

START_TEST(many_tracks_and_codecs)
{
    struct parts p = read_parts(TRACK_VIDEO, TEXT("\x96\x21"
                                                  "hvc1\0\0\0\5\0\0\1ab"
                                                  "vp08\1\0\0\1x"
                                                  "av01\2\0\0\2cd"));
    ck_assert(p.err == ERR_NOENT && p.n == 3);
    ck_assert(has(&p.items[0], AV_CODED, CODEC_HEVC, "ab") && p.items[0].composition_ms == 1);
    ck_assert(!p.items[1].carried && p.items[1].track_id == 1);
    ck_assert(has(&p.items[2], AV_CODED, CODEC_AV1, "cd") && p.items[2].composition_ms == 0);
    p = read_parts(TRACK_AUDIO, TEXT("\x95\x20Opus\0\0\0\3cfgfLaC\1\0\0\2xy"));
    ck_assert(p.err == ERR_NOENT && p.n == 2);
    ck_assert(has(&p.items[0], AV_CONFIG, CODEC_OPUS, "cfg"));
    ck_assert(has(&p.items[1], AV_CONFIG, CODEC_FLAC, "xy") && p.items[1].track_id == 1);
}
END_TEST

START_TEST(unknown_multitrack)
{
    struct parts p = read_parts(TRACK_VIDEO, TEXT("\x96\x31hvc1\0\0\0\5\0\0\1ab"));
    ck_assert(p.err == ERR_NOENT && p.n == 0);
    /* multitrack inside of multitrack may not be */
    ck_assert_int_eq(read_one(TRACK_VIDEO, TEXT("\x96\6hvc1\0abc")).payload, AV_UNKNOWN);
}
END_TEST

START_TEST(nanoseconds)
{
    struct av_part p = read_one(TRACK_VIDEO, TEXT("\x97\2\5\x16\x15\3hvc1abc"));
    ck_assert(has(&p, AV_CODED, CODEC_HEVC, "abc"));
    ck_assert_uint_eq(p.offset_ns, 333333);
    p = read_one(TRACK_AUDIO, TEXT("\x97\3\0\0\x64?\1Opusabc")); /* more bytes than needed */
    ck_assert(has(&p, AV_CODED, CODEC_OPUS, "abc") && p.offset_ns == 100);
    p = read_one(TRACK_AUDIO, TEXT("\x97\2\x0f\x42\x40\1Opusabc")); /* a whole millisecond */
    ck_assert(has(&p, AV_CODED, CODEC_OPUS, "abc") && p.offset_ns == 0);
    p = read_one(TRACK_AUDIO, TEXT("\x97\1\0\x64\1Opusabc")); /* too short for a number */
    ck_assert(has(&p, AV_CODED, CODEC_OPUS, "abc") && p.offset_ns == 0);
}
END_TEST

START_TEST(other_modex)
{
    char large[1 + 1 + 2 + 300 + 1 + 4 + 3] = {'\x97', '\xff', 1, 43}; /* 300 bytes of it */
    memcpy(large + 4 + 300, "\xf1Opusabc", 8);
    struct av_part p = read_one(TRACK_AUDIO, span_of(large, sizeof large));
    ck_assert(has(&p, AV_CODED, CODEC_OPUS, "abc") && p.offset_ns == 0);
    /* two of them, then two tracks */
    struct parts two = read_parts(TRACK_AUDIO, TEXT("\x97\0?\x27\2\0\0\7\5\x11mp4a"
                                                    "\0\0\0\1a\1\0\0\1b"));
    ck_assert(two.err == ERR_NOENT && two.n == 2);
    ck_assert(has(&two.items[1], AV_CODED, CODEC_AAC, "b") && two.items[1].offset_ns == 7);
}
END_TEST

static void check_cuts(enum track_kind kind, struct span body)
{
    struct parts whole = read_parts(kind, body);
    ck_assert_int_eq(whole.err, ERR_NOENT);
    for (size_t n = 0; n < body.len; n++) {
        struct span cut = cut_at(body, n);
        struct parts p = read_parts(kind, cut);
        ck_assert(p.err == ERR_NOENT || p.err == ERR_PROTO);
        ck_assert_uint_le(p.n, whole.n);
        cut_free(cut);
    }
}

START_TEST(cut_short)
{
    check_cuts(TRACK_VIDEO, TEXT("\x97\2\5\x16\x15\6\x21"
                                 "hvc1\0\0\0\5\0\0\1abav01\1\0\0\2cd"));
    check_cuts(TRACK_AUDIO, TEXT("\x97\xff\0\0?\5\x11mp4a\0\0\0\1a\1\0\0\1b"));
    ck_assert_int_eq(read_parts(TRACK_VIDEO, TEXT("\x91hvc")).err, ERR_PROTO);
    ck_assert_int_eq(read_parts(TRACK_VIDEO, TEXT("\x91hvc1\0\0")).err, ERR_PROTO);
    struct parts p = read_parts(TRACK_VIDEO, TEXT("\x96\x11"
                                                  "av01\0\0\0\2ab\1\0\0\3cd"));
    ck_assert(p.err == ERR_PROTO && p.n == 1); /* what was whole stays */
}
END_TEST

UNIT_MAIN("exheader", video_packet_types, composition_of_two_codecs, audio_packet_types,
          codecs_that_are_not_carried, seek_commands, one_track, many_tracks,
          many_tracks_and_codecs, unknown_multitrack, nanoseconds, other_modex, cut_short)
