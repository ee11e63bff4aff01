#include "run/http_client.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/unit.h"

#define ANSWER_MAX 1000

/* A server on a thread of its own: it takes so many connections, says the same thing to each once a
 * request has come whole, and closes. */
struct server {
    pthread_t thread;
    int fd, port;
    int connections;
    const char *says; /* NULL: nothing, until the client goes */
    char heard[4096];
};

static bool is_whole(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "content-length:");
    return end != NULL && (length == NULL || strlen(end + 4) >= strtoul(length + 15, NULL, 10));
}

static void *serve(void *arg)
{
    struct server *s = arg;
    for (int i = 0; i < s->connections; i++) {
        int fd = accept(s->fd, NULL, NULL);
        size_t n = 0;
        memset(s->heard, 0, sizeof s->heard);
        for (ssize_t got = 1; got > 0 && (s->says == NULL || !is_whole(s->heard));
             n += (size_t)got) {
            got = read(fd, s->heard + n, sizeof s->heard - 1 - n);
            got = got < 0 ? 0 : got;
        }
        if (s->says != NULL) {
            (void)!write(fd, s->says, strlen(s->says));
        }
        close(fd);
    }
    return NULL;
}

static void server_start(struct server *s, int connections, const char *says)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(s->fd, 8), 0);
    ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
    s->port = ntohs(a.sin_port);
    s->connections = connections;
    s->says = says;
    ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
    pthread_join(s->thread, NULL);
    close(s->fd);
}

/* What came back. */
struct seen {
    struct loop *loop;
    int calls;
    enum err err;
    int status;
    char body[ANSWER_MAX + 1];
    char why[HTTP_CLIENT_WHY_MAX];
    char type[HTTP_CLIENT_TYPE_MAX];
    bool sent;
};

static void on_result(void *arg, const struct http_client_result *r)
{
    struct seen *s = arg;
    s->calls++;
    s->err = r->err;
    s->status = r->status;
    ck_assert_uint_le(r->body.len, ANSWER_MAX);
    memcpy(s->body, r->body.data != NULL ? (const char *)r->body.data : "", r->body.len);
    s->body[r->body.len] = '\0';
    snprintf(s->why, sizeof s->why, "%s", r->why);
    snprintf(s->type, sizeof s->type, "%s", r->content_type);
    s->sent = r->sent;
    loop_stop(s->loop);
}

static struct seen ask_for(const struct http_client_request *r)
{
    struct seen seen = {.loop = loop_create()};
    struct http_client *c = http_client_create(seen.loop);
    (void)http_client_send(c, r, on_result, &seen);
    ck_assert_int_eq(seen.calls, 0);
    loop_run(seen.loop);
    ck_assert_int_eq(seen.calls, 1);
    http_client_destroy(c);
    loop_destroy(seen.loop);
    return seen;
}

static struct seen ask(const char *url, const char *body, int64_t timeout_ms)
{
    struct http_client_request r = {.url = url,
                                    .body = body,
                                    .content_type = "application/json",
                                    .timeout_ms = timeout_ms,
                                    .answer_max_bytes = ANSWER_MAX};
    return ask_for(&r);
}

static struct seen ask_server(const char *says, const char *body)
{
    struct server s = {0};
    char url[100];
    server_start(&s, 1, says);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/path?secret=1", s.port);
    struct seen seen = ask(url, body, 10000);
    server_stop(&s);
    ck_assert_ptr_nonnull(strstr(s.heard, body != NULL ? "POST /path?secret=1 HTTP" : "GET /path"));
    if (body != NULL) {
        ck_assert_ptr_nonnull(strstr(s.heard, "Content-Type: application/json\r\n"));
        ck_assert_str_eq(strstr(s.heard, "\r\n\r\n") + 4, body);
    }
    ck_assert_ptr_null(strstr(seen.why, "secret"));
    ck_assert(seen.sent);
    return seen;
}

START_TEST(asks_and_hears)
{
    struct seen s = ask_server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "{\"a\":1}");
    ck_assert_int_eq(s.err, ERR_OK);
    ck_assert_int_eq(s.status, 200);
    ck_assert_str_eq(s.body, "hello");
    s = ask_server("HTTP/1.1 403 No\r\n\r\n", NULL);
    ck_assert_int_eq(s.err, ERR_OK);
    ck_assert_int_eq(s.status, 403);
    ck_assert_str_eq(s.body, "");
}
END_TEST

START_TEST(bad_answers_are_named)
{
    static const struct {
        const char *says;
        enum err e;
        const char *word;
    } cases[] = {
        {"", ERR_CLOSED, ""},
        {"no http at all\r\n", ERR_PROTO, "not HTTP"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", ERR_CLOSED, ""},
        {"HTTP/1.1 302 Go\r\nLocation: file:///etc/secret\r\nContent-Length: 0\r\n\r\n", ERR_PROTO,
         "scheme"},
        {"HTTP/1.1 302 Go\r\nLocation: ftp://u:secret@h/\r\nContent-Length: 0\r\n\r\n", ERR_PROTO,
         "scheme"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct seen s = ask_server(cases[i].says, "{}");
        ck_assert_msg(s.err == cases[i].e, "case %zu: %s: %s", i, err_text(s.err), s.why);
        ck_assert_msg(strstr(s.why, cases[i].word) != NULL && s.why[0] != '\0', "%s", s.why);
    }
}
END_TEST

START_TEST(long_answers_are_cut_off)
{
    char says[3 * ANSWER_MAX];
    for (size_t extra = 0; extra <= 1; extra++) {
        int n = snprintf(says, sizeof says, "HTTP/1.1 200 OK\r\n\r\n");
        memset(says + n, 'x', ANSWER_MAX + extra);
        says[(size_t)n + ANSWER_MAX + extra] = '\0';
        struct seen s = ask_server(says, "{}");
        ck_assert_int_eq(s.err, extra > 0 ? ERR_LIMIT : ERR_OK);
        ck_assert(extra > 0 ? strstr(s.why, "too long") != NULL : strlen(s.body) == ANSWER_MAX);
    }
}
END_TEST

START_TEST(silence_times_out)
{
    struct server s = {0};
    char url[100];
    server_start(&s, 1, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", s.port);
    struct seen seen = ask(url, "{}", 100);
    server_stop(&s);
    ck_assert_int_eq(seen.err, ERR_TIMEOUT);
    ck_assert(seen.sent);
    ck_assert_ptr_nonnull(strstr(seen.why, "in time"));
}
END_TEST

START_TEST(nobody_listens)
{
    struct server s = {0};
    char url[100];
    server_start(&s, 0, NULL);
    server_stop(&s);
    snprintf(url, sizeof url, "http://user:secret@127.0.0.1:%d/secret", s.port);
    struct seen seen = ask(url, "{}", 10000);
    ck_assert_int_eq(seen.err, ERR_CLOSED);
    ck_assert(!seen.sent);
    ck_assert(seen.why[0] != '\0' && strstr(seen.why, "secret") == NULL);
}
END_TEST

/* A redirect keeps the question; a circle of them ends. */
START_TEST(redirects)
{
    struct server a = {0}, b = {0};
    char says[200], url[100];
    server_start(&b, 1, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nhere");
    snprintf(says, sizeof says,
             "HTTP/1.1 301 Go\r\nLocation: http://127.0.0.1:%d/x\r\nContent-Length: 0\r\n"
             "Connection: close\r\n\r\n",
             b.port);
    server_start(&a, 1, says);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", a.port);
    struct seen s = ask(url, "{\"q\":1}", 10000);
    server_stop(&a);
    server_stop(&b);
    ck_assert_str_eq(s.body, "here");
    ck_assert_ptr_nonnull(strstr(b.heard, "POST /x"));
    ck_assert_ptr_nonnull(strstr(b.heard, "{\"q\":1}"));
    server_start(&a, HTTP_CLIENT_REDIRECTS + 1,
                 "HTTP/1.1 302 Go\r\nLocation: /again\r\nContent-Length: 0\r\n"
                 "Connection: close\r\n\r\n");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", a.port);
    s = ask(url, "{}", 10000);
    server_stop(&a);
    ck_assert_int_eq(s.err, ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(s.why, "too often"));
}
END_TEST

START_TEST(headers_and_types)
{
    const struct http_client_header headers[] = {{"Accept", "a/b"}, {"X-Secret", "deadbeef"}};
    struct server s = {0};
    char url[100], says[500], type[300];
    memset(type, 'x', sizeof type - 1);
    type[sizeof type - 1] = '\0';
    snprintf(says, sizeof says, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: 0\r\n\r\n",
             type);
    server_start(&s, 1, says);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", s.port);
    struct http_client_request r = {.url = url,
                                    .timeout_ms = 10000,
                                    .answer_max_bytes = ANSWER_MAX,
                                    .headers = headers,
                                    .n_headers = 2};
    struct seen seen = ask_for(&r);
    server_stop(&s);
    ck_assert_int_eq(seen.err, ERR_OK);
    ck_assert_ptr_nonnull(strstr(s.heard, "\r\nAccept: a/b\r\n"));
    ck_assert_ptr_nonnull(strstr(s.heard, "\r\nX-Secret: deadbeef\r\n"));
    ck_assert_uint_eq(strlen(seen.type), HTTP_CLIENT_TYPE_MAX - 1);
    seen = ask_server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL);
    ck_assert_str_eq(seen.type, "");
}
END_TEST

START_TEST(redirects_are_left_alone)
{
    struct server s = {0};
    char url[100];
    server_start(&s, 1,
                 "HTTP/1.1 302 Go\r\nLocation: /again\r\nContent-Length: 0\r\n"
                 "Connection: close\r\n\r\n");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", s.port);
    struct http_client_request r = {
        .url = url, .timeout_ms = 10000, .answer_max_bytes = ANSWER_MAX, .no_redirects = true};
    struct seen seen = ask_for(&r);
    server_stop(&s);
    ck_assert_int_eq(seen.err, ERR_OK);
    ck_assert_int_eq(seen.status, 302);
}
END_TEST

/* By number or by name: the server hears of no connection. */
START_TEST(only_the_public_internet)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"};
    struct server s = {0};
    char url[100];
    server_start(&s, 1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        snprintf(url, sizeof url, "http://%s:%d/?private", hosts[i], s.port);
        struct http_client_request r = {
            .url = url, .timeout_ms = 10000, .answer_max_bytes = ANSWER_MAX, .public_only = true};
        struct seen seen = ask_for(&r);
        ck_assert_int_eq(seen.err, ERR_CLOSED);
        ck_assert_ptr_nonnull(strstr(seen.why, "public"));
        ck_assert(!seen.sent);
    }
    ck_assert_str_eq(s.heard, "");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/last", s.port);
    ck_assert_int_eq(ask(url, NULL, 10000).status, 200);
    server_stop(&s);
    ck_assert_ptr_nonnull(strstr(s.heard, "GET /last"));
}
END_TEST

static void must_not(void *arg, const struct http_client_result *r)
{
    (void)arg;
    (void)r;
    ck_abort_msg("called");
}

/* Neither after a cancel nor after the client's end. */
START_TEST(cancelled_calls_are_silent)
{
    struct server s = {0};
    char url[100];
    server_start(&s, 1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", s.port);
    struct seen seen = {.loop = loop_create()};
    struct http_client *c = http_client_create(seen.loop);
    struct http_client_request r = {
        .url = url, .timeout_ms = 10000, .answer_max_bytes = ANSWER_MAX};
    http_client_cancel(http_client_send(c, &r, must_not, NULL));
    (void)http_client_send(c, &r, on_result, &seen);
    loop_run(seen.loop);
    ck_assert_int_eq(seen.status, 200);
    server_stop(&s);
    server_start(&s, 1, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", s.port);
    (void)http_client_send(c, &r, must_not, NULL);
    for (int i = 0; i < 100; i++) {
        loop_run_once(seen.loop);
    }
    http_client_destroy(c);
    loop_destroy(seen.loop);
    shutdown(s.fd, SHUT_RDWR);
    server_stop(&s);
}
END_TEST

START_TEST(urls_are_checked)
{
    static const struct {
        const char *url;
        bool good;
    } cases[] = {
        {"http://h", true},   {"https://h:1/p?q=1", true}, {"http://u:p@[::1]:80/", true},
        {"HTTP://h/", true},  {"tcp://host/", false},      {"ftp://host/", false},
        {"file:///x", false}, {"host/path", false},        {"http://", false},
        {"", false},          {"http://h:port/", false},   {"http://h o/", false},

    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[HTTP_CLIENT_WHY_MAX] = "";
        bool good = http_client_check_url(cases[i].url, why) == ERR_OK;
        ck_assert_msg(good == cases[i].good, "%s: %s", cases[i].url, why);
        ck_assert(good == (why[0] == '\0'));
    }
}
END_TEST

UNIT_MAIN("http_client", asks_and_hears, bad_answers_are_named, long_answers_are_cut_off,
          silence_times_out, nobody_listens, redirects, cancelled_calls_are_silent,
          urls_are_checked, headers_and_types, redirects_are_left_alone, only_the_public_internet)
