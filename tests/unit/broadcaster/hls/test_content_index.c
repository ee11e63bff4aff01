#include "broadcaster/hls/content_index.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

#define NOON      1795000000000
#define N_READERS 4
#define ROUNDS    2000

static void publish(struct board *b, const char *id, int64_t since_ms)
{
    struct variant v = {.name = "source", .width = 2, .height = 2, .video = {"avc1", 5, 5}};
    struct board_facts f = {.since_ms = since_ms};
    struct window *w = window_create(NULL, 0, 0);
    board_set_facts(b, id, &f);
    board_publish(b, id, &v, w);
    window_unref(w);
}

static void drop(struct index_text *t)
{
    blob_unref(t->plain);
    blob_unref(t->gzip);
}

/* The text, borrowed by way of a static copy. */
static const char *text(struct content_index *ci, enum index_form form, int64_t now_ms)
{
    static char copy[8192];
    struct index_text got = {0};
    ck_assert_int_eq(content_index_get(ci, form, now_ms, NOON + now_ms, &got), ERR_OK);
    snprintf(copy, sizeof copy, "%.*s", (int)blob_span(got.plain).len, blob_span(got.plain).data);
    drop(&got);
    return copy;
}

START_TEST(newest_first)
{
    struct board *b = board_create();
    publish(b, "old", NOON - 5000);
    publish(b, "new", NOON);
    publish(b, "middle", NOON - 1000);
    publish(b, "also", NOON - 1000);
    struct content_index *ci = content_index_create(b);
    const char *t = text(ci, INDEX_JSON, 0);
    const char *at = t;
    static const char *const order[] = {"\"new\"", "\"also\"", "\"middle\"", "\"old\""};
    for (size_t i = 0; i < 4; i++) {
        at = strstr(at, order[i]);
        ck_assert_msg(at != NULL, "%s in %s", order[i], t);
    }
    ck_assert_ptr_nonnull(strstr(text(ci, INDEX_PLAYLIST, 0), "\nmiddle/source.m3u8\n"));
    content_index_destroy(ci);
    content_index_destroy(NULL);
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

START_TEST(made_once_a_second)
{
    struct board *b = board_create();
    struct index_text first = {0};
    struct index_text again = {0};
    struct content_index *ci = content_index_create(b);
    ck_assert_int_eq(content_index_get(ci, INDEX_PLAYLIST, 5000, NOON, &first), ERR_NOENT);
    ck_assert_int_eq(content_index_get(ci, INDEX_JSON, 5000, NOON, &first), ERR_OK);
    publish(b, "a", NOON);
    ck_assert_int_eq(content_index_get(ci, INDEX_JSON, 5999, NOON + 999, &again), ERR_OK);
    ck_assert_ptr_eq(again.plain, first.plain);
    drop(&again);
    ck_assert_int_eq(content_index_get(ci, INDEX_JSON, 6000, NOON + 1000, &again), ERR_OK);
    ck_assert_ptr_ne(again.plain, first.plain);
    ck_assert_uint_ne(again.tag, first.tag);
    drop(&first);
    drop(&again);
    ck_assert_ptr_nonnull(strstr(text(ci, INDEX_JSON, 6000), "\"a\""));
    content_index_destroy(ci);
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

static void expect_viewers(struct content_index *ci, int64_t now_ms, const char *id, int viewers)
{
    char want[64];
    const char *t = strstr(text(ci, INDEX_JSON, now_ms), id);
    snprintf(want, sizeof want, "\"viewers\":%d,", viewers);
    const char *at = strstr(t, "\"viewers\"");
    ck_assert_msg(strncmp(at, want, strlen(want)) == 0, "%s is not %s", at, want);
}

START_TEST(viewers)
{
    struct board *b = board_create();
    publish(b, "a", NOON);
    publish(b, "b", NOON - 1);
    struct content_index *ci = content_index_create(b);
    content_index_saw(ci, "a", span_cstr("1"), span_cstr("vlc"), 100);
    content_index_saw(ci, "a", span_cstr("1"), span_cstr("vlc"), 200);
    content_index_saw(ci, "a", span_cstr("1"), span_cstr("hls.js"), 200);
    content_index_saw(ci, "a", span_cstr("1v"), span_cstr("lc"), 200);
    content_index_saw(ci, "b", span_cstr("1"), span_cstr("vlc"), 200);
    expect_viewers(ci, 1000, "\"a\"", 3);
    expect_viewers(ci, 1000, "\"b\"", 1);
    expect_viewers(ci, 30000, "\"a\"", 0);
    content_index_destroy(ci);
    board_destroy(b);
}
END_TEST

START_TEST(no_memory)
{
    struct board *b = board_create();
    publish(b, "a", NOON);
    bool failed = true;
    for (size_t n = 1; failed; n++) {
        struct content_index *ci = content_index_create(b);
        struct index_text got = {0};
        mem_fail_nth(n);
        enum err e = content_index_get(ci, INDEX_JSON, 0, NOON, &got);
        failed = mem_has_failed();
        mem_fail_nth(0);
        ck_assert(e == ERR_OK || (failed && e == ERR_NOMEM));
        drop(&got);
        ck_assert_ptr_nonnull(strstr(text(ci, INDEX_JSON, 1000), "\"a\"")); /* it comes back */
        content_index_destroy(ci);
    }
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

static void *read_on(void *arg)
{
    struct content_index *ci = arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct index_text got = {0};
        enum index_form form = i % 2 == 0 ? INDEX_JSON : INDEX_PLAYLIST;
        content_index_saw(ci, "a", span_cstr("1"), span_cstr("x"), i);
        if (content_index_get(ci, form, (int64_t)i * 400, NOON, &got) == ERR_OK) {
            ck_assert_uint_gt(blob_span(got.plain).len, 0);
            drop(&got);
        }
    }
    return NULL;
}

START_TEST(many_threads)
{
    struct board *b = board_create();
    publish(b, "a", NOON);
    struct content_index *ci = content_index_create(b);
    pthread_t threads[N_READERS];
    for (int i = 0; i < N_READERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_on, ci), 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        publish(b, i % 2 == 0 ? "a" : "b", NOON + i);
        board_remove(b, "b");
    }
    for (int i = 0; i < N_READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    content_index_destroy(ci);
    board_destroy(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

UNIT_MAIN("content_index", newest_first, made_once_a_second, viewers, no_memory, many_threads)
