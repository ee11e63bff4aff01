#include "broadcaster/rtmp/colorinfo.h"

#include "broadcaster/rtmp/amf0.h"
#include "tests/support/unit.h"
#include "tests/unit/broadcaster/codec/cut.h"

struct member {
    const char *key;
    double value;
};

static void put_part(struct amf0_writer *w, const char *name, const struct member *members,
                     size_t n)
{
    amf0_put_key(w, name);
    amf0_put_object(w);
    for (size_t i = 0; i < n; i++) {
        amf0_put_key(w, members[i].key);
        amf0_put_number(w, members[i].value);
    }
    amf0_put_end(w);
}
#define PART(w, name, ...)                                                                         \
    put_part(w, name, (const struct member[]){__VA_ARGS__},                                        \
             sizeof((const struct member[]){__VA_ARGS__}) / sizeof(struct member))

/* HDR10 as a camera's grading suite would say it: P3 primaries, 0.0001 to 1000 cd/m2. */
static void put_hdr10(struct buf *b)
{
    struct amf0_writer w = {.out = b};
    amf0_put_string(&w, "colorInfo");
    amf0_put_object(&w);
    PART(&w, "colorConfig", {"bitDepth", 10}, {"colorPrimaries", 9},
         {"transferCharacteristics", 16}, {"matrixCoefficients", 9});
    PART(&w, "hdrCll", {"maxFall", 400}, {"maxCLL", 1000});
    PART(&w, "hdrMdcv", {"redX", 0.68}, {"redY", 0.32}, {"greenX", 0.265}, {"greenY", 0.69},
         {"blueX", 0.15}, {"blueY", 0.06}, {"whitePointX", 0.3127}, {"whitePointY", 0.329},
         {"maxLuminance", 1000}, {"minLuminance", 0.0001});
    amf0_put_end(&w);
    ck_assert_int_eq(w.err, ERR_OK);
}

START_TEST(hdr10)
{
    struct buf b;
    struct track_color c;
    bool told = false;
    buf_init(&b, 10000);
    put_hdr10(&b);
    ck_assert_int_eq(colorinfo_read(buf_span(&b), &told, &c), ERR_OK);
    ck_assert(told);
    ck_assert(c.primaries == 9 && c.transfer == 16 && c.matrix == 9 && !c.full_range);
    ck_assert(c.max_cll == 1000 && c.max_fall == 400);
    ck_assert(c.has_mastering);
    /* in the order green, blue, red, in 0.00002 */
    ck_assert(c.display_x[0] == 13250 && c.display_y[0] == 34500);
    ck_assert(c.display_x[1] == 7500 && c.display_y[1] == 3000);
    ck_assert(c.display_x[2] == 34000 && c.display_y[2] == 16000);
    ck_assert(c.white_x == 15635 && c.white_y == 16450);
    ck_assert(c.luminance_max == 10000000 && c.luminance_min == 1);
    buf_fini(&b);
}
END_TEST

static enum err read_written(void (*put)(struct amf0_writer *w), bool *ret_told,
                             struct track_color *ret_color)
{
    struct buf b;
    buf_init(&b, 10000);
    struct amf0_writer w = {.out = &b};
    put(&w);
    ck_assert_int_eq(w.err, ERR_OK);
    enum err e = colorinfo_read(buf_span(&b), ret_told, ret_color);
    buf_fini(&b);
    return e;
}

static void put_undefined(struct amf0_writer *w)
{
    amf0_put_string(w, "colorInfo");
    amf0_put_undefined(w);
}

static void put_empty(struct amf0_writer *w)
{
    amf0_put_string(w, "colorInfo");
    amf0_put_object(w);
    amf0_put_end(w);
}

/* As FFmpeg says it that it knows nothing. */
static void put_empty_config(struct amf0_writer *w)
{
    amf0_put_string(w, "colorInfo");
    amf0_put_object(w);
    PART(w, "colorConfig", {"bitDepth", 8});
    amf0_put_end(w);
}

static void put_nonsense(struct amf0_writer *w)
{
    amf0_put_string(w, "somethingElse");
    amf0_put_number(w, 5);
    amf0_put_string(w, "colorInfo");
    amf0_put_object(w);
    PART(w, "colorConfig", {"colorPrimaries", 256}, {"transferCharacteristics", -1},
         {"matrixCoefficients", 1e300});
    PART(w, "hdrCll", {"maxFall", 0.0 / 0.0}, {"maxCLL", 10001});
    PART(w, "hdrMdcv", {"redX", 0.68}, {"redY", 0.32}, {"greenX", 1.5}, {"greenY", 0.69},
         {"blueX", 0.15}, {"blueY", 0.06}, {"whitePointX", 0.3127}, {"whitePointY", 0.329},
         {"maxLuminance", 1000}, {"minLuminance", 0.0001});
    amf0_put_end(w);
}

static void put_other(struct amf0_writer *w)
{
    amf0_put_string(w, "somethingElse");
    amf0_put_number(w, 5);
}

START_TEST(taken_back)
{
    struct track_color c = {.primaries = 7};
    bool told = true;
    ck_assert_int_eq(read_written(put_undefined, &told, &c), ERR_OK);
    ck_assert(!told && c.primaries == 0);
    told = true;
    ck_assert_int_eq(read_written(put_empty, &told, &c), ERR_OK);
    ck_assert(!told);
    ck_assert_int_eq(read_written(put_empty_config, &told, &c), ERR_OK);
    ck_assert(told && c.primaries == 0 && !c.has_mastering);
}
END_TEST

START_TEST(nonsense)
{
    struct track_color c;
    bool told;
    ck_assert_int_eq(read_written(put_nonsense, &told, &c), ERR_OK);
    ck_assert(told && c.primaries == 0 && c.transfer == 0 && c.matrix == 0);
    ck_assert(c.max_cll == 0 && c.max_fall == 0 && !c.has_mastering && c.white_x == 0);
    c.primaries = 77;
    ck_assert_int_eq(read_written(put_other, &told, &c), ERR_NOENT);
    ck_assert_int_eq(colorinfo_read(span_of(NULL, 0), &told, &c), ERR_NOENT);
    ck_assert_int_eq(c.primaries, 77);
}
END_TEST

START_TEST(cut_short)
{
    struct buf b;
    struct track_color c;
    bool told;
    buf_init(&b, 10000);
    put_hdr10(&b);
    for (size_t n = 0; n < b.len; n++) {
        struct span cut = cut_at(buf_span(&b), n);
        enum err e = colorinfo_read(cut, &told, &c);
        ck_assert(e == ERR_PROTO || e == ERR_OK || (e == ERR_NOENT && n == 0));
        cut_free(cut);
    }
    buf_fini(&b);
}
END_TEST

UNIT_MAIN("colorinfo", hdr10, taken_back, nonsense, cut_short)
