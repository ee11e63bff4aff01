/* What both ends say of Enhanced RTMP, by whole connections. */
#include <stdio.h>
#include <string.h>

#include "broadcaster/rtmp/session.h"
#include "tests/support/unit.h"
#include "tests/unit/broadcaster/rtmp/script.h"

#define HANDSHAKE_ANSWER 3073

static void on_event(void *arg, const struct rtmp_event *e)
{
    (void)arg;
    (void)e;
}

static struct rtmp_session *connected(const char *caps_key, double caps)
{
    struct rtmp_session *s = rtmp_session_create(on_event, NULL);
    struct buf b, body;
    buf_init(&b, 1 << 20);
    buf_init(&body, 65536);
    script_handshake(&b);
    struct amf0_writer w = {.out = &body};
    amf0_put_string(&w, "connect");
    amf0_put_number(&w, 1);
    amf0_put_object(&w);
    amf0_put_key(&w, "app");
    amf0_put_string(&w, "live");
    amf0_put_key(&w, caps_key);
    amf0_put_number(&w, caps);
    amf0_put_end(&w);
    script_message(&b, MESSAGE_COMMAND_AMF0, 0, 0, buf_span(&body));
    ck_assert_int_eq(rtmp_session_feed(s, buf_span(&b)), ERR_OK);
    buf_fini(&b);
    buf_fini(&body);
    return s;
}

/* The last command that the session has written: its name and its two objects. */
static void read_command(struct rtmp_session *s, char *ret_name, struct amf0_value *ret_first,
                         struct amf0_value *ret_second, struct chunk_message *ret_message)
{
    static const struct chunk_limits limits = {65536, 65536, 65536};
    struct chunk_reader *r = chunk_reader_create(&limits);
    struct span out = buf_span(rtmp_session_output(s));
    struct chunk_message m;
    bool found = false;
    if (out.len > HANDSHAKE_ANSWER && out.data[0] == 3) {
        out = span_of(out.data + HANDSHAKE_ANSWER, out.len - HANDSHAKE_ANSWER);
    }
    ck_assert_int_eq(chunk_reader_set_size(r, 65536), ERR_OK);
    while (chunk_reader_feed(r, &out, &m) == ERR_OK) {
        if (found) {
            blob_unref(ret_message->blob);
        }
        *ret_message = m;
        found = true;
    }
    ck_assert(found);
    struct span body = blob_span(ret_message->blob), name;
    double transaction;
    ck_assert_int_eq(ret_message->type, MESSAGE_COMMAND_AMF0);
    ck_assert_int_eq(amf0_read_string(&body, &name), ERR_OK);
    ck_assert_uint_lt(name.len, 20);
    snprintf(ret_name, 20, "%.*s", (int)name.len, (const char *)name.data);
    ck_assert_int_eq(amf0_read_number(&body, &transaction), ERR_OK);
    ck_assert_int_eq(amf0_read(&body, ret_first), ERR_OK);
    ck_assert_int_eq(amf0_read(&body, ret_second), ERR_OK);
    ck_assert_uint_eq(body.len, 0);
    chunk_reader_destroy(r);
    buf_clear(rtmp_session_output(s));
}

static bool has_text(const struct amf0_value *object, const char *key, const char *text)
{
    struct amf0_value v;
    return amf0_find(object, key, &v) == ERR_OK && v.type == AMF0_STRING &&
           span_equal(v.bytes, span_cstr(text));
}

START_TEST(connect_is_answered_with_what_we_can)
{
    struct rtmp_session *s = connected("capsEx", CAPS_EX_RECONNECT | CAPS_EX_MODEX);
    struct amf0_value properties, info;
    struct chunk_message m;
    struct rtmp_caps ours;
    char name[20];
    ck_assert(rtmp_session_caps(s)->enhanced);
    ck_assert_uint_eq(rtmp_session_caps(s)->ex, 5);
    read_command(s, name, &properties, &info, &m);
    ck_assert_str_eq(name, "_result");
    ck_assert(has_text(&info, "code", "NetConnection.Connect.Success"));
    caps_read(&properties, &ours);
    ck_assert_uint_eq(ours.ex,
                      CAPS_EX_RECONNECT | CAPS_EX_MULTITRACK | CAPS_EX_MODEX | CAPS_EX_OFFSET_NANO);
    for (int i = 0; i < CODECS_; i++) {
        ck_assert_msg((ours.codecs[i] & CAPS_CAN_FORWARD) != 0, "%s", track_codec_name(i));
    }
    struct amf0_value list;
    ck_assert_int_eq(amf0_find(&properties, "fourCcList", &list), ERR_OK);
    ck_assert_int_eq(list.type, AMF0_ARRAY);
    blob_unref(m.blob);
    rtmp_session_destroy(s);
}
END_TEST

START_TEST(asked_to_connect_anew)
{
    struct rtmp_session *s = connected("capsEx", CAPS_EX_RECONNECT);
    struct amf0_value none, info, v;
    struct chunk_message m;
    char name[20];
    buf_clear(rtmp_session_output(s));
    ck_assert(rtmp_session_ask_reconnect(s, NULL, "Please come again."));
    read_command(s, name, &none, &info, &m);
    ck_assert_str_eq(name, "onStatus");
    ck_assert_int_eq(none.type, AMF0_NULL);
    ck_assert_uint_eq(m.stream_id, 0); /* of the connection, not of a stream */
    ck_assert(has_text(&info, "code", "NetConnection.Connect.ReconnectRequest"));
    ck_assert(has_text(&info, "level", "status"));
    ck_assert(has_text(&info, "description", "Please come again."));
    ck_assert_int_eq(amf0_find(&info, "tcUrl", &v), ERR_NOENT);
    blob_unref(m.blob);
    ck_assert(rtmp_session_ask_reconnect(s, "rtmp://other/live", "Please go there."));
    read_command(s, name, &none, &info, &m);
    ck_assert(has_text(&info, "tcUrl", "rtmp://other/live"));
    blob_unref(m.blob);
    rtmp_session_destroy(s);
}
END_TEST

START_TEST(not_asked_without_the_ability)
{
    struct rtmp_session *s = connected("capsEx", CAPS_EX_MULTITRACK | CAPS_EX_MODEX);
    buf_clear(rtmp_session_output(s));
    ck_assert(!rtmp_session_ask_reconnect(s, NULL, "Please come again."));
    rtmp_session_refuse(s, "NetStream.Publish.BadName", "No.");
    ck_assert_uint_eq(rtmp_session_output(s)->len, 0);
    rtmp_session_destroy(s);
    s = connected("flashVer", 1);
    ck_assert(!rtmp_session_caps(s)->enhanced);
    buf_clear(rtmp_session_output(s));
    ck_assert(!rtmp_session_ask_reconnect(s, NULL, "Please come again."));
    ck_assert_uint_eq(rtmp_session_output(s)->len, 0);
    rtmp_session_destroy(s);
    s = rtmp_session_create(on_event, NULL);
    ck_assert(!rtmp_session_ask_reconnect(s, NULL, "Please come again."));
    rtmp_session_destroy(s);
}
END_TEST

UNIT_MAIN("session_enhanced", connect_is_answered_with_what_we_can, asked_to_connect_anew,
          not_asked_without_the_ability)
