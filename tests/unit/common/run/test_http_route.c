#include "run/http_route.h"

#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

static int own, others;
static struct http_value seen[HTTP_ROUTE_PARAMS_MAX];

static void on_plain(void *arg, const struct http_value *values, struct http_answer *a)
{
    ck_assert_ptr_eq(arg, &own);
    http_answer_text(a, 200, "plain");
}

static void on_params(void *arg, const struct http_value *values, struct http_answer *a)
{
    ck_assert_ptr_eq(arg, &others);
    memcpy(seen, values, sizeof seen);
    http_answer_text(a, 200, "%s %ld %s", values[0].text, values[1].number,
                     values[2].given ? "given" : "not given");
}

static const struct http_route first[] = {{"GET", "/plain", on_plain, {{0}}}};
static const struct http_route second[] = {
    {"POST",
     "/set",
     on_params,
     {{"name", HTTP_PARAM_TEXT, 0, 0, true},
      {"n", HTTP_PARAM_INT, -5, 99, false},
      {"more", HTTP_PARAM_TEXT, 0, 0, false}}},
    {"GET", "/both", on_params, {{0}}},
    {"POST", "/both", on_params, {{0}}},
};
static const struct http_routes tables[] = {{first, 1, &own}, {second, 3, &others}};

static struct http_answer answer;
static char text[4096];

static const char *ask(const char *method, const char *path, const char *query, const char *body,
                       const char *content_type)
{
    struct http_request r = {.method = method,
                             .path = path,
                             .query = query,
                             .body = span_cstr(body),
                             .content_type = content_type};
    buf_fini(&answer.body);
    answer = (struct http_answer){.status = 200};
    buf_init(&answer.body, sizeof text - 1);
    http_route(tables, 2, &r, &answer);
    memcpy(text, answer.body.data, answer.body.len);
    text[answer.body.len] = '\0';
    return text;
}

#define FORM "application/x-www-form-urlencoded"

START_TEST(routes_are_found)
{
    ck_assert_str_eq(ask("GET", "/plain", "", "", NULL), "plain\n");
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(ask("POST", "/set", "name=a%20b&n=7", "", NULL), "a b 7 not given\n");
    ck_assert_str_eq(ask("POST", "/set", "", "name=a&n=-5&more=", FORM), "a -5 given\n");
    ck_assert_str_eq(ask("POST", "/set", "name=q", "more=1", FORM "; charset=utf-8"),
                     "q 0 given\n");
    ck_assert(!seen[1].given);
    ck_assert_str_eq(seen[1].text, "");
    ask("GET", "/both", "", "", NULL);
    ck_assert_int_eq(answer.status, 200);
    ask("POST", "/both", "", "", NULL);
    ck_assert_int_eq(answer.status, 200);
}
END_TEST

START_TEST(unknown_paths_and_methods)
{
    const char *words = ask("GET", "/nope", "", "", NULL);
    ck_assert_int_eq(answer.status, 404);
    ck_assert_ptr_nonnull(strstr(words, "/plain /set /both\n"));
    ask("GET", "/plain/", "", "", NULL);
    ck_assert_int_eq(answer.status, 404);
    ask("GET", "/set", "name=a", "", NULL);
    ck_assert_int_eq(answer.status, 405);
    ck_assert_str_eq(answer.header_name, "Allow");
    ck_assert_str_eq(answer.header_value, "POST");
    ask("DELETE", "/plain", "", "", NULL);
    ck_assert_int_eq(answer.status, 405);
    ck_assert_str_eq(answer.header_value, "GET, HEAD");
}
END_TEST

START_TEST(parameters_that_do_not_fit)
{
    static const char *const cases[][2] = {
        {"", "name is missing"},
        {"n=1", "name is missing"},
        {"name=a&n=100", "from -5 to 99, not \"100\""},
        {"name=a&n=-6", "n takes"},
        {"name=a&n=", "n takes"},
        {"name=a&n=1x", "n takes"},
        {"name=a&n=+1", "n takes"}, /* a blank */
        {"name=a&n=%201", "n takes"},
        {"name=a&n=%2B1", "n takes"},
        {"name=a&n=99999999999999999999", "n takes"},
        {"name=a&other=1", "no parameter \"other\" here; there are: name n more"},
        {"name=%", "percent"},
        {"name=a&name=b", "twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *words = ask("POST", "/set", cases[i][0], "", NULL);
        ck_assert_msg(answer.status == 400, "%s: %d", cases[i][0], answer.status);
        ck_assert_msg(strstr(words, cases[i][1]) != NULL, "%s: %s", cases[i][0], words);
        ask("POST", "/set", "", cases[i][0], FORM);
        ck_assert_msg(answer.status == 400, "%s: %d", cases[i][0], answer.status);
    }
    const char *words = ask("GET", "/plain", "x=1", "", NULL);
    ck_assert_int_eq(answer.status, 400);
    ck_assert_ptr_nonnull(strstr(words, "it has none"));
}
END_TEST

START_TEST(bodies_that_are_no_forms)
{
    ask("POST", "/set", "", "name=a", "application/json");
    ck_assert_int_eq(answer.status, 415);
    ask("POST", "/set", "", "name=a", NULL);
    ck_assert_int_eq(answer.status, 415);
    ask("POST", "/set", "", "name=a", FORM "x");
    ck_assert_int_eq(answer.status, 415);
    mem_fail_nth(1);
    ask("POST", "/set", "name=a", "", NULL);
    ck_assert_int_eq(answer.status, 503);
}
END_TEST

UNIT_MAIN("http_route", routes_are_found, unknown_paths_and_methods, parameters_that_do_not_fit,
          bodies_that_are_no_forms)
