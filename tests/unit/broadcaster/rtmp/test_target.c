#include "broadcaster/rtmp/target.h"

#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

static void check_target(const char *app, const char *name, const char *path, const char *query)
{
    struct target t;
    ck_assert_int_eq(target_init(&t, span_cstr(app), span_cstr(name)), ERR_OK);
    ck_assert_str_eq(t.path, path);
    ck_assert_str_eq(t.query, query);
    target_fini(&t);
}

START_TEST(joined)
{
    check_target("hello_world", "", "hello_world", "");
    check_target("", "hello_world", "hello_world", "");
    check_target("live", "movie", "live/movie", "");
    check_target("live/", "/movie", "live/movie", "");
    check_target("/live/eu", "movie/key", "live/eu/movie/key", "");
    check_target("live?a=1", "movie", "live/movie", "a=1");
    check_target("live", "movie?b=2", "live/movie", "b=2");
    check_target("live?a=1", "movie?b=2?c", "live/movie", "a=1&b=2?c");
    check_target("live?", "movie?", "live/movie", "");
    check_target("", "", "", "");
    check_target("live", "a%2Fb c", "live/a%2Fb c", ""); /* nothing is decoded */
    check_target("live", "movie/", "live/movie/", "");
}
END_TEST

START_TEST(bad_texts)
{
    struct target t = {.path = NULL};
    char long_text[TARGET_QUERY_MAX + 2];
    memset(long_text, 'a', sizeof long_text);
    ck_assert_int_eq(target_init(&t, span_of("a\0b", 3), span_cstr("")), ERR_PROTO);
    ck_assert_int_eq(target_init(&t, span_cstr(""), span_of("a?b\0", 4)), ERR_PROTO);
    ck_assert_int_eq(target_init(&t, span_of(long_text, TARGET_PATH_MAX), span_cstr("")),
                     ERR_LIMIT);
    ck_assert_int_eq(target_init(&t, span_of(long_text, 600), span_of(long_text, 600)), ERR_LIMIT);
    long_text[0] = '?';
    ck_assert_int_eq(target_init(&t, span_of(long_text, sizeof long_text), span_cstr("")),
                     ERR_LIMIT);
    ck_assert_ptr_null(t.path);
    ck_assert_int_eq(target_init(&t, span_of(long_text, TARGET_QUERY_MAX), span_cstr("")), ERR_OK);
    target_fini(&t);
}
END_TEST

START_TEST(no_memory)
{
    struct target t;
    for (size_t n = 1; n <= 2; n++) {
        mem_fail_nth(n);
        ck_assert_int_eq(target_init(&t, span_cstr("a?b"), span_cstr("c")), ERR_NOMEM);
        ck_assert(mem_has_failed());
    }
    mem_fail_nth(0);
    ck_assert_int_eq(target_init(&t, span_cstr("a?b"), span_cstr("c")), ERR_OK);
    target_fini(&t);
}
END_TEST

static void check_app(const char *url, const char *app)
{
    struct span s = target_app_of_url(span_cstr(url));
    ck_assert_uint_eq(s.len, strlen(app));
    ck_assert(s.len == 0 || memcmp(s.data, app, s.len) == 0);
}

START_TEST(app_of_url)
{
    check_app("rtmp://host:1935/live/x?y", "live/x?y");
    check_app("rtmp://[::1]:1935/live", "live");
    check_app("rtmp://host/", "");
    check_app("rtmp://host", "");
    check_app("live", "");
    check_app("", "");
}
END_TEST

static void check_connect(const char *app, const char *url, const char *expected)
{
    char *text = NULL;
    ck_assert_int_eq(target_app(span_cstr(app), span_cstr(url), 100, &text), ERR_OK);
    ck_assert_str_eq(text, expected);
    mem_free(text);
}

/* Fact 14 */
START_TEST(app_of_a_connect)
{
    check_connect("live", "rtmp://host/live", "live");
    check_connect("live/eu", "", "live/eu");
    check_connect("", "rtmp://host/live/eu?a=1", "live/eu?a=1");
    check_connect("", "'rtmp://host/live'", "live");
    check_connect("", "\"rtmp://host:1935/live?a=1\"", "live?a=1");
    check_connect("'live'", "", "live");
    check_connect(" live ", "", "live");
    check_connect("live", "rtmp://host/live?vhost=a.b&t=%2F", "live?vhost=a.b&t=%2F");
    check_connect("live?a=1", "rtmp://host/live?a=1", "live?a=1");
    check_connect("live?a=1", "rtmp://host/live?b=2", "live?a=1");
    check_connect("", "", "");
    check_connect("'", "rtmp://host", "'");
    char *text = NULL;
    ck_assert_int_eq(target_app(span_cstr("live"), span_cstr("rtmp://h/a?123"), 8, &text), ERR_OK);
    mem_free(text);
    text = NULL;
    ck_assert_int_eq(target_app(span_cstr("live"), span_cstr("rtmp://h/a?1234"), 8, &text),
                     ERR_LIMIT);
    ck_assert_int_eq(target_app(span_of("a\0b", 3), span_cstr(""), 8, &text), ERR_PROTO);
    mem_fail_nth(1);
    ck_assert_int_eq(target_app(span_cstr("live"), span_cstr(""), 8, &text), ERR_NOMEM);
    mem_fail_nth(0);
    ck_assert_ptr_null(text);
}
END_TEST

UNIT_MAIN("target", app_of_a_connect, joined, bad_texts, no_memory, app_of_url)
