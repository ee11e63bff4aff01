#include "broadcaster/rtmp/handshake.h"

#include <string.h>

#include "broadcaster/rtmp/digest.h"

#define VERSION_PLAIN           3
#define VERSION_ENCRYPTED_FIRST 6 /* RTMPE and its successors */
#define VERSION_ENCRYPTED_LAST  9
#define S1_HEADER_BYTES         8 /* time and version */
#define VERSION_AT              4
#define VERSION_BYTES           4

/* What S1 says that we are, when it has a digest: clients look for one from version 3 on. Version 0
 * says that there is none. */
static const uint8_t digest_version[VERSION_BYTES] = {4, 5, 0, 1};

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

/* A client of version 0 has no digest; one of another version may have. */
static bool find_digest(const uint8_t *c1, enum digest_schema *ret_schema,
                        const uint8_t **ret_digest)
{
    static const uint8_t none[VERSION_BYTES] = {0};
    return memcmp(c1 + VERSION_AT, none, sizeof none) != 0 &&
           digest_find(c1, DIGEST_CLIENT, ret_schema, ret_digest) == ERR_OK;
}

/* Without digests S2 repeats all of C1, its second time field too: some clients compare the whole.
 */
static enum err answer(const struct handshake *h, struct buf *out)
{
    uint8_t blocks[2 * HANDSHAKE_BLOCK_BYTES] = {0}, *s1 = blocks, *s2 = s1 + HANDSHAKE_BLOCK_BYTES;
    enum digest_schema schema;
    const uint8_t *digest;
    fill(s1 + S1_HEADER_BYTES, HANDSHAKE_BLOCK_BYTES - S1_HEADER_BYTES, h->c1);
    memcpy(s2, h->c1, HANDSHAKE_BLOCK_BYTES);
    if (find_digest(h->c1, &schema, &digest)) {
        memcpy(s1 + VERSION_AT, digest_version, sizeof digest_version);
        digest_sign(s1, DIGEST_SERVER, schema);
        digest_sign_answer(s2, DIGEST_SERVER, digest);
    }
    enum err e = buf_put_u8(out, VERSION_PLAIN);
    return e == ERR_OK ? buf_put(out, span_of(blocks, sizeof blocks)) : e;
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
