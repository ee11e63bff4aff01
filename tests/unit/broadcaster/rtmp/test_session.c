/* usual time: 6 s */
#include "broadcaster/rtmp/session.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/rtmp/session_state.h"
#include "tests/support/unit.h"
#include "tests/unit/broadcaster/rtmp/script.h"

#define CORPUS       "tests/fuzz/corpus/rtmp_session/"
#define CAPTURE_MAX  (1 << 20)
#define TEXT_MAX     (1 << 20)
#define OUTPUT_BOUND (256 * 1024)

enum answer { ACCEPT, REFUSE, LATER, CLOSE_AT_PACKET };

struct listener {
    struct rtmp_session *session;
    enum answer answer;
    struct buf text; /* a line for each event */
    size_t packets[2];
    size_t skipped[RTMP_SKIPS_];
};

static void say(struct listener *l, const char *line)
{
    ck_assert_int_eq(buf_put(&l->text, span_cstr(line)), ERR_OK);
}

static void say_packet(struct listener *l, const struct packet *p)
{
    char line[200];
    uint32_t sum = 0;
    for (size_t i = 0; i < p->data.len; i++) {
        sum = sum * 31 + p->data.data[i];
    }
    struct span whole = blob_span(p->blob);
    ck_assert(p->data.data >= whole.data && p->data.data + p->data.len <= whole.data + whole.len);
    l->packets[p->kind]++;
    char index[16] = "";
    if (p->index > 0) {
        snprintf(index, sizeof index, "/%u", p->index);
    }
    snprintf(line, sizeof line, "%s%s dts=%lld pts=%lld bytes=%zu sum=%u%s\n",
             p->kind == TRACK_VIDEO ? "video" : "audio", index, (long long)p->dts,
             (long long)p->pts, p->data.len, sum, (p->flags & PACKET_KEY) != 0 ? " key" : "");
    say(l, line);
}

static void on_event(void *arg, const struct rtmp_event *e)
{
    struct listener *l = arg;
    char line[500];
    switch (e->type) {
    case RTMP_EVENT_PUBLISH:
        snprintf(line, sizeof line, "publish %s ? %s @ %s\n", e->path, e->query, e->tc_url);
        say(l, line);
        if (l->answer == ACCEPT || l->answer == CLOSE_AT_PACKET) {
            rtmp_session_accept(l->session);
        } else if (l->answer == REFUSE) {
            rtmp_session_refuse(l->session, "NetStream.Publish.BadName", "Not this one.");
        }
        break;
    case RTMP_EVENT_TRACK: {
        const struct track_params *t = track_params(e->track);
        snprintf(line, sizeof line, "track %d %dx%d %d/%d %d Hz %d\n", t->kind, t->width, t->height,
                 t->sar_num, t->sar_den, t->sample_rate, t->channels);
        say(l, line);
        break;
    }
    case RTMP_EVENT_PACKET:
        say_packet(l, e->packet);
        if (l->answer == CLOSE_AT_PACKET) {
            rtmp_session_refuse(l->session, "NetStream.Publish.Failed", "Enough.");
        }
        break;
    case RTMP_EVENT_SKIPPED:
        l->skipped[e->skip]++;
        ck_assert(e->text[0] != '\0');
        break;
    case RTMP_EVENT_METADATA:
        snprintf(line, sizeof line, "metadata %dx%d %d/1000 %s\n", e->metadata->width,
                 e->metadata->height, e->metadata->fps_milli, e->metadata->encoder);
        say(l, line);
        break;
    case RTMP_EVENT_END:
        say(l, "end\n");
        break;
    case RTMP_EVENT_PLAY:
    case RTMP_EVENT_PAUSE:
        break; /* test_play.c */
    }
}

static struct listener *open_session(enum answer answer)
{
    struct listener *l = mem_alloc(sizeof *l);
    buf_init(&l->text, TEXT_MAX);
    l->answer = answer;
    l->session = rtmp_session_create(on_event, l);
    return l;
}

static void close_session(struct listener *l)
{
    rtmp_session_destroy(l->session);
    buf_fini(&l->text);
    mem_free(l);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

/* piece: bytes of each feed; 0: random ones. */
static enum err feed(struct listener *l, struct span bytes, size_t piece)
{
    enum err e = ERR_OK;
    while (bytes.len > 0 && e == ERR_OK) {
        size_t n = piece > 0 ? piece : (size_t)(1 + rand() % 700);
        n = n < bytes.len ? n : bytes.len;
        e = rtmp_session_feed(l->session, span_of(bytes.data, n));
        bytes = span_of(bytes.data + n, bytes.len - n);
    }
    return e;
}

static const char *text_of(struct listener *l)
{
    ck_assert_int_eq(buf_put_u8(&l->text, 0), ERR_OK);
    l->text.len--;
    return (const char *)l->text.data;
}

static void check_events(const struct buf *script, enum answer answer, enum err expected,
                         const char *text)
{
    static const size_t pieces[] = {SIZE_MAX, 1, 0, 0, 0};
    srand(2);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct listener *l = open_session(answer);
        ck_assert_int_eq(feed(l, buf_span(script), pieces[i]), expected);
        ck_assert_str_eq(text_of(l), text);
        ck_assert(expected == ERR_OK ? rtmp_session_why(l->session)[0] == '\0'
                                     : rtmp_session_why(l->session)[0] != '\0');
        close_session(l);
    }
}

/* --- what the server answers, as text --- */

static void say_answer(struct buf *text, const struct chunk_message *m)
{
    struct span body = blob_span(m->blob), name;
    double number;
    struct amf0_value v, code;
    uint32_t word = 0;
    if (m->type != MESSAGE_COMMAND_AMF0) {
        if (m->type == MESSAGE_USER_CONTROL) {
            body = span_of(body.data + 1, 5); /* event and the value's upper bytes */
        }
        ck_assert_int_eq(span_read_be32(&body, &word), ERR_OK);
        ck_assert_int_eq(buf_printf(text, "control %d %u\n", m->type, word), ERR_OK);
        return;
    }
    ck_assert_int_eq(amf0_read_string(&body, &name), ERR_OK);
    ck_assert_int_eq(amf0_read_number(&body, &number), ERR_OK);
    ck_assert_int_eq(amf0_read(&body, &v), ERR_OK);
    ck_assert_int_eq(buf_printf(text, "%.*s %g", (int)name.len, (const char *)name.data, number),
                     ERR_OK);
    ck_assert_int_eq(amf0_read(&body, &v), ERR_OK);
    if (v.type == AMF0_NUMBER) {
        ck_assert_int_eq(buf_printf(text, " %g", v.number), ERR_OK);
    } else if (amf0_find(&v, "code", &code) == ERR_OK) {
        ck_assert_int_eq(buf_printf(text, " %.*s #%u", (int)code.bytes.len,
                                    (const char *)code.bytes.data, m->stream_id),
                         ERR_OK);
    }
    ck_assert_int_eq(buf_put_u8(text, '\n'), ERR_OK);
}

/* Takes the session's output. */
static void check_answers(struct listener *l, bool handshake, const char *expected)
{
    static const struct chunk_limits limits = {65536, 65536, 65536};
    struct chunk_reader *r = chunk_reader_create(&limits);
    struct span out = buf_span(rtmp_session_output(l->session));
    struct buf text;
    struct chunk_message m;
    buf_init(&text, 65536);
    if (handshake) {
        ck_assert_uint_ge(out.len, 3073);
        ck_assert_int_eq(out.data[0], 3);
        out = span_of(out.data + 3073, out.len - 3073);
    }
    ck_assert_int_eq(chunk_reader_set_size(r, 65536), ERR_OK); /* ours are shorter than 128 until */
    while (chunk_reader_feed(r, &out, &m) == ERR_OK) {
        say_answer(&text, &m);
        blob_unref(m.blob);
    }
    ck_assert_int_eq(buf_put_u8(&text, 0), ERR_OK);
    ck_assert_str_eq((const char *)text.data, expected);
    buf_fini(&text);
    chunk_reader_destroy(r);
    buf_clear(rtmp_session_output(l->session));
}

#define PUBLISH_LINE "publish live/movie ?  @ rtmp://host/app\n"
#define TRACK_LINES  "track 0 320x240 1/1 0 Hz 0\ntrack 1 0x0 0/1 44100 Hz 2\n"
#define CONNECT_LINES                                                                              \
    "control 5 2500000\ncontrol 6 2500000\ncontrol 1 65536\n"                                      \
    "_result 1 NetConnection.Connect.Success #0\n"
#define STREAM_LINES "_result 2\n_result 3\nonFCPublish 0 NetStream.Publish.Start #0\n_result 4 1\n"

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

/* --- more of what is known from the field --- */

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

UNIT_MAIN("session", a_whole_publish, states, publishes_one_after_another, refused,
          closed_from_inside_an_event, answered_later, headers_again_and_changed, key_only_with_idr,
          clock, clock_of_31_bits, aggregates, aggregates_are_taken_apart,
          commands_that_do_not_matter, a_second_publish, where_the_name_comes_from,
          media_that_cannot_go_on, header_without_parameter_sets, not_rtmp, any_order_of_commands,
          any_message_stream, amf3_commands, data_messages, acknowledgement_windows, user_control,
          a_vod_track, chunk_size_in_the_middle, a_large_picture_before_the_answer,
          limits_before_and_after_accept, a_client_that_never_reads, acknowledgements, no_memory,
          ffmpeg_capture, ffmpeg_extended_time_capture, gstreamer_capture, librtmp_captures)
