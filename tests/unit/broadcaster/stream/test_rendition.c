#include "broadcaster/stream/rendition.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/unit.h"

static struct segment *make(uint64_t msn, bool gap, bool discontinuity)
{
    struct segment_info info = {.msn = msn,
                                .start = (int64_t)msn * 180000,
                                .duration = 180000,
                                .independent = true,
                                .discontinuity = discontinuity,
                                .gap = gap};
    struct packets ps;
    packets_init(&ps);
    if (!gap) {
        struct blob *b = blob_create(1000);
        struct packet p = {.blob = b, .data = blob_span(b)};
        ck_assert_int_eq(packets_push(&ps, p), ERR_OK);
    }
    return segment_create(&info, NULL, &ps, NULL);
}

static void settle(struct rendition *r, uint64_t msn, bool gap, bool discontinuity)
{
    struct segment *s = make(msn, gap, discontinuity);
    rendition_settle(r, s);
    segment_unref(s);
}

static void check_window(struct board *b, uint64_t first_listed, uint64_t last, size_t count)
{
    struct window *w = board_window(b, "x", "source");
    ck_assert_ptr_nonnull(w);
    ck_assert_uint_eq(w->count, count);
    ck_assert_uint_eq(segment_info(w->segments[w->count - w->listed])->msn, first_listed);
    ck_assert_uint_eq(segment_info(w->segments[w->count - 1])->msn, last);
    window_unref(w);
}

START_TEST(window_slides)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    ck_assert_ptr_null(board_window(b, "x", "source"));
    for (uint64_t msn = 100; msn < 130; msn++) {
        rendition_expect(r, msn);
        settle(r, msn, false, false);
        size_t n = msn - 99;
        size_t listed = n < RENDITION_LISTED ? n : RENDITION_LISTED;
        check_window(b, msn + 1 - listed, msn, n < RENDITION_KEPT ? n : RENDITION_KEPT);
    }
    ck_assert_uint_eq(rendition_last(r), 129);
    ck_assert_int_eq(rendition_stays_ms(r), (RENDITION_LISTED_LIVE + 1) * 2000);
    ck_assert_uint_eq(rendition_bytes(r), RENDITION_KEPT * 1000);
    struct variant v;
    ck_assert_uint_eq(board_variants(b, "x", &v, 1), 1);
    ck_assert_int_eq(v.bandwidth_bps, 9 * 188 * 8 / 2); /* packets of MPEG-TS, in two seconds */
    rendition_destroy(r);
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

static int64_t bandwidth_after(struct board *b, struct rendition *r, uint64_t msn, size_t bytes,
                               int64_t duration)
{
    struct segment_info info = {.msn = msn, .duration = duration};
    struct packets ps;
    packets_init(&ps);
    struct blob *blob = blob_create(bytes);
    struct packet p = {.blob = blob, .data = blob_span(blob)};
    ck_assert_int_eq(packets_push(&ps, p), ERR_OK);
    struct segment *s = segment_create(&info, NULL, &ps, NULL);
    rendition_expect(r, msn);
    rendition_settle(r, s);
    segment_unref(s);
    struct variant v;
    ck_assert_uint_eq(board_variants(b, "x", &v, 1), 1);
    return v.bandwidth_bps;
}

/* RFC 8216, 6.2.2: ten segments of 8 s, then such of one; each is there for its own
 * duration and that of the longest playlist behind the moment at which it leaves that of fMP4. */
START_TEST(what_comes_at_once_stays)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    uint64_t msn = 1;
    rendition_tick(r, 1000);
    for (; msn <= 2 * RENDITION_KEPT; msn++) {
        rendition_expect(r, msn);
        settle(r, msn, false, false);
    }
    check_window(b, msn - RENDITION_LISTED, msn - 1, 2 * RENDITION_KEPT);
    for (int64_t now_ms = 3000; msn <= 4 * RENDITION_KEPT; msn++, now_ms += 2000) {
        rendition_tick(r, now_ms);
        rendition_expect(r, msn);
        settle(r, msn, false, false);
    }
    check_window(b, msn - RENDITION_LISTED, msn - 1, RENDITION_KEPT);
    rendition_destroy(r);
    board_destroy(b);
}
END_TEST

START_TEST(a_long_segment_stays_when_short_ones_follow)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    int64_t eight = 8 * TICKS_PER_S, one = TICKS_PER_S, now = 0;
    int64_t left[11] = {0}; /* by number */
    for (uint64_t msn = 1; msn <= 160; msn++) {
        bandwidth_after(b, r, msn, 100, msn <= 10 ? eight : one);
        now += msn <= 10 ? eight : one;
        struct window *w = board_window(b, "x", "source");
        uint64_t listed = segment_info(w->segments[w->count - w->listed_live])->msn;
        for (uint64_t old = 1; old <= 10; old++) {
            left[old] = listed > old && left[old] == 0 ? now : left[old];
            if (left[old] > 0 && now < left[old] + eight + RENDITION_LISTED_LIVE * eight) {
                ck_assert_msg(window_find(w, old) != NULL, "%d at %d", (int)old, (int)msn);
            }
        }
        ck_assert_uint_le(w->count, RENDITION_KEPT_MAX);
        window_unref(w);
    }
    for (uint64_t msn = 161; msn <= 200; msn++) {
        bandwidth_after(b, r, msn, 100, one);
    }
    struct window *w = board_window(b, "x", "source");
    ck_assert_uint_eq(w->count, RENDITION_KEPT);
    window_unref(w);
    rendition_destroy(r);
    board_destroy(b);
}
END_TEST

/* A rung that is given up for a while: its gaps are there at one moment. */
START_TEST(gaps_make_nothing_leave)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    for (uint64_t msn = 1; msn <= 2 * RENDITION_KEPT_MAX; msn++) {
        rendition_expect(r, msn);
        settle(r, msn, msn > 10, false);
        struct window *w = board_window(b, "x", "source");
        ck_assert(msn > RENDITION_KEPT_MAX || window_find(w, 1) != NULL);
        ck_assert_uint_le(w->count, RENDITION_KEPT_MAX);
        window_unref(w);
    }
    rendition_destroy(r);
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* A publisher that leaves right behind a keyframe leaves a segment of one picture. */
START_TEST(a_short_segment_is_no_peak)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    int64_t two = 2 * TICKS_PER_S, short_one = TICKS_PER_S / 25;
    /* In packets of MPEG-TS: 9, 58 and 112. */
    ck_assert_int_eq(bandwidth_after(b, r, 1, 1000, short_one), 9 * 188 * 8 * 25);
    ck_assert_int_eq(bandwidth_after(b, r, 2, 10000, two), (9 + 58) * 188 * 8 * 25 / 51);
    ck_assert_int_eq(bandwidth_after(b, r, 3, 1000, short_one), (9 + 58) * 188 * 8 * 25 / 51);
    ck_assert_int_eq(bandwidth_after(b, r, 4, 20000, two), (9 + 112) * 188 * 8 * 25 / 51);
    ck_assert_int_eq(bandwidth_after(b, r, 5, 10000, two), (9 + 112) * 188 * 8 * 25 / 51);
    rendition_destroy(r);
    board_destroy(b);
}
END_TEST

START_TEST(late_segments_are_published_in_order)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    for (uint64_t msn = 1; msn <= 4; msn++) {
        rendition_expect(r, msn);
    }
    settle(r, 3, false, false);
    settle(r, 2, false, false);
    ck_assert_uint_eq(rendition_count(r), 0);
    ck_assert_uint_eq(rendition_next(r), 1);
    settle(r, 1, false, false);
    check_window(b, 1, 3, 3);
    ck_assert_uint_eq(rendition_next(r), 4);
    rendition_destroy(r);
    board_destroy(b);
}
END_TEST

START_TEST(gaps_are_kept_but_not_at_the_start)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    for (uint64_t msn = 1; msn <= 4; msn++) {
        rendition_expect(r, msn);
    }
    settle(r, 1, true, false);
    settle(r, 2, false, false);
    settle(r, 3, true, false);
    settle(r, 4, false, false);
    check_window(b, 2, 4, 3);
    ck_assert_uint_eq(rendition_gaps(r), 1);
    rendition_destroy(r);
    board_destroy(b);
}
END_TEST

START_TEST(discontinuities_are_counted_when_they_leave)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    for (uint64_t msn = 1; msn <= 20; msn++) {
        rendition_expect(r, msn);
        settle(r, msn, false, msn == 3 || msn == 10);
        struct window *w = board_window(b, "x", "source");
        uint64_t gone = (msn >= 3 + RENDITION_LISTED) + (msn >= 10 + RENDITION_LISTED);
        ck_assert_uint_eq(w->discontinuity_sequence, gone);
        ck_assert_int_eq(w->show_discontinuity_sequence, gone > 0);
        ck_assert_int_eq(w->target_duration_s, 2);
        window_unref(w);
    }
    rendition_destroy(r);
    board_destroy(b);
}
END_TEST

START_TEST(the_end_can_be_taken_back)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    rendition_expect(r, 1);
    settle(r, 1, false, false);
    rendition_set_ended(r, true);
    struct window *w = board_window(b, "x", "source");
    ck_assert(w->ended);
    window_unref(w);
    rendition_set_ended(r, false);
    w = board_window(b, "x", "source");
    ck_assert(!w->ended);
    window_unref(w);
    rendition_destroy(r);
    board_destroy(b);
}
END_TEST

START_TEST(a_rung_that_starts_late_counts_discontinuities_as_the_source_does)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    for (uint64_t msn = 1; msn <= 4; msn++) {
        rendition_expect(r, msn);
        settle(r, msn, msn < 3, msn == 2);
    }
    struct window *w = board_window(b, "x", "source");
    ck_assert_uint_eq(w->discontinuity_sequence, 1);
    ck_assert(w->show_discontinuity_sequence);
    window_unref(w);
    rendition_destroy(r);
    board_destroy(b);
}
END_TEST

START_TEST(the_end_waits_for_what_is_expected)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    for (uint64_t msn = 1; msn <= 3; msn++) {
        rendition_expect(r, msn);
    }
    settle(r, 1, false, false);
    rendition_set_ended(r, true);
    for (uint64_t msn = 2; msn <= 3; msn++) {
        struct window *w = board_window(b, "x", "source");
        ck_assert(!w->ended);
        window_unref(w);
        settle(r, msn, msn == 3, false);
    }
    struct window *w = board_window(b, "x", "source");
    ck_assert(w->ended);
    ck_assert_uint_eq(w->count, 3);
    window_unref(w);
    rendition_destroy(r);
    board_destroy(b);
}
END_TEST

START_TEST(heavy_segments_leave_when_they_leave_the_playlist)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    for (uint64_t msn = 1; msn <= 30; msn++) {
        struct segment_info info = {.msn = msn, .duration = 180000};
        struct packets ps;
        packets_init(&ps);
        struct blob *blob = blob_create(RENDITION_BYTES_MAX / 8);
        struct packet p = {.blob = blob, .data = blob_span(blob)};
        ck_assert_int_eq(packets_push(&ps, p), ERR_OK);
        struct segment *s = segment_create(&info, NULL, &ps, NULL);
        rendition_expect(r, msn);
        rendition_settle(r, s);
        segment_unref(s);
        ck_assert_uint_le(rendition_bytes(r), RENDITION_BYTES_MAX);
        size_t kept = msn < 8 ? msn : 8;
        check_window(b, msn < RENDITION_LISTED ? 1 : msn - RENDITION_LISTED + 1, msn, kept);
    }
    rendition_destroy(r);
    board_destroy(b);
}
END_TEST

/* --- parts --- */

#define PART_TICKS (TICKS_PER_S / 5)

static struct window *window_of(struct board *b)
{
    return board_window(b, "x", "source");
}

static void open_number(struct rendition *r, uint64_t msn)
{
    struct segment_info info = {.msn = msn, .start = (int64_t)msn * 180000, .independent = true};
    rendition_expect(r, msn);
    rendition_open(r, &info);
    rendition_set_part_target(r, TRACK_VIDEO, PART_TICKS);
}

static void add_part(struct rendition *r, uint64_t msn, uint32_t index)
{
    static const struct track_params params = {
        .kind = TRACK_VIDEO, .codec = CODEC_VP9, .width = 64, .height = 48, .sar_den = 1};
    struct track *track = track_create(&params);
    struct blob *blob = blob_create(100);
    int64_t start = (int64_t)msn * 180000 + index * PART_TICKS;
    struct packet p = {
        .dts = start, .pts = start, .duration = PART_TICKS, .blob = blob, .data = blob_span(blob)};
    struct part_info info = {.msn = msn, .index = index, .start = start, .duration = PART_TICKS};
    struct part *part = part_create(&info, track, &p, 1);
    rendition_part(r, TRACK_VIDEO, part);
    part_unref(part);
    track_unref(track);
    blob_unref(blob);
}

static void add_parts(struct rendition *r, uint64_t msn, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        add_part(r, msn, i);
    }
}

/* The lane: rising; from the first number to the newest; so many. */
static void check_parts(struct board *b, uint64_t first, uint64_t last, size_t count)
{
    struct window *w = window_of(b);
    ck_assert_ptr_nonnull(w);
    const struct window_lane *lane = &w->lanes[TRACK_VIDEO];
    ck_assert_uint_eq(lane->count, count);
    ck_assert_int_eq(lane->part_target, PART_TICKS);
    for (size_t i = 1; i < count; i++) {
        const struct part_info *before = part_info(lane->parts[i - 1]);
        const struct part_info *info = part_info(lane->parts[i]);
        ck_assert(info->msn > before->msn ? info->index == 0 : info->index == before->index + 1);
    }
    if (count > 0) {
        ck_assert_uint_eq(part_info(lane->parts[0])->msn, first);
        ck_assert_uint_eq(part_info(lane->parts[count - 1])->msn, last);
    }
    window_unref(w);
}

START_TEST(the_first_part_makes_a_window)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    open_number(r, 1);
    ck_assert_ptr_null(window_of(b));
    add_part(r, 1, 0);
    struct window *w = window_of(b);
    ck_assert_uint_eq(w->count + w->listed + w->listed_live, 0);
    ck_assert(w->open);
    ck_assert_uint_eq(w->open_info.msn, 1);
    window_unref(w);
    check_parts(b, 1, 1, 1);
    ck_assert_uint_eq(rendition_bytes(r), 100);
    struct variant v;
    ck_assert_uint_eq(board_variants(b, "x", &v, 1), 1);
    ck_assert(v.parts_only);
    ck_assert_int_eq(v.width, 64);
    ck_assert_int_eq(v.fps_milli, 5000);
    settle(r, 1, false, false);
    w = window_of(b);
    ck_assert(!w->open);
    ck_assert_uint_eq(w->listed_live, 1);
    window_unref(w);
    ck_assert_uint_eq(board_variants(b, "x", &v, 1), 1);
    ck_assert(!v.parts_only);
    ck_assert_uint_eq(rendition_bytes(r), 1000); /* the parts' packets are the segment's */
    ck_assert_uint_eq(rendition_parts(r), 1);
    rendition_destroy(r);
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(what_changes_together_is_seen_together)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    open_number(r, 1);
    add_part(r, 1, 0);
    rendition_begin(r);
    add_part(r, 1, 1);
    check_parts(b, 1, 1, 1);
    settle(r, 1, false, false);
    check_parts(b, 1, 1, 1);
    rendition_commit(r);
    check_parts(b, 1, 1, 2);
    struct window *w = window_of(b);
    ck_assert_uint_eq(w->listed_live, 1);
    ck_assert(!w->open);
    rendition_begin(r);
    rendition_commit(r);
    struct window *same = window_of(b);
    ck_assert_ptr_eq(same, w);
    window_unref(same);
    window_unref(w);
    rendition_destroy(r);
    board_destroy(b);
}
END_TEST

/* Parts of a later number come before the one ahead is settled. */
START_TEST(parts_wait_for_the_numbers_before)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    open_number(r, 1);
    add_parts(r, 1, 3);
    open_number(r, 2);
    add_parts(r, 2, 2);
    open_number(r, 3);
    add_part(r, 3, 0);
    check_parts(b, 1, 1, 3);
    add_part(r, 1, 3); /* late, and in front of those that wait */
    check_parts(b, 1, 1, 4);
    settle(r, 2, false, false);
    check_parts(b, 1, 1, 4);
    settle(r, 1, false, false);
    check_parts(b, 1, 3, 7); /* all at once */
    struct window *w = window_of(b);
    ck_assert(w->open);
    ck_assert_uint_eq(w->open_info.msn, 3);
    ck_assert_ptr_nonnull(window_find_part(w, TRACK_VIDEO, 1, 3));
    ck_assert_ptr_nonnull(window_find_part(w, TRACK_VIDEO, 3, 0));
    ck_assert_ptr_null(window_find_part(w, TRACK_VIDEO, 3, 1));
    window_unref(w);
    rendition_destroy(r);
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(a_first_gap_has_no_parts)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    open_number(r, 1);
    add_part(r, 1, 0);
    settle(r, 1, true, false); /* and nothing was there before */
    check_parts(b, 0, 0, 0);
    open_number(r, 2);
    add_part(r, 2, 0);
    settle(r, 2, false, false);
    open_number(r, 3);
    open_number(r, 4);
    add_parts(r, 3, 4);
    add_parts(r, 4, 2);
    settle(r, 4, true, false);
    check_parts(b, 2, 3, 5);
    settle(r, 3, true, false);
    check_parts(b, 2, 4, 7); /* what was listed can be fetched on */
    ck_assert_uint_eq(rendition_gaps(r), 2);
    rendition_destroy(r);
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(parts_leave_long_before_their_segments)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    for (uint64_t msn = 1; msn <= 30; msn++) {
        open_number(r, msn);
        add_parts(r, msn, 10);
        uint64_t kept = msn - 1 < RENDITION_PARTS_TARGETS ? msn - 1 : RENDITION_PARTS_TARGETS;
        check_parts(b, msn - kept, msn, 10 * (kept + 1));
        settle(r, msn, false, false);
        kept = msn < RENDITION_PARTS_TARGETS ? msn : RENDITION_PARTS_TARGETS;
        check_parts(b, msn + 1 - kept, msn, 10 * kept);
        ck_assert_uint_le(rendition_bytes(r), RENDITION_KEPT * 1000);
    }
    /* What nobody settles is bounded. */
    open_number(r, 31);
    add_parts(r, 31, RENDITION_PARTS_MAX);
    struct window *w = window_of(b);
    ck_assert_uint_eq(w->lanes[TRACK_VIDEO].count, RENDITION_PARTS_MAX);
    window_unref(w);
    rendition_destroy(r);
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

static struct blob *fragment_of(struct part *p)
{
    struct blob *fragment = NULL;
    ck_assert_int_eq(part_fragment(p, &fragment), ERR_OK);
    return fragment;
}

START_TEST(old_parts_are_made_again)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    struct part *first = NULL;
    struct blob *was = NULL;
    for (uint64_t msn = 1; msn <= RENDITION_PARTS_TARGETS; msn++) {
        open_number(r, msn);
        add_parts(r, msn, 1);
        struct window *w = window_of(b);
        struct part *newest = w->lanes[TRACK_VIDEO].parts[msn - 1];
        struct blob *fragment = fragment_of(newest);
        if (msn == 1) {
            first = part_ref(newest);
            was = blob_ref(fragment);
        }
        blob_unref(fragment);
        window_unref(w);
        settle(r, msn, false, false);
        ck_assert(msn > RENDITION_FRAGMENTS_TARGETS ? part_fragment_bytes(first) == 0
                                                    : part_fragment_bytes(first) > 0);
    }
    struct window *w = window_of(b);
    ck_assert_ptr_eq(window_find_part(w, TRACK_VIDEO, 1, 0), first);
    struct blob *again = fragment_of(first);
    ck_assert_ptr_ne(again, was);
    ck_assert(span_equal(blob_span(again), blob_span(was)));
    blob_unref(again);
    blob_unref(was);
    part_unref(first);
    window_unref(w);
    rendition_destroy(r);
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

static bool has_part(struct board *b, uint64_t msn)
{
    struct window *w = window_of(b);
    bool has = window_find_part(w, TRACK_VIDEO, msn, 0) != NULL;
    window_unref(w);
    return has;
}

/* Whole, at once. */
static void settle_at(struct rendition *r, uint64_t msn, bool gap, int64_t now_ms)
{
    rendition_tick(r, now_ms);
    open_number(r, msn);
    if (!gap) {
        add_part(r, msn, 0);
    }
    settle(r, msn, gap, false);
}

/* Gaps come all at once, and behind them content faster than it lasts: what was listed up to then
 * can be fetched for three target durations all the same. */
START_TEST(parts_stay_by_the_clock)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    for (uint64_t msn = 1; msn <= 5; msn++) {
        settle_at(r, msn, false, 1000 + (int64_t)msn * 2000);
    }
    int64_t left_ms = 11000 + 5000;
    settle_at(r, 6, true, left_ms);
    settle_at(r, 7, true, left_ms);
    ck_assert(has_part(b, 5));
    settle_at(r, 8, true, left_ms);
    for (uint64_t msn = 9; msn <= 16; msn++) {
        settle_at(r, msn, false, left_ms + 100 * (int64_t)(msn - 8));
    }
    ck_assert(has_part(b, 5));
    settle_at(r, 17, false, left_ms + 2500);
    settle_at(r, 18, false, left_ms + 4500);
    settle_at(r, 19, false, left_ms + 5900);
    ck_assert(has_part(b, 5));
    settle_at(r, 20, false, left_ms + 8000);
    settle_at(r, 21, false, left_ms + 10000);
    ck_assert(!has_part(b, 5));
    rendition_destroy(r);
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(the_live_playlist_is_longer)
{
    struct board *b = board_create();
    struct rendition *r = rendition_create(b, "x", "source");
    for (uint64_t msn = 1; msn <= 30; msn++) {
        rendition_expect(r, msn);
        settle(r, msn, false, msn == 3 || msn == 10 || msn == 11);
        struct window *w = window_of(b);
        size_t live = msn < RENDITION_LISTED_LIVE ? msn : RENDITION_LISTED_LIVE;
        ck_assert_uint_eq(w->listed_live, live);
        uint64_t first = msn + 1 - live;
        ck_assert_uint_eq(segment_info(w->segments[w->count - live])->msn, first);
        ck_assert_uint_eq(w->discontinuity_sequence_live,
                          (first > 3) + (first > 10) + (first > 11));
        window_unref(w);
    }
    rendition_destroy(r);
    board_destroy(b);
}
END_TEST

static size_t count_lines(FILE *f, const char *words)
{
    char line[1000];
    size_t n = 0;
    rewind(f);
    while (fgets(line, sizeof line, f) != NULL) {
        n += strstr(line, words) != NULL;
    }
    return n;
}

START_TEST(what_mpeg_ts_cannot_carry_is_said_once)
{
    FILE *log = tmpfile();
    ck_assert_int_ge(dup2(fileno(log), STDERR_FILENO), 0);
    struct board *b = board_create();
    struct rendition *source = rendition_create(b, "x", "source");
    struct rendition *rung = rendition_create(b, "x", "rung");
    struct track *av1 = track_create(&(struct track_params){.codec = CODEC_AV1});
    struct track *avc = track_create(&(struct track_params){.codec = CODEC_H264});
    struct track *opus =
        track_create(&(struct track_params){.kind = TRACK_AUDIO, .codec = CODEC_OPUS});
    for (uint64_t msn = 1; msn <= 20; msn++) {
        struct packets none = {0};
        struct sound *sound = sound_create(opus, &none);
        struct segment_info info = {.msn = msn, .duration = 180000};
        struct segment *s = segment_create(&info, av1, &none, sound);
        rendition_expect(source, msn);
        rendition_settle(source, s);
        segment_unref(s);
        s = segment_create(&info, avc, &none, sound);
        rendition_expect(rung, msn);
        rendition_settle(rung, s);
        segment_unref(s);
        sound_unref(sound);
    }
    ck_assert_uint_eq(count_lines(log, "left_out"), 2);
    ck_assert_uint_eq(count_lines(log, "stream=x rendition=source track=video codec=av1"), 1);
    ck_assert_uint_eq(count_lines(log, "stream=x rendition=source track=audio codec=opus"), 1);
    ck_assert_uint_eq(count_lines(log, "/stream/x/live.m3u8"), 2);
    track_unref(av1);
    track_unref(avc);
    track_unref(opus);
    rendition_destroy(source);
    rendition_destroy(rung);
    board_destroy(b);
    fclose(log);
}
END_TEST

UNIT_MAIN("rendition", what_comes_at_once_stays, gaps_make_nothing_leave,
          a_long_segment_stays_when_short_ones_follow, a_short_segment_is_no_peak,
          the_first_part_makes_a_window, what_changes_together_is_seen_together,
          parts_wait_for_the_numbers_before, a_first_gap_has_no_parts,
          parts_leave_long_before_their_segments, old_parts_are_made_again, parts_stay_by_the_clock,
          the_live_playlist_is_longer, window_slides, what_mpeg_ts_cannot_carry_is_said_once,
          late_segments_are_published_in_order, gaps_are_kept_but_not_at_the_start,
          discontinuities_are_counted_when_they_leave, the_end_can_be_taken_back,
          a_rung_that_starts_late_counts_discontinuities_as_the_source_does,
          the_end_waits_for_what_is_expected, heavy_segments_leave_when_they_leave_the_playlist)
