/* A growing run of bytes with a maximum: what writers write to and what stream readers collect in.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max; /* len never passes this */
};

/* Allocates nothing. max_bytes is the named limit of whatever is collected. */
void buf_init(struct buf *b, size_t max_bytes);
void buf_fini(struct buf *b);

/* The content, borrowed until the next change. */
struct span buf_span(const struct buf *b);

/* Appenders: ERR_LIMIT past the maximum, ERR_NOMEM when memory is refused; the content is then
 * unchanged. Numbers are big-endian unless the name says le. */
enum err buf_put(struct buf *b, struct span bytes) CHECKED;
enum err buf_put_u8(struct buf *b, uint8_t v) CHECKED;
enum err buf_put_be16(struct buf *b, uint16_t v) CHECKED;
enum err buf_put_be24(struct buf *b, uint32_t v) CHECKED;
enum err buf_put_be32(struct buf *b, uint32_t v) CHECKED;
enum err buf_put_be64(struct buf *b, uint64_t v) CHECKED;
enum err buf_put_le32(struct buf *b, uint32_t v) CHECKED;
enum err buf_printf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3))) CHECKED;

/* Makes room for n more bytes and returns where they go (not yet part of the content: add them
 * with buf_grow); NULL past the maximum or without memory. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_grow(struct buf *b, size_t n);

/* Drops n bytes from the front (n <= len). */
void buf_drop(struct buf *b, size_t n);

/* Empties it and keeps the memory. */
void buf_clear(struct buf *b);

#endif
