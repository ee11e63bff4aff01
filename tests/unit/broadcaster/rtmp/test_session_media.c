#include "broadcaster/rtmp/session.h"

#include "tests/unit/broadcaster/rtmp/session_bench.h"

START_TEST(headers_again_and_changed)
{
    uint8_t other[sizeof script_aac_config];
    struct buf b;
    buf_init(&b, 1 << 20);
    memcpy(other, script_aac_config, sizeof other);
    other[2] = 0x11;
    other[3] = 0x90;
    script_begin(&b, "live", "movie");
    script_sound(&b, 0); /* before its header: dropped */
    script_headers(&b);
    script_headers(&b);
    script_message(&b, MESSAGE_AUDIO, 1, 0, span_of(other, sizeof other));
    script_headers(&b);
    check_events(&b, ACCEPT, ERR_OK,
                 PUBLISH_LINE TRACK_LINES
                 "track 1 0x0 0/1 48000 Hz 2\ntrack 1 0x0 0/1 44100 Hz 2\n");
    buf_fini(&b);
}
END_TEST

START_TEST(key_only_with_idr)
{
    static const uint8_t liar[] = {0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 0};
    static const uint8_t modest[] = {0x27, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0};
    struct buf b;
    buf_init(&b, 1 << 20);
    script_begin(&b, "live", "movie");
    script_headers(&b);
    script_message(&b, MESSAGE_VIDEO, 1, 1, span_of(liar, sizeof liar));
    script_message(&b, MESSAGE_VIDEO, 1, 2, span_of(modest, sizeof modest));
    check_events(&b, ACCEPT, ERR_OK,
                 PUBLISH_LINE TRACK_LINES "video dts=90 pts=90 bytes=6 sum=3937\n"
                                          "video dts=180 pts=180 bytes=6 sum=5053 key\n");
    buf_fini(&b);
}
END_TEST

START_TEST(clock)
{
    static const uint32_t times[] = {0xfffffff0, 5, 0xffffffff, 20};
    static const int64_t expected[] = {4294967280, 4294967301, 4294967295, 4294967316};
    struct buf b;
    buf_init(&b, 1 << 20);
    struct listener *l = open_session(ACCEPT);
    script_begin(&b, "live", "movie");
    script_headers(&b);
    for (size_t i = 0; i < 4; i++) {
        script_sound(&b, times[i]);
    }
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    char text[1000] = PUBLISH_LINE TRACK_LINES;
    for (size_t i = 0; i < 4; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "audio dts=%lld pts=%lld bytes=3 sum=32213 key\n", (long long)expected[i] * 90,
                 (long long)expected[i] * 90);
    }
    ck_assert_str_eq(text_of(l), text);
    close_session(l);
    buf_fini(&b);
}
END_TEST

START_TEST(clock_of_31_bits)
{
    static const uint32_t times[] = {0x7ffffff0, 5, 0x7fffffff, 20, 0x7ffffff0};
    static const int64_t expected[] = {0x7ffffff0, 0x80000005, 0x7fffffff, 0x80000014, 0x7ffffff0};
    struct buf b;
    buf_init(&b, 1 << 20);
    struct listener *l = open_session(ACCEPT);
    script_begin(&b, "live", "movie");
    script_headers(&b);
    char text[1000] = PUBLISH_LINE TRACK_LINES;
    for (size_t i = 0; i < 5; i++) {
        script_sound(&b, times[i]);
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "audio dts=%lld pts=%lld bytes=3 sum=32213 key\n", (long long)expected[i] * 90,
                 (long long)expected[i] * 90);
    }
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    ck_assert_str_eq(text_of(l), text);
    close_session(l);
    buf_fini(&b);
}
END_TEST

START_TEST(aggregates)
{
    /* a sound at +0, a data tag, a sound at +23 */
    static const uint8_t body[] = {8,    0, 0, 5, 0, 0,    100, 0,    0,    0, 0, 0xaf, 1,   0x21,
                                   0x10, 4, 0, 0, 0, 16,   18,  0,    0,    1, 0, 0,    100, 0,
                                   0,    0, 0, 5, 0, 0,    0,   12,   8,    0, 0, 5,    0,   0,
                                   123,  0, 0, 0, 0, 0xaf, 1,   0x21, 0x10, 4, 0, 0,    0,   16};
    struct buf b;
    buf_init(&b, 1 << 20);
    script_begin(&b, "live", "movie");
    script_headers(&b);
    size_t before = b.len;
    script_message(&b, MESSAGE_AGGREGATE, 1, 1000, span_of(body, sizeof body));
    check_events(&b, ACCEPT, ERR_OK,
                 PUBLISH_LINE TRACK_LINES "audio dts=90000 pts=90000 bytes=3 sum=32213 key\n"
                                          "audio dts=92070 pts=92070 bytes=3 sum=32213 key\n");
    b.len = before;
    script_message(&b, MESSAGE_AGGREGATE, 1, 1000, span_of(body, 14));
    check_events(&b, ACCEPT, ERR_PROTO, PUBLISH_LINE TRACK_LINES);
    buf_fini(&b);
}
END_TEST

static struct packet kept_packet;

static void keep_packet(void *arg, const struct rtmp_event *e)
{
    if (e->type == RTMP_EVENT_PUBLISH) {
        rtmp_session_accept(*(struct rtmp_session **)arg);
    } else if (e->type == RTMP_EVENT_PACKET) {
        kept_packet = packet_ref(e->packet);
    }
}

/* A small sound in a large message must not keep the large message. */
START_TEST(aggregates_are_taken_apart)
{
    enum { LARGE = 1000000 };
    static uint8_t body[11 + LARGE + 4 + 11 + 5 + 4];
    static const uint8_t sound[] = {8, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0xaf, 1, 0x21, 0x10, 4};
    body[0] = 18;
    body[1] = LARGE >> 16;
    body[2] = LARGE >> 8 & 0xff;
    body[3] = LARGE & 0xff;
    memcpy(body + 11 + LARGE + 4, sound, sizeof sound);
    struct buf b;
    buf_init(&b, 4 << 20);
    script_begin(&b, "live", "movie");
    script_headers(&b);
    script_message(&b, MESSAGE_AGGREGATE, 1, 1000, span_of(body, sizeof body));
    struct rtmp_session *s;
    s = rtmp_session_create(keep_packet, &s);
    ck_assert_int_eq(rtmp_session_feed(s, buf_span(&b)), ERR_OK);
    rtmp_session_destroy(s);
    ck_assert_uint_eq(kept_packet.data.len, 3);
    ck_assert_uint_le(blob_live_bytes(), 10);
    packet_unref(&kept_packet);
    ck_assert_uint_eq(blob_live_bytes(), 0);
    buf_fini(&b);
}
END_TEST

/* Media gets some time, in which something else may come. */
static void check_rejected(struct span body, uint8_t type, enum err expected)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    script_begin(&b, "live", "movie");
    script_message(&b, type, 1, 0, body);
    if (type == MESSAGE_VIDEO || type == MESSAGE_AUDIO) {
        check_events(&b, ACCEPT, ERR_OK, PUBLISH_LINE);
        script_message(&b, type, 1, 2000, body);
    }
    check_events(&b, ACCEPT, expected, PUBLISH_LINE);
    struct listener *l = open_session(ACCEPT);
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), expected);
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), expected); /* and it stays so */
    check_answers(l, true,
                  CONNECT_LINES STREAM_LINES "control 4 0\nonStatus 0 NetStream.Publish.Start #1\n"
                                             "onStatus 0 NetStream.Publish.Rejected #1\n");
    close_session(l);
    buf_fini(&b);
}

#define BYTES(...) span_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

START_TEST(media_that_cannot_go_on)
{
    check_rejected(BYTES(0x12, 0, 0, 0, 0, 1), MESSAGE_VIDEO, ERR_UNSUPPORTED);
    check_rejected(BYTES(0x91, 'v', 'p', '0', '8', 1), MESSAGE_VIDEO, ERR_UNSUPPORTED);
    check_rejected(BYTES(0xb2, 0xff, 0xfb), MESSAGE_AUDIO, ERR_UNSUPPORTED);
    check_rejected(BYTES(0x17, 0, 0, 0, 0, 9, 9, 9), MESSAGE_VIDEO, ERR_UNSUPPORTED);
    check_rejected(BYTES(0xaf, 0, 0xff), MESSAGE_AUDIO, ERR_UNSUPPORTED);
    check_rejected(BYTES(0x17, 0, 0), MESSAGE_VIDEO, ERR_UNSUPPORTED);
    check_rejected(BYTES(0, 0, 0, 0), MESSAGE_SET_CHUNK_SIZE, ERR_PROTO);
    check_rejected(BYTES(0x80, 0, 0, 1), MESSAGE_SET_CHUNK_SIZE, ERR_PROTO);
    check_rejected(BYTES(0, 0), MESSAGE_ABORT, ERR_PROTO);
    check_rejected(BYTES(5), MESSAGE_COMMAND_AMF0, ERR_PROTO);
}
END_TEST

START_TEST(header_without_parameter_sets)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    script_begin(&b, "live", "movie");
    script_message(&b, MESSAGE_VIDEO, 1, 0, BYTES(0x17, 0, 0, 0, 0, 1, 66, 0, 30, 0xff, 0xe0, 0));
    script_headers(&b);
    check_events(&b, ACCEPT, ERR_OK,
                 PUBLISH_LINE "track 0 320x240 1/1 0 Hz 0\ntrack 1 0x0 0/1 44100 Hz 2\n");
    buf_fini(&b);
}
END_TEST

static void put_metadata(struct buf *b, uint8_t type, const char *first, const char *second)
{
    struct buf body;
    buf_init(&body, 4096);
    struct amf0_writer w = {.out = &body};
    if (type == MESSAGE_DATA_AMF3) {
        ck_assert_int_eq(buf_put_u8(&body, 0), ERR_OK);
    }
    amf0_put_string(&w, first);
    if (second != NULL) {
        amf0_put_string(&w, second);
    }
    amf0_put_object(&w);
    amf0_put_key(&w, "width");
    amf0_put_number(&w, 1920);
    amf0_put_key(&w, "height");
    amf0_put_number(&w, 1080);
    amf0_put_key(&w, "framerate");
    amf0_put_number(&w, 29.97);
    amf0_put_key(&w, "encoder");
    amf0_put_string(&w, "A \"b\"\n");
    amf0_put_end(&w);
    script_message(b, type, 1, 0, buf_span(&body));
    buf_fini(&body);
}

/* Facts 15 and 16: both spellings of metadata, in both types; other data and shared objects are
 * passed over. */
START_TEST(data_messages)
{
    static const char line[] = "metadata 1920x1080 29970/1000 A ?b??\n";
    static const uint8_t junk[] = {0x47, 0x40, 0x11, 0x10, 0, 2, 0xff};
    static const uint8_t types[] = {MESSAGE_DATA_AMF0, MESSAGE_DATA_AMF3, 16, 19};
    struct buf b;
    char expected[500];
    buf_init(&b, 1 << 20);
    script_begin(&b, "live", "movie");
    put_metadata(&b, MESSAGE_DATA_AMF0, "@setDataFrame", "onMetaData");
    put_metadata(&b, MESSAGE_DATA_AMF0, "onMetaData", NULL);
    put_metadata(&b, MESSAGE_DATA_AMF3, "@setDataFrame", "onMetaData");
    put_metadata(&b, MESSAGE_DATA_AMF0, "@setDataFrame", NULL);
    put_metadata(&b, MESSAGE_DATA_AMF0, "onTextData", NULL);
    for (size_t i = 0; i < sizeof types; i++) {
        script_message(&b, types[i], 1, 0, span_of(junk, sizeof junk));
        script_message(&b, types[i], 1, 0, span_of(NULL, 0));
    }
    snprintf(expected, sizeof expected, PUBLISH_LINE "%s%s%s", line, line, line);
    check_events(&b, ACCEPT, ERR_OK, expected);
    buf_fini(&b);
}
END_TEST

/* OBS: data messages that say which further sound there will be, and then hold it. */
static void put_vod_sound(struct buf *b, uint32_t timestamp, struct span sound)
{
    struct buf body;
    buf_init(&body, 4096);
    struct amf0_writer w = {.out = &body};
    amf0_put_string(&w, "additionalMedia");
    amf0_put_object(&w);
    amf0_put_key(&w, "id");
    amf0_put_string(&w, "stream0");
    amf0_put_key(&w, "media");
    ck_assert_int_eq(buf_put_u8(&body, 17), ERR_OK); /* in AMF3: a byte array */
    ck_assert_int_eq(buf_put_u8(&body, 12), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&body, (uint8_t)(sound.len << 1 | 1)), ERR_OK);
    ck_assert_int_eq(buf_put(&body, sound), ERR_OK);
    amf0_put_end(&w);
    script_message(b, MESSAGE_DATA_AMF0, 1, timestamp, buf_span(&body));
    buf_fini(&body);
}

/* Fact 22: OBS' VOD track without Enhanced RTMP. It is a second sound, and never the first. */
START_TEST(a_vod_track)
{
    static const uint8_t header[] = {0xaf, 0, 0x11, 0x90}, sound[] = {0xaf, 1, 7};
    struct buf b;
    buf_init(&b, 1 << 20);
    script_begin(&b, "live", "movie");
    put_metadata(&b, MESSAGE_DATA_AMF0, "@setDataFrame", "onExpectAdditionalMedia");
    script_headers(&b);
    put_vod_sound(&b, 0, span_of(header, sizeof header));
    script_sound(&b, 10);
    put_vod_sound(&b, 12, span_of(sound, sizeof sound));
    put_vod_sound(&b, 14, span_of(sound, 1)); /* cut short: left out */
    script_sound(&b, 33);
    check_events(&b, ACCEPT, ERR_OK,
                 PUBLISH_LINE TRACK_LINES "track 1 0x0 0/1 48000 Hz 2\n"
                                          "audio dts=900 pts=900 bytes=3 sum=32213 key\n"
                                          "audio/1 dts=1080 pts=1080 bytes=1 sum=7 key\n"
                                          "audio dts=2970 pts=2970 bytes=3 sum=32213 key\n");
    struct listener *l = open_session(ACCEPT);
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    ck_assert_uint_eq(l->skipped[RTMP_SKIP_BROKEN], 1);
    close_session(l);
    buf_fini(&b);
}
END_TEST

UNIT_MAIN("session_media", headers_again_and_changed, key_only_with_idr, clock, clock_of_31_bits,
          aggregates, aggregates_are_taken_apart, media_that_cannot_go_on,
          header_without_parameter_sets, data_messages, a_vod_track)
