#include "broadcaster/rtmp/handshake.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/rtmp/digest.h"
#include "tests/support/unit.h"

#define CORPUS    "tests/fuzz/corpus/rtmp_session/"
#define C1_AT     1
#define REPLY_LEN (1 + 2 * HANDSHAKE_BLOCK_BYTES)

static void fill_block(uint8_t *block, unsigned seed)
{
    srand(seed);
    for (size_t i = 0; i < HANDSHAKE_BLOCK_BYTES; i++) {
        block[i] = (uint8_t)rand();
    }
}

/* C0 and C1; the answer goes to out. */
static void greet(struct handshake *h, const uint8_t *c1, struct buf *out)
{
    uint8_t bytes[1 + HANDSHAKE_BLOCK_BYTES] = {3};
    memcpy(bytes + 1, c1, HANDSHAKE_BLOCK_BYTES);
    struct span in = span_of(bytes, sizeof bytes);
    handshake_init(h);
    buf_init(out, 10000);
    ck_assert_int_eq(handshake_feed(h, &in, out), ERR_OK);
    ck_assert_uint_eq(in.len, 0);
    ck_assert_uint_eq(out->len, REPLY_LEN); /* all of it at once */
    ck_assert_int_eq(out->data[0], 3);
}

static const uint8_t *s1_of(const struct buf *out)
{
    return out->data + 1;
}

static const uint8_t *s2_of(const struct buf *out)
{
    return out->data + 1 + HANDSHAKE_BLOCK_BYTES;
}

static void check_simple(const uint8_t *c1)
{
    struct handshake h;
    struct buf out;
    greet(&h, c1, &out);
    ck_assert_mem_eq(s2_of(&out), c1, HANDSHAKE_BLOCK_BYTES);
    ck_assert_mem_eq(s1_of(&out) + 4, "\0\0\0\0", 4);
    buf_fini(&out);
}

/* Fact 1: digests at both places, found and answered. */
START_TEST(digests_of_both_schemas)
{
    for (unsigned i = 0; i < 200; i++) {
        uint8_t c1[HANDSHAKE_BLOCK_BYTES];
        struct handshake h;
        struct buf out;
        enum digest_schema schema = i % 2 ? DIGEST_SCHEMA_FIRST_HALF : DIGEST_SCHEMA_SECOND_HALF;
        enum digest_schema found;
        const uint8_t *mine, *digest;
        fill_block(c1, i);
        digest_sign(c1, DIGEST_CLIENT, schema);
        ck_assert_int_eq(digest_find(c1, DIGEST_CLIENT, &found, &mine), ERR_OK);
        ck_assert_int_eq(found, schema);
        greet(&h, c1, &out);
        ck_assert_int_ge(s1_of(&out)[4], 3);
        ck_assert_int_eq(digest_find(s1_of(&out), DIGEST_SERVER, &found, &digest), ERR_OK);
        ck_assert_int_eq(found, schema);
        ck_assert(digest_check_answer(s2_of(&out), DIGEST_SERVER, mine));
        ck_assert(!digest_check_answer(s2_of(&out), DIGEST_CLIENT, mine));
        buf_fini(&out);
    }
}
END_TEST

/* Fact 1: no digest, a broken one, or version 0: the simple form, never a refusal. */
START_TEST(the_simple_form)
{
    uint8_t c1[HANDSHAKE_BLOCK_BYTES];
    enum digest_schema schema;
    const uint8_t *digest;
    fill_block(c1, 1);
    check_simple(c1);
    digest_sign(c1, DIGEST_CLIENT, DIGEST_SCHEMA_FIRST_HALF);
    c1[1535] ^= 1;
    check_simple(c1);
    memset(c1 + 4, 0, 4);
    digest_sign(c1, DIGEST_CLIENT, DIGEST_SCHEMA_FIRST_HALF);
    ck_assert_int_eq(digest_find(c1, DIGEST_CLIENT, &schema, &digest), ERR_OK);
    check_simple(c1);
    memset(c1, 0, sizeof c1);
    check_simple(c1);
    memset(c1, 0xff, sizeof c1);
    check_simple(c1);
}
END_TEST

/* Made by others: what ffmpeg sent (librtmp and GStreamer send version 0). */
static void check_capture(const char *name)
{
    char path[200];
    uint8_t bytes[C1_AT + HANDSHAKE_BLOCK_BYTES];
    snprintf(path, sizeof path, CORPUS "%s", name);
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s cannot be opened: run this from the top of the tree", path);
    ck_assert_uint_eq(fread(bytes, 1, sizeof bytes, f), sizeof bytes);
    fclose(f);
    enum digest_schema schema;
    const uint8_t *digest;
    ck_assert_msg(digest_find(bytes + C1_AT, DIGEST_CLIENT, &schema, &digest) == ERR_OK, "%s",
                  name);
    struct handshake h;
    struct buf out;
    greet(&h, bytes + C1_AT, &out);
    ck_assert_int_eq(digest_find(s1_of(&out), DIGEST_SERVER, &schema, &digest), ERR_OK);
    buf_fini(&out);
}

START_TEST(digests_of_real_clients)
{
    check_capture("ffmpeg_bframes");
    check_capture("ffmpeg_extended_time");
}
END_TEST

/* Fact 2: whatever C2 is; fact 1: what comes with it is not lost. */
START_TEST(any_c2_and_its_tail)
{
    uint8_t c1[HANDSHAKE_BLOCK_BYTES], tail[HANDSHAKE_BLOCK_BYTES + 7];
    struct handshake h;
    struct buf out;
    fill_block(c1, 1);
    greet(&h, c1, &out);
    memset(tail, 0xee, sizeof tail);
    memcpy(tail + HANDSHAKE_BLOCK_BYTES, "connect", 7);
    struct span in = span_of(tail, sizeof tail);
    ck_assert(!handshake_done(&h));
    ck_assert_int_eq(handshake_feed(&h, &in, &out), ERR_OK);
    ck_assert(handshake_done(&h));
    ck_assert(span_equal(in, span_cstr("connect")));
    ck_assert_uint_eq(out.len, REPLY_LEN);
    buf_fini(&out);
}
END_TEST

START_TEST(bytewise_and_all_at_once)
{
    uint8_t bytes[1 + 2 * HANDSHAKE_BLOCK_BYTES] = {3};
    struct handshake h;
    struct buf out;
    fill_block(bytes + 1, 4);
    digest_sign(bytes + 1, DIGEST_CLIENT, DIGEST_SCHEMA_SECOND_HALF);
    for (size_t piece = 1; piece < sizeof bytes; piece = piece * 7 + 1) {
        handshake_init(&h);
        buf_init(&out, 10000);
        for (size_t at = 0; at < sizeof bytes; at += piece) {
            size_t n = sizeof bytes - at < piece ? sizeof bytes - at : piece;
            struct span in = span_of(bytes + at, n);
            ck_assert(!handshake_done(&h));
            ck_assert_int_eq(handshake_feed(&h, &in, &out), ERR_OK);
        }
        ck_assert(handshake_done(&h));
        ck_assert_uint_eq(out.len, REPLY_LEN);
        buf_fini(&out);
    }
}
END_TEST

START_TEST(not_for_us)
{
    for (int version = 0; version < 256; version++) {
        uint8_t byte = (uint8_t)version;
        struct span in = span_of(&byte, 1);
        struct handshake h;
        struct buf out;
        handshake_init(&h);
        buf_init(&out, 10000);
        ck_assert_int_eq(handshake_feed(&h, &in, &out), version == 3 ? ERR_OK
                                                        : version >= 6 && version <= 9
                                                            ? ERR_UNSUPPORTED
                                                            : ERR_PROTO);
        buf_fini(&out);
    }
}
END_TEST

START_TEST(no_memory)
{
    uint8_t bytes[1 + HANDSHAKE_BLOCK_BYTES] = {3};
    size_t n = 0;
    bool failed = true;
    while (failed) {
        struct handshake h;
        struct buf out;
        struct span in = span_of(bytes, sizeof bytes);
        handshake_init(&h);
        buf_init(&out, 10000);
        mem_fail_nth(++n);
        enum err e = handshake_feed(&h, &in, &out);
        failed = mem_has_failed();
        mem_fail_nth(0);
        ck_assert_int_eq(e, failed ? ERR_NOMEM : ERR_OK);
        buf_fini(&out);
    }
    ck_assert_uint_gt(n, 1);
}
END_TEST

UNIT_MAIN("handshake", digests_of_both_schemas, the_simple_form, digests_of_real_clients,
          any_c2_and_its_tail, bytewise_and_all_at_once, not_for_us, no_memory)
