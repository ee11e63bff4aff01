/* Streams with a board and a farm that swallows its jobs, and what a publisher sends. */
#ifndef TESTS_STREAM_BENCH_H
#define TESTS_STREAM_BENCH_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "broadcaster/stream/stream.h"
#include "tests/support/unit.h"

#define WALL_MS   1795000000000
#define GRACE_MS  1000
#define LINGER_MS 500

/* So that a frame of 1024 samples lasts 20 ms. */
#define SAMPLE_RATE 51200

struct bench {
    struct board *board;
    struct jobs *jobs;
    struct jobs_way *way;
    struct numbers *numbers;
    struct streams *streams;
    char path[64];
    size_t preroll, opened;
};

static inline enum err on_send(void *arg, const struct link_msg *m, struct blob *payload)
{
    struct bench *b = arg;
    b->opened += m->type == LINK_JOB_OPEN;
    if (m->type == LINK_JOB_UNIT && m->unit.n_packets > 0) {
        ck_assert_uint_eq(m->unit.packets[0].flags & PACKET_OPEN, 0);
        b->preroll += (m->unit.packets[0].flags & PACKET_PREROLL) != 0;
    }
    return ERR_OK;
}

static inline struct bench *bench_create(size_t max_live)
{
    struct bench *b = mem_alloc(sizeof *b);
    snprintf(b->path, sizeof b->path, "/tmp/stream-test-%d", (int)getpid());
    unlink(b->path);
    b->board = board_create();
    b->numbers = numbers_open(b->path);
    b->jobs = jobs_create(10000, 3);
    b->way = jobs_way_create(b->jobs, "a", on_send, b);
    jobs_way_open(b->way);
    struct streams_config c = {.board = b->board,
                               .jobs = b->jobs,
                               .numbers = b->numbers,
                               .ladder = {{*profile_find(span_cstr("P144p30fps16x9"))}, 1},
                               .max_live = max_live,
                               .grace_ms = GRACE_MS,
                               .linger_ms = LINGER_MS,
                               .show_current = true};
    b->streams = streams_create(&c);
    return b;
}

static inline void bench_destroy(struct bench *b)
{
    streams_destroy(b->streams);
    jobs_way_destroy(b->way);
    jobs_destroy(b->jobs);
    numbers_close(b->numbers);
    board_destroy(b->board);
    unlink(b->path);
    mem_free(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static inline struct stream *publish_bare(struct bench *b, int64_t now)
{
    struct stream *st;
    const char *why;
    ck_assert_int_eq(streams_publish(b->streams, "x", NULL, now, WALL_MS, &st, &why), ERR_OK);
    return st;
}

static inline void change(struct stream *st, enum track_kind kind, const char *config)
{
    struct track_params p = {.kind = kind,
                             .codec = kind == TRACK_AUDIO ? CODEC_AAC : CODEC_H264,
                             .width = 640,
                             .height = 480,
                             .sample_rate = SAMPLE_RATE,
                             .channels = 2,
                             .config = span_cstr(config),
                             .sar_den = 1};
    struct track *t = track_create(&p);
    stream_track(st, t);
    track_unref(t);
}

static inline struct stream *publish_with(struct bench *b, const char *id,
                                          const struct ladder *ladder, int64_t now)
{
    struct stream *st;
    const char *why;
    ck_assert_int_eq(streams_publish(b->streams, id, ladder, now, WALL_MS, &st, &why), ERR_OK);
    struct track_params v = {
        .kind = TRACK_VIDEO, .width = 640, .height = 480, .config = span_cstr("avc"), .sar_den = 1};
    struct track_params a = {.kind = TRACK_AUDIO,
                             .codec = CODEC_AAC,
                             .sample_rate = SAMPLE_RATE,
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

static inline struct stream *publish(struct bench *b, const char *id, int64_t now)
{
    return publish_with(b, id, NULL, now);
}

static inline void push(struct stream *st, enum track_kind kind, int64_t ms, bool key)
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
static inline void play(struct stream *st, int64_t from_ms, int64_t ms, int64_t gop_ms)
{
    for (int64_t t = from_ms; t < from_ms + ms; t += 20) {
        if (t % 40 == 0) {
            push(st, TRACK_VIDEO, t, (t - from_ms) % gop_ms == 0);
        }
        push(st, TRACK_AUDIO, t, true);
    }
}

static inline struct span config_of(const struct track *t)
{
    return track_params(t)->config;
}

#endif
