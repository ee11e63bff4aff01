#include "run/http.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "run/loop.h"
#include "tests/support/raw_http.h"

#define N_CLIENTS   8
#define N_ASKS      50
#define LARGE_BYTES (4 * 1024 * 1024)

static struct loop *loop;
static struct http_server *server;
static int port;
static pthread_t loop_thread;

static const char *or_none(const char *header)
{
    return header != NULL ? header : "none";
}

static void handle(void *arg, const struct http_request *r, struct http_answer *a)
{
    ck_assert_ptr_eq(arg, &port);
    ck_assert(pthread_equal(pthread_self(), loop_thread));
    if (strcmp(r->path, "/large") == 0) {
        uint8_t *at = buf_reserve(&a->body, LARGE_BYTES);
        memset(at, 'x', LARGE_BYTES);
        buf_grow(&a->body, LARGE_BYTES);
    } else if (strcmp(r->path, "/empty") == 0) {
        a->status = 404;
    } else if (strcmp(r->path, "/json") == 0) {
        a->content_type = "application/json";
        ck_assert_int_eq(buf_printf(&a->body, "{}"), ERR_OK);
    } else if (strcmp(r->path, "/echo") == 0) {
        http_answer_text(a, 200, "%s|%.*s|%s|%s|%s|%s|%s", r->query, (int)r->body.len,
                         (const char *)r->body.data, r->host, r->remote, or_none(r->origin),
                         or_none(r->authorization), or_none(r->content_type));
    } else if (strcmp(r->path, "/words") == 0) {
        a->header_name = "Allow";
        a->header_value = "POST";
        http_answer_text(a, 405, "no %d", 7);
    } else if (strcmp(r->path, "/document") == 0) {
        struct json *j = json_new_object();
        json_set_int(j, "n", 1);
        http_answer_json(a, j);
    } else {
        ck_assert_int_eq(buf_printf(&a->body, "%s %s", r->method, r->path), ERR_OK);
    }
}

static void start(void)
{
    const char *why = NULL;
    loop_thread = pthread_self();
    loop = loop_create();
    enum err e = http_server_create(loop, "127.0.0.1:0", handle, &port, &server, &why);
    ck_assert_msg(e == ERR_OK, "%s", why);
    port = http_server_port(server);
    ck_assert_int_gt(port, 0);
}

static void stop(void)
{
    http_server_destroy(server);
    loop_run_once(loop);
    loop_destroy(loop);
}

/* Clients run on threads of their own, the server on the test's. */
struct client {
    pthread_t thread;
    void (*talk)(void);
    struct mailbox *done;
};

static atomic_int waiting;

static void on_done(void *arg, void *item)
{
    if (atomic_fetch_sub(&waiting, 1) == 1) {
        loop_stop(loop);
    }
}

static void *run_client(void *arg)
{
    struct client *c = arg;
    c->talk();
    mailbox_post(c->done, c);
    return NULL;
}

static void with_clients(int n, void (*talk)(void))
{
    struct client clients[N_CLIENTS];
    start();
    struct mailbox *done = mailbox_create(loop, on_done, NULL);
    atomic_store(&waiting, n);
    for (int i = 0; i < n; i++) {
        clients[i] = (struct client){.talk = talk, .done = done};
        ck_assert_int_eq(pthread_create(&clients[i].thread, NULL, run_client, &clients[i]), 0);
    }
    loop_run(loop);
    for (int i = 0; i < n; i++) {
        pthread_join(clients[i].thread, NULL);
    }
    mailbox_destroy(done, NULL);
    stop();
}

static void talk_plain(void)
{
    int fd = raw_connect(port);
    for (int i = 0; i < N_ASKS; i++) { /* the connection is kept */
        struct raw_reply r = raw_ask(fd, "GET", "/a%20b?query=1");
        ck_assert_int_eq(r.status, 200);
        ck_assert_str_eq(r.body, "GET /a%20b");
        ck_assert(raw_has(&r, "Content-Type: text/plain; charset=utf-8"));
        raw_free(&r);
    }
    struct raw_reply r = raw_ask(fd, "HEAD", "/abc");
    ck_assert_int_eq(r.status, 200);
    ck_assert(raw_has(&r, "Content-Length: 8"));
    raw_free(&r);
    r = raw_ask(fd, "GET", "/json");
    ck_assert(raw_has(&r, "Content-Type: application/json"));
    ck_assert_str_eq(r.body, "{}");
    raw_free(&r);
    r = raw_ask(fd, "GET", "/empty");
    ck_assert_int_eq(r.status, 404);
    ck_assert_uint_eq(r.len, 0);
    raw_free(&r);
    r = raw_ask(fd, "POST", "/x");
    ck_assert_str_eq(r.body, "POST /x");
    raw_free(&r);
    close(fd);
}

static void talk_large(void)
{
    struct raw_reply r = raw_get(port, "/large");
    ck_assert_int_eq(r.status, 200);
    ck_assert_uint_eq(r.len, LARGE_BYTES);
    raw_free(&r);
}

/* One POST with a body of so many bytes, on a connection that is kept. */
static struct raw_reply post(int fd, size_t bytes)
{
    static char request[HTTP_FORM_MAX + 1000];
    int head = snprintf(request, sizeof request,
                        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", bytes);
    memset(request + head, 'b', bytes);
    raw_send(fd, request, (size_t)head + bytes);
    return raw_read(fd, false);
}

static void talk_body(void)
{
    int fd = raw_connect(port);
    struct raw_reply r = post(fd, HTTP_FORM_MAX);
    ck_assert_int_eq(r.status, 200);
    ck_assert_str_eq(r.body, "POST /x");
    raw_free(&r);
    r = post(fd, HTTP_FORM_MAX + 1);
    ck_assert_int_eq(r.status, 413);
    ck_assert_ptr_nonnull(strstr(r.body, "65536"));
    raw_free(&r);
    r = post(fd, 10); /* and the connection goes on */
    ck_assert_int_eq(r.status, 200);
    raw_free(&r);
    close(fd);
}

static void talk_endless_body(void)
{
    static char piece[64 * 1024];
    int fd = raw_connect(port);
    const char *head = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n";
    raw_send(fd, head, strlen(head));
    memset(piece, 'b', sizeof piece);
    size_t sent = 0;
    while (sent < 99999999 && send(fd, piece, sizeof piece, MSG_NOSIGNAL) > 0) {
        sent += sizeof piece;
    }
    ck_assert_uint_lt(sent, 99999999 / 2);
    close(fd);
}

static void talk_details(void)
{
    int fd = raw_connect(port);
    const char *request = "POST /echo?a=%20b&c HTTP/1.1\r\nHost: here:1\r\nOrigin: http://x\r\n"
                          "Authorization: Bearer t\r\nContent-Type: text/x\r\n"
                          "Content-Length: 5\r\n\r\nhello";
    raw_send(fd, request, strlen(request));
    struct raw_reply r = raw_read(fd, false);
    ck_assert_str_eq(r.body, "a=%20b&c|hello|here:1|127.0.0.1|http://x|Bearer t|text/x\n");
    raw_free(&r);
    r = raw_ask(fd, "GET", "/echo");
    ck_assert_ptr_nonnull(strstr(r.body, "|none|none|none\n"));
    raw_free(&r);
    r = raw_ask(fd, "GET", "/words");
    ck_assert_int_eq(r.status, 405);
    ck_assert(raw_has(&r, "Allow: POST"));
    ck_assert_str_eq(r.body, "no 7\n");
    raw_free(&r);
    r = raw_ask(fd, "GET", "/document");
    ck_assert(raw_has(&r, "Content-Type: application/json"));
    ck_assert_str_eq(r.body, "{\n  \"n\": 1\n}\n");
    raw_free(&r);
    close(fd);
}

static void talk_garbage(void)
{
    int fd = raw_connect(port);
    raw_send(fd, "\x16\x03\x01\r\n\r\n", 7);
    struct raw_reply r = raw_read(fd, false);
    ck_assert(r.status == 400 || r.status == 0 || r.status == 505);
    raw_free(&r);
    close(fd);
    fd = raw_connect(port);
    for (int i = 0; i < 3000; i++) {
        raw_send(fd, "GET /aaaaaaaaaaa", 16);
    }
    r = raw_read(fd, false);
    ck_assert_int_ne(r.status, 200);
    raw_free(&r);
    close(fd);
    talk_plain();
}

/* More than are served at once: the others wait, and the next gets its turn when one goes. */
static void talk_many(void)
{
    int fds[HTTP_CONNECTIONS_MAX + 1];
    for (int i = 0; i <= HTTP_CONNECTIONS_MAX; i++) {
        fds[i] = raw_connect(port);
        ck_assert_int_ge(fds[i], 0);
    }
    struct raw_reply r = raw_ask(fds[HTTP_CONNECTIONS_MAX - 1], "GET", "/last");
    ck_assert_str_eq(r.body, "GET /last");
    raw_free(&r);
    close(fds[0]);
    r = raw_ask(fds[HTTP_CONNECTIONS_MAX], "GET", "/next");
    ck_assert_int_eq(r.status, 200);
    raw_free(&r);
    for (int i = 1; i <= HTTP_CONNECTIONS_MAX; i++) {
        close(fds[i]);
    }
}

START_TEST(too_many_at_once)
{
    with_clients(1, talk_many);
}
END_TEST

START_TEST(one_client)
{
    with_clients(1, talk_plain);
}
END_TEST

START_TEST(several_clients)
{
    with_clients(N_CLIENTS, talk_plain);
}
END_TEST

START_TEST(large_bodies)
{
    with_clients(4, talk_large);
}
END_TEST

START_TEST(a_body_has_a_limit)
{
    with_clients(1, talk_body);
}
END_TEST

START_TEST(a_body_without_end)
{
    with_clients(1, talk_endless_body);
}
END_TEST

START_TEST(a_request_is_told_whole)
{
    with_clients(1, talk_details);
}
END_TEST

START_TEST(garbage)
{
    with_clients(1, talk_garbage);
}
END_TEST

START_TEST(stop_while_clients_are_there)
{
    int fds[40];
    start();
    for (int i = 0; i < 40; i++) {
        fds[i] = raw_connect(port);
        ck_assert_int_ge(fds[i], 0);
        raw_send(fds[i], "GET /lar", 8);
        loop_run_once(loop);
    }
    stop();
    for (int i = 0; i < 40; i++) {
        char byte;
        ck_assert_int_le(recv(fds[i], &byte, 1, 0), 0);
        close(fds[i]);
    }
    http_server_destroy(NULL);
}
END_TEST

START_TEST(cannot_bind)
{
    char addr[64];
    struct http_server *second = NULL;
    const char *why = NULL;
    start();
    snprintf(addr, sizeof addr, "127.0.0.1:%d", port);
    ck_assert_int_eq(http_server_create(loop, addr, handle, NULL, &second, &why), ERR_IO);
    ck_assert_str_eq(why, "Address already in use");
    ck_assert_int_eq(http_server_create(loop, "[::1:x", handle, NULL, &second, &why), ERR_IO);
    ck_assert_ptr_null(second);
    ck_assert_int_eq(http_server_create(loop, "[::1]:0", handle, NULL, &second, &why), ERR_OK);
    http_server_destroy(second);
    stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http");
    TCase *t = tcase_create("http");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, too_many_at_once);
    tcase_add_test(t, one_client);
    tcase_add_test(t, several_clients);
    tcase_add_test(t, large_bodies);
    tcase_add_test(t, a_body_has_a_limit);
    tcase_add_test(t, a_body_without_end);
    tcase_add_test(t, a_request_is_told_whole);
    tcase_add_test(t, garbage);
    tcase_add_test(t, stop_while_clients_are_there);
    tcase_add_test(t, cannot_bind);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
