#include "broadcaster/codec/sets.h"

#include <string.h>

#include "base/mem.h"
#include "broadcaster/codec/avc.h"
#include "broadcaster/codec/nal.h"
#include "tests/support/unit.h"
#include "tests/unit/broadcaster/codec/cut.h"

/* libx265, 320x240; 1918x1078 with 10 bits */
#define HEVC_PLAIN                                                                                 \
    "0104080000009e08000000003cf000fcfff8f800000f03200001001740010c01ffff0408000003009e0800000300" \
    "003c959809210001002b4201010408000003009e0800000300003c90014101e2cb2b349265780b70202000400000" \
    "0300400000078222000100084401c172860c4624"
#define HEVC_HDR                                                                                   \
    "01022000000090000000000078f000fcfdfafa00000f03a00001001840010c01ffff022000000300900000030000" \
    "030078959809a100010030420101022000000300900000030000030078a003c08010e754d96566924e5787350910" \
    "09040000030004000003007820a2000100074401c172b46240"
/* libx264, 320x240 */
#define AVC     "0142c00dffe100166742c00dda0507ec0440000003004000000f03c50aa801000468ce0fc8"
#define SPS     "000000096742c01eda0280f640" /* number 0, 640x480 */
#define PPS     "0000000468ce3880"           /* number 0 */
#define SLICE   "0000000265aa"
#define OUT_MAX 100000

static enum err follow(enum track_codec codec, const char *record, struct span unit,
                       struct buf *out)
{
    buf_init(out, OUT_MAX);
    return sets_follow(codec, cut_hex(record), unit, out);
}

static void check(enum track_codec codec, const char *record, const char *unit,
                  const char *expected)
{
    struct buf out;
    enum err e = follow(codec, record, cut_hex(unit), &out);
    ck_assert_int_eq(e, expected != NULL ? ERR_OK : ERR_NOENT);
    ck_assert_uint_eq(out.len, expected != NULL ? strlen(expected) / 2 : 0);
    if (expected != NULL) {
        ck_assert_mem_eq(out.data, cut_hex(expected).data, out.len);
    }
    buf_fini(&out);
}

START_TEST(avc_sets)
{
    check(CODEC_H264, AVC, SLICE, NULL);
    check(CODEC_H264, AVC, "0000000468ce0fc8" SLICE, NULL);
    check(CODEC_H264, AVC, SPS PPS SLICE, "0142c01effe100096742c01eda0280f64001000468ce3880");
    check(CODEC_H264, AVC, PPS SLICE,
          "0142c00dffe100166742c00dda0507ec0440000003004000000f03c50aa801000468ce3880");
    check(CODEC_H264, AVC, "000000056842000000" SLICE, /* another number: one more */
          "0142c00dffe100166742c00dda0507ec0440000003004000000f03c50aa802000468ce0fc8"
          "00056842000000");
    check(CODEC_H264, AVC, "0000000267ff" SLICE, NULL);       /* no good */
    check(CODEC_H264, AVC, "000000ff6742c01eda" SLICE, NULL); /* cut short */
}
END_TEST

static enum err put_nal(void *arg, struct span nal)
{
    struct buf *b = arg;
    enum err e = buf_put_be32(b, (uint32_t)nal.len);
    return e == ERR_OK ? buf_put(b, nal) : e;
}

START_TEST(hevc_sets)
{
    struct buf unit, out;
    buf_init(&unit, OUT_MAX);
    ck_assert_int_eq(nal_each_set(CODEC_HEVC, cut_hex(HEVC_HDR), put_nal, &unit), ERR_OK);
    ck_assert_int_eq(put_nal(&unit, cut_hex("2601aa")), ERR_OK);
    ck_assert_int_eq(follow(CODEC_HEVC, HEVC_PLAIN, buf_span(&unit), &out), ERR_OK);
    ck_assert(span_equal(buf_span(&out), cut_hex(HEVC_HDR)));
    buf_fini(&out);
    ck_assert_int_eq(follow(CODEC_HEVC, HEVC_HDR, buf_span(&unit), &out), ERR_NOENT);
    buf_fini(&out);
    for (size_t n = 0; n < unit.len; n++) { /* never more than is there; mostly something */
        struct span cut = cut_at(buf_span(&unit), n);
        enum err e = follow(CODEC_HEVC, HEVC_PLAIN, cut, &out);
        ck_assert(e == ERR_OK || e == ERR_NOENT);
        buf_fini(&out);
        cut_free(cut);
    }
    buf_fini(&unit);
}
END_TEST

START_TEST(what_cannot_be_followed)
{
    struct buf out;
    struct span whole = cut_hex(AVC);
    for (size_t n = 0; n < whole.len; n++) {
        struct span cut = cut_at(whole, n);
        buf_init(&out, OUT_MAX);
        ck_assert_int_eq(sets_follow(CODEC_H264, cut, cut_hex(SPS PPS), &out), ERR_PROTO);
        buf_fini(&out);
        cut_free(cut);
    }
    buf_init(&out, 10);
    ck_assert_int_eq(sets_follow(CODEC_H264, whole, cut_hex(SPS PPS), &out), ERR_LIMIT);
    ck_assert_uint_eq(out.len, 0);
    buf_fini(&out);
    buf_init(&out, OUT_MAX);
    mem_fail_nth(1);
    enum err e = sets_follow(CODEC_H264, whole, cut_hex(SPS PPS), &out);
    mem_fail_nth(0);
    ck_assert_int_eq(e, ERR_NOMEM);
    buf_fini(&out);
}
END_TEST

/* One more PPS with each of many numbers: what is too much is left as it is. */
START_TEST(too_many)
{
    struct buf unit, out;
    buf_init(&unit, OUT_MAX);
    for (unsigned i = 1; i < 255; i++) {
        unsigned code = (i + 1) << 1; /* 15 bits of a number from 127 on */
        uint8_t pps[] = {0x68, (uint8_t)(code >> 8), (uint8_t)code, 0x80};
        if (i >= 127) {
            ck_assert_int_eq(put_nal(&unit, span_of(pps, sizeof pps)), ERR_OK);
        }
    }
    ck_assert_int_eq(follow(CODEC_H264, AVC, buf_span(&unit), &out), ERR_OK);
    struct sets s;
    ck_assert_int_eq(sets_read(CODEC_H264, buf_span(&out), &s), ERR_OK);
    ck_assert_uint_eq(s.n, SETS_MAX);
    buf_fini(&out);
    buf_fini(&unit);
}
END_TEST

UNIT_MAIN("sets", avc_sets, hevc_sets, what_cannot_be_followed, too_many)
