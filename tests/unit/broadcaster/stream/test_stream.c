#include "broadcaster/stream/stream.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "broadcaster/stream/cutter.h"
#include "broadcaster/stream/pace.h"
#include "tests/support/parts.h"
#include "tests/support/unit.h"

#define WALL_MS   1795000000000
#define GRACE_MS  1000
#define LINGER_MS 500
#define SLOW_FILL 16 /* more than one packet may begin at most */

/* So that a frame of 1024 samples lasts 20 ms. */
#define SAMPLE_RATE 51200

static void change(struct stream *st, enum track_kind kind, const char *config);

struct bench {
    struct board *board;
    struct jobs *jobs;
    struct jobs_way *way;
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
        ck_assert_uint_eq(m->unit.packets[0].flags & PACKET_OPEN, 0);
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

static struct stream *publish_with(struct bench *b, const char *id, const struct ladder *ladder,
                                   int64_t now)
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

static struct stream *publish(struct bench *b, const char *id, int64_t now)
{
    return publish_with(b, id, NULL, now);
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

START_TEST(sound_ends_with_the_last_picture)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    play(st, 0, 3000, 1000);
    for (int64_t t = 3000; t < 3200; t += 20) {
        push(st, TRACK_AUDIO, t, true);
    }
    stream_end(st, 3200);
    struct window *w = board_window(b->board, "x", "source");
    struct segment *s = w->segments[w->count - 1];
    const struct packets *sound = sound_packets(segment_sound(s));
    int64_t end = segment_info(s)->start + segment_info(s)->duration;
    ck_assert_int_eq(end - segment_info(w->segments[0])->start, 3000 * TICKS_PER_MS);
    ck_assert_int_eq(sound->items[sound->count - 1].dts, end - 20 * TICKS_PER_MS);
    window_unref(w);
    bench_destroy(b);
}
END_TEST

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

/* --- parts --- */

struct watched {
    size_t parts[2];     /* seen at last */
    int64_t target[2];   /* the lanes' */
    size_t most;         /* parts of one segment */
    size_t without;      /* segments that have pictures or sound, and no parts of them */
    struct part *now[8]; /* of the open segment, as they were shown */
    uint64_t msn, checked;
    size_t n;
};

static void check_segment_parts(const struct window *w, const struct segment *s,
                                struct watched *seen)
{
    uint64_t msn = segment_info(s)->msn;
    const struct sound *sound = segment_sound(s);
    size_t n = check_parts_of(w, TRACK_VIDEO, msn, segment_packets(s));
    seen->without += n == 0 && segment_packets(s)->count > 0;
    seen->most = n > seen->most ? n : seen->most;
    if (sound != NULL) {
        n = check_parts_of(w, TRACK_AUDIO, msn, sound_packets(sound));
        seen->without += n == 0 && sound_packets(sound)->count > 0;
    }
}

/* After each packet: what was shown stays, and is what the segment then has. */
static void watch_parts(struct bench *b, struct watched *seen)
{
    struct window *w = board_window(b->board, "x", "source");
    if (w == NULL) {
        return;
    }
    if (w->count > 0 && segment_info(w->segments[w->count - 1])->msn != seen->checked) {
        seen->checked = segment_info(w->segments[w->count - 1])->msn;
        check_segment_parts(w, w->segments[w->count - 1], seen);
    }
    ck_assert(w->count > 0 || w->lanes[0].count + w->lanes[1].count > 0);
    for (int kind = 0; kind < 2; kind++) {
        const struct window_lane *lane = &w->lanes[kind];
        ck_assert(seen->target[kind] == 0 || lane->part_target == seen->target[kind]);
        seen->target[kind] = lane->part_target;
        seen->parts[kind] = lane->count;
    }
    bool same = true;
    for (size_t i = 0; w->open && seen->msn == w->open_info.msn && i < seen->n; i++) {
        same = same && window_find_part(w, TRACK_VIDEO, seen->msn, (uint32_t)i) == seen->now[i];
    }
    ck_assert(same);
    seen->msn = w->open ? w->open_info.msn : 0;
    seen->n = 0;
    struct part *p;
    while (w->open && seen->n < 8 &&
           (p = window_find_part(w, TRACK_VIDEO, seen->msn, (uint32_t)seen->n)) != NULL) {
        seen->now[seen->n++] = p;
        const struct packets *ps = part_packets(p);
        bool has = false;
        for (size_t i = 0; i < ps->count; i++) {
            has = has || (ps->items[i].flags & (PACKET_KEY | PACKET_OPEN)) == PACKET_KEY;
        }
        ck_assert_int_eq(part_info(p)->has_independent, has);
    }
    window_unref(w);
}

/* A GOP of pictures at 25 fps, shown in the order I P B B P B B when it has B-frames, and sound
 * that is `lag` ms behind, up to a time. */
struct material {
    int64_t gop; /* frames */
    bool bframes, open;
    int64_t lag, silent_from, silent_to;
};

static void push_picture(struct bench *b, struct stream *st, const struct material *m, int64_t i,
                         struct watched *seen)
{
    static const int ahead[] = {1, 3, 0}; /* frames from DTS to PTS: P, B, B */
    struct blob *blob = blob_create(100);
    bool key = i % m->gop == 0;
    struct packet p = {.kind = TRACK_VIDEO,
                       .dts = i * 40 * TICKS_PER_MS,
                       .flags = key ? PACKET_KEY | (m->open && i > 0 ? PACKET_OPEN : 0) : 0,
                       .blob = blob,
                       .data = blob_span(blob)};
    int shift = !m->bframes ? 0 : key ? 1 : ahead[i % m->gop % 3];
    p.pts = p.dts + shift * 40 * TICKS_PER_MS;
    ck_assert_int_eq(stream_packet(st, &p, i * 40), ERR_OK);
    blob_unref(blob);
    watch_parts(b, seen);
}

static void play_material(struct bench *b, struct stream *st, const struct material *m,
                          int64_t frames, struct watched *seen)
{
    int64_t sound = 0;
    for (int64_t i = 0; i < frames; i++) {
        push_picture(b, st, m, i, seen);
        for (; sound <= i * 40 - m->lag; sound += 20) {
            if (sound < m->silent_from || sound >= m->silent_to) {
                push(st, TRACK_AUDIO, sound, true);
                watch_parts(b, seen);
            }
        }
    }
}

START_TEST(parts_are_what_the_segments_have)
{
    static const struct material rows[] = {
        {25, false, false, 0, 0, 0},
        {8, false, false, 0, 0, 0}, /* key pictures inside of parts */
        {50, true, false, 0, 0, 0},
        {25, true, true, 0, 0, 0},
        {1, false, false, 0, 0, 0},
        {500, true, false, 300, 0, 0},
        {30, false, false, 60, 3000, 6500},
        {25, false, false, -700, 3000, 3400},
        {25, false, false, 1200, 3000, 9000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench *b = bench_create(10);
        struct watched seen = {0};
        struct stream *st = publish(b, "x", 0);
        change(st, TRACK_AUDIO, "\x11\x90");
        play_material(b, st, &rows[i], 400, &seen);
        stream_end(st, 16000);
        watch_parts(b, &seen);
        ck_assert_uint_eq(seen.without, 0);
        ck_assert_uint_ge(seen.most, 10);
        ck_assert_int_ge(seen.target[TRACK_VIDEO], 200 * TICKS_PER_MS);
        ck_assert_int_le(seen.target[TRACK_VIDEO], 205 * TICKS_PER_MS);
        ck_assert_int_le(seen.target[TRACK_AUDIO], 205 * TICKS_PER_MS);
        st = publish(b, "x", 16500);
        change(st, TRACK_AUDIO, "\x11\x90");
        play_material(b, st, &rows[i], 200, &seen);
        stream_end(st, 24500);
        watch_parts(b, &seen);
        ck_assert_uint_eq(seen.without, 0);
        bench_destroy(b);
    }
}
END_TEST

/* Three parts and a little after the first picture there is something to play. */
START_TEST(parts_are_there_long_before_the_segment)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    play(st, 0, 600, 1000);
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_ptr_nonnull(w);
    ck_assert_uint_eq(w->count, 0);
    ck_assert_uint_eq(w->listed, 0);
    ck_assert(w->open);
    ck_assert_int_eq(w->open_info.program_ms, WALL_MS);
    ck_assert_uint_eq(w->lanes[TRACK_VIDEO].count, 2);
    ck_assert(part_info(w->lanes[TRACK_VIDEO].parts[0])->independent);
    ck_assert(!part_info(w->lanes[TRACK_VIDEO].parts[1])->independent);
    ck_assert_uint_ge(w->lanes[TRACK_AUDIO].count, 2);
    window_unref(w);
    struct variant v;
    ck_assert_uint_eq(board_variants(b->board, "x", &v, 1), 1);
    ck_assert(v.parts_only);
    ck_assert_int_eq(v.fps_milli, 25000);
    ck_assert_int_gt(v.video.peak_bps, 0);
    ck_assert_int_gt(v.audio.peak_bps, 0);
    play(st, 600, 4000, 1000);
    ck_assert_uint_eq(board_variants(b->board, "x", &v, 1), 1);
    ck_assert(!v.parts_only);
    bench_destroy(b);
}
END_TEST

/* Where there is no picture the sound makes its own parts; one that comes then goes behind what was
 * shown of it. */
START_TEST(sound_alone_has_parts_and_a_picture_goes_behind_them)
{
    struct bench *b = bench_create(10);
    struct watched seen = {0};
    struct stream *st = publish(b, "x", 0);
    change(st, TRACK_AUDIO, "\x11\x90");
    for (int64_t t = 0; t < 18010; t += 20) {
        push(st, TRACK_AUDIO, t, true);
        watch_parts(b, &seen);
    }
    ck_assert_uint_gt(seen.parts[TRACK_AUDIO], 20);
    ck_assert_uint_eq(seen.without, 0);
    for (int64_t t = 17400; t < 24000; t += 20) {
        if (t % 40 == 0) {
            push(st, TRACK_VIDEO, t, t % 1000 == 400);
            watch_parts(b, &seen);
        }
        if (t > 18000) {
            push(st, TRACK_AUDIO, t, true);
            watch_parts(b, &seen);
        }
    }
    stream_end(st, 24000);
    watch_parts(b, &seen);
    ck_assert_uint_gt(seen.parts[TRACK_VIDEO], 10);
    ck_assert_uint_eq(seen.without, 0);
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

static void change(struct stream *st, enum track_kind kind, const char *config)
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

static struct span config_of(const struct track *t)
{
    return track_params(t)->config;
}

/* Sound of whole AAC frames, `lag` behind the picture, but between two times. */
static void play_frames(struct stream *st, int64_t ms, int64_t lag, int64_t from, int64_t to)
{
    int64_t frame = 0;
    for (int64_t t = 0; t < ms; t++) {
        if (t % 40 == 0) {
            push(st, TRACK_VIDEO, t, t % 1000 == 0);
        }
        int64_t due = frame * 1024 * 1000 / SAMPLE_RATE;
        if (t - lag >= due) {
            frame++;
            if (due < from || due >= to) {
                struct blob *blob = blob_create(100);
                struct packet p = {.kind = TRACK_AUDIO,
                                   .dts = due * TICKS_PER_MS,
                                   .pts = due * TICKS_PER_MS,
                                   .flags = PACKET_KEY,
                                   .blob = blob,
                                   .data = blob_span(blob)};
                ck_assert_int_eq(stream_packet(st, &p, t), ERR_OK);
                blob_unref(blob);
            }
        }
    }
}

/* The largest step between two sounds, in ticks. */
static int64_t largest_step(struct bench *b)
{
    struct window *w = board_window(b->board, "x", "source");
    int64_t largest = 0, last = 0;
    for (size_t i = 0; i < w->count; i++) {
        const struct packets *ps = sound_packets(segment_sound(w->segments[i]));
        for (size_t k = 0; k < ps->count; k++) {
            int64_t step = last > 0 ? ps->items[k].dts - last : 0;
            ck_assert_int_ge(step, 0);
            largest = step > largest ? step : largest;
            last = ps->items[k].dts;
        }
    }
    window_unref(w);
    return largest;
}

START_TEST(a_hole_in_the_sound_is_filled_with_silence)
{
    static const struct {
        int64_t lag, from, to;
        bool filled;
    } rows[] = {
        {0, 20000, 20000, false}, {1500, 20000, 20000, false}, {0, 4000, 9000, true},
        {300, 5300, 8700, true},  {0, 5000, 5400, true},       {1500, 5300, 11000, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench *b = bench_create(10);
        struct stream *st = publish(b, "x", 0);
        change(st, TRACK_AUDIO, "\x11\x90");
        play_frames(st, 15000, rows[i].lag, rows[i].from, rows[i].to);
        ck_assert_int_lt(largest_step(b), 50 * TICKS_PER_MS);
        struct json *status = json_new_object();
        streams_status(b->streams, 15000, status);
        char *text = json_line(status);
        ck_assert_int_eq(strstr(text, "\"silence\":0") == NULL, rows[i].filled);
        ck_assert_msg(strstr(text, "\"sound_overlap\":0") != NULL, "%zu: %s", i, text);
        mem_free(text);
        json_destroy(status);
        stream_end(st, 15000);
        bench_destroy(b);
    }
}
END_TEST

/* Encoders with B-frames send their first picture's time before the first sound's. */
START_TEST(sound_that_begins_behind_the_picture_is_led_in_by_silence)
{
    static const int64_t late_ms[] = {10, 45, 70, 400, 1500};
    for (size_t i = 0; i < sizeof late_ms / sizeof late_ms[0]; i++) {
        struct bench *b = bench_create(10);
        struct stream *st = publish(b, "x", 0);
        change(st, TRACK_AUDIO, "\x11\x90");
        play_frames(st, 8000, 0, 0, late_ms[i]);
        stream_end(st, 8000);
        struct window *w = board_window(b->board, "x", "source");
        size_t at = 0;
        while (sound_packets(segment_sound(w->segments[at]))->count == 0) {
            at++;
        }
        const struct packets *ps = sound_packets(segment_sound(w->segments[at]));
        int64_t head = ps->items[0].dts - segment_info(w->segments[at])->start;
        ck_assert_int_ge(head, 0);
        ck_assert_int_lt(head, ps->items[0].duration);
        ck_assert_int_lt(largest_step(b), 25 * TICKS_PER_MS);
        struct json *status = json_new_object();
        streams_status(b->streams, 8000, status);
        char *text = json_line(status);
        ck_assert_msg(strstr(text, "\"silence\":0") != NULL, "%s", text);
        mem_free(text);
        json_destroy(status);
        window_unref(w);
        bench_destroy(b);
    }
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

START_TEST(a_changed_sound_begins_a_new_piece_and_costs_no_picture)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    play(st, 0, 500, 1000);
    change(st, TRACK_AUDIO, "other");
    for (int64_t t = 500; t < 3000; t += 20) {
        if (t % 40 == 0) {
            push(st, TRACK_VIDEO, t, t % 1000 == 0);
        }
        push(st, TRACK_AUDIO, t, true);
    }
    stream_end(st, 3000);
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_uint_eq(w->count, 2);
    size_t pictures = 0;
    for (size_t i = 0; i < 2; i++) {
        struct sound *sound = segment_sound(w->segments[i]);
        pictures += segment_packets(w->segments[i])->count;
        ck_assert(span_equal(config_of(sound_track(sound)), span_cstr(i == 0 ? "asc" : "other")));
        ck_assert_uint_eq(sound_packets(sound)->count, i == 0 ? 25 : 100);
        ck_assert_int_eq(segment_info(w->segments[i])->discontinuity, i == 1);
    }
    ck_assert_uint_eq(pictures, 75);
    window_unref(w);
    bench_destroy(b);
}
END_TEST

START_TEST(sound_that_comes_later_is_told_by_a_discontinuity)
{
    struct bench *b = bench_create(10);
    struct stream *st;
    const char *why;
    ck_assert_int_eq(streams_publish(b->streams, "x", NULL, 0, WALL_MS, &st, &why), ERR_OK);
    change(st, TRACK_VIDEO, "avc");
    for (int64_t t = 0; t < 2000; t += 40) {
        push(st, TRACK_VIDEO, t, t % 1000 == 0);
    }
    push(st, TRACK_VIDEO, 2000, true);
    change(st, TRACK_AUDIO, "asc"); /* a header alone says nothing */
    for (int64_t t = 2040; t < 4000; t += 40) {
        push(st, TRACK_VIDEO, t, t % 1000 == 0);
    }
    push(st, TRACK_VIDEO, 4000, true);
    push(st, TRACK_AUDIO, 4010, true);
    for (int64_t t = 4040; t < 6000; t += 40) {
        push(st, TRACK_VIDEO, t, t % 1000 == 0);
        push(st, TRACK_AUDIO, t, true);
    }
    stream_end(st, 6000);
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_uint_eq(w->count, 4); /* 0, 2000, 4000, 5000 */
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(segment_sound(w->segments[i]) != NULL, i == 3);
        ck_assert_int_eq(segment_info(w->segments[i])->discontinuity, i == 3);
    }
    window_unref(w);
    bench_destroy(b);
}
END_TEST

START_TEST(sound_that_pauses_keeps_its_track)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    play(st, 0, 2000, 1000);
    for (int64_t t = 2000; t < 8000; t += 40) {
        push(st, TRACK_VIDEO, t, t % 1000 == 0);
    }
    play(st, 8000, 2000, 1000);
    stream_end(st, 10000);
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_uint_eq(w->count, 5);
    for (size_t i = 0; i < 5; i++) {
        struct sound *sound = segment_sound(w->segments[i]);
        ck_assert_ptr_nonnull(sound);
        ck_assert_uint_eq(sound_packets(sound)->count, i == 0 || i == 4 ? 100 : 0);
        ck_assert(!segment_info(w->segments[i])->discontinuity);
    }
    window_unref(w);
    bench_destroy(b);
}
END_TEST

START_TEST(who_comes_back_without_sound_has_none)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    play(st, 0, 2000, 1000);
    stream_end(st, 2000);
    const char *why;
    ck_assert_int_eq(streams_publish(b->streams, "x", NULL, 2100, WALL_MS, &st, &why), ERR_OK);
    push(st, TRACK_VIDEO, 0, true); /* no header yet */
    change(st, TRACK_VIDEO, "avc2");
    push(st, TRACK_VIDEO, 40, true);
    push(st, TRACK_AUDIO, 40, true);
    stream_end(st, 3000);
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_uint_eq(w->count, 2);
    ck_assert_ptr_null(segment_sound(w->segments[1]));
    ck_assert_uint_eq(segment_packets(w->segments[1])->count, 1);
    window_unref(w);
    bench_destroy(b);
}
END_TEST

/* Eleven seconds with sound alone: it goes on, with the last picture. */
START_TEST(a_picture_that_stands_still_is_held_and_the_sound_goes_on)
{
    for (int64_t gop = 1000; gop <= 100000; gop *= 100) {
        struct bench *b = bench_create(10);
        struct stream *st = publish(b, "x", 0);
        play(st, 0, 1000, 1000);
        for (int64_t t = 1000; t < 12000; t += 20) {
            push(st, TRACK_AUDIO, t, true);
        }
        play(st, 12000, 2000, gop);
        stream_end(st, 14000);
        struct window *w = board_window(b->board, "x", "source");
        ck_assert_int_eq(w->target_duration_s, 2);
        ck_assert_uint_ge(w->count, 6);
        size_t sounds = 0;
        for (size_t i = 0; i < w->count; i++) {
            const struct segment_info *info = segment_info(w->segments[i]);
            const struct packets *video = segment_packets(w->segments[i]);
            ck_assert_int_le(info->duration, CUTTER_LONGEST_TICKS);
            ck_assert(!info->discontinuity);
            ck_assert(info->independent);
            ck_assert(video->items[0].flags & PACKET_KEY);
            for (size_t n = 1; n < video->count; n++) {
                ck_assert_int_gt(video->items[n].dts, video->items[n - 1].dts);
            }
            sounds += sound_packets(segment_sound(w->segments[i]))->count;
            if (i > 0) {
                const struct segment_info *last = segment_info(w->segments[i - 1]);
                ck_assert_int_eq(info->start, last->start + last->duration);
            }
        }
        ck_assert_uint_eq(sounds, 700);
        window_unref(w);
        bench_destroy(b);
    }
}
END_TEST

/* A network's pause, in which both clocks went on: a hole, told by a discontinuity. */
START_TEST(a_pause_of_both_leaves_a_hole)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    play(st, 0, 1000, 1000);
    play(st, 12000, 2000, 100000);
    stream_end(st, 14000);
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_uint_eq(w->count, 2);
    ck_assert_int_le(segment_info(w->segments[0])->duration, CUTTER_LONGEST_TICKS);
    ck_assert(segment_info(w->segments[1])->discontinuity);
    window_unref(w);
    bench_destroy(b);
}
END_TEST

static void audio_header(struct stream *st)
{
    struct track_params a = {.kind = TRACK_AUDIO,
                             .codec = CODEC_AAC,
                             .sample_rate = SAMPLE_RATE,
                             .channels = 2,
                             .config = span_cstr("asc")};
    struct track *t = track_create(&a);
    stream_track(st, t);
    track_unref(t);
}

static struct stream *publish_bare(struct bench *b, int64_t now)
{
    struct stream *st;
    const char *why;
    ck_assert_int_eq(streams_publish(b->streams, "x", NULL, now, WALL_MS, &st, &why), ERR_OK);
    return st;
}

START_TEST(sound_alone_is_cut_by_its_own_time)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish_bare(b, 0);
    audio_header(st);
    for (int64_t t = 0; t < 20000; t += 20) {
        push(st, TRACK_AUDIO, t, true);
    }
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_uint_ge(w->count, 8);
    for (size_t i = 0; i < w->count; i++) {
        ck_assert_ptr_null(segment_video(w->segments[i]));
        ck_assert_int_eq(segment_info(w->segments[i])->duration, CUTTER_TARGET_TICKS);
        ck_assert_uint_eq(sound_packets(segment_sound(w->segments[i]))->count, 100);
        /* It waited three seconds for a picture, and is dated by when it came. */
        ck_assert_int_eq(segment_info(w->segments[i])->program_ms, WALL_MS + 1020 + 2000 * (int)i);
    }
    window_unref(w);
    ck_assert_uint_eq(b->opened, 0);
    ck_assert_ptr_null(board_window(b->board, "x", "P144p30fps16x9"));
    /* Then a picture comes as well. */
    change(st, TRACK_VIDEO, "avc");
    play(st, 20000, 4000, 1000);
    stream_end(st, 24000);
    w = board_window(b->board, "x", "source");
    ck_assert_uint_eq(b->opened, 2);
    size_t sounds = 0, breaks = 0;
    for (size_t i = 0; i < w->count; i++) {
        const struct segment_info *info = segment_info(w->segments[i]);
        sounds += sound_packets(segment_sound(w->segments[i]))->count;
        breaks += info->discontinuity;
        ck_assert_int_eq(segment_video(w->segments[i]) != NULL, breaks == 1);
        ck_assert_int_gt(info->duration, TICKS_PER_S / 10);
    }
    ck_assert_uint_eq(breaks, 1);
    ck_assert_uint_eq(sounds, 1149); /* what was older than two seconds was given up */
    window_unref(w);
    bench_destroy(b);
}
END_TEST

/* Who came with a picture comes back with sound alone: those who watch a rung hear it. */
START_TEST(rungs_go_on_with_sound_alone)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    play(st, 0, 4000, 1000);
    stream_end(st, 4000);
    st = publish_bare(b, 4100);
    audio_header(st);
    for (int64_t t = 0; t < 200000; t += 20) {
        push(st, TRACK_AUDIO, t, true);
    }
    stream_end(st, 200000);
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_ptr_null(segment_video(w->segments[w->count - 1]));
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

/* Sound that runs ahead of the picture stays with its own segment. */
START_TEST(sound_goes_where_its_time_is)
{
    struct bench *b = bench_create(10);
    struct stream *st = publish(b, "x", 0);
    for (int64_t t = 0; t < 10000; t += 20) {
        if (t % 40 == 0 && t >= 800) {
            push(st, TRACK_VIDEO, t - 800, (t - 800) % 1000 == 0);
        }
        push(st, TRACK_AUDIO, t, true);
    }
    stream_end(st, 10000);
    struct window *w = board_window(b->board, "x", "source");
    for (size_t i = 0; i < w->count; i++) {
        const struct packets *sound = sound_packets(segment_sound(w->segments[i]));
        const struct segment_info *info = segment_info(w->segments[i]);
        ck_assert_int_eq(sound->items[0].dts, info->start);
        ck_assert_uint_ge(sound->count, 60);
        ck_assert(!info->discontinuity);
        ck_assert(i + 1 == w->count || sound->count == 100);
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

UNIT_MAIN("stream", sound_ends_with_the_last_picture, parts_are_what_the_segments_have,
          parts_are_there_long_before_the_segment,
          sound_alone_has_parts_and_a_picture_goes_behind_them, a_stream_has_a_ladder_of_its_own,
          a_new_ladder_is_for_new_streams, what_is_counted_outlives_the_streams,
          segments_carry_all_packets_once, a_live_id_is_taken_and_the_number_of_streams_bounded,
          a_publisher_that_returns_continues_behind_a_discontinuity, the_end_comes_after_the_grace,
          the_board_knows_what_a_stream_is_doing, current_is_the_newest,
          a_cut_without_idr_sends_the_preroll, a_changed_track_begins_a_new_piece_at_its_idr,
          memory_is_bounded_by_the_window, a_publisher_without_media_leaves_nothing,
          what_is_left_out_is_counted_and_told, a_hole_in_the_sound_is_filled_with_silence,
          sound_that_begins_behind_the_picture_is_led_in_by_silence,
          a_header_that_is_taken_back_changes_nothing,
          a_changed_sound_begins_a_new_piece_and_costs_no_picture,
          sound_that_comes_later_is_told_by_a_discontinuity, sound_that_pauses_keeps_its_track,
          who_comes_back_without_sound_has_none,
          a_picture_that_stands_still_is_held_and_the_sound_goes_on, a_pause_of_both_leaves_a_hole,
          sound_alone_is_cut_by_its_own_time, rungs_go_on_with_sound_alone,
          a_picture_without_any_idr_begins_all_the_same,
          open_gops_begin_segments_that_are_not_independent, very_low_frame_rates_are_held,
          sound_goes_where_its_time_is, a_clock_that_stands_still_refuses_nobody,
          segments_are_not_begun_faster_than_they_can_be_taken, current_is_one_that_can_be_watched,
          a_very_long_stream)
