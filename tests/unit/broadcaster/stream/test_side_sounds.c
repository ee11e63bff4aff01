#include "broadcaster/stream/side_sounds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "broadcaster/hls/hls_wait.h"
#include "broadcaster/stream/stream.h"
#include "tests/support/parts.h"
#include "tests/support/unit.h"

#define WALL_MS 1795000000000
#define SAMPLES 1024 /* at 48 kHz: 21.3 ms */

struct bench {
    struct board *board;
    struct jobs *jobs;
    struct jobs_way *way;
    struct numbers *numbers;
    struct streams *streams;
    struct stream *stream;
    size_t packet_bytes;
    char path[64];
};

static enum err on_send(void *arg, const struct link_msg *m, struct blob *payload)
{
    return ERR_AGAIN;
}

static void bench_init(struct bench *b)
{
    snprintf(b->path, sizeof b->path, "/tmp/side-sounds-test-%d", (int)getpid());
    unlink(b->path);
    b->packet_bytes = 100;
    b->board = board_create();
    b->numbers = numbers_open(b->path);
    b->jobs = jobs_create(10000, 3);
    b->way = jobs_way_create(b->jobs, "a", on_send, b);
    struct streams_config c = {.board = b->board,
                               .jobs = b->jobs,
                               .numbers = b->numbers,
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

static void track_at(struct bench *b, enum track_codec codec, unsigned index, int sample_rate)
{
    bool video = track_codec_is_video(codec);
    struct track_params t = {.kind = video ? TRACK_VIDEO : TRACK_AUDIO,
                             .codec = codec,
                             .index = index,
                             .width = video ? 1280 : 0,
                             .height = video ? 720 : 0,
                             .sample_rate = video ? 0 : sample_rate,
                             .channels = video ? 0 : 2,
                             .sar_den = 1};
    struct track *made = track_create(&t);
    stream_track(b->stream, made);
    track_unref(made);
}

static void track(struct bench *b, enum track_codec codec, unsigned index)
{
    track_at(b, codec, index, 48000);
}

static void publish(struct bench *b, int64_t now, bool picture)
{
    const char *why;
    ck_assert_int_eq(streams_publish(b->streams, "x", NULL, now, WALL_MS, &b->stream, &why),
                     ERR_OK);
    if (picture) {
        track(b, CODEC_H264, 0);
    }
    track(b, CODEC_AAC, 0);
}

static void push(struct bench *b, enum track_kind kind, unsigned index, int64_t ms, int64_t now)
{
    struct blob *blob = blob_create(b->packet_bytes);
    struct packet p = {.kind = kind,
                       .index = index,
                       .dts = ms * TICKS_PER_MS,
                       .pts = ms * TICKS_PER_MS,
                       .flags = kind == TRACK_AUDIO || ms % 1000 == 0 ? PACKET_KEY : 0,
                       .blob = blob,
                       .data = blob_span(blob)};
    ck_assert_int_eq(stream_packet(b->stream, &p, now), ERR_OK);
    blob_unref(blob);
}

struct show {
    int64_t from, ms;
    int64_t lead;  /* how far the picture is ahead of all sound */
    int64_t late;  /* how much later than the others the further sound comes */
    int64_t clock; /* the publisher's, above the time */
    bool silent;   /* the further sound is away */
    bool dark;     /* there is no picture */
};

static int64_t frame_ms(int64_t n)
{
    return n * SAMPLES * 1000 / 48000;
}

/* 25 pictures a second, one in 25 of them a key picture, and two tracks of sound. */
static void play(struct bench *b, struct show s)
{
    int64_t first = 0, side = 0;
    while (frame_ms(first) < s.from) {
        first++;
        side++;
    }
    for (int64_t t = s.from; t < s.from + s.ms; t++) {
        if (t % 40 == 0 && !s.dark) {
            push(b, TRACK_VIDEO, 0, t + s.lead + s.clock, t);
        }
        if (frame_ms(first) == t) {
            push(b, TRACK_AUDIO, 0, t + s.clock, t);
            first++;
        }
        if (frame_ms(side) + s.late == t) {
            if (!s.silent) {
                push(b, TRACK_AUDIO, 1, frame_ms(side) + s.clock, t);
            }
            side++;
        }
    }
}

static struct window *window(struct bench *b, const char *name)
{
    struct window *w = board_window(b->board, "x", name);
    ck_assert_msg(w != NULL, "%s", name);
    return w;
}

static size_t heard_in(const struct segment *s)
{
    return segment_sound(s) != NULL ? sound_packets(segment_sound(s))->count : 0;
}

static size_t heard(struct bench *b, const char *name)
{
    struct window *w = window(b, name);
    size_t n = 0;
    for (size_t i = 0; i < w->count; i++) {
        n += heard_in(w->segments[i]);
    }
    window_unref(w);
    return n;
}

/* The same numbers and times as the source's, and in each segment what is of its time: both tracks'
 * packets were sent with the same times. */
static void check_aligned(struct bench *b, const char *name)
{
    struct window *w = window(b, name), *source = window(b, "source");
    int64_t last = INT64_MIN;
    for (size_t i = 0; i < w->count; i++) {
        const struct segment_info *info = segment_info(w->segments[i]);
        struct segment *other = window_find(source, info->msn);
        ck_assert_ptr_nonnull(other);
        ck_assert_ptr_null(segment_video(w->segments[i]));
        ck_assert_int_eq(info->start, segment_info(other)->start);
        ck_assert_int_eq(info->duration, segment_info(other)->duration);
        ck_assert_int_eq(info->discontinuity, segment_info(other)->discontinuity);
        ck_assert(info->independent);
        ck_assert_int_eq(info->gap, heard_in(w->segments[i]) == 0);
        const struct sound *sound = segment_sound(w->segments[i]);
        size_t n =
            check_parts_of(w, TRACK_AUDIO, info->msn, sound != NULL ? sound_packets(sound) : NULL);
        ck_assert(!info->gap || n == 0);
        ck_assert(i + 1 < w->count || heard_in(w->segments[i]) < 50 || n >= 4);
        ck_assert(i == 0 || info->msn == segment_info(w->segments[i - 1])->msn + 1);
        for (size_t k = 0; k < heard_in(w->segments[i]); k++) {
            const struct packet *p = &sound_packets(segment_sound(w->segments[i]))->items[k];
            ck_assert_int_gt(p->dts, last);
            ck_assert_int_ge(p->dts, info->start);
            ck_assert_int_lt(p->dts, info->start + info->duration + TICKS_PER_S / 10);
            ck_assert_int_eq(p->pts, p->dts);
            ck_assert_int_eq(p->duration, 1920);
            last = p->dts;
        }
    }
    ck_assert_uint_eq(segment_info(w->segments[w->count - 1])->msn,
                      segment_info(source->segments[source->count - 1])->msn);
    window_unref(w);
    window_unref(source);
}

static uint64_t dropped(struct bench *b)
{
    struct json *status = json_new_object();
    streams_status(b->streams, 0, status);
    char *text = json_text(status);
    const char *at = strstr(text, "\"further_tracks_dropped\": ");
    ck_assert_ptr_nonnull(at);
    uint64_t n = strtoull(at + strlen("\"further_tracks_dropped\": "), NULL, 10);
    mem_free(text);
    json_destroy(status);
    return n;
}

START_TEST(another_sound_is_a_rendition_of_its_own)
{
    static const int64_t late[] = {0, 5, 150};
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
        struct bench b;
        bench_init(&b);
        publish(&b, 0, true);
        track(&b, CODEC_AAC, 1);
        play(&b, (struct show){.from = 0, .ms = 10000, .late = late[i]});
        stream_end(b.stream, 10000);
        check_aligned(&b, "audio1");
        struct window *w = window(&b, "audio1");
        ck_assert_uint_eq(w->count, 5);
        window_unref(w);
        /* All of it but what was still to come when the publisher left. */
        size_t all = heard(&b, "source");
        ck_assert_uint_ge(all, 469 - 1);
        ck_assert_uint_ge(heard(&b, "audio1") + (size_t)late[i] / 21 + 1, all);
        ck_assert_uint_eq(dropped(&b), 0);
        bench_fini(&b);
    }
}
END_TEST

/* What viewers are told to come next, and wait for, comes. */
static void check_promise(struct bench *b, uint64_t *msn, uint32_t *part)
{
    struct window *w = board_window(b->board, "x", "audio1");
    uint64_t next_msn;
    uint32_t next_part;
    if (w != NULL && hls_next_part(w, TRACK_AUDIO, &next_msn, &next_part)) {
        if (*msn != 0 && (next_msn != *msn || next_part != *part)) {
            ck_assert_msg(window_find_part(w, TRACK_AUDIO, *msn, *part) != NULL,
                          "part %u of %llu was promised", *part, (unsigned long long)*msn);
        }
        *msn = next_msn;
        *part = next_part;
    }
    window_unref(w);
}

/* Frames of 40 ms, so that the last part of a segment has as many as each other; 10 ms of picture,
 * so that all of them are there before the next segment begins. */
START_TEST(no_part_is_promised_that_does_not_come)
{
    static const int64_t picture_ms[] = {40, 10};
    for (size_t i = 0; i < sizeof picture_ms / sizeof picture_ms[0]; i++) {
        struct bench b;
        uint64_t msn = 0;
        uint32_t part = 0;
        bench_init(&b);
        publish(&b, 0, true);
        track_at(&b, CODEC_AAC, 1, 25600);
        for (int64_t t = 0; t < 10000; t += 10) {
            if (t % picture_ms[i] == 0) {
                push(&b, TRACK_VIDEO, 0, t, t);
                check_promise(&b, &msn, &part);
            }
            if (t % 40 == 0) {
                push(&b, TRACK_AUDIO, 0, t, t);
                push(&b, TRACK_AUDIO, 1, t, t);
                check_promise(&b, &msn, &part);
            }
        }
        ck_assert_uint_gt(msn, 4);
        stream_end(b.stream, 10000);
        bench_fini(&b);
    }
}
END_TEST

START_TEST(beside_sound_alone)
{
    struct bench b;
    bench_init(&b);
    publish(&b, 0, false);
    track(&b, CODEC_AAC, 1);
    play(&b, (struct show){.from = 0, .ms = 10000, .dark = true});
    stream_end(b.stream, 10000);
    check_aligned(&b, "audio1");
    ck_assert_uint_ge(heard(&b, "audio1") + 2, heard(&b, "source"));
    bench_fini(&b);
}
END_TEST

START_TEST(a_track_that_is_away_leaves_gaps)
{
    struct bench b;
    bench_init(&b);
    publish(&b, 0, true);
    play(&b, (struct show){.from = 0, .ms = 4000, .silent = true});
    track(&b, CODEC_AAC, 1); /* late */
    play(&b, (struct show){.from = 4000, .ms = 3000});
    play(&b, (struct show){.from = 7000, .ms = 5600, .silent = true});
    /* Its gap does not wait for the segment behind it. */
    struct window *w = window(&b, "audio1"), *source = window(&b, "source");
    ck_assert_uint_eq(segment_info(w->segments[w->count - 1])->msn,
                      segment_info(source->segments[source->count - 1])->msn);
    window_unref(w);
    window_unref(source);
    play(&b, (struct show){.from = 12600, .ms = 3400});
    stream_end(b.stream, 16000);
    check_aligned(&b, "audio1");
    static const bool gap[] = {false, false, true, true, false, false};
    w = window(&b, "audio1");
    ck_assert_uint_eq(w->count, 6); /* none for the first two, when there was no such track */
    for (size_t i = 0; i < w->count; i++) {
        ck_assert_int_eq(segment_info(w->segments[i])->gap, gap[i]);
    }
    window_unref(w);
    bench_fini(&b);
}
END_TEST

START_TEST(over_publishers_the_name_stays)
{
    struct bench b;
    bench_init(&b);
    publish(&b, 0, true);
    track(&b, CODEC_AAC, 1);
    play(&b, (struct show){.from = 0, .ms = 4000});
    stream_end(b.stream, 4000);
    publish(&b, 4100, true);
    track(&b, CODEC_AAC, 1);
    play(&b, (struct show){.from = 5000, .ms = 4000, .clock = -5000});
    stream_end(b.stream, 9000);
    publish(&b, 9100, true);                            /* without it */
    play(&b, (struct show){.from = 10000, .ms = 4000}); /* no header came: not understood */
    stream_end(b.stream, 14000);
    check_aligned(&b, "audio1");
    struct window *w = window(&b, "audio1");
    ck_assert_uint_eq(w->count, 6);
    for (size_t i = 0; i < w->count; i++) {
        ck_assert_int_eq(segment_info(w->segments[i])->gap, i >= 4);
        ck_assert_int_eq(segment_info(w->segments[i])->discontinuity, i == 2 || i == 4);
    }
    window_unref(w);
    ck_assert_uint_ge(dropped(&b), 187);
    ck_assert_ptr_null(board_window(b.board, "x", "audio2"));
    bench_fini(&b);
}
END_TEST

START_TEST(another_codec_from_the_next_segment_on)
{
    struct bench b;
    bench_init(&b);
    publish(&b, 0, true);
    track(&b, CODEC_AAC, 1);
    play(&b, (struct show){.from = 0, .ms = 3000});
    track(&b, CODEC_AC3, 1);
    track(&b, CODEC_AC3, 1); /* as often as it likes */
    play(&b, (struct show){.from = 3000, .ms = 3000});
    stream_end(b.stream, 6000);
    struct window *w = window(&b, "audio1");
    static const enum track_codec codecs[] = {CODEC_AAC, CODEC_AAC, CODEC_AC3};
    ck_assert_uint_eq(w->count, 3);
    for (size_t i = 0; i < w->count; i++) {
        const struct sound *sound = segment_sound(w->segments[i]);
        ck_assert_ptr_nonnull(sound);
        ck_assert_int_eq(track_params(sound_track(sound))->codec, codecs[i]);
        ck_assert_uint_ge(sound_packets(sound)->count, i == 1 ? 46 : 60);
    }
    window_unref(w);
    bench_fini(&b);
}
END_TEST

static int64_t newest(struct bench *b, const char *name)
{
    struct window *w = window(b, name);
    int64_t dts = INT64_MIN;
    for (size_t i = 0; i < w->count; i++) {
        size_t n = heard_in(w->segments[i]);
        dts = n > 0 ? sound_packets(segment_sound(w->segments[i]))->items[n - 1].dts : dts;
    }
    window_unref(w);
    return dts;
}

/* How far the further sound is from the first one: the last of both was sent at the same time. */
static int64_t apart(struct bench *b)
{
    int64_t off = newest(b, "audio1") - newest(b, "source");
    return off < 0 ? -off : off;
}

START_TEST(where_the_clock_jumps_the_sounds_stay_together)
{
    static const int64_t jumps[] = {3600000, -2000, 100000};
    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        for (int order = 0; order < 4; order++) {
            struct bench b;
            bench_init(&b);
            publish(&b, 0, true);
            track(&b, CODEC_AAC, 1);
            play(&b, (struct show){.from = 0, .ms = 5003, .lead = 400});
            /* Who jumps first: the first sound, the further one, the picture, the last two. */
            if (order != 2) {
                push(&b, TRACK_AUDIO, order > 0, 5004 + jumps[i], 5004);
            }
            if (order >= 2) {
                push(&b, TRACK_VIDEO, 0, 5404 + jumps[i], 5004);
            }
            play(&b, (struct show){.from = 5005, .ms = 7000, .lead = 400, .clock = jumps[i]});
            stream_end(b.stream, 12005);
            ck_assert_msg(apart(&b) <= 50 * TICKS_PER_MS, "jump %lld order %d: %lld",
                          (long long)jumps[i], order, (long long)apart(&b));
            bench_fini(&b);
        }
    }
}
END_TEST

/* Times from anywhere, and small lies again and again: the track is where it was a moment later. */
START_TEST(forged_times_do_not_stay)
{
    static const int64_t far[] = {4294967295, 2147483648, -4294967296, 2900, -2900, 9000};
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        struct bench b;
        bench_init(&b);
        publish(&b, 0, true);
        track(&b, CODEC_AAC, 1);
        push(&b, TRACK_AUDIO, 1, far[i], 0);
        for (int64_t s = 0; s < 10; s++) {
            play(&b, (struct show){.from = s * 1000, .ms = 1000});
            push(&b, TRACK_AUDIO, 1, s * 1000 + far[i], s * 1000 + 999);
        }
        play(&b, (struct show){.from = 10000, .ms = 10000});
        stream_end(b.stream, 20000);
        struct window *w = window(&b, "audio1");
        ck_assert_uint_ge(w->count, 8);
        ck_assert_uint_ge(heard_in(w->segments[w->count - 1]), 93);
        window_unref(w);
        ck_assert_int_le(apart(&b), 25 * TICKS_PER_MS);
        bench_fini(&b);
    }
}
END_TEST

START_TEST(seven_and_no_more)
{
    struct bench b;
    bench_init(&b);
    publish(&b, 0, true);
    for (unsigned i = 1; i < TRACKS_PER_KIND_MAX; i++) {
        track(&b, CODEC_AAC, i);
    }
    for (int64_t t = 0; t < 4000; t += 20) {
        push(&b, TRACK_VIDEO, 0, t, t);
        for (unsigned i = 0; i < TRACKS_PER_KIND_MAX + 2; i++) {
            push(&b, TRACK_AUDIO, i, t, t);
        }
    }
    ck_assert_uint_eq(dropped(&b), 400);
    stream_end(b.stream, 4000);
    struct window *w = window(&b, "audio7");
    ck_assert_uint_eq(w->count, 2);
    window_unref(w);
    ck_assert_ptr_null(board_window(b.board, "x", "audio8"));
    bench_fini(&b);
}
END_TEST

START_TEST(what_waits_is_bounded)
{
    struct bench b;
    bench_init(&b);
    publish(&b, 0, true);
    track(&b, CODEC_AAC, 1);
    b.packet_bytes = 1 << 20;
    push(&b, TRACK_VIDEO, 0, 1, 0); /* no key picture: nothing begins */
    size_t before = blob_live_bytes();
    for (int64_t t = 0; t < 100; t++) {
        push(&b, TRACK_AUDIO, 1, t * 20, t * 20);
    }
    ck_assert_uint_le(blob_live_bytes() - before, SIDE_SOUNDS_BYTES_MAX);
    push(&b, TRACK_VIDEO, 0, 2000, 2000);
    before = blob_live_bytes();
    for (int64_t t = 2000; t < 4000; t += 20) {
        push(&b, TRACK_AUDIO, 1, t, t);
    }
    ck_assert_uint_gt(blob_live_bytes(), before + SIDE_SOUNDS_BYTES_MAX);
    ck_assert_uint_le(blob_live_bytes(), STREAM_SEGMENT_MAX);
    uint64_t lost = dropped(&b);
    ck_assert_uint_gt(lost, 50);
    b.packet_bytes = 0;
    for (int64_t t = 0; t < 2 * SIDE_SOUNDS_PACKETS_MAX; t++) {
        push(&b, TRACK_AUDIO, 1, 4000, 4000); /* a clock that stands still, too */
    }
    ck_assert_uint_ge(dropped(&b), lost + SIDE_SOUNDS_PACKETS_MAX);
    stream_end(b.stream, 4000);
    bench_fini(&b);
}
END_TEST

START_TEST(short_of_memory)
{
    bool done = false;
    for (unsigned nth = 1; !done; nth++) {
        struct bench b;
        bench_init(&b);
        publish(&b, 0, true);
        track(&b, CODEC_AAC, 1);
        play(&b, (struct show){.from = 0, .ms = 1900});
        struct blob *blob = blob_create(100);
        struct packet p = {.kind = TRACK_AUDIO,
                           .index = 1,
                           .dts = 2001 * TICKS_PER_MS,
                           .pts = 2001 * TICKS_PER_MS,
                           .blob = blob,
                           .data = blob_span(blob)};
        push(&b, TRACK_VIDEO, 0, 2000, 2000);
        mem_fail_nth(nth); /* this one settles the first segment */
        ck_assert_int_eq(stream_packet(b.stream, &p, 2001), ERR_OK);
        done = !mem_has_failed();
        mem_fail_nth(0);
        blob_unref(blob);
        play(&b, (struct show){.from = 2002, .ms = 2000});
        stream_end(b.stream, 4100);
        check_aligned(&b, "audio1");
        bench_fini(&b);
        ck_assert_uint_lt(nth, 100);
    }
}
END_TEST

UNIT_MAIN("side_sounds", another_sound_is_a_rendition_of_its_own,
          no_part_is_promised_that_does_not_come, beside_sound_alone,
          a_track_that_is_away_leaves_gaps, over_publishers_the_name_stays,
          another_codec_from_the_next_segment_on, where_the_clock_jumps_the_sounds_stay_together,
          forged_times_do_not_stay, seven_and_no_more, what_waits_is_bounded, short_of_memory)
