#include "broadcaster/rtmp/message.h"

#include "broadcaster/rtmp/amf0.h"
#include "broadcaster/rtmp/caps.h"
#include "broadcaster/rtmp/chunk.h"

#define CHUNK_STREAM_CONTROL   2 /* 5.4 */
#define CHUNK_STREAM_COMMAND   3
#define CHUNK_STREAM_STATUS    5
#define COMMAND_BYTES_MAX      4096
#define BANDWIDTH_DYNAMIC      2 /* limit type, 5.4.5 */
#define CONNECT_CAPABILITIES   31
#define CONNECT_SERVER_VERSION "FMS/3,0,1,123" /* what encoders expect to read */

bool message_is_media(uint8_t type)
{
    switch (type) {
    case MESSAGE_AUDIO:
    case MESSAGE_VIDEO:
    case MESSAGE_DATA_AMF3:
    case MESSAGE_DATA_AMF0:
    case MESSAGE_AGGREGATE:
        return true;
    default:
        return false;
    }
}

static void put_message(struct message_writer *w, const struct chunk_header *h, struct span body)
{
    if (w->err == ERR_OK) {
        w->err = chunk_write(w->out, w->chunk_size, h, body);
    }
}

static void store_be(uint8_t *out, uint32_t v, int n)
{
    for (int i = 0; i < n; i++) {
        out[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    }
}

void message_put_control(struct message_writer *w, enum message_type type, uint32_t value)
{
    uint8_t body[4];
    struct chunk_header h = {.chunk_stream_id = CHUNK_STREAM_CONTROL, .type = (uint8_t)type};
    store_be(body, value, 4);
    put_message(w, &h, span_of(body, sizeof body));
    if (type == MESSAGE_SET_CHUNK_SIZE) {
        w->chunk_size = value;
    }
}

void message_put_peer_bandwidth(struct message_writer *w, uint32_t window_bytes)
{
    uint8_t body[5];
    struct chunk_header h = {.chunk_stream_id = CHUNK_STREAM_CONTROL,
                             .type = MESSAGE_SET_PEER_BANDWIDTH};
    store_be(body, window_bytes, 4);
    body[4] = BANDWIDTH_DYNAMIC;
    put_message(w, &h, span_of(body, sizeof body));
}

void message_put_user_control(struct message_writer *w, enum user_control event, uint32_t value)
{
    uint8_t body[6];
    struct chunk_header h = {.chunk_stream_id = CHUNK_STREAM_CONTROL, .type = MESSAGE_USER_CONTROL};
    store_be(body, event, 2);
    store_be(body + 2, value, 4);
    put_message(w, &h, span_of(body, sizeof body));
}

/* A command is written to a buffer of its own first: its length stands before it. */
struct command {
    struct buf body;
    struct amf0_writer amf;
};

static void command_begin(struct command *c, const char *name, double transaction)
{
    buf_init(&c->body, COMMAND_BYTES_MAX);
    c->amf = (struct amf0_writer){.out = &c->body};
    amf0_put_string(&c->amf, name);
    amf0_put_number(&c->amf, transaction);
}

static void command_end(struct command *c, struct message_writer *w, uint32_t chunk_stream_id,
                        uint32_t stream_id)
{
    struct chunk_header h = {
        .chunk_stream_id = chunk_stream_id, .type = MESSAGE_COMMAND_AMF0, .stream_id = stream_id};
    if (w->err == ERR_OK) {
        w->err = c->amf.err;
    }
    put_message(w, &h, buf_span(&c->body));
    buf_fini(&c->body);
}

static void put_text_member(struct amf0_writer *w, const char *key, const char *text)
{
    amf0_put_key(w, key);
    amf0_put_string(w, text);
}

/* The information object's members without its end. */
static void put_info(struct amf0_writer *w, const char *level, const char *code, const char *text)
{
    amf0_put_object(w);
    put_text_member(w, "level", level);
    put_text_member(w, "code", code);
    put_text_member(w, "description", text);
}

void message_put_connect_result(struct message_writer *w, double transaction)
{
    struct command c;
    command_begin(&c, "_result", transaction);
    amf0_put_object(&c.amf);
    put_text_member(&c.amf, "fmsVer", CONNECT_SERVER_VERSION);
    amf0_put_key(&c.amf, "capabilities");
    amf0_put_number(&c.amf, CONNECT_CAPABILITIES);
    caps_put(&c.amf);
    amf0_put_end(&c.amf);
    put_info(&c.amf, "status", "NetConnection.Connect.Success", "Connection succeeded.");
    amf0_put_key(&c.amf, "objectEncoding");
    amf0_put_number(&c.amf, 0);
    amf0_put_end(&c.amf);
    command_end(&c, w, CHUNK_STREAM_COMMAND, 0);
}

void message_put_number_result(struct message_writer *w, double transaction, double number)
{
    struct command c;
    command_begin(&c, "_result", transaction);
    amf0_put_null(&c.amf);
    amf0_put_number(&c.amf, number);
    command_end(&c, w, CHUNK_STREAM_COMMAND, 0);
}

void message_put_empty_result(struct message_writer *w, double transaction)
{
    struct command c;
    command_begin(&c, "_result", transaction);
    amf0_put_null(&c.amf);
    amf0_put_undefined(&c.amf);
    command_end(&c, w, CHUNK_STREAM_COMMAND, 0);
}

void message_put_error(struct message_writer *w, double transaction, const char *code,
                       const char *text)
{
    struct command c;
    command_begin(&c, "_error", transaction);
    amf0_put_null(&c.amf);
    put_info(&c.amf, "error", code, text);
    amf0_put_end(&c.amf);
    command_end(&c, w, CHUNK_STREAM_COMMAND, 0);
}

void message_put_notice(struct message_writer *w, const char *name, const char *code,
                        const char *text)
{
    struct command c;
    command_begin(&c, name, 0);
    amf0_put_null(&c.amf);
    put_info(&c.amf, "status", code, text);
    amf0_put_end(&c.amf);
    command_end(&c, w, CHUNK_STREAM_COMMAND, 0);
}

void message_put_status(struct message_writer *w, uint32_t stream_id, const char *level,
                        const char *code, const char *text)
{
    struct command c;
    command_begin(&c, "onStatus", 0);
    amf0_put_null(&c.amf);
    put_info(&c.amf, level, code, text);
    amf0_put_end(&c.amf);
    command_end(&c, w, CHUNK_STREAM_STATUS, stream_id);
}

void message_put_reconnect(struct message_writer *w, const char *tc_url, const char *text)
{
    struct command c;
    command_begin(&c, "onStatus", 0);
    amf0_put_null(&c.amf);
    put_info(&c.amf, "status", "NetConnection.Connect.ReconnectRequest", text);
    if (tc_url != NULL) {
        put_text_member(&c.amf, "tcUrl", tc_url);
    }
    amf0_put_end(&c.amf);
    command_end(&c, w, CHUNK_STREAM_COMMAND, 0);
}
