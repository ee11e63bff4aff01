#include "broadcaster/hls/playlist_index.h"

#include <string.h>

#include "tests/support/unit.h"

static const struct variant video = {
    .name = "source", .width = 1280, .height = 720, .bandwidth_bps = 123456};
static const struct variant sound_left = {
    .name = "hevc track", .width = 1280, .height = 720, .bandwidth_bps = 7, .ts = VARIANT_TS_SOUND};
static const struct variant nothing = {.name = "audio1", .ts = VARIANT_TS_NOTHING};

static void expect(const struct index_stream *list, size_t n, const char *want)
{
    struct buf b;
    buf_init(&b, 100000);
    ck_assert_int_eq(playlist_index(&b, list, n), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    ck_assert_str_eq((char *)b.data, want);
    buf_fini(&b);
}

START_TEST(all_variants)
{
    struct variant both[] = {sound_left, nothing, video};
    struct index_stream list[] = {
        {.id = "a\xc3\xa9", .variants = both, .n_variants = 3},
        {.id = "gone", .facts.state = BOARD_ENDED, .variants = &video, .n_variants = 1},
        {.id = "b", .facts.state = BOARD_WAITING, .variants = &video, .n_variants = 1},
    };
    expect(list, 3,
           "#EXTM3U\n"
           "#EXT-X-VERSION:3\n"
           "#EXT-X-STREAM-INF:PROGRAM-ID=1,BANDWIDTH=123456,RESOLUTION=1280x720,"
           "NAME=\"a\xc3\xa9 source\"\n"
           "a%C3%A9/source.m3u8\n"
           "#EXT-X-STREAM-INF:PROGRAM-ID=1,BANDWIDTH=7,NAME=\"a\xc3\xa9 hevc track\"\n"
           "a%C3%A9/hevc%20track.m3u8\n"
           "#EXT-X-STREAM-INF:PROGRAM-ID=3,BANDWIDTH=123456,RESOLUTION=1280x720,"
           "NAME=\"b source\"\n"
           "b/source.m3u8\n");
}
END_TEST

START_TEST(nothing_to_play)
{
    struct buf b;
    buf_init(&b, 1000);
    struct index_stream list[] = {
        {.id = "gone", .facts.state = BOARD_ENDED, .variants = &video, .n_variants = 1},
        {.id = "b", .variants = &nothing, .n_variants = 1},
    };
    ck_assert_int_eq(playlist_index(&b, NULL, 0), ERR_NOENT);
    ck_assert_int_eq(playlist_index(&b, list, 2), ERR_NOENT);
    ck_assert_uint_eq(b.len, 0);
    buf_fini(&b);
}
END_TEST

START_TEST(what_finds_no_room_is_left_out_whole)
{
    struct variant two[] = {video, sound_left};
    struct index_stream list[] = {
        {.id = "a", .variants = two, .n_variants = 2},
        {.id = "b", .variants = two, .n_variants = 2},
    };
    for (size_t max = 0; max < 500; max++) {
        struct buf b;
        buf_init(&b, max);
        enum err e = playlist_index(&b, list, 2);
        size_t lines = 0;
        for (size_t i = 0; i < b.len; i++) {
            lines += b.data[i] == '\n';
        }
        if (e == ERR_OK) {
            ck_assert(lines == 2 + 4 || lines == 2 + 8);
        } else {
            ck_assert_int_eq(e, ERR_LIMIT);
            ck_assert_uint_eq(b.len, 0);
            ck_assert_uint_lt(max, 250);
        }
        buf_fini(&b);
    }
}
END_TEST

UNIT_MAIN("playlist_index", all_variants, nothing_to_play, what_finds_no_room_is_left_out_whole)
