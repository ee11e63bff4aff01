#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run/http.h"
#include "tests/support/raw_http.h"
#include "tests/support/unit.h"

/* The handler keeps the requests; the test answers them from the loop when it has looked. */
static struct loop *loop;
static struct http_server *server;
static struct http_later *kept[HTTP_CONNECTIONS_MAX];
static int n_kept, n_asked;
static bool at_once;

static void answer_one(struct http_later *later, const char *text)
{
    static const struct http_header headers[] = {{"X-One", "1"}, {"X-Two", "2"}};
    struct http_answer a;
    http_answer_init(&a);
    http_answer_text(&a, 202, "%s", text);
    a.headers = headers;
    a.n_headers = 2;
    http_later_answer(later, &a);
}

static void handle(void *arg, const struct http_request *r, struct http_answer *a)
{
    n_asked++;
    if (strcmp(r->path, "/now") == 0) {
        http_answer_text(a, 200, "now %s", r->accept != NULL ? r->accept : "none");
        return;
    }
    http_answer_text(a, 500, "this is dropped");
    struct http_later *later = http_later(a);
    if (at_once) {
        answer_one(later, "at once");
    } else {
        kept[n_kept++] = later;
    }
}

static void start(void)
{
    const char *why = NULL;
    n_kept = n_asked = 0;
    at_once = false;
    loop = loop_create();
    ck_assert_int_eq(http_server_create(loop, "127.0.0.1:0", handle, NULL, &server, &why), ERR_OK);
}

static void stop(void)
{
    http_server_destroy(server);
    loop_run_once(loop);
    loop_destroy(loop);
}

/* A client that has sent its request, which the handler has. */
static int asked(const char *request)
{
    int before = n_asked;
    int fd = raw_connect(http_server_port(server));
    raw_send(fd, request, strlen(request));
    while (n_asked == before) {
        loop_run_once(loop);
    }
    return fd;
}

static bool readable(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

static void await(int fd)
{
    while (!readable(fd)) {
        loop_run_once(loop);
    }
}

START_TEST(an_answer_may_come_later)
{
    start();
    int fd = asked("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    int other = asked("GET /now HTTP/1.1\r\nHost: h\r\nAccept: a/b\r\n\r\n");
    await(other);
    struct raw_reply r = raw_read(other, false);
    ck_assert_str_eq(r.body, "now a/b\n");
    raw_free(&r);
    for (int round = 0; round < 2; round++) { /* the connection is kept */
        ck_assert(!readable(fd));
        answer_one(kept[round], "later");
        await(fd);
        r = raw_read(fd, false);
        ck_assert_int_eq(r.status, 202);
        ck_assert_str_eq(r.body, "later\n");
        ck_assert(raw_has(&r, "X-One: 1") && raw_has(&r, "X-Two: 2"));
        raw_free(&r);
        int before = n_asked;
        const char *again = "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab";
        raw_send(fd, again, strlen(again));
        while (n_asked == before) {
            loop_run_once(loop);
        }
    }
    answer_one(kept[2], "");
    close(fd);
    close(other);
    stop();
}
END_TEST

START_TEST(an_answer_may_come_inside_the_handler)
{
    start();
    at_once = true;
    int fd = asked("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fd);
    struct raw_reply r = raw_read(fd, false);
    ck_assert_int_eq(r.status, 202);
    ck_assert_str_eq(r.body, "at once\n");
    raw_free(&r);
    close(fd);
    stop();
}
END_TEST

/* Without a client or a server an answer is dropped. */
START_TEST(nobody_may_be_there_any_more)
{
    start();
    close(asked("GET /later HTTP/1.1\r\nHost: h\r\n\r\n"));
    answer_one(kept[0], "to nobody");
    int fd = asked("GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fd);
    close(fd);
    fd = asked("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    int answered = asked("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    answer_one(kept[2], "not sent yet");
    stop();
    answer_one(kept[1], "after the end");
    close(fd);
    close(answered);
}
END_TEST

/* Who waits for an answer has a connection: the next client waits until one has gone. */
START_TEST(no_more_wait_than_there_are_connections)
{
    int fds[HTTP_CONNECTIONS_MAX];
    const char *request = "GET /now HTTP/1.1\r\nHost: h\r\n\r\n";
    start();
    for (int i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        fds[i] = asked("GET /later HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    }
    int next = raw_connect(http_server_port(server));
    raw_send(next, request, strlen(request));
    answer_one(kept[0], "first");
    await(fds[0]);
    close(fds[0]);
    await(next);
    struct raw_reply r = raw_read(next, false);
    ck_assert_int_eq(r.status, 200);
    raw_free(&r);
    close(next);
    for (int i = 1; i < HTTP_CONNECTIONS_MAX; i++) {
        answer_one(kept[i], "the others");
        close(fds[i]);
    }
    stop();
}
END_TEST

UNIT_MAIN("http_later", an_answer_may_come_later, an_answer_may_come_inside_the_handler,
          nobody_may_be_there_any_more, no_more_wait_than_there_are_connections)
