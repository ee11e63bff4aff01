#include "run/http.h"

#include <microhttpd.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/list.h"
#include "base/mem.h"
#include "run/addr.h"
#include "run/http_queue.h"
#include "run/listen.h"
#include "run/log.h"

#define CONNECTION_MEMORY (16 * 1024) /* a request's line and headers have to fit */
#define CONNECTION_IDLE_S 15
#define DEFAULT_HOST      "127.0.0.1"
#define LOG_LINE_MAX      512
#define REMOTE_MAX        64
#define SWALLOWED_MAX     (1024 * 1024) /* of a body that is too large; then the connection ends */
#define PLAIN_TEXT        "text/plain; charset=utf-8"

struct http_server {
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;
    struct list waiting; /* requests that are answered later */
    int open_handles;
    int port;
    unsigned connections; /* after the last run */
    http_handler_fn *fn;
    void *arg;
};

static void on_log(void *arg, const char *format, va_list args)
{
    char line[LOG_LINE_MAX];
    vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\n")] = '\0';
    /* Of all that it says this alone is the operator's business. */
    bool files = strstr(line, "system resource limit") != NULL;
    log_line(files ? LOG_WARN : LOG_DEBUG, "http", "library", "text=\"%s\"", line);
}

/* Leaves the URL as it was sent: the handlers compare with plain ASCII paths. */
static size_t on_unescape(void *arg, struct MHD_Connection *c, char *text)
{
    return strlen(text);
}

static struct MHD_Response *make_response(struct http_answer *a)
{
    struct buf body = a->body;
    struct MHD_Response *r = MHD_create_response_from_buffer_with_free_callback_cls(
        body.len, body.data, mem_free, body.data);
    if (r == NULL) {
        buf_fini(&a->body);
        return NULL;
    }
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
                            a->content_type != NULL ? a->content_type : PLAIN_TEXT);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    if (a->header_name != NULL) {
        MHD_add_response_header(r, a->header_name, a->header_value);
    }
    for (size_t i = 0; i < a->n_headers; i++) {
        MHD_add_response_header(r, a->headers[i].name, a->headers[i].value);
    }
    return r;
}

/* --- requests --- */

/* What is known of a request until it is answered. */
struct http_open {
    struct list node; /* of the server's waiting ones */
    struct http_server *server;
    struct MHD_Connection *connection;
    char *query;
    struct buf body;
    size_t swallowed;
    bool seen;
    struct http_later *later; /* it is answered later */
    bool answered;            /* it has been; `answer` waits to be sent */
    struct http_answer answer;
};

struct http_later {
    struct http_open *open; /* NULL: the client or the server has gone */
};

static void *on_uri(void *arg, const char *uri, struct MHD_Connection *c)
{
    const char *mark = strchr(uri, '?');
    struct http_open *o = mem_alloc(sizeof *o);
    list_init(&o->node);
    o->server = arg;
    o->connection = c;
    o->query = mem_strdup(mark != NULL ? mark + 1 : ""); /* no longer than CONNECTION_MEMORY */
    buf_init(&o->body, HTTP_FORM_MAX);
    return o;
}

static void on_completed(void *arg, struct MHD_Connection *c, void **context,
                         enum MHD_RequestTerminationCode why)
{
    struct http_open *o = *context;
    if (o == NULL) {
        return;
    }
    if (o->later != NULL) {
        o->later->open = NULL;
    }
    if (o->answered) {
        buf_fini(&o->answer.body);
    }
    list_remove(&o->node);
    mem_free(o->query);
    buf_fini(&o->body);
    mem_free(o);
    *context = NULL;
}

static void format_remote(struct MHD_Connection *c, char *out)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *sa = info != NULL ? info->client_addr : NULL;
    socklen_t len = sa != NULL && sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                            : sizeof(struct sockaddr_in);
    if (sa == NULL || getnameinfo(sa, len, out, REMOTE_MAX, NULL, 0, NI_NUMERICHOST) != 0) {
        snprintf(out, REMOTE_MAX, "unknown");
    }
}

static enum MHD_Result send_answer(struct MHD_Connection *c, struct http_answer *a)
{
    struct MHD_Response *r = make_response(a);
    if (r == NULL) {
        return MHD_NO;
    }
    enum MHD_Result result = http_queue(c, (unsigned)a->status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result send_later(struct http_open *o)
{
    o->answered = false;
    return send_answer(o->connection, &o->answer);
}

static void ask_handler(struct http_open *o, const char *url, const char *method,
                        struct http_answer *a)
{
    struct MHD_Connection *c = o->connection;
    char remote[REMOTE_MAX];
    format_remote(c, remote);
    const struct http_request r = {
        .method = strcmp(method, "HEAD") == 0 ? "GET" : method,
        .path = url,
        .query = o->query,
        .body = buf_span(&o->body),
        .remote = remote,
        .content_type = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Type"),
        .host = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Host"),
        .origin = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Origin"),
        .fetch_site = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Sec-Fetch-Site"),
        .authorization = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization"),
        .accept = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Accept"),
    };
    a->open = o;
    o->server->fn(o->server->arg, &r, a);
}

static enum MHD_Result answer(struct http_open *o, const char *url, const char *method)
{
    struct http_answer a;
    http_answer_init(&a);
    if (o->swallowed > 0) {
        http_answer_text(&a, 413, "the body is larger than %d bytes", HTTP_FORM_MAX);
    } else {
        ask_handler(o, url, method, &a);
    }
    if (o->later == NULL && !o->answered) {
        return send_answer(o->connection, &a);
    }
    buf_fini(&a.body);
    if (o->answered) {
        return send_later(o);
    }
    list_push_back(&o->server->waiting, &o->node);
    MHD_suspend_connection(o->connection);
    return MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
    struct http_open *o = *context;
    size_t n = *upload_size;
    *upload_size = 0;
    if (n > 0) {
        if (o->swallowed > 0 || buf_put(&o->body, span_of(upload, n)) != ERR_OK) {
            o->swallowed += n;
        }
        return o->swallowed <= SWALLOWED_MAX ? MHD_YES : MHD_NO;
    }
    /* An answer that comes before the library's second call costs the connection. */
    if (!o->seen) {
        o->seen = true;
        return MHD_YES;
    }
    return o->answered ? send_later(o) : answer(o, url, method);
}

/* --- the loop --- */

static void run(struct http_server *s);

static void on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    run(poll->data);
}

/* The library tells by its epoll descriptor that something came, and by its time-out that it has
 * work left (0) or a connection to give up. It does not tell that it listens again only at the next
 * run when it was full and a connection has gone. */
static void run(struct http_server *s)
{
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    MHD_run(s->daemon);
    unsigned before = s->connections;
    s->connections =
        MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
    if (s->connections < before) {
        uv_timer_start(&s->timer, on_timer, 0, 0);
    } else if (MHD_get_timeout(s->daemon, &wait_ms) == MHD_YES) {
        uv_timer_start(&s->timer, on_timer, wait_ms, 0);
    } else {
        uv_timer_stop(&s->timer);
    }
}

struct http_later *http_later(struct http_answer *a)
{
    struct http_later *later = mem_alloc(sizeof *later);
    later->open = a->open;
    a->open->later = later;
    return later;
}

void http_later_answer(struct http_later *later, struct http_answer *a)
{
    struct http_open *o = later->open;
    mem_free(later);
    if (o == NULL) {
        buf_fini(&a->body);
        return;
    }
    o->later = NULL;
    o->answer = *a;
    o->answered = true;
    if (!list_empty(&o->node)) {
        list_remove(&o->node);
        MHD_resume_connection(o->connection);
        uv_timer_start(&o->server->timer, on_timer, 0, 0);
    }
}

static struct MHD_Daemon *start_daemon(struct http_server *s, int fd, unsigned connections)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, s,
        MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_IDLE_S, MHD_OPTION_END);
}

static void start_handles(struct http_server *s, struct loop *l)
{
    uv_loop_t *uv = loop_uv(l);
    int fd = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    if (uv_poll_init(uv, &s->poll, fd) != 0 || uv_timer_init(uv, &s->timer) != 0) {
        abort(); /* an epoll descriptor of our own: cannot be refused */
    }
    s->poll.data = s;
    s->timer.data = s;
    s->open_handles = 2;
    uv_poll_start(&s->poll, UV_READABLE, on_poll);
}

enum err http_server_create(struct loop *l, const char *addr, http_handler_fn *fn, void *arg,
                            struct http_server **ret_server, const char **ret_why)
{
    return http_server_create_wide(l, addr, HTTP_CONNECTIONS_MAX, fn, arg, ret_server, ret_why);
}

enum err http_server_create_wide(struct loop *l, const char *addr, unsigned connections,
                                 http_handler_fn *fn, void *arg, struct http_server **ret_server,
                                 const char **ret_why)
{
    struct addr a;
    int fd;
    int port;
    if (addr_parse(addr, DEFAULT_HOST, 0, &a) != ERR_OK) {
        *ret_why = "not an address of the form host:port";
        return ERR_IO;
    }
    enum err e = listen_tcp(&a, &fd, &port, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    struct http_server *s = mem_alloc(sizeof *s);
    s->fn = fn;
    s->arg = arg;
    s->port = port;
    list_init(&s->waiting);
    s->daemon = start_daemon(s, fd, connections);
    if (s->daemon == NULL) {
        *ret_why = "the HTTP library could not start";
        mem_free(s);
        return ERR_IO;
    }
    start_handles(s, l);
    *ret_server = s;
    return ERR_OK;
}

int http_server_port(const struct http_server *s)
{
    return s->port;
}

static void on_closed(uv_handle_t *handle)
{
    struct http_server *s = handle->data;
    if (--s->open_handles == 0) {
        mem_free(s);
    }
}

void http_server_destroy(struct http_server *s)
{
    if (s == NULL) {
        return;
    }
    /* First out of the loop: the library closes the descriptor that is polled. */
    uv_close((uv_handle_t *)&s->poll, on_closed);
    uv_close((uv_handle_t *)&s->timer, on_closed);
    LIST_EACH (&s->waiting, n, next) {
        struct http_open *o = LIST_ITEM(n, struct http_open, node);
        list_remove(&o->node);
        MHD_resume_connection(o->connection); /* the library ends no suspended ones */
    }
    MHD_stop_daemon(s->daemon);
}
