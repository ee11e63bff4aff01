/* An RTMP client gone mad, against the session. An input that begins with 3 is all that a client
 * sends; any other one is what it sends after a handshake, and its first byte says how the bytes
 * are cut into reads and whether the publish is accepted. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broadcaster/rtmp/session.h"
#include "tests/fuzz/rtmp_listener.h"

#define HANDSHAKE_BYTES 3073
#define VERSION         3
#define CUT_MASK        0x1f

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct listener l = {.flags = 0};
    size_t cut = 0;
    if (size == 0) {
        return 0;
    }
    l.session = rtmp_session_create(on_event, &l);
    if (data[0] != VERSION) {
        static const uint8_t handshake[HANDSHAKE_BYTES] = {VERSION};
        feed(&l, handshake, sizeof handshake, 0);
        l.flags = data[0];
        cut = data[0] & CUT_MASK;
        data++;
        size--;
    }
    feed(&l, data, size, cut);
    rtmp_session_destroy(l.session);
    check(blob_live_bytes() == 0);
    return 0;
}
