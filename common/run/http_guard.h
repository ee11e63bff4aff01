/* Who may ask a control server. On loopback everybody on this host may; on anything wider only who
 * knows the token. Web pages may not, from wherever they are: a page whose name was made to lead
 * here (DNS rebinding) is known by its Host header, one that posts forms here by its Origin. Pure;
 * one thread. */
#ifndef RUN_HTTP_GUARD_H
#define RUN_HTTP_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "run/addr.h"
#include "run/http.h"

#define HTTP_TOKEN_MIN 16  /* characters, so that trying them all is hopeless */
#define HTTP_TOKEN_MAX 255 /* characters */

enum http_refusal {
    HTTP_REFUSED_HOST,
    HTTP_REFUSED_ORIGIN,
    HTTP_REFUSED_NO_TOKEN,
    HTTP_REFUSED_WRONG_TOKEN,
    HTTP_REFUSALS_
};

struct http_guard {
    char host[256]; /* of the address that is listened on */
    bool any_host;  /* it is listened on all addresses, behind a token: any name may lead here */
    bool has_token;
    unsigned char token[HTTP_TOKEN_MAX + 1]; /* the rest is zero */
    uint64_t refused[HTTP_REFUSALS_];
};

/* token: "" for none, else HTTP_TOKEN_MIN to HTTP_TOKEN_MAX characters. */
void http_guard_init(struct http_guard *g, const struct addr *listens, const char *token);

/* False: the answer says why (400, 401, 403), and it has been counted. */
bool http_guard_admits(struct http_guard *g, const struct http_request *r, struct http_answer *a);

/* "host", "origin", "no_token", "wrong_token". */
const char *http_refusal_name(enum http_refusal refusal);

#endif
