#include "broadcaster/rendition.h"

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
    ck_assert_uint_eq(rendition_bytes(r), RENDITION_KEPT * 1000);
    struct variant v;
    ck_assert_uint_eq(board_variants(b, "x", &v, 1), 1);
    ck_assert_int_eq(v.bandwidth_bps, 4000);
    rendition_destroy(r);
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
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

UNIT_MAIN("rendition", window_slides, what_mpeg_ts_cannot_carry_is_said_once,
          late_segments_are_published_in_order, gaps_are_kept_but_not_at_the_start,
          discontinuities_are_counted_when_they_leave, the_end_can_be_taken_back,
          a_rung_that_starts_late_counts_discontinuities_as_the_source_does,
          the_end_waits_for_what_is_expected, heavy_segments_leave_when_they_leave_the_playlist)
