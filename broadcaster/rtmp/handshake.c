#include "broadcaster/rtmp/handshake.h"

#include <string.h>

#define VERSION_PLAIN           3
#define VERSION_ENCRYPTED_FIRST 6 /* RTMPE and its successors */
#define VERSION_ENCRYPTED_LAST  9
#define S1_HEADER_BYTES         8 /* time and version; version 0 tells clients "no digest" */

void handshake_init(struct handshake *h)
{
    h->versioned = false;
    h->got = 0;
}

bool handshake_done(const struct handshake *h)
{
    return h->got == 2 * HANDSHAKE_BLOCK_BYTES;
}

static enum err read_version(struct span *in)
{
    uint8_t version;
    enum err e = span_read_u8(in, &version);
    if (e != ERR_OK || version == VERSION_PLAIN) {
        return e;
    }
    bool encrypted = version >= VERSION_ENCRYPTED_FIRST && version <= VERSION_ENCRYPTED_LAST;
    return encrypted ? ERR_UNSUPPORTED : ERR_PROTO;
}

/* The filler of S1 need not be secret (5.2.3), only unlike other connections': it is stirred from
 * the client's own. */
static void fill(uint8_t *out, size_t len, const uint8_t *c1)
{
    uint64_t x = 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < HANDSHAKE_BLOCK_BYTES; i++) {
        x = (x ^ c1[i]) * 0x100000001b3u;
    }
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        out[i] = (uint8_t)(x >> 32 | 1);
    }
}

/* S2 repeats all of C1, its second time field too: some clients compare the whole. */
static enum err answer(const struct handshake *h, struct buf *out)
{
    uint8_t s1[HANDSHAKE_BLOCK_BYTES] = {0};
    fill(s1 + S1_HEADER_BYTES, sizeof s1 - S1_HEADER_BYTES, h->c1);
    enum err e = buf_put_u8(out, VERSION_PLAIN);
    if (e == ERR_OK) {
        e = buf_put(out, span_of(s1, sizeof s1));
    }
    return e == ERR_OK ? buf_put(out, span_of(h->c1, sizeof h->c1)) : e;
}

enum err handshake_feed(struct handshake *h, struct span *in, struct buf *out)
{
    while (in->len > 0 && !handshake_done(h)) {
        if (!h->versioned) {
            enum err e = read_version(in);
            if (e != ERR_OK) {
                return e;
            }
            h->versioned = true;
            continue;
        }
        bool in_c1 = h->got < HANDSHAKE_BLOCK_BYTES;
        size_t left = (in_c1 ? 1u : 2u) * HANDSHAKE_BLOCK_BYTES - h->got;
        size_t n = in->len < left ? in->len : left;
        if (in_c1) {
            memcpy(h->c1 + h->got, in->data, n);
        }
        h->got += n;
        in->data += n;
        in->len -= n;
        if (in_c1 && n == left) {
            enum err e = answer(h, out);
            if (e != ERR_OK) {
                return e;
            }
        }
    }
    return ERR_OK;
}
