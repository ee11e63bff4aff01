/* usual time: 6 s */
#include "broadcaster/hls/hls_wait.h"

#include <check.h>

#include "tests/support/lanes.h"
#include "tests/support/unit.h"

/* Three complete segments of four parts, 100 to 102, and two parts of 103; parts of 0.5 s: six may
 * be waited for. */
static const struct lanes_shape shape = {
    .first = 100, .segments = 3, .open = true, .open_parts = 2};

static enum hls_verdict ready(const struct lanes_shape *s, struct hls_want want)
{
    struct lanes l = lanes_make();
    struct window *w = lanes_window(&l, s);
    enum hls_verdict v = hls_ready(&want, w);
    want.kind = TRACK_AUDIO;
    ck_assert_int_eq(hls_ready(&want, w), v);
    window_unref(w);
    lanes_free(&l);
    return v;
}

static enum hls_verdict segment(const struct lanes_shape *s, uint64_t msn)
{
    return ready(s, (struct hls_want){.msn = msn});
}

static enum hls_verdict part(const struct lanes_shape *s, uint64_t msn, uint32_t index)
{
    return ready(s, (struct hls_want){.has_part = true, .msn = msn, .part = index});
}

static enum hls_verdict file(const struct lanes_shape *s, uint64_t msn, uint32_t index)
{
    return ready(s, (struct hls_want){.file = true, .has_part = true, .msn = msn, .part = index});
}

START_TEST(a_playlist_with_a_segment)
{
    ck_assert_int_eq(segment(&shape, 0), HLS_ANSWER);
    ck_assert_int_eq(segment(&shape, 99), HLS_ANSWER);
    ck_assert_int_eq(segment(&shape, 102), HLS_ANSWER);
    ck_assert_int_eq(segment(&shape, 103), HLS_WAIT);
    ck_assert_int_eq(segment(&shape, 104), HLS_WAIT);
    ck_assert_int_eq(segment(&shape, 105), HLS_TOO_FAR);
    ck_assert_int_eq(segment(&shape, UINT64_MAX), HLS_TOO_FAR);
}
END_TEST

START_TEST(a_playlist_with_a_part)
{
    ck_assert_int_eq(part(&shape, 99, 9999), HLS_ANSWER);
    ck_assert_int_eq(part(&shape, 101, 9), HLS_ANSWER);
    ck_assert_int_eq(part(&shape, 102, 3), HLS_ANSWER);
    ck_assert_int_eq(part(&shape, 102, 4), HLS_ANSWER); /* 103.0 is there */
    ck_assert_int_eq(part(&shape, 103, 1), HLS_ANSWER);
    ck_assert_int_eq(part(&shape, 103, 2), HLS_WAIT);
    ck_assert_int_eq(part(&shape, 103, 7), HLS_WAIT);
    ck_assert_int_eq(part(&shape, 103, 8), HLS_TOO_FAR);
    ck_assert_int_eq(part(&shape, 103, 9999), HLS_TOO_FAR);
    ck_assert_int_eq(part(&shape, 104, 0), HLS_WAIT);
    ck_assert_int_eq(part(&shape, 104, 6), HLS_TOO_FAR);
    ck_assert_int_eq(part(&shape, 105, 0), HLS_TOO_FAR);
}
END_TEST

/* Past the end of a segment: the first part of the next one. */
START_TEST(past_the_end_of_a_segment)
{
    struct lanes_shape s = shape;
    s.open_parts = 0;
    ck_assert_int_eq(part(&s, 102, 3), HLS_ANSWER);
    ck_assert_int_eq(part(&s, 102, 4), HLS_WAIT);
    ck_assert_int_eq(part(&s, 102, 9), HLS_WAIT);
    ck_assert_int_eq(part(&s, 102, 10), HLS_TOO_FAR);
    ck_assert_int_eq(part(&s, 103, 0), HLS_WAIT);
    s.open = false;
    ck_assert_int_eq(part(&s, 102, 4), HLS_WAIT);
    ck_assert_int_eq(part(&s, 103, 5), HLS_WAIT);
    ck_assert_int_eq(part(&s, 103, 6), HLS_TOO_FAR);
    s.open = true;
    s.open_parts = 1;
    ck_assert_int_eq(part(&s, 102, 4), HLS_ANSWER);
}
END_TEST

START_TEST(a_part_itself)
{
    ck_assert_int_eq(file(&shape, 103, 1), HLS_ANSWER);
    ck_assert_int_eq(file(&shape, 103, 2), HLS_WAIT);
    ck_assert_int_eq(file(&shape, 103, 7), HLS_WAIT);
    ck_assert_int_eq(file(&shape, 103, 8), HLS_NEVER);
    ck_assert_int_eq(file(&shape, 102, 4), HLS_NEVER); /* its segment ended before it */
    ck_assert_int_eq(file(&shape, 104, 0), HLS_NEVER); /* nobody was told to ask */
    ck_assert_int_eq(file(&shape, 50, 0), HLS_NEVER);
    ck_assert_int_eq(file(&shape, UINT64_MAX, 0), HLS_NEVER);
    struct lanes_shape s = shape;
    s.open = false;
    s.open_parts = 0;
    ck_assert_int_eq(file(&s, 103, 0), HLS_WAIT); /* the hint */
    ck_assert_int_eq(file(&s, 103, 1), HLS_NEVER);
    s.with_parts = 1;
    ck_assert_int_eq(file(&s, 101, 0), HLS_NEVER); /* gone */
    ck_assert_int_eq(file(&s, 102, 0), HLS_ANSWER);
    struct lanes_shape gap = shape;
    gap.gap = 102;
    ck_assert_int_eq(file(&gap, 102, 3), HLS_ANSWER);
    ck_assert_int_eq(file(&gap, 102, 4), HLS_NEVER);
    gap.open = false;
    ck_assert_int_eq(part(&gap, 102, 3), HLS_WAIT);
    ck_assert_int_eq(part(&gap, 101, 9), HLS_ANSWER);
}
END_TEST

START_TEST(an_ended_stream_waits_for_nothing)
{
    struct lanes_shape s = shape;
    s.ended = true;
    ck_assert_int_eq(segment(&s, 103), HLS_ANSWER);
    ck_assert_int_eq(segment(&s, 1000), HLS_ANSWER);
    ck_assert_int_eq(part(&s, 103, 9), HLS_ANSWER);
    ck_assert_int_eq(file(&s, 103, 1), HLS_ANSWER);
    ck_assert_int_eq(file(&s, 103, 2), HLS_NEVER);
}
END_TEST

/* A stream that has only just begun. */
START_TEST(no_segment_yet)
{
    struct lanes_shape s = {.first = 100, .open = true, .open_parts = 1};
    ck_assert_int_eq(segment(&s, 99), HLS_ANSWER);
    ck_assert_int_eq(segment(&s, 100), HLS_WAIT);
    ck_assert_int_eq(segment(&s, 101), HLS_WAIT);
    ck_assert_int_eq(segment(&s, 102), HLS_TOO_FAR);
    ck_assert_int_eq(part(&s, 100, 0), HLS_ANSWER);
    ck_assert_int_eq(part(&s, 100, 1), HLS_WAIT);
    ck_assert_int_eq(file(&s, 100, 1), HLS_WAIT);
    s.open_parts = 0;
    ck_assert_int_eq(part(&s, 100, 0), HLS_WAIT);
    ck_assert_int_eq(file(&s, 100, 0), HLS_WAIT);
    s.open = false;
    ck_assert_int_eq(part(&s, 100, 0), HLS_TOO_FAR);
    ck_assert_int_eq(file(&s, 100, 0), HLS_NEVER);
}
END_TEST

START_TEST(without_parts_there_is_no_waiting)
{
    struct segment_info info = {.msn = 7, .gap = true};
    struct packets none = {0};
    struct segment *s = segment_create(&info, NULL, &none, NULL);
    struct window *w = window_create(&s, 1, 1);
    struct hls_want want = {.msn = 8};
    uint64_t msn = 0;
    uint32_t index = 0;
    ck_assert_int_eq(hls_ready(&want, w), HLS_ANSWER);
    want.file = true;
    ck_assert_int_eq(hls_ready(&want, w), HLS_NEVER);
    ck_assert(!hls_next_part(w, TRACK_VIDEO, &msn, &index));
    window_unref(w);
    segment_unref(s);
}
END_TEST

static void edge_is(const struct lanes_shape *s, uint64_t msn, int index, uint64_t next_msn,
                    uint32_t next)
{
    struct lanes l = lanes_make();
    struct window *w = lanes_window(&l, s);
    struct hls_edge e = hls_edge_of(w, TRACK_VIDEO);
    uint64_t hint_msn = 0;
    uint32_t hint = 0;
    ck_assert(e.any);
    ck_assert_uint_eq(e.msn, msn);
    ck_assert_int_eq(e.has_part ? (int)e.part : -1, index);
    ck_assert_int_eq(hls_next_part(w, TRACK_VIDEO, &hint_msn, &hint), !s->ended);
    ck_assert(s->ended || (hint_msn == next_msn && hint == next));
    window_unref(w);
    lanes_free(&l);
}

START_TEST(the_edge_and_the_hint)
{
    struct lanes_shape s = shape;
    edge_is(&s, 103, 1, 103, 2);
    s.open_parts = 0;
    edge_is(&s, 102, 3, 103, 0);
    s.open = false;
    edge_is(&s, 102, 3, 103, 0);
    s.gap = 102;
    edge_is(&s, 102, -1, 103, 0);
    s.ended = true;
    edge_is(&s, 102, -1, 0, 0);
}
END_TEST

UNIT_MAIN("hls_wait", a_playlist_with_a_segment, a_playlist_with_a_part, past_the_end_of_a_segment,
          a_part_itself, an_ended_stream_waits_for_nothing, no_segment_yet,
          without_parts_there_is_no_waiting, the_edge_and_the_hint)
