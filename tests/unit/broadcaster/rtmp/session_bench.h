/* An RTMP session whose events and answers are told as text, a line for each. */
#ifndef TESTS_SESSION_BENCH_H
#define TESTS_SESSION_BENCH_H

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/rtmp/session.h"
#include "broadcaster/rtmp/session_state.h"
#include "tests/support/unit.h"
#include "tests/unit/broadcaster/rtmp/script.h"

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

static inline void say(struct listener *l, const char *line)
{
    ck_assert_int_eq(buf_put(&l->text, span_cstr(line)), ERR_OK);
}

static inline void say_packet(struct listener *l, const struct packet *p)
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

static inline void on_event(void *arg, const struct rtmp_event *e)
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

static inline struct listener *open_session(enum answer answer)
{
    struct listener *l = mem_alloc(sizeof *l);
    buf_init(&l->text, TEXT_MAX);
    l->answer = answer;
    l->session = rtmp_session_create(on_event, l);
    return l;
}

static inline void close_session(struct listener *l)
{
    rtmp_session_destroy(l->session);
    buf_fini(&l->text);
    mem_free(l);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

/* piece: bytes of each feed; 0: random ones. */
static inline enum err feed(struct listener *l, struct span bytes, size_t piece)
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

static inline void check_events(const struct buf *script, enum answer answer, enum err expected,
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

static inline void say_answer(struct buf *text, const struct chunk_message *m)
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
static inline void check_answers(struct listener *l, bool handshake, const char *expected)
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

#endif
