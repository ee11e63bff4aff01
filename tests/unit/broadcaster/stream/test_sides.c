#include "broadcaster/stream/sides.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "broadcaster/stream/stream.h"
#include "tests/support/parts.h"
#include "tests/support/unit.h"

#define WALL_MS 1795000000000

struct bench {
    struct board *board;
    struct jobs *jobs;
    struct jobs_way *way;
    struct numbers *numbers;
    struct streams *streams;
    struct stream *stream;
    char path[64];
};

static enum err on_send(void *arg, const struct link_msg *m, struct blob *payload)
{
    return ERR_AGAIN;
}

static void bench_init(struct bench *b)
{
    snprintf(b->path, sizeof b->path, "/tmp/sides-test-%d", (int)getpid());
    unlink(b->path);
    b->board = board_create();
    b->numbers = numbers_open(b->path);
    b->jobs = jobs_create(10000, 3);
    b->way = jobs_way_create(b->jobs, "a", on_send, b);
    struct streams_config c = {.board = b->board,
                               .jobs = b->jobs,
                               .numbers = b->numbers,
                               .ladder = {{*profile_find(span_cstr("P360p30fps16x9")),
                                           *profile_find(span_cstr("P144p30fps16x9"))},
                                          2},
                               .max_live = 10,
                               .grace_ms = 1000,
                               .linger_ms = 500};
    b->streams = streams_create(&c);
}

static void bench_fini(struct bench *b)
{
    streams_destroy(b->streams);
    jobs_way_destroy(b->way);
    jobs_destroy(b->jobs);
    numbers_close(b->numbers);
    board_destroy(b->board);
    unlink(b->path);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static void track(struct bench *b, enum track_kind kind, unsigned index, int height)
{
    struct track_params t = {.kind = kind,
                             .codec = kind == TRACK_AUDIO ? CODEC_AAC : CODEC_H264,
                             .index = index,
                             .width = kind == TRACK_AUDIO ? 0 : height * 16 / 9,
                             .height = kind == TRACK_AUDIO ? 0 : height,
                             .sample_rate = kind == TRACK_AUDIO ? 48000 : 0,
                             .channels = 2,
                             .config = span_cstr("config"),
                             .sar_den = 1};
    struct track *made = track_create(&t);
    stream_track(b->stream, made);
    track_unref(made);
}

static void publish(struct bench *b, int64_t now)
{
    const char *why;
    ck_assert_int_eq(streams_publish(b->streams, "x", NULL, now, WALL_MS, &b->stream, &why),
                     ERR_OK);
    track(b, TRACK_VIDEO, 0, 720);
    track(b, TRACK_AUDIO, 0, 0);
}

/* shift: how much later the picture is shown than decoded. */
static void push(struct bench *b, enum track_kind kind, unsigned index, int64_t ms, int64_t shift,
                 bool key)
{
    struct blob *blob = blob_create(100);
    struct packet p = {.kind = kind,
                       .index = index,
                       .dts = (ms - shift) * TICKS_PER_MS,
                       .pts = ms * TICKS_PER_MS,
                       .flags = key ? PACKET_KEY : 0,
                       .blob = blob,
                       .data = blob_span(blob)};
    ck_assert_int_eq(stream_packet(b->stream, &p, ms), ERR_OK);
    blob_unref(blob);
}

static struct window *window(struct bench *b, const char *name)
{
    struct window *w = board_window(b->board, "x", name);
    ck_assert_msg(w != NULL, "%s", name);
    return w;
}

/* What may be played one behind the other, each beside the source's segment of its number. */
static void check_aligned(struct bench *b, const char *name)
{
    struct window *w = window(b, name), *source = window(b, "source");
    for (size_t i = 0; i < w->count; i++) {
        const struct segment_info *info = segment_info(w->segments[i]);
        struct segment *other = window_find(source, info->msn);
        ck_assert_ptr_nonnull(other);
        ck_assert_int_eq(info->start, segment_info(other)->start);
        ck_assert_int_eq(info->duration, segment_info(other)->duration);
        ck_assert_int_eq(info->discontinuity, segment_info(other)->discontinuity);
        ck_assert(info->gap || segment_sound(w->segments[i]) == segment_sound(other));
        ck_assert(i == 0 || info->msn == segment_info(w->segments[i - 1])->msn + 1);
        size_t n = check_parts_of(w, TRACK_VIDEO, info->msn, segment_packets(w->segments[i]));
        ck_assert(!info->gap || n == 0);
        if (i + 1 == w->count && !info->gap) {
            ck_assert_uint_ge(n, info->duration >= TICKS_PER_S ? 5 : 1);
        }
    }
    window_unref(w);
    window_unref(source);
}

static size_t count_packets(struct bench *b, const char *name)
{
    struct window *w = window(b, name);
    size_t n = 0;
    for (size_t i = 0; i < w->count; i++) {
        n += segment_packets(w->segments[i])->count;
    }
    window_unref(w);
    return n;
}

/* 25 fps of both, an IDR each second. The other one comes `lead` ms ahead of the source's. */
static void play_two(struct bench *b, int64_t from, int64_t ms, int64_t lead, int64_t shift)
{
    for (int64_t t = lead > 0 ? from - lead : from; t < from + ms; t += 40) {
        if (t + lead >= from && t + lead < from + ms) {
            push(b, TRACK_VIDEO, 1, t + lead, shift, (t + lead) % 1000 == 0);
        }
        if (t >= from) {
            push(b, TRACK_VIDEO, 0, t, 0, t % 1000 == 0);
            push(b, TRACK_AUDIO, 0, t, 0, true);
        }
    }
}

START_TEST(another_track_is_a_rendition_of_the_source)
{
    /* The other one first or last, and with pictures that are shown later than decoded. */
    static const int64_t rows[][2] = {{0, 0}, {80, 0}, {-80, 0}, {0, 80}, {80, 80}, {-80, 40}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench b;
        bench_init(&b);
        publish(&b, 0);
        track(&b, TRACK_VIDEO, 1, 360);
        play_two(&b, 1000, 10000, rows[i][0], rows[i][1]);
        stream_end(b.stream, 11000);
        check_aligned(&b, "source1");
        struct window *w = window(&b, "source1");
        ck_assert_uint_eq(w->count, 5);
        for (size_t k = 0; k < w->count; k++) {
            ck_assert(segment_info(w->segments[k])->independent);
            ck_assert_int_eq(track_params(segment_video(w->segments[k]))->height, 360);
            const struct packets *ps = segment_packets(w->segments[k]);
            for (size_t n = 1; n < ps->count; n++) {
                ck_assert_int_gt(ps->items[n].dts, ps->items[n - 1].dts);
                ck_assert_int_eq(ps->items[n - 1].duration, 40 * TICKS_PER_MS);
            }
        }
        window_unref(w);
        /* With 80 ms behind, the last two are still to come when the publisher goes. */
        ck_assert_uint_eq(count_packets(&b, "source1"), rows[i][0] < 0 ? 248 : 250);
        ck_assert_uint_eq(count_packets(&b, "source"), 250);
        bench_fini(&b);
    }
}
END_TEST

START_TEST(a_missing_keyframe_is_told)
{
    struct bench b;
    bench_init(&b);
    publish(&b, 0);
    track(&b, TRACK_VIDEO, 1, 360);
    for (int64_t t = 0; t < 8000; t += 40) {
        push(&b, TRACK_VIDEO, 0, t, 0, t % 1000 == 0);
        push(&b, TRACK_VIDEO, 1, t, 0, t % 1000 == 0 && t != 4000);
    }
    stream_end(b.stream, 8000);
    check_aligned(&b, "source1");
    struct window *w = window(&b, "source1");
    ck_assert_uint_eq(w->count, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(segment_info(w->segments[i])->independent, i != 2);
        ck_assert(!segment_info(w->segments[i])->gap);
        ck_assert_uint_eq(segment_packets(w->segments[i])->count, 50);
    }
    window_unref(w);
    bench_fini(&b);
}
END_TEST

START_TEST(a_track_that_pauses_leaves_gaps_and_comes_back_at_a_keyframe)
{
    struct bench b;
    bench_init(&b);
    publish(&b, 0);
    track(&b, TRACK_VIDEO, 1, 360);
    for (int64_t t = 0; t < 12000; t += 40) {
        push(&b, TRACK_VIDEO, 0, t, 0, t % 1000 == 0);
        if (t < 2000 || t >= 5000) {
            push(&b, TRACK_VIDEO, 1, t, 0, t % 1000 == 0);
        }
    }
    stream_end(b.stream, 12000);
    check_aligned(&b, "source1");
    static const bool gap[] = {false, true, true, false, false, false};
    struct window *w = window(&b, "source1");
    ck_assert_uint_eq(w->count, 6);
    for (size_t i = 0; i < 6; i++) {
        ck_assert_int_eq(segment_info(w->segments[i])->gap, gap[i]);
    }
    window_unref(w);
    bench_fini(&b);
}
END_TEST

START_TEST(names_are_stable_and_an_absent_track_leaves_gaps)
{
    struct bench b;
    bench_init(&b);
    publish(&b, 0);
    track(&b, TRACK_VIDEO, 1, 360);
    play_two(&b, 0, 4000, 0, 0);
    stream_end(b.stream, 4000);
    publish(&b, 4100);
    track(&b, TRACK_VIDEO, 1, 360);
    play_two(&b, 1000, 4000, 0, 0);
    stream_end(b.stream, 9000);
    publish(&b, 9100); /* without it */
    for (int64_t t = 0; t < 4000; t += 40) {
        push(&b, TRACK_VIDEO, 0, t, 0, t % 1000 == 0);
        push(&b, TRACK_VIDEO, 1, t, 0, t % 1000 == 0); /* no header came: not understood */
    }
    stream_end(b.stream, 13100);
    check_aligned(&b, "source1");
    struct window *w = window(&b, "source1");
    ck_assert_uint_eq(w->count, 6);
    for (size_t i = 0; i < 6; i++) {
        ck_assert_int_eq(segment_info(w->segments[i])->gap, i >= 4);
        ck_assert_int_eq(segment_info(w->segments[i])->discontinuity, i == 2 || i == 4);
    }
    window_unref(w);
    ck_assert_ptr_null(board_window(b.board, "x", "source2"));
    bench_fini(&b);
}
END_TEST

START_TEST(another_header_is_in_force_from_the_next_segment_on)
{
    struct bench b;
    bench_init(&b);
    publish(&b, 0);
    track(&b, TRACK_VIDEO, 1, 360);
    play_two(&b, 0, 3000, 0, 0);
    track(&b, TRACK_VIDEO, 1, 240);
    play_two(&b, 3000, 3000, 0, 0);
    stream_end(b.stream, 6000);
    struct window *w = window(&b, "source1");
    ck_assert_uint_eq(w->count, 3);
    static const int heights[] = {360, 360, 240};
    static const size_t pictures[] = {50, 25, 50};
    for (size_t i = 0; i < 3; i++) {
        if (segment_info(w->segments[i])->gap) {
            continue; /* its keyframe came before the cut was known */
        }
        ck_assert_int_eq(track_params(segment_video(w->segments[i]))->height, heights[i]);
        ck_assert_uint_eq(segment_packets(w->segments[i])->count, pictures[i]);
    }
    ck_assert(!segment_info(w->segments[0])->gap && !segment_info(w->segments[1])->gap);
    window_unref(w);
    check_aligned(&b, "source1");
    bench_fini(&b);
}
END_TEST

START_TEST(a_rung_of_a_height_that_is_brought_is_not_made)
{
    struct bench b;
    bench_init(&b);
    publish(&b, 0);
    track(&b, TRACK_VIDEO, 1, 358);
    play_two(&b, 0, 3000, 0, 0);
    struct json *status = json_new_object();
    streams_status(b.streams, 3000, status);
    char *text = json_text(status);
    ck_assert_ptr_nonnull(strstr(text, "\"source1\""));
    ck_assert_ptr_nonnull(strstr(text, "P144p30fps16x9"));
    ck_assert_ptr_null(strstr(text, "P360p30fps16x9"));
    mem_free(text);
    json_destroy(status);
    stream_end(b.stream, 3000);
    bench_fini(&b);
}
END_TEST

START_TEST(seven_further_tracks_and_no_more)
{
    struct bench b;
    bench_init(&b);
    publish(&b, 0);
    for (unsigned i = 1; i < TRACKS_PER_KIND_MAX; i++) {
        track(&b, TRACK_VIDEO, i, 100 * (int)i);
    }
    for (int64_t t = 0; t < 4000; t += 40) {
        for (unsigned i = 0; i < TRACKS_PER_KIND_MAX + 2; i++) {
            push(&b, TRACK_VIDEO, i, t, 0, t % 1000 == 0);
        }
    }
    stream_end(b.stream, 4000);
    check_aligned(&b, "source7");
    ck_assert_uint_eq(count_packets(&b, "source7"), 100);
    ck_assert_ptr_null(board_window(b.board, "x", "source8"));
    bench_fini(&b);
}
END_TEST

START_TEST(all_tracks_count_for_what_a_segment_may_hold)
{
    struct bench b;
    bench_init(&b);
    publish(&b, 0);
    track(&b, TRACK_VIDEO, 1, 360);
    push(&b, TRACK_VIDEO, 0, 0, 0, true);
    for (int64_t t = 0; t < 100; t++) {
        struct blob *blob = blob_create(1 << 20);
        struct packet p = {.kind = TRACK_VIDEO,
                           .index = 1,
                           .dts = t * TICKS_PER_MS,
                           .pts = t * TICKS_PER_MS,
                           .flags = PACKET_KEY,
                           .blob = blob,
                           .data = blob_span(blob)};
        ck_assert_int_eq(stream_packet(b.stream, &p, t), ERR_OK);
        blob_unref(blob);
    }
    ck_assert_uint_le(blob_live_bytes(), STREAM_SEGMENT_MAX);
    for (int64_t t = 0; t < 5000; t++) {
        push(&b, TRACK_VIDEO, 1, t, 0, false);
    }
    ck_assert_uint_le(blob_live_bytes(), STREAM_SEGMENT_MAX);
    stream_end(b.stream, 100);
    ck_assert_ptr_null(board_window(b.board, "x", "source1")); /* with parts missing: none */
    bench_fini(&b);
}
END_TEST

static void push_at(struct bench *b, unsigned index, int64_t ms, int64_t shown_ms, int64_t now)
{
    struct blob *blob = blob_create(100);
    struct packet p = {.kind = TRACK_VIDEO,
                       .index = index,
                       .dts = ms * TICKS_PER_MS,
                       .pts = shown_ms * TICKS_PER_MS,
                       .flags = PACKET_KEY,
                       .blob = blob,
                       .data = blob_span(blob)};
    ck_assert_int_eq(stream_packet(b->stream, &p, now), ERR_OK);
    blob_unref(blob);
}

static void check_times(struct bench *b, const char *name)
{
    struct window *w = window(b, name);
    for (size_t i = 0; i < w->count; i++) {
        const struct segment_info *info = segment_info(w->segments[i]);
        const struct packets *ps = segment_packets(w->segments[i]);
        for (size_t k = 0; k < ps->count; k++) {
            const struct packet *p = &ps->items[k];
            ck_assert_int_ge(p->dts, 0);
            ck_assert_int_ge(p->pts, p->dts);
            ck_assert_int_le(p->pts - p->dts, SIDES_APART_TICKS);
            ck_assert_int_lt(p->dts, info->start + info->duration + SIDES_APART_TICKS);
            ck_assert_int_gt(p->dts, info->start - 2 * SIDES_APART_TICKS);
        }
    }
    window_unref(w);
}

/* Times from anywhere, before and after the source's clock is known: none of them is given out, and
 * the track goes on behind them. */
START_TEST(forged_times_are_left_out)
{
    static const int64_t far[] = {0, 4294967295, 2147483648, -4294967296};
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        struct bench b;
        int64_t base = far[(i + 1) % 4] == 0 ? 5000000 : far[(i + 1) % 4];
        bench_init(&b);
        publish(&b, 0);
        track(&b, TRACK_VIDEO, 1, 360);
        push_at(&b, 1, far[i], far[i], 0);
        for (int64_t t = 0; t < 20000; t += 40) {
            push_at(&b, 0, base + t, base + t, t);
            push_at(&b, 1, base + t, base + t + (t % 400 == 0 ? 8388607 : 0), t);
            if (t == 5000) {
                push_at(&b, 1, far[i], far[i], t);
                push_at(&b, 1, base + t, base + t - 8388608, t);
            }
        }
        stream_end(b.stream, 20000);
        check_aligned(&b, "source1");
        check_times(&b, "source1");
        struct window *w = window(&b, "source1");
        ck_assert(!segment_info(w->segments[w->count - 1])->gap);
        ck_assert_int_eq(segment_packets(w->segments[w->count - 1])->count, 50);
        window_unref(w);
        bench_fini(&b);
    }
}
END_TEST

UNIT_MAIN("sides", another_track_is_a_rendition_of_the_source, a_missing_keyframe_is_told,
          a_track_that_pauses_leaves_gaps_and_comes_back_at_a_keyframe,
          names_are_stable_and_an_absent_track_leaves_gaps,
          another_header_is_in_force_from_the_next_segment_on,
          a_rung_of_a_height_that_is_brought_is_not_made, seven_further_tracks_and_no_more,
          forged_times_are_left_out, all_tracks_count_for_what_a_segment_may_hold)
