/* A publisher gone mad after it was let in: every input comes behind a handshake, connect and an
 * accepted publish. Its first byte says how the bytes are cut into reads, whether codec headers
 * came before, how large its chunks are, and whether it is thrown out at its first picture. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broadcaster/rtmp/session.h"
#include "tests/fuzz/rtmp_listener.h"

#define HANDSHAKE_BYTES   3073
#define VERSION           3
#define FLAG_HEADERS      0x80 /* H.264 and AAC */
#define FLAG_LARGE_CHUNKS 0x40
#define CUT_MASK          0x1f

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t chunk_size[] = {2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff};

static const uint8_t connect_command[] = {
    3, 0, 0, 0,   0,   0,   0x24, 20,  0,   0,   0,   0,                            /* header */
    2, 0, 7, 'c', 'o', 'n', 'n',  'e', 'c', 't', 0,   0x3f, 0xf0, 0, 0, 0, 0, 0, 0, /**/
    3, 0, 3, 'a', 'p', 'p', 2,    0,   4,   'l', 'i', 'v',  'e',  0, 0, 9, 5};

static const uint8_t publish_command[] = {
    3, 0, 0, 0,   0,   0,   0x1c, 20,  1,   0,   0, 0,                      /* header */
    2, 0, 7, 'p', 'u', 'b', 'l',  'i', 's', 'h', 0, 0, 0, 0, 0, 0, 0, 0, 0, /**/
    5, 2, 0, 5,   'm', 'o', 'v',  'i', 'e'};

static const uint8_t headers[] = {
    6,    0,    0,    0,    0,    0,    0x2e, 9,    1,    0,    0,    0, /* x264, 320x240 */
    0x17, 0,    0,    0,    0,    0x01, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0x00, 0x16, 0x67, 0x42, 0xc0,
    0x0d, 0xda, 0x05, 0x07, 0xec, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00, 0x00, 0x0f, 0x03,
    0xc5, 0x0a, 0xa8, 0x01, 0x00, 0x04, 0x68, 0xce, 0x0f, 0xc8, /**/
    4,    0,    0,    0,    0,    0,    4,    8,    1,    0,    0,    0,    0xaf, 0,    0x12, 0x10};

static void begin(struct listener *l, uint8_t flags)
{
    static const uint8_t handshake[HANDSHAKE_BYTES] = {VERSION};
    feed(l, handshake, sizeof handshake, 0);
    feed(l, connect_command, sizeof connect_command, 0);
    feed(l, publish_command, sizeof publish_command, 0);
    check(rtmp_session_publishing(l->session));
    if ((flags & FLAG_LARGE_CHUNKS) != 0) {
        feed(l, chunk_size, sizeof chunk_size, 0);
    }
    if ((flags & FLAG_HEADERS) != 0) {
        feed(l, headers, sizeof headers, 0);
    }
    check(rtmp_session_publishing(l->session));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct listener l = {.flags = 0};
    if (size == 0) {
        return 0;
    }
    l.session = rtmp_session_create(on_event, &l);
    begin(&l, data[0]);
    l.flags = data[0] & FLAG_CLOSE_EARLY;
    feed(&l, data + 1, size - 1, data[0] & CUT_MASK);
    rtmp_session_destroy(l.session);
    check(blob_live_bytes() == 0);
    return 0;
}
