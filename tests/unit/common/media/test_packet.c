#include "media/packet.h"

#include "base/mem.h"
#include "tests/support/unit.h"

/* A packet over bytes from..from+len of a blob, with a reference of its own. */
static struct packet slice(struct blob *b, size_t from, size_t len)
{
    return (struct packet){.kind = TRACK_VIDEO,
                           .flags = PACKET_KEY,
                           .dts = 3000,
                           .pts = 6000,
                           .data = span_of(blob_span(b).data + from, len),
                           .blob = blob_ref(b)};
}

START_TEST(packets_share_a_blob)
{
    struct blob *b = blob_copy(span_cstr("abcdef"));
    struct packet p = slice(b, 0, 3);
    struct packet q = slice(b, 3, 3);
    blob_unref(b);
    struct packet again = packet_ref(&p);
    ck_assert_int_eq(again.pts, 6000);
    ck_assert_uint_eq(again.flags, PACKET_KEY);
    packet_unref(&p);
    ck_assert_ptr_null(p.blob);
    ck_assert_uint_eq(p.data.len, 0);
    ck_assert(span_equal(again.data, span_cstr("abc")));
    ck_assert(span_equal(q.data, span_cstr("def")));
    packet_unref(&again);
    ck_assert_uint_eq(blob_live_bytes(), 6);
    packet_unref(&q);
    ck_assert_uint_eq(blob_live_bytes(), 0);
    packet_unref(&q); /* blank: nothing happens */
}
END_TEST

START_TEST(a_run_counts_and_owns)
{
    struct packets ps;
    packets_init(&ps);
    struct blob *b = blob_create(1000);
    for (size_t i = 0; i < 1000; i++) {
        ck_assert_int_eq(packets_push(&ps, slice(b, i, 1)), ERR_OK);
    }
    blob_unref(b);
    ck_assert_uint_eq(ps.count, 1000);
    ck_assert_uint_eq(ps.bytes, 1000);
    ck_assert_ptr_eq(ps.items[999].data.data, ps.items[0].data.data + 999);
    packets_fini(&ps);
    ck_assert_uint_eq(blob_live_bytes(), 0);
    ck_assert_uint_eq(ps.count, 0);
    packets_fini(&ps);
}
END_TEST

START_TEST(a_refused_push_takes_nothing)
{
    struct packets ps;
    packets_init(&ps);
    struct blob *b = blob_create(10);
    size_t pushed = 0;
    size_t refused = 0;
    while (pushed < 200) {
        struct packet p = slice(b, 0, 10);
        mem_fail_nth(refused == pushed / 40 ? 1 : 0);
        if (packets_push(&ps, p) == ERR_OK) {
            pushed++;
        } else {
            ck_assert(mem_has_failed());
            ck_assert_uint_eq(ps.count, pushed);
            ck_assert_uint_eq(ps.bytes, pushed * 10);
            refused++;
            packet_unref(&p);
        }
    }
    mem_fail_nth(0);
    ck_assert_uint_gt(refused, 0);
    blob_unref(b);
    packets_fini(&ps);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(a_run_is_divided)
{
    struct packets from, to;
    packets_init(&from);
    packets_init(&to);
    struct blob *b = blob_create(100);
    for (size_t i = 0; i < 100; i++) {
        ck_assert_int_eq(packets_push(&from, slice(b, i, 1)), ERR_OK);
    }
    const uint8_t *bytes = blob_span(b).data;
    blob_unref(b);
    ck_assert_int_eq(packets_move(&from, 0, &to), ERR_OK);
    ck_assert_int_eq(packets_move(&from, 10, &to), ERR_OK);
    packets_drop(&from, 5);
    ck_assert_uint_eq(from.count, 85);
    ck_assert_uint_eq(from.bytes, 85);
    ck_assert_ptr_eq(from.items[0].data.data, bytes + 15);
    mem_fail_nth(1); /* once there are more than the first few */
    ck_assert_int_eq(packets_move(&from, 85, &to), ERR_NOMEM);
    mem_fail_nth(0);
    ck_assert_uint_eq(from.count + to.count, 95);
    ck_assert_uint_gt(from.count, 0);
    ck_assert_uint_eq(from.bytes + to.bytes, 95);
    ck_assert_int_eq(packets_move(&from, from.count, &to), ERR_OK);
    for (size_t i = 0; i < 95; i++) {
        ck_assert_ptr_eq(to.items[i].data.data, bytes + i + (i < 10 ? 0 : 5));
    }
    ck_assert_uint_eq(from.count, 0);
    packets_drop(&to, 95);
    ck_assert_uint_eq(blob_live_bytes(), 0);
    packets_fini(&from);
    packets_fini(&to);
}
END_TEST

UNIT_MAIN("packet", packets_share_a_blob, a_run_counts_and_owns, a_refused_push_takes_nothing,
          a_run_is_divided)
