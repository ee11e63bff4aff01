#include "broadcaster/ingest/publish_name.h"

#include <string.h>

#include "tests/support/unit.h"

static void check_name(const char *path, const char *id, const char *key)
{
    struct publish_name n;
    ck_assert_msg(publish_name_parse(path, &n) == ERR_OK, "%s", path);
    if (id != NULL) {
        ck_assert_str_eq(n.id, id);
    } else {
        ck_assert_msg(strlen(n.id) == 8, "%s gave %s", path, n.id);
        ck_assert_uint_eq(strspn(n.id, "0123456789abcdef"), 8);
    }
    ck_assert_str_eq(n.key, key != NULL ? key : "");
}

START_TEST(known_urls)
{
    check_name("/movie1", "movie1", NULL);
    check_name("/stream/movie1", "movie1", NULL);
    check_name("/live/movie1", "movie1", NULL);
    check_name("/movie/Secret/Stream/Key", "movie", "Secret/Stream/Key");
    check_name("", NULL, NULL);
    check_name("/", NULL, NULL);
    check_name("/stream", NULL, NULL);
    check_name("/stream/", NULL, NULL);
    check_name(".m3u8", NULL, NULL);
    check_name("/stream/stream/stream", "stream", "stream");
    check_name("/abc.m3u8", "abc", NULL);
    check_name("  /abc", "abc", NULL);
    check_name("abc//", "abc", "/");
}
END_TEST

START_TEST(as_the_session_gives_them)
{
    check_name("hello_world", "hello_world", NULL);
    check_name("live/movie/Secret/Key", "movie", "Secret/Key");
    check_name("stream/live/movie/k", "movie", "k");
    check_name("live", NULL, NULL);
    check_name("livestream/k", "livestream", "k");
}
END_TEST

START_TEST(only_the_last_extension_goes)
{
    check_name("movie.one/key.two", "movie.one", "key");
    check_name("movie.one.two", "movie.one", NULL);
    check_name("movie.one/key", "movie.one", "key");
}
END_TEST

START_TEST(a_key_keeps_its_text)
{
    check_name("alive/live/x", "alive", "live/x");
    check_name("m/stream/x y", "m", "stream/x y");
}
END_TEST

START_TEST(bad_ids)
{
    struct publish_name n = {.id = "untouched"};
    static const char *const bad[] = {"a b", "a%20b/k", "../etc", "a\"b", "..", "a\\b", "a?b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        enum err e = publish_name_parse(bad[i], &n);
        ck_assert_msg(e == ERR_PROTO, "%s: %d", bad[i], e);
        ck_assert_str_eq(n.id, "untouched");
    }
}
END_TEST

START_TEST(lengths)
{
    struct publish_name n;
    char path[ID_MAX + PUBLISH_KEY_MAX + 8];
    memset(path, 'a', sizeof path);
    path[ID_MAX] = '\0';
    ck_assert_int_eq(publish_name_parse(path, &n), ERR_OK);
    ck_assert_uint_eq(strlen(n.id), ID_MAX);
    path[ID_MAX] = 'a';
    path[ID_MAX + 1] = '\0';
    ck_assert_int_eq(publish_name_parse(path, &n), ERR_LIMIT);
    memset(path, 'a', sizeof path);
    path[2] = '/';
    path[3 + PUBLISH_KEY_MAX] = '\0';
    ck_assert_int_eq(publish_name_parse(path, &n), ERR_OK);
    ck_assert_uint_eq(strlen(n.key), PUBLISH_KEY_MAX);
    path[3 + PUBLISH_KEY_MAX] = 'a';
    path[4 + PUBLISH_KEY_MAX] = '\0';
    ck_assert_int_eq(publish_name_parse(path, &n), ERR_LIMIT);
}
END_TEST

START_TEST(random_names_differ)
{
    struct publish_name a, b;
    ck_assert_int_eq(publish_name_parse("", &a), ERR_OK);
    ck_assert_int_eq(publish_name_parse("", &b), ERR_OK);
    ck_assert_str_ne(a.id, b.id);
}
END_TEST

UNIT_MAIN("publish_name", known_urls, as_the_session_gives_them, only_the_last_extension_goes,
          a_key_keeps_its_text, bad_ids, lengths, random_names_differ)
