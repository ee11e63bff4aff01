#include "base/span.h"

#include <string.h>

struct span span_of(const void *data, size_t len)
{
    return (struct span){data, len};
}

struct span span_cstr(const char *s)
{
    return span_of(s, strlen(s));
}

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool span_decimal(struct span s, uint64_t max, uint64_t *ret_v)
{
    uint64_t v = 0;
    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)s.data[i] - '0';
        if (digit > 9 || digit > max || v > (max - digit) / 10) {
            return false;
        }
        v = v * 10 + digit;
    }
    *ret_v = v;
    return true;
}

struct span span_take_line(struct span *s)
{
    const uint8_t *lf = s->len > 0 ? memchr(s->data, '\n', s->len) : NULL;
    struct span line = span_of(s->data, lf != NULL ? (size_t)(lf - s->data) : s->len);
    size_t taken = line.len + (lf != NULL ? 1 : 0);
    *s = taken < s->len ? span_of(s->data + taken, s->len - taken) : span_of(NULL, 0);
    if (line.len > 0 && line.data[line.len - 1] == '\r') {
        line.len--;
    }
    return line;
}

static enum err read_be(struct span *s, size_t n, uint64_t *ret_v)
{
    if (s->len < n) {
        return ERR_PROTO;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | s->data[i];
    }
    s->data += n;
    s->len -= n;
    *ret_v = v;
    return ERR_OK;
}

#define READER(name, n, type)                                                                      \
    enum err name(struct span *s, type *ret_v)                                                     \
    {                                                                                              \
        uint64_t v;                                                                                \
        enum err e = read_be(s, n, &v);                                                            \
        if (e == ERR_OK) {                                                                         \
            *ret_v = (type)v;                                                                      \
        }                                                                                          \
        return e;                                                                                  \
    }

READER(span_read_u8, 1, uint8_t)
READER(span_read_be16, 2, uint16_t)
READER(span_read_be24, 3, uint32_t)
READER(span_read_be32, 4, uint32_t)
READER(span_read_be64, 8, uint64_t)

enum err span_read_le32(struct span *s, uint32_t *ret_v)
{
    uint64_t v;
    enum err e = read_be(s, 4, &v);
    if (e == ERR_OK) {
        *ret_v = __builtin_bswap32((uint32_t)v);
    }
    return e;
}

enum err span_read_bytes(struct span *s, size_t n, struct span *ret_bytes)
{
    if (s->len < n) {
        return ERR_PROTO;
    }
    *ret_bytes = span_of(s->data, n);
    s->data += n;
    s->len -= n;
    return ERR_OK;
}
