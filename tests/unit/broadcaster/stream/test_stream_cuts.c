#include "broadcaster/stream/stream.h"

#include "broadcaster/stream/cutter.h"
#include "broadcaster/stream/pace.h"
#include "tests/unit/broadcaster/stream/stream_bench.h"

#define SLOW_FILL 16 /* more than one packet may begin at most */

START_TEST(a_cut_without_idr_sends_the_preroll)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    play(st, 0, 9000, 100000);
    ck_assert_uint_ge(b->opened, 3);
    /* The second segment needs the first one's packets, the third one's both. */
    ck_assert_uint_ge(b->preroll, 2 * 50);
    struct window *w = board_window(b->board, "x", "source");
    ck_assert(segment_info(w->segments[0])->independent);
    ck_assert(!segment_info(w->segments[1])->independent);
    window_unref(w);
    bench_destroy(b);
}
END_TEST

START_TEST(a_changed_track_begins_a_new_piece_at_its_idr)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    play(st, 0, 1000, 100000);
    struct track_params v = {
        .kind = TRACK_VIDEO, .width = 320, .height = 240, .config = span_cstr("new"), .sar_den = 1};
    struct track *video = track_create(&v);
    stream_track(st, video);
    track_unref(video);
    push(st, TRACK_VIDEO, 1000, false);
    push(st, TRACK_VIDEO, 1040, true);
    push(st, TRACK_VIDEO, 1080, false);
    stream_end(st, 2000);
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_uint_eq(w->count, 2);
    ck_assert_int_eq(track_params(segment_video(w->segments[0]))->width, 640);
    ck_assert_int_eq(track_params(segment_video(w->segments[1]))->width, 320);
    ck_assert(segment_info(w->segments[1])->discontinuity);
    ck_assert_uint_eq(segment_packets(w->segments[1])->count, 2);
    window_unref(w);
    bench_destroy(b);
}
END_TEST

START_TEST(a_header_that_is_taken_back_changes_nothing)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    play(st, 0, 1000, 100000);
    change(st, TRACK_VIDEO, "new");
    struct track_params v = {
        .kind = TRACK_VIDEO, .width = 640, .height = 480, .config = span_cstr("avc"), .sar_den = 1};
    struct track *old = track_create(&v);
    stream_track(st, old);
    track_unref(old);
    push(st, TRACK_VIDEO, 1000, false);
    push(st, TRACK_VIDEO, 1040, true);
    stream_end(st, 2000);
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_uint_eq(w->count, 1);
    ck_assert(span_equal(config_of(segment_video(w->segments[0])), span_cstr("avc")));
    ck_assert_uint_eq(segment_packets(w->segments[0])->count, 27);
    window_unref(w);
    bench_destroy(b);
}
END_TEST

/* H.264 with lengths of 4 bytes. */
static void video_header(struct stream *st)
{
    struct track_params v = {.kind = TRACK_VIDEO,
                             .width = 640,
                             .height = 480,
                             .config = span_of("\1\100\0\36\377\341", 6),
                             .sar_den = 1};
    struct track *t = track_create(&v);
    stream_track(st, t);
    track_unref(t);
}

static void push_bytes(struct stream *st, int64_t ms, const char *bytes, size_t len)
{
    struct blob *blob = blob_copy(span_of(bytes, len));
    struct packet p = {.kind = TRACK_VIDEO,
                       .dts = ms * TICKS_PER_MS,
                       .pts = ms * TICKS_PER_MS,
                       .blob = blob,
                       .data = blob_span(blob)};
    ck_assert_int_eq(stream_packet(st, &p, ms), ERR_OK);
    blob_unref(blob);
}

/* No IDR ever: begins at the first recovery point, or after a while anywhere. */
START_TEST(a_picture_without_any_idr_begins_all_the_same)
{
    for (int marked = 0; marked < 2; marked++) {
        struct bench *b = bench_create(10);
        struct stream *st = publish_bare(b, 0);
        video_header(st);
        for (int64_t t = 0; t < 30000; t += 40) {
            bool mark = marked && t % 2000 == 1000;
            push_bytes(st, t, mark ? "\0\0\0\4\6\6\1\200\0\0\0\2\101\1" : "\0\0\0\2\101\1",
                       mark ? 14 : 6);
        }
        stream_end(st, 30000);
        struct window *w = board_window(b->board, "x", "source");
        ck_assert_uint_ge(w->count, marked ? 11 : 8);
        for (size_t i = 0; i < w->count; i++) {
            ck_assert(!segment_info(w->segments[i])->independent);
        }
        ck_assert_uint_gt(b->preroll, 0);
        window_unref(w);
        struct json *status = json_new_object();
        streams_status(b->streams, 30000, status);
        char *text = json_text(status);
        ck_assert_ptr_nonnull(strstr(text, "\"begun_without_key\": 1"));
        mem_free(text);
        json_destroy(status);
        bench_destroy(b);
    }
}
END_TEST

/* The first one has nothing before it, and says so; each other one needs the GOP before it, also
 * where the rungs are made. */
START_TEST(open_gops_begin_segments_that_are_not_independent)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    struct blob *blob = blob_create(100);
    for (int64_t t = 0; t < 10000; t += 40) {
        unsigned open = t > 0 ? PACKET_OPEN : 0;
        struct packet p = {.kind = TRACK_VIDEO,
                           .dts = t * TICKS_PER_MS,
                           .pts = t * TICKS_PER_MS,
                           .flags = t % 1000 == 0 ? PACKET_KEY | open : 0,
                           .blob = blob,
                           .data = blob_span(blob)};
        ck_assert_int_eq(stream_packet(st, &p, t), ERR_OK);
    }
    blob_unref(blob);
    stream_end(st, 10000);
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_uint_eq(w->count, 5);
    for (size_t i = 0; i < w->count; i++) {
        ck_assert_int_eq(segment_info(w->segments[i])->independent, i == 0);
        ck_assert_int_eq(segment_info(w->segments[i])->duration, 2 * TICKS_PER_S);
    }
    ck_assert_uint_eq(b->preroll, 4 * 25);
    window_unref(w);
    bench_destroy(b);
}
END_TEST

/* A picture every five seconds, and nothing else. */
START_TEST(very_low_frame_rates_are_held)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    for (int64_t t = 0; t < 100000; t += 5000) {
        push(st, TRACK_VIDEO, t, t % 20000 == 0);
    }
    stream_end(st, 100000);
    struct window *w = board_window(b->board, "x", "source");
    for (size_t i = 1; i < w->count; i++) {
        const struct segment_info *last = segment_info(w->segments[i - 1]);
        const struct segment_info *info = segment_info(w->segments[i]);
        ck_assert(!info->discontinuity);
        ck_assert_int_eq(info->start, last->start + last->duration);
        ck_assert_uint_ge(segment_packets(w->segments[i])->count, 1);
    }
    window_unref(w);
    bench_destroy(b);
}
END_TEST

/* Pushes until it is refused; returns after how many. */
static size_t push_until_refused(struct stream *st, size_t bytes, int64_t step_ms, bool keys,
                                 bool headers, size_t most)
{
    for (size_t i = 0; i < most; i++) {
        if (headers) {
            change(st, TRACK_VIDEO, i % 2 == 0 ? "a" : "b");
        }
        struct blob *blob = blob_create(bytes);
        struct packet p = {.kind = TRACK_VIDEO,
                           .dts = (int64_t)i * step_ms * TICKS_PER_MS,
                           .pts = (int64_t)i * step_ms * TICKS_PER_MS,
                           .flags = keys || i == 0 ? PACKET_KEY : 0,
                           .blob = blob,
                           .data = blob_span(blob)};
        enum err e = stream_packet(st, &p, 0);
        blob_unref(blob);
        if (e != ERR_OK) {
            ck_assert_int_eq(e, ERR_LIMIT);
            ck_assert_uint_gt(strlen(stream_why(st)), 20);
            return i;
        }
    }
    return most;
}

START_TEST(a_clock_that_stands_still_refuses_nobody)
{
    struct bench *b = bench_create(10);
    struct stream *small = publish(b, "x", 0);
    ck_assert_uint_eq(push_until_refused(small, 1, 0, false, false, 100000), 100000);
    ck_assert_int_gt(stream_wait_ms(small), 0);
    struct stream *large = publish(b, "y", 0);
    ck_assert_uint_eq(push_until_refused(large, 1 << 20, 0, false, false, 1000), 1000);
    struct window *w = board_window(b->board, "y", "source");
    for (size_t i = 0; i < w->count; i++) {
        ck_assert_uint_le(segment_packets(w->segments[i])->bytes, STREAM_SEGMENT_MAX);
        ck_assert_uint_le(segment_packets(w->segments[i])->count, STREAM_SEGMENT_PACKETS_MAX);
    }
    window_unref(w);
    stream_end(small, 1);
    stream_end(large, 1);
    bench_destroy(b);
}
END_TEST

/* They lose what is too much, and go on. */
START_TEST(segments_are_not_begun_faster_than_they_can_be_taken)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    ck_assert_int_eq(stream_wait_ms(st), 0);
    ck_assert_uint_eq(push_until_refused(st, 10, 33, true, true, 10000), 10000);
    ck_assert_int_gt(stream_wait_ms(st), 0);
    ck_assert_uint_le(streams_figures(b->streams)->source.appeared,
                      PACE_BURST + PACE_DEBT_MAX + SLOW_FILL);
    play(st, 400000, 4000, 1000); /* later */
    ck_assert_uint_ge(streams_figures(b->streams)->source.appeared, PACE_BURST + PACE_DEBT_MAX + 1);
    stream_end(st, 500000);
    st = publish(b, "y", 0);
    ck_assert_uint_eq(push_until_refused(st, 10, 2900, true, false, 10000), 10000);
    ck_assert_uint_le(streams_figures(b->streams)->source.appeared,
                      2 * (PACE_BURST + PACE_DEBT_MAX + SLOW_FILL) + 10);
    bench_destroy(b);
}
END_TEST

UNIT_MAIN("stream_cuts", a_cut_without_idr_sends_the_preroll,
          a_changed_track_begins_a_new_piece_at_its_idr,
          a_header_that_is_taken_back_changes_nothing,
          a_picture_without_any_idr_begins_all_the_same,
          open_gops_begin_segments_that_are_not_independent, very_low_frame_rates_are_held,
          a_clock_that_stands_still_refuses_nobody,
          segments_are_not_begun_faster_than_they_can_be_taken)
