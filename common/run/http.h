/* The small control server of -cliAddr (GNU libmicrohttpd, driven by the loop): every handler runs
 * on the loop's thread. The viewers' server is the broadcaster's own. */
#ifndef RUN_HTTP_H
#define RUN_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "run/loop.h"

#define HTTP_BODY_MAX (16 * 1024 * 1024) /* bytes of an answer */
#define HTTP_CONNECTIONS_MAX                                                                       \
    16 /* further ones wait: every role counts on no more files than these */

struct http_server;

struct http_answer {
    int status;
    const char *content_type; /* static storage; default text/plain; charset=utf-8 */
    struct buf body;
};

/* Fills the answer (status 200 and an empty body at the start). method: HEAD is asked as "GET".
 * path: as it was sent (percent signs and all), without the query. It may not destroy the server.
 */
typedef void http_handler_fn(void *arg, const char *method, const char *path,
                             struct http_answer *answer);

/* Binds to host:port ("[::1]:7935"). ERR_IO: it could not (ret_why: a sentence, static or thread
 * storage, e.g. "Address already in use"). */
enum err http_server_create(struct loop *l, const char *addr, http_handler_fn *fn, void *arg,
                            struct http_server **ret_server, const char **ret_why) CHECKED;

/* Ends the connections at once; memory is freed when the loop has run once more. Takes NULL. */
void http_server_destroy(struct http_server *s);

/* The bound port. */
int http_server_port(const struct http_server *s);

#endif
