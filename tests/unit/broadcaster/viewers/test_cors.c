#include "broadcaster/viewers/cors.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

static struct cors *made(const char *text)
{
    struct cors *c = NULL;
    char why[CORS_WHY_MAX] = "";
    ck_assert_msg(cors_create(text, &c, why) == ERR_OK, "%s: %s", text, why);
    return c;
}

START_TEST(any)
{
    struct cors *c = made("*");
    ck_assert(cors_is_any(c));
    ck_assert(!cors_lists(c, "https://a.example"));
    cors_destroy(c);
}
END_TEST

START_TEST(listed)
{
    struct cors *c = made(" https://a.example ,http://B.example:8080,https://c.example:443,"
                          "http://[2001:db8::1]:81, http://d.example:80,capacitor://localhost,"
                          "https://e.example:80");
    ck_assert(!cors_is_any(c));
    const char *const yes[] = {"https://a.example",   "http://b.example:8080",
                               "https://c.example",   "http://[2001:db8::1]:81",
                               "http://d.example",    "capacitor://localhost",
                               "https://e.example:80"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        ck_assert_msg(cors_lists(c, yes[i]), "%s", yes[i]);
    }
    const char *const no[] = {NULL,
                              "",
                              "null",
                              "*",
                              "http://a.example",
                              "https://a.example:444",
                              "https://a.example.org",
                              "https://x.a.example",
                              "http://b.example",
                              "https://a.example/",
                              "https://a.exampl"};
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        ck_assert_msg(!cors_lists(c, no[i]), "%s", no[i]);
    }
    cors_destroy(c);
}
END_TEST

START_TEST(refused_with_the_part)
{
    static const struct {
        const char *text, *part, *reason;
    } bad[] = {
        {"", "\"\"", "empty"},
        {"https://a.example,", "\"\"", "empty"},
        {"*,https://a.example", "\"*\"", "alone"},
        {"https://a.example,*", "\"*\"", "alone"},
        {"a.example", "\"a.example\"", "scheme"},
        {"null", "\"null\"", "scheme"},
        {"://a.example", "\"://a.example\"", "scheme"},
        {"https://a.example/", "\"https://a.example/\"", "no slash"},
        {"https://a.example?x", "\"https://a.example?x\"", "no slash"},
        {"https://*.example", "\"https://*.example\"", "wildcards"},
        {"https://a.example:*", "\"https://a.example:*\"", "wildcards"},
        {"https://", "\"https://\"", "host"},
        {"https://a b", "\"https://a b\"", "host"},
        {"https://b\xc3\xbc"
         "cher.example",
         "cher.example", "xn--"},
        {"https://[::1", "\"https://[::1\"", "host"},
        {"https://u:p@a.example", "p@a", "port"},
        {"https://a.example:", "a.example:", "port"},
        {"https://a.example:0", "a.example:0", "port"},
        {"https://a.example:65536", "65536", "port"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct cors *c = NULL;
        char why[CORS_WHY_MAX] = "";
        ck_assert_msg(cors_create(bad[i].text, &c, why) == ERR_PROTO, "%s", bad[i].text);
        ck_assert_msg(strstr(why, bad[i].part) != NULL && strstr(why, bad[i].reason) != NULL,
                      "%s: %s", bad[i].text, why);
        ck_assert_ptr_null(c);
    }
}
END_TEST

START_TEST(limits)
{
    char text[(CORS_ORIGINS_MAX + 1) * 16] = "";
    char why[CORS_WHY_MAX];
    struct cors *c = NULL;
    for (int i = 0; i < CORS_ORIGINS_MAX; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%shttps://h%d", i ? "," : "", i);
    }
    c = made(text);
    ck_assert(cors_lists(c, "https://h0"));
    ck_assert(cors_lists(c, "https://h63"));
    cors_destroy(c);
    strcat(text, ",https://x");
    ck_assert_int_eq(cors_create(text, &c, why), ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(why, "64"));
    char long_text[CORS_ORIGIN_MAX + 1];
    memset(long_text, 'a', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    memcpy(long_text, "https://", 8);
    ck_assert_int_eq(cors_create(long_text, &c, why), ERR_LIMIT);
    long_text[CORS_ORIGIN_MAX - 1] = '\0';
    cors_destroy(made(long_text));
}
END_TEST

UNIT_MAIN("cors", any, listed, refused_with_the_part, limits)
