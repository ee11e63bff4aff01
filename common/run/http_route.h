/* What there is on a control server: a table of methods, paths and typed parameters. It answers by
 * itself what does not fit the table, in words: 404 (with the paths that there are), 405 (with
 * Allow), 415, 400 (naming the parameter). Pure, but for what the handlers do. */
#ifndef RUN_HTTP_ROUTE_H
#define RUN_HTTP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "run/http.h"

#define HTTP_ROUTE_PARAMS_MAX 4

enum http_param_type {
    HTTP_PARAM_TEXT,
    HTTP_PARAM_INT, /* decimal, min..max */
};

struct http_param {
    const char *name; /* NULL ends a route's list */
    enum http_param_type type;
    long min, max;
    bool required;
};

/* In the order of the route's parameters. */
struct http_value {
    bool given;
    const char *text; /* "" when not given; borrowed until the handler returns */
    long number;      /* HTTP_PARAM_INT: 0 when not given */
};

typedef void http_route_fn(void *arg, const struct http_value *values, struct http_answer *a);

struct http_route {
    const char *method; /* "GET" or "POST" */
    const char *path;
    http_route_fn *handle;
    struct http_param params[HTTP_ROUTE_PARAMS_MAX + 1];
};

struct http_routes {
    const struct http_route *routes;
    size_t n;
    void *arg; /* of the handlers */
};

/* The tables are one after the other; a path is in one of them only. Parameters may be in the query
 * or in a body of type application/x-www-form-urlencoded. */
void http_route(const struct http_routes *tables, size_t n, const struct http_request *r,
                struct http_answer *a);

#endif
