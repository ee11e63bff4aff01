#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define BUF_FIRST_CAP 256

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max = max_bytes};
}

void buf_fini(struct buf *b)
{
    mem_free(b->data);
    *b = (struct buf){.max = b->max};
}

struct span buf_span(const struct buf *b)
{
    return span_of(b->data, b->len);
}

/* Allocates one byte more than cap, for the NUL that vsnprintf ends with. */
static enum err make_room(struct buf *b, size_t n)
{
    if (n > b->max - b->len) {
        return ERR_LIMIT;
    }
    size_t need = b->len + n;
    if (need <= b->cap && b->data != NULL) {
        return ERR_OK;
    }
    size_t cap = b->cap > 0 ? b->cap : BUF_FIRST_CAP;
    while (cap < need) {
        cap = cap > b->max / 2 ? b->max : cap * 2;
    }
    uint8_t *data = cap < SIZE_MAX ? mem_try_realloc(b->data, cap + 1) : NULL;
    if (data == NULL) {
        return ERR_NOMEM;
    }
    b->data = data;
    b->cap = cap;
    return ERR_OK;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
    return make_room(b, n) == ERR_OK ? b->data + b->len : NULL;
}

void buf_grow(struct buf *b, size_t n)
{
    assert(n <= b->cap - b->len);
    b->len += n;
}

enum err buf_put(struct buf *b, struct span bytes)
{
    enum err e = make_room(b, bytes.len);
    if (e == ERR_OK && bytes.len > 0) {
        memcpy(b->data + b->len, bytes.data, bytes.len);
        b->len += bytes.len;
    }
    return e;
}

static enum err put_be(struct buf *b, uint64_t v, size_t n)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    }
    return buf_put(b, span_of(bytes, n));
}

enum err buf_put_u8(struct buf *b, uint8_t v)
{
    return put_be(b, v, 1);
}

enum err buf_put_be16(struct buf *b, uint16_t v)
{
    return put_be(b, v, 2);
}

enum err buf_put_be24(struct buf *b, uint32_t v)
{
    return put_be(b, v, 3);
}

enum err buf_put_be32(struct buf *b, uint32_t v)
{
    return put_be(b, v, 4);
}

enum err buf_put_be64(struct buf *b, uint64_t v)
{
    return put_be(b, v, 8);
}

enum err buf_put_le32(struct buf *b, uint32_t v)
{
    return put_be(b, __builtin_bswap32(v), 4);
}

enum err buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    enum err e = n < 0 ? ERR_IO : make_room(b, (size_t)n);
    if (e == ERR_OK) {
        vsnprintf((char *)b->data + b->len, (size_t)n + 1, format, again);
        b->len += (size_t)n;
    }
    va_end(again);
    return e;
}

void buf_drop(struct buf *b, size_t n)
{
    assert(n <= b->len);
    if (n > 0) {
        memmove(b->data, b->data + n, b->len - n);
        b->len -= n;
    }
}

void buf_clear(struct buf *b)
{
    b->len = 0;
}
