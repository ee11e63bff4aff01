/* The playlists of low-latency HLS, word for word. */
#include <string.h>

#include "base/mem.h"
#include "broadcaster/hls/playlist.h"
#include "broadcaster/hls/playlist_live.h"
#include "tests/support/lanes.h"
#include "tests/support/unit.h"

#define PROGRAM_MS INT64_C(1795262400123) /* 2026-11-21T12:00:00.123Z */

#define HEAD(target)                                                                               \
    "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n"                                         \
    "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,PART-HOLD-BACK=1.50000,"       \
    "HOLD-BACK=6.0\n"                                                                              \
    "#EXT-X-PART-INF:PART-TARGET=" target "\n"
#define MAP               "#EXT-X-MAP:URI=\"init-00000000000000aa.mp4\"\n"
#define PART(n, p, flags) "#EXT-X-PART:DURATION=0.50000,URI=\"" n "." p ".m4s\"" flags "\n"
#define PARTS(n)          PART(n, "0", ",INDEPENDENT=YES") PART(n, "1", "") PART(n, "2", "") PART(n, "3", "")
#define SEGMENT(n)        "#EXTINF:2.000,\n" n ".m4s\n"

static uint64_t inits[64];

static struct live_media media(const struct window *w)
{
    for (size_t i = 0; i < sizeof inits / sizeof inits[0]; i++) {
        inits[i] = 0xaa;
    }
    return (struct live_media){.window = w, .inits = inits, .open_init = 0xaa};
}

static void is(const struct live_media *m, const char *want)
{
    struct buf b;
    buf_init(&b, 100000);
    ck_assert_int_eq(playlist_live_media(&b, m), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    ck_assert_str_eq((char *)b.data, want);
    buf_fini(&b);
}

/* Free what it returns. */
static char *text_of(const struct live_media *m)
{
    struct buf b;
    buf_init(&b, 100000);
    ck_assert_int_eq(playlist_live_media(&b, m), ERR_OK);
    char *text = strndup((char *)b.data, b.len);
    buf_fini(&b);
    return text;
}

static void has(const struct live_media *m, const char *want)
{
    char *text = text_of(m);
    ck_assert_msg(strstr(text, want) != NULL, "%s", text);
    free(text);
}

START_TEST(at_the_edge)
{
    struct lanes l = lanes_make();
    struct lanes_shape s = {.first = 100, .segments = 5, .open = true, .open_parts = 2};
    struct window *w = lanes_window(&l, &s);
    struct live_media m = media(w);
    static const struct live_report reports[] = {
        {.name = "P144p30fps16x9", .msn = 105, .has_part = true, .part = 0},
        {.name = "audio", .msn = 104},
        {.name = "stra\xc3\x9f", .msn = 1, .has_part = true, .part = 77}};
    m.reports = reports;
    m.n_reports = 3;
    /* 101 ends seven seconds before the end, 102 five. */
    is(&m,
       HEAD("0.50000") "#EXT-X-MEDIA-SEQUENCE:100\n#EXT-X-INDEPENDENT-SEGMENTS\n" MAP SEGMENT("100")
           SEGMENT("101") PARTS("102") SEGMENT("102") PARTS("103") SEGMENT("103") PARTS("104")
               SEGMENT("104") PART("105", "0", ",INDEPENDENT=YES")
                   PART("105", "1",
                        "") "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"105.2.m4s\"\n"
                            "#EXT-X-RENDITION-REPORT:URI=\"../P144p30fps16x9/"
                            "live.m3u8\",LAST-MSN=105,LAST-PART=0\n"
                            "#EXT-X-RENDITION-REPORT:URI=\"../audio/live.m3u8\",LAST-MSN=104\n"
                            "#EXT-X-RENDITION-REPORT:URI=\"../stra%C3%9F/"
                            "live.m3u8\",LAST-MSN=1,LAST-PART=77\n");
    window_unref(w);
    lanes_free(&l);
}
END_TEST

/* The open segment is over, and the next has not begun; and the end of it all. */
START_TEST(between_segments_and_ended)
{
    struct lanes l = lanes_make();
    struct lanes_shape s = {.first = 100, .segments = 1};
    struct window *w = lanes_window(&l, &s);
    struct live_media m = media(w);
    is(&m, HEAD("0.50000") "#EXT-X-MEDIA-SEQUENCE:100\n#EXT-X-INDEPENDENT-SEGMENTS\n" MAP PARTS(
               "100") SEGMENT("100") "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"101.0.m4s\"\n");
    window_unref(w);
    s.ended = true;
    w = lanes_window(&l, &s);
    m = media(w);
    static const struct live_report report = {.name = "audio", .msn = 104};
    m.reports = &report;
    m.n_reports = 1;
    is(&m, HEAD("0.50000") "#EXT-X-MEDIA-SEQUENCE:100\n#EXT-X-INDEPENDENT-SEGMENTS\n" MAP PARTS(
               "100") SEGMENT("100") "#EXT-X-ENDLIST\n");
    window_unref(w);
    lanes_free(&l);
}
END_TEST

START_TEST(parts_before_the_first_segment)
{
    struct lanes l = lanes_make();
    struct lanes_shape s = {.first = 100, .open = true, .open_parts = 1, .program_ms = PROGRAM_MS};
    struct window *w = lanes_window(&l, &s);
    struct live_media m = media(w);
    is(&m,
       HEAD("0.50000") "#EXT-X-MEDIA-SEQUENCE:100\n#EXT-X-INDEPENDENT-SEGMENTS\n" MAP
                       "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T12:00:00.123Z\n" PART(
                           "100", "0",
                           ",INDEPENDENT=YES") "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"100.1.m4s\"\n");
    window_unref(w);
    lanes_free(&l);
}
END_TEST

/* A new configuration, a break in the timeline and wall clocks, before the parts they are of. */
START_TEST(what_stands_before_parts)
{
    struct lanes l = lanes_make();
    struct lanes_shape s = {.first = 100,
                            .segments = 1,
                            .open = true,
                            .open_parts = 1,
                            .discontinuity = 101,
                            .program_ms = PROGRAM_MS};
    struct window *w = lanes_window(&l, &s);
    w->show_discontinuity_sequence = true;
    w->discontinuity_sequence = w->discontinuity_sequence_live = 7;
    struct live_media m = media(w);
    m.open_init = 0xbb;
    is(&m,
       HEAD("0.50000") "#EXT-X-MEDIA-SEQUENCE:100\n#EXT-X-DISCONTINUITY-SEQUENCE:7\n"
                       "#EXT-X-INDEPENDENT-SEGMENTS\n" MAP
                       "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T12:00:00.123Z\n" PARTS("100") SEGMENT(
                           "100") "#EXT-X-DISCONTINUITY\n"
                                  "#EXT-X-MAP:URI=\"init-00000000000000bb.mp4\"\n"
                                  "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T12:00:02.123Z\n" PART(
                                      "101", "0", ",INDEPENDENT=YES") "#EXT-X-PRELOAD-HINT:TYPE="
                                                                      "PART,URI=\"101.1.m4s\"\n");
    window_unref(w);
    lanes_free(&l);
}
END_TEST

/* Twelve seconds stay: with one second of parts seven segments and a half. */
START_TEST(a_delta_update)
{
    struct lanes l = lanes_make();
    struct lanes_shape s = {
        .first = 100, .segments = 12, .open = true, .open_parts = 2, .discontinuity = 101};
    struct window *w = lanes_window(&l, &s);
    w->show_discontinuity_sequence = true;
    w->discontinuity_sequence = w->discontinuity_sequence_live = 3;
    struct live_media m = media(w);
    m.skip = true;
    /* 105 ends thirteen seconds before the end. The map is said again: what is left out may have
     * been another. */
    is(&m,
       HEAD("0.50000") "#EXT-X-MEDIA-SEQUENCE:100\n#EXT-X-DISCONTINUITY-SEQUENCE:3\n"
                       "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-SKIP:SKIPPED-SEGMENTS=6\n" MAP SEGMENT(
                           "106") SEGMENT("107") SEGMENT("108") PARTS("109") SEGMENT("109")
                           PARTS("110") SEGMENT("110") PARTS("111") SEGMENT("111")
                               PART("112", "0", ",INDEPENDENT=YES")
                                   PART("112", "1",
                                        "") "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"112.2.m4s\"\n");
    window_unref(w);
    /* Nothing is old enough: the whole playlist. */
    s.segments = 6;
    w = lanes_window(&l, &s);
    m = media(w);
    m.skip = true;
    char *delta = text_of(&m);
    m.skip = false;
    char *whole = text_of(&m);
    ck_assert_str_eq(delta, whole);
    free(delta);
    free(whole);
    window_unref(w);
    lanes_free(&l);
}
END_TEST

/* The window of fMP4 is a longer one than the classic one. */
START_TEST(listed_for_fmp4)
{
    struct lanes l = lanes_make();
    struct lanes_shape s = {.first = 100, .segments = 6};
    struct window *w = lanes_window(&l, &s);
    w->listed = 2;
    w->listed_live = 4;
    w->show_discontinuity_sequence = true;
    w->discontinuity_sequence = 9;
    w->discontinuity_sequence_live = 8;
    struct live_media m = media(w);
    has(&m, "#EXT-X-MEDIA-SEQUENCE:102\n#EXT-X-DISCONTINUITY-SEQUENCE:8\n");
    window_unref(w);
    lanes_free(&l);
}
END_TEST

/* One playlist of a stream may have no parts yet, and dates of the same content stand in all or in
 * none (6.2.4). */
START_TEST(dates_without_parts)
{
    struct lanes l = lanes_make();
    struct lanes_shape s = {.first = 100, .segments = 2, .program_ms = PROGRAM_MS};
    struct window *w = lanes_window(&l, &s);
    w->lanes[TRACK_VIDEO].part_target = 0;
    w->lanes[TRACK_AUDIO].part_target = 0;
    struct live_media m = media(w);
    has(&m, "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T12:00:00.123Z\n" SEGMENT("100"));
    window_unref(w);
    lanes_free(&l);
}
END_TEST

START_TEST(gaps_have_no_parts)
{
    struct lanes l = lanes_make();
    struct lanes_shape s = {.first = 100, .segments = 2, .gap = 100};
    struct window *w = lanes_window(&l, &s);
    struct live_media m = media(w);
    inits[0] = 0;
    has(&m, "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-GAP\n" SEGMENT("100") MAP PARTS("101"));
    window_unref(w);
    lanes_free(&l);
}
END_TEST

/* One frame of 29.97 fps more than a third of a second: no part may be said to be longer than the
 * target, and the hold-back is three of what is written, and what the lane's parts lag. */
START_TEST(targets_are_rounded_up)
{
    static const struct {
        int64_t ticks;
        const char *target, *hold, *part;
        int64_t lag;
    } cases[] = {
        {30030, ":PART-TARGET=0.33367\n", "PART-HOLD-BACK=1.00101,", ":DURATION=0.33367,", 0},
        {18018, ":PART-TARGET=0.20020\n", "PART-HOLD-BACK=0.60060,", ":DURATION=0.20020,", 0},
        {90000, ":PART-TARGET=1.00000\n", "PART-HOLD-BACK=3.00000,", ":DURATION=1.00000,", 0},
        {30001, ":PART-TARGET=0.33335\n", "PART-HOLD-BACK=1.00005,", ":DURATION=0.33334,", 0},
        {1, ":PART-TARGET=0.00002\n", "PART-HOLD-BACK=0.00006,", ":DURATION=0.00001,", 0},
        {18000, ":PART-TARGET=0.20000\n", "PART-HOLD-BACK=1.40000,", ":DURATION=0.20000,", 72000},
    };
    struct lanes l = lanes_make();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lanes_shape s = {.first = 100, .segments = 1};
        struct window *w = lanes_window(&l, &s);
        struct part_info info = {
            .msn = 101, .duration = cases[i].ticks, .independent = true, .has_independent = true};
        struct part *p = part_create(&info, l.video.track, l.video.packets.items, 1);
        struct window *v = window_create(w->segments, 1, 1);
        v->target_duration_s = 2;
        v->open = true;
        v->open_info = (struct segment_info){.msn = 101};
        window_set_parts(v, TRACK_VIDEO, cases[i].ticks, &p, 1, NULL);
        v->lanes[TRACK_VIDEO].part_lag = cases[i].lag;
        struct live_media m = media(v);
        has(&m, cases[i].target);
        has(&m, cases[i].hold);
        has(&m, cases[i].part);
        part_unref(p);
        window_unref(v);
        window_unref(w);
    }
    lanes_free(&l);
}
END_TEST

START_TEST(independent_only_when_true)
{
    struct lanes l = lanes_make();
    struct lanes_shape s = {.first = 100, .segments = 1, .open = true};
    struct window *whole = lanes_window(&l, &s);
    struct part_info info = {.msn = 101, .duration = 45000};
    struct part *p = part_create(&info, l.video.track, l.video.packets.items, 1);
    struct window *w = window_create(whole->segments, 1, 1);
    w->target_duration_s = 2;
    window_set_parts(w, TRACK_VIDEO, 45000, &p, 1, NULL);
    struct live_media m = media(w);
    char *text = text_of(&m);
    ck_assert_ptr_null(strstr(text, "INDEPENDENT"));
    free(text);
    part_unref(p);
    window_unref(w);
    window_unref(whole);
    lanes_free(&l);
}
END_TEST

/* All or nothing, whatever fits. */
START_TEST(limits)
{
    struct lanes l = lanes_make();
    struct lanes_shape s = {.first = 100,
                            .segments = 9,
                            .open = true,
                            .open_parts = 2,
                            .discontinuity = 103,
                            .gap = 104,
                            .program_ms = PROGRAM_MS};
    struct window *w = lanes_window(&l, &s);
    struct live_media m = media(w);
    static const struct live_report report = {.name = "audio", .msn = 104};
    m.reports = &report;
    m.n_reports = 1;
    m.skip = true;
    size_t fits = 0;
    for (size_t max = 1; max < 3500; max += 3) {
        struct buf b;
        buf_init(&b, max);
        ck_assert_int_eq(buf_put_u8(&b, 'x'), ERR_OK);
        enum err e = playlist_live_media(&b, &m);
        ck_assert(e == ERR_OK || (e == ERR_LIMIT && b.len == 1));
        fits += e == ERR_OK;
        buf_fini(&b);
    }
    ck_assert_uint_gt(fits, 0);
    window_unref(w);
    lanes_free(&l);
}
END_TEST

START_TEST(a_viewers_query_on_every_address)
{
    static const char text[] = "#EXTM3U\n"
                               "#EXT-X-MEDIA:TYPE=AUDIO,URI=\"audio/live.m3u8\",NAME=\"x\"\n"
                               "#EXT-X-PART:DURATION=0.5,URI=\"1.0.m4s\",INDEPENDENT=YES\n"
                               "#EXTINF:2.000,\n1.m4s\n\n/stream/a/2.ts";
    struct buf b;
    buf_init(&b, 10000);
    ck_assert_int_eq(playlist_put_with_query(&b, span_cstr(text), "t=%22&u"), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    ck_assert_str_eq((char *)b.data,
                     "#EXTM3U\n"
                     "#EXT-X-MEDIA:TYPE=AUDIO,URI=\"audio/live.m3u8?t=%22&u\",NAME=\"x\"\n"
                     "#EXT-X-PART:DURATION=0.5,URI=\"1.0.m4s?t=%22&u\",INDEPENDENT=YES\n"
                     "#EXTINF:2.000,\n1.m4s?t=%22&u\n\n/stream/a/2.ts?t=%22&u");
    buf_fini(&b);
    for (size_t max = 1; max < sizeof text + 32; max++) {
        buf_init(&b, max);
        enum err e = playlist_put_with_query(&b, span_cstr(text), "t=%22&u");
        ck_assert(e == ERR_OK || (e == ERR_LIMIT && b.len == 0));
        buf_fini(&b);
    }
}
END_TEST

UNIT_MAIN("playlist_live_media", at_the_edge, between_segments_and_ended,
          parts_before_the_first_segment, what_stands_before_parts, a_delta_update, listed_for_fmp4,
          dates_without_parts, gaps_have_no_parts, targets_are_rounded_up,
          independent_only_when_true, limits, a_viewers_query_on_every_address)
