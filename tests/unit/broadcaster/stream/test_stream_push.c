#include "broadcaster/stream/stream_push.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/support/clip.h"
#include "tests/support/unit.h"

#define WALL_MS    1795000000000
#define TWO_S      (2 * TICKS_PER_S)
#define CLOCK_WRAP (INT64_C(1) << 33)

struct bench {
    struct board *board;
    struct jobs *jobs;
    struct jobs_way *way;
    struct numbers *numbers;
    struct streams *streams;
    struct stream *st;
    struct stream_push push;
    struct clip video, audio;
    char path[64];
    size_t settled, lost;
    uint64_t last_settled;
};

static enum err on_send(void *arg, const struct link_msg *m, struct blob *payload)
{
    return ERR_OK;
}

static void on_settled(void *arg, size_t rung, struct segment *s, const enum jobs_failure *why)
{
    struct bench *b = arg;
    b->settled++;
    b->lost += why != NULL;
    b->last_settled = segment_info(s)->msn;
    ck_assert_uint_eq(rung, 0);
}

static struct bench *bench_create(void)
{
    struct bench *b = mem_alloc(sizeof *b);
    const char *why;
    snprintf(b->path, sizeof b->path, "/tmp/stream-push-test-%d", (int)getpid());
    unlink(b->path);
    b->board = board_create();
    b->numbers = numbers_open(b->path);
    b->jobs = jobs_create(1000, 3);
    b->way = jobs_way_create(b->jobs, "a", on_send, b);
    jobs_way_open(b->way);
    struct streams_config c = {.board = b->board,
                               .jobs = b->jobs,
                               .numbers = b->numbers,
                               .ladder = {{*profile_find(span_cstr("P144p30fps16x9"))}, 1},
                               .max_live = 10,
                               .grace_ms = 1000,
                               .linger_ms = 1000};
    b->streams = streams_create(&c);
    ck_assert_int_eq(streams_publish(b->streams, "x", NULL, 0, WALL_MS, &b->st, &why), ERR_OK);
    b->video = clip_video(160, 90, 60, 30, 0, 0);
    b->audio = clip_audio(94, 64000, 0);
    return b;
}

static void bench_destroy(struct bench *b)
{
    stream_push_watch(b->st, NULL, NULL);
    stream_end(b->st, 0);
    streams_destroy(b->streams);
    jobs_way_destroy(b->way);
    jobs_destroy(b->jobs);
    numbers_close(b->numbers);
    board_destroy(b->board);
    clip_free(&b->video);
    clip_free(&b->audio);
    unlink(b->path);
    mem_free(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static void shift(struct packets *ps, int64_t by)
{
    for (size_t i = 0; i < ps->count; i++) {
        ps->items[i].dts += by;
        ps->items[i].pts += by;
    }
}

/* Two seconds that begin at start on the pusher's clock. */
static void push(struct bench *b, int64_t start, unsigned holes, bool restarted)
{
    struct push_media m;
    push_media_init(&m);
    m.video = track_ref(b->video.track);
    m.audio = track_ref(b->audio.track);
    m.video_packets = clip_cut(&b->video, 0, 60);
    m.audio_packets = clip_cut(&b->audio, 0, 93);
    shift(&m.video_packets, start);
    shift(&m.audio_packets, start);
    m.start = start;
    m.duration = TWO_S;
    m.independent = true;
    m.wraps = true;
    stream_push_begin(b->st, &m);
    stream_push_watch(b->st, on_settled, b);
    stream_push_segment(b->st, &b->push, &m, holes, restarted, 0);
    ck_assert_uint_eq(m.video_packets.count, 0);
    push_media_fini(&m);
}

static void expect(struct bench *b, const char *marks)
{
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_uint_eq(w->count, strlen(marks));
    int64_t end = 0;
    int64_t last_dts[2] = {0, 0};
    for (size_t i = 0; i < w->count; i++) {
        const struct segment_info *info = segment_info(w->segments[i]);
        char mark = info->gap ? 'g' : info->discontinuity ? 'd' : '.';
        ck_assert_msg(mark == marks[i], "%zu: %c, not %c", i, mark, marks[i]);
        ck_assert_uint_eq(info->msn, segment_info(w->segments[0])->msn + i);
        ck_assert_int_ge(info->start, end);
        end = info->start + info->duration;
        struct sound *sound = segment_sound(w->segments[i]);
        const struct packets *both[] = {segment_packets(w->segments[i]),
                                        sound != NULL ? sound_packets(sound) : NULL};
        for (int k = 0; k < 2; k++) {
            for (size_t p = 0; both[k] != NULL && p < both[k]->count; p++) {
                ck_assert_int_gt(both[k]->items[p].dts, last_dts[k]);
                last_dts[k] = both[k]->items[p].dts;
            }
        }
    }
    window_unref(w);
}

START_TEST(a_clock_that_goes_on)
{
    struct bench *b = bench_create();
    for (int i = 0; i < 4; i++) {
        push(b, 126000 + i * TWO_S + (i == 2 ? 1000 : 0), 0, false); /* a little late */
    }
    expect(b, "....");
    ck_assert_uint_eq(b->push.jumps, 0);
    bench_destroy(b);
}
END_TEST

START_TEST(a_clock_that_wraps)
{
    struct bench *b = bench_create();
    push(b, CLOCK_WRAP - TWO_S - 5000, 0, false);
    push(b, CLOCK_WRAP - 5000, 0, false);
    push(b, TWO_S - 5000, 0, false);
    expect(b, "...");
    push(b, 2 * TWO_S - 5000 - CLOCK_WRAP, 0, false); /* libavformat may count below zero */
    expect(b, "....");
    bench_destroy(b);
}
END_TEST

START_TEST(a_clock_that_begins_anew)
{
    struct bench *b = bench_create();
    push(b, 0, 0, false);
    push(b, 0, 0, false);
    push(b, 5 * TWO_S, 0, false);
    push(b, 6 * TWO_S, 0, true);
    expect(b, ".ddd");
    ck_assert_uint_eq(b->push.jumps, 3);
    bench_destroy(b);
}
END_TEST

START_TEST(holes)
{
    struct bench *b = bench_create();
    push(b, 0, 0, false);
    push(b, 3 * TWO_S, 2, false);
    expect(b, ".gg.");
    push(b, 500 * TWO_S, 1, false); /* the clock says something else */
    expect(b, ".gg.gd");
    /* The rungs have the same numbers. */
    jobs_tick(b->jobs, 100000);
    ck_assert_uint_eq(b->settled, 3);
    ck_assert_uint_eq(b->lost, 3);
    bench_destroy(b);
}
END_TEST

static int target_after(struct bench *b, int64_t *at, int64_t duration)
{
    struct push_media m;
    push_media_init(&m);
    m.video = track_ref(b->video.track);
    m.video_packets = clip_cut(&b->video, 0, 60);
    shift(&m.video_packets, *at);
    m.start = *at;
    m.duration = duration;
    stream_push_begin(b->st, &m);
    stream_push_segment(b->st, &b->push, &m, 0, false, 0);
    push_media_fini(&m);
    *at += duration;
    struct window *w = board_window(b->board, "x", "source");
    int seconds = w->target_duration_s;
    window_unref(w);
    return seconds;
}

/* Encoders cut where their keyframes are: a little longer and shorter in turn. */
START_TEST(the_target_duration_stays)
{
    static const int64_t tenths[] = {20, 24, 1, 16, 20};
    static const int64_t longer[] = {60, 74, 40, 70};
    struct bench *b = bench_create();
    int64_t at = 0;
    for (size_t i = 0; i < sizeof tenths / sizeof tenths[0]; i++) {
        ck_assert_int_eq(target_after(b, &at, tenths[i] * TICKS_PER_S / 10), 2);
    }
    bench_destroy(b);
    b = bench_create();
    at = 0;
    for (size_t i = 0; i < sizeof longer / sizeof longer[0]; i++) {
        ck_assert_int_eq(target_after(b, &at, longer[i] * TICKS_PER_S / 10), 7);
    }
    bench_destroy(b);
}
END_TEST

START_TEST(the_target_duration_never_changes)
{
    struct bench *b = bench_create();
    int64_t at = 0;
    ck_assert_int_eq(stream_push_longest(&b->push), 0);
    ck_assert_int_eq(target_after(b, &at, TWO_S), 2);
    ck_assert_int_eq(stream_push_longest(&b->push), 2499 * TICKS_PER_MS);
    ck_assert_int_eq(target_after(b, &at, stream_push_longest(&b->push)), 2);
    /* Nor by gaps: they are as long as what was last. */
    push(b, at + 12 * TICKS_PER_S, 2, false);
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_int_eq(w->target_duration_s, 2);
    for (size_t i = 0; i < w->count; i++) {
        ck_assert_int_le(segment_info(w->segments[i])->duration, stream_push_longest(&b->push));
    }
    window_unref(w);
    bench_destroy(b);
}
END_TEST

UNIT_MAIN("stream_push", a_clock_that_goes_on, a_clock_that_wraps, a_clock_that_begins_anew, holes,
          the_target_duration_stays, the_target_duration_never_changes)
