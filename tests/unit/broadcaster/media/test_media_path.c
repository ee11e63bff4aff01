#include "broadcaster/media/media_path.h"

#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

#define LONG_MAX_BYTES 6000

static void is(const char *target, enum media_what what, const char *path)
{
    struct media_ask a = media_path_parse(span_cstr(target));
    ck_assert_msg(a.what == what, "%s: %d", target, (int)a.what);
    ck_assert_str_eq(a.path, path);
    ck_assert((a.why != NULL) == (what == MEDIA_BAD || what == MEDIA_UNKNOWN));
}

START_TEST(files_and_the_other_addresses)
{
    is("/media/a.mp4", MEDIA_FILE, "a.mp4");
    is("/media/a/b%20c/%C3%BC%F0%9F%8E%AC.mp4?userId=x&a=/../b#c", MEDIA_FILE,
       "a/b c/\xC3\xBC\xF0\x9F\x8E\xAC.mp4");
    is("/media/\xE6\x98\xA0.mp3", MEDIA_FILE, "\xE6\x98\xA0.mp3");
    is("/media/a+b&c%26%25%3f%23.mp4", MEDIA_FILE, "a+b&c&%?#.mp4");
    is("http://example.org:80/media/a.b.c", MEDIA_FILE, "a.b.c");
    is("/media/...%61", MEDIA_UNKNOWN, "");
    is("/media/a..b", MEDIA_FILE, "a..b");
    is("/watch/x/y.mp4?t=1", MEDIA_PAGE, "x/y.mp4");
    is("/media.json", MEDIA_LIST, "");
    is("/video?x", MEDIA_VIDEO, "");
    is("/media", MEDIA_UNKNOWN, "");
    is("/watch", MEDIA_UNKNOWN, "");
    is("/", MEDIA_NONE, "");
    is("", MEDIA_NONE, "");
    is("/Media/a.mp4", MEDIA_NONE, "");
    is("/stream/media/a.mp4", MEDIA_NONE, "");
    is("/videos", MEDIA_NONE, "");
    is("*", MEDIA_NONE, "");
}
END_TEST

START_TEST(nothing_leads_out)
{
    static const char *const bad[] = {
        "/media/..",
        "/media/../a",
        "/media/a/../b",
        "/media/.",
        "/media/a/./b",
        "/media/%2e%2E/a",
        "/media/.%2e",
        "/media/%2e",
        "/media/a%2fb",
        "/media/..%2F..%2Fetc%2Fpasswd",
        "/media/%2Fetc/passwd",
        "/media/a%5Cb",
        "/media/a\\b",
        "/media/..\\b",
        "/media/a%00.mp4",
        "/media/%00",
        "/media/a%0a",
        "/media/a%7F",
        "/media/a\x01",
        "/media/a%",
        "/media/a%4",
        "/media/a%4g",
        "/media/%%41",
        "/media/%c0%ae%c0%ae/a", /* overlong dots */
        "/media/%c0%af",         /* an overlong slash */
        "/media/%e0%80%af",
        "/media/%f0%80%80%af",
        "/media/%ed%a0%80", /* half of a surrogate pair */
        "/media/%f4%90%80%80",
        "/media/%ff",
        "/media/a%c3",
        "/media/\xFF/b",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        is(bad[i], MEDIA_BAD, "");
    }
    static const char *const none[] = {
        "/media/",      "/media//a",      "/media/a//b",   "/media/a/",
        "/media/.a",    "/media/a/.git",  "/media/%2ea",   "/media/...",
        "/media//etc/", "/media/.ssh/id", "/media/..a/b/", "/watch//",
    };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        is(none[i], MEDIA_UNKNOWN, "");
    }
}
END_TEST

/* Decoded bytes of one name, or of several with slashes between them. */
static enum media_what long_path(size_t names, size_t bytes, const char *form)
{
    char text[LONG_MAX_BYTES] = "/media";
    for (size_t i = 0; i < names; i++) {
        strcat(text, "/");
        for (size_t n = 0; n < bytes; n++) {
            strcat(text, form);
        }
    }
    struct media_ask a = media_path_parse(span_cstr(text));
    ck_assert_uint_eq(strlen(a.path), a.what == MEDIA_FILE ? names * (bytes + 1) - 1 : 0);
    return a.what;
}

START_TEST(limits)
{
    ck_assert_int_eq(long_path(1, MEDIA_NAME_MAX, "a"), MEDIA_FILE);
    ck_assert_int_eq(long_path(1, MEDIA_NAME_MAX, "%61"), MEDIA_FILE);
    ck_assert_int_eq(long_path(1, MEDIA_NAME_MAX + 1, "a"), MEDIA_BAD);
    ck_assert_int_eq(long_path(4, 255, "a"), MEDIA_FILE); /* 1023 */
    ck_assert_int_eq(long_path(4, 255, "%61"), MEDIA_FILE);
    ck_assert_int_eq(long_path(5, 204, "a"), MEDIA_FILE); /* 1024 */
    ck_assert_int_eq(long_path(5, 205, "a"), MEDIA_BAD);
    ck_assert_int_eq(long_path(512, 1, "a"), MEDIA_FILE);
    ck_assert_int_eq(long_path(513, 1, "a"), MEDIA_BAD);
    ck_assert_int_eq(long_path(1, 5000, "a"), MEDIA_BAD);
    char text[LONG_MAX_BYTES];
    memset(text, 'x', sizeof text);
    memcpy(text, "/media/a?", 9);
    ck_assert_int_eq(media_path_parse(span_of((uint8_t *)text, MEDIA_TARGET_MAX)).what, MEDIA_FILE);
    ck_assert_int_eq(media_path_parse(span_of((uint8_t *)text, MEDIA_TARGET_MAX + 1)).what,
                     MEDIA_BAD);
}
END_TEST

START_TEST(addresses_lead_back)
{
    char path[3 * 256] = "";
    size_t at = 0;
    for (int c = 0x20; c < 0x7f; c++) {
        if (c != '\\' && c != '/') {
            path[at++] = (char)c;
        }
        if (c == 'A') {
            path[at++] = '/';
        }
    }
    strcpy(path + at, "/\xC3\xBC/\xE6\x98\xA0\xF0\x9F\x8E\xAC");
    struct buf out;
    buf_init(&out, LONG_MAX_BYTES);
    ck_assert_int_eq(media_path_put_url(&out, MEDIA_FILES_URL, path), ERR_OK);
    for (size_t i = 0; i < out.len; i++) {
        ck_assert(out.data[i] > 0x20 && out.data[i] < 0x7f && out.data[i] != '?' &&
                  out.data[i] != '#' && out.data[i] != '"' && out.data[i] != '\'');
    }
    struct media_ask a = media_path_parse(buf_span(&out));
    ck_assert_int_eq(a.what, MEDIA_FILE);
    ck_assert_str_eq(a.path, path);
    buf_fini(&out);
    buf_init(&out, 10);
    ck_assert_int_eq(media_path_put_url(&out, MEDIA_FILES_URL, path), ERR_LIMIT);
    buf_fini(&out);
}
END_TEST

START_TEST(names)
{
    ck_assert(media_path_is_name("a b.mp4"));
    ck_assert(media_path_is_name("\xC3\xBC"));
    ck_assert(!media_path_is_name(""));
    ck_assert(!media_path_is_name("."));
    ck_assert(!media_path_is_name(".a"));
    ck_assert(!media_path_is_name("a\\b"));
    ck_assert(!media_path_is_name("a\nb"));
    ck_assert(!media_path_is_name("\xFF"));
}
END_TEST

UNIT_MAIN("media_path", files_and_the_other_addresses, nothing_leads_out, limits,
          addresses_lead_back, names)
