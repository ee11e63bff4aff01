#include "broadcaster/ingest/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "broadcaster/stream/stream_internal.h"
#include "tests/support/unit.h"

#define WALL_MS   1795000000000
#define GRACE_MS  1000
#define LINGER_MS 500

struct bench {
    struct board *board;
    struct jobs *jobs;
    struct jobs_way *way;
    struct numbers *numbers;
    struct lives *lives;
    struct streams *streams;
    char path[64], dir[32];
};

/* A publisher as the door knows it. */
struct peer {
    struct feed *feed;
    unsigned lost;
    char code[64];
};

static enum err on_send(void *arg, const struct link_msg *m, struct blob *payload)
{
    return ERR_AGAIN;
}

static void bench_start(struct bench *b, size_t max_live)
{
    b->board = board_create();
    b->numbers = numbers_open(b->path);
    b->lives = lives_open(b->dir);
    b->jobs = jobs_create(10000, 3);
    b->way = jobs_way_create(b->jobs, "a", on_send, b);
    struct streams_config c = {.board = b->board,
                               .jobs = b->jobs,
                               .numbers = b->numbers,
                               .lives = b->lives,
                               .max_live = max_live,
                               .grace_ms = GRACE_MS,
                               .linger_ms = LINGER_MS};
    b->streams = streams_create(&c);
}

static void bench_init(struct bench *b, size_t max_live)
{
    snprintf(b->path, sizeof b->path, "/tmp/feed-test-%d", (int)getpid());
    strcpy(b->dir, "/tmp/feed-test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(b->dir));
    unlink(b->path);
    bench_start(b, max_live);
}

/* What a killed process leaves: its files. */
static void bench_stop(struct bench *b)
{
    streams_destroy(b->streams);
    jobs_way_destroy(b->way);
    jobs_destroy(b->jobs);
    numbers_close(b->numbers);
    lives_close(b->lives);
    board_destroy(b->board);
}

static void bench_fini(struct bench *b)
{
    bench_stop(b);
    unlink(b->path);
    char lives[64];
    snprintf(lives, sizeof lives, "%s/" LIVES_FILE, b->dir);
    unlink(lives);
    ck_assert_int_eq(rmdir(b->dir), 0);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static void on_lost(void *arg, const char *code, const char *text)
{
    struct peer *p = arg;
    p->lost++;
    snprintf(p->code, sizeof p->code, "%s", code);
    ck_assert_uint_gt(strlen(text), 20);
}

static enum err try_open(struct bench *b, struct peer *p, const char *id, const char *key,
                         int64_t now)
{
    const char *why = NULL;
    struct feed_claim c = {.id = id, .key = key, .on_lost = on_lost, .arg = p};
    *p = (struct peer){0};
    enum err e = feed_open(b->streams, &c, now, WALL_MS + now, &p->feed, &why);
    ck_assert(e == ERR_OK || strlen(why) > 20);
    ck_assert(e == ERR_OK || strstr(why, key[0] != '\0' ? key : "\n") == NULL);
    return e;
}

static void track(struct peer *p, enum track_kind kind, const char *config)
{
    struct track_params t = {.kind = kind,
                             .codec = kind == TRACK_AUDIO ? CODEC_AAC : CODEC_H264,
                             .width = 640,
                             .height = 480,
                             .sample_rate = 48000,
                             .channels = 2,
                             .config = span_cstr(config),
                             .sar_den = 1};
    struct track *made = track_create(&t);
    feed_track(p->feed, made);
    track_unref(made);
}

static void open_feed(struct bench *b, struct peer *p, const char *key, int64_t now)
{
    ck_assert_int_eq(try_open(b, p, "x", key, now), ERR_OK);
    ck_assert_str_eq(feed_id(p->feed), "x");
    track(p, TRACK_VIDEO, "avc");
    track(p, TRACK_AUDIO, "asc");
}

static void push(struct peer *p, enum track_kind kind, int64_t ms, bool key, int64_t now)
{
    struct blob *blob = blob_create(100);
    struct packet packet = {.kind = kind,
                            .dts = ms * TICKS_PER_MS,
                            .pts = ms * TICKS_PER_MS,
                            .flags = key ? PACKET_KEY : 0,
                            .blob = blob,
                            .data = blob_span(blob)};
    ck_assert_int_eq(feed_packet(p->feed, &packet, now), ERR_OK);
    blob_unref(blob);
}

/* 25 fps, an IDR each second; now_ms is where the first packet comes. */
static void play(struct peer *p, int64_t from_ms, int64_t ms, int64_t now)
{
    for (int64_t t = 0; t < ms; t += 40) {
        push(p, TRACK_VIDEO, from_ms + t, t % 1000 == 0, now + t);
        push(p, TRACK_AUDIO, from_ms + t, true, now + t);
    }
}

/* The window of "x": every number once, and so many discontinuities. */
static void check_window(struct bench *b, size_t segments, size_t discontinuities)
{
    struct window *w = board_window(b->board, "x", "source");
    ck_assert_ptr_nonnull(w);
    ck_assert_uint_eq(w->count, segments);
    size_t seen = 0;
    for (size_t i = 0; i < w->count; i++) {
        const struct segment_info *info = segment_info(w->segments[i]);
        seen += info->discontinuity;
        if (i > 0) {
            const struct segment_info *before = segment_info(w->segments[i - 1]);
            ck_assert_uint_eq(info->msn, before->msn + 1);
            ck_assert_int_ge(info->start, before->start + before->duration);
        }
    }
    ck_assert_uint_eq(seen, discontinuities);
    window_unref(w);
}

START_TEST(who_comes_back_takes_over_at_its_first_keyframe)
{
    struct bench b;
    struct peer old, back;
    bench_init(&b, 1); /* a claimant is no further stream */
    open_feed(&b, &old, "k", 0);
    play(&old, 0, 4000, 0);
    open_feed(&b, &back, "k", 4000);
    ck_assert_ptr_null(feed_stream(back.feed));
    push(&back, TRACK_AUDIO, 0, true, 4000);
    push(&back, TRACK_VIDEO, 0, false, 4010);
    ck_assert_uint_eq(old.lost, 0);
    push(&old, TRACK_VIDEO, 4000, true, 4020); /* goes on meanwhile */
    play(&back, 1000, 4000, 4100);
    ck_assert_uint_eq(old.lost, 1);
    ck_assert_str_eq(old.code, "NetStream.Publish.Replaced");
    ck_assert_ptr_nonnull(feed_stream(back.feed));
    ck_assert_ptr_null(feed_stream(old.feed));
    push(&old, TRACK_VIDEO, 4040, true, 8100); /* into the void */
    track(&old, TRACK_VIDEO, "late");
    feed_close(old.feed, 8200);
    feed_close(back.feed, 8200);
    check_window(&b, 5, 1);
    ck_assert_uint_eq(streams_live(b.streams), 0);
    bench_fini(&b);
}
END_TEST

START_TEST(without_a_keyframe_the_old_one_goes_on)
{
    struct bench b;
    struct peer old, back;
    bench_init(&b, 10);
    open_feed(&b, &old, "", 0);
    play(&old, 0, 2000, 0);
    open_feed(&b, &back, "", 2000);
    for (int64_t t = 0; t < 3000; t += 40) {
        push(&back, TRACK_VIDEO, t, false, 2000 + t);
        push(&back, TRACK_AUDIO, t, true, 2000 + t);
    }
    play(&old, 2000, 4000, 2000);
    ck_assert_uint_eq(old.lost, 0);
    feed_close(back.feed, 6000);
    play(&old, 6000, 2000, 6000);
    feed_close(old.feed, 8000);
    check_window(&b, 4, 0);
    bench_fini(&b);
}
END_TEST

START_TEST(who_waits_has_the_stream_when_the_old_one_goes)
{
    struct bench b;
    struct peer old, back;
    bench_init(&b, 1);
    open_feed(&b, &old, "", 0);
    play(&old, 0, 2000, 0);
    open_feed(&b, &back, "", 2000);
    feed_close(old.feed, 2100);
    ck_assert_ptr_nonnull(feed_stream(back.feed));
    ck_assert_uint_eq(streams_live(b.streams), 1);
    play(&back, 0, 2000, 2200);
    feed_close(back.feed, 4300);
    check_window(&b, 2, 1);
    bench_fini(&b);
}
END_TEST

/* In the middle of its group of pictures; for ever without a keyframe is a fault all the same. */
START_TEST(who_waited_is_not_blamed_for_a_keyframe_that_it_sent_before)
{
    struct bench b;
    struct peer old, new;
    bench_init(&b, 4);
    open_feed(&b, &old, "key", 0);
    play(&old, 0, 1000, 0);
    open_feed(&b, &new, "key", 1000);
    feed_close(old.feed, 1100);
    for (int64_t t = 40; t < 1000; t += 40) {
        push(&new, TRACK_VIDEO, t, false, 1100 + t);
    }
    struct stream *st = feed_stream(new.feed);
    ck_assert_ptr_nonnull(st);
    ck_assert_uint_eq(st->repair.counters.n[REPAIR_NO_KEY], 0);
    push(&new, TRACK_VIDEO, FEED_KEY_MS + 40, false, 1100 + FEED_KEY_MS);
    ck_assert_uint_eq(st->repair.counters.n[REPAIR_NO_KEY], 1);
    feed_close(new.feed, 10000);
    bench_fini(&b);
}
END_TEST

START_TEST(a_stream_that_had_nothing_yet_is_begun_anew)
{
    struct bench b;
    struct peer old, back;
    bench_init(&b, 1);
    open_feed(&b, &old, "", 0);
    open_feed(&b, &back, "", 10);
    feed_close(old.feed, 20);
    play(&back, 0, 2000, 30);
    feed_close(back.feed, 2100);
    check_window(&b, 1, 0);
    bench_fini(&b);
}
END_TEST

START_TEST(the_newest_claimant_is_the_only_one)
{
    struct bench b;
    struct peer old, second, third;
    bench_init(&b, 10);
    open_feed(&b, &old, "", 0);
    play(&old, 0, 2000, 0);
    open_feed(&b, &second, "", 2000);
    open_feed(&b, &third, "", 2010);
    ck_assert_uint_eq(second.lost, 1);
    ck_assert_uint_eq(old.lost, 0);
    play(&second, 0, 1000, 2020);
    ck_assert_uint_eq(old.lost, 0);
    feed_close(second.feed, 3000);
    play(&third, 0, 2000, 3000);
    ck_assert_uint_eq(old.lost, 1);
    feed_close(third.feed, 5000);
    feed_close(old.feed, 5000);
    check_window(&b, 2, 1);
    bench_fini(&b);
}
END_TEST

START_TEST(another_key_is_refused_live_and_in_the_grace_but_not_after_the_end)
{
    struct bench b;
    struct peer mine, other;
    bench_init(&b, 10);
    open_feed(&b, &mine, "k", 0);
    ck_assert_int_eq(try_open(&b, &other, "x", "Zwei", 10), ERR_AUTH);
    ck_assert_int_eq(try_open(&b, &other, "x", "", 10), ERR_AUTH);
    play(&mine, 0, 2000, 0);
    ck_assert_int_eq(try_open(&b, &other, "x", "Zwei", 2000), ERR_AUTH);
    feed_close(mine.feed, 2000);
    streams_tick(b.streams, 2000 + GRACE_MS - 1);
    ck_assert_int_eq(try_open(&b, &other, "x", "Zwei", 2500), ERR_AUTH);
    ck_assert_uint_eq(streams_figures(b.streams)->streams_refused, 4);
    streams_tick(b.streams, 2000 + GRACE_MS);
    struct window *w = board_window(b.board, "x", "source");
    uint64_t last = segment_info(w->segments[w->count - 1])->msn;
    ck_assert(w->ended);
    window_unref(w);
    open_feed(&b, &other, "Zwei", 3100);
    play(&other, 0, 2000, 3100);
    feed_close(other.feed, 5100);
    check_window(&b, 1, 1); /* nothing of the other owner's is left */
    w = board_window(b.board, "x", "source");
    ck_assert_uint_gt(segment_info(w->segments[0])->msn, last);
    ck_assert(!w->ended);
    window_unref(w);
    bench_fini(&b);
}
END_TEST

START_TEST(who_comes_back_after_the_end_with_its_key_goes_on)
{
    struct bench b;
    struct peer p;
    bench_init(&b, 10);
    open_feed(&b, &p, "k", 0);
    play(&p, 0, 2000, 0);
    feed_close(p.feed, 2000);
    streams_tick(b.streams, 2000 + GRACE_MS);
    open_feed(&b, &p, "k", 3100);
    play(&p, 0, 2000, 3100);
    feed_close(p.feed, 5100);
    check_window(&b, 2, 1);
    bench_fini(&b);
}
END_TEST

START_TEST(two_that_fight_are_kept_apart)
{
    struct bench b;
    struct peer a, z;
    bench_init(&b, 10);
    open_feed(&b, &a, "", 0);
    play(&a, 0, 2000, 0);
    open_feed(&b, &z, "", 2000);
    play(&z, 0, 1000, 2000); /* the first take-over is at once */
    ck_assert_uint_eq(a.lost, 1);
    feed_close(a.feed, 3000);
    open_feed(&b, &a, "", 3000);
    for (int64_t t = 0; t < FEED_TAKE_OVER_MS - 1000; t += 500) {
        push(&z, TRACK_VIDEO, 1000 + t, true, 3000 + t);
        push(&a, TRACK_VIDEO, t, true, 3000 + t);
    }
    ck_assert_uint_eq(z.lost, 0);
    push(&a, TRACK_VIDEO, 100000, true, 2000 + FEED_TAKE_OVER_MS);
    ck_assert_uint_eq(z.lost, 1);
    /* From one that has fallen silent it is taken at any time. */
    feed_close(z.feed, 12100);
    open_feed(&b, &z, "", 12200);
    push(&z, TRACK_VIDEO, 0, true, 12000 + FEED_SILENT_MS - 1);
    ck_assert_uint_eq(a.lost, 0);
    push(&z, TRACK_VIDEO, 40, true, 12000 + FEED_SILENT_MS);
    ck_assert_uint_eq(a.lost, 1);
    ck_assert_uint_eq(streams_figures(b.streams)->take_overs, 3);
    ck_assert_uint_eq(streams_figures(b.streams)->fights, 1);
    feed_close(z.feed, 14000);
    feed_close(a.feed, 14000);
    bench_fini(&b);
}
END_TEST

START_TEST(without_a_picture_sound_takes_over_after_a_short_time)
{
    struct bench b;
    struct peer old, back;
    bench_init(&b, 10);
    open_feed(&b, &old, "", 0);
    play(&old, 0, 2000, 0);
    ck_assert_int_eq(try_open(&b, &back, "x", "", 2000), ERR_OK);
    track(&back, TRACK_AUDIO, "asc");
    push(&back, TRACK_AUDIO, 0, true, 2000);
    push(&back, TRACK_AUDIO, 20, true, 2000 + FEED_SOUND_MS - 1);
    ck_assert_uint_eq(old.lost, 0);
    push(&back, TRACK_AUDIO, 40, true, 2000 + FEED_SOUND_MS);
    ck_assert_uint_eq(old.lost, 1);
    feed_close(old.feed, 4000);
    feed_close(back.feed, 4000);
    bench_fini(&b);
}
END_TEST

START_TEST(limits_hold_for_feeds)
{
    struct bench b;
    struct peer a, z;
    bench_init(&b, 1);
    open_feed(&b, &a, "", 0);
    ck_assert_int_eq(try_open(&b, &z, "y", "", 0), ERR_LIMIT);
    streams_set_max_live(b.streams, 0);
    play(&a, 0, 1000, 0);
    open_feed(&b, &z, "", 1000); /* who comes back is no further stream, whatever the limit is */
    play(&z, 0, 1000, 1000);
    ck_assert_uint_eq(a.lost, 1);
    feed_close(a.feed, 2000);
    feed_close(z.feed, 2000);
    bench_fini(&b);
}
END_TEST

START_TEST(a_restarted_broadcaster_goes_on_above_what_players_have_seen)
{
    struct bench b;
    struct peer p;
    bench_init(&b, 10);
    open_feed(&b, &p, "", 0);
    play(&p, 0, 4000, 0);
    struct window *w = board_window(b.board, "x", "source");
    ck_assert_ptr_nonnull(w);
    uint64_t last = segment_info(w->segments[w->count - 1])->msn;
    ck_assert(!w->show_discontinuity_sequence);
    ck_assert(!segment_info(w->segments[0])->discontinuity);
    window_unref(w);
    feed_close(p.feed, 4000);
    ck_assert_int_eq(try_open(&b, &p, "y", "", 0), ERR_OK); /* had nothing to see */
    feed_close(p.feed, 4000);
    bench_stop(&b);
    bench_start(&b, 10);
    open_feed(&b, &p, "", 1); /* the clock was set back */
    play(&p, 0, 4000, 1);
    feed_close(p.feed, 4000);
    w = board_window(b.board, "x", "source");
    ck_assert_uint_gt(segment_info(w->segments[0])->msn, last + 1);
    ck_assert(segment_info(w->segments[0])->discontinuity);
    ck_assert(!segment_info(w->segments[1])->discontinuity);
    ck_assert(w->show_discontinuity_sequence);
    ck_assert_uint_eq(w->discontinuity_sequence, segment_info(w->segments[0])->msn);
    window_unref(w);
    ck_assert_int_eq(try_open(&b, &p, "y", "", 5000), ERR_OK);
    track(&p, TRACK_VIDEO, "avc");
    play(&p, 0, 3000, 5000);
    feed_close(p.feed, 8000);
    w = board_window(b.board, "y", "source");
    ck_assert(!segment_info(w->segments[0])->discontinuity);
    window_unref(w);
    bench_fini(&b);
}
END_TEST

START_TEST(an_ended_stream_stays_as_long_as_its_playlist_and_a_segment_last)
{
    struct bench b;
    struct peer p;
    bench_init(&b, 10);
    streams_destroy(b.streams);
    struct streams_config c = {.board = b.board,
                               .jobs = b.jobs,
                               .numbers = b.numbers,
                               .max_live = 1,
                               .grace_ms = GRACE_MS,
                               .linger_ms = -1};
    b.streams = streams_create(&c);
    open_feed(&b, &p, "", 0);
    play(&p, 0, 30000, 0);
    feed_close(p.feed, 30000);
    streams_tick(b.streams, 30000 + GRACE_MS);
    int64_t gone_ms = 30000 + GRACE_MS + (int64_t)(RENDITION_LISTED_LIVE + 1) * 2000;
    streams_tick(b.streams, gone_ms - 1);
    struct window *w = board_window(b.board, "x", "source");
    ck_assert(w != NULL && w->ended);
    window_unref(w);
    streams_tick(b.streams, gone_ms);
    ck_assert_ptr_null(board_window(b.board, "x", "source"));
    bench_fini(&b);
}
END_TEST

UNIT_MAIN("feed", a_restarted_broadcaster_goes_on_above_what_players_have_seen,
          an_ended_stream_stays_as_long_as_its_playlist_and_a_segment_last,
          who_comes_back_takes_over_at_its_first_keyframe, without_a_keyframe_the_old_one_goes_on,
          who_waits_has_the_stream_when_the_old_one_goes,
          who_waited_is_not_blamed_for_a_keyframe_that_it_sent_before,
          a_stream_that_had_nothing_yet_is_begun_anew, the_newest_claimant_is_the_only_one,
          another_key_is_refused_live_and_in_the_grace_but_not_after_the_end,
          who_comes_back_after_the_end_with_its_key_goes_on, two_that_fight_are_kept_apart,
          without_a_picture_sound_takes_over_after_a_short_time, limits_hold_for_feeds)
