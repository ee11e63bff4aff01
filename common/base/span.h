/* A borrowed run of bytes, and checked reading from its front. Nothing here allocates. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct span {
    const uint8_t *data;
    size_t len;
};

struct span span_of(const void *data, size_t len);

/* The bytes of a NUL-terminated string, without the NUL. */
struct span span_cstr(const char *s);

bool span_equal(struct span a, struct span b);

/* All of s as a decimal number: digits alone, one at least. False, with nothing written, when it is
 * none or is above max. */
bool span_decimal(struct span s, uint64_t max, uint64_t *ret_v);

/* Takes the first line from the front, without its LF or CRLF; the last line may lack one. */
struct span span_take_line(struct span *s);

/* Readers: take from the front of *s and move it on. ERR_PROTO, with nothing moved and nothing
 * written, when too few bytes are left. Big-endian unless the name says le. */
enum err span_read_u8(struct span *s, uint8_t *ret_v) CHECKED;
enum err span_read_be16(struct span *s, uint16_t *ret_v) CHECKED;
enum err span_read_be24(struct span *s, uint32_t *ret_v) CHECKED;
enum err span_read_be32(struct span *s, uint32_t *ret_v) CHECKED;
enum err span_read_be64(struct span *s, uint64_t *ret_v) CHECKED;
enum err span_read_le32(struct span *s, uint32_t *ret_v) CHECKED;

/* Takes n bytes from the front as a span of their own (borrowed from the same memory). */
enum err span_read_bytes(struct span *s, size_t n, struct span *ret_bytes) CHECKED;

#endif
