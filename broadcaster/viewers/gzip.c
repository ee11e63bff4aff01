#include "broadcaster/viewers/gzip.h"

#include <stdint.h>
#include <zlib.h>

#include "base/mem.h"

#define LEVEL            6
#define GZIP_FORM        16 /* added to the window's size: zlib's word for the form */
#define WINDOW_BITS_MIN  9
#define WINDOW_BITS_MAX  15
#define MEMORY_LEVEL_MIN 3 /* hash tables of 2^(level + 7) places: most of what is cleared */
#define MEMORY_LEVEL_MAX 8
#define BITS_ABOVE_LEVEL 6 /* so that the tables fit the window */

static void *allocate(void *arg, unsigned n, unsigned size)
{
    return mem_try_alloc((size_t)n * size);
}

static void release(void *arg, void *p)
{
    mem_free(p);
}

/* A window that the text fills: a playlist needs no 256 kB of tables. */
static int window_bits(size_t len)
{
    int bits = WINDOW_BITS_MIN;
    while (bits < WINDOW_BITS_MAX && ((size_t)1 << bits) < len) {
        bits++;
    }
    return bits;
}

static int memory_level(int bits)
{
    int level = bits - BITS_ABOVE_LEVEL;
    return level < MEMORY_LEVEL_MIN   ? MEMORY_LEVEL_MIN
           : level > MEMORY_LEVEL_MAX ? MEMORY_LEVEL_MAX
                                      : level;
}

/* Into at most room bytes: what does not fit has not become shorter. */
static enum err deflate_into(struct span plain, uint8_t *to, size_t room, size_t *ret_len)
{
    z_stream z = {.zalloc = allocate, .zfree = release};
    int bits = window_bits(plain.len);
    if (deflateInit2(&z, LEVEL, Z_DEFLATED, bits + GZIP_FORM, memory_level(bits),
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return ERR_NOMEM;
    }
    z.next_in = (Bytef *)(uintptr_t)plain.data;
    z.avail_in = (uInt)plain.len;
    z.next_out = to;
    z.avail_out = (uInt)room;
    int result = deflate(&z, Z_FINISH);
    size_t len = room - z.avail_out;
    deflateEnd(&z);
    if (result != Z_STREAM_END) {
        return ERR_NOENT;
    }
    *ret_len = len;
    return ERR_OK;
}

enum err gzip_span(struct span plain, struct blob **ret_gzip)
{
    if (plain.len < GZIP_WORTH_BYTES || plain.len > GZIP_BYTES_MAX) {
        return ERR_NOENT;
    }
    uint8_t *room = mem_try_realloc(NULL, plain.len);
    if (room == NULL) {
        return ERR_NOMEM;
    }
    size_t len = 0;
    struct blob *b = NULL;
    enum err e = deflate_into(plain, room, plain.len - 1, &len);
    if (e == ERR_OK) {
        b = blob_copy(span_of(room, len));
        e = b != NULL ? ERR_OK : ERR_NOMEM;
    }
    mem_free(room);
    if (e == ERR_OK) {
        *ret_gzip = b;
    }
    return e;
}

enum err gzip_blob(const struct blob *plain, struct blob **ret_gzip)
{
    return gzip_span(blob_span(plain), ret_gzip);
}
