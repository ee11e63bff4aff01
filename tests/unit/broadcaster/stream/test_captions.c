#include "broadcaster/stream/captions.h"

#include <string.h>

#include "tests/support/unit.h"

#define CC        0xb5, 0, 0x31, 'G', 'A', '9', '4', 3, 0xc1, 0xff, 0xfc, 0x94, 0x20, 0xff, 0x80
#define AVC_CC    0, 0, 0, 18, 6, 4, 15, CC
#define AVC_OTHER 0, 0, 0, 6, 6, 5, 3, 0xb5, 0, 0x31
#define AVC_DELIM 0, 0, 0, 2, 9, 0xf0
#define AVC_SLICE 0, 0, 0, 2, 0x65, 0x88

struct unit {
    enum track_codec codec;
    uint8_t bytes[64];
    size_t len;
    bool has;
};

#define UNIT(codec, has, ...)                                                                      \
    {                                                                                              \
        codec, {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}), has                                \
    }

static const struct unit units[] = {
    UNIT(CODEC_H264, true, AVC_CC, AVC_SLICE),
    UNIT(CODEC_H264, true, AVC_DELIM, AVC_OTHER, AVC_CC, AVC_SLICE),
    UNIT(CODEC_H264, true, 0, 0, 0, 20, 6, 5, 1, 0xb5, 4, 15, CC),
    UNIT(CODEC_H264, false, AVC_DELIM, AVC_OTHER, AVC_SLICE),
    UNIT(CODEC_H264, false, AVC_SLICE, AVC_CC), /* behind a slice there is none */
    UNIT(CODEC_H264, false, 0, 0, 0, 9, 6, 4, 8, 0xb5, 0, 0x31, 'G', 'A', '9'),
    UNIT(CODEC_H264, false, 0, 0, 0, 40, 6, 4, 15, CC), /* cut short */
    UNIT(CODEC_HEVC, true, 0, 0, 0, 19, 39 << 1, 1, 4, 15, CC, 0, 0, 0, 3, 38, 1, 0),
    UNIT(CODEC_HEVC, false, 0, 0, 0, 19, 6, 1, 4, 15, CC), /* a slice */
    UNIT(CODEC_AV1, false, AVC_CC),
};

static struct track_params params(enum track_codec codec)
{
    static const uint8_t avcc[] = {1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 0, 0};
    static const uint8_t hvcc[23] = {1, [21] = 3};
    return (struct track_params){.kind = TRACK_VIDEO,
                                 .codec = codec,
                                 .config = codec == CODEC_HEVC ? span_of(hvcc, sizeof hvcc)
                                                               : span_of(avcc, sizeof avcc)};
}

START_TEST(where_they_are)
{
    const struct unit *u = &units[_i];
    struct track_params p = params(u->codec);
    ck_assert_int_eq(captions_in(&p, span_of(u->bytes, u->len)), u->has);
    for (size_t n = 0; n < u->len; n++) {
        ck_assert(!captions_in(&p, span_of(u->bytes, n)) || u->has);
    }
    p.config.len = 0;
    ck_assert(!captions_in(&p, span_of(u->bytes, u->len)));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("captions");
    TCase *t = tcase_create("captions");
    tcase_add_loop_test(t, where_they_are, 0, sizeof units / sizeof units[0]);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
