#include "broadcaster/stream/stream.h"

#include "broadcaster/stream/cutter.h"
#include "tests/unit/broadcaster/stream/stream_bench.h"

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

UNIT_MAIN("stream_sound", sound_ends_with_the_last_picture,
          a_hole_in_the_sound_is_filled_with_silence,
          sound_that_begins_behind_the_picture_is_led_in_by_silence,
          a_changed_sound_begins_a_new_piece_and_costs_no_picture,
          sound_that_comes_later_is_told_by_a_discontinuity, sound_that_pauses_keeps_its_track,
          who_comes_back_without_sound_has_none,
          a_picture_that_stands_still_is_held_and_the_sound_goes_on, a_pause_of_both_leaves_a_hole,
          sound_alone_is_cut_by_its_own_time, rungs_go_on_with_sound_alone,
          sound_goes_where_its_time_is)
