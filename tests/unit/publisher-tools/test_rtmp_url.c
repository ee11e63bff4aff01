#include "publisher-tools/rtmp_url.h"

#include <string.h>

#include "tests/support/unit.h"

START_TEST(what_is_a_publish_url)
{
    const char *const good[] = {"rtmp://h/id", "rtmps://h:443/live/id/key",
                                "rtmp://[::1]:1935/x?y=1"};
    const char *const bad[] = {"",           "rtmp://",     "rtmp://h",    "rtmp://h/",
                               "rtmp:///id", "http://h/id", "RTMP://h/id", "h/id"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_int_eq(rtmp_url_check(good[i]), ERR_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(rtmp_url_check(bad[i]) == ERR_PROTO, "%s", bad[i]);
    }
    char text[RTMP_URL_MAX + 1];
    memset(text, 'a', sizeof text);
    memcpy(text, "rtmp://h/", 9);
    text[RTMP_URL_MAX] = '\0';
    ck_assert_int_eq(rtmp_url_check(text), ERR_LIMIT);
    text[RTMP_URL_MAX - 1] = '\0';
    ck_assert_int_eq(rtmp_url_check(text), ERR_OK);
    char out[RTMP_URL_MAX] = "untouched";
    ck_assert_int_eq(rtmp_url_copy(text, 1, 2, out), ERR_LIMIT);
    ck_assert_str_eq(out, "untouched");
}
END_TEST

START_TEST(copies_number_the_id)
{
    const struct {
        const char *url;
        const char *copy2;
    } cases[] = {
        {"rtmp://h/id", "rtmp://h/id-2"},
        {"rtmp://h/stream/id", "rtmp://h/stream/id-2"},
        {"rtmp://h/live/id/key", "rtmp://h/live/id-2/key"},
        {"rtmp://h/id/key?a=b", "rtmp://h/id-2/key?a=b"},
        {"rtmp://h/id?a=b/c", "rtmp://h/id-2?a=b/c"},
        {"rtmp://h/id.m3u8", "rtmp://h/id-2.m3u8"},
        {"rtmp://h/live/", "rtmp://h/live-2/"},
    };
    char out[RTMP_URL_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq(rtmp_url_copy(cases[i].url, 2, 3, out), ERR_OK);
        ck_assert_str_eq(out, cases[i].copy2);
        ck_assert_int_eq(rtmp_url_copy(cases[i].url, 1, 1, out), ERR_OK);
        ck_assert_str_eq(out, cases[i].url);
    }
}
END_TEST

START_TEST(keys_and_passwords_are_not_shown)
{
    const struct {
        const char *url;
        const char *shown;
    } cases[] = {
        {"rtmp://h:1935/id", "rtmp://h:1935/id"},
        {"rtmp://h/id/key", "rtmp://h/id/***"},
        {"rtmp://h/live/id/key/more", "rtmp://h/live/id/***"},
        {"rtmp://h/id?token=x", "rtmp://h/id?***"},
        {"rtmp://me:pw@h/id", "rtmp://***@h/id"},
        {"nonsense", "nonsense"},
    };
    char out[RTMP_URL_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rtmp_url_shown(cases[i].url, out);
        ck_assert_str_eq(out, cases[i].shown);
    }
}
END_TEST

UNIT_MAIN("rtmp_url", what_is_a_publish_url, copies_number_the_id, keys_and_passwords_are_not_shown)
