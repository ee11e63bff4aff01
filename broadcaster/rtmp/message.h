/* RTMP messages (RTMP 1.0, 5.4, 6 and 7): their types, and the ones that a server sends. Pure. */
#ifndef BROADCASTER_RTMP_MESSAGE_H
#define BROADCASTER_RTMP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum message_type {
    MESSAGE_SET_CHUNK_SIZE = 1,
    MESSAGE_ABORT = 2,
    MESSAGE_ACKNOWLEDGEMENT = 3,
    MESSAGE_USER_CONTROL = 4,
    MESSAGE_WINDOW_ACK_SIZE = 5,
    MESSAGE_SET_PEER_BANDWIDTH = 6,
    MESSAGE_AUDIO = 8,
    MESSAGE_VIDEO = 9,
    MESSAGE_DATA_AMF3 = 15,
    MESSAGE_COMMAND_AMF3 = 17,
    MESSAGE_DATA_AMF0 = 18,
    MESSAGE_COMMAND_AMF0 = 20,
    MESSAGE_AGGREGATE = 22,
};

enum user_control {
    USER_CONTROL_STREAM_BEGIN = 0,
    USER_CONTROL_STREAM_EOF = 1,
    USER_CONTROL_PING_REQUEST = 6,
    USER_CONTROL_PING_RESPONSE = 7,
};

/* Audio, video, data and aggregates: what may be large. */
bool message_is_media(uint8_t type);

/* Writes whole messages to out, in chunks of chunk_size; remembers the first failure of out and
 * then does nothing more. */
struct message_writer {
    struct buf *out;
    uint32_t chunk_size;
    enum err err;
};

/* Protocol control with one number (5.4): SET_CHUNK_SIZE, which also sets the writer's own,
 * ACKNOWLEDGEMENT, WINDOW_ACK_SIZE. */
void message_put_control(struct message_writer *w, enum message_type type, uint32_t value);
void message_put_peer_bandwidth(struct message_writer *w, uint32_t window_bytes);
void message_put_user_control(struct message_writer *w, enum user_control event, uint32_t value);

/* Answers to commands (7.2), by transaction id. That to connect tells also what is known here of
 * Enhanced RTMP (v2, "Enhancing NetConnection connect Command"). */
void message_put_connect_result(struct message_writer *w, double transaction);
void message_put_number_result(struct message_writer *w, double transaction, double number);
void message_put_empty_result(struct message_writer *w, double transaction);
void message_put_error(struct message_writer *w, double transaction, const char *code,
                       const char *text);

/* onFCPublish or onFCUnpublish. */
void message_put_notice(struct message_writer *w, const char *name, const char *code,
                        const char *text);

/* onStatus on a message stream. level: "status" or "error". */
void message_put_status(struct message_writer *w, uint32_t stream_id, const char *level,
                        const char *code, const char *text);

/* onStatus of the connection: NetConnection.Connect.ReconnectRequest. tc_url may be NULL. */
void message_put_reconnect(struct message_writer *w, const char *tc_url, const char *text);

#endif
