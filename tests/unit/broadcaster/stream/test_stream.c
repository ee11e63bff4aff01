#include "broadcaster/stream/stream.h"

#include "tests/unit/broadcaster/stream/stream_bench.h"

START_TEST(segments_carry_all_packets_once)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    play(st, 0, 10000, 1000);
    stream_end(st, 10000);
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_uint_eq(w->count, 5);
    size_t video = 0, audio = 0;
    uint64_t first = segment_info(w->segments[0])->msn;
    ck_assert_uint_eq(first, WALL_MS / 1000 - 1577836800);
    for (size_t i = 0; i < w->count; i++) {
        const struct segment *s = w->segments[i];
        ck_assert_uint_eq(segment_info(s)->msn, first + i);
        ck_assert_int_eq(segment_info(s)->duration, 2 * TICKS_PER_S);
        ck_assert(segment_info(s)->independent);
        video += segment_packets(s)->count;
        audio += sound_packets(segment_sound(w->segments[i]))->count;
    }
    ck_assert_uint_eq(video, 250);
    ck_assert_uint_eq(audio, 500);
    window_unref(w);
    bench_destroy(b);
}
END_TEST

START_TEST(a_live_id_is_taken_and_the_number_of_streams_bounded)
{
    struct bench *b = bench_create(2);
    struct stream *st = publish(b, "x", 0);
    struct stream *other;
    const char *why;
    ck_assert_int_eq(streams_publish(b->streams, "x", NULL, 0, WALL_MS, &other, &why), ERR_STATE);
    publish(b, "y", 0);
    ck_assert_int_eq(streams_publish(b->streams, "z", NULL, 0, WALL_MS, &other, &why), ERR_LIMIT);
    stream_end(st, 1);
    publish(b, "z", 2);
    ck_assert_uint_eq(streams_live(b->streams), 2);
    bench_destroy(b);
}
END_TEST

START_TEST(a_publisher_that_returns_continues_behind_a_discontinuity)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    play(st, 0, 4000, 1000);
    stream_end(st, 4000);
    streams_tick(b->streams, 4000 + GRACE_MS - 1);
    st = publish(b, "x", 4500);
    play(st, 0, 4000, 1000);
    stream_end(st, 9000);
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_uint_eq(w->count, 4);
    ck_assert(!w->ended);
    for (size_t i = 1; i < w->count; i++) {
        const struct segment_info *before = segment_info(w->segments[i - 1]);
        const struct segment_info *info = segment_info(w->segments[i]);
        ck_assert_uint_eq(info->msn, before->msn + 1);
        ck_assert_int_ge(info->start, before->start + before->duration);
        ck_assert_int_eq(info->discontinuity, i == 2);
    }
    window_unref(w);
    bench_destroy(b);
}
END_TEST

START_TEST(the_end_comes_after_the_grace)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    play(st, 0, 4000, 1000);
    stream_end(st, 4000);
    char id[32];
    ck_assert_int_eq(board_current(b->board, id, sizeof id), ERR_OK);
    streams_tick(b->streams, 4000 + GRACE_MS);
    struct window *w = board_window(b->board, "x", "source");
    ck_assert(w->ended);
    window_unref(w);
    streams_tick(b->streams, 4000 + GRACE_MS + LINGER_MS);
    ck_assert_ptr_null(board_window(b->board, "x", "source"));
    ck_assert_int_eq(board_current(b->board, id, sizeof id), ERR_NOENT);
    bench_destroy(b);
}
END_TEST

static void expect_facts(struct bench *b, enum board_state state, int64_t since_ms,
                         int64_t until_ms, const char *title)
{
    struct board_entry e;
    ck_assert_uint_eq(board_streams(b->board, &e, 1), 1);
    ck_assert_int_eq(e.facts.state, state);
    ck_assert_int_eq(e.facts.since_ms, since_ms);
    ck_assert_int_eq(e.facts.until_ms, until_ms);
    ck_assert_str_eq(e.facts.title, title);
}

START_TEST(the_board_knows_what_a_stream_is_doing)
{
    struct bench *b = bench_create(10);
    struct board_entry none;
    struct stream *st = publish(b, "x", 0); /* at WALL_MS */
    stream_told(st, "one", 0);
    ck_assert_uint_eq(board_streams(b->board, &none, 1), 0);
    play(st, 0, 4000, 1000);
    expect_facts(b, BOARD_LIVE, WALL_MS, 0, "one");
    stream_end(st, 4000);
    expect_facts(b, BOARD_WAITING, WALL_MS, WALL_MS + 4000, "one");
    st = publish(b, "x", 4500); /* it is back: still the same show */
    stream_told(st, "two", 0);
    expect_facts(b, BOARD_LIVE, WALL_MS, 0, "two");
    stream_end(st, 5000);
    streams_tick(b->streams, 5000 + GRACE_MS);
    expect_facts(b, BOARD_ENDED, WALL_MS, WALL_MS + 5000, "two");
    const char *why;
    ck_assert_int_eq(
        streams_publish(b->streams, "x", NULL, 5000 + GRACE_MS + 100, WALL_MS + 9000, &st, &why),
        ERR_OK);
    expect_facts(b, BOARD_LIVE, WALL_MS + 9000, 0, "two");
    stream_end(st, 9000);
    bench_destroy(b);
}
END_TEST

START_TEST(current_is_the_newest)
{
    struct bench *b = bench_create(10);
    char id[32];
    struct stream *x = publish(b, "x", 0);
    struct stream *y = publish(b, "y", 1);
    ck_assert_int_eq(board_current(b->board, id, sizeof id), ERR_OK);
    ck_assert_str_eq(id, "y");
    play(y, 0, 4000, 1000);
    stream_end(y, 5000);
    ck_assert_int_eq(board_current(b->board, id, sizeof id), ERR_OK);
    ck_assert_str_eq(id, "x");
    (void)x;
    bench_destroy(b);
}
END_TEST

START_TEST(current_is_one_that_can_be_watched)
{
    struct bench *b = bench_create(10);
    char id[32];
    struct stream *x = publish(b, "x", 0);
    play(x, 0, 4000, 1000);
    struct stream *y = publish(b, "y", 5000);
    ck_assert_int_eq(board_current(b->board, id, sizeof id), ERR_OK);
    ck_assert_str_eq(id, "x");
    play(y, 0, 4000, 1000);
    ck_assert_int_eq(board_current(b->board, id, sizeof id), ERR_OK);
    ck_assert_str_eq(id, "y");
    bench_destroy(b);
}
END_TEST

START_TEST(memory_is_bounded_by_the_window)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    size_t most = 0;
    for (int i = 0; i < 60; i++) {
        play(st, i * 2000, 2000, 1000);
        size_t bytes = blob_live_bytes();
        most = bytes > most ? bytes : most;
        if (i == 20) {
            most = 0;
        }
    }
    /* Those kept and one growing, 15,000 bytes each, and the codec headers of open jobs. */
    ck_assert_uint_le(most, (RENDITION_KEPT + 2) * 15000 + 100);
    bench_destroy(b);
}
END_TEST

START_TEST(a_publisher_without_media_leaves_nothing)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    push(st, TRACK_AUDIO, 0, true);
    push(st, TRACK_VIDEO, 0, false);
    stream_end(st, 10);
    ck_assert_ptr_null(board_window(b->board, "x", "source"));
    bench_destroy(b);
}
END_TEST

/* Nothing else comes, and the publisher is told all the same. */
START_TEST(what_is_left_out_is_counted_and_told)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    for (int64_t t = 0; t < 8000; t += 40) {
        stream_left_out(st, REPAIR_NO_HEADER, t);
    }
    struct json *status = json_new_object();
    streams_status(b->streams, 8000, status);
    char *text = json_line(status);
    ck_assert_ptr_nonnull(strstr(text, "\"no_header\":200"));
    ck_assert_ptr_nonnull(strstr(text, "no codec header: "));
    mem_free(text);
    json_destroy(status);
    stream_end(st, 8000);
    bench_destroy(b);
}
END_TEST

START_TEST(a_new_ladder_is_for_new_streams)
{
    struct bench *b = bench_create(10);
    struct stream *first = publish(b, "x", 0);
    play(first, 0, 3000, 1000);
    struct ladder other = {
        {*profile_find(span_cstr("P240p30fps16x9")), *profile_find(span_cstr("P360p30fps16x9"))},
        2};
    streams_set_ladder(b->streams, &other);
    ck_assert_uint_eq(streams_ladder(b->streams)->n, 2);
    struct stream *second = publish(b, "y", 0);
    play(second, 0, 3000, 1000);
    stream_end(first, 3000);
    first = publish(b, "x", 3100); /* comes back to what it had */
    play(first, 3100, 3000, 1000);
    struct json *status = json_new_object();
    streams_status(b->streams, 6000, status);
    char *text = json_text(status);
    const char *x = strstr(text, "\"id\": \"x\""), *y = strstr(text, "\"id\": \"y\"");
    ck_assert(x != NULL && y != NULL && y < x); /* in order of publishing */
    ck_assert_ptr_nonnull(strstr(x, "P144p30fps16x9"));
    ck_assert_ptr_null(strstr(x, "P240p30fps16x9"));
    ck_assert_ptr_nonnull(strstr(y, "P360p30fps16x9"));
    mem_free(text);
    json_destroy(status);
    streams_set_ladder(b->streams, &(struct ladder){.n = 0});
    stream_end(first, 6100);
    stream_end(second, 6100);
    bench_destroy(b); /* each takes the rungs along that it has */
}
END_TEST

/* A publisher's own rungs, which it keeps when it comes back; together they have one figure. */
START_TEST(a_stream_has_a_ladder_of_its_own)
{
    struct bench *b = bench_create(10);
    struct ladder own = {.n = 0};
    struct profile mine = {
        .name = "mine", .width = 320, .height = 180, .fps_den = 1, .bitrate_bps = 300000};
    const char *why = "";
    ck_assert_int_eq(ladder_add(&own, &mine), ERR_OK);
    ck_assert_int_eq(ladder_add(&own, &mine), ERR_STATE);
    ck_assert_int_eq(streams_check(b->streams, "x", &why), ERR_OK);
    struct stream *st = publish_with(b, "x", &own, 0);
    ck_assert_int_eq(streams_check(b->streams, "x", &why), ERR_STATE);
    memset(&own, 0, sizeof own);
    play(st, 0, 3000, 1000);
    stream_end(st, 3000);
    st = publish(b, "x", 3100);
    struct json *status = json_new_object();
    streams_status(b->streams, 6000, status);
    char *text = json_text(status);
    ck_assert_ptr_nonnull(strstr(text, "\"mine\""));
    ck_assert_ptr_null(strstr(text, "P144p30fps16x9"));
    mem_free(text);
    json_destroy(status);
    mine.name[0] = 'y';
    ck_assert_ptr_eq(figures_rung(streams_figures(b->streams), &mine),
                     &streams_figures(b->streams)->custom);
    stream_end(st, 6100);
    bench_destroy(b);
}
END_TEST

START_TEST(what_is_counted_outlives_the_streams)
{
    struct bench *b = bench_create(1);
    const struct figures *f = streams_figures(b->streams);
    ck_assert_ptr_null(streams_newest(b->streams));
    struct stream *st = publish(b, "x", 0);
    ck_assert_str_eq(streams_newest(b->streams), "x");
    play(st, 0, 5000, 1000);
    push(st, TRACK_AUDIO, 4900, true); /* in the past: mended */
    struct stream *more;
    const char *why;
    ck_assert_int_eq(streams_publish(b->streams, "y", NULL, 0, WALL_MS, &more, &why), ERR_LIMIT);
    streams_set_max_live(b->streams, 2);
    ck_assert_int_eq(streams_publish(b->streams, "y", NULL, 0, WALL_MS, &more, &why), ERR_OK);
    ck_assert_int_eq(streams_publish(b->streams, "x", NULL, 0, WALL_MS, &st, &why), ERR_STATE);
    stream_end(more, 10); /* had nothing, so it is no more */
    stream_end(st, 5000);
    streams_tick(b->streams, 5000 + GRACE_MS);
    streams_tick(b->streams, 5000 + GRACE_MS + LINGER_MS);
    ck_assert_ptr_null(streams_newest(b->streams));
    ck_assert_uint_eq(f->streams_created, 2);
    ck_assert_uint_eq(f->streams_started, 2);
    ck_assert_uint_eq(f->streams_refused, 2);
    ck_assert_uint_eq(f->streams_ended, 2);
    ck_assert_uint_eq(f->source.appeared, 3);
    ck_assert_uint_gt(f->repairs.n[REPAIR_DTS_NOT_RISING], 0);
    bench_destroy(b);
}
END_TEST

#define DAYS 3 /* in a row: the clock of MPEG-TS goes round every 26.5 hours */
START_TEST(a_very_long_stream)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    int64_t day_ms = 24 * 3600 * 1000, t = 0;
    bool taken = true; /* Check writes a file at each assertion */
    for (int64_t i = 0; t < DAYS * day_ms; i++, t += 2800) {
        struct blob *blob = blob_create(10);
        struct packet p = {.kind = TRACK_VIDEO,
                           .dts = t * TICKS_PER_MS,
                           .pts = t * TICKS_PER_MS,
                           .flags = PACKET_KEY,
                           .blob = blob,
                           .data = blob_span(blob)};
        taken = taken && stream_packet(st, &p, t) == ERR_OK;
        blob_unref(blob);
    }
    ck_assert(taken);
    stream_end(st, t);
    struct window *w = board_window(b->board, "x", "source");
    const struct segment_info *last = segment_info(w->segments[w->count - 1]);
    ck_assert_int_ge(last->start, (DAYS * day_ms - 2800) * TICKS_PER_MS);
    for (size_t i = 1; i < w->count; i++) {
        const struct segment_info *before = segment_info(w->segments[i - 1]);
        ck_assert_int_eq(segment_info(w->segments[i])->start, before->start + before->duration);
        ck_assert(!segment_info(w->segments[i])->discontinuity);
    }
    window_unref(w);
    bench_destroy(b);
}
END_TEST

UNIT_MAIN("stream", a_stream_has_a_ladder_of_its_own, a_new_ladder_is_for_new_streams,
          what_is_counted_outlives_the_streams, segments_carry_all_packets_once,
          a_live_id_is_taken_and_the_number_of_streams_bounded,
          a_publisher_that_returns_continues_behind_a_discontinuity, the_end_comes_after_the_grace,
          the_board_knows_what_a_stream_is_doing, current_is_the_newest,
          memory_is_bounded_by_the_window, a_publisher_without_media_leaves_nothing,
          what_is_left_out_is_counted_and_told, current_is_one_that_can_be_watched,
          a_very_long_stream)
