#include "broadcaster/rtmp/session.h"

#include "tests/unit/broadcaster/rtmp/session_bench.h"

START_TEST(a_whole_publish)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    script_begin(&b, "live", "movie");
    script_headers(&b);
    script_frame(&b, 0, 66, 5, 300);
    script_sound(&b, 10);
    script_frame(&b, 33, -1, 1, 5);
    script_command(&b, "FCUnpublish", 6, "movie");
    script_command(&b, "deleteStream", 7, NULL);
    check_events(&b, ACCEPT, ERR_OK,
                 PUBLISH_LINE TRACK_LINES "video dts=0 pts=5940 bytes=304 sum=3370756828 key\n"
                                          "audio dts=900 pts=900 bytes=3 sum=32213 key\n"
                                          "video dts=2970 pts=2880 bytes=9 sum=232759102\n"
                                          "end\n");
    struct listener *l = open_session(ACCEPT);
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    check_answers(l, true,
                  CONNECT_LINES STREAM_LINES "control 4 0\nonStatus 0 NetStream.Publish.Start #1\n"
                                             "onFCUnpublish 0 NetStream.Unpublish.Success #0\n"
                                             "onStatus 0 NetStream.Unpublish.Success #1\n"
                                             "_result 6\n_result 7\n");
    close_session(l);
    buf_fini(&b);
}
END_TEST

START_TEST(states)
{
    struct buf b;
    struct listener *l = open_session(ACCEPT);
    buf_init(&b, 1 << 20);
    script_handshake(&b);
    ck_assert_int_eq(feed(l, span_of(b.data, b.len - 1), SIZE_MAX), ERR_OK);
    ck_assert(!rtmp_session_connected(l->session));
    ck_assert_int_eq(feed(l, span_of(b.data + b.len - 1, 1), SIZE_MAX), ERR_OK);
    ck_assert(rtmp_session_connected(l->session));
    ck_assert(!rtmp_session_publishing(l->session));
    /* S2 repeats C1 */
    ck_assert_mem_eq(rtmp_session_output(l->session)->data + 1537, b.data + 1, 1536);
    buf_clear(&b);
    script_connect(&b, "live", "");
    script_command(&b, "publish", 2, "x");
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    ck_assert(rtmp_session_publishing(l->session));
    buf_clear(&b);
    script_command(&b, "closeStream", 0, NULL);
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    ck_assert(!rtmp_session_publishing(l->session));
    close_session(l);
    buf_fini(&b);
}
END_TEST

START_TEST(publishes_one_after_another)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    script_begin(&b, "live", "movie");
    script_headers(&b);
    script_frame(&b, 5000, 0, 5, 2);
    script_command(&b, "deleteStream", 0, NULL);
    script_frame(&b, 6000, 0, 5, 2); /* belongs to nothing */
    script_command(&b, "createStream", 6, NULL);
    script_command(&b, "publish", 7, "movie?second");
    script_headers(&b);
    script_frame(&b, 0, 0, 5, 2);
    check_events(&b, ACCEPT, ERR_OK,
                 PUBLISH_LINE TRACK_LINES
                 "video dts=450000 pts=450000 bytes=6 sum=5054 key\n"
                 "end\n"
                 "publish live/movie ? second @ rtmp://host/app\n" TRACK_LINES
                 "video dts=0 pts=0 bytes=6 sum=5054 key\n");
    buf_fini(&b);
}
END_TEST

START_TEST(refused)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    script_begin(&b, "live", "movie");
    size_t asked = b.len;
    script_headers(&b);
    script_frame(&b, 0, 0, 5, 300);
    check_events(&b, REFUSE, ERR_OK, PUBLISH_LINE);
    struct listener *l = open_session(REFUSE);
    ck_assert_int_eq(feed(l, span_of(b.data, asked), SIZE_MAX), ERR_OK);
    check_answers(l, true, CONNECT_LINES STREAM_LINES "onStatus 0 NetStream.Publish.BadName #1\n");
    ck_assert(!rtmp_session_publishing(l->session));
    rtmp_session_accept(l->session); /* too late */
    ck_assert(!rtmp_session_publishing(l->session));
    close_session(l);
    buf_fini(&b);
}
END_TEST

START_TEST(closed_from_inside_an_event)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    script_begin(&b, "live", "movie");
    script_headers(&b);
    script_sound(&b, 0);
    script_sound(&b, 23);
    check_events(&b, CLOSE_AT_PACKET, ERR_OK,
                 PUBLISH_LINE TRACK_LINES "audio dts=0 pts=0 bytes=3 sum=32213 key\n");
    buf_fini(&b);
}
END_TEST

START_TEST(answered_later)
{
    struct buf b;
    struct listener *l = open_session(LATER);
    buf_init(&b, 1 << 20);
    script_begin(&b, "live", "movie");
    script_headers(&b);
    script_frame(&b, 0, 0, 5, 10); /* lost: the client was not told to begin */
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    ck_assert_str_eq(text_of(l), PUBLISH_LINE);
    rtmp_session_accept(l->session);
    ck_assert_str_eq(text_of(l), PUBLISH_LINE);
    buf_clear(&b);
    script_sound(&b, 20);
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    ck_assert_str_eq(text_of(l),
                     PUBLISH_LINE TRACK_LINES "audio dts=1800 pts=1800 bytes=3 sum=32213 key\n");
    close_session(l);
    buf_fini(&b);
}
END_TEST

START_TEST(commands_that_do_not_matter)
{
    static const uint8_t amf3[] = {0,    2,   0,   12,  'c', 'r', 'e', 'a', 't',
                                   'e',  'S', 't', 'r', 'e', 'a', 'm', 0,   0x40,
                                   0x22, 0,   0,   0,   0,   0,   0,   5}; /* transaction 9 */
    static const uint8_t ping[] = {0, 6, 0, 0, 1, 2};
    static const uint8_t junk[] = {0xff, 1, 2, 3};
    struct buf b;
    buf_init(&b, 1 << 20);
    script_handshake(&b);
    script_connect(&b, "live", "rtmp://host/live");
    script_command(&b, "_checkbw", 2, NULL);
    script_command(&b, "whatIsThis", 3, "x");
    script_command(&b, "whatIsThis", 0, "x");
    script_command(&b, "_result", 4, "x");
    script_command(&b, "_error", 5, "x");
    script_command(&b, "connect", 6, NULL);
    script_message(&b, MESSAGE_COMMAND_AMF3, 0, 0, span_of(amf3, sizeof amf3));
    script_message(&b, MESSAGE_USER_CONTROL, 0, 0, span_of(ping, sizeof ping));
    script_message(&b, MESSAGE_USER_CONTROL, 0, 0, span_of(ping, 1));
    script_message(&b, MESSAGE_DATA_AMF0, 1, 0, span_of(junk, sizeof junk));
    script_message(&b, MESSAGE_DATA_AMF3, 1, 0, span_of(junk, sizeof junk));
    script_message(&b, 99, 1, 0, span_of(junk, sizeof junk));
    script_message(&b, MESSAGE_VIDEO, 1, 0, span_of(junk, sizeof junk));
    struct listener *l = open_session(ACCEPT);
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    check_answers(l, true,
                  CONNECT_LINES "_result 2\n_error 3 NetConnection.Call.Failed #0\n"
                                "_error 6 NetConnection.Connect.Rejected #0\n_result 9 1\n"
                                "control 4 117440513\n");
    ck_assert_str_eq(text_of(l), "");
    close_session(l);
    buf_fini(&b);
}
END_TEST

START_TEST(a_second_publish)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    script_begin(&b, "live", "movie");
    script_command(&b, "publish", 6, "other");
    script_command(&b, "play", 0, "other");
    struct listener *l = open_session(ACCEPT);
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    check_answers(l, true,
                  CONNECT_LINES STREAM_LINES "control 4 0\nonStatus 0 NetStream.Publish.Start #1\n"
                                             "onStatus 0 NetStream.Publish.BadConnection #1\n"
                                             "onStatus 0 NetStream.Play.Failed #1\n");
    ck_assert(rtmp_session_publishing(l->session));
    close_session(l);
    buf_fini(&b);
}
END_TEST

START_TEST(where_the_name_comes_from)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    script_handshake(&b);
    script_connect(&b, NULL, "rtmp://host/from_url?q=1");
    script_command(&b, "publish", 2, NULL);
    check_events(&b, ACCEPT, ERR_OK, "publish from_url ? q=1 @ rtmp://host/from_url?q=1\n");
    b.len = 0;
    script_handshake(&b);
    script_command(&b, "publish", 2, "x");
    check_events(&b, ACCEPT, ERR_PROTO, "");
    buf_fini(&b);
}
END_TEST

START_TEST(not_rtmp)
{
    static const char *const greetings[] = {"GET / HTTP/1.1\r\n", "\x16\x03\x01", "\x06", "\x09"};
    for (size_t i = 0; i < 4; i++) {
        struct listener *l = open_session(ACCEPT);
        ck_assert_int_eq(feed(l, span_cstr(greetings[i]), SIZE_MAX),
                         i < 2 ? ERR_PROTO : ERR_UNSUPPORTED);
        ck_assert_uint_eq(rtmp_session_output(l->session)->len, 0);
        close_session(l);
    }
}
END_TEST

START_TEST(limits_before_and_after_accept)
{
    struct buf b;
    buf_init(&b, 1 << 24);
    script_handshake(&b);
    size_t connected = b.len;
    static const uint8_t too_large[] = {3, 0, 0, 0, 1, 0, 1, 9, 1, 0, 0, 0}; /* 65537 */
    ck_assert_int_eq(buf_put(&b, span_of(too_large, sizeof too_large)), ERR_OK);
    check_events(&b, ACCEPT, ERR_LIMIT, "");
    b.len = connected;
    b.len = 0;
    script_begin(&b, "live", "movie");
    script_headers(&b);
    size_t begun = b.len;
    script_frame(&b, 0, 0, 5, 4 << 20);
    struct listener *l = open_session(ACCEPT);
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    ck_assert_uint_eq(l->packets[TRACK_VIDEO], 1);
    close_session(l);
    b.len = begun;
    static const uint8_t huge[] = {6, 0, 0, 0, 0x80, 0, 1, 9, 1, 0, 0, 0}; /* 8 MiB + 1 */
    ck_assert_int_eq(buf_put(&b, span_of(huge, sizeof huge)), ERR_OK);
    check_events(&b, ACCEPT, ERR_LIMIT, PUBLISH_LINE TRACK_LINES);
    buf_fini(&b);
}
END_TEST

START_TEST(a_client_that_never_reads)
{
    static const uint8_t ping[] = {0, 6, 0, 0, 0, 1};
    struct buf b;
    struct listener *l = open_session(ACCEPT);
    buf_init(&b, 1 << 20);
    script_handshake(&b);
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    buf_clear(&b);
    for (int i = 0; i < 1000; i++) {
        script_message(&b, MESSAGE_USER_CONTROL, 0, 0, span_of(ping, sizeof ping));
    }
    enum err e = ERR_OK;
    for (int i = 0; i < 100 && e == ERR_OK; i++) {
        e = feed(l, buf_span(&b), SIZE_MAX);
        ck_assert_uint_le(rtmp_session_output(l->session)->len, OUTPUT_BOUND);
    }
    ck_assert_int_eq(e, ERR_LIMIT);
    close_session(l);
    buf_fini(&b);
}
END_TEST

START_TEST(acknowledgements)
{
    static const uint8_t window[] = {0, 0, 0x10, 0};
    struct buf b;
    struct listener *l = open_session(ACCEPT);
    buf_init(&b, 1 << 20);
    script_handshake(&b);
    script_message(&b, MESSAGE_WINDOW_ACK_SIZE, 0, 0, span_of(window, sizeof window));
    size_t received = b.len;
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    check_answers(l, true, "");
    buf_clear(&b);
    for (int i = 0; i < 100; i++) {
        script_message(&b, MESSAGE_VIDEO, 1, 0, span_of(script_avc_config, 20));
    }
    received += b.len;
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    char expected[100];
    snprintf(expected, sizeof expected, "control 3 %zu\n", received);
    check_answers(l, false, expected);
    close_session(l);
    buf_fini(&b);
}
END_TEST

START_TEST(no_memory)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    script_begin(&b, "live?a", "movie?b");
    script_headers(&b);
    script_frame(&b, 0, 0, 5, 300);
    script_sound(&b, 3);
    script_command(&b, "deleteStream", 6, NULL);
    size_t n = 0;
    bool failed = true;
    while (failed) {
        struct listener *l = open_session(ACCEPT);
        /* the listener's own memory is there before */
        ck_assert_ptr_nonnull(buf_reserve(&l->text, 10000));
        mem_fail_nth(++n);
        enum err e = feed(l, buf_span(&b), SIZE_MAX);
        failed = mem_has_failed();
        mem_fail_nth(0);
        ck_assert_int_eq(e, failed ? ERR_NOMEM : ERR_OK);
        close_session(l);
    }
    ck_assert_uint_gt(n, 20);
    buf_fini(&b);
}
END_TEST

/* Fact 24: a small window, none, and one without end; the number that goes round; what the client
 * acknowledges. */
START_TEST(acknowledgement_windows)
{
    static const uint8_t none[] = {0, 0, 0, 0}, endless[] = {0xff, 0xff, 0xff, 0xff};
    static uint8_t media[1 << 20];
    struct buf b;
    struct listener *l = open_session(ACCEPT);
    buf_init(&b, 8 << 20);
    script_begin(&b, "live", "movie");
    script_message(&b, MESSAGE_WINDOW_ACK_SIZE, 0, 0, span_of(endless, sizeof endless));
    script_message(&b, MESSAGE_WINDOW_ACK_SIZE, 0, 0, span_of(none, sizeof none));
    script_message(&b, MESSAGE_ACKNOWLEDGEMENT, 0, 0, span_of(endless, sizeof endless));
    script_message(&b, MESSAGE_ACKNOWLEDGEMENT, 0, 0, span_of(none, 1));
    script_message(&b, MESSAGE_SET_PEER_BANDWIDTH, 0, 0, span_of(endless, sizeof endless));
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    buf_clear(rtmp_session_output(l->session));
    /* as if four gigabytes had come */
    uint64_t before = l->session->received;
    l->session->received = l->session->acknowledged = 0xfffffff0;
    buf_clear(&b);
    for (int i = 0; i < 3; i++) {
        script_message(&b, MESSAGE_DATA_AMF0, 1, 0, span_of(media, sizeof media));
    }
    ck_assert_int_eq(feed(l, span_of(b.data, 2499999), SIZE_MAX), ERR_OK);
    check_answers(l, false, "");
    ck_assert_int_eq(feed(l, span_of(b.data + 2499999, 1), SIZE_MAX), ERR_OK);
    check_answers(l, false, "control 3 2499984\n");
    l->session->received = 0x90000000; /* all 32 bits */
    l->session->acknowledged = 0x90000000 - 2499999;
    ck_assert_int_eq(feed(l, span_of(b.data + 2500000, 1), SIZE_MAX), ERR_OK);
    check_answers(l, false, "control 3 2415919105\n");
    ck_assert_uint_gt(before, 0);
    close_session(l);
    buf_fini(&b);
}
END_TEST

/* Fact 26: a ping is answered, in any state; a player's buffer length is no matter. */
START_TEST(user_control)
{
    static const uint8_t ping[] = {0, 6, 0x12, 0x34, 0x56, 0x78};
    static const uint8_t buffer[] = {0, 3, 0, 0, 0, 1, 0, 0, 11, 0xb8};
    static const uint8_t pong[] = {0, 7, 0, 0, 0, 0}, begin[] = {0, 0, 0, 0, 0, 1};
    static const uint8_t unknown[] = {0xff, 0xff, 1};
    struct buf b;
    struct listener *l = open_session(ACCEPT);
    buf_init(&b, 1 << 20);
    script_begin(&b, "live", "movie");
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    buf_clear(rtmp_session_output(l->session));
    buf_clear(&b);
    script_message(&b, MESSAGE_USER_CONTROL, 0, 0, span_of(buffer, sizeof buffer));
    script_message(&b, MESSAGE_USER_CONTROL, 0, 0, span_of(pong, sizeof pong));
    script_message(&b, MESSAGE_USER_CONTROL, 0, 0, span_of(begin, sizeof begin));
    script_message(&b, MESSAGE_USER_CONTROL, 0, 0, span_of(unknown, sizeof unknown));
    script_message(&b, MESSAGE_USER_CONTROL, 0, 0, span_of(ping, sizeof ping));
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    static const uint8_t expected[] = {2, 0, 0, 0, 0, 0,    6,    4,    0,
                                       0, 0, 0, 0, 7, 0x12, 0x34, 0x56, 0x78};
    struct buf *out = rtmp_session_output(l->session);
    ck_assert_uint_eq(out->len, sizeof expected);
    ck_assert_mem_eq(out->data, expected, sizeof expected);
    close_session(l);
    buf_fini(&b);
}
END_TEST

/* Who does not wait for the answer may send a large picture meanwhile. */
START_TEST(a_large_picture_before_the_answer)
{
    struct buf b;
    buf_init(&b, 4 << 20);
    script_begin(&b, "live", "movie");
    script_headers(&b);
    script_frame(&b, 0, 0, 5, 500000);
    struct listener *l = open_session(LATER);
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    rtmp_session_accept(l->session);
    buf_clear(&b);
    script_frame(&b, 33, 0, 5, 500);
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
    ck_assert_uint_eq(l->packets[TRACK_VIDEO], 1);
    close_session(l);
    buf_clear(&b);
    script_begin(&b, "live", "movie");
    script_frame(&b, 0, 0, 5, 1 << 20);
    l = open_session(LATER);
    ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_LIMIT);
    close_session(l);
    buf_fini(&b);
}
END_TEST

UNIT_MAIN("session", a_whole_publish, states, publishes_one_after_another, refused,
          closed_from_inside_an_event, answered_later, commands_that_do_not_matter,
          a_second_publish, where_the_name_comes_from, not_rtmp, acknowledgement_windows,
          user_control, a_large_picture_before_the_answer, limits_before_and_after_accept,
          a_client_that_never_reads, acknowledgements, no_memory)
