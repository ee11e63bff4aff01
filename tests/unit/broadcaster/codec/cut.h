/* Bytes for the readers' tests: from hexadecimal text, and cut short with nothing behind them. */
#ifndef TESTS_CODEC_CUT_H
#define TESTS_CODEC_CUT_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"

#define BYTES(...) span_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static inline uint8_t cut_digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* All that was made of text: what a test does not free is no leak. */
struct cut {
    struct cut *next;
    uint8_t *bytes;
};

/* Lives until the process ends, or cut_free. */
static inline struct span cut_hex(const char *hex)
{
    static struct cut *all;
    size_t n = strlen(hex) / 2;
    uint8_t *bytes = malloc(n > 0 ? n : 1);
    struct cut *cut = malloc(sizeof *cut);
    ck_assert(bytes != NULL && cut != NULL);
    *cut = (struct cut){all, bytes};
    all = cut;
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(cut_digit(hex[2 * i]) << 4 | cut_digit(hex[2 * i + 1]));
    }
    return span_of(bytes, n);
}

/* Its first n bytes in memory of exactly that size, so that a sanitizer sees one too many. */
static inline struct span cut_at(struct span whole, size_t n)
{
    uint8_t *bytes = malloc(n > 0 ? n : 1);
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, whole.data, n);
    return span_of(bytes, n);
}

static inline void cut_free(struct span s)
{
    free((void *)(uintptr_t)s.data);
}

#endif
