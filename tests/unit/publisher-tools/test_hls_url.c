#include "publisher-tools/hls_url.h"

#include <string.h>

#include "tests/support/unit.h"

struct reference {
    const char *base;
    const char *reference;
    const char *url;
};

START_TEST(references_resolve)
{
    static const struct reference cases[] = {
        {"http://h/a/b.m3u8", "c.ts", "http://h/a/c.ts"},
        {"http://h/a/b.m3u8", "/c.ts", "http://h/c.ts"},
        {"http://h/a/b.m3u8", "c/1.ts?x=1", "http://h/a/c/1.ts?x=1"},
        {"http://h/a/b.m3u8", "../c.ts", "http://h/c.ts"},
        {"http://h/a/b.m3u8", "../../../c.ts", "http://h/c.ts"},
        {"http://h/a/b.m3u8", "./c.ts", "http://h/a/c.ts"},
        {"http://h/a/b.m3u8", ".", "http://h/a/"},
        {"http://h/a/b.m3u8", "..", "http://h/"},
        {"http://h/a/b.m3u8", "/x/./y/../z", "http://h/x/z"},
        {"http://h/a/b.m3u8", "//g/c.ts", "http://g/c.ts"},
        {"https://h/a/b.m3u8", "//g/c.ts", "https://g/c.ts"},
        {"http://h/a/b.m3u8", "https://g/c.ts", "https://g/c.ts"},
        {"http://h/a/b.m3u8?t=/x/y", "c.ts", "http://h/a/c.ts"},
        {"http://h/a/b.m3u8", "?t=1", "http://h/a/b.m3u8?t=1"},
        {"http://h/a/b.m3u8?q", "", "http://h/a/b.m3u8"},
        {"http://h", "c.ts", "http://h/c.ts"},
        {"http://h", "", "http://h/"},
        {"http://h?q", "c.ts", "http://h/c.ts"},
        {"http://h:8935/", "c.ts", "http://h:8935/c.ts"},
        {"http://[::1]:8935/a/", "c.ts", "http://[::1]:8935/a/c.ts"},
        {"http://h/a/b", "c.ts?r=/../x", "http://h/a/c.ts?r=/../x"},
        {"http://h/a/b", "1:2.ts", "http://h/a/1:2.ts"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char url[HLS_URL_MAX];
        ck_assert_int_eq(hls_url_resolve(cases[i].base, span_cstr(cases[i].reference), url),
                         ERR_OK);
        ck_assert_str_eq(url, cases[i].url);
    }
}
END_TEST

START_TEST(other_schemes_and_overlong_ones_are_refused)
{
    static char text[2 * HLS_URL_MAX];
    char url[HLS_URL_MAX] = "untouched";
    const char *base = "http://h/a";
    ck_assert_int_eq(hls_url_resolve(base, span_cstr("file:///etc/passwd"), url), ERR_PROTO);
    ck_assert_int_eq(hls_url_resolve(base, span_cstr("data:x"), url), ERR_PROTO);
    ck_assert_int_eq(hls_url_resolve(base, span_cstr("http:"), url), ERR_PROTO);
    ck_assert_int_eq(hls_url_resolve(base, span_cstr("http:///x"), url), ERR_PROTO);
    ck_assert_int_eq(hls_url_resolve(base, span_cstr("///x"), url), ERR_PROTO);
    ck_assert_int_eq(hls_url_resolve("ftp://h/a", span_cstr("x"), url), ERR_PROTO);
    ck_assert_int_eq(hls_url_resolve("", span_cstr("x"), url), ERR_PROTO);
    memset(text, 'a', sizeof text);
    for (size_t len = HLS_URL_MAX - 20; len < HLS_URL_MAX + 20; len++) {
        enum err e = hls_url_resolve(base, span_of(text, len), url);
        bool fits = strlen("http://h/") + len < HLS_URL_MAX;
        ck_assert_int_eq(e, fits ? ERR_OK : ERR_LIMIT);
        ck_assert(!fits || strlen(url) == strlen("http://h/") + len);
    }
}
END_TEST

START_TEST(numbers_of_file_names)
{
    uint64_t n = 0;
    ck_assert(hls_url_number("http://h/a/119802.ts?x=5", &n));
    ck_assert_uint_eq(n, 119802);
    ck_assert(hls_url_number("http://h/7", &n));
    ck_assert_uint_eq(n, 7);
    ck_assert(hls_url_number("/18446744073709551615.m4s", &n));
    ck_assert_uint_eq(n, UINT64_MAX);
    const char *const none[] = {
        "/18446744073709551616.ts", "/a1.ts", "/1a.ts", "/.ts", "/1/", "", "/-1.ts", "/seg-1.ts"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        ck_assert_msg(!hls_url_number(none[i], &n), "%s", none[i]);
    }
}
END_TEST

UNIT_MAIN("hls_url", references_resolve, other_schemes_and_overlong_ones_are_refused,
          numbers_of_file_names)
