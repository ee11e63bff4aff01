/* usual time: 6 s */
#include "broadcaster/light/light_sounds.h"

#include "base/mem.h"
#include "broadcaster/light/light_workers.h"
#include "tests/support/clip.h"
#include "tests/support/parts.h"
#include "tests/support/unit.h"

#define ORIGIN  INT64_C(500000)
#define SEGMENT (2 * TICKS_PER_S)
#define PER     94 /* packets of 21.3 ms, a little more than a segment */

struct bench {
    struct board *board;
    struct light_sounds *light;
    struct clip clip;
    size_t next;    /* packet of the clip */
    int64_t moved;  /* ticks that they come later */
    uint64_t msn;   /* the last one that was opened */
    uint64_t came;  /* the last one that was found */
    size_t found;   /* how many */
    size_t light_i; /* of the rung's sound */
};

static void on_came(void *arg, uint64_t msn)
{
    struct bench *b = arg;
    b->came = msn;
    b->found++;
}

static void bench_init(struct bench *b, struct light_workers *workers)
{
    *b = (struct bench){.board = board_create()};
    b->light = light_sounds_create(b->board, "x", 0, workers, on_came, b);
    b->light_i = light_sounds_add(b->light, profile_find(span_cstr("P96p8fps16x9")));
    b->clip = clip_audio(8 * PER, 96000, ORIGIN);
    board_set_facts(b->board, "x", &(struct board_facts){.state = BOARD_LIVE});
    board_ask_parts(b->board, "x");
    struct variant v = {.name = "source"};
    struct window *w = window_create(NULL, 0, 0);
    board_publish(b->board, "x", &v, w); /* without a source nothing is shown */
    window_unref(w);
}

static void bench_fini(struct bench *b)
{
    light_sounds_destroy(b->light);
    clip_free(&b->clip);
    board_destroy(b->board);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static struct segment_info info_of(const struct bench *b, uint64_t msn)
{
    return (struct segment_info){.msn = msn,
                                 .start = ORIGIN + b->moved + (int64_t)(msn - 1) * SEGMENT};
}

static void feed(struct bench *b, struct track *track, int64_t until)
{
    while (b->next < b->clip.packets.count &&
           b->clip.packets.items[b->next].dts + b->moved < until) {
        struct packet p = b->clip.packets.items[b->next++];
        p.dts += b->moved;
        p.pts += b->moved;
        light_sounds_packet(b->light, track, &p);
        light_sounds_reach(b->light, p.dts);
        light_sounds_parts(b->light, p.dts);
    }
}

static struct segment *source_of(const struct segment_info *info, struct track *track)
{
    struct packets none;
    packets_init(&none);
    struct sound *sound = track != NULL ? sound_create(track, &none) : NULL;
    struct segment *s = segment_create(info, NULL, NULL, sound);
    sound_unref(sound);
    return s;
}

/* A segment of the source; sound comes up to its end. The next one must follow before its own light
 * sound is complete. Gives. */
static struct segment *segment(struct bench *b, struct track *track, bool discontinuity, bool whole)
{
    struct segment_info info = info_of(b, ++b->msn);
    info.discontinuity = discontinuity;
    info.duration = whole ? SEGMENT : 0;
    light_sounds_open(b->light, &info, track);
    if (track != NULL) {
        feed(b, track, info.start + SEGMENT);
    }
    info.duration = SEGMENT;
    struct segment *s = source_of(&info, track);
    light_sounds_close(b->light, s);
    return s;
}

static void play(struct bench *b, size_t n, bool discontinuity)
{
    for (size_t i = 0; i < n; i++) {
        segment_unref(segment(b, b->clip.track, discontinuity && i == 0, false));
    }
}

static struct window *window(struct bench *b)
{
    return board_window(b->board, "x", "audio-light");
}

/* Every frame of all segments, one behind the other, each where it begins; from `from` on. */
static void check(struct bench *b, size_t from, size_t n)
{
    struct window *w = window(b);
    ck_assert_ptr_nonnull(w);
    ck_assert_uint_eq(w->count, from + n);
    int64_t next = segment_info(w->segments[from])->start;
    for (size_t i = from; i < w->count; i++) {
        const struct segment_info *info = segment_info(w->segments[i]);
        const struct sound *sound = segment_sound(w->segments[i]);
        ck_assert(!info->gap && info->independent && sound != NULL);
        for (size_t k = 0; k < sound_packets(sound)->count; k++) {
            const struct packet *p = &sound_packets(sound)->items[k];
            ck_assert_int_eq(p->dts, next);
            ck_assert_int_ge(p->dts, info->start);
            ck_assert_int_lt(p->dts, info->start + info->duration);
            next = p->dts + p->duration;
        }
        ck_assert_int_ge(next, info->start + info->duration);
        size_t parts = check_parts_of(w, TRACK_AUDIO, info->msn, sound_packets(sound));
        ck_assert(i + 1 < w->count || parts >= 4);
    }
    window_unref(w);
}

START_TEST(one_encoder_over_all_segments)
{
    struct bench b;
    bench_init(&b, NULL);
    play(&b, 5, false);
    ck_assert_uint_eq(b.came, 4); /* the last frame of the fifth needs what comes behind it */
    light_sounds_end(b.light);
    ck_assert_uint_eq(b.came, 5);
    check(&b, 0, 5);
    bench_fini(&b);
}
END_TEST

START_TEST(a_break_begins_another)
{
    struct bench b;
    bench_init(&b, NULL);
    play(&b, 2, false);
    light_sounds_end(b.light); /* the publisher goes, */
    b.moved = TICKS_PER_S + 7;
    play(&b, 2, true); /* and comes back */
    ck_assert_uint_eq(b.found, 3);
    light_sounds_end(b.light);
    ck_assert_uint_eq(b.found, 4);
    struct window *w = window(&b);
    ck_assert(segment_info(w->segments[2])->discontinuity);
    ck_assert_int_eq(sound_packets(segment_sound(w->segments[2]))->items[0].dts,
                     segment_info(w->segments[2])->start);
    window_unref(w);
    check(&b, 2, 2);
    bench_fini(&b);
}
END_TEST

START_TEST(sound_that_stops_is_silent)
{
    struct bench b;
    bench_init(&b, NULL);
    play(&b, 1, false);
    b.next = b.clip.packets.count; /* nothing comes any more, but the picture goes on */
    play(&b, 1, false);
    struct segment_info info = info_of(&b, 3);
    light_sounds_open(b.light, &info, b.clip.track);
    light_sounds_reach(b.light, info.start + LIGHT_LATE_TICKS - TICKS_PER_S / 2);
    ck_assert_uint_lt(b.came, 2);
    light_sounds_reach(b.light, info.start + LIGHT_LATE_TICKS + TICKS_PER_S);
    ck_assert_uint_eq(b.came, 2);
    bench_fini(&b);
}
END_TEST

START_TEST(what_comes_whole_does_not_wait)
{
    struct bench b;
    bench_init(&b, NULL);
    for (uint64_t i = 1; i <= 3; i++) {
        struct segment *s = segment(&b, b.clip.track, false, true);
        struct sound *sound = NULL;
        ck_assert(light_sounds_find(b.light, b.light_i, s, &sound));
        ck_assert_ptr_nonnull(sound);
        ck_assert_uint_eq(b.came, i);
        segment_unref(s);
    }
    bench_fini(&b);
}
END_TEST

static void check_source_sound(struct bench *b, struct segment *s)
{
    struct sound *sound = NULL;
    ck_assert(light_sounds_find(b->light, b->light_i, s, &sound));
    ck_assert_ptr_eq(sound, segment_sound(s));
    segment_unref(s);
}

START_TEST(what_cannot_be_decoded_stays_the_sources)
{
    struct bench b;
    bench_init(&b, NULL);
    static const uint8_t broken[] = {0xff, 0xff, 0xff};
    struct track_params p = {.kind = TRACK_AUDIO,
                             .codec = CODEC_AAC,
                             .config = span_of(broken, sizeof broken),
                             .sample_rate = 48000,
                             .channels = 2};
    struct track *t = track_create(&p);
    check_source_sound(&b, segment(&b, t, false, false));
    check_source_sound(&b, segment(&b, t, false, false));
    ck_assert_ptr_null(window(&b));
    track_unref(t);
    play(&b, 2, true); /* another encoder comes */
    light_sounds_end(b.light);
    check(&b, 0, 2);
    bench_fini(&b);
}
END_TEST

START_TEST(without_sound_and_gaps)
{
    struct bench b;
    bench_init(&b, NULL);
    check_source_sound(&b, segment(&b, NULL, false, false));
    play(&b, 1, true);
    struct segment_info info = info_of(&b, ++b.msn);
    info.gap = true;
    info.duration = SEGMENT;
    struct segment *gap = segment_create(&info, NULL, NULL, NULL);
    light_sounds_gap(b.light, gap);
    check_source_sound(&b, gap);
    b.moved = 0;
    play(&b, 1, true);
    light_sounds_end(b.light);
    struct window *w = window(&b);
    ck_assert_uint_eq(w->count, 3);
    ck_assert(segment_info(w->segments[1])->gap);
    ck_assert(!segment_info(w->segments[2])->gap);
    window_unref(w);
    bench_fini(&b);
}
END_TEST

START_TEST(rungs_that_ask_alike_share)
{
    struct bench b;
    bench_init(&b, NULL);
    struct profile p = *profile_find(span_cstr("P96p8fps16x9"));
    ck_assert_uint_eq(light_sounds_add(b.light, &p), b.light_i);
    p.audio_bitrate_bps = 48000;
    ck_assert_uint_eq(light_sounds_add(b.light, &p), b.light_i + 1);
    ck_assert_str_eq(rendition_name(light_sounds_rendition(b.light, 0)), "audio-light");
    ck_assert_str_eq(rendition_name(light_sounds_rendition(b.light, 1)), "audio-light2");
    ck_assert_ptr_null(light_sounds_rendition(b.light, 2));
    bench_fini(&b);
}
END_TEST

/* Many segments whose sound never comes to an end: the oldest end with what there is. */
START_TEST(what_waits_is_bounded)
{
    struct bench b;
    bench_init(&b, NULL);
    b.next = b.clip.packets.count;
    for (int i = 0; i < 3 * LIGHT_RUNS_MAX; i++) {
        segment_unref(segment(&b, b.clip.track, false, false));
    }
    ck_assert_uint_ge(b.found, 2 * LIGHT_RUNS_MAX - 1);
    bench_fini(&b);
}
END_TEST

/* --- on threads --- */

START_TEST(on_other_threads_it_is_the_same)
{
    struct bench b;
    struct loop *loop = loop_create();
    struct light_workers *workers = light_workers_create(loop);
    bench_init(&b, workers);
    play(&b, 5, false);
    light_sounds_end(b.light);
    while (b.found < 5) {
        loop_run_once(loop);
    }
    check(&b, 0, 5);
    play(&b, 1, true); /* goes while it is being encoded */
    light_sounds_destroy(b.light);
    light_workers_destroy(workers);
    loop_destroy(loop);
    b.light = NULL;
    bench_fini(&b);
}
END_TEST

UNIT_MAIN("light_sounds", one_encoder_over_all_segments, a_break_begins_another,
          sound_that_stops_is_silent, what_comes_whole_does_not_wait,
          what_cannot_be_decoded_stays_the_sources, without_sound_and_gaps,
          rungs_that_ask_alike_share, what_waits_is_bounded, on_other_threads_it_is_the_same)
