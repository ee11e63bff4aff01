/* Asking HTTP servers (libcurl, on the loop): small questions with small answers, such as webhooks.
 * Loop's thread. What a URL carries in its user part or query may be a secret: no text given back
 * from here holds more of a URL than its host.
 *
 * TLS certificates are verified. Proxies of the environment are not used. Up to
 * HTTP_CLIENT_REDIRECTS are followed, unless a question says otherwise, to http and https only and
 * never from https to http. */
#ifndef RUN_HTTP_CLIENT_H
#define RUN_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "run/loop.h"

#define HTTP_CLIENT_REDIRECTS 3
#define HTTP_CLIENT_WHY_MAX   256

#define HTTP_CLIENT_HEADER_MAX 1024 /* bytes of a request's header, name and all */
#define HTTP_CLIENT_TYPE_MAX   128  /* of an answer's content type, with the NUL; longer: cut */

struct http_client_header {
    const char *name, *value; /* without line ends; both together within HTTP_CLIENT_HEADER_MAX */
};

/* All borrowed for the call. */
struct http_client_request {
    const char *url;
    const char *body;         /* NULL: GET, else POST */
    const char *content_type; /* of the body */
    int64_t timeout_ms;       /* for everything, from the name's lookup to the answer's last byte */
    size_t answer_max_bytes;  /* of the body */
    const struct http_client_header *headers; /* further ones; their values are never logged */
    size_t n_headers;
    bool no_redirects; /* a redirect is an answer as any other */
    bool public_only;  /* ERR_CLOSED for a host that is no address of the public Internet (loopback,
                        * private and link-local networks...), whatever its name */
};

struct http_client_result {
    /* ERR_OK: there is an answer, whatever its status says. ERR_TIMEOUT; ERR_LIMIT: longer than
     * answer_max_bytes; ERR_CLOSED: no connection, or it broke; ERR_PROTO: not HTTP, or a redirect
     * that is not followed; ERR_AUTH: its certificate is not trusted; ERR_IO: else. */
    enum err err;
    int status;
    struct span body;         /* borrowed for the call */
    const char *content_type; /* as it was sent; "": none. Borrowed for the call */
    const char *why;          /* when err is not ERR_OK: words, for the log */
    bool sent; /* something of the question went out: the server may have read all of it */
    int64_t took_ms;
};

typedef void http_client_fn(void *arg, const struct http_client_result *r);

struct http_client;
struct http_client_call; /* one question that is still open */

struct http_client *http_client_create(struct loop *l);

/* Open calls are cancelled. Memory is freed as the loop runs on. Takes NULL. */
void http_client_destroy(struct http_client *c);

/* Whether a URL can be asked: http or https, with a host. ERR_PROTO: ret_why (HTTP_CLIENT_WHY_MAX
 * bytes) says what it lacks, without the URL. */
enum err http_client_check_url(const char *url, char *ret_why) CHECKED;

/* Asks; fn is called once, never from inside, and the call is over then. Gives the open call. */
struct http_client_call *http_client_send(struct http_client *c,
                                          const struct http_client_request *r, http_client_fn *fn,
                                          void *arg);

/* fn is not called any more. */
void http_client_cancel(struct http_client_call *call);

#endif
