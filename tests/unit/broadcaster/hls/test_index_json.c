#include "broadcaster/hls/index_json.h"

#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

#define NOON 1795000000123 /* 2026-11-18T11:06:40.123Z */

static const struct variant picture = {.name = "source",
                                       .width = 1280,
                                       .height = 720,
                                       .bandwidth_bps = 123456,
                                       .fps_milli = 29970,
                                       .video = {"avc1.64001f", 100000, 90000},
                                       .audio = {"mp4a.40.2", 20000, 18000}};
static const struct variant unknown = {.name = "P144p30fps16x9", .video = {"", 5, 5}};
static const struct variant sound = {
    .name = "audio1", .ts = VARIANT_TS_NOTHING, .audio = {"opus", 64000, 64000}};

static struct index_stream stream(const char *id, const char *title, const struct variant *v,
                                  size_t n)
{
    struct index_stream s = {.id = id, .variants = v, .n_variants = n, .facts = {.since_ms = NOON}};
    strcpy(s.facts.title, title);
    return s;
}

static void expect(const struct index_stream *list, size_t n, int64_t now_ms, const char *want)
{
    struct buf b;
    buf_init(&b, 100000);
    ck_assert_int_eq(index_json(&b, list, n, now_ms), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    ck_assert_str_eq((char *)b.data, want);
    buf_fini(&b);
}

START_TEST(nothing)
{
    expect(NULL, 0, NOON, "{\"streams\":[]}\n");
}
END_TEST

START_TEST(all_that_is_told)
{
    struct variant list[] = {picture, unknown, sound};
    struct index_stream s = stream("a\xc3\xa9", "say \"hi\" \\ \xc3\xa9", list, 3);
    s.viewers = 3;
    expect(&s, 1, NOON + 12300,
           "{\"streams\":[{\"id\":\"a\xc3\xa9\",\"title\":\"say \\\"hi\\\" \\\\ \xc3\xa9\","
           "\"since\":\"2026-11-18T11:06:40.123Z\",\"duration_s\":12.300,\"state\":\"live\","
           "\"renditions\":[{\"name\":\"source\",\"width\":1280,\"height\":720,\"fps\":29.970,"
           "\"bandwidth\":123456,\"codecs\":\"avc1.64001f,mp4a.40.2\"},"
           "{\"name\":\"P144p30fps16x9\",\"width\":null,\"height\":null,\"fps\":null,"
           "\"bandwidth\":0,\"codecs\":null},"
           "{\"name\":\"audio1\",\"width\":null,\"height\":null,\"fps\":null,"
           "\"bandwidth\":64000,\"codecs\":\"opus\"},"
           "{\"name\":\"audio\",\"width\":null,\"height\":null,\"fps\":null,"
           "\"bandwidth\":20000,\"codecs\":\"mp4a.40.2\"}],"
           "\"viewers\":3,\"poster\":\"/stream/a%C3%A9/poster.jpg\","
           "\"url\":\"/stream/a%C3%A9.m3u8\",\"live_url\":\"/stream/a%C3%A9/live.m3u8\"}]}\n");
    /* The classic master has a rendition from its first segment on. */
    for (size_t k = 0; k < 3; k++) {
        list[k].parts_only = true;
    }
    struct buf b;
    buf_init(&b, 100000);
    ck_assert_int_eq(index_json(&b, &s, 1, NOON), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&b, 0), ERR_OK);
    ck_assert_ptr_nonnull(
        strstr((char *)b.data, "\"url\":null,\"live_url\":\"/stream/a%C3%A9/live.m3u8\""));
    buf_fini(&b);
}
END_TEST

START_TEST(what_has_ended_and_what_is_not_there)
{
    struct variant list = {
        .name = "source", .ts = VARIANT_TS_NOTHING, .audio = {"opus", 64000, 64000}};
    struct index_stream both[] = {stream("a", "", &list, 1), stream("index", "", &unknown, 1)};
    both[0].facts.state = BOARD_ENDED;
    both[0].facts.until_ms = NOON + 1001;
    both[1].facts.state = BOARD_WAITING;
    both[1].facts.until_ms = NOON - 1; /* the clock was set back */
    expect(both, 2, NOON + 50000,
           "{\"streams\":[{\"id\":\"a\",\"title\":null,\"since\":\"2026-11-18T11:06:40.123Z\","
           "\"duration_s\":1.001,\"state\":\"ended\",\"renditions\":["
           "{\"name\":\"source\",\"width\":null,\"height\":null,\"fps\":null,\"bandwidth\":0,"
           "\"codecs\":\"opus\"},"
           "{\"name\":\"audio\",\"width\":null,\"height\":null,\"fps\":null,\"bandwidth\":64000,"
           "\"codecs\":\"opus\"}],\"viewers\":0,\"poster\":null,\"url\":null,"
           "\"live_url\":\"/stream/a/live.m3u8\"},"
           "{\"id\":\"index\",\"title\":null,\"since\":\"2026-11-18T11:06:40.123Z\","
           "\"duration_s\":0.000,\"state\":\"waiting\",\"renditions\":["
           "{\"name\":\"P144p30fps16x9\",\"width\":null,\"height\":null,\"fps\":null,"
           "\"bandwidth\":0,\"codecs\":null}],\"viewers\":0,"
           "\"poster\":\"/stream/index/poster.jpg\",\"url\":null,"
           "\"live_url\":\"/stream/index/live.m3u8\"}]}\n");
}
END_TEST

/* With any room the text is whole, and holds as many streams as go in. */
START_TEST(limits)
{
    struct index_stream list[] = {stream("a", "", &picture, 1), stream("b", "", &picture, 1),
                                  stream("c", "", &picture, 1)};
    size_t most = 0;
    for (size_t max = 0; max < 1500; max++) {
        struct buf b;
        buf_init(&b, max);
        enum err e = index_json(&b, list, 3, NOON);
        ck_assert_int_eq(e, max < strlen("{\"streams\":[]}\n") ? ERR_LIMIT : ERR_OK);
        size_t streams = 0;
        for (size_t i = 0; i + 5 < b.len; i++) {
            streams += memcmp(b.data + i, "{\"id\":", 6) == 0;
        }
        ck_assert_uint_ge(streams, most);
        most = streams;
        if (e == ERR_OK) {
            ck_assert_mem_eq(b.data + b.len - 3, "]}\n", 3);
            ck_assert_uint_ne(b.data[b.len - 4], ',');
        } else {
            ck_assert_uint_eq(b.len, 0);
        }
        buf_fini(&b);
    }
    ck_assert_uint_eq(most, 3);
}
END_TEST

START_TEST(no_memory)
{
    struct index_stream s = stream("a", "t", &picture, 1);
    bool failed = true;
    for (size_t n = 1; failed; n++) {
        struct buf b;
        buf_init(&b, 100000);
        mem_fail_nth(n);
        enum err e = index_json(&b, &s, 1, NOON);
        failed = mem_has_failed();
        mem_fail_nth(0);
        ck_assert_int_eq(e, failed ? ERR_NOMEM : ERR_OK);
        ck_assert(!failed || b.len == 0);
        buf_fini(&b);
    }
}
END_TEST

UNIT_MAIN("index_json", nothing, all_that_is_told, what_has_ended_and_what_is_not_there, limits,
          no_memory)
