#include "broadcaster/rtmp/session.h"

#include "base/mem.h"
#include "broadcaster/rtmp/flv.h"
#include "broadcaster/rtmp/session_state.h"

#define OUTPUT_MAX         (256 * 1024)  /* for a peer that does not read */
#define SETUP_BYTES_MAX    (64 * 1024)   /* per message and in all, before a publish is asked for */
#define ASKED_BYTES_MAX    (1024 * 1024) /* until it is accepted; some do not wait for that */
#define COMMAND_BYTES_MAX  (64 * 1024)
#define MEDIA_BYTES_MAX    (8 * 1024 * 1024)
#define PARTIAL_BYTES_MAX  (12 * 1024 * 1024) /* of messages that are not complete */
#define ACK_WINDOW_DEFAULT 2500000
#define CODE_REJECTED      "NetStream.Publish.Rejected"
#define VOD_TRACK_ID       1

static const struct chunk_limits setup_limits = {SETUP_BYTES_MAX, SETUP_BYTES_MAX, SETUP_BYTES_MAX};
const struct chunk_limits rtmp_limits_asked = {COMMAND_BYTES_MAX, ASKED_BYTES_MAX, ASKED_BYTES_MAX};
static const struct chunk_limits publish_limits = {COMMAND_BYTES_MAX, MEDIA_BYTES_MAX,
                                                   PARTIAL_BYTES_MAX};

struct rtmp_session *rtmp_session_create(rtmp_event_fn *fn, void *arg)
{
    struct rtmp_session *s = mem_alloc(sizeof *s);
    s->fn = fn;
    s->arg = arg;
    s->why = "";
    s->ack_window = ACK_WINDOW_DEFAULT;
    s->reader = chunk_reader_create(&setup_limits);
    handshake_init(&s->handshake);
    buf_init(&s->out, OUTPUT_MAX);
    s->writer = (struct message_writer){.out = &s->out, .chunk_size = CHUNK_SIZE_DEFAULT};
    media_init(&s->media);
    return s;
}

void rtmp_session_destroy(struct rtmp_session *s)
{
    if (s == NULL) {
        return;
    }
    media_fini(&s->media);
    track_unref(s->play_tracks[TRACK_VIDEO]);
    track_unref(s->play_tracks[TRACK_AUDIO]);
    chunk_reader_destroy(s->reader);
    buf_fini(&s->out);
    mem_free(s->app);
    mem_free(s->tc_url);
    mem_free(s);
}

enum err rtmp_fail(struct rtmp_session *s, enum err e, const char *why)
{
    s->why = why;
    return e;
}

void rtmp_limit(struct rtmp_session *s, const struct chunk_limits *limits)
{
    chunk_reader_set_limits(s->reader, limits);
}

void rtmp_unpublish(struct rtmp_session *s)
{
    if (s->state != SESSION_PUBLISHING && s->state != SESSION_ASKED) {
        return;
    }
    s->state = SESSION_IDLE;
    chunk_reader_set_limits(s->reader, &setup_limits);
    media_fini(&s->media);
    s->fn(s->arg, &(struct rtmp_event){.type = RTMP_EVENT_END});
}

static enum err read_number(struct rtmp_session *s, struct span body, uint32_t *ret_v)
{
    enum err e = span_read_be32(&body, ret_v);
    return e == ERR_OK ? e : rtmp_fail(s, e, "a protocol control message is cut short");
}

/* 5.4; the peer's bandwidth wishes (type 6) and acknowledgements (type 3) change nothing here. */
static enum err on_control(struct rtmp_session *s, uint8_t type, struct span body)
{
    uint32_t value;
    enum err e = read_number(s, body, &value);
    if (e != ERR_OK) {
        return e;
    }
    if (type == MESSAGE_SET_CHUNK_SIZE) {
        e = chunk_reader_set_size(s->reader, value);
        return e == ERR_OK ? e : rtmp_fail(s, e, "an impossible chunk size was set");
    }
    if (type == MESSAGE_ABORT) {
        chunk_reader_abort(s->reader, value);
    } else if (type == MESSAGE_WINDOW_ACK_SIZE && value > 0) {
        /* Who would be content with fewer loses nothing by more. */
        s->ack_window = value < ACK_WINDOW_DEFAULT ? value : ACK_WINDOW_DEFAULT;
    }
    return ERR_OK;
}

/* 7.1.7 */
static enum err on_user_control(struct rtmp_session *s, struct span body)
{
    uint16_t event;
    uint32_t value;
    if (span_read_be16(&body, &event) == ERR_OK && event == USER_CONTROL_PING_REQUEST &&
        span_read_be32(&body, &value) == ERR_OK) {
        message_put_user_control(&s->writer, USER_CONTROL_PING_RESPONSE, value);
    }
    return ERR_OK;
}

/* Between media and the session's user: a handler may end the publish in the middle of a message.
 */
static void on_media_event(void *arg, const struct rtmp_event *e)
{
    struct rtmp_session *s = arg;
    if (s->state == SESSION_PUBLISHING) {
        s->fn(s->arg, e);
    }
}

static enum err feed_media(struct rtmp_session *s, const struct media_message *m)
{
    if (s->state != SESSION_ASKED && s->state != SESSION_PUBLISHING) {
        return ERR_OK;
    }
    return media_feed(&s->media, m, s->state == SESSION_PUBLISHING, on_media_event, s, &s->why);
}

static enum err on_media(struct rtmp_session *s, uint8_t type, uint32_t timestamp,
                         struct blob *blob, struct span body)
{
    struct media_message m = {.kind = type == MESSAGE_VIDEO ? TRACK_VIDEO : TRACK_AUDIO,
                              .timestamp = timestamp,
                              .blob = blob,
                              .body = body};
    return feed_media(s, &m);
}

/* A tag's body gets a blob of its own: packets would keep all of the message alive otherwise, which
 * may be a thousand times as large as the little that they are. */
static enum err on_tag(struct rtmp_session *s, const struct flv_tag *tag, uint32_t timestamp)
{
    struct blob *blob = blob_copy(tag->body);
    if (blob == NULL) {
        return rtmp_fail(s, ERR_NOMEM, "out of memory");
    }
    enum err e = on_media(s, tag->type, timestamp, blob, blob_span(blob));
    blob_unref(blob);
    return e;
}

/* 7.1.6: the tags' times count from that of the first one, which is the message's. */
static enum err on_aggregate(struct rtmp_session *s, const struct chunk_message *m)
{
    struct span rest = blob_span(m->blob);
    uint32_t first = 0;
    bool has_first = false;
    enum err e = ERR_OK;
    while (rest.len > 0 && e == ERR_OK) {
        struct flv_tag tag;
        e = flv_tag_read(&rest, &tag);
        if (e != ERR_OK) {
            return rtmp_fail(s, e, "an aggregate message is cut short");
        }
        first = has_first ? first : tag.timestamp;
        has_first = true;
        if (tag.type == MESSAGE_AUDIO || tag.type == MESSAGE_VIDEO) {
            e = on_tag(s, &tag, m->timestamp + (tag.timestamp - first));
        }
    }
    return e;
}

/* Messages of the AMF3 types: one zero byte, then AMF0, in which AMF3 values have a marker. */
static struct span without_lead(struct span body)
{
    bool lead = body.len > 0 && body.data[0] == 0;
    return lead ? span_of(body.data + 1, body.len - 1) : body;
}

/* 7.1.2: of data only the stream's description is read, and a second sound; clients send all sorts,
 * not even all AMF. */
static enum err on_data(struct rtmp_session *s, const struct chunk_message *m, struct span body)
{
    struct rtmp_metadata metadata;
    struct media_message sound = {
        .kind = TRACK_AUDIO, .timestamp = m->timestamp, .blob = m->blob, .track_id = VOD_TRACK_ID};
    if (metadata_additional_sound(body, &sound.body) == ERR_OK) {
        return feed_media(s, &sound);
    }
    if (s->state == SESSION_PUBLISHING && metadata_parse(body, &metadata) == ERR_OK) {
        s->fn(s->arg, &(struct rtmp_event){.type = RTMP_EVENT_METADATA, .metadata = &metadata});
    }
    return ERR_OK;
}

static enum err on_message(struct rtmp_session *s, const struct chunk_message *m)
{
    struct span body = blob_span(m->blob);
    switch (m->type) {
    case MESSAGE_SET_CHUNK_SIZE:
    case MESSAGE_ABORT:
    case MESSAGE_WINDOW_ACK_SIZE:
        return on_control(s, m->type, body);
    case MESSAGE_USER_CONTROL:
        return on_user_control(s, body);
    case MESSAGE_AUDIO:
    case MESSAGE_VIDEO:
        return on_media(s, m->type, m->timestamp, m->blob, body);
    case MESSAGE_AGGREGATE:
        return on_aggregate(s, m);
    case MESSAGE_COMMAND_AMF3:
        return rtmp_command(s, m->stream_id, without_lead(body));
    case MESSAGE_COMMAND_AMF0:
        return rtmp_command(s, m->stream_id, body);
    case MESSAGE_DATA_AMF3:
        return on_data(s, m, without_lead(body));
    case MESSAGE_DATA_AMF0:
        return on_data(s, m, body);
    default:
        return ERR_OK;
    }
}

static enum err step(struct rtmp_session *s, struct span *bytes)
{
    struct chunk_message m;
    enum err e = chunk_reader_feed(s->reader, bytes, &m);
    if (e == ERR_AGAIN) {
        return ERR_OK;
    }
    if (e != ERR_OK) {
        return rtmp_fail(s, e,
                         e == ERR_LIMIT   ? "a message or the number of chunk streams is too large"
                         : e == ERR_NOMEM ? "out of memory"
                                          : "a chunk header is broken");
    }
    e = on_message(s, &m);
    blob_unref(m.blob);
    return e;
}

static enum err step_handshake(struct rtmp_session *s, struct span *bytes)
{
    enum err e = handshake_feed(&s->handshake, bytes, &s->out);
    if (e == ERR_OK) {
        return e;
    }
    return rtmp_fail(s, e,
                     e == ERR_UNSUPPORTED ? "the client wants encrypted RTMP (RTMPE)"
                     : e == ERR_PROTO     ? "the client does not speak RTMP"
                                          : "the handshake's answer could not be stored");
}

/* At most one for each feed, whatever window the peer asks for. The number wraps (5.4.3). */
static void acknowledge(struct rtmp_session *s)
{
    if (handshake_done(&s->handshake) && s->received - s->acknowledged >= s->ack_window) {
        s->acknowledged = s->received;
        message_put_control(&s->writer, MESSAGE_ACKNOWLEDGEMENT, (uint32_t)s->received);
    }
}

static enum err output_error(struct rtmp_session *s)
{
    if (s->writer.err == ERR_OK) {
        return ERR_OK;
    }
    return rtmp_fail(s, s->writer.err,
                     s->writer.err == ERR_NOMEM ? "out of memory"
                                                : "the client does not read its answers");
}

enum err rtmp_session_feed(struct rtmp_session *s, struct span bytes)
{
    enum err e = s->failed;
    if (e != ERR_OK) {
        return e;
    }
    s->received += bytes.len;
    while (e == ERR_OK && bytes.len > 0 && s->state != SESSION_CLOSED) {
        e = handshake_done(&s->handshake) ? step(s, &bytes) : step_handshake(s, &bytes);
        if (e == ERR_OK) {
            e = output_error(s);
        }
    }
    if (e == ERR_OK && s->state != SESSION_CLOSED) {
        acknowledge(s);
        e = output_error(s);
    }
    if (e != ERR_OK && (s->state == SESSION_ASKED || s->state == SESSION_PUBLISHING)) {
        message_put_status(&s->writer, s->stream_id, "error", CODE_REJECTED, s->why);
    }
    s->failed = e;
    return e;
}

bool rtmp_session_is_between(const struct rtmp_session *s)
{
    return s->state == SESSION_PUBLISHING && chunk_reader_is_between(s->reader);
}

const char *rtmp_session_why(const struct rtmp_session *s)
{
    return s->why;
}

void rtmp_session_accept(struct rtmp_session *s)
{
    if (s->state != SESSION_ASKED) {
        return;
    }
    s->state = SESSION_PUBLISHING;
    chunk_reader_set_limits(s->reader, &publish_limits);
    message_put_user_control(&s->writer, USER_CONTROL_STREAM_BEGIN, s->stream_id);
    message_put_status(&s->writer, s->stream_id, "status", "NetStream.Publish.Start",
                       "The publish has begun.");
}

void rtmp_session_refuse(struct rtmp_session *s, const char *code, const char *text)
{
    if (s->state != SESSION_IDLE && s->state != SESSION_CLOSED) {
        message_put_status(&s->writer, s->stream_id, "error", code, text);
    }
    s->state = SESSION_CLOSED;
}

const struct rtmp_caps *rtmp_session_caps(const struct rtmp_session *s)
{
    return &s->caps;
}

bool rtmp_session_ask_reconnect(struct rtmp_session *s, const char *tc_url, const char *text)
{
    if ((s->caps.ex & CAPS_EX_RECONNECT) == 0 || s->failed != ERR_OK ||
        s->state == SESSION_CLOSED) {
        return false;
    }
    message_put_reconnect(&s->writer, tc_url, text);
    return s->writer.err == ERR_OK;
}

void rtmp_session_ping(struct rtmp_session *s, uint32_t time)
{
    if (handshake_done(&s->handshake) && s->failed == ERR_OK && s->state != SESSION_CLOSED) {
        message_put_user_control(&s->writer, USER_CONTROL_PING_REQUEST, time);
    }
}

struct buf *rtmp_session_output(struct rtmp_session *s)
{
    return &s->out;
}

bool rtmp_session_connected(const struct rtmp_session *s)
{
    return handshake_done(&s->handshake);
}

bool rtmp_session_publishing(const struct rtmp_session *s)
{
    return s->state == SESSION_PUBLISHING;
}
