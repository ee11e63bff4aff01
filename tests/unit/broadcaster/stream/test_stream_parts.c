#include "broadcaster/stream/stream.h"

#include "tests/support/parts.h"
#include "tests/unit/broadcaster/stream/stream_bench.h"

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

UNIT_MAIN("stream_parts", parts_are_what_the_segments_have, parts_are_there_long_before_the_segment,
          sound_alone_has_parts_and_a_picture_goes_behind_them)
