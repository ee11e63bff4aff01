#include "broadcaster/stream.h"

#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/support/unit.h"

#define WALL_MS   1795000000000
#define GRACE_MS  1000
#define LINGER_MS 500

struct bench {
    struct board *board;
    struct jobs *jobs;
    struct numbers *numbers;
    struct streams *streams;
    char path[64];
    size_t preroll, opened;
};

static enum err on_send(void *arg, const struct link_msg *m, struct blob *payload)
{
    struct bench *b = arg;
    b->opened += m->type == LINK_JOB_OPEN;
    if (m->type == LINK_JOB_UNIT && m->unit.n_packets > 0) {
        b->preroll += (m->unit.packets[0].flags & PACKET_PREROLL) != 0;
    }
    return ERR_OK;
}

static struct bench *bench_create(size_t max_live)
{
    struct bench *b = mem_alloc(sizeof *b);
    snprintf(b->path, sizeof b->path, "/tmp/stream-test-%d", (int)getpid());
    unlink(b->path);
    b->board = board_create();
    b->numbers = numbers_open(b->path);
    b->jobs = jobs_create(on_send, b, 10000);
    jobs_set_connected(b->jobs, true);
    struct streams_config c = {.board = b->board,
                               .jobs = b->jobs,
                               .numbers = b->numbers,
                               .ladder = {profile_find(span_cstr("P144p30fps16x9"))},
                               .n_ladder = 1,
                               .max_live = max_live,
                               .grace_ms = GRACE_MS,
                               .linger_ms = LINGER_MS,
                               .show_current = true};
    b->streams = streams_create(&c);
    return b;
}

static void bench_destroy(struct bench *b)
{
    streams_destroy(b->streams);
    jobs_destroy(b->jobs);
    numbers_close(b->numbers);
    board_destroy(b->board);
    unlink(b->path);
    mem_free(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static struct stream *publish(struct bench *b, const char *id, int64_t now)
{
    struct stream *st;
    const char *why;
    ck_assert_int_eq(streams_publish(b->streams, id, now, WALL_MS, &st, &why), ERR_OK);
    struct track_params v = {
        .kind = TRACK_VIDEO, .width = 640, .height = 480, .config = span_cstr("avc"), .sar_den = 1};
    struct track_params a = {.kind = TRACK_AUDIO,
                             .codec = CODEC_AAC,
                             .sample_rate = 48000,
                             .channels = 2,
                             .config = span_cstr("asc")};
    struct track *video = track_create(&v);
    struct track *audio = track_create(&a);
    stream_track(st, video);
    stream_track(st, audio);
    track_unref(video);
    track_unref(audio);
    return st;
}

static void push(struct stream *st, enum track_kind kind, int64_t ms, bool key)
{
    struct blob *blob = blob_create(100);
    struct packet p = {.kind = kind,
                       .dts = ms * TICKS_PER_MS,
                       .pts = ms * TICKS_PER_MS,
                       .flags = key ? PACKET_KEY : 0,
                       .blob = blob,
                       .data = blob_span(blob)};
    ck_assert_int_eq(stream_packet(st, &p, ms), ERR_OK);
    blob_unref(blob);
}

/* So many ms of 25 fps with an IDR every gop ms, and 50 audio packets a second. */
static void play(struct stream *st, int64_t from_ms, int64_t ms, int64_t gop_ms)
{
    for (int64_t t = from_ms; t < from_ms + ms; t += 20) {
        if (t % 40 == 0) {
            push(st, TRACK_VIDEO, t, (t - from_ms) % gop_ms == 0);
        }
        push(st, TRACK_AUDIO, t, true);
    }
}

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
    ck_assert_int_eq(streams_publish(b->streams, "x", 0, WALL_MS, &other, &why), ERR_STATE);
    publish(b, "y", 0);
    ck_assert_int_eq(streams_publish(b->streams, "z", 0, WALL_MS, &other, &why), ERR_LIMIT);
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
    /* 12 segments kept and one growing, 15,000 bytes each, and the codec headers of open jobs. */
    ck_assert_uint_le(most, 14 * 15000 + 100);
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

START_TEST(a_new_ladder_is_for_new_streams)
{
    struct bench *b = bench_create(10);
    struct stream *first = publish(b, "x", 0);
    play(first, 0, 3000, 1000);
    struct ladder other = {
        {profile_find(span_cstr("P240p30fps16x9")), profile_find(span_cstr("P360p30fps16x9"))}, 2};
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
    ck_assert_int_eq(streams_publish(b->streams, "y", 0, WALL_MS, &more, &why), ERR_LIMIT);
    streams_set_max_live(b->streams, 2);
    ck_assert_int_eq(streams_publish(b->streams, "y", 0, WALL_MS, &more, &why), ERR_OK);
    ck_assert_int_eq(streams_publish(b->streams, "x", 0, WALL_MS, &st, &why), ERR_STATE);
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
    ck_assert_uint_gt(f->repairs.dts_not_rising, 0);
    bench_destroy(b);
}
END_TEST

UNIT_MAIN("stream", a_new_ladder_is_for_new_streams, what_is_counted_outlives_the_streams,
          segments_carry_all_packets_once, a_live_id_is_taken_and_the_number_of_streams_bounded,
          a_publisher_that_returns_continues_behind_a_discontinuity, the_end_comes_after_the_grace,
          current_is_the_newest, a_cut_without_idr_sends_the_preroll,
          a_changed_track_begins_a_new_piece_at_its_idr, memory_is_bounded_by_the_window,
          a_publisher_without_media_leaves_nothing)
