#include "broadcaster/viewers/gzip.h"

#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "tests/support/unit.h"

#define TEXT_MAX (8 * 1024 * 1024)

/* Something like a playlist, at least len bytes. */
static struct buf playlist(size_t len)
{
    struct buf b;
    buf_init(&b, TEXT_MAX);
    for (unsigned i = 0; b.len < len; i++) {
        ck_assert_int_eq(buf_printf(&b, "#EXTINF:2.000,\n/stream/hello/source/%u.ts\n", i * 7),
                         ERR_OK);
    }
    return b;
}

/* As any client undoes it, with the header and the checksum that belong to it. */
static void undoes(const struct blob *gzip, struct span plain)
{
    struct span in = blob_span(gzip);
    uint8_t *out = mem_alloc(plain.len + 1);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in.data,
                  .avail_in = (uInt)in.len,
                  .next_out = out,
                  .avail_out = (uInt)plain.len + 1};
    ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
    ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
    ck_assert_uint_eq(z.avail_in, 0);
    ck_assert(span_equal(span_of(out, z.total_out), plain));
    inflateEnd(&z);
    mem_free(out);
}

START_TEST(sizes)
{
    const size_t lens[] = {GZIP_WORTH_BYTES, 300, 511, 513, 4000, 33000, 1000000};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        struct buf b = playlist(lens[i]);
        struct blob *one = NULL, *two = NULL;
        ck_assert_int_eq(gzip_span(buf_span(&b), &one), ERR_OK);
        ck_assert_int_eq(gzip_span(buf_span(&b), &two), ERR_OK);
        ck_assert_uint_lt(blob_span(one).len, b.len);
        ck_assert(span_equal(blob_span(one), blob_span(two)));
        undoes(one, buf_span(&b));
        blob_unref(one);
        blob_unref(two);
        buf_fini(&b);
    }
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(says_no_time)
{
    struct buf b = playlist(1000);
    struct blob *gzip = NULL;
    ck_assert_int_eq(gzip_span(buf_span(&b), &gzip), ERR_OK);
    ck_assert_mem_eq(blob_span(gzip).data, "\x1f\x8b\x08\0\0\0\0\0", 8);
    blob_unref(gzip);
    buf_fini(&b);
}
END_TEST

START_TEST(not_worth_it)
{
    struct blob *gzip = NULL;
    uint8_t noise[1000];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof noise; i++) {
        x = x * 1664525u + 1013904223u;
        noise[i] = (uint8_t)(x >> 24);
    }
    struct buf b = playlist(GZIP_BYTES_MAX + 1);
    ck_assert_int_eq(gzip_span(span_of(noise, sizeof noise), &gzip), ERR_NOENT);
    ck_assert_int_eq(gzip_span(span_of(b.data, GZIP_WORTH_BYTES - 1), &gzip), ERR_NOENT);
    ck_assert_int_eq(gzip_span(buf_span(&b), &gzip), ERR_NOENT);
    ck_assert_int_eq(gzip_span(span_of(NULL, 0), &gzip), ERR_NOENT);
    ck_assert_ptr_null(gzip);
    buf_fini(&b);
}
END_TEST

START_TEST(every_allocation_fails_in_turn)
{
    struct buf b = playlist(1000);
    struct blob *gzip = NULL;
    enum err e = ERR_NOMEM;
    for (size_t i = 1; e != ERR_OK; i++) {
        ck_assert_uint_lt(i, 100);
        mem_fail_nth(i);
        e = gzip_span(buf_span(&b), &gzip);
        ck_assert(mem_has_failed() ? e == ERR_NOMEM && gzip == NULL : e == ERR_OK);
    }
    mem_fail_nth(0);
    undoes(gzip, buf_span(&b));
    blob_unref(gzip);
    buf_fini(&b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

UNIT_MAIN("gzip", sizes, says_no_time, not_worth_it, every_allocation_fails_in_turn)
