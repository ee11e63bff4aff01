#include "broadcaster/stream/hold.h"

#include "base/mem.h"
#include "tests/support/unit.h"

static void push(struct packets *gop, int64_t dts, int64_t pts, size_t len)
{
    struct blob *b = blob_create(len);
    struct packet p = {.dts = dts,
                       .pts = pts,
                       .flags = gop->count == 0 ? PACKET_KEY : 0,
                       .blob = b,
                       .data = blob_span(b)};
    ck_assert_int_eq(packets_push(gop, p), ERR_OK);
}

START_TEST(the_order_of_showing_stays)
{
    static const int shown[] = {0, 4, 2, 1, 3, 8, 6, 5, 7};
    struct packets gop, out;
    packets_init(&gop);
    packets_init(&out);
    for (int i = 0; i < 9; i++) {
        push(&gop, i * 3000, shown[i] * 3000 + 6000, 10);
    }
    bool exact = false;
    ck_assert_int_eq(hold_fill(&gop, 1000000, &out, &exact), ERR_OK);
    ck_assert(exact);
    ck_assert_uint_eq(out.count, 9);
    for (int i = 0; i < 9; i++) {
        const struct packet *p = &out.items[i];
        ck_assert_int_eq(p->dts, 1000000 + i);
        ck_assert_int_ge(p->pts, p->dts);
        ck_assert_int_eq(p->pts - out.items[0].pts, shown[i]);
        ck_assert_int_eq((p->flags & PACKET_PREROLL) != 0, shown[i] != 8);
        ck_assert_int_eq((p->flags & PACKET_KEY) != 0, i == 0);
        ck_assert_ptr_eq(p->data.data, gop.items[i].data.data);
    }
    packets_fini(&gop);
    packets_fini(&out);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(of_long_ones_the_key_alone)
{
    for (int large = 0; large < 2; large++) {
        struct packets gop, out;
        packets_init(&gop);
        packets_init(&out);
        for (int i = 0; i < (large ? 2 : HOLD_PACKETS_MAX + 1); i++) {
            push(&gop, i, i, large ? HOLD_BYTES_MAX / 2 + 1 : 1);
        }
        bool exact = true;
        ck_assert_int_eq(hold_fill(&gop, 5, &out, &exact), ERR_OK);
        ck_assert(!exact);
        ck_assert_uint_eq(out.count, 1);
        ck_assert_uint_eq(out.items[0].flags, PACKET_KEY);
        packets_fini(&gop);
        packets_fini(&out);
    }
}
END_TEST

START_TEST(no_memory)
{
    struct packets gop, out;
    packets_init(&gop);
    packets_init(&out);
    push(&gop, 0, 0, 1);
    bool exact;
    mem_fail_nth(1);
    ck_assert_int_eq(hold_fill(&gop, 5, &out, &exact), ERR_NOMEM);
    mem_fail_nth(0);
    packets_fini(&gop);
    packets_fini(&out);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

UNIT_MAIN("hold", the_order_of_showing_stays, of_long_ones_the_key_alone, no_memory)
