#include "broadcaster/rtmp/caps.h"

#include <string.h>

#include "tests/support/unit.h"
#include "tests/unit/broadcaster/codec/cut.h"

static struct rtmp_caps read_written(void (*put)(struct amf0_writer *w))
{
    struct buf b;
    struct amf0_value object;
    struct rtmp_caps caps;
    buf_init(&b, 10000);
    struct amf0_writer w = {.out = &b};
    amf0_put_object(&w);
    put(&w);
    amf0_put_end(&w);
    ck_assert_int_eq(w.err, ERR_OK);
    struct span rest = buf_span(&b);
    ck_assert_int_eq(amf0_read(&rest, &object), ERR_OK);
    ck_assert_uint_eq(rest.len, 0);
    memset(&caps, 0xff, sizeof caps);
    caps_read(&object, &caps);
    buf_fini(&b);
    return caps;
}

static void put_old(struct amf0_writer *w)
{
    amf0_put_key(w, "app");
    amf0_put_string(w, "live");
}

static void put_list(struct amf0_writer *w)
{
    amf0_put_key(w, "fourCcList");
    amf0_put_array(w, 3);
    amf0_put_string(w, "av01");
    amf0_put_string(w, "zzzz");
    amf0_put_string(w, "hvc1");
}

static void put_star(struct amf0_writer *w)
{
    amf0_put_key(w, "fourCcList");
    amf0_put_array(w, 1);
    amf0_put_string(w, "*");
}

static void put_maps(struct amf0_writer *w)
{
    amf0_put_key(w, "videoFourCcInfoMap");
    amf0_put_object(w);
    amf0_put_key(w, "*");
    amf0_put_number(w, CAPS_CAN_FORWARD);
    amf0_put_key(w, "vp09");
    amf0_put_number(w, CAPS_CAN_DECODE | CAPS_CAN_ENCODE);
    amf0_put_end(w);
    amf0_put_key(w, "audioFourCcInfoMap");
    amf0_put_object(w);
    amf0_put_key(w, "Opus");
    amf0_put_number(w, CAPS_CAN_ENCODE);
    amf0_put_key(w, "fLaC");
    amf0_put_string(w, "no number");
    amf0_put_end(w);
    amf0_put_key(w, "capsEx");
    amf0_put_number(w, 0x15);
}

static void put_wrong_types(struct amf0_writer *w)
{
    amf0_put_key(w, "fourCcList");
    amf0_put_string(w, "av01");
    amf0_put_key(w, "videoFourCcInfoMap");
    amf0_put_number(w, 7);
    amf0_put_key(w, "capsEx");
    amf0_put_string(w, "1");
}

static void put_wrong_number(struct amf0_writer *w)
{
    amf0_put_key(w, "capsEx");
    amf0_put_number(w, -1);
}

START_TEST(nothing_said)
{
    struct rtmp_caps c = read_written(put_old);
    ck_assert(!c.enhanced && c.ex == 0 && c.codecs[CODEC_HEVC] == 0);
    c = read_written(put_wrong_types);
    ck_assert(!c.enhanced && c.ex == 0 && c.codecs[CODEC_AV1] == 0);
    c = read_written(put_wrong_number);
    ck_assert(c.enhanced && c.ex == 0);
}
END_TEST

START_TEST(lists)
{
    struct rtmp_caps c = read_written(put_list);
    ck_assert(c.enhanced && c.codecs[CODEC_AV1] == CAPS_CAN_DECODE &&
              c.codecs[CODEC_HEVC] == CAPS_CAN_DECODE && c.codecs[CODEC_VP9] == 0);
    c = read_written(put_star);
    for (int i = 0; i < CODECS_; i++) {
        ck_assert_int_eq(c.codecs[i], CAPS_CAN_DECODE);
    }
}
END_TEST

START_TEST(maps)
{
    struct rtmp_caps c = read_written(put_maps);
    ck_assert(c.enhanced);
    ck_assert_uint_eq(c.ex, 0x15);
    ck_assert_int_eq(c.codecs[CODEC_VP9], 7);
    ck_assert_int_eq(c.codecs[CODEC_H264], CAPS_CAN_FORWARD);
    ck_assert_int_eq(c.codecs[CODEC_OPUS], CAPS_CAN_ENCODE);
    ck_assert_int_eq(c.codecs[CODEC_FLAC], 0);
    ck_assert_int_eq(c.codecs[CODEC_AAC], 0);
}
END_TEST

/* What we say reads back as what we can. */
START_TEST(ours)
{
    struct rtmp_caps c = read_written(caps_put);
    ck_assert(c.enhanced);
    ck_assert_uint_eq(c.ex, 0x0f);
    for (int i = 0; i < CODECS_; i++) {
        ck_assert_msg((c.codecs[i] & CAPS_CAN_FORWARD) != 0, "%s", track_codec_name(i));
    }
    ck_assert((c.codecs[CODEC_H264] & CAPS_CAN_ENCODE) != 0);
    ck_assert((c.codecs[CODEC_HEVC] & CAPS_CAN_ENCODE) == 0);
}
END_TEST

UNIT_MAIN("caps", nothing_said, lists, maps, ours)
