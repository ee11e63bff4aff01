#include "broadcaster/media/media_list.h"

#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

#define TEXT_MAX 100000

static const struct media_stat some = {1, 2, 1000, 1700000000123000000};

static void add(struct media_entries *list, const char *path)
{
    ck_assert_int_eq(media_entries_add(list, mem_strdup(path), &some, 5), ERR_OK);
}

static struct media_entries list_of(const char *const *paths, size_t n)
{
    static const struct media_entries none;
    struct media_entries list = {.folders = 1};
    for (size_t i = 0; i < n; i++) {
        add(&list, paths[i]);
    }
    media_entries_settle(&list, &none);
    return list;
}

#define LIST(...)                                                                                  \
    list_of((const char *const[]){__VA_ARGS__},                                                    \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void expect(const struct media_entries *list, const char *names)
{
    char text[1000] = "";
    for (size_t i = 0; i < list->count; i++) {
        strcat(text, list->items[i].path);
        strcat(text, " ");
    }
    ck_assert_str_eq(text, names);
}

START_TEST(sorted_and_without_pieces)
{
    struct media_entries list =
        LIST("z.mp4", "a.ts", "hls/1.ts", "hls/i.m3u8", "hls/2.ts", "hls/more/3.ts", "hls/film.mp4",
             "hls.mp3", "b/x.mpd", "b/init.m4s", "a/2.ts", "B.aac");
    expect(&list, "B.aac a.ts a/2.ts b/x.mpd hls.mp3 hls/film.mp4 hls/i.m3u8 hls/more/3.ts z.mp4 ");
    ck_assert_ptr_nonnull(media_entries_find(&list, "hls/i.m3u8"));
    ck_assert_int_eq(media_entries_find(&list, "hls/i.m3u8")->state, MEDIA_BLIND);
    ck_assert_ptr_null(media_entries_find(&list, "hls/1.ts"));
    media_entries_fini(&list);
    ck_assert_ptr_null(media_entries_find(&list, "a"));
}
END_TEST

START_TEST(what_is_known_stays)
{
    struct media_entries old = LIST("a.mp4", "b.mp4", "c.mp4");
    old.items[0].state = MEDIA_READ;
    old.items[0].facts.duration_ms = 7;
    old.items[0].changed_ms = 1;
    old.items[1].state = MEDIA_READ;
    old.items[2].state = MEDIA_UNREADABLE;
    old.items[2].again = true;
    struct media_entries now = {.folders = 1};
    struct media_stat grown = some;
    grown.size++;
    add(&now, "c.mp4");
    add(&now, "a.mp4");
    ck_assert_int_eq(media_entries_add(&now, mem_strdup("b.mp4"), &grown, 9), ERR_OK);
    ck_assert(!media_entries_equal(&old, &now));
    media_entries_settle(&now, &old);
    ck_assert_int_eq(now.items[0].state, MEDIA_READ);
    ck_assert_int_eq(now.items[0].facts.duration_ms, 7);
    ck_assert_int_eq(now.items[0].changed_ms, 1);
    ck_assert_int_eq(now.items[1].state, MEDIA_NEW);
    ck_assert_int_eq(now.items[1].changed_ms, 9);
    ck_assert_int_eq(now.items[2].state, MEDIA_NEW); /* the reason may have passed */
    ck_assert(media_entries_equal(&now, &now));
    ck_assert_ptr_eq(media_entries_first_video(&now), &now.items[0]);
    now.items[0].state = MEDIA_UNREADABLE;
    ck_assert_ptr_null(media_entries_first_video(&now));
    media_entries_fini(&old);
    media_entries_fini(&now);
}
END_TEST

static void json_is(const struct media_entries *list, size_t max, const char *wanted)
{
    struct buf out;
    buf_init(&out, max);
    ck_assert_int_eq(media_json(&out, list), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&out, 0), ERR_OK);
    ck_assert_str_eq((const char *)out.data, wanted);
    buf_fini(&out);
}

START_TEST(json)
{
    struct media_entries none = {.truncated = true};
    json_is(&none, TEXT_MAX, "{\"complete\":false,\"media\":[]}\n");
    struct media_entries list = LIST("x/\xC3\xBC \"1\".mp4", "y.mp3");
    struct media_entry *m = &list.items[0];
    m->state = MEDIA_READ;
    m->facts = (struct media_facts){61005, 90000, 640, 360, 29970, "h264", "aac", "A \"t\""};
#define FIRST                                                                                      \
    "{\"complete\":true,\"media\":[{\"name\":\"x/\xC3\xBC \\\"1\\\".mp4\",\"title\":\"A "          \
    "\\\"t\\\"\",\"url\":\"/media/x/%C3%BC%20%221%22.mp4\",\"type\":\"video/mp4\","                \
    "\"state\":\"ready\",\"size\":1000,\"modified\":\"2023-11-14T22:13:20.123Z\","                 \
    "\"duration_s\":61.005,\"bandwidth\":90000,\"video_codec\":\"h264\",\"audio_codec\":\"aac\","  \
    "\"width\":640,\"height\":360,\"fps\":29.970}"
#define SECOND                                                                                     \
    ",{\"name\":\"y.mp3\",\"title\":null,\"url\":\"/media/y.mp3\",\"type\":\"audio/mpeg\","        \
    "\"state\":\"new\",\"size\":1000,\"modified\":\"2023-11-14T22:13:20.123Z\","                   \
    "\"duration_s\":null,\"bandwidth\":null,\"video_codec\":null,\"audio_codec\":null,"            \
    "\"width\":null,\"height\":null,\"fps\":null}"
    json_is(&list, TEXT_MAX, FIRST SECOND "]}\n");
    json_is(&list, strlen(FIRST SECOND "]}\n") - 1, FIRST "]}\n");
    struct buf out;
    for (size_t nth = 1; nth < 3; nth++) {
        buf_init(&out, TEXT_MAX);
        mem_fail_nth(nth);
        enum err e = media_json(&out, &list);
        ck_assert_int_eq(e, mem_has_failed() ? ERR_NOMEM : ERR_OK);
        ck_assert(e == ERR_OK || out.len == 0);
        buf_fini(&out);
    }
    mem_fail_nth(0);
    media_entries_fini(&list);
}
END_TEST

START_TEST(without_memory)
{
    struct media_entries list = {.count = 0};
    char *path = mem_strdup("a.mp4");
    mem_fail_nth(1);
    ck_assert_int_eq(media_entries_add(&list, path, &some, 0), ERR_NOMEM);
    ck_assert_int_eq(media_entries_add(&list, path, &some, 0), ERR_OK);
    ck_assert_uint_eq(list.count, 1);
    media_entries_fini(&list);
}
END_TEST

UNIT_MAIN("media_list", sorted_and_without_pieces, what_is_known_stays, json, without_memory)
