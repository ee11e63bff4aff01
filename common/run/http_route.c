#include "run/http_route.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "run/http_query.h"

#define FORM_TYPE "application/x-www-form-urlencoded"
#define LIST_MAX  2048
#define SHOWN_MAX 64 /* of a value that is not right */

/* Behind a list of words, separated by blanks. */
static void append(char *list, const char *word)
{
    size_t used = strlen(list);
    snprintf(list + used, LIST_MAX - used, "%s%s", used > 0 ? " " : "", word);
}

static bool in_list(const char *list, const char *path)
{
    size_t len = strlen(path);
    for (const char *at = strstr(list, path); at != NULL; at = strstr(at + 1, path)) {
        if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

static void answer_unknown(const struct http_routes *tables, size_t n, struct http_answer *a)
{
    char known[LIST_MAX] = "";
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < tables[t].n; i++) {
            if (!in_list(known, tables[t].routes[i].path)) {
                append(known, tables[t].routes[i].path);
            }
        }
    }
    http_answer_text(a, 404, "there is nothing at this path; there are: %s", known);
}

static void answer_method(const char *allowed, struct http_answer *a)
{
    bool reads = strcmp(allowed, "GET") == 0;
    http_answer_text(a, 405,
                     reads ? "this path only tells: ask with GET"
                           : "this path changes something: ask with POST");
    a->header_name = "Allow";
    a->header_value = reads ? "GET, HEAD" : "POST";
}

static bool is_form(const char *content_type)
{
    size_t len = strlen(FORM_TYPE);
    return content_type != NULL && strncasecmp(content_type, FORM_TYPE, len) == 0 &&
           (content_type[len] == '\0' || content_type[len] == ';' || content_type[len] == ' ');
}

static size_t n_params(const struct http_route *route)
{
    size_t n = 0;
    while (n < HTTP_ROUTE_PARAMS_MAX && route->params[n].name != NULL) {
        n++;
    }
    return n;
}

static bool knows(const struct http_route *route, const char *name)
{
    for (size_t i = 0; i < n_params(route); i++) {
        if (strcmp(route->params[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool all_known(const struct http_route *route, const struct http_pairs *pairs,
                      struct http_answer *a)
{
    for (size_t i = 0; i < pairs->n; i++) {
        if (!knows(route, pairs->items[i].name)) {
            char known[LIST_MAX] = "";
            for (size_t k = 0; k < n_params(route); k++) {
                append(known, route->params[k].name);
            }
            http_answer_text(a, 400, "there is no parameter \"%.*s\" here; %s%s", SHOWN_MAX,
                             pairs->items[i].name, known[0] != '\0' ? "there are: " : "it has none",
                             known);
            return false;
        }
    }
    return true;
}

static bool read_int(const struct http_param *p, const char *text, long *ret_number)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    bool decimal = text[0] == '-' || (text[0] >= '0' && text[0] <= '9');
    if (!decimal || *end != '\0' || errno != 0 || v < p->min || v > p->max) {
        return false;
    }
    *ret_number = v;
    return true;
}

static bool read_value(const struct http_param *p, const char *text, struct http_value *v,
                       struct http_answer *a)
{
    *v = (struct http_value){.given = text != NULL, .text = text != NULL ? text : ""};
    if (text == NULL && p->required) {
        http_answer_text(a, 400, "the parameter %s is missing", p->name);
        return false;
    }
    if (text != NULL && p->type == HTTP_PARAM_INT && !read_int(p, text, &v->number)) {
        http_answer_text(a, 400, "%s takes a number from %ld to %ld, not \"%.*s\"", p->name, p->min,
                         p->max, SHOWN_MAX, text);
        return false;
    }
    return true;
}

static void call(const struct http_route *route, void *arg, const struct http_request *r,
                 struct http_answer *a)
{
    if (r->body.len > 0 && !is_form(r->content_type)) {
        http_answer_text(a, 415, "a body has to be a form, of the type %s", FORM_TYPE);
        return;
    }
    struct http_pairs pairs;
    const char *why = "";
    enum err e = http_pairs_parse(span_cstr(r->query), r->body, &pairs, &why);
    if (e != ERR_OK) {
        http_answer_text(a, e == ERR_NOMEM ? 503 : 400, "%s", why);
        return;
    }
    struct http_value values[HTTP_ROUTE_PARAMS_MAX] = {{0}};
    bool fits = all_known(route, &pairs, a);
    for (size_t i = 0; fits && i < n_params(route); i++) {
        const struct http_param *p = &route->params[i];
        fits = read_value(p, http_pairs_find(&pairs, p->name), &values[i], a);
    }
    if (fits) {
        route->handle(arg, values, a);
    }
    http_pairs_fini(&pairs);
}

void http_route(const struct http_routes *tables, size_t n, const struct http_request *r,
                struct http_answer *a)
{
    const char *allowed = NULL;
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < tables[t].n; i++) {
            const struct http_route *route = &tables[t].routes[i];
            if (strcmp(route->path, r->path) != 0) {
                continue;
            }
            if (strcmp(route->method, r->method) == 0) {
                call(route, tables[t].arg, r, a);
                return;
            }
            allowed = route->method;
        }
    }
    if (allowed != NULL) {
        answer_method(allowed, a);
    } else {
        answer_unknown(tables, n, a);
    }
}
