#include "run/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/version.h"
#include "run/addr.h"

#define IDLE_CONNECTIONS 4 /* kept for the next question */

struct http_client {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer *timer;
    struct list calls;
};

struct http_client_call {
    struct list node;
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    bool too_long, not_public;
    int64_t begun_ms;
    http_client_fn *fn;
    void *arg;
    char error[CURL_ERROR_SIZE];
};

/* One socket of libcurl's as the loop watches it. */
struct watch {
    uv_poll_t poll;
    struct http_client *client; /* NULL once it closes */
    curl_socket_t fd;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

/* Bugs and missing memory: nothing that a server can cause. */
static void must(bool done)
{
    if (!done) {
        fprintf(stderr, "libcurl cannot be used: out of memory?\n");
        abort();
    }
}

static void init_global(void)
{
    must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

/* --- the end of a call --- */

static void free_call(struct http_client_call *call)
{
    list_remove(&call->node);
    curl_multi_remove_handle(call->client->multi, call->easy);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    buf_fini(&call->body);
    mem_free(call);
}

static enum err err_of(const struct http_client_call *call, CURLcode code)
{
    if (call->not_public && code != CURLE_OK) {
        return ERR_CLOSED;
    }
    switch (code) {
    case CURLE_OK:
        return ERR_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
        return call->too_long || code == CURLE_FILESIZE_EXCEEDED ? ERR_LIMIT : ERR_NOMEM;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return ERR_CLOSED;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_BAD_CONTENT_ENCODING:
        return ERR_PROTO;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
        return ERR_AUTH;
    default:
        return ERR_IO;
    }
}

/* libcurl's own words name hosts and numbers, but for a redirect: that may hold a whole URL. */
static const char *words_of(const struct http_client_call *call, CURLcode code, enum err e,
                            long status)
{
    if (call->not_public && code != CURLE_OK) {
        return "its address is not one of the public Internet";
    }
    switch (e) {
    case ERR_OK:
        return "";
    case ERR_LIMIT:
        return "its answer is too long";
    case ERR_TIMEOUT:
        return "it has not answered in time";
    case ERR_PROTO:
        return code == CURLE_TOO_MANY_REDIRECTS ? "it redirects too often"
               : status >= 300 && status < 400  ? "it redirects to another scheme"
                                                : "its answer is not HTTP";
    default:
        return call->error[0] != '\0' ? call->error : curl_easy_strerror(code);
    }
}

static void finish(struct http_client_call *call, CURLcode code)
{
    long status = 0, sent_bytes = 0;
    char *type = NULL;
    char content_type[HTTP_CLIENT_TYPE_MAX];
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
    curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
    (void)snprintf(content_type, sizeof content_type, "%s", type != NULL ? type : "");
    enum err e = err_of(call, code);
    struct http_client_result r = {
        .err = e,
        .status = (int)status,
        .body = buf_span(&call->body),
        .content_type = content_type,
        .why = words_of(call, code, e, status),
        .sent = sent_bytes > 0,
        .took_ms = clock_mono_ms() - call->begun_ms,
    };
    call->fn(call->arg, &r);
    free_call(call);
}

/* A call's fn may send and cancel others: each message is looked up anew. */
static void finish_all(struct http_client *c)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(c->multi, &left)) != NULL) {
        struct http_client_call *call = NULL;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        finish(call, code);
    }
}

/* --- sockets and time --- */

static void on_timer(void *arg)
{
    struct http_client *c = arg;
    int running;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finish_all(c);
}

static int set_timer(CURLM *multi, long after_ms, void *arg)
{
    struct http_client *c = arg;
    if (after_ms < 0) {
        loop_timer_stop(c->timer);
    } else {
        loop_timer_start(c->timer, after_ms, 0);
    }
    return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    struct http_client *c = w->client;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    int running;
    flags |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    flags |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    curl_multi_socket_action(c->multi, w->fd, flags, &running);
    finish_all(c);
}

static void watch_closed(uv_handle_t *h)
{
    mem_free(h->data);
}

static struct watch *watch_create(struct http_client *c, curl_socket_t fd)
{
    struct watch *w = mem_alloc(sizeof *w);
    w->client = c;
    w->fd = fd;
    must(uv_poll_init_socket(loop_uv(c->loop), &w->poll, fd) == 0);
    w->poll.data = w;
    return w;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_data)
{
    struct http_client *c = arg;
    struct watch *w = socket_data;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL) {
            curl_multi_assign(c->multi, fd, NULL);
            uv_close((uv_handle_t *)&w->poll, watch_closed);
        }
        return 0;
    }
    if (w == NULL) {
        w = watch_create(c, fd);
        curl_multi_assign(c->multi, fd, w);
    }
    int events =
        (what != CURL_POLL_OUT ? UV_READABLE : 0) | (what != CURL_POLL_IN ? UV_WRITABLE : 0);
    uv_poll_start(&w->poll, events, on_ready);
    return 0;
}

/* --- life --- */

struct http_client *http_client_create(struct loop *l)
{
    pthread_once(&global_once, init_global);
    struct http_client *c = mem_alloc(sizeof *c);
    c->loop = l;
    c->multi = curl_multi_init();
    must(c->multi != NULL);
    list_init(&c->calls);
    c->timer = loop_timer_create(l, on_timer, c);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
    return c;
}

void http_client_destroy(struct http_client *c)
{
    if (c == NULL) {
        return;
    }
    LIST_EACH (&c->calls, n, next) {
        free_call(LIST_ITEM(n, struct http_client_call, node));
    }
    curl_multi_cleanup(c->multi);
    loop_timer_destroy(c->timer);
    mem_free(c);
}

enum err http_client_check_url(const char *url, char *ret_why)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL;
    must(u != NULL);
    const char *wrong = NULL;
    if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK) {
        wrong = "it is no URL such as https://host/path";
    } else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) {
        wrong = "it must begin with http:// or https://";
    } else if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK || host[0] == '\0') {
        wrong = "it names no host";
    }
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(u);
    if (wrong != NULL) {
        snprintf(ret_why, HTTP_CLIENT_WHY_MAX, "%s", wrong);
        return ERR_PROTO;
    }
    return ERR_OK;
}

/* --- a call --- */

static size_t take_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct http_client_call *call = arg;
    enum err e = buf_put(&call->body, span_of(bytes, size * n));
    call->too_long = e == ERR_LIMIT;
    return e == ERR_OK ? size * n : 0;
}

static curl_socket_t open_public(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct http_client_call *call = arg;
    call->not_public = !addr_is_public(&a->addr);
    return call->not_public ? CURL_SOCKET_BAD : socket(a->family, a->socktype, a->protocol);
}

static void add_header(struct http_client_call *call, const char *name, const char *value)
{
    char line[HTTP_CLIENT_HEADER_MAX + 4];
    int n = snprintf(line, sizeof line, "%s: %s", name, value);
    must(n > 0 && (size_t)n < sizeof line);
    struct curl_slist *all = curl_slist_append(call->headers, line);
    explicit_bzero(line, sizeof line);
    must(all != NULL);
    call->headers = all;
}

static void set_headers(struct http_client_call *call, const struct http_client_request *r)
{
    if (r->body != NULL) {
        add_header(call, "Content-Type", r->content_type);
    }
    for (size_t i = 0; i < r->n_headers; i++) {
        add_header(call, r->headers[i].name, r->headers[i].value);
    }
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void set_options(struct http_client_call *call, const struct http_client_request *r)
{
    CURL *h = call->easy;
    bool secure = strncmp(r->url, "https:", 6) == 0;
    must(curl_easy_setopt(h, CURLOPT_URL, r->url) == CURLE_OK);
    curl_easy_setopt(h, CURLOPT_PRIVATE, (char *)call);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, call->error);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_PROXY, "");
    curl_easy_setopt(h, CURLOPT_USERAGENT, "streaming-back-end");
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, r->no_redirects ? 0L : 1L);
    curl_easy_setopt(h, CURLOPT_MAXREDIRS, (long)HTTP_CLIENT_REDIRECTS);
    curl_easy_setopt(h, CURLOPT_POSTREDIR, CURL_REDIR_POST_ALL);
    curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)r->timeout_ms);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, call);
    if (r->public_only) {
        curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, open_public);
        curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, call);
        curl_easy_setopt(h, CURLOPT_FRESH_CONNECT, 1L); /* not one that was made unlooked */
    }
    set_headers(call, r);
    if (r->body != NULL) {
        must(curl_easy_setopt(h, CURLOPT_COPYPOSTFIELDS, r->body) == CURLE_OK);
    }
}

struct http_client_call *http_client_send(struct http_client *c,
                                          const struct http_client_request *r, http_client_fn *fn,
                                          void *arg)
{
    struct http_client_call *call = mem_alloc(sizeof *call);
    call->client = c;
    call->fn = fn;
    call->arg = arg;
    call->begun_ms = clock_mono_ms();
    buf_init(&call->body, r->answer_max_bytes);
    call->easy = curl_easy_init();
    must(call->easy != NULL);
    set_options(call, r);
    list_push_back(&c->calls, &call->node);
    must(curl_multi_add_handle(c->multi, call->easy) == CURLM_OK);
    return call;
}

void http_client_cancel(struct http_client_call *call)
{
    free_call(call);
}
