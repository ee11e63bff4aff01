/* The small control server of -cliAddr (GNU libmicrohttpd, driven by the loop): every handler runs
 * on the loop's thread. It knows HTTP and nothing of what is asked: http_guard.h says who may ask,
 * http_route.h what there is. The viewers' server is the broadcaster's own. */
#ifndef RUN_HTTP_H
#define RUN_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "run/json.h"
#include "run/loop.h"

#define HTTP_BODY_MAX (16 * 1024 * 1024) /* bytes of an answer */
#define HTTP_CONNECTIONS_MAX                                                                       \
    16 /* further ones wait: every role counts on no more files than these */
#define HTTP_FORM_MAX (64 * 1024) /* bytes of a request's body; more is a 413 */

struct http_server;

/* Texts are as they were sent, NUL-terminated, and borrowed until the handler returns; headers that
 * were not sent are NULL. */
struct http_request {
    const char *method; /* HEAD is asked as "GET" */
    const char *path;   /* percent signs and all, without the query */
    const char *query;  /* behind the question mark; "" when there is none */
    struct span body;   /* at most HTTP_FORM_MAX */
    const char *remote; /* the client's address, without port */
    const char *content_type;
    const char *host;
    const char *origin;
    const char *fetch_site; /* Sec-Fetch-Site */
    const char *authorization;
    const char *accept;
};

struct http_header {
    const char *name, *value; /* static storage */
};

struct http_answer {
    int status;
    const char *content_type; /* static storage; default text/plain; charset=utf-8 */
    const char *header_name;  /* one more header, static storage; NULL: none */
    const char *header_value;
    const struct http_header *headers; /* further ones, static storage */
    size_t n_headers;
    struct buf body;
    struct http_open *open; /* the request that it answers; for http_later */
};

struct http_later; /* a request that is answered later */

/* Replaces the body by one line of words, and sets the status. */
void http_answer_text(struct http_answer *a, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Replaces the body by the document, which it takes. */
void http_answer_json(struct http_answer *a, struct json *j);

/* Fills the answer (status 200 and an empty body at the start). It may not destroy the server. */
typedef void http_handler_fn(void *arg, const struct http_request *r, struct http_answer *answer);

/* Binds to host:port ("[::1]:7935"). ERR_IO: it could not (ret_why: a sentence, static or thread
 * storage, e.g. "Address already in use"). At most HTTP_CONNECTIONS_MAX clients at once. */
enum err http_server_create(struct loop *l, const char *addr, http_handler_fn *fn, void *arg,
                            struct http_server **ret_server, const char **ret_why) CHECKED;

/* The same for so many clients at once. */
enum err http_server_create_wide(struct loop *l, const char *addr, unsigned connections,
                                 http_handler_fn *fn, void *arg, struct http_server **ret_server,
                                 const char **ret_why) CHECKED;

/* Ends the connections at once; memory is freed when the loop has run once more. Takes NULL. */
void http_server_destroy(struct http_server *s);

/* From inside a handler: the answer comes later, by http_later_answer; what the handler fills in is
 * dropped. Until then the request has its connection, so that there are never more of them than
 * connections. Gives; it stays valid whatever happens to the client and the server. */
struct http_later *http_later(struct http_answer *a);

/* Status 200 and an empty body, to be filled. */
void http_answer_init(struct http_answer *a);

/* Loop's thread; may be inside the handler that called http_later. Takes both, the answer's body
 * too, also when nobody is there any more to hear it. */
void http_later_answer(struct http_later *later, struct http_answer *a);

/* The bound port. */
int http_server_port(const struct http_server *s);

#endif
