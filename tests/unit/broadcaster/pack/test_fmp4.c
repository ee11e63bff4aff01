/* The bytes of fragments; what players make of them is judged in test_packager_codecs.c. */
#include "broadcaster/pack/fmp4.h"

#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

static const uint8_t avcc[] = {1, 0x64, 0, 0x1f, 0xfd, 0xe1, 0, 1, 0x67, 0};
static const struct track_params video = {
    .kind = TRACK_VIDEO, .codec = CODEC_H264, .config = {avcc, sizeof avcc}};
static const struct track_params sound = {.kind = TRACK_AUDIO, .codec = CODEC_MP3};

static const uint8_t slice[] = {0, 2, 0x41, 7};

static struct packet picture(int64_t dts, int64_t pts, bool key)
{
    return (struct packet){.dts = dts,
                           .pts = pts,
                           .duration = 3000,
                           .flags = key ? PACKET_KEY : 0,
                           .data = {slice, sizeof slice}};
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The content of the first box of that type, wherever it stands. */
static const uint8_t *box(const struct buf *b, const char *type)
{
    for (size_t i = 4; i + 4 <= b->len; i++) {
        if (memcmp(b->data + i, type, 4) == 0) {
            return b->data + i + 4;
        }
    }
    ck_abort_msg("no %s", type);
    return NULL;
}

static void fragment(struct buf *b, const struct track_params *t, const struct packet *ps, size_t n)
{
    buf_init(b, 100000);
    ck_assert_int_eq(fmp4_put_fragment(b, t, 7, ps, n), ERR_OK);
    ck_assert_uint_eq(be32(box(b, "mfhd") + 4), 7);
    /* The data offset leads to the content of "mdat". */
    ck_assert_ptr_eq(b->data + be32(box(b, "trun") + 8), box(b, "mdat"));
    ck_assert_uint_le(b->len, fmp4_overhead(t->kind, n) + n * (sizeof slice + 4));
}

START_TEST(times_and_flags)
{
    struct packet ps[] = {picture(1000, 4000, true), picture(4000, 10000, false),
                          picture(7000, 7000, false)};
    struct buf b;
    fragment(&b, &video, ps, 3);
    const uint8_t *tfdt = box(&b, "tfdt");
    ck_assert_uint_eq(tfdt[0], 1);
    ck_assert_uint_eq(be32(tfdt + 4), 0);
    ck_assert_uint_eq(be32(tfdt + 8), 1000);
    ck_assert_uint_eq(be32(box(&b, "tfhd") + 8), 0x01010000);
    const uint8_t *trun = box(&b, "trun");
    ck_assert_uint_eq(be32(trun), 0xb05); /* offset, first flags, durations, sizes, ct offsets */
    ck_assert_uint_eq(be32(trun + 4), 3);
    ck_assert_uint_eq(be32(trun + 12), 0x02000000);
    static const uint32_t want[] = {3000, 4, 3000, 3000, 4, 6000, 3000, 4, 0};
    for (size_t i = 0; i < 9; i++) {
        ck_assert_uint_eq(be32(trun + 16 + 4 * i), want[i]);
    }
    buf_fini(&b);
}
END_TEST

START_TEST(flags_for_each_where_needed)
{
    struct packet ps[] = {picture(0, 0, true), picture(3000, 3000, false),
                          picture(6000, 6000, true)};
    struct buf b;
    fragment(&b, &video, ps, 3);
    const uint8_t *trun = box(&b, "trun");
    ck_assert_uint_eq(be32(trun), 0x701);
    ck_assert_uint_eq(be32(trun + 12 + 8), 0x02000000);
    ck_assert_uint_eq(be32(trun + 24 + 8), 0x01010000);
    ck_assert_uint_eq(be32(trun + 36 + 8), 0x02000000);
    buf_fini(&b);
    ps[0].flags = ps[2].flags = 0; /* does not start with a key frame */
    fragment(&b, &video, ps, 3);
    ck_assert_uint_eq(be32(box(&b, "trun")), 0x301);
    ck_assert_uint_eq(be32(box(&b, "tfhd") + 8), 0x01010000);
    buf_fini(&b);
    fragment(&b, &video, ps, 1);
    ck_assert_uint_eq(be32(box(&b, "tfhd") + 8), 0x01010000);
    buf_fini(&b);
    ps[0].flags = ps[1].flags = ps[2].flags = PACKET_KEY;
    fragment(&b, &sound, ps, 3);
    ck_assert_uint_eq(be32(box(&b, "trun")), 0x301);
    ck_assert_uint_eq(be32(box(&b, "tfhd") + 8), 0x02000000);
    buf_fini(&b);
}
END_TEST

/* A stream that is refreshed little by little has nothing else to begin at. */
START_TEST(recovery_points_are_sync_samples)
{
    static const uint8_t recovers[] = {0, 5, 6, 6, 1, 0x80, 0, 0, 2, 0x41, 7};
    struct packet ps[] = {picture(1000, 1000, false), picture(4000, 4000, false),
                          picture(7000, 7000, false)};
    ps[1].data = span_of(recovers, sizeof recovers);
    struct buf b;
    fragment(&b, &video, ps, 3);
    const uint8_t *trun = box(&b, "trun");
    ck_assert_uint_eq(be32(trun), 0x701); /* offset, durations, sizes, flags */
    ck_assert_uint_eq(be32(trun + 12 + 8), 0x01010000);
    ck_assert_uint_eq(be32(trun + 24 + 8), 0x02000000);
    ck_assert_uint_eq(be32(trun + 36 + 8), 0x01010000);
    buf_fini(&b);
}
END_TEST

START_TEST(times_are_mended)
{
    struct packet ps[] = {picture(9000, 9000, true), picture(9000, 0, false),
                          picture(8000, 8000, false), picture(15000, 15000, false)};
    ps[3].duration = 0;
    struct buf b;
    fragment(&b, &video, ps, 4);
    const uint8_t *trun = box(&b, "trun");
    static const uint32_t want[] = {1, 4, 1, 4, 5998, 4, 5998, 4};
    for (size_t i = 0; i < 8; i++) {
        ck_assert_uint_eq(be32(trun + 16 + 4 * i), want[i]);
    }
    buf_fini(&b);
}
END_TEST

START_TEST(what_is_not_whole_is_left_out)
{
    static const uint8_t cut[] = {0, 2, 0x41, 7, 0, 9, 0x41};
    static const uint8_t nothing[] = {0, 9, 0x41};
    struct packet ps[] = {picture(0, 0, true), picture(3000, 3000, false),
                          picture(6000, 6000, false), picture(9000, 9000, false)};
    ps[0].data = span_of(nothing, sizeof nothing);
    ps[1].data = span_of(cut, sizeof cut);
    ps[2].data = span_of(NULL, 0);
    struct buf b;
    fragment(&b, &video, ps, 4);
    const uint8_t *trun = box(&b, "trun");
    ck_assert_uint_eq(be32(trun + 4), 2);
    ck_assert_uint_eq(be32(box(&b, "tfdt") + 8), 3000);
    ck_assert_uint_eq(be32(trun + 12), 6000);
    ck_assert_uint_eq(be32(trun + 16), 4);
    ck_assert_int_eq(memcmp(box(&b, "mdat"), slice, sizeof slice), 0);
    buf_clear(&b);
    ck_assert_int_eq(fmp4_put_fragment(&b, &video, 1, ps, 1), ERR_NOENT);
    ck_assert_int_eq(fmp4_put_fragment(&b, &video, 1, ps, 0), ERR_NOENT);
    ck_assert_uint_eq(b.len, 0);
    buf_fini(&b);
}
END_TEST

/* What the configuration has is not in samples; what it has not stays; nothing else changes. */
START_TEST(parameter_sets_are_left_out)
{
    static const uint8_t unit[] = {0, 1, 0x67, 0, 0, 0, 2, 0x41, 7, 0, 2, 0x68, 9, 0, 1, 0x67};
    static const uint8_t only[] = {0, 1, 0x67};
    struct packet ps[] = {picture(0, 0, true), picture(3000, 3000, false),
                          picture(6000, 6000, false)};
    ps[0].data = span_of(unit, sizeof unit);
    ps[1].data = span_of(only, sizeof only);
    struct buf b;
    fragment(&b, &video, ps, 3);
    const uint8_t *trun = box(&b, "trun"), *mdat = box(&b, "mdat");
    ck_assert_uint_eq(be32(trun + 4), 2);
    ck_assert_uint_eq(be32(trun + 20), 8); /* the first one's size, behind flags and duration */
    ck_assert_mem_eq(mdat, "\0\2\x41\7\0\2\x68\x09\0\2\x41\7", 12);
    ck_assert_ptr_eq(mdat + 12, b.data + b.len);
    buf_fini(&b);
}
END_TEST

START_TEST(configurations_that_are_none)
{
    static const uint8_t zeros[64] = {0};
    static const uint8_t frame[4] = {0x0b, 0x77, 0, 0};
    for (int codec = 0; codec < CODECS_; codec++) {
        bool picture = codec <= CODEC_VP9;
        struct track_params t = {.kind = picture ? TRACK_VIDEO : TRACK_AUDIO,
                                 .codec = (enum track_codec)codec};
        struct buf b;
        buf_init(&b, 100000);
        /* Empty; all zeros where something must stand; the wrong kind. */
        enum err none = codec == CODEC_MP3 ? ERR_OK : ERR_PROTO;
        ck_assert_int_eq(fmp4_put_init(&b, &t, span_of(frame, sizeof frame)), none);
        ck_assert(none == ERR_OK || b.len == 0);
        buf_clear(&b);
        t.config = span_of(zeros, sizeof zeros);
        if (codec == CODEC_OPUS || codec == CODEC_FLAC) {
            ck_assert_int_eq(fmp4_put_init(&b, &t, span_of(NULL, 0)), ERR_PROTO);
        }
        t.kind = picture ? TRACK_AUDIO : TRACK_VIDEO;
        ck_assert_int_eq(fmp4_put_init(&b, &t, span_of(NULL, 0)), ERR_PROTO);
        ck_assert_uint_eq(b.len, 0);
        buf_fini(&b);
    }
    struct packet p = picture(0, 0, true);
    struct track_params bad = video;
    struct buf b;
    buf_init(&b, 1000);
    bad.config = span_of(zeros, 3);
    ck_assert_int_eq(fmp4_put_fragment(&b, &bad, 1, &p, 1), ERR_PROTO);
    buf_fini(&b);
}
END_TEST

START_TEST(limits)
{
    struct packet ps[] = {picture(0, 0, true), picture(3000, 9000, false)};
    size_t fits = 0;
    for (size_t max = 1; max < 1200; max++) {
        struct buf b;
        buf_init(&b, max);
        ck_assert_int_eq(buf_put_u8(&b, 'x'), ERR_OK);
        enum err e = fmp4_put_fragment(&b, &video, 1, ps, 2);
        ck_assert(e == ERR_OK || (e == ERR_LIMIT && b.len == 1));
        b.len = 1;
        e = fmp4_put_init(&b, &video, span_of(NULL, 0));
        ck_assert(e == ERR_OK || (e == ERR_LIMIT && b.len == 1));
        fits += e == ERR_OK;
        buf_fini(&b);
    }
    ck_assert_uint_gt(fits, 0);
}
END_TEST

UNIT_MAIN("fmp4", times_and_flags, flags_for_each_where_needed, recovery_points_are_sync_samples,
          times_are_mended, what_is_not_whole_is_left_out, parameter_sets_are_left_out,
          configurations_that_are_none, limits)
