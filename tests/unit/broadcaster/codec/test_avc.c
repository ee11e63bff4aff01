#include "broadcaster/codec/avc.h"

#include <string.h>

#include "tests/support/unit.h"

/* Decoder configuration records that encoders really sent. */

/* x264, ultrafast, 320x240, Constrained Baseline */
static const uint8_t x264_baseline[] = {
    0x01, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0x00, 0x16, 0x67, 0x42, 0xc0, 0x0d, 0xda,
    0x05, 0x07, 0xec, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00, 0x00, 0x0f,
    0x03, 0xc5, 0x0a, 0xa8, 0x01, 0x00, 0x04, 0x68, 0xce, 0x0f, 0xc8,
};

/* x264, veryfast, High, 162x118 (cropped), SAR 16/11 */
static const uint8_t x264_high[] = {
    0x01, 0x64, 0x00, 0x0b, 0xff, 0xe1, 0x00, 0x1a, 0x67, 0x64, 0x00, 0x0b, 0xac, 0xd9, 0x42,
    0xc4, 0x78, 0x89, 0xb0, 0x41, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x3c,
    0x0f, 0x14, 0x29, 0x96, 0x01, 0x00, 0x04, 0x68, 0xef, 0x8f, 0xcb, 0xfd, 0xf8, 0xf8, 0x00,
};

START_TEST(records_of_real_encoders)
{
    struct avc_config c;
    struct avc_sps s;
    ck_assert_int_eq(avc_config_parse(span_of(x264_baseline, sizeof x264_baseline), &c), ERR_OK);
    ck_assert_int_eq(c.nal_length_size, 4);
    ck_assert_int_eq(avc_sps_parse(c.sps, &s), ERR_OK);
    ck_assert_int_eq(s.profile_idc, 66);
    ck_assert_int_eq(s.width, 320);
    ck_assert_int_eq(s.height, 240);
    ck_assert_int_eq(s.sar_num, 1);
    ck_assert_int_eq(s.sar_den, 1);
    ck_assert_int_eq(avc_config_parse(span_of(x264_high, sizeof x264_high), &c), ERR_OK);
    ck_assert_int_eq(avc_sps_parse(c.sps, &s), ERR_OK);
    ck_assert_int_eq(s.profile_idc, 100);
    ck_assert_int_eq(s.width, 162);
    ck_assert_int_eq(s.height, 118);
    ck_assert_int_eq(s.sar_num, 16);
    ck_assert_int_eq(s.sar_den, 11);
}
END_TEST

START_TEST(broken_records)
{
    struct avc_config c = {.nal_length_size = 77};
    uint8_t bytes[sizeof x264_high];
    struct avc_config whole;
    ck_assert_int_eq(avc_config_parse(span_of(x264_high, sizeof x264_high), &whole), ERR_OK);
    size_t sps_end = (size_t)(whole.sps.data - x264_high) + whole.sps.len;
    for (size_t n = 0; n < sps_end; n++) {
        ck_assert_int_eq(avc_config_parse(span_of(x264_high, n), &c), ERR_PROTO);
    }
    memcpy(bytes, x264_high, sizeof bytes);
    bytes[0] = 0;
    ck_assert_int_eq(avc_config_parse(span_of(bytes, sizeof bytes), &c), ERR_PROTO);
    bytes[0] = 1;
    bytes[4] = 0xfe; /* lengths of three bytes */
    ck_assert_int_eq(avc_config_parse(span_of(bytes, sizeof bytes), &c), ERR_PROTO);
    bytes[4] = 0xff;
    bytes[5] = 0xe0; /* no SPS */
    ck_assert_int_eq(avc_config_parse(span_of(bytes, sizeof bytes), &c), ERR_NOENT);
    ck_assert_int_eq(c.nal_length_size, 77);
}
END_TEST

/* --- an SPS made bit by bit --- */

struct writer {
    uint8_t bytes[600];
    size_t bits;
};

static void put(struct writer *w, unsigned v, int n)
{
    for (int i = n - 1; i >= 0; i--, w->bits++) {
        w->bytes[w->bits / 8] |= (uint8_t)((v >> i & 1) << (7 - w->bits % 8));
    }
}

static void put_ue(struct writer *w, unsigned v)
{
    int n = 0;
    while ((v + 1) >> (n + 1) != 0) {
        n++;
    }
    put(w, 0, n);
    put(w, v + 1, n + 1);
}

static void put_se(struct writer *w, int v)
{
    put_ue(w, v > 0 ? (unsigned)(2 * v - 1) : (unsigned)(-2 * v));
}

struct shape {
    unsigned profile, chroma, width_mbs, height_units, poc_type;
    bool separate_planes, scaling, fields, has_crop, has_sar;
    unsigned crop[4];
    unsigned sar_idc, sar_num, sar_den;
};

static void put_chroma(struct writer *w, const struct shape *s)
{
    put_ue(w, s->chroma);
    if (s->chroma == 3) {
        put(w, s->separate_planes, 1);
    }
    put_ue(w, 2);
    put_ue(w, 2);
    put(w, 0, 1);
    put(w, s->scaling, 1);
    for (int i = 0; s->scaling && i < (s->chroma == 3 ? 12 : 8); i++) {
        put(w, i % 2, 1); /* every other list is there */
        for (int j = 0; i % 2 == 1 && j < (i < 6 ? 16 : 64); j++) {
            put_se(w, j % 3 - 1);
        }
    }
}

static void put_order(struct writer *w, const struct shape *s)
{
    put_ue(w, 4); /* log2_max_frame_num_minus4 */
    put_ue(w, s->poc_type);
    if (s->poc_type == 0) {
        put_ue(w, 5);
    } else if (s->poc_type == 1) {
        put(w, 1, 1);
        put_se(w, -3);
        put_se(w, 7);
        put_ue(w, 3);
        put_se(w, 1);
        put_se(w, -2);
        put_se(w, 300);
    }
    put_ue(w, 4);
    put(w, 0, 1);
}

static struct writer make_sps(const struct shape *s)
{
    struct writer w = {.bits = 0};
    put(&w, 0x67, 8);
    put(&w, s->profile, 8);
    put(&w, 0, 8);
    put(&w, 40, 8);
    put_ue(&w, 0);
    if (s->profile >= 100) {
        put_chroma(&w, s);
    }
    put_order(&w, s);
    put_ue(&w, s->width_mbs - 1);
    put_ue(&w, s->height_units - 1);
    put(&w, !s->fields, 1);
    if (s->fields) {
        put(&w, 1, 1);
    }
    put(&w, 1, 1);
    put(&w, s->has_crop, 1);
    for (int i = 0; s->has_crop && i < 4; i++) {
        put_ue(&w, s->crop[i]);
    }
    put(&w, s->has_sar, 1);
    if (s->has_sar) {
        put(&w, 1, 1);
        put(&w, s->sar_idc, 8);
        if (s->sar_idc == 255) {
            put(&w, s->sar_num, 16);
            put(&w, s->sar_den, 16);
        }
        put(&w, 0, 8);
    }
    put(&w, 1, 1);
    return w;
}

/* With emulation prevention, as a NAL unit must be. */
static size_t escape(const struct writer *w, uint8_t *out)
{
    size_t n = 0, zeros = 0;
    for (size_t i = 0; i < (w->bits + 7) / 8; i++) {
        if (zeros == 2 && w->bytes[i] <= 3) {
            out[n++] = 3;
            zeros = 0;
        }
        out[n++] = w->bytes[i];
        zeros = w->bytes[i] == 0 ? zeros + 1 : 0;
    }
    return n;
}

static void check_shape(const struct shape *s, int width, int height, int sar_num, int sar_den)
{
    struct writer w = make_sps(s);
    uint8_t nal[1000];
    size_t len = escape(&w, nal);
    struct avc_sps sps;
    ck_assert_int_eq(avc_sps_parse(span_of(nal, len), &sps), ERR_OK);
    ck_assert_int_eq(sps.width, width);
    ck_assert_int_eq(sps.height, height);
    ck_assert_int_eq(sps.sar_num, sar_num);
    ck_assert_int_eq(sps.sar_den, sar_den);
    ck_assert_int_eq(sps.level_idc, 40);
}

START_TEST(cropping)
{
    struct shape s = {.profile = 100, .chroma = 1, .width_mbs = 120, .height_units = 68};
    check_shape(&s, 1920, 1088, 0, 1);
    s.has_crop = true;
    s.crop[3] = 4;
    check_shape(&s, 1920, 1080, 0, 1);
    s.crop[0] = 1;
    s.crop[1] = 2;
    check_shape(&s, 1914, 1080, 0, 1);
    s.chroma = 2; /* 4:2:2: lines are cropped one by one */
    s.profile = 122;
    check_shape(&s, 1914, 1084, 0, 1);
    s.chroma = 3; /* 4:4:4 */
    s.profile = 244;
    check_shape(&s, 1917, 1084, 0, 1);
    s.separate_planes = true;
    check_shape(&s, 1917, 1084, 0, 1);
    s.chroma = 0; /* monochrome */
    check_shape(&s, 1917, 1084, 0, 1);
}
END_TEST

START_TEST(interlaced)
{
    struct shape s = {.profile = 77,
                      .width_mbs = 120,
                      .height_units = 34,
                      .fields = true,
                      .has_crop = true,
                      .crop = {0, 0, 0, 2}};
    check_shape(&s, 1920, 1080, 0, 1);
}
END_TEST

START_TEST(orders_and_scaling_lists)
{
    struct shape s = {.profile = 100, .chroma = 1, .width_mbs = 40, .height_units = 30};
    for (unsigned poc_type = 0; poc_type <= 2; poc_type++) {
        s.poc_type = poc_type;
        s.scaling = false;
        s.chroma = 1;
        check_shape(&s, 640, 480, 0, 1);
        s.scaling = true;
        check_shape(&s, 640, 480, 0, 1);
        s.chroma = 3;
        check_shape(&s, 640, 480, 0, 1);
    }
}
END_TEST

START_TEST(aspect_ratios)
{
    struct shape s = {.profile = 66, .width_mbs = 45, .height_units = 36, .has_sar = true};
    s.sar_idc = 2;
    check_shape(&s, 720, 576, 12, 11);
    s.sar_idc = 16;
    check_shape(&s, 720, 576, 2, 1);
    s.sar_idc = 17; /* reserved */
    check_shape(&s, 720, 576, 0, 1);
    s.sar_idc = 0;
    check_shape(&s, 720, 576, 0, 1);
    s.sar_idc = 255;
    s.sar_num = 64;
    s.sar_den = 45;
    check_shape(&s, 720, 576, 64, 45);
    s.sar_den = 0;
    check_shape(&s, 720, 576, 0, 1);
    /* Zeros that need an emulation prevention byte. */
    s.sar_num = 0;
    s.sar_den = 1;
    check_shape(&s, 720, 576, 0, 1);
}
END_TEST

static enum err parse_shape(const struct shape *s)
{
    struct writer w = make_sps(s);
    uint8_t nal[1000];
    size_t len = escape(&w, nal);
    struct avc_sps sps;
    return avc_sps_parse(span_of(nal, len), &sps);
}

START_TEST(impossible_ones)
{
    struct shape s = {.profile = 100, .chroma = 1, .width_mbs = 1025, .height_units = 10};
    ck_assert_int_eq(parse_shape(&s), ERR_PROTO);
    s.width_mbs = 1024;
    ck_assert_int_eq(parse_shape(&s), ERR_OK);
    s.height_units = 1000;
    s.fields = true;
    ck_assert_int_eq(parse_shape(&s), ERR_PROTO);
    s = (struct shape){.profile = 100, .chroma = 4, .width_mbs = 10, .height_units = 10};
    ck_assert_int_eq(parse_shape(&s), ERR_PROTO);
    s.chroma = 1;
    s.poc_type = 3;
    ck_assert_int_eq(parse_shape(&s), ERR_PROTO);
    s.poc_type = 0;
    s.has_crop = true;
    s.crop[0] = 0x7ffffff0;
    s.crop[1] = 0x7ffffff0;
    ck_assert_int_eq(parse_shape(&s), ERR_PROTO);
    s.crop[0] = 80;
    s.crop[1] = 0;
    ck_assert_int_eq(parse_shape(&s), ERR_PROTO);
}
END_TEST

START_TEST(cut_short)
{
    struct shape s = {.profile = 100,
                      .chroma = 1,
                      .width_mbs = 40,
                      .height_units = 30,
                      .has_sar = true,
                      .sar_idc = 255,
                      .sar_num = 3,
                      .sar_den = 2};
    struct writer w = make_sps(&s);
    uint8_t nal[1000];
    size_t len = escape(&w, nal);
    size_t good = 0;
    for (size_t n = 0; n < len; n++) {
        struct avc_sps sps;
        enum err e = avc_sps_parse(span_of(nal, n), &sps);
        ck_assert(e == ERR_OK || (e == ERR_PROTO && good == 0));
        if (e == ERR_OK) {
            good++;
            ck_assert_int_eq(sps.width, 640);
        }
    }
    ck_assert_uint_ge(good, 4);
    nal[0] = 0x68;
    struct avc_sps sps;
    ck_assert_int_eq(avc_sps_parse(span_of(nal, len), &sps), ERR_PROTO);
}
END_TEST

START_TEST(random_bytes)
{
    srand(7);
    for (int round = 0; round < 200000; round++) {
        uint8_t nal[64] = {0x67, 100};
        size_t len = (size_t)(rand() % (int)sizeof nal);
        for (size_t i = 1; i < len; i++) {
            nal[i] = (uint8_t)(rand() & rand());
        }
        struct avc_sps sps;
        if (avc_sps_parse(span_of(nal, len), &sps) == ERR_OK) {
            ck_assert(sps.width > 0 && sps.width <= AVC_SIDE_MAX);
            ck_assert(sps.height > 0 && sps.height <= AVC_SIDE_MAX);
            ck_assert(sps.sar_den > 0 && sps.sar_num >= 0);
        }
    }
}
END_TEST

START_TEST(idr_pictures)
{
    static const uint8_t idr[] = {0, 0, 0, 2, 9, 0xf0, 0, 0, 0, 3, 0x65, 1, 2};
    static const uint8_t other[] = {0, 0, 0, 2, 9, 0xf0, 0, 0, 0, 3, 0x41, 1, 2};
    static const uint8_t two[] = {0, 1, 0x06, 0, 2, 0x25, 0};
    static const uint8_t one[] = {1, 0x06, 2, 0x25, 0};
    static const uint8_t empty_units[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x65};
    static const uint8_t too_long[] = {0xff, 0xff, 0xff, 0xff, 0x65};
    ck_assert(avc_has_idr(span_of(idr, sizeof idr), 4));
    ck_assert(!avc_has_idr(span_of(other, sizeof other), 4));
    ck_assert(avc_has_idr(span_of(two, sizeof two), 2));
    ck_assert(avc_has_idr(span_of(one, sizeof one), 1));
    ck_assert(avc_has_idr(span_of(empty_units, sizeof empty_units), 4));
    ck_assert(!avc_has_idr(span_of(too_long, sizeof too_long), 4));
    ck_assert(!avc_has_idr(span_of(idr, 10), 4));
    ck_assert(!avc_has_idr(span_of(NULL, 0), 4));
}
END_TEST

UNIT_MAIN("avc", records_of_real_encoders, broken_records, cropping, interlaced,
          orders_and_scaling_lists, aspect_ratios, impossible_ones, cut_short, random_bytes,
          idr_pictures)
