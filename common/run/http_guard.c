#include "run/http_guard.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const names[] = {"host", "origin", "no_token", "wrong_token"};

const char *http_refusal_name(enum http_refusal refusal)
{
    return names[refusal];
}

void http_guard_init(struct http_guard *g, const struct addr *listens, const char *token)
{
    *g = (struct http_guard){.has_token = token[0] != '\0'};
    snprintf(g->host, sizeof g->host, "%s", listens->host);
    snprintf((char *)g->token, sizeof g->token, "%s", token);
    bool all = strcmp(g->host, "0.0.0.0") == 0 || strcmp(g->host, "::") == 0;
    g->any_host = g->has_token && all;
}

static bool refuse(struct http_guard *g, enum http_refusal why)
{
    g->refused[why]++;
    return false;
}

/* The last label of a name may be followed by a dot (RFC 1034, section 3.1). */
static bool same_host(const char *a, const char *b)
{
    size_t la = strlen(a);
    size_t lb = strlen(b);
    la -= la > 1 && a[la - 1] == '.';
    lb -= lb > 1 && b[lb - 1] == '.';
    return la == lb && strncasecmp(a, b, la) == 0;
}

static bool host_is_ours(const struct http_guard *g, const char *host)
{
    struct addr a;
    if (host[0] == '\0' || addr_parse(host, "-", 0, &a) != ERR_OK) {
        return false;
    }
    return g->any_host || addr_is_loopback(&a) || same_host(a.host, "localhost") ||
           same_host(a.host, g->host);
}

static bool check_host(struct http_guard *g, const struct http_request *r, struct http_answer *a)
{
    if (r->host == NULL) {
        http_answer_text(a, 400, "the request has no Host header");
        return refuse(g, HTTP_REFUSED_HOST);
    }
    if (!host_is_ours(g, r->host)) {
        http_answer_text(a, 403,
                         "the Host header names neither this host's loopback nor the address of "
                         "-cliAddr: ask by one of these");
        return refuse(g, HTTP_REFUSED_HOST);
    }
    return true;
}

/* "http://HOST" of the very page that was served from here; there is none, but a tool may say so.
 */
static bool origin_is_ours(const struct http_request *r)
{
    const char *scheme = "http://";
    return strncmp(r->origin, scheme, strlen(scheme)) == 0 &&
           strcasecmp(r->origin + strlen(scheme), r->host) == 0;
}

static bool check_origin(struct http_guard *g, const struct http_request *r, struct http_answer *a)
{
    if (strcmp(r->method, "GET") == 0) {
        return true; /* nothing changes, and no page may read the answer: there is no CORS here */
    }
    bool crosses = r->origin != NULL && !origin_is_ours(r);
    bool says_so = r->fetch_site != NULL && strcmp(r->fetch_site, "same-origin") != 0 &&
                   strcmp(r->fetch_site, "none") != 0;
    if (crosses || says_so) {
        http_answer_text(a, 403, "a page of another site may not change anything here");
        return refuse(g, HTTP_REFUSED_ORIGIN);
    }
    return true;
}

/* Takes the same time wherever the difference is. */
static bool token_is_right(const struct http_guard *g, const char *given)
{
    unsigned char padded[HTTP_TOKEN_MAX + 1] = {0};
    size_t len = strlen(given);
    bool fits = len <= HTTP_TOKEN_MAX;
    memcpy(padded, given, fits ? len : HTTP_TOKEN_MAX);
    bool same = sodium_memcmp(padded, g->token, sizeof padded) == 0;
    sodium_memzero(padded, sizeof padded);
    return same && fits;
}

static bool check_token(struct http_guard *g, const struct http_request *r, struct http_answer *a)
{
    static const char scheme[] = "Bearer ";
    if (!g->has_token) {
        return true;
    }
    bool is_there =
        r->authorization != NULL && strncasecmp(r->authorization, scheme, sizeof scheme - 1) == 0;
    if (is_there && token_is_right(g, r->authorization + sizeof scheme - 1)) {
        return true;
    }
    http_answer_text(a, 401,
                     is_there ? "the token is wrong: it has to be the one in the file of -cliToken"
                              : "a token is needed: send the header Authorization: Bearer TOKEN, "
                                "with the token in the file of -cliToken");
    a->header_name = "WWW-Authenticate";
    a->header_value = "Bearer";
    return refuse(g, is_there ? HTTP_REFUSED_WRONG_TOKEN : HTTP_REFUSED_NO_TOKEN);
}

bool http_guard_admits(struct http_guard *g, const struct http_request *r, struct http_answer *a)
{
    return check_host(g, r, a) && check_origin(g, r, a) && check_token(g, r, a);
}
