#include "broadcaster/rtmp/session.h"

#include "tests/unit/broadcaster/rtmp/session_bench.h"

#define CORPUS      "tests/fuzz/corpus/rtmp_session/"
#define CAPTURE_MAX (1 << 20)

/* Fact 12: any order, and steps left out or said twice; every transaction is answered. */
START_TEST(any_order_of_commands)
{
    static const char *const orders[][6] = {
        {"publish"},
        {"createStream", "publish"},
        {"publish", "createStream", "FCPublish", "releaseStream"},
        {"createStream", "createStream", "releaseStream", "publish"},
        {"FCPublish", "_checkbw", "createStream", "getStreamLength", "publish"},
        {"deleteStream", "FCUnpublish", "releaseStream", "createStream", "publish"},
        {"closeStream", "FCSubscribe", "publish", "setPeerInfo", "_checkbw"},
    };
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        struct buf b;
        buf_init(&b, 1 << 20);
        script_handshake(&b);
        script_connect(&b, "live", "rtmp://host/app");
        for (size_t k = 0; k < 6 && orders[i][k] != NULL; k++) {
            script_command(&b, orders[i][k], (double)k + 2, "movie");
        }
        script_headers(&b);
        script_sound(&b, 0);
        check_events(&b, ACCEPT, ERR_OK,
                     PUBLISH_LINE TRACK_LINES "audio dts=0 pts=0 bytes=3 sum=32213 key\n");
        buf_fini(&b);
    }
}
END_TEST

/* Fact 13: the message stream that createStream gave is not insisted on. */
START_TEST(any_message_stream)
{
    static const uint32_t ids[][2] = {{0, 0}, {0, 1}, {1, 0}, {7, 7}, {0x01020304, 9}};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        static const uint8_t sound[] = {0xaf, 1, 0x21, 0x10, 0x04};
        static const uint8_t publish[] = {2, 0, 7, 'p', 'u', 'b', 'l', 'i', 's', 'h',
                                          0, 0, 0, 0,   0,   0,   0,   0,   0,   5,
                                          2, 0, 5, 'm', 'o', 'v', 'i', 'e'};
        struct buf b;
        buf_init(&b, 1 << 20);
        script_handshake(&b);
        script_connect(&b, "live", "rtmp://host/app");
        script_message(&b, MESSAGE_COMMAND_AMF0, ids[i][0], 0, span_of(publish, sizeof publish));
        script_message(&b, MESSAGE_AUDIO, ids[i][1], 0,
                       span_of(script_aac_config, sizeof script_aac_config));
        script_message(&b, MESSAGE_AUDIO, ids[i][1], 0, span_of(sound, sizeof sound));
        check_events(&b, ACCEPT, ERR_OK,
                     PUBLISH_LINE "track 1 0x0 0/1 44100 Hz 2\n"
                                  "audio dts=0 pts=0 bytes=3 sum=32213 key\n");
        struct listener *l = open_session(ACCEPT);
        char answers[300]; /* go to the stream that the client asked on */
        snprintf(answers, sizeof answers,
                 CONNECT_LINES "control 4 %u\nonStatus 0 NetStream.Publish.Start #%u\n",
                 ids[i][0] >> 8, ids[i][0]);
        ck_assert_int_eq(feed(l, buf_span(&b), SIZE_MAX), ERR_OK);
        check_answers(l, true, answers);
        close_session(l);
        buf_fini(&b);
    }
}
END_TEST

/* Fact 15: a client that says everything in AMF3, connect's object too. */
START_TEST(amf3_commands)
{
    static const uint8_t connect[] = {
        0,   2,   0,   7,   'c', 'o',  'n', 'n',  'e', 'c', 't', 0,   0x3f, 0xf0, 0,
        0,   0,   0,   0,   0,   0x11, 10,  0x0b, 1,   7,   'a', 'p', 'p',  6,    9,
        'l', 'i', 'v', 'e', 11,  't',  'c', 'U',  'r', 'l', 6,   31,  'r',  't',  'm',
        'p', ':', '/', '/', 'h', 'o',  's', 't',  '/', 'a', 'p', 'p', 1};
    static const uint8_t publish[] = {0,    2, 0,    7, 'p', 'u', 'b', 'l', 'i', 's',
                                      'h',  0, 0,    0, 0,   0,   0,   0,   0,   0,
                                      0x11, 1, 0x11, 6, 11,  'm', 'o', 'v', 'i', 'e'};
    struct buf b;
    buf_init(&b, 1 << 20);
    script_handshake(&b);
    script_message(&b, MESSAGE_COMMAND_AMF3, 0, 0, span_of(connect, sizeof connect));
    script_message(&b, MESSAGE_COMMAND_AMF3, 1, 0, span_of(publish, sizeof publish));
    script_headers(&b);
    script_sound(&b, 0);
    check_events(&b, ACCEPT, ERR_OK,
                 PUBLISH_LINE TRACK_LINES "audio dts=0 pts=0 bytes=3 sum=32213 key\n");
    buf_fini(&b);
}
END_TEST

/* Facts 3 and 6: a new chunk size between the chunks of another chunk stream's message; times past
 * the 24 bits of a chunk header on all of it. */
START_TEST(chunk_size_in_the_middle)
{
    static const uint8_t bytes[] = {
        0x04, 0,    0,    7,   0, 0, 5, 8, 1, 0, 0, 0, 0xaf, 1, /* half of a sound, in chunks of 2
                                                                 */
        0x02, 0,    0,    0,   0, 0, 4, 1, 0, 0, 0, 0, 0,    0, 0xc2,
        0,    3, /* set chunk size, in two: 3 */
        0xc4, 0x21, 0x10, 0x04};
    struct buf b;
    buf_init(&b, 1 << 20);
    script_begin(&b, "live", "movie");
    script_headers(&b);
    static const uint8_t two[] = {0, 0, 0, 2};
    script_message(&b, MESSAGE_SET_CHUNK_SIZE, 0, 0, span_of(two, sizeof two));
    ck_assert_int_eq(buf_put(&b, span_of(bytes, sizeof bytes)), ERR_OK);
    check_events(&b, ACCEPT, ERR_OK,
                 PUBLISH_LINE TRACK_LINES "audio dts=630 pts=630 bytes=3 sum=32213 key\n");
    buf_fini(&b);
}
END_TEST

/* --- what real clients sent --- */

static struct span read_capture(const char *name, uint8_t *bytes)
{
    char path[200];
    snprintf(path, sizeof path, CORPUS "%s", name);
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s cannot be opened: run this from the top of the tree", path);
    size_t n = fread(bytes, 1, CAPTURE_MAX, f);
    fclose(f);
    return span_of(bytes, n);
}

/* The counts are those of another reader of the same files. */
static void check_capture(const char *name, const char *starts_with, const char *contains,
                          size_t video, size_t audio)
{
    static const size_t pieces[] = {SIZE_MAX, 1, 0, 0, 0, 0};
    uint8_t *bytes = mem_alloc(CAPTURE_MAX);
    struct span capture = read_capture(name, bytes);
    char *first = NULL;
    srand(9);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct listener *l = open_session(ACCEPT);
        ck_assert_int_eq(feed(l, capture, pieces[i]), ERR_OK);
        ck_assert_uint_eq(l->packets[TRACK_VIDEO], video);
        ck_assert_uint_eq(l->packets[TRACK_AUDIO], audio);
        const char *text = text_of(l);
        if (first == NULL) {
            ck_assert_msg(strncmp(text, starts_with, strlen(starts_with)) == 0, "%.400s", text);
            ck_assert_msg(strstr(text, contains) != NULL, "%.400s", text);
            first = mem_strdup(text);
        }
        ck_assert_str_eq(text, first);
        close_session(l);
    }
    mem_free(first);
    mem_free(bytes);
}

START_TEST(ffmpeg_capture)
{
    check_capture("ffmpeg_bframes", "publish movie/Secret/Stream/Key ? x=1 @ rtmp://",
                  "\ntrack 0 162x118 16/11 0 Hz 0\n", 60, 88);
}
END_TEST

START_TEST(ffmpeg_extended_time_capture)
{
    check_capture("ffmpeg_extended_time", "publish a/b ?  @ rtmp://",
                  "\nvideo dts=1510193970 pts=1510200000 ", 30, 45);
}
END_TEST

START_TEST(gstreamer_capture)
{
    check_capture("gstreamer_rtmp2sink", "publish live/movie1 ?  @ rtmp://",
                  "\ntrack 1 0x0 0/1 44100 Hz 1\n", 13, 19);
}
END_TEST

START_TEST(librtmp_captures)
{
    check_capture("librtmp", "publish live/movie2/key ? token=a @ rtmp://",
                  "\ntrack 1 0x0 0/1 44100 Hz 1\n", 13, 19);
    check_capture("librtmp_video_only", "publish hello_world ?  @ rtmp://",
                  "\ntrack 0 160x120 1/1 0 Hz 0\n", 30, 0);
}
END_TEST

UNIT_MAIN("session_clients", any_order_of_commands, any_message_stream, amf3_commands,
          chunk_size_in_the_middle, ffmpeg_capture, ffmpeg_extended_time_capture, gstreamer_capture,
          librtmp_captures)
