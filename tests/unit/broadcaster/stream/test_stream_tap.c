#include "broadcaster/stream/stream_tap.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "run/log.h"
#include "tests/support/unit.h"

#define WALL_MS  1795000000000
#define GRACE_MS 1000
#define RUNG     "P144p30fps16x9"

struct bench {
    struct board *board;
    struct jobs *jobs;
    struct jobs_way *way;
    struct numbers *numbers;
    struct streams *streams;
    char path[64];
    uint64_t open_job;  /* the newest */
    int64_t open_start; /* DTS of its first packet */
};

static enum err on_send(void *arg, const struct link_msg *m, struct blob *payload)
{
    struct bench *b = arg;
    if (m->type == LINK_JOB_OPEN) {
        b->open_job = m->job;
        b->open_start = -1;
    } else if (m->type == LINK_JOB_UNIT && m->unit.n_packets > 0 && b->open_start < 0) {
        b->open_start = m->unit.packets[0].dts;
    }
    return ERR_OK;
}

static struct bench *bench_create(void)
{
    struct bench *b = mem_alloc(sizeof *b);
    log_init("test", LOG_ERROR);
    snprintf(b->path, sizeof b->path, "/tmp/tap-test-%d", (int)getpid());
    unlink(b->path);
    b->board = board_create();
    b->numbers = numbers_open(b->path);
    b->jobs = jobs_create(10000, 3);
    b->way = jobs_way_create(b->jobs, "a", on_send, b);
    jobs_way_open(b->way);
    struct streams_config c = {.board = b->board,
                               .jobs = b->jobs,
                               .numbers = b->numbers,
                               .ladder = {{*profile_find(span_cstr(RUNG))}, 1},
                               .max_live = 10,
                               .grace_ms = GRACE_MS,
                               .linger_ms = 500};
    b->streams = streams_create(&c);
    return b;
}

static void bench_destroy(struct bench *b)
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

static struct stream *publish(struct bench *b, int64_t now)
{
    struct stream *st;
    const char *why;
    ck_assert_int_eq(streams_publish(b->streams, "x", NULL, now, WALL_MS, &st, &why), ERR_OK);
    struct track_params v = {
        .kind = TRACK_VIDEO, .width = 640, .height = 480, .config = span_cstr("avc"), .sar_den = 1};
    struct track_params a = {.kind = TRACK_AUDIO,
                             .codec = CODEC_AAC,
                             .sample_rate = 51200, /* a frame lasts 20 ms */
                             .channels = 2,
                             .config = span_cstr("asc")};
    struct track *video = track_create(&v), *audio = track_create(&a);
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

/* 25 fps with an IDR every gop ms, and 50 audio packets a second. */
static void play(struct stream *st, int64_t from_ms, int64_t ms, int64_t gop_ms)
{
    for (int64_t t = from_ms; t < from_ms + ms; t += 20) {
        if (t % 40 == 0) {
            push(st, TRACK_VIDEO, t, (t - from_ms) % gop_ms == 0);
        }
        push(st, TRACK_AUDIO, t, true);
    }
}

/* --- one who listens --- */

struct ear {
    struct tap tap;
    size_t videos, audios, keys;
    bool first_is_key;
    int64_t first_dts, last[2];
    int64_t last_any;
    size_t backward; /* packets whose DTS is below the one before, of either kind */
    bool knew_sound; /* at the first picture */
    bool ended;
    int width;
};

static void on_packet(void *arg, struct track *track, struct track *other, const struct packet *p)
{
    struct ear *e = arg;
    bool video = p->kind == TRACK_VIDEO;
    ck_assert_int_eq(track_params(track)->kind, p->kind);
    ck_assert(other == NULL || track_params(other)->kind != p->kind);
    if (e->videos + e->audios == 0) {
        e->first_dts = p->dts;
        e->first_is_key = video && (p->flags & PACKET_KEY) != 0;
        e->knew_sound = other != NULL;
    } else {
        e->backward += p->dts < e->last_any;
    }
    if ((video ? e->videos : e->audios) > 0) {
        ck_assert_int_gt(p->dts, e->last[p->kind]); /* each once, and in order */
    }
    e->last[p->kind] = e->last_any = p->dts;
    e->keys += video && (p->flags & PACKET_KEY) != 0;
    e->videos += video;
    e->audios += !video;
    e->width = video ? track_params(track)->width : e->width;
}

static void on_end(void *arg)
{
    struct ear *e = arg;
    ck_assert(!e->ended);
    e->ended = true;
}

static const struct tap_fns fns = {on_packet, on_end};

static void listen_to(struct bench *b, const char *rung, struct ear *e)
{
    const char *why = "";
    *e = (struct ear){0};
    tap_init(&e->tap, &fns, e);
    ck_assert_int_eq(streams_tap(b->streams, "x", rung, &e->tap, &why), ERR_OK);
}

START_TEST(the_source_from_the_newest_key_frame_on)
{
    struct bench *b = bench_create();
    struct stream *st = publish(b, 0);
    struct ear e, late;
    play(st, 0, 5000, 1000); /* the newest one at 4 s */
    listen_to(b, "source", &e);
    ck_assert(e.first_is_key);
    ck_assert(e.knew_sound);
    ck_assert_uint_eq(e.videos, 25);
    ck_assert_uint_eq(e.audios, 50);
    ck_assert_uint_eq(e.backward, 0);
    push(st, TRACK_VIDEO, 5000, true);
    push(st, TRACK_AUDIO, 5000, true);
    ck_assert_uint_eq(e.videos, 26);
    ck_assert_uint_eq(e.audios, 51);
    listen_to(b, "", &late);
    ck_assert_uint_eq(late.videos, 1);
    ck_assert_uint_eq(stream_taps_count(st), 2);
    tap_remove(&late.tap);
    tap_remove(&late.tap);
    ck_assert_uint_eq(stream_taps_count(st), 1);
    push(st, TRACK_VIDEO, 5040, false);
    ck_assert_uint_eq(late.videos, 1);
    ck_assert_uint_eq(e.videos, 27);
    tap_remove(&e.tap);
    stream_end(st, 6000);
    bench_destroy(b);
}
END_TEST

START_TEST(a_key_frame_of_a_segment_before)
{
    struct bench *b = bench_create();
    struct stream *st = publish(b, 0);
    struct ear e;
    play(st, 0, 9000, 100000); /* one key frame; segments are cut on time */
    listen_to(b, "source", &e);
    ck_assert(e.first_is_key);
    ck_assert_uint_eq(e.keys, 1);
    ck_assert_uint_eq(e.videos, 225);
    ck_assert_uint_eq(e.audios, 450);
    ck_assert_uint_eq(e.backward, 0);
    tap_remove(&e.tap);
    stream_end(st, 9000);
    bench_destroy(b);
}
END_TEST

START_TEST(a_publisher_that_returns_and_the_end)
{
    struct bench *b = bench_create();
    struct stream *st = publish(b, 0);
    struct ear e, waiting;
    const char *why = "";
    play(st, 0, 3000, 1000);
    listen_to(b, "source", &e);
    size_t before = e.videos;
    stream_end(st, 3000);
    listen_to(b, "source", &waiting); /* nobody publishes, but the grace is on */
    ck_assert_uint_eq(waiting.videos, 0);
    streams_tick(b->streams, 3000 + GRACE_MS / 2);
    ck_assert(!e.ended);
    st = publish(b, 3600);
    play(st, 0, 1000, 1000); /* its clock begins anew; times rise all the same */
    ck_assert_uint_eq(e.videos, before + 25);
    ck_assert_uint_eq(waiting.videos, 25);
    ck_assert(waiting.first_is_key);
    stream_end(st, 5000);
    streams_tick(b->streams, 5000 + GRACE_MS);
    ck_assert(e.ended);
    ck_assert(waiting.ended);
    ck_assert_int_eq(streams_tap(b->streams, "x", "", &e.tap, &why), ERR_NOENT);
    ck_assert_str_ne(why, "");
    bench_destroy(b);
}
END_TEST

START_TEST(what_is_not_there)
{
    struct bench *b = bench_create();
    struct ear e = {.ended = false};
    const char *why = "";
    tap_init(&e.tap, &fns, &e);
    ck_assert_int_eq(streams_tap(b->streams, "x", "", &e.tap, &why), ERR_NOENT);
    ck_assert_ptr_nonnull(strstr(why, "stream"));
    struct stream *st = publish(b, 0);
    play(st, 0, 100, 1000);
    ck_assert_int_eq(streams_tap(b->streams, "x", "P720p", &e.tap, &why), ERR_NOENT);
    ck_assert_ptr_nonnull(strstr(why, "rung"));
    tap_remove(&e.tap);
    listen_to(b, "source", &e);
    stream_end(st, 100);
    streams_tick(b->streams, 100 + GRACE_MS);
    ck_assert(e.ended);
    bench_destroy(b);
}
END_TEST

/* A unit of a rung: half a part of a playlist, at 30 frames per second. */
#define PART_FRAMES 3

static void answer(struct bench *b, uint64_t job, int64_t start, uint32_t part, bool last)
{
    static const uint8_t config[] = {1,    66, 192, 13, 0xff, 0xe1, 0, 4,
                                     0x67, 66, 192, 13, 1,    0,    1, 0x68};
    struct link_packet lp[PART_FRAMES];
    for (uint32_t i = 0; i < PART_FRAMES; i++) {
        int64_t t = start + (int64_t)(part * PART_FRAMES + i) * 3000;
        lp[i] = (struct link_packet){.length = 1, .dts = t, .pts = t, .duration = 3000};
        lp[i].flags = part == 0 && i == 0 ? PACKET_KEY : 0;
    }
    struct link_msg m = {.type = LINK_RUNG_UNIT, .job = job};
    m.unit = (struct link_unit){.part = part,
                                .packets = lp,
                                .n_packets = PART_FRAMES,
                                .last = last,
                                .config = span_of(config, part == 0 ? sizeof config : 0),
                                .config_hash = 42};
    struct blob *payload = blob_create(PART_FRAMES);
    jobs_way_message(b->way, &m, payload);
    blob_unref(payload);
}

START_TEST(a_rung_as_its_parts_come_with_the_sources_sound)
{
    struct bench *b = bench_create();
    struct stream *st = publish(b, 0);
    struct ear e, second, third;
    play(st, 0, 1000, 2000);
    uint64_t first = b->open_job;
    int64_t start = b->open_start;
    listen_to(b, RUNG, &e); /* nothing has come back yet */
    ck_assert_uint_eq(e.videos + e.audios, 0);
    answer(b, first, start, 0, false);
    ck_assert(e.first_is_key);
    ck_assert_uint_eq(e.videos, PART_FRAMES);
    ck_assert_uint_eq(e.audios, 0); /* that of before was not asked for */
    play(st, 1000, 1000, 100000);
    answer(b, first, start, 1, false);
    ck_assert_uint_eq(e.videos, 2 * PART_FRAMES);
    listen_to(b, RUNG, &second); /* from the segment's first part */
    ck_assert_uint_eq(second.videos, 2 * PART_FRAMES);
    ck_assert_uint_ge(second.audios, 8); /* until the sixth picture, at 167 ms */
    ck_assert_uint_le(second.audios, 10);
    ck_assert_uint_eq(second.backward, 0);
    play(st, 2000, 1000, 1000); /* the second segment begins */
    uint64_t next = b->open_job;
    int64_t next_start = b->open_start;
    ck_assert_uint_ne(next, first);
    answer(b, next, next_start, 0, false); /* ahead of the first one's end: it waits */
    ck_assert_uint_eq(second.videos, 2 * PART_FRAMES);
    answer(b, first, start, 2, true);
    ck_assert_uint_eq(second.videos, 3 * PART_FRAMES);
    ck_assert_uint_eq(second.audios, 100); /* all of the segment's sound */
    listen_to(b, RUNG, &third);            /* the next one's part is there */
    ck_assert_uint_eq(third.videos, PART_FRAMES);
    ck_assert_uint_eq(second.videos, 4 * PART_FRAMES);
    answer(b, next, next_start, 1, false);
    ck_assert_uint_eq(third.videos, 2 * PART_FRAMES);
    ck_assert_uint_eq(second.videos, 5 * PART_FRAMES);
    ck_assert_uint_eq(second.backward, 0);
    ck_assert_uint_eq(third.backward, 0);
    tap_remove(&e.tap);
    tap_remove(&second.tap);
    tap_remove(&third.tap);
    stream_end(st, 3000);
    bench_destroy(b);
}
END_TEST

START_TEST(a_lost_segment_of_a_rung_keeps_its_sound)
{
    struct bench *b = bench_create();
    struct stream *st = publish(b, 0);
    struct ear e;
    play(st, 0, 2000, 2000);
    answer(b, b->open_job, b->open_start, 0, false);
    listen_to(b, RUNG, &e);
    uint64_t first = b->open_job;
    play(st, 2000, 100, 2000);
    struct link_msg m = {.type = LINK_JOB_FAILED, .job = first, .reason = "lost"};
    jobs_way_message(b->way, &m, NULL);
    ck_assert_uint_eq(e.videos, PART_FRAMES);
    ck_assert_uint_eq(e.audios, 100);
    answer(b, b->open_job, b->open_start, 0, false);
    ck_assert_uint_eq(e.videos, 2 * PART_FRAMES);
    ck_assert_uint_eq(e.backward, 0);
    tap_remove(&e.tap);
    stream_end(st, 3000);
    bench_destroy(b);
}
END_TEST

/* The rungs never come: what waits for them is bounded. */
START_TEST(held_sound_is_bounded)
{
    struct bench *b = bench_create();
    struct stream *st = publish(b, 0);
    struct ear e;
    push(st, TRACK_VIDEO, 0, true);
    listen_to(b, RUNG, &e);
    for (int64_t i = 0; i < 3 * TAP_HELD_MAX; i++) {
        if (i % 20 == 0) {
            push(st, TRACK_VIDEO, i * 20 + 20, true);
        }
        push(st, TRACK_AUDIO, i * 20 + 20, true);
        ck_assert_uint_le(e.tap.n_held, TAP_HELD_MAX);
    }
    tap_remove(&e.tap);
    stream_end(st, 9000000);
    bench_destroy(b);
}
END_TEST

static void push_track(struct stream *st, unsigned index, int64_t ms, bool key)
{
    struct blob *blob = blob_create(50);
    struct packet p = {.kind = TRACK_VIDEO,
                       .index = (uint8_t)index,
                       .dts = ms * TICKS_PER_MS,
                       .pts = ms * TICKS_PER_MS,
                       .flags = key ? PACKET_KEY : 0,
                       .blob = blob,
                       .data = blob_span(blob)};
    ck_assert_int_eq(stream_packet(st, &p, ms), ERR_OK);
    blob_unref(blob);
}

/* As play, with a further picture. */
static void play_two(struct stream *st, int64_t from_ms, int64_t ms)
{
    for (int64_t t = from_ms; t < from_ms + ms; t += 20) {
        if (t % 40 == 0) {
            push(st, TRACK_VIDEO, t, t % 2000 == 0);
            push_track(st, 2, t, t % 2000 == 0);
        }
        push(st, TRACK_AUDIO, t, true);
    }
}

START_TEST(a_further_picture_with_the_sources_sound)
{
    struct bench *b = bench_create();
    struct stream *st = publish(b, 0);
    struct ear e = {.ended = false}, first;
    const char *why = "";
    struct track_params v = {.kind = TRACK_VIDEO,
                             .index = 2,
                             .width = 160,
                             .height = 120,
                             .config = span_cstr("avc"),
                             .sar_den = 1};
    struct track *track = track_create(&v);
    stream_track(st, track);
    track_unref(track);
    listen_to(b, "source2", &first); /* nothing is complete yet */
    play_two(st, 0, 7000);
    listen_to(b, "source2", &e);
    ck_assert(e.first_is_key);
    ck_assert(e.knew_sound);
    ck_assert_int_eq(e.width, 160);
    ck_assert_uint_eq(e.videos, 50); /* the last complete segment, */
    ck_assert_int_eq(e.first_dts % (2000 * TICKS_PER_MS), first.first_dts % (2000 * TICKS_PER_MS));
    ck_assert_uint_ge(first.videos, 100);
    play_two(st, 7000, 4000); /* and those that follow */
    ck_assert_uint_eq(e.videos, 150);
    ck_assert_uint_ge(e.audios, 290);
    ck_assert_uint_eq(e.backward + first.backward, 0);
    ck_assert_uint_eq(stream_taps_count(st), 2);
    struct tap none;
    tap_init(&none, &fns, &e);
    ck_assert_int_eq(streams_tap(b->streams, "x", "source1", &none, &why), ERR_NOENT);
    stream_end(st, 11000);
    streams_tick(b->streams, 11000 + GRACE_MS);
    ck_assert(e.ended && first.ended);
    bench_destroy(b);
}
END_TEST

UNIT_MAIN("stream_tap", a_further_picture_with_the_sources_sound,
          the_source_from_the_newest_key_frame_on, a_key_frame_of_a_segment_before,
          a_publisher_that_returns_and_the_end, what_is_not_there,
          a_rung_as_its_parts_come_with_the_sources_sound, a_lost_segment_of_a_rung_keeps_its_sound,
          held_sound_is_bounded)
