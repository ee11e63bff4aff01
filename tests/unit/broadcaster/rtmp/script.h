/* What an RTMP client sends, written into a buffer, for the tests of the server's side. */
#ifndef TESTS_RTMP_SCRIPT_H
#define TESTS_RTMP_SCRIPT_H

#include <check.h>
#include <string.h>

#include "base/buf.h"
#include "broadcaster/rtmp/amf0.h"
#include "broadcaster/rtmp/chunk.h"
#include "broadcaster/rtmp/message.h"

#define SCRIPT_CHUNK_SIZE 128

static inline void script_handshake(struct buf *b)
{
    uint8_t block[1536];
    memset(block, 0x5a, sizeof block);
    ck_assert_int_eq(buf_put_u8(b, 3), ERR_OK);
    ck_assert_int_eq(buf_put(b, span_of(block, sizeof block)), ERR_OK);
    ck_assert_int_eq(buf_put(b, span_of(block, sizeof block)), ERR_OK);
}

static inline void script_message(struct buf *b, uint8_t type, uint32_t stream_id,
                                  uint32_t timestamp, struct span body)
{
    struct chunk_header h = {.chunk_stream_id = type == MESSAGE_VIDEO ? 6 : 4,
                             .type = type,
                             .stream_id = stream_id,
                             .timestamp = timestamp};
    ck_assert_int_eq(chunk_write(b, SCRIPT_CHUNK_SIZE, &h, body), ERR_OK);
}

/* name, transaction, then null and a text; NULL: no text. */
static inline void script_command(struct buf *b, const char *name, double transaction,
                                  const char *text)
{
    struct buf body;
    buf_init(&body, 65536);
    struct amf0_writer w = {.out = &body};
    amf0_put_string(&w, name);
    amf0_put_number(&w, transaction);
    amf0_put_null(&w);
    if (text != NULL) {
        amf0_put_string(&w, text);
    }
    ck_assert_int_eq(w.err, ERR_OK);
    script_message(b, MESSAGE_COMMAND_AMF0,
                   strcmp(name, "publish") == 0 || strcmp(name, "play") == 0, 0, buf_span(&body));
    buf_fini(&body);
}

static inline void script_connect(struct buf *b, const char *app, const char *tc_url)
{
    struct buf body;
    buf_init(&body, 65536);
    struct amf0_writer w = {.out = &body};
    amf0_put_string(&w, "connect");
    amf0_put_number(&w, 1);
    amf0_put_object(&w);
    if (app != NULL) {
        amf0_put_key(&w, "app");
        amf0_put_string(&w, app);
    }
    amf0_put_key(&w, "tcUrl");
    amf0_put_string(&w, tc_url);
    amf0_put_end(&w);
    ck_assert_int_eq(w.err, ERR_OK);
    script_message(b, MESSAGE_COMMAND_AMF0, 0, 0, buf_span(&body));
    buf_fini(&body);
}

/* Everything up to the publish of app/name. */
static inline void script_begin(struct buf *b, const char *app, const char *name)
{
    script_handshake(b);
    script_connect(b, app, "rtmp://host/app");
    script_command(b, "releaseStream", 2, name);
    script_command(b, "FCPublish", 3, name);
    script_command(b, "createStream", 4, NULL);
    script_command(b, "publish", 5, name);
}

/* x264, ultrafast, 320x240 */
static const uint8_t script_avc_config[] = {
    0x17, 0,    0,    0,    0, /* video tag: key frame, header */
    0x01, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0x00, 0x16, 0x67, 0x42, 0xc0, 0x0d, 0xda,
    0x05, 0x07, 0xec, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00, 0x00, 0x0f,
    0x03, 0xc5, 0x0a, 0xa8, 0x01, 0x00, 0x04, 0x68, 0xce, 0x0f, 0xc8,
};

static const uint8_t script_aac_config[] = {0xaf, 0, 0x12, 0x10};

/* An access unit of one NAL unit of len bytes (5: IDR, 1: other). */
static inline void script_frame(struct buf *b, uint32_t timestamp, int composition_ms, int nal_type,
                                size_t len)
{
    struct buf body;
    buf_init(&body, 1 << 24);
    ck_assert_int_eq(buf_put_u8(&body, nal_type == 5 ? 0x17 : 0x27), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&body, 1), ERR_OK);
    ck_assert_int_eq(buf_put_be24(&body, (uint32_t)composition_ms & 0xffffff), ERR_OK);
    ck_assert_int_eq(buf_put_be32(&body, (uint32_t)len), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&body, (uint8_t)(0x60 | nal_type)), ERR_OK);
    for (size_t i = 1; i < len; i++) {
        ck_assert_int_eq(buf_put_u8(&body, (uint8_t)i), ERR_OK);
    }
    script_message(b, MESSAGE_VIDEO, 1, timestamp, buf_span(&body));
    buf_fini(&body);
}

static inline void script_sound(struct buf *b, uint32_t timestamp)
{
    static const uint8_t body[] = {0xaf, 1, 0x21, 0x10, 0x04};
    script_message(b, MESSAGE_AUDIO, 1, timestamp, span_of(body, sizeof body));
}

static inline void script_headers(struct buf *b)
{
    script_message(b, MESSAGE_VIDEO, 1, 0, span_of(script_avc_config, sizeof script_avc_config));
    script_message(b, MESSAGE_AUDIO, 1, 0, span_of(script_aac_config, sizeof script_aac_config));
}

#endif
