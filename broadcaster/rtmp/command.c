#include <string.h>

#include "base/mem.h"
#include "broadcaster/rtmp/amf0.h"
#include "broadcaster/rtmp/play.h"
#include "broadcaster/rtmp/session_state.h"
#include "broadcaster/rtmp/target.h"

#define WINDOW_ACK_BYTES  2500000
#define OUT_CHUNK_SIZE    65536
#define CONNECT_TEXT_MAX  8192 /* app and tcUrl, tokens in them included */
#define CREATED_STREAM_ID 1    /* one publish for each connection */
#define NOTICE_TEXT_MAX   256

struct command {
    double transaction;
    uint32_t stream_id;
    struct span arguments; /* behind the transaction id */
};

/* A member that is not there or is no string reads as the empty text. */
static struct span text_member(const struct amf0_value *object, const char *key)
{
    struct amf0_value v;
    enum err e = amf0_find(object, key, &v);
    return e == ERR_OK && v.type == AMF0_STRING ? v.bytes : span_of(NULL, 0);
}

static enum err keep_connect(struct rtmp_session *s, const struct amf0_value *object)
{
    struct span url = text_member(object, "tcUrl");
    enum err e = target_copy_text(target_unquote(url), CONNECT_TEXT_MAX, &s->tc_url);
    return e == ERR_OK ? target_app(text_member(object, "app"), url, CONNECT_TEXT_MAX, &s->app) : e;
}

static enum err on_connect(struct rtmp_session *s, const struct command *c)
{
    struct span rest = c->arguments;
    struct amf0_value object;
    if (s->has_app) {
        message_put_error(&s->writer, c->transaction, "NetConnection.Connect.Rejected",
                          "This connection is connected already.");
        return ERR_OK;
    }
    enum err e = amf0_read(&rest, &object);
    if (e != ERR_OK || object.type != AMF0_OBJECT) {
        return rtmp_fail(s, e != ERR_OK ? e : ERR_PROTO, "the connect command cannot be read");
    }
    e = keep_connect(s, &object);
    if (e != ERR_OK) {
        return rtmp_fail(s, e, "the connect command's texts cannot be used");
    }
    caps_read(&object, &s->caps);
    s->has_app = true;
    message_put_control(&s->writer, MESSAGE_WINDOW_ACK_SIZE, WINDOW_ACK_BYTES);
    message_put_peer_bandwidth(&s->writer, WINDOW_ACK_BYTES);
    message_put_control(&s->writer, MESSAGE_SET_CHUNK_SIZE, OUT_CHUNK_SIZE);
    message_put_connect_result(&s->writer, c->transaction);
    return ERR_OK;
}

static enum err on_create_stream(struct rtmp_session *s, const struct command *c)
{
    message_put_number_result(&s->writer, c->transaction, CREATED_STREAM_ID);
    return ERR_OK;
}

static enum err ask(struct rtmp_session *s, const struct command *c, struct span name)
{
    struct target t;
    enum err e = target_init(&t, span_cstr(s->app), name);
    if (e != ERR_OK) {
        return rtmp_fail(s, e, "the name to publish cannot be used");
    }
    s->state = SESSION_ASKED;
    rtmp_limit(s, &rtmp_limits_asked);
    s->stream_id = c->stream_id;
    s->fn(s->arg,
          &(struct rtmp_event){
              .type = RTMP_EVENT_PUBLISH, .path = t.path, .query = t.query, .tc_url = s->tc_url});
    target_fini(&t);
    return ERR_OK;
}

static enum err on_publish(struct rtmp_session *s, const struct command *c)
{
    struct span rest = c->arguments, name;
    struct amf0_value object;
    if (!s->has_app) {
        return rtmp_fail(s, ERR_PROTO, "a publish command came before connect");
    }
    if (s->state != SESSION_IDLE) {
        message_put_status(&s->writer, c->stream_id, "error", "NetStream.Publish.BadConnection",
                           "This connection publishes already.");
        return ERR_OK;
    }
    /* Without a name the application is all of it. */
    if (amf0_read(&rest, &object) != ERR_OK || amf0_read_string(&rest, &name) != ERR_OK) {
        name = span_of(NULL, 0);
    }
    return ask(s, c, name);
}

static enum err on_play(struct rtmp_session *s, const struct command *c)
{
    return rtmp_play(s, c->stream_id, c->arguments);
}

static enum err on_pause(struct rtmp_session *s, const struct command *c)
{
    return rtmp_pause(s, c->arguments);
}

/* What is live has no length. */
static enum err on_stream_length(struct rtmp_session *s, const struct command *c)
{
    if (c->transaction > 0) {
        message_put_number_result(&s->writer, c->transaction, 0);
    }
    return ERR_OK;
}

static enum err on_unpublish(struct rtmp_session *s, const struct command *c)
{
    if (s->state == SESSION_PUBLISHING) {
        message_put_status(&s->writer, s->stream_id, "status", "NetStream.Unpublish.Success",
                           "The publish has ended.");
    }
    if (!rtmp_stop_play(s)) {
        rtmp_unpublish(s);
    }
    if (c->transaction > 0) {
        message_put_empty_result(&s->writer, c->transaction);
    }
    return ERR_OK;
}

/* The name that a command is about, for a notice about it; out holds NOTICE_TEXT_MAX. */
static void name_of(const struct command *c, char *out)
{
    struct span rest = c->arguments, name = span_of(NULL, 0);
    struct amf0_value object;
    enum err e = amf0_read(&rest, &object);
    if (e == ERR_OK && amf0_read_string(&rest, &name) != ERR_OK) {
        name = span_of(NULL, 0);
    }
    size_t n = name.len < NOTICE_TEXT_MAX ? name.len : NOTICE_TEXT_MAX - 1;
    if (n > 0) {
        memcpy(out, name.data, n);
    }
    out[n] = '\0';
}

/* FMLE and its kin wait for a notice besides the answer. */
static enum err on_fc_publish(struct rtmp_session *s, const struct command *c)
{
    char name[NOTICE_TEXT_MAX];
    name_of(c, name);
    if (c->transaction > 0) {
        message_put_empty_result(&s->writer, c->transaction);
    }
    message_put_notice(&s->writer, "onFCPublish", "NetStream.Publish.Start", name);
    return ERR_OK;
}

static enum err on_fc_unpublish(struct rtmp_session *s, const struct command *c)
{
    char name[NOTICE_TEXT_MAX];
    name_of(c, name);
    message_put_notice(&s->writer, "onFCUnpublish", "NetStream.Unpublish.Success", name);
    return on_unpublish(s, c);
}

/* Encoders ask for these out of habit; some wait for the answer. */
static enum err on_courtesy(struct rtmp_session *s, const struct command *c)
{
    if (c->transaction > 0) {
        message_put_empty_result(&s->writer, c->transaction);
    }
    return ERR_OK;
}

/* Answers and notices are not answered: two ends must not keep each other busy. */
static enum err on_notice(struct rtmp_session *s, const struct command *c)
{
    (void)s;
    (void)c;
    return ERR_OK;
}

static enum err on_unknown(struct rtmp_session *s, const struct command *c)
{
    if (c->transaction > 0) {
        message_put_error(&s->writer, c->transaction, "NetConnection.Call.Failed",
                          "This command is not known here.");
    }
    return ERR_OK;
}

typedef enum err command_fn(struct rtmp_session *s, const struct command *c);

static command_fn *find_command(struct span name)
{
    static const struct {
        const char *name;
        command_fn *fn;
    } commands[] = {
        {"connect", on_connect},
        {"createStream", on_create_stream},
        {"publish", on_publish},
        {"play", on_play},
        {"play2", on_play},
        {"deleteStream", on_unpublish},
        {"closeStream", on_unpublish},
        {"FCUnpublish", on_fc_unpublish},
        {"releaseStream", on_courtesy},
        {"FCPublish", on_fc_publish},
        {"FCSubscribe", on_courtesy},
        {"pause", on_pause},
        {"pauseRaw", on_pause},
        {"seek", on_courtesy},
        {"receiveAudio", on_courtesy},
        {"receiveVideo", on_courtesy},
        {"getStreamLength", on_stream_length},
        {"_checkbw", on_courtesy},
        {"_result", on_notice},
        {"_error", on_notice},
        {"onStatus", on_notice},
        {"onBWDone", on_notice},
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (span_equal(name, span_cstr(commands[i].name))) {
            return commands[i].fn;
        }
    }
    return on_unknown;
}

enum err rtmp_command(struct rtmp_session *s, uint32_t stream_id, struct span body)
{
    struct command c = {.stream_id = stream_id};
    struct span name;
    enum err e = amf0_read_string(&body, &name);
    if (e != ERR_OK) {
        return rtmp_fail(s, e, "a command without a name came");
    }
    if (amf0_read_number(&body, &c.transaction) != ERR_OK) {
        c.transaction = 0;
    }
    c.arguments = body;
    e = find_command(name)(s, &c);
    return e;
}
