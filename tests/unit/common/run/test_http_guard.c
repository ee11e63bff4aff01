#include "run/http_guard.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/unit.h"

#define TOKEN "0123456789abcdefXYZ"

static struct http_guard guard;
static struct http_answer answer;

static void listen_on(const char *addr, const char *token)
{
    struct addr a;
    ck_assert_int_eq(addr_parse(addr, "127.0.0.1", 7935, &a), ERR_OK);
    http_guard_init(&guard, &a, token);
}

/* 0: admitted; else the status. */
static int ask(struct http_request r)
{
    if (r.method == NULL) {
        r.method = "GET";
    }
    buf_fini(&answer.body);
    answer = (struct http_answer){.status = 0};
    buf_init(&answer.body, 1000);
    bool admitted = http_guard_admits(&guard, &r, &answer);
    ck_assert(admitted == (answer.status == 0));
    ck_assert(admitted == (answer.body.len == 0));
    return answer.status;
}

static int ask_host(const char *host)
{
    return ask((struct http_request){.host = host});
}

START_TEST(on_loopback_only_its_names_lead_here)
{
    static const char *const good[] = {"127.0.0.1",   "127.0.0.1:7935", "localhost",
                                       "LocalHost:1", "localhost.:1",   "[::1]:7935",
                                       "127.9.9.9:1", "[::1]"};
    static const char *const bad[] = {"",
                                      "evil.example",
                                      "evil.example:7935",
                                      "127.0.0.1.evil.example",
                                      "127.evil.com",
                                      "10.0.0.1",
                                      "localhost.evil.example",
                                      "0.0.0.0:7935",
                                      "[::]:7935",
                                      "a b",
                                      "localhost@evil.example",
                                      "[::1",
                                      ":7935"};
    listen_on("127.0.0.1:7935", "");
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_msg(ask_host(good[i]) == 0, "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(ask_host(bad[i]) == 403, "%s", bad[i]);
    }
    ck_assert_int_eq(ask_host(NULL), 400);
    ck_assert_uint_eq(guard.refused[HTTP_REFUSED_HOST], sizeof bad / sizeof bad[0] + 1);
}
END_TEST

START_TEST(the_configured_name_leads_here)
{
    listen_on("control.example:7935", TOKEN);
    const char *right = "Bearer " TOKEN;
    struct http_request r = {.host = "Control.Example:7935", .authorization = right};
    ck_assert_int_eq(ask(r), 0);
    r.host = "other.example:7935";
    ck_assert_int_eq(ask(r), 403);
    /* Who listens everywhere has no name of its own; the token stands in for it. */
    listen_on("0.0.0.0:7935", TOKEN);
    ck_assert_int_eq(ask(r), 0);
    r.authorization = NULL;
    ck_assert_int_eq(ask(r), 401);
}
END_TEST

START_TEST(pages_of_other_sites_change_nothing)
{
    listen_on("127.0.0.1:7935", "");
    struct http_request r = {.method = "POST", .host = "127.0.0.1:7935"};
    ck_assert_int_eq(ask(r), 0);
    r.origin = "http://127.0.0.1:7935";
    ck_assert_int_eq(ask(r), 0);
    static const char *const bad[] = {"http://evil.example", "null", "https://127.0.0.1:7935",
                                      "http://127.0.0.1:8080", ""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        r.origin = bad[i];
        ck_assert_msg(ask(r) == 403, "%s", bad[i]);
    }
    r.origin = NULL;
    r.fetch_site = "cross-site";
    ck_assert_int_eq(ask(r), 403);
    r.fetch_site = "same-site";
    ck_assert_int_eq(ask(r), 403);
    r.fetch_site = "same-origin";
    ck_assert_int_eq(ask(r), 0);
    r.fetch_site = "none";
    ck_assert_int_eq(ask(r), 0);
    ck_assert_uint_eq(guard.refused[HTTP_REFUSED_ORIGIN], 7);
    r.method = "GET"; /* it could not read the answer */
    r.origin = "http://evil.example";
    ck_assert_int_eq(ask(r), 0);
}
END_TEST

START_TEST(the_token_is_asked_for)
{
    listen_on("127.0.0.1:7935", TOKEN);
    struct http_request r = {.host = "localhost"};
    ck_assert_int_eq(ask(r), 401);
    ck_assert_str_eq(answer.header_name, "WWW-Authenticate");
    ck_assert_str_eq(answer.header_value, "Bearer");
    char longer[1000] = "Bearer " TOKEN;
    memset(longer + strlen(longer), 'x', sizeof longer - strlen(longer) - 1);
    const char *const bad[] = {"Basic " TOKEN,
                               TOKEN,
                               "Bearer",
                               "",
                               "Bearer ",
                               "Bearer " TOKEN "1",
                               "Bearer 0123456789abcdefXY",
                               "Bearer 0123456789abcdefXYz",
                               "Bearer  " TOKEN,
                               longer};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        r.authorization = bad[i];
        ck_assert_msg(ask(r) == 401, "%s", bad[i]);
        ck_assert_ptr_null(memmem(answer.body.data, answer.body.len, TOKEN, strlen(TOKEN)));
    }
    r.authorization = "Bearer " TOKEN;
    ck_assert_int_eq(ask(r), 0);
    r.authorization = "bearer " TOKEN;
    ck_assert_int_eq(ask(r), 0);
    ck_assert_uint_eq(guard.refused[HTTP_REFUSED_NO_TOKEN], 5);
    ck_assert_uint_eq(guard.refused[HTTP_REFUSED_WRONG_TOKEN], 6);
    ck_assert_str_eq(http_refusal_name(HTTP_REFUSED_WRONG_TOKEN), "wrong_token");
}
END_TEST

UNIT_MAIN("http_guard", on_loopback_only_its_names_lead_here, the_configured_name_leads_here,
          pages_of_other_sites_change_nothing, the_token_is_asked_for)
