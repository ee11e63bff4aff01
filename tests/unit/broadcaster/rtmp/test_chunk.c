#include "broadcaster/rtmp/chunk.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/rtmp/message.h"
#include "tests/support/unit.h"

static const struct chunk_limits wide = {1 << 20, 1 << 20, 1 << 21};

/* Reads all messages of the bytes, given in pieces of at most `piece` bytes (0: random ones), into
 * a text with one line each. Returns the last outcome; ERR_AGAIN when all was read. */
static enum err read_all(struct span bytes, size_t piece, const struct chunk_limits *limits,
                         uint32_t chunk_size, struct buf *text)
{
    struct chunk_reader *r = chunk_reader_create(limits);
    enum err e = ERR_AGAIN;
    ck_assert_int_eq(chunk_reader_set_size(r, chunk_size), ERR_OK);
    while (bytes.len > 0 && (e == ERR_AGAIN || e == ERR_OK)) {
        size_t n = piece > 0 ? piece : (size_t)(1 + rand() % 9);
        struct span in = span_of(bytes.data, n < bytes.len ? n : bytes.len);
        bytes = span_of(bytes.data + in.len, bytes.len - in.len);
        struct chunk_message m;
        while ((e = chunk_reader_feed(r, &in, &m)) == ERR_OK) {
            uint32_t sum = 0;
            struct span body = blob_span(m.blob);
            for (size_t i = 0; i < body.len; i++) {
                sum = sum * 31 + body.data[i];
            }
            ck_assert_int_eq(buf_printf(text, "%d@%u #%u %zu:%u\n", m.type, m.timestamp,
                                        m.stream_id, body.len, sum),
                             ERR_OK);
            blob_unref(m.blob);
        }
    }
    chunk_reader_destroy(r);
    ck_assert_uint_eq(blob_live_bytes(), 0);
    return e;
}

static void check_read(struct span bytes, uint32_t chunk_size, enum err expected,
                       const char *expected_text)
{
    static const size_t pieces[] = {SIZE_MAX, 1, 2, 3, 5, 0, 0, 0, 0};
    srand(3);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct buf text;
        buf_init(&text, 1 << 20);
        ck_assert_int_eq(read_all(bytes, pieces[i], &wide, chunk_size, &text), expected);
        ck_assert_int_eq(buf_put_u8(&text, 0), ERR_OK);
        ck_assert_str_eq((char *)text.data, expected_text);
        buf_fini(&text);
    }
}

#define BYTES(...) span_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

START_TEST(between_messages)
{
    struct buf out;
    buf_init(&out, 1000);
    struct chunk_header h = {.chunk_stream_id = 4, .type = 8, .stream_id = 1, .timestamp = 7};
    ck_assert_int_eq(chunk_write(&out, 128, &h, BYTES(1, 2, 3, 4)), ERR_OK);
    for (size_t first = 0; first <= out.len; first++) {
        struct chunk_reader *r = chunk_reader_create(&wide);
        struct chunk_message m;
        struct span in = span_of(out.data, first);
        enum err e = chunk_reader_feed(r, &in, &m);
        ck_assert_int_eq(e, first == out.len ? ERR_OK : ERR_AGAIN);
        ck_assert_int_eq(chunk_reader_is_between(r), first == 0 || first == out.len);
        if (e == ERR_OK) {
            blob_unref(m.blob);
        }
        chunk_reader_destroy(r);
    }
    buf_fini(&out);
}
END_TEST

START_TEST(written_and_read)
{
    uint8_t body[1000];
    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (uint8_t)(i * 7);
    }
    static const uint32_t sizes[] = {1, 2, 127, 128, 999, 1000, 1001, CHUNK_SIZE_MAX};
    static const uint32_t times[] = {0, 0xfffffe, 0xffffff, 0x1000000, 0xffffffff};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t j = 0; j < sizeof times / sizeof times[0]; j++) {
            struct buf b, text;
            buf_init(&b, 1 << 20);
            buf_init(&text, 1000);
            struct chunk_header h = {5, MESSAGE_VIDEO, 0x01020304, times[j]};
            ck_assert_int_eq(chunk_write(&b, sizes[i], &h, span_of(body, sizeof body)), ERR_OK);
            ck_assert_int_eq(chunk_write(&b, sizes[i], &h, span_of(NULL, 0)), ERR_OK);
            srand(1);
            ck_assert_int_eq(read_all(buf_span(&b), 0, &wide, sizes[i], &text), ERR_AGAIN);
            ck_assert_int_eq(buf_put_u8(&text, 0), ERR_OK);
            char expected[200];
            uint32_t sum = 0;
            for (size_t k = 0; k < sizeof body; k++) {
                sum = sum * 31 + body[k];
            }
            snprintf(expected, sizeof expected, "9@%u #16909060 1000:%u\n9@%u #16909060 0:0\n",
                     times[j], sum, times[j]);
            ck_assert_str_eq((char *)text.data, expected);
            buf_fini(&b);
            buf_fini(&text);
        }
    }
}
END_TEST

/* Fact 4: every id from 2 to 65599, by as many connections as it takes. */
START_TEST(every_chunk_stream_id)
{
    for (uint32_t id = 2; id < 65600;) {
        struct buf b, text;
        int streams = 0;
        buf_init(&b, 1 << 16);
        buf_init(&text, 1 << 16);
        for (; streams < CHUNK_STREAMS_MAX && id < 65600; streams++, id++) {
            uint8_t one[] = {1, (uint8_t)(id - 64), (uint8_t)((id - 64) >> 8)};
            uint8_t two[] = {0, (uint8_t)(id - 64)};
            uint8_t short_form = (uint8_t)id;
            struct span basic = id < 64    ? span_of(&short_form, 1)
                                : id < 320 ? span_of(two, 2)
                                           : span_of(one, 3);
            ck_assert_int_eq(buf_put(&b, basic), ERR_OK);
            ck_assert_int_eq(buf_put(&b, BYTES(0, 0, 0, 0, 0, 1, 8, 1, 0, 0, 0, 'a')), ERR_OK);
        }
        ck_assert_int_eq(read_all(buf_span(&b), 7, &wide, 128, &text), ERR_AGAIN);
        ck_assert_uint_eq(text.len, (size_t)streams * strlen("8@0 #1 1:97\n"));
        buf_fini(&b);
        buf_fini(&text);
    }
}
END_TEST

START_TEST(basic_header_forms)
{
    /* ids 3, 64 + 0, 64 + 255 and 64 + 1 + 256 * 255 */
    check_read(BYTES(0x03, 0, 0, 1, 0, 0, 1, 8, 1, 0, 0, 0, 'a',             /**/
                     0x00, 0x00, 0, 0, 2, 0, 0, 1, 8, 1, 0, 0, 0, 'b',       /**/
                     0x00, 0xff, 0, 0, 3, 0, 0, 1, 8, 1, 0, 0, 0, 'c',       /**/
                     0x01, 0x01, 0xff, 0, 0, 4, 0, 0, 1, 8, 1, 0, 0, 0, 'd', /**/
                     0xc1, 0x01, 0xff, 'e', 0xc0, 0x00, 'f',                 /**/
                     0xc1, 0x00, 0x00, 'g'),                                 /* 64 once more */
               128, ERR_AGAIN,
               "8@1 #1 1:97\n8@2 #1 1:98\n8@3 #1 1:99\n8@4 #1 1:100\n8@8 #1 1:101\n8@4 #1 1:102\n"
               "8@6 #1 1:103\n");
}
END_TEST

/* Fact 4: 319 in two bytes, 320 and 575 in three; each goes on with its own header. */
START_TEST(neighbours_of_two_and_three_bytes)
{
    check_read(BYTES(0x00, 0xff, 0, 0, 3, 0, 0, 1, 8, 1, 0, 0, 0, 'a',       /**/
                     0x01, 0x00, 0x01, 0, 0, 5, 0, 0, 1, 9, 2, 0, 0, 0, 'b', /**/
                     0x01, 0xff, 0x01, 0, 0, 7, 0, 0, 1, 9, 3, 0, 0, 0, 'c', /**/
                     0xc0, 0xff, 'd', 0xc1, 0x00, 0x01, 'e', 0xc1, 0xff, 0x01, 'f', 0xc1, 0xff,
                     0x00, 'g'),
               128, ERR_AGAIN,
               "8@3 #1 1:97\n9@5 #2 1:98\n9@7 #3 1:99\n8@6 #1 1:100\n9@10 #2 1:101\n"
               "9@14 #3 1:102\n8@9 #1 1:103\n");
}
END_TEST

/* Fact 5: type 3 starts messages too, with the last delta. */
START_TEST(header_types)
{
    check_read(BYTES(0x04, 0, 0, 10, 0, 0, 1, 8, 1, 0, 0, 0, 'a', /* absolute: 10 */
                     0x44, 0, 0, 5, 0, 0, 2, 9, 'b', 'b',         /* + 5, another length and type */
                     0x84, 0, 0, 7, 'c', 'c',                     /* + 7 */
                     0xc4, 'd', 'd',                              /* + 7 again */
                     0x04, 0, 0, 3, 0, 0, 1, 8, 2, 0, 0, 0, 'e',  /* absolute, backwards */
                     0xc4, 'f'),                                  /* its time is the delta */
               128, ERR_AGAIN,
               "8@10 #1 1:97\n9@15 #1 2:3136\n9@22 #1 2:3168\n9@29 #1 2:3200\n8@3 #2 1:101\n"
               "8@6 #2 1:102\n");
}
END_TEST

/* Fact 5 */
START_TEST(first_headers_of_a_stream)
{
    /* librtmp starts a chunk stream with type 1 */
    check_read(BYTES(0x42, 0, 0, 9, 0, 0, 6, 4, 0, 6, 0, 0, 0, 1), 128, ERR_AGAIN,
               "4@9 #0 6:5541127\n");
    check_read(BYTES(0x85, 0, 0, 9, 'x'), 128, ERR_PROTO, "");
    check_read(BYTES(0xc5, 'x'), 128, ERR_PROTO, "");
}
END_TEST

START_TEST(interleaved)
{
    check_read(BYTES(0x04, 0, 0, 1, 0, 0, 5, 8, 1, 0, 0, 0, 'a', 'b', /* half of one */
                     0x06, 0, 0, 2, 0, 0, 3, 9, 1, 0, 0, 0, 'x', 'y', /* half of another */
                     0xc4, 'c', 'd', 0xc6, 'z', 0xc4, 'e'),
               2, ERR_AGAIN, "9@2 #1 3:119193\n8@1 #1 5:92599395\n");
}
END_TEST

/* Some say the header again with each chunk; some leave a message and begin another. */
START_TEST(new_header_in_a_message)
{
    check_read(BYTES(0x04, 0, 0, 1, 0, 0, 5, 8, 1, 0, 0, 0, 'a', 'b', /**/
                     0x04, 0, 0, 1, 0, 0, 5, 8, 1, 0, 0, 0, 'c', 'd', /**/
                     0x84, 0, 0, 9, 'e', 0xc4, 'a', 'b', 0xc4, 'c', 'd', 0x44, 0, 0, 1, 0, 0, 5, 8,
                     'e'),
               2, ERR_AGAIN, "8@1 #1 5:92599395\n8@2 #1 5:92599395\n");
    check_read(BYTES(0x04, 0, 0, 1, 0, 0, 5, 8, 1, 0, 0, 0, 'a', 'b', /**/
                     0x04, 0, 0, 4, 0, 0, 1, 8, 1, 0, 0, 0, 'x',      /**/
                     0x44, 0, 0, 2, 0, 0, 5, 9, 'a', 'b',             /**/
                     0x44, 0, 0, 3, 0, 0, 1, 8, 'y'),
               2, ERR_AGAIN, "8@4 #1 1:120\n8@9 #1 1:121\n");
}
END_TEST

/* Fact 6 */
START_TEST(extended_time_repeated_or_not)
{
    /* 0x01000000, five bytes in chunks of two */
    static const char expected[] = "8@16777216 #1 5:92599395\n9@1 #1 1:120\n";
    check_read(BYTES(0x04, 0xff, 0xff, 0xff, 0, 0, 5, 8, 1, 0, 0, 0, 1, 0, 0, 0, 'a', 'b', /**/
                     0xc4, 1, 0, 0, 0, 'c', 'd', 0xc4, 1, 0, 0, 0, 'e',                    /**/
                     0x06, 0, 0, 1, 0, 0, 1, 9, 1, 0, 0, 0, 'x'),
               2, ERR_AGAIN, expected);
    check_read(BYTES(0x04, 0xff, 0xff, 0xff, 0, 0, 5, 8, 1, 0, 0, 0, 1, 0, 0, 0, 'a', 'b', /**/
                     0xc4, 'c', 'd', 0xc4, 'e',                                            /**/
                     0x06, 0, 0, 1, 0, 0, 1, 9, 1, 0, 0, 0, 'x'),
               2, ERR_AGAIN, expected);
}
END_TEST

START_TEST(payload_that_begins_like_the_extended_time)
{
    /* Not repeated, and the payload's next bytes are the first three of it: 1 0 0, then a header */
    check_read(BYTES(0x04, 0xff, 0xff, 0xff, 0, 0, 5, 8, 1, 0, 0, 0, 1, 0, 0, 0, 'a', 'b', /**/
                     0xc4, 1, 0, 0xc4, 0,                                                  /**/
                     0x06, 0, 0, 1, 0, 0, 1, 9, 1, 0, 0, 0, 'x'),
               2, ERR_AGAIN, "8@16777216 #1 5:92502016\n9@1 #1 1:120\n");
    /* A peer that repeats the absolute time although the header had a delta */
    check_read(BYTES(0x04, 0, 0, 2, 0, 0, 1, 8, 1, 0, 0, 0, 'a',                           /**/
                     0x44, 0xff, 0xff, 0xff, 0, 0, 3, 8, 1, 0, 0, 0, 'a', 'b', 0xc4, 1, 0, /**/
                     0, 2, 'c'),
               2, ERR_AGAIN, "8@2 #1 1:97\n8@16777218 #1 3:96354\n");
}
END_TEST

START_TEST(extended_time_then_a_new_message)
{
    check_read(BYTES(0x04, 0xff, 0xff, 0xff, 0, 0, 1, 8, 1, 0, 0, 0, 1, 0, 0, 0, 'a', /**/
                     0xc4, 1, 0, 0, 0, 'b',                                           /**/
                     0x84, 0, 0, 20, 'c', 0xc4, 'd'),
               128, ERR_AGAIN,
               "8@16777216 #1 1:97\n8@16777216 #1 1:98\n8@16777236 #1 1:99\n8@16777256 #1 1:100\n");
}
END_TEST

START_TEST(time_wraps)
{
    check_read(BYTES(0x04, 0xff, 0xff, 0xff, 0, 0, 1, 8, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe, 'a',
                     0x84, 0, 0, 5, 'b'),
               128, ERR_AGAIN, "8@4294967294 #1 1:97\n8@3 #1 1:98\n");
}
END_TEST

/* Fact 3: from 1 up; what is more than any message has is as good as that. */
START_TEST(chunk_sizes)
{
    struct chunk_reader *r = chunk_reader_create(&wide);
    ck_assert_int_eq(chunk_reader_set_size(r, 0), ERR_PROTO);
    ck_assert_int_eq(chunk_reader_set_size(r, 0x80000000), ERR_PROTO);
    ck_assert_int_eq(chunk_reader_set_size(r, 0x7fffffff), ERR_OK);
    ck_assert_int_eq(chunk_reader_set_size(r, 1), ERR_OK);
    chunk_reader_destroy(r);
}
END_TEST

START_TEST(aborted)
{
    struct chunk_reader *r = chunk_reader_create(&wide);
    struct chunk_message m;
    struct span in = BYTES(0x04, 0, 0, 1, 0, 0, 5, 8, 1, 0, 0, 0, 'a', 'b');
    ck_assert_int_eq(chunk_reader_set_size(r, 2), ERR_OK);
    ck_assert_int_eq(chunk_reader_feed(r, &in, &m), ERR_AGAIN);
    ck_assert_uint_eq(blob_live_bytes(), 5);
    chunk_reader_abort(r, 5);
    chunk_reader_abort(r, 4);
    chunk_reader_abort(r, 4);
    ck_assert_uint_eq(blob_live_bytes(), 0);
    in = BYTES(0x44, 0, 0, 1, 0, 0, 1, 8, 'c');
    ck_assert_int_eq(chunk_reader_feed(r, &in, &m), ERR_OK);
    ck_assert_uint_eq(blob_span(m.blob).len, 1);
    blob_unref(m.blob);
    chunk_reader_destroy(r);
}
END_TEST

START_TEST(message_limits)
{
    static const struct chunk_limits limits = {
        .message_bytes = 10, .media_bytes = 20, .total_bytes = 30};
    struct buf text;
    buf_init(&text, 1000);
    ck_assert_int_eq(
        read_all(BYTES(0x03, 0, 0, 0, 0, 0, 10, 20, 0, 0, 0, 0), 99, &limits, 1, &text), ERR_AGAIN);
    ck_assert_int_eq(
        read_all(BYTES(0x03, 0, 0, 0, 0, 0, 11, 20, 0, 0, 0, 0), 99, &limits, 1, &text), ERR_LIMIT);
    ck_assert_int_eq(read_all(BYTES(0x03, 0, 0, 0, 0, 0, 20, 9, 0, 0, 0, 0), 99, &limits, 1, &text),
                     ERR_AGAIN);
    ck_assert_int_eq(read_all(BYTES(0x03, 0, 0, 0, 0, 0, 21, 9, 0, 0, 0, 0), 99, &limits, 1, &text),
                     ERR_LIMIT);
    /* two at a time: 20 + 10, then 20 + 11 */
    ck_assert_int_eq(read_all(BYTES(0x03, 0, 0, 0, 0, 0, 20, 9, 0, 0, 0, 0, 'a', /**/
                                    0x04, 0, 0, 0, 0, 0, 10, 9, 0, 0, 0, 0, 'a'),
                              99, &limits, 1, &text),
                     ERR_AGAIN);
    ck_assert_int_eq(read_all(BYTES(0x03, 0, 0, 0, 0, 0, 20, 9, 0, 0, 0, 0, 'a', /**/
                                    0x04, 0, 0, 0, 0, 0, 11, 9, 0, 0, 0, 0, 'a'),
                              99, &limits, 1, &text),
                     ERR_LIMIT);
    ck_assert_uint_eq(text.len, 0);
    buf_fini(&text);
}
END_TEST

START_TEST(stream_limit)
{
    struct buf b, text;
    buf_init(&b, 100000);
    buf_init(&text, 100000);
    for (unsigned i = 0; i <= CHUNK_STREAMS_MAX; i++) {
        const uint8_t header[] = {1, (uint8_t)(i * 5), 7, 0, 0, 0, 0, 0, 0, 8, 1, 0, 0, 0};
        ck_assert_int_eq(buf_put(&b, span_of(header, sizeof header)), ERR_OK);
        ck_assert_int_eq(read_all(buf_span(&b), 4096, &wide, 128, &text),
                         i < CHUNK_STREAMS_MAX ? ERR_AGAIN : ERR_LIMIT);
    }
    buf_fini(&b);
    buf_fini(&text);
}
END_TEST

START_TEST(no_memory)
{
    struct span bytes = BYTES(0x04, 0, 0, 1, 0, 0, 1, 8, 1, 0, 0, 0, 'a');
    size_t n = 0;
    bool failed = true;
    while (failed) {
        struct chunk_reader *r = chunk_reader_create(&wide);
        struct chunk_message m = {.blob = NULL};
        struct span in = bytes;
        mem_fail_nth(++n);
        enum err e = chunk_reader_feed(r, &in, &m);
        failed = mem_has_failed();
        mem_fail_nth(0);
        ck_assert_int_eq(e, failed ? ERR_NOMEM : ERR_OK);
        blob_unref(m.blob);
        chunk_reader_destroy(r);
        ck_assert_uint_eq(blob_live_bytes(), 0);
    }
    ck_assert_uint_eq(n, 3); /* the table and the body */
}
END_TEST

START_TEST(random_bytes)
{
    static const struct chunk_limits limits = {100, 100, 200};
    srand(5);
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[200];
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (uint8_t)(rand() % 3 == 0 ? rand() : rand() % 5);
        }
        struct buf text;
        buf_init(&text, 100000);
        enum err e = read_all(span_of(bytes, sizeof bytes), 0, &limits, 2, &text);
        ck_assert(e == ERR_AGAIN || e == ERR_PROTO || e == ERR_LIMIT);
        buf_fini(&text);
    }
}
END_TEST

UNIT_MAIN("chunk", between_messages, written_and_read, every_chunk_stream_id, basic_header_forms,
          neighbours_of_two_and_three_bytes, header_types, first_headers_of_a_stream, interleaved,
          new_header_in_a_message, extended_time_repeated_or_not,
          payload_that_begins_like_the_extended_time, extended_time_then_a_new_message, time_wraps,
          chunk_sizes, aborted, message_limits, stream_limit, no_memory, random_bytes)
