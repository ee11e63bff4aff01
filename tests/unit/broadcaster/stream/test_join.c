#include "broadcaster/stream/join.h"

#include "tests/support/unit.h"

#define SPAN(bytes) span_of((const uint8_t *)(bytes), sizeof(bytes) - 1)

static struct track *track_of(enum track_codec codec, struct span config)
{
    struct track_params p = {
        .kind = TRACK_VIDEO, .codec = codec, .width = 64, .height = 64, .config = config};
    return track_create(&p);
}

START_TEST(recovery_points_are_found)
{
    char avcc[] = "\1\100\0\36\377\341", hvcc[23] = {[21] = 3};
    struct track *avc = track_of(CODEC_H264, SPAN(avcc));
    struct track *hevc = track_of(CODEC_HEVC, span_of((const uint8_t *)hvcc, 22));
    struct track *vp9 = track_of(CODEC_VP9, SPAN("12345678901234567890123456"));
    struct track *bare = track_of(CODEC_H264, SPAN("avc"));
    /* A delimiter, two messages of which the second is it, a slice. */
    struct span unit = SPAN("\0\0\0\2\11\360\0\0\0\10\6\5\2ab\6\1\200\0\0\0\2\101\1");
    ck_assert(join_is_recovery_point(track_params(avc), unit));
    ck_assert(!join_is_recovery_point(track_params(vp9), unit));
    ck_assert(!join_is_recovery_point(track_params(bare), unit));
    ck_assert(join_is_recovery_point(track_params(hevc), SPAN("\0\0\0\6\116\1\6\1\200\0")));
    ck_assert(
        !join_is_recovery_point(track_params(avc), SPAN("\0\0\0\2\101\1\0\0\0\5\6\6\1\200\0")));
    ck_assert(!join_is_recovery_point(track_params(avc), SPAN("\0\0\0\5\6\5\377\377\377")));
    for (size_t n = 0; n < unit.len; n++) { /* cut short anywhere */
        struct span cut = span_of(unit.data, n);
        ck_assert_int_eq(join_is_recovery_point(track_params(avc), cut), n >= 18);
    }
    track_unref(avc);
    track_unref(hevc);
    track_unref(vp9);
    track_unref(bare);
}
END_TEST

START_TEST(begins_at_a_key_or_after_a_while)
{
    struct track *t = track_of(CODEC_H264, SPAN("\1\100\0\36\377\341"));
    struct join j = {0};
    struct packet p = {.data = SPAN("\0\0\0\2\101\1")};
    ck_assert(!join_here(&j, t, &p));
    ck_assert(j.waiting);
    p.dts = JOIN_WAIT_TICKS - 1;
    ck_assert(!join_here(&j, t, &p));
    p.dts = JOIN_WAIT_TICKS;
    ck_assert(join_here(&j, t, &p));
    ck_assert(!j.waiting);
    p.dts++;
    ck_assert(!join_here(&j, t, &p)); /* waits anew */
    p.flags = PACKET_KEY;
    ck_assert(join_here(&j, t, &p));
    track_unref(t);
}
END_TEST

UNIT_MAIN("join", recovery_points_are_found, begins_at_a_key_or_after_a_while)
