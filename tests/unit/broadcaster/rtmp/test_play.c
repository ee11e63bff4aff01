#include "broadcaster/rtmp/play.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"
#include "tests/unit/broadcaster/rtmp/script.h"

enum answer { ACCEPT, REFUSE, LATER };

struct listener {
    struct rtmp_session *session;
    enum answer answer;
    char text[2000];
};

static void on_event(void *arg, const struct rtmp_event *e)
{
    struct listener *l = arg;
    char *end = l->text + strlen(l->text);
    size_t room = sizeof l->text - strlen(l->text);
    if (e->type == RTMP_EVENT_PLAY) {
        snprintf(end, room, "play %s?%s;", e->path, e->query);
        if (l->answer == ACCEPT) {
            rtmp_session_accept_play(l->session);
        } else if (l->answer == REFUSE) {
            rtmp_session_refuse(l->session, "NetStream.Play.StreamNotFound", "There is none.");
        }
    } else if (e->type == RTMP_EVENT_PAUSE) {
        snprintf(end, room, "pause %d;", e->paused);
    } else if (e->type == RTMP_EVENT_END) {
        snprintf(end, room, "end;");
    } else if (e->type == RTMP_EVENT_PUBLISH) {
        snprintf(end, room, "publish;");
        rtmp_session_accept(l->session);
    }
}

static void open_session(struct listener *l, enum answer answer)
{
    *l = (struct listener){.answer = answer};
    l->session = rtmp_session_create(on_event, l);
}

static void close_session(struct listener *l)
{
    rtmp_session_destroy(l->session);
}

static void feed(struct listener *l, const struct buf *b, size_t piece)
{
    for (size_t i = 0; i < b->len; i += piece) {
        size_t n = b->len - i < piece ? b->len - i : piece;
        ck_assert_int_eq(rtmp_session_feed(l->session, span_of(b->data + i, n)), ERR_OK);
    }
}

static void script_play(struct buf *b, const char *app, const char *name)
{
    script_handshake(b);
    script_connect(b, app, "rtmp://host/app");
    script_command(b, "createStream", 2, NULL);
    script_command(b, "getStreamLength", 3, name);
    script_command(b, "play", 0, name);
}

static void script_pause(struct buf *b, bool paused)
{
    struct buf body;
    buf_init(&body, 1000);
    struct amf0_writer w = {.out = &body};
    amf0_put_string(&w, "pause");
    amf0_put_number(&w, 0);
    amf0_put_null(&w);
    amf0_put_boolean(&w, paused);
    amf0_put_number(&w, 1234);
    script_message(b, MESSAGE_COMMAND_AMF0, 1, 0, buf_span(&body));
    buf_fini(&body);
}

/* --- what the server says, as text: the messages' types, names, codes, times, first bytes --- */

static void say_command(char *end, size_t room, struct span body)
{
    struct span name;
    struct amf0_value v, code;
    double number;
    ck_assert_int_eq(amf0_read_string(&body, &name), ERR_OK);
    if (amf0_read_number(&body, &number) != ERR_OK || amf0_read(&body, &v) != ERR_OK ||
        amf0_read(&body, &v) != ERR_OK || amf0_find(&v, "code", &code) != ERR_OK) {
        snprintf(end, room, "%.*s\n", (int)name.len, (const char *)name.data);
    } else {
        snprintf(end, room, "%.*s %.*s\n", (int)name.len, (const char *)name.data,
                 (int)code.bytes.len, (const char *)code.bytes.data);
    }
}

static const char *answers(struct listener *l, bool handshake)
{
    static const struct chunk_limits limits = {1 << 20, 1 << 24, 1 << 24};
    static char text[8000];
    static struct chunk_reader *r;
    struct span out = buf_span(rtmp_session_output(l->session));
    struct chunk_message m;
    text[0] = '\0';
    if (handshake) {
        chunk_reader_destroy(r);
        r = chunk_reader_create(&limits);
        out = span_of(out.data + 3073, out.len - 3073);
        ck_assert_int_eq(chunk_reader_set_size(r, 65536), ERR_OK);
    }
    while (chunk_reader_feed(r, &out, &m) == ERR_OK) {
        struct span body = blob_span(m.blob);
        char *end = text + strlen(text);
        size_t room = sizeof text - strlen(text);
        if (m.type == MESSAGE_COMMAND_AMF0 || m.type == MESSAGE_DATA_AMF0) {
            say_command(end, room, body);
        } else if (m.type == MESSAGE_AUDIO || m.type == MESSAGE_VIDEO) {
            snprintf(end, room, "%s %u %02x%02x %zu #%u\n", m.type == MESSAGE_AUDIO ? "a" : "v",
                     m.timestamp, body.data[0], body.data[1], body.len, m.stream_id);
        } else if (m.type == MESSAGE_USER_CONTROL) {
            snprintf(end, room, "user %d\n", body.data[1]);
        }
        blob_unref(m.blob);
    }
    if (!handshake) {
        buf_clear(rtmp_session_output(l->session));
        return text;
    }
    buf_clear(rtmp_session_output(l->session));
    return text;
}

static struct track *track(enum track_codec codec, const char *config)
{
    struct track_params p = {
        .kind = codec < CODEC_AAC ? TRACK_VIDEO : TRACK_AUDIO,
        .codec = codec,
        .config = span_cstr(config),
        .width = 640,
        .height = 480,
        .sar_den = 1,
        .sample_rate = 48000,
        .channels = 2,
    };
    return track_create(&p);
}

static void put(struct listener *l, enum track_kind kind, int64_t ms, unsigned flags, size_t len)
{
    static uint8_t bytes[200000];
    struct packet p = {.kind = kind, .flags = flags, .data = span_of(bytes, len)};
    ck_assert_int_eq(rtmp_session_put_packet(l->session, &p, ms, 0), ERR_OK);
}

#define BEGIN_LINES                                                                                \
    "_result NetConnection.Connect.Success\n_result\n_result\nuser 0\n"                            \
    "onStatus NetStream.Play.Reset\nonStatus NetStream.Play.Start\n|RtmpSampleAccess\n"

START_TEST(a_whole_play)
{
    static const size_t pieces[] = {SIZE_MAX / 2, 1, 37};
    for (size_t i = 0; i < 3; i++) {
        struct listener l;
        struct buf b;
        buf_init(&b, 1 << 20);
        open_session(&l, ACCEPT);
        script_play(&b, "movie", "P240p30fps16x9?token=x");
        feed(&l, &b, pieces[i]);
        ck_assert_str_eq(l.text, "play movie/P240p30fps16x9?token=x;");
        ck_assert(rtmp_session_playing(l.session));
        ck_assert_str_eq(answers(&l, true), BEGIN_LINES);
        struct track *v = track(CODEC_H264, "avcC"), *a = track(CODEC_AAC, "as");
        ck_assert_int_eq(rtmp_session_put_tracks(l.session, v, a, 0), ERR_OK);
        put(&l, TRACK_VIDEO, 0, PACKET_KEY, 100000);
        ck_assert_int_eq(rtmp_session_put_tracks(l.session, v, a, 0), ERR_OK);
        put(&l, TRACK_AUDIO, 3, PACKET_KEY, 10);
        put(&l, TRACK_VIDEO, 40, 0, 10);
        put(&l, TRACK_VIDEO, 41, 0, 0); /* nothing */
        ck_assert_str_eq(answers(&l, false),
                         "onMetaData\nv 0 1700 9 #1\na 0 af00 4 #1\n"
                         "v 0 1701 100005 #1\na 3 af01 12 #1\nv 40 2701 15 #1\n");
        rtmp_session_end_play(l.session, "It is over.");
        ck_assert_str_eq(answers(&l, false), "onStatus NetStream.Play.UnpublishNotify\nuser 1\n");
        ck_assert(!rtmp_session_playing(l.session));
        track_unref(v);
        track_unref(a);
        close_session(&l);
        buf_fini(&b);
    }
}
END_TEST

START_TEST(times_go_round_and_are_long)
{
    struct listener l;
    struct buf b;
    buf_init(&b, 1 << 20);
    open_session(&l, ACCEPT);
    script_play(&b, "movie", "");
    feed(&l, &b, b.len);
    answers(&l, true);
    struct track *v = track(CODEC_H264, "avcC");
    ck_assert_int_eq(rtmp_session_put_tracks(l.session, v, NULL, 0), ERR_OK);
    answers(&l, false);
    put(&l, TRACK_VIDEO, 0xfffffe, 0, 70000);
    put(&l, TRACK_VIDEO, 0xffffff, 0, 70000);
    put(&l, TRACK_VIDEO, 0xffffffff, 0, 70000);
    put(&l, TRACK_VIDEO, 0x100000010, 0, 5);
    ck_assert_str_eq(answers(&l, false), "v 16777214 2701 70005 #1\nv 16777215 2701 70005 #1\n"
                                         "v 4294967295 2701 70005 #1\nv 16 2701 10 #1\n");
    track_unref(v);
    close_session(&l);
    buf_fini(&b);
}
END_TEST

START_TEST(a_changed_track_is_told_once)
{
    struct listener l;
    struct buf b;
    buf_init(&b, 1 << 20);
    open_session(&l, ACCEPT);
    script_play(&b, "movie", "");
    feed(&l, &b, b.len);
    answers(&l, true);
    struct track *v = track(CODEC_H264, "avcC"), *same = track(CODEC_H264, "avcC"),
                 *other = track(CODEC_H264, "avcD");
    ck_assert_int_eq(rtmp_session_put_tracks(l.session, v, NULL, 0), ERR_OK);
    ck_assert_str_eq(answers(&l, false), "onMetaData\nv 0 1700 9 #1\n");
    ck_assert_int_eq(rtmp_session_put_tracks(l.session, same, NULL, 5), ERR_OK);
    ck_assert_str_eq(answers(&l, false), "");
    ck_assert_int_eq(rtmp_session_put_tracks(l.session, other, NULL, 7), ERR_OK);
    ck_assert_str_eq(answers(&l, false), "onMetaData\nv 7 1700 9 #1\n");
    track_unref(v);
    track_unref(same);
    track_unref(other);
    close_session(&l);
    buf_fini(&b);
}
END_TEST

START_TEST(a_refused_play)
{
    struct listener l;
    struct buf b;
    buf_init(&b, 1 << 20);
    open_session(&l, REFUSE);
    script_play(&b, "movie", "");
    feed(&l, &b, b.len);
    ck_assert_str_eq(answers(&l, true), "_result NetConnection.Connect.Success\n_result\n_result\n"
                                        "onStatus NetStream.Play.StreamNotFound\n");
    ck_assert(!rtmp_session_playing(l.session));
    put(&l, TRACK_VIDEO, 0, PACKET_KEY, 10);
    ck_assert_str_eq(answers(&l, false), "");
    close_session(&l);
    buf_fini(&b);
}
END_TEST

START_TEST(pause_stop_and_something_else)
{
    struct listener l;
    struct buf b;
    buf_init(&b, 1 << 20);
    open_session(&l, ACCEPT);
    script_play(&b, "movie", "");
    script_pause(&b, true);
    script_pause(&b, false);
    script_command(&b, "play", 0, "other"); /* while one is on */
    script_command(&b, "seek", 0, NULL);
    script_command(&b, "closeStream", 0, NULL);
    script_pause(&b, true); /* nothing to pause */
    feed(&l, &b, b.len);
    ck_assert_str_eq(l.text, "play movie?;pause 1;pause 0;end;");
    ck_assert_str_eq(answers(&l, true),
                     BEGIN_LINES "onStatus NetStream.Pause.Notify\n"
                                 "onStatus NetStream.Unpause.Notify\n"
                                 "onStatus NetStream.Play.Failed\nonStatus NetStream.Play.Stop\n");
    b.len = 0;
    script_command(&b, "play", 0, "again");
    script_command(&b, "deleteStream", 0, NULL);
    script_command(&b, "publish", 5, "mine");
    feed(&l, &b, 1);
    ck_assert_str_eq(l.text, "play movie?;pause 1;pause 0;end;play movie/again?;end;publish;");
    close_session(&l);
    buf_fini(&b);
}
END_TEST

START_TEST(gone_before_the_answer)
{
    struct listener l;
    struct buf b;
    buf_init(&b, 1 << 20);
    open_session(&l, LATER);
    script_play(&b, "movie", "");
    script_command(&b, "closeStream", 0, NULL);
    feed(&l, &b, b.len);
    ck_assert_str_eq(l.text, "play movie?;end;");
    rtmp_session_accept_play(l.session);
    ck_assert(!rtmp_session_playing(l.session));
    close_session(&l);
    buf_fini(&b);
}
END_TEST

static void script_connect_with(struct buf *b, const uint8_t *extra, size_t len)
{
    struct buf body;
    buf_init(&body, 65536);
    struct amf0_writer w = {.out = &body};
    amf0_put_string(&w, "connect");
    amf0_put_number(&w, 1);
    amf0_put_object(&w);
    amf0_put_key(&w, "app");
    amf0_put_string(&w, "movie");
    ck_assert_int_eq(buf_put(&body, span_of(extra, len)), ERR_OK);
    amf0_put_end(&w);
    script_message(b, MESSAGE_COMMAND_AMF0, 0, 0, buf_span(&body));
    buf_fini(&body);
}

static unsigned codecs_of(const uint8_t *extra, size_t len)
{
    struct listener l;
    struct buf b;
    unsigned can = 0;
    buf_init(&b, 1 << 20);
    open_session(&l, ACCEPT);
    script_handshake(&b);
    script_connect_with(&b, extra, len);
    feed(&l, &b, b.len);
    for (int c = 0; c < CODECS_; c++) {
        can |= rtmp_session_can_play(l.session, (enum track_codec)c) ? 1u << c : 0;
    }
    close_session(&l);
    buf_fini(&b);
    return can;
}

#define OLD (1u << CODEC_H264 | 1u << CODEC_AAC | 1u << CODEC_MP3)

START_TEST(what_the_client_can_take)
{
    static const uint8_t list[] = "\0\012fourCcList\012\0\0\0\2\2\0\4hvc1\2\0\4Opus";
    static const uint8_t all[] = "\0\012fourCcList\012\0\0\0\1\2\0\1*";
    static const uint8_t map[] = "\0\022videoFourCcInfoMap\3\0\4av01\0\x3f\xf0\0\0\0\0\0\0"
                                 "\0\4hvc1\0\x40\0\0\0\0\0\0\0\0\0\11";
    ck_assert_uint_eq(codecs_of(NULL, 0), OLD);
    ck_assert_uint_eq(codecs_of(list, sizeof list - 1), OLD | 1u << CODEC_HEVC | 1u << CODEC_OPUS);
    ck_assert_uint_eq(codecs_of(all, sizeof all - 1), (1u << CODECS_) - 1);
    /* av01 can be decoded (1), hvc1 only encoded (2) */
    ck_assert_uint_eq(codecs_of(map, sizeof map - 1), OLD | 1u << CODEC_AV1);
}
END_TEST

START_TEST(what_it_cannot_take_is_left_out)
{
    struct listener l;
    struct buf b;
    buf_init(&b, 1 << 20);
    open_session(&l, ACCEPT);
    script_play(&b, "movie", "");
    feed(&l, &b, b.len);
    answers(&l, true);
    struct track *v = track(CODEC_HEVC, "hvcC"), *a = track(CODEC_AAC, "as");
    ck_assert_int_eq(rtmp_session_put_tracks(l.session, v, a, 0), ERR_OK);
    put(&l, TRACK_VIDEO, 0, PACKET_KEY, 10);
    put(&l, TRACK_AUDIO, 0, PACKET_KEY, 10);
    ck_assert_str_eq(answers(&l, false), "onMetaData\na 0 af00 4 #1\na 0 af01 12 #1\n");
    track_unref(v);
    track_unref(a);
    close_session(&l);
    buf_fini(&b);
}
END_TEST

START_TEST(no_memory_and_no_room)
{
    struct listener l;
    struct buf b;
    static uint8_t bytes[8 << 20];
    struct packet p = {.kind = TRACK_VIDEO, .data = span_of(bytes, sizeof bytes)};
    struct track *v = track(CODEC_H264, "avcC");
    buf_init(&b, 1 << 20);
    for (int nth = 1; nth <= 4; nth++) {
        open_session(&l, ACCEPT);
        b.len = 0;
        script_play(&b, "movie", "");
        feed(&l, &b, b.len);
        mem_fail_nth((size_t)nth);
        enum err e = rtmp_session_put_tracks(l.session, v, NULL, 0);
        if (e == ERR_OK) {
            e = rtmp_session_put_packet(l.session, &p, 0, 0);
        }
        ck_assert(e == (mem_has_failed() ? ERR_NOMEM : ERR_OK));
        mem_fail_nth(0);
        close_session(&l);
    }
    open_session(&l, ACCEPT);
    feed(&l, &b, b.len);
    ck_assert_int_eq(rtmp_session_put_tracks(l.session, v, NULL, 0), ERR_OK);
    ck_assert_int_eq(rtmp_session_put_packet(l.session, &p, 0, 0), ERR_OK);
    ck_assert_int_eq(rtmp_session_put_packet(l.session, &p, 0, 0), ERR_OK);
    ck_assert_int_eq(rtmp_session_put_packet(l.session, &p, 0, 0), ERR_LIMIT);
    ck_assert_uint_le(rtmp_session_output(l.session)->len, PLAY_OUTPUT_MAX);
    close_session(&l);
    track_unref(v);
    buf_fini(&b);
}
END_TEST

UNIT_MAIN("play", a_whole_play, times_go_round_and_are_long, a_changed_track_is_told_once,
          a_refused_play, pause_stop_and_something_else, gone_before_the_answer,
          what_the_client_can_take, what_it_cannot_take_is_left_out, no_memory_and_no_room)
