/* Any request gets an answer, and what is decoded keeps what http_query.h promises. The input is
 * lines: method, path, query, host, origin, authorization; the rest is the body. */
#include <stdlib.h>
#include <string.h>

#include "run/http_guard.h"
#include "run/http_query.h"
#include "run/http_route.h"

#define FIELDS 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static void on_get(void *arg, const struct http_value *values, struct http_answer *a)
{
    must(values[0].given || values[0].text[0] == '\0');
    http_answer_text(a, 200, "%s", values[0].text);
}

static void on_set(void *arg, const struct http_value *values, struct http_answer *a)
{
    must(values[0].given && values[0].number >= -9 && values[0].number <= 99);
    must(values[1].given || values[1].text[0] == '\0');
    http_answer_text(a, 200, "%ld", values[0].number);
}

static const struct http_route routes[] = {
    {"GET", "/g", on_get, {{"a", HTTP_PARAM_TEXT, 0, 0, false}}},
    {"POST",
     "/s",
     on_set,
     {{"n", HTTP_PARAM_INT, -9, 99, true}, {"a", HTTP_PARAM_TEXT, 0, 0, false}}},
};

static void check_pairs(const char *query, struct span body)
{
    struct http_pairs p;
    const char *why = NULL;
    if (http_pairs_parse(span_cstr(query), body, &p, &why) != ERR_OK) {
        must(why != NULL);
        return;
    }
    must(p.n <= HTTP_PAIRS_MAX);
    for (size_t i = 0; i < p.n; i++) {
        must(p.items[i].name[0] != '\0');
        must(http_pairs_find(&p, p.items[i].name) == p.items[i].value);
        for (const char *c = p.items[i].value; *c != '\0'; c++) {
            must((unsigned char)*c >= ' ' && *c != 0x7f);
        }
    }
    http_pairs_fini(&p);
}

static void answer(const struct http_request *r, bool guarded)
{
    const struct http_routes table = {routes, sizeof routes / sizeof routes[0], NULL};
    struct http_answer a = {.status = 0};
    struct http_guard g;
    struct addr listens = {.host = "127.0.0.1", .port = 7935};
    buf_init(&a.body, 100000);
    http_guard_init(&g, &listens, guarded ? "0123456789abcdef" : "");
    if (http_guard_admits(&g, r, &a)) {
        must(a.status == 0 && r->host != NULL);
        http_route(&table, 1, r, &a);
    }
    must(a.status >= 200 && a.status <= 503 && a.body.len > 0);
    buf_fini(&a.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    must(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    const char *fields[FIELDS];
    char *at = text;
    for (size_t i = 0; i < FIELDS; i++) {
        fields[i] = at;
        at += strcspn(at, "\n");
        at += *at == '\n' ? (*at = '\0', 1) : 0;
    }
    struct http_request r = {
        .method = fields[0],
        .path = fields[1],
        .query = fields[2],
        .host = fields[3][0] != '\0' ? fields[3] : NULL,
        .origin = fields[4][0] != '\0' ? fields[4] : NULL,
        .authorization = fields[5][0] != '\0' ? fields[5] : NULL,
        .body = span_of(at, size - (size_t)(at - text)),
        .content_type = "application/x-www-form-urlencoded",
        .remote = "127.0.0.1",
    };
    check_pairs(r.query, r.body);
    answer(&r, false);
    answer(&r, true);
    free(text);
    return 0;
}
