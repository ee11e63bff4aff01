#include "broadcaster/viewers/http_accept.h"

#include "tests/support/unit.h"

START_TEST(gzip_is_taken)
{
    const char *const yes[] = {"gzip",
                               "GZIP",
                               "x-gzip",
                               "deflate, gzip",
                               "gzip, deflate, br, zstd",
                               " ,, gzip ,",
                               "gzip;q=1.0",
                               "gzip ; q=0.001",
                               "gzip;Q=0.5, identity;q=0.5",
                               "identity;q=0, *",
                               "*",
                               "*;q=0.5",
                               "*;q=0, gzip",
                               "br;q=1, gzip;q=0.2",
                               "gzip;q=1."};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        ck_assert_msg(http_accepts_gzip(yes[i]), "%s", yes[i]);
    }
}
END_TEST

START_TEST(gzip_is_not_taken)
{
    const char *const no[] = {NULL,
                              "",
                              "identity",
                              "deflate, br",
                              "gzip;q=0",
                              "gzip;q=0.000",
                              "gzip;q=0, *",
                              "*;q=0",
                              "gzip;q=0.3, identity;q=0.5",
                              "identity, *;q=0.9",
                              "gzip;q=2",
                              "gzip;q=1.001",
                              "gzip;q=0.5000",
                              "gzip;q=-1",
                              "gzip;q=",
                              "gzip;level=9",
                              "gzip;q=0,5",
                              "gzipx",
                              "gzi",
                              "g zip",
                              ";q=1"};
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        ck_assert_msg(!http_accepts_gzip(no[i]), "%s", no[i]);
    }
}
END_TEST

START_TEST(a_page_is_taken)
{
    const char *const yes[] = {"text/html",
                               "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                               "a/b, Text/HTML ;level=1; q=0.001", ",, text/html;"};
    const char *const no[] = {NULL,
                              "",
                              "*/*",
                              "text/*",
                              "text/html;q=0",
                              "text/html ; level=1 ; Q=0.000 , a/b",
                              "text/html;q=2",
                              "text/htmlx",
                              "xtext/html",
                              ";text/html"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        ck_assert_msg(http_accepts_html(yes[i]), "%s", yes[i]);
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        ck_assert_msg(!http_accepts_html(no[i]), "%s", no[i]);
    }
}
END_TEST

UNIT_MAIN("http_accept", gzip_is_taken, gzip_is_not_taken, a_page_is_taken)
