/* The RTMP chunk stream (RTMP 1.0, 5.3): from bytes to whole messages, and back. Pure. A message's
 * body is collected where it will stay: in the blob that is handed out. */
#ifndef BROADCASTER_RTMP_CHUNK_H
#define BROADCASTER_RTMP_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define CHUNK_SIZE_DEFAULT 128
#define CHUNK_SIZE_MAX     0xffffff /* no message is longer (5.4.1) */
#define CHUNK_STREAMS_MAX  64       /* chunk streams that one connection may use */

struct chunk_message {
    uint8_t type;
    uint32_t stream_id;
    uint32_t timestamp; /* milliseconds, wrapping */
    struct blob *blob;  /* the body; NULL when empty */
};

/* What a peer may make us hold. Media: audio, video, data and aggregate messages. */
struct chunk_limits {
    size_t message_bytes; /* one message that is not media */
    size_t media_bytes;   /* one media message */
    size_t total_bytes;   /* all messages that have begun and are not complete */
};

struct chunk_reader;

/* Gives. */
struct chunk_reader *chunk_reader_create(const struct chunk_limits *limits);
void chunk_reader_destroy(struct chunk_reader *r); /* takes NULL */

/* For the messages that begin from now on. */
void chunk_reader_set_limits(struct chunk_reader *r, const struct chunk_limits *limits);

/* Takes bytes from the front of *in until a message is complete (ERR_OK; gives its blob) or there
 * are no more (ERR_AGAIN; call again with the next ones). ERR_PROTO, ERR_LIMIT and ERR_NOMEM are
 * final. Tolerated: every form of header; type 1 as the first of a chunk stream; type 3 as the
 * start of a message; extended timestamps that type 3 chunks repeat or do not; whole headers in the
 * middle of a message, which go on with it when length and type are its own and drop it when not.
 */
enum err chunk_reader_feed(struct chunk_reader *r, struct span *in,
                           struct chunk_message *ret_message) CHECKED;

/* True when no message has begun that is not complete. */
bool chunk_reader_is_between(const struct chunk_reader *r);

/* What the protocol control messages Set Chunk Size (5.4.1) and Abort (5.4.2) ask for. ERR_PROTO: a
 * size of 0 or with the top bit set. */
enum err chunk_reader_set_size(struct chunk_reader *r, uint32_t size) CHECKED;
void chunk_reader_abort(struct chunk_reader *r, uint32_t chunk_stream_id);

struct chunk_header {
    uint32_t chunk_stream_id; /* 2..63 */
    uint8_t type;
    uint32_t stream_id;
    uint32_t timestamp;
};

/* As chunk_write, of a body in two parts. */
enum err chunk_write_parts(struct buf *out, uint32_t chunk_size, const struct chunk_header *header,
                           struct span head, struct span rest) CHECKED;

/* Appends one message in chunks of chunk_size. ERR_LIMIT, ERR_NOMEM: from out, which may then hold
 * a part of it. */
enum err chunk_write(struct buf *out, uint32_t chunk_size, const struct chunk_header *header,
                     struct span body) CHECKED;

#endif
