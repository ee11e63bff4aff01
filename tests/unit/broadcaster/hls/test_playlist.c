#include "broadcaster/hls/playlist.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define WINDOW_MAX 64

static struct segment *segment(struct segment_info info)
{
    struct packets none = {0};
    return segment_create(&info, NULL, &none, NULL);
}

/* Segments from msn on, each of these ticks. */
static struct window *window(uint64_t msn, size_t count, size_t listed, int64_t start,
                             int64_t duration)
{
    struct segment *list[WINDOW_MAX];
    for (size_t i = 0; i < count; i++) {
        list[i] = segment((struct segment_info){
            .msn = msn + i, .start = start + (int64_t)i * duration, .duration = duration});
    }
    struct window *w = window_create(list, count, listed);
    for (size_t i = 0; i < count; i++) {
        segment_unref(list[i]);
    }
    w->target_duration_s = 2;
    return w;
}

static void expect(const char *id, const char *rendition, const struct window *w, const char *want)
{
    struct buf b;
    buf_init(&b, 100000);
    ck_assert_int_eq(playlist_media(&b, id, rendition, w, false), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    ck_assert_str_eq((char *)b.data, want);
    buf_fini(&b);
}

START_TEST(media)
{
    struct window *w = window(119800, 4, 2, 0, 178200);
    expect("hello_world", "P144p30fps16x9", w,
           "#EXTM3U\n"
           "#EXT-X-VERSION:3\n"
           "#EXT-X-MEDIA-SEQUENCE:119802\n"
           "#EXT-X-TARGETDURATION:2\n"
           "#EXTINF:1.980,\n"
           "/stream/hello_world/P144p30fps16x9/119802.ts\n"
           "#EXTINF:1.980,\n"
           "/stream/hello_world/P144p30fps16x9/119803.ts\n");
    window_unref(w);
}
END_TEST

START_TEST(media_with_everything)
{
    struct segment *list[] = {
        segment((struct segment_info){.msn = 7, .start = -90000, .duration = 90000}),
        segment((struct segment_info){.msn = 8, .duration = 180045, .discontinuity = true}),
        segment((struct segment_info){
            .msn = 9, .start = 180000, .duration = 4500, .gap = true, .discontinuity = true}),
        segment((struct segment_info){.msn = 10, .duration = 900000, .gap = true}),
    };
    struct window *w = window_create(list, 4, 4);
    for (size_t i = 0; i < 4; i++) {
        segment_unref(list[i]);
    }
    w->target_duration_s = 10;
    w->show_discontinuity_sequence = true;
    w->discontinuity_sequence = 5;
    w->ended = true;
    expect("stra\xc3\x9f"
           "e b",
           "a/b", w,
           "#EXTM3U\n"
           "#EXT-X-VERSION:3\n"
           "#EXT-X-MEDIA-SEQUENCE:7\n"
           "#EXT-X-TARGETDURATION:10\n"
           "#EXT-X-DISCONTINUITY-SEQUENCE:5\n"
           "#EXTINF:1.000,\n"
           "/stream/stra%C3%9Fe%20b/a%2Fb/7.ts\n"
           "#EXT-X-DISCONTINUITY\n"
           "#EXTINF:2.001,\n"
           "/stream/stra%C3%9Fe%20b/a%2Fb/8.ts\n"
           "#EXT-X-DISCONTINUITY\n"
           "#EXT-X-GAP\n"
           "#EXTINF:0.050,\n"
           "/stream/stra%C3%9Fe%20b/a%2Fb/9.ts\n"
           "#EXT-X-GAP\n"
           "#EXTINF:10.000,\n"
           "/stream/stra%C3%9Fe%20b/a%2Fb/10.ts\n"
           "#EXT-X-ENDLIST\n");
    window_unref(w);
}
END_TEST

/* The sum of any window's EXTINF is right to a millisecond, wherever the clock stands. */
START_TEST(extinf_does_not_drift)
{
    srand(3);
    for (int round = 0; round < 300; round++) {
        int64_t start = (int64_t)rand() * 1000 - INT64_C(1000000000000) * (rand() % 2);
        int64_t duration = 1 + rand() % 400000;
        struct window *w = window(1, WINDOW_MAX, WINDOW_MAX, start, duration);
        struct buf b;
        buf_init(&b, 100000);
        ck_assert_int_eq(playlist_media(&b, "a", "b", w, false), ERR_OK);
        ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
        int64_t sum = 0;
        int64_t exact = duration * WINDOW_MAX / TICKS_PER_MS;
        for (char *p = (char *)b.data; (p = strstr(p, "#EXTINF:")) != NULL;) {
            int64_t s = strtoll(p + 8, &p, 10);
            ck_assert_int_eq(*p, '.');
            int64_t ms = s * 1000 + strtoll(p + 1, &p, 10);
            ck_assert_int_le(llabs(ms - duration / TICKS_PER_MS), 1);
            sum += ms;
        }
        ck_assert_int_le(llabs(sum - exact), 1);
        buf_fini(&b);
        window_unref(w);
    }
}
END_TEST

START_TEST(master)
{
    struct variant list[] = {
        {.name = "source", .width = 640, .height = 360, .bandwidth_bps = 4000000},
        {.name = "P144p30fps16x9", .width = 256, .height = 144, .bandwidth_bps = 400000},
        {.name = "sound", .width = 0, .height = 0, .bandwidth_bps = 64000}};
    struct buf b;
    buf_init(&b, 10000);
    ck_assert_int_eq(playlist_master(&b, "streamkey", list, 3), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    ck_assert_str_eq((char *)b.data,
                     "#EXTM3U\n"
                     "#EXT-X-VERSION:3\n"
                     "#EXT-X-STREAM-INF:PROGRAM-ID=0,BANDWIDTH=4000000,RESOLUTION=640x360\n"
                     "streamkey/source.m3u8\n"
                     "#EXT-X-STREAM-INF:PROGRAM-ID=0,BANDWIDTH=400000,RESOLUTION=256x144\n"
                     "streamkey/P144p30fps16x9.m3u8\n"
                     "#EXT-X-STREAM-INF:PROGRAM-ID=0,BANDWIDTH=64000\n"
                     "streamkey/sound.m3u8\n");
    buf_clear(&b);
    ck_assert_int_eq(playlist_put_master_path(&b, "a b"), ERR_OK);
    ck_assert(span_equal(buf_span(&b), span_cstr("/stream/a%20b.m3u8")));
    buf_fini(&b);
}
END_TEST

START_TEST(master_without_what_mpeg_ts_cannot_carry)
{
    struct variant list[] = {
        {.name = "source", .width = 640, .height = 360, .bandwidth_bps = 3, .ts = VARIANT_TS_SOUND},
        {.name = "a", .width = 64, .height = 36, .bandwidth_bps = 2},
        {.name = "b", .width = 32, .height = 18, .bandwidth_bps = 1, .ts = VARIANT_TS_NOTHING}};
    struct buf b;
    buf_init(&b, 10000);
    ck_assert_int_eq(playlist_master(&b, "x", list, 3), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    ck_assert_str_eq((char *)b.data, "#EXTM3U\n"
                                     "#EXT-X-VERSION:3\n"
                                     "#EXT-X-STREAM-INF:PROGRAM-ID=0,BANDWIDTH=2,RESOLUTION=64x36\n"
                                     "x/a.m3u8\n"
                                     "#EXT-X-STREAM-INF:PROGRAM-ID=0,BANDWIDTH=3\n"
                                     "x/source.m3u8\n");
    buf_clear(&b);
    ck_assert_int_eq(playlist_master(&b, "x", list + 2, 1), ERR_NOENT);
    ck_assert_uint_eq(b.len, 0);
    buf_fini(&b);
}
END_TEST

/* Every size of buffer up to enough, and every allocation: all or nothing. */
START_TEST(limits_and_memory)
{
    struct variant list[] = {
        {.name = "source", .width = 640, .height = 360, .bandwidth_bps = 4000000}};
    struct window *w = window(5, 3, 3, 0, 180000);
    w->ended = true;
    w->show_discontinuity_sequence = true;
    for (size_t max = 1; max < 250; max++) {
        struct buf b;
        buf_init(&b, max);
        ck_assert_int_eq(buf_put_u8(&b, 'x'), ERR_OK);
        enum err e = playlist_media(&b, "\xc3\x9f", "source", w, false);
        ck_assert(e == ERR_OK || (e == ERR_LIMIT && b.len == 1));
        b.len = 1;
        e = playlist_master(&b, "\xc3\x9f", list, 1);
        ck_assert(e == ERR_OK || (e == ERR_LIMIT && b.len == 1));
        ck_assert(max > 1 || e == ERR_LIMIT);
        buf_fini(&b);
    }
    for (size_t n = 1; n <= 2; n++) {
        struct buf b;
        buf_init(&b, 10000);
        mem_fail_nth(n);
        ck_assert_int_eq(playlist_media(&b, "a", "source", w, false), n == 1 ? ERR_NOMEM : ERR_OK);
        buf_fini(&b);
    }
    mem_fail_nth(0);
    window_unref(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("playlist");
    TCase *t = tcase_create("playlist");
    tcase_set_timeout(t, 20);
    tcase_add_test(t, media);
    tcase_add_test(t, media_with_everything);
    tcase_add_test(t, extinf_does_not_drift);
    tcase_add_test(t, master);
    tcase_add_test(t, master_without_what_mpeg_ts_cannot_carry);
    tcase_add_test(t, limits_and_memory);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
