#include "broadcaster/viewers/viewers.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/media/media_path.h"
#include "broadcaster/push/push_http.h"
#include "broadcaster/viewers/address_count.h"
#include "broadcaster/viewers/http_target.h"
#include "broadcaster/viewers/pages.h"
#include "broadcaster/viewers/viewers_answer_internal.h"
#include "broadcaster/viewers/viewers_client.h"
#include "broadcaster/viewers/viewers_hold.h"
#include "broadcaster/viewers/viewers_index.h"
#include "broadcaster/viewers/viewers_media.h"
#include "broadcaster/viewers/viewers_pay.h"
#include "broadcaster/viewers/viewers_refuse.h"
#include "broadcaster/viewers/viewers_response.h"
#include "broadcaster/viewers/viewers_serve.h"
#include "broadcaster/viewers/viewers_watch.h"
#include "run/http_queue.h"
#include "run/listen.h"
#include "run/log.h"

/* A request's line and headers have to fit: else 431. It is also what a waiting request costs most
 * of. */
#define CONNECTION_MEMORY (6 * 1024)
#define NO_FILES_MS       50   /* to wait for others to close theirs */
#define WATCH_SLACK_MS    2000 /* the library's own time-out comes first, and ends politely */
#define LOG_LINE_MAX      512
#define SENTENCE_MAX      512

/* The context of a viewer's request behind its first call, and of one that is answered. */
static int seen, refused;

/* In this thread an answer's headers found no room in their connection's memory, which ends now. */
static _Thread_local bool no_room;

static const struct cidr_list nobody;

struct viewers {
    struct push_http *push;
    struct media *media;
    bool no_index;
    const struct pages *pages;
    const struct cors *cors;
    const struct cidr_list *trusted;
    struct serve *serve;
    struct board *board;
    struct viewers_pay *pay; /* NULL: nothing costs anything */
    struct watch *watch;
    struct address_count *addresses; /* of open connections */
    struct hold *hold;
    bool dated;
    struct viewers_index *index;
    int port;
    unsigned user_timeout_ms;
    atomic_ullong requests, playlists, segments, not_found, bad_requests, sent_bytes, refused;
};

static void on_log(void *arg, const char *format, va_list args)
{
    char line[LOG_LINE_MAX];
    vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\n")] = '\0';
    /* Of all that it says this alone is the operator's business. */
    bool files = strstr(line, "system resource limit") != NULL;
    no_room = strstr(line, "failed to create response header") != NULL;
    log_line(files ? LOG_WARN : LOG_DEBUG, "viewers", "library", "text=\"%s\"", line);
    if (files) {
        poll(NULL, 0, NO_FILES_MS); /* the library would try again at once, and say so each time */
    }
}

/* Leaves the URL as it was sent: hls_parse decodes it, once and after cutting it. */
static size_t on_unescape(void *arg, struct MHD_Connection *c, char *text)
{
    return strlen(text);
}

static void refuse(struct viewers *v, struct MHD_Connection *c, unsigned status)
{
    atomic_fetch_add(&v->requests, 1);
    atomic_fetch_add(&v->bad_requests, 1);
    viewers_refuse(c, status, v->cors);
}

/* The library's own have no CORS headers, and where it gives one for what a request's headers say
 * (0.9.75, parse_connection_headers), it sends its head twice. */
static void on_own_answer(void *arg, struct MHD_Connection *c, unsigned status)
{
    refuse(arg, c, status);
}

static void *on_target(void *arg, const char *target, struct MHD_Connection *c)
{
    if (strlen(target) > MEDIA_TARGET_MAX) {
        refuse(arg, c, MHD_HTTP_URI_TOO_LONG);
        return &refused;
    }
    http_target_fold((char *)(uintptr_t)target); /* the connection's own buffer */
    viewers_keep_cookies_whole(c);
    return NULL;
}

static struct watched *watched_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

static void count_connection_down(struct viewers *v, const struct client *peer)
{
    if (!peer->proxied) {
        address_count_down(v->addresses, peer->address);
    }
}

static void on_connection(void *arg, struct MHD_Connection *c, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct viewers *v = arg;
    struct client peer = viewers_client_peer(c, v->trusted);
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*context != NULL) {
            count_connection_down(v, &peer);
            serve_sent(*context);
            watch_remove(v->watch, *context);
        }
        return;
    }
    http_on_own_answer(on_own_answer, v); /* a thread serves for one struct viewers */
    int fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &v->user_timeout_ms, sizeof v->user_timeout_ms);
    /* The library's own limit is of whole addresses, and an IPv6 host has any number of them. */
    enum err e = peer.proxied ? ERR_OK : address_count_up(v->addresses, peer.address);
    *context = e == ERR_OK ? watch_add(v->watch, fd) : NULL;
    if (e == ERR_OK && *context == NULL) {
        count_connection_down(v, &peer);
    }
    if (*context != NULL) {
        *watch_client(*context) = peer;
        serve_begin(*context, fd);
    } else {
        atomic_fetch_add(&v->refused, e == ERR_LIMIT);
        shutdown(fd, SHUT_RDWR);
    }
}

/* A proxy's connections bring the requests of many, so there each request counts. */
static void request_begins(struct viewers *v, struct MHD_Connection *c)
{
    struct watched *watched = watched_of(c);
    struct client *client = watched != NULL ? watch_client(watched) : NULL;
    if (client == NULL || !client->proxied) {
        return;
    }
    *client = viewers_client_behind(c, v->trusted);
    enum err e = address_count_up(v->addresses, client->address);
    client->counted = e == ERR_OK;
    client->refused = e != ERR_OK;
    atomic_fetch_add(&v->refused, e == ERR_LIMIT);
}

static void request_ends(struct viewers *v, struct client *client)
{
    if (client->counted) {
        address_count_down(v->addresses, client->address);
    }
    client->counted = client->refused = false;
}

/* The request does not wait any more, if it did. */
static struct hold_over end_hold(struct watched *watched)
{
    void **slot = watch_slot(watched);
    struct held *held = *slot;
    *slot = NULL;
    return held != NULL ? hold_end(held) : (struct hold_over){.wait = VIEWER_MAY_WAIT};
}

static void on_completed(void *arg, struct MHD_Connection *c, void **context,
                         enum MHD_RequestTerminationCode how)
{
    struct viewers *v = arg;
    struct watched *watched = watched_of(c);
    size_t sent = watch_answer_ends(watched);
    if (no_room) { /* nothing is sent yet; the library would end it without a word */
        no_room = false;
        atomic_fetch_add(&v->bad_requests, 1);
        viewers_refuse(c, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, v->cors);
    }
    serve_sent(watched);
    if (watched != NULL) {
        end_hold(watched);
        request_ends(v, watch_client(watched));
        viewers_pay_completed(watched, how == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    }
    int64_t ready_us = watch_ready(watched);
    if (ready_us > 0 && how == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        hold_answered(v->hold, clock_mono_us() - ready_us);
    }
    if (*context != NULL && *context != &seen && *context != &refused) {
        push_http_completed(*context);
        *context = NULL;
    }
    if (how == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        atomic_fetch_add(&v->sent_bytes, sent);
    }
}

static void count(struct viewers *v, const struct answer *a)
{
    atomic_fetch_add(&v->requests, 1);
    if (a->kind == ANSWER_PLAYLIST) {
        atomic_fetch_add(&v->playlists, 1);
    } else if (a->kind == ANSWER_SEGMENT) {
        atomic_fetch_add(&v->segments, 1);
    } else if (a->status == MHD_HTTP_NOT_FOUND) {
        atomic_fetch_add(&v->not_found, 1);
    } else if (a->status == MHD_HTTP_BAD_REQUEST || a->status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        atomic_fetch_add(&v->bad_requests, 1);
    }
}

/* Nobody reads it; it may be of any length. */
static bool announces_body(struct MHD_Connection *c)
{
    const char *length =
        MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (length != NULL && strcmp(length, "0") != 0) ||
           MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING) !=
               NULL;
}

/* The library ends the connection after an answer that comes before its second call; that is right
 * for a request that may bring a large body, and costs a viewer a connection for each segment. */
static bool wants_more(struct MHD_Connection *c, const char *method, size_t *upload_size,
                       void **context)
{
    bool first = *context == NULL;
    bool body = *upload_size > 0;
    *context = &seen;
    *upload_size = 0;
    bool plain =
        strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0;
    return (first && plain && !announces_body(c)) || body;
}

/* RFC 9112, 6.1; the library would wait for the end of the connection. */
static bool is_coded(struct MHD_Connection *c)
{
    const char *coding =
        MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    return coding != NULL && strcasecmp(coding, "chunked") != 0;
}

static size_t bytes_sent(const struct answer *a, const char *method)
{
    if (strcmp(method, "HEAD") == 0 || a->status == MHD_HTTP_NOT_MODIFIED) {
        return 0;
    }
    if (a->reader.read != NULL) {
        return a->reader.n;
    }
    return a->status == MHD_HTTP_PARTIAL_CONTENT ? a->n : answer_len(a);
}

static enum MHD_Result give_page(struct viewers *v, struct MHD_Connection *c,
                                 const struct viewer_request *request, const struct page *p)
{
    struct MHD_Response *r = viewers_page_response(p, v->cors, request->origin);
    if (r == NULL) {
        return MHD_NO;
    }
    atomic_fetch_add(&v->requests, 1);
    atomic_fetch_add(&v->not_found, p->status == MHD_HTTP_NOT_FOUND);
    bool head = strcmp(request->method, "HEAD") == 0;
    watch_answer_begins(watched_of(c), head ? 0 : p->body.len);
    enum MHD_Result result = http_queue(c, (unsigned)p->status, r);
    MHD_destroy_response(r);
    return result;
}

/* True: the request waits, and there is no answer. */
static bool ask_money(struct viewers *v, struct MHD_Connection *c,
                      const struct viewer_request *request, struct answer *a)
{
    return v->pay != NULL &&
           viewers_pay_gate(v->pay, c, watched_of(c), request, a) == VIEWERS_PAY_HELD;
}

/* True: the request waits, and there is no answer. */
static bool find_answer(struct viewers *v, struct MHD_Connection *c, struct viewer_request *request,
                        struct answer *ret_answer)
{
    struct watched *watched = watched_of(c);
    struct hold_over over = {.wait = VIEWER_TOO_MANY};
    if (watched != NULL) {
        over = end_hold(watched);
    }
    request->wait = over.wait;
    watch_set_ready(watched, over.ready_us);
    if (viewers_media_answer(v->media, !v->no_index, request, ret_answer)) {
        return ask_money(v, c, request, ret_answer);
    }
    enum index_answer mine = viewers_index_answer(v->index, c, request, ret_answer);
    if (mine != INDEX_NOT_MINE) {
        return mine == INDEX_HELD;
    }
    answer_init(ret_answer, v->board, request);
    if (ask_money(v, c, request, ret_answer)) {
        return true;
    }
    if (!ret_answer->waits) {
        return false;
    }
    enum hold_result result = hold_begin(v->hold, c, watched, &ret_answer->hold, over.since_ms,
                                         (struct held **)watch_slot(watched));
    answer_fini(ret_answer);
    if (result == HOLD_HELD) {
        return true;
    }
    request->wait = result == HOLD_STOPPING ? VIEWER_STOPPING : VIEWER_TOO_MANY;
    answer_init(ret_answer, v->board, request);
    return ask_money(v, c, request, ret_answer); /* it may have come meanwhile */
}

static enum MHD_Result send_answer(struct viewers *v, struct MHD_Connection *c,
                                   const struct viewer_request *request, struct answer *a)
{
    struct watched *watched = watched_of(c);
    count(v, a);
    size_t n = bytes_sent(a, request->method);
    watch_answer_begins(watched, n);
    serve_sends(watched, n, viewers_sends_file(a));
    return viewers_send(c, watched, a, v->cors, request->origin);
}

/* Requests for the addresses of payment. */
static enum MHD_Result on_pay_request(struct viewers *v, const struct viewers_pay_call *call)
{
    struct answer a;
    switch (viewers_pay_request(v->pay, call, &a)) {
    case VIEWERS_PAY_ANSWERED:
        break;
    case VIEWERS_PAY_BROKEN:
        return MHD_NO;
    default:
        return MHD_YES;
    }
    enum MHD_Result result = send_answer(v, call->connection, call->request, &a);
    answer_fini(&a);
    return result;
}

static bool is_refused(struct MHD_Connection *c)
{
    struct watched *watched = watched_of(c);
    return watched != NULL && watch_client(watched)->refused;
}

static enum MHD_Result give_refusal(struct viewers *v, struct MHD_Connection *c, const char *method)
{
    struct viewer_request request = {.method = method};
    struct answer a = {0};
    viewers_request_read(c, &request);
    buf_init(&a.text, SENTENCE_MAX);
    buf_init(&a.location, 1);
    answer_say(&a, MHD_HTTP_TOO_MANY_REQUESTS,
               "Too many requests of your address at once; try again in a moment.", "", "");
    a.cache_control = "no-store"; /* nobody else's answer */
    enum MHD_Result result = send_answer(v, c, &request, &a);
    answer_fini(&a);
    return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
    struct viewers *v = arg;
    if (*context == &refused) {
        return MHD_NO;
    }
    if (*context == NULL && is_coded(c)) {
        refuse(v, c, MHD_HTTP_NOT_IMPLEMENTED);
        return MHD_NO;
    }
    if (*context == NULL) {
        request_begins(v, c);
    }
    if (is_refused(c)) {
        return wants_more(c, method, upload_size, context) ? MHD_YES : give_refusal(v, c, method);
    }
    if (push_request_is(url)) {
        struct push_call call = {c, watched_of(c), url, method, upload, upload_size, context};
        return (enum MHD_Result)push_http_request(v->push, &call);
    }
    bool pays = v->pay != NULL && viewers_pay_is(url), first = *context == NULL;
    if (!pays && wants_more(c, method, upload_size, context)) {
        return MHD_YES;
    }
    *context = &seen;
    char target[MEDIA_TARGET_MAX + 2]; /* the longest that anybody reads */
    struct viewer_request request = {.method = method, .dated = v->dated};
    request.target = viewers_target(c, url, target, sizeof target);
    struct hls_ask ask = hls_parse(request.target);
    request.ask = &ask;
    viewers_request_read(c, &request);
    if (pays) {
        struct viewers_pay_call call = {c, watched_of(c), &request, upload, upload_size, first};
        return on_pay_request(v, &call);
    }
    struct page page;
    enum pages_found found = v->pages != NULL ? pages_find(v->pages, &request, &page) : PAGES_NONE;
    if (found == PAGES_GIVEN) {
        return give_page(v, c, &request, &page);
    }
    struct answer a;
    if (find_answer(v, c, &request, &a)) {
        return MHD_YES;
    }
    if (a.kind == ANSWER_PLAYLIST && watched_of(c) != NULL) {
        viewers_index_saw(v->index, c, watch_client(watched_of(c)), &ask);
    }
    a.page_too = found == PAGES_VARIES;
    enum MHD_Result result = send_answer(v, c, &request, &a);
    answer_fini(&a);
    return result;
}

struct start {
    struct viewers *viewers;
    const struct viewers_config *config;
    int threads, connections; /* of the daemons that are still to be started */
};

static struct MHD_Daemon *start_daemon(void *arg, int fd)
{
    struct start *s = arg;
    struct viewers *v = s->viewers;
    const struct viewers_config *config = s->config;
    int share = (s->connections + s->threads - 1) / s->threads;
    s->connections -= share;
    s->threads--;
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, v,
        MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, v, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, v, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        v, MHD_OPTION_CONNECTION_LIMIT, (unsigned)share, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)config->idle_timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

enum err viewers_create(const struct viewers_config *config, struct board *board,
                        struct viewers **ret_viewers, const char **ret_why)
{
    int fd;
    int port;
    enum err e = listen_tcp(&config->addr, &fd, &port, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    struct viewers *v = mem_alloc(sizeof *v);
    int64_t idle_ms = (int64_t)config->idle_timeout_s * 1000;
    v->board = board;
    v->push = config->push;
    v->media = config->media;
    v->pay = config->pay;
    v->no_index = config->no_index;
    v->cors = config->cors;
    v->trusted = config->trusted != NULL ? config->trusted : &nobody;
    v->pages = config->pages;
    v->port = port;
    v->addresses = address_count_create((size_t)config->max_per_address);
    v->user_timeout_ms = (unsigned)idle_ms;
    v->index = viewers_index_create(board, !config->no_index);
    v->watch = watch_create(idle_ms + WATCH_SLACK_MS, config->min_rate);
    struct hold_config hold = {
        .board = board,
        .max = (size_t)config->max_held,
        .max_per_address = (size_t)config->max_held_per_address,
    };
    v->hold = hold_create(&hold);
    v->dated = config->dated;
    bool threads = v->watch != NULL && v->index != NULL && v->hold != NULL;
    bool few = config->max_connections < config->threads; /* each thread has at least one */
    int n = few ? config->max_connections : config->threads;
    struct start start = {v, config, n, config->max_connections};
    v->serve = threads ? serve_create(n, fd, start_daemon, &start) : NULL;
    if (v->serve == NULL) {
        *ret_why = "the HTTP server's threads could not be started";
        viewers_destroy(v);
        return ERR_IO;
    }
    *ret_viewers = v;
    return ERR_OK;
}

void viewers_destroy(struct viewers *v)
{
    if (v == NULL) {
        return;
    }
    if (v->hold != NULL) {
        hold_stop(v->hold); /* the library ends the process when a request still waits */
    }
    if (v->serve != NULL) {
        viewers_index_stop(v->index);
        serve_destroy(v->serve);
    }
    hold_destroy(v->hold);
    watch_destroy(v->watch);
    viewers_index_destroy(v->index);
    address_count_destroy(v->addresses);
    mem_free(v);
}

unsigned viewers_of_rung(const struct viewers *v, const char *id, const char *rendition)
{
    return viewers_index_count(v->index, id, rendition);
}

int viewers_port(const struct viewers *v)
{
    return v->port;
}

struct histogram viewers_wake(const struct viewers *v)
{
    return hold_wake(v->hold);
}

struct viewers_counters viewers_counters(const struct viewers *v)
{
    struct hold_counters hold = hold_counters(v->hold);
    return (struct viewers_counters){
        .held = hold.now,
        .waits = hold.waits,
        .waits_late = hold.late,
        .waits_refused = hold.refused,
        .waits_left = hold.left,
        .requests = atomic_load(&v->requests),
        .playlists = atomic_load(&v->playlists),
        .segments = atomic_load(&v->segments),
        .not_found = atomic_load(&v->not_found),
        .bad_requests = atomic_load(&v->bad_requests),
        .slow = watch_slow_count(v->watch),
        .shrunk = watch_shrunk_count(v->watch),
        .sent_bytes = atomic_load(&v->sent_bytes),
        .refused = atomic_load(&v->refused),
        .connections = watch_connections(v->watch),
    };
}
