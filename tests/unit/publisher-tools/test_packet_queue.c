#include "publisher-tools/packet_queue.h"

#include "publisher-tools/source.h"
#include "tests/support/unit.h"

static struct packet_queue q;

static unsigned push(int stream, bool key, int size, int64_t dts)
{
    AVPacket *p = av_packet_alloc();
    ck_assert_int_eq(av_new_packet(p, size), 0);
    p->stream_index = stream;
    p->flags = key ? AV_PKT_FLAG_KEY : 0;
    p->dts = dts;
    unsigned dropped = packet_queue_push(&q, p, true);
    av_packet_free(&p);
    return dropped;
}

static int64_t pop(void)
{
    AVPacket *p = packet_queue_pop(&q);
    int64_t dts = p != NULL ? p->dts : -1;
    av_packet_free(&p);
    return dts;
}

START_TEST(first_in_first_out)
{
    packet_queue_init(&q);
    ck_assert_int_eq(pop(), -1);
    for (int round = 0; round < 3 * PACKET_QUEUE_MAX; round++) {
        ck_assert_uint_eq(push(SOURCE_VIDEO, false, 10, 2 * round), 0);
        ck_assert_uint_eq(push(SOURCE_AUDIO, true, 10, 2 * round + 1), 0);
        ck_assert_int_eq(pop(), 2 * round);
        ck_assert_int_eq(pop(), 2 * round + 1);
    }
    ck_assert_uint_eq(q.bytes, 0);
}
END_TEST

START_TEST(when_full_all_is_dropped_until_a_key_frame)
{
    packet_queue_init(&q);
    for (int i = 0; i < PACKET_QUEUE_MAX; i++) {
        ck_assert_uint_eq(push(i % 2 == 0 ? SOURCE_VIDEO : SOURCE_AUDIO, true, 1, i), 0);
    }
    ck_assert_uint_eq(push(SOURCE_VIDEO, false, 1, 9000), PACKET_QUEUE_MAX / 2 + 1);
    ck_assert_uint_eq(q.count, 0);
    ck_assert_uint_eq(push(SOURCE_AUDIO, true, 1, 9001), 0);
    ck_assert_uint_eq(push(SOURCE_VIDEO, false, 1, 9002), 1);
    ck_assert_int_eq(pop(), -1);
    ck_assert_uint_eq(push(SOURCE_VIDEO, true, 1, 9003), 0);
    ck_assert_uint_eq(push(SOURCE_AUDIO, true, 1, 9004), 0);
    ck_assert_int_eq(pop(), 9003);
    ck_assert_int_eq(pop(), 9004);
}
END_TEST

START_TEST(bytes_are_bounded)
{
    packet_queue_init(&q);
    int half = PACKET_QUEUE_MAX_BYTES / 2;
    ck_assert_uint_eq(push(SOURCE_VIDEO, true, half, 0), 0);
    ck_assert_uint_eq(push(SOURCE_VIDEO, false, half, 1), 0);
    ck_assert_uint_eq(push(SOURCE_VIDEO, true, 1, 2), 2);
    ck_assert_uint_eq(q.bytes, 1);
    ck_assert_int_eq(pop(), 2);
    ck_assert_uint_eq(packet_queue_clear(&q), 0);
}
END_TEST

START_TEST(without_video_any_packet_begins)
{
    packet_queue_init(&q);
    packet_queue_clear(&q);
    AVPacket *p = av_packet_alloc();
    p->stream_index = SOURCE_AUDIO;
    p->dts = 5;
    ck_assert_uint_eq(packet_queue_push(&q, p, false), 0);
    av_packet_free(&p);
    ck_assert_int_eq(pop(), 5);
}
END_TEST

UNIT_MAIN("packet_queue", first_in_first_out, when_full_all_is_dropped_until_a_key_frame,
          bytes_are_bounded, without_video_any_packet_begins)
