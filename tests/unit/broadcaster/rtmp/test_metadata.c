#include "broadcaster/rtmp/metadata.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "broadcaster/rtmp/amf0.h"
#include "tests/support/unit.h"

static void put_member(struct amf0_writer *w, const char *key, double v)
{
    amf0_put_key(w, key);
    amf0_put_number(w, v);
}

static struct buf said(double width, double fps, const char *fps_key, const char *encoder)
{
    struct buf b;
    buf_init(&b, 4096);
    struct amf0_writer w = {.out = &b};
    amf0_put_string(&w, "@setDataFrame");
    amf0_put_string(&w, "onMetaData");
    amf0_put_object(&w);
    put_member(&w, "width", width);
    put_member(&w, "height", 720);
    put_member(&w, "videodatarate", 2500.4);
    put_member(&w, "audiodatarate", 128);
    put_member(&w, fps_key, fps);
    amf0_put_key(&w, "encoder");
    amf0_put_string(&w, encoder);
    amf0_put_end(&w);
    ck_assert_int_eq(w.err, ERR_OK);
    return b;
}

START_TEST(all_that_is_read)
{
    struct rtmp_metadata m;
    struct buf b = said(1280, 59.94, "framerate", "Lavf59.27.100");
    ck_assert_int_eq(metadata_parse(buf_span(&b), &m), ERR_OK);
    ck_assert_int_eq(m.width, 1280);
    ck_assert_int_eq(m.height, 720);
    ck_assert_int_eq(m.fps_milli, 59940);
    ck_assert_int_eq(m.video_kbps, 2500);
    ck_assert_int_eq(m.audio_kbps, 128);
    ck_assert_str_eq(m.encoder, "Lavf59.27.100");
    buf_fini(&b);
    b = said(1, 30, "fps", "");
    ck_assert_int_eq(metadata_parse(buf_span(&b), &m), ERR_OK);
    ck_assert_int_eq(m.fps_milli, 30000);
    buf_fini(&b);
}
END_TEST

static void expect_title(const char *said_title, const char *want)
{
    struct rtmp_metadata m;
    struct buf b;
    buf_init(&b, 4096);
    struct amf0_writer w = {.out = &b};
    amf0_put_string(&w, "onMetaData");
    amf0_put_object(&w);
    amf0_put_key(&w, "title");
    amf0_put_string(&w, said_title);
    amf0_put_end(&w);
    ck_assert_int_eq(w.err, ERR_OK);
    ck_assert_int_eq(metadata_parse(buf_span(&b), &m), ERR_OK);
    ck_assert_str_eq(m.title, want);
    buf_fini(&b);
}

START_TEST(titles)
{
    static const char *const pairs[][2] = {
        {"Evening \"news\" \xc3\xa9", "Evening \"news\" \xc3\xa9"},
        {"", ""},
        {"  a \r\n\t b  ", "a b"},
        {"\x01\x7f", ""},
        {"a\xc2\x85z", "a z"},
        {"a\xe2\x80\xae z", "a z"},
        {"cut\xe2\x82", "cut\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xff\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf0\x9f\x8e\xa5", "\xf0\x9f\x8e\xa5"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        expect_title(pairs[i][0], pairs[i][1]);
    }
}
END_TEST

/* Whatever stands at the limit, the title ends with a whole character. */
START_TEST(long_titles)
{
    for (size_t before = 0; before < 5; before++) {
        char text[400] = "";
        char want[400] = "";
        memset(text, 'x', before);
        while (strlen(text) < sizeof text - 5) {
            strcat(text, "\xf0\x9f\x8e\xa5");
        }
        memcpy(want, text, before + (METADATA_TITLE_MAX - 1 - before) / 4 * 4);
        expect_title(text, want);
        ck_assert_uint_lt(strlen(want), METADATA_TITLE_MAX);
    }
}
END_TEST

START_TEST(nonsense_is_not_said)
{
    const double values[] = {-1, 0, NAN, INFINITY, -INFINITY, 1e300, 1000001};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct rtmp_metadata m;
        struct buf b = said(values[i], values[i], "framerate",
                            "a\"b\n\x80"
                            "c");
        ck_assert_int_eq(metadata_parse(buf_span(&b), &m), ERR_OK);
        ck_assert_int_eq(m.width, 0);
        ck_assert_int_eq(m.fps_milli, 0);
        ck_assert_int_eq(m.height, 720);
        ck_assert_str_eq(m.encoder, "a?b??c");
        buf_fini(&b);
    }
    char long_text[500];
    struct rtmp_metadata m;
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    struct buf b = said(1, 1, "fps", long_text);
    ck_assert_int_eq(metadata_parse(buf_span(&b), &m), ERR_OK);
    ck_assert_uint_eq(strlen(m.encoder), METADATA_ENCODER_MAX - 1);
    buf_fini(&b);
}
END_TEST

START_TEST(anything_else)
{
    struct rtmp_metadata m;
    struct buf b = said(1280, 30, "fps", "x");
    /* Cut in the object: what is there is read; cut before it: nothing. */
    for (size_t n = 0; n < 29; n++) {
        ck_assert_int_eq(metadata_parse(span_of(b.data, n), &m), ERR_NOENT);
    }
    b.data[5] = 'x';
    ck_assert_int_eq(metadata_parse(buf_span(&b), &m), ERR_NOENT);
    ck_assert_int_eq(metadata_parse(span_cstr("timecode"), &m), ERR_NOENT);
    buf_fini(&b);
}
END_TEST

/* Fact 22: the form in which OBS sends the sound of its VOD track, whole, cut short and lying. */
START_TEST(the_sound_of_a_vod_track)
{
    static const uint8_t body[] = {
        2,   0,   15,  'a', 'd', 'd', 'i', 't', 'i', 'o',  'n', 'a',  'l',  'M', 'e', 'd', 'i',
        'a', 3,   0,   2,   'i', 'd', 2,   0,   7,   's',  't', 'r',  'e',  'a', 'm', '0', 0,
        5,   'm', 'e', 'd', 'i', 'a', 17,  12,  9,   0xaf, 0,   0x12, 0x10, 0,   0,   9};
    struct span sound = span_of(NULL, 0);
    ck_assert_int_eq(metadata_additional_sound(span_of(body, sizeof body), &sound), ERR_OK);
    ck_assert_uint_eq(sound.len, 4);
    ck_assert_ptr_eq(sound.data, body + 43);
    for (size_t n = 0; n < 47; n++) { /* the end marker may be missing */
        ck_assert_int_eq(metadata_additional_sound(span_of(body, n), &sound), ERR_NOENT);
    }
    static const size_t lies[] = {5, 18, 36, 40, 41};
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        uint8_t other[sizeof body];
        memcpy(other, body, sizeof other);
        other[lies[i]] ^= 2;
        ck_assert_int_eq(metadata_additional_sound(span_of(other, sizeof other), &sound),
                         ERR_NOENT);
    }
}
END_TEST

UNIT_MAIN("metadata", the_sound_of_a_vod_track, all_that_is_read, titles, long_titles,
          nonsense_is_not_said, anything_else)
