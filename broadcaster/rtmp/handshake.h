/* The server's side of the RTMP handshake (RTMP 1.0, 5.2). A client that puts a digest into its C1
 * gets digests in S1 and S2, any other one the simple form; nobody is refused over a digest, and C2
 * is taken as it comes: some encoders send it wrong. Pure. */
#ifndef BROADCASTER_RTMP_HANDSHAKE_H
#define BROADCASTER_RTMP_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define HANDSHAKE_BLOCK_BYTES 1536 /* C1, C2, S1 and S2 */

struct handshake {
    bool versioned; /* C0 has come */
    size_t got;     /* bytes of C1 and C2 so far */
    uint8_t c1[HANDSHAKE_BLOCK_BYTES];
};

void handshake_init(struct handshake *h);

/* Takes what belongs to the handshake from the front of *in; S0, S1 and S2 go to out, together,
 * when C1 is complete. ERR_PROTO: not RTMP; ERR_UNSUPPORTED: an encrypted form (RTMPE); ERR_LIMIT,
 * ERR_NOMEM: from out. */
enum err handshake_feed(struct handshake *h, struct span *in, struct buf *out) CHECKED;

bool handshake_done(const struct handshake *h);

#endif
