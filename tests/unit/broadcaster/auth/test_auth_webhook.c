#include "broadcaster/auth/auth_webhook.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

START_TEST(urls)
{
    static const struct {
        const char *tc_url, *path, *query, *want;
    } cases[] = {
        {"rtmp://host/", "manifest", "", "rtmp://host/manifest"},
        {"rtmp://host:1935/live", "live/movie/key", "a=b", "rtmp://host:1935/live/movie/key?a=b"},
        {"rtmps://[::1]:1936/live?x", "live/m", "x", "rtmps://[::1]:1936/live/m?x"},
        {"'rtmp://host/live'", "live/m", "", "rtmp://host/live/m"},
        {"", "m", "", "rtmp://localhost/m"},
        {"nonsense", "/m", "", "rtmp://localhost/m"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf b;
        buf_init(&b, AUTH_URL_MAX);
        ck_assert_int_eq(auth_url(cases[i].tc_url, cases[i].path, cases[i].query, &b), ERR_OK);
        ck_assert(span_equal(buf_span(&b), span_cstr(cases[i].want)));
        buf_fini(&b);
        for (size_t max = 0; max < strlen(cases[i].want); max++) {
            buf_init(&b, max);
            ck_assert_int_eq(auth_url(cases[i].tc_url, cases[i].path, cases[i].query, &b),
                             ERR_LIMIT);
            buf_fini(&b);
        }
    }
}
END_TEST

static const char *text_of(const struct json *j, const char *name)
{
    const char *text = json_string_of(json_member(j, name));
    return text != NULL ? text : "(none)";
}

START_TEST(what_is_said)
{
    struct auth_session s = {"publish", "2001:db8::1", "0011223344556677"};
    char why[JSON_READ_WHY_MAX];
    struct json *j = NULL;
    int64_t seconds = 0;
    char *text = auth_question(&s, "rtmp://h/a\"b\xff");
    ck_assert_int_eq(json_read(span_cstr(text), &j, why), ERR_OK);
    ck_assert_str_eq(text_of(j, "url"), "rtmp://h/a\"b?");
    ck_assert_str_eq(text_of(j, "event"), "start");
    ck_assert_str_eq(text_of(j, "kind"), "publish");
    ck_assert_str_eq(text_of(j, "ip"), "2001:db8::1");
    ck_assert_str_eq(text_of(j, "sessionID"), s.id);
    json_destroy(j);
    mem_free(text);
    text = auth_end_notice(&s, "movie", 12, "it went");
    ck_assert_int_eq(json_read(span_cstr(text), &j, why), ERR_OK);
    ck_assert_str_eq(text_of(j, "event"), "end");
    ck_assert_str_eq(text_of(j, "manifestID"), "movie");
    ck_assert_str_eq(text_of(j, "reason"), "it went");
    ck_assert(json_int_of(json_member(j, "seconds"), &seconds) && seconds == 12);
    ck_assert_ptr_null(json_member(j, "url"));
    json_destroy(j);
    mem_free(text);
}
END_TEST

static enum err read_text(int status, const char *text, struct auth_answer *a, char *why)
{
    size_t len = strlen(text);
    char *exact = mem_alloc(len + 1);
    memcpy(exact, text, len);
    why[0] = '\0';
    enum err e = auth_answer_read(status, span_of(exact, len), a, why);
    mem_free(exact);
    return e;
}

START_TEST(yes)
{
    struct auth_answer a;
    char why[AUTH_WHY_MAX];
    ck_assert_int_eq(auth_answer_read(200, span_of(NULL, 0), &a, why), ERR_OK);
    ck_assert(a.id[0] == '\0' && a.key[0] == '\0' && !a.has_ladder && a.warning[0] == '\0');
    ck_assert_int_eq(read_text(200,
                               "{\"manifestID\":\"buzz\",\"streamKey\":\"a/b\",\"presets\":"
                               "[\"P144p30fps16x9\",\"nix\",\"P240p30fps16x9\"],\"profiles\":[{"
                               "\"name\":\"mine\",\"width\":321,\"height\":180,\"bitrate\":300000,"
                               "\"fps\":30000,\"fpsDen\":1001,\"gop\":\"1.0\"},{\"width\":160,"
                               "\"height\":90,\"bitrate\":100000,\"fpsDen\":0}],\"objectStore\":1}",
                               &a, why),
                     ERR_OK);
    ck_assert_str_eq(a.id, "buzz");
    ck_assert_str_eq(a.key, "a/b");
    ck_assert(a.has_ladder && a.ladder.n == 4);
    ck_assert_str_eq(a.ladder.rungs[0].name, "P144p30fps16x9");
    ck_assert_str_eq(a.ladder.rungs[1].name, "P240p30fps16x9");
    ck_assert_str_eq(a.ladder.rungs[2].name, "mine");
    ck_assert(a.ladder.rungs[2].fps_num == 30000 && a.ladder.rungs[2].fps_den == 1001);
    ck_assert_str_eq(a.ladder.rungs[3].name, "webhook_160x90_100000");
    ck_assert(a.ladder.rungs[3].fps_num == 0 && a.ladder.rungs[3].fps_den == 1);
    ck_assert_ptr_nonnull(strstr(a.warning, "\"nix\""));
    ck_assert_int_eq(
        read_text(200, "{\"manifestID\":\"b\",\"presets\":[\"nix\"],\"profiles\":null}", &a, why),
        ERR_OK);
    ck_assert(!a.has_ladder);
}
END_TEST

#define ID "{\"manifestID\":\"m\","

START_TEST(no)
{
    static const struct {
        int status;
        const char *text;
        enum err e;
    } cases[] = {
        {403, "", ERR_AUTH},
        {404, ID "\"a\":1}", ERR_AUTH},
        {500, "", ERR_AUTH},
        {204, "", ERR_AUTH},
        {0, "", ERR_AUTH},
        {200, "{}", ERR_AUTH},
        {200, "{\"manifestID\":\"\"}", ERR_AUTH},
        {200, "{\"manifestID\":null}", ERR_AUTH},
        {200, "secret", ERR_PROTO},
        {200, "\n", ERR_PROTO},
        {200, "null", ERR_PROTO},
        {200, "[]", ERR_PROTO},
        {200, "\"secret\"", ERR_PROTO},
        {200, "{\"manifestID\":5}", ERR_PROTO},
        {200, "{\"manifestID\":\"sec/ret\"}", ERR_PROTO},
        {200, ID "\"streamKey\":5}", ERR_PROTO},
        {200, ID "\"presets\":\"P144p30fps16x9\"}", ERR_PROTO},
        {200, ID "\"presets\":[5]}", ERR_PROTO},
        {200, ID "\"profiles\":{}}", ERR_PROTO},
        {200, ID "\"profiles\":[5]}", ERR_PROTO},
        {200, ID "\"profiles\":[{}]}", ERR_LIMIT},
        {200, ID "\"profiles\":[{\"width\":\"640\"}]}", ERR_PROTO},
        {200, ID "\"profiles\":[{\"width\":-1}]}", ERR_PROTO},
        {200, ID "\"profiles\":[{\"width\":99999999999}]}", ERR_PROTO},
        {200, ID "\"profiles\":[{\"name\":\"a b\",\"width\":64,\"height\":64,\"bitrate\":99999}]}",
         ERR_PROTO},
        {200,
         ID "\"profiles\":[{\"name\":\"P144p30fps16x9\",\"width\":64,\"height\":64,\"bitrate\""
            ":99999}],\"presets\":[\"P144p30fps16x9\"]}",
         ERR_STATE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct auth_answer a = {.id = "untouched"};
        char why[AUTH_WHY_MAX];
        enum err e = read_text(cases[i].status, cases[i].text, &a, why);
        ck_assert_msg(e == cases[i].e, "%s: %s: %s", cases[i].text, err_text(e), why);
        ck_assert_str_eq(a.id, "untouched");
        ck_assert_msg(why[0] != '\0' && strstr(why, "secret") == NULL, "%s", why);
    }
}
END_TEST

START_TEST(too_much)
{
    struct auth_answer a;
    char why[AUTH_WHY_MAX], text[4000];
    size_t n = (size_t)sprintf(text, ID "\"profiles\":[");
    for (int i = 0; i <= PROFILE_LADDER_MAX; i++) {
        n += (size_t)sprintf(text + n, "%s{\"width\":%d,\"height\":64,\"bitrate\":99999}",
                             i > 0 ? "," : "", 64 + 2 * i);
        char whole[sizeof text + 2];
        snprintf(whole, sizeof whole, "%s]}", text);
        ck_assert_int_eq(read_text(200, whole, &a, why),
                         i < PROFILE_LADDER_MAX ? ERR_OK : ERR_LIMIT);
    }
    n = (size_t)sprintf(text, ID "\"streamKey\":\"");
    memset(text + n, 'k', PUBLISH_KEY_MAX + 1);
    sprintf(text + n + PUBLISH_KEY_MAX + 1, "\"}");
    ck_assert_int_eq(read_text(200, text, &a, why), ERR_LIMIT);
    sprintf(text + n + PUBLISH_KEY_MAX, "\"}");
    ck_assert_int_eq(read_text(200, text, &a, why), ERR_OK);
    n = (size_t)sprintf(text, ID "\"presets\":[\"\"");
    for (int i = 0; i < 100; i++) {
        n += (size_t)sprintf(text + n, ",\"\"");
    }
    sprintf(text + n, "]}");
    ck_assert_int_eq(read_text(200, text, &a, why), ERR_PROTO);
}
END_TEST

START_TEST(what_may_be_a_yes)
{
    static const struct {
        enum err e;
        bool sent;
        int status;
        bool maybe;
    } cases[] = {
        {ERR_OK, true, 200, false},     {ERR_AUTH, true, 403, false}, /* a verdict */
        {ERR_AUTH, true, 200, false},                                 /* an empty manifestID */
        {ERR_PROTO, true, 200, true},   {ERR_LIMIT, true, 200, true},
        {ERR_TIMEOUT, true, 0, true},   {ERR_CLOSED, true, 0, true},
        {ERR_TIMEOUT, true, 307, true}, {ERR_CLOSED, true, 200, true},
        {ERR_TIMEOUT, false, 0, false}, {ERR_CLOSED, false, 0, false},
        {ERR_IO, false, 0, false},      {ERR_LIMIT, true, 403, false},
        {ERR_CLOSED, true, 500, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(auth_maybe_yes(cases[i].e, cases[i].sent, cases[i].status) == cases[i].maybe,
                      "case %zu", i);
    }
}
END_TEST

UNIT_MAIN("auth_webhook", urls, what_is_said, yes, no, too_much, what_may_be_a_yes)
