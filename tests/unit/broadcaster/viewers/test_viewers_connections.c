/* usual time: 11 s */
#include "broadcaster/viewers/viewers.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/broadcaster/viewers/viewers_bench.h"

#define N_CONNECTIONS 300
#define ROUNDS        50
#define LARGE_BYTES   (24 * 1024 * 1024) /* more than both socket buffers take */

START_TEST(many_connections)
{
    int fds[N_CONNECTIONS];
    start(&plain);
    publish("a", "source", 5);
    for (int i = 0; i < N_CONNECTIONS; i++) {
        fds[i] = raw_connect(port);
        ck_assert_int_ge(fds[i], 0);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N_CONNECTIONS; i++) {
            struct raw_reply r = raw_ask(fds[i], "GET", "/stream/a/source/104.ts");
            ck_assert_int_eq(r.status, 200);
            raw_free(&r);
        }
    }
    ck_assert_uint_eq(viewers_counters(viewers).connections, N_CONNECTIONS);
    ck_assert_uint_eq(viewers_counters(viewers).segments, 2 * N_CONNECTIONS);
    stop(); /* while all of them are connected */
    for (int i = 0; i < N_CONNECTIONS; i++) {
        char byte;
        ck_assert_int_le(recv(fds[i], &byte, 1, 0), 0);
        close(fds[i]);
    }
}
END_TEST

static void healthy(int fd)
{
    struct raw_reply r = raw_ask(fd, "GET", "/healthz");
    ck_assert_int_eq(r.status, 200);
    raw_free(&r);
}

/* However many threads share them. Who is one too many waits for a place. */
START_TEST(as_many_connections_as_allowed)
{
    for (int max = 1; max <= 5; max++) {
        struct viewers_config config = plain;
        int fds[6];
        config.max_connections = max;
        start(&config);
        for (int i = 0; i < max; i++) {
            fds[i] = raw_connect(port);
            healthy(fds[i]);
        }
        fds[max] = raw_connect(port);
        for (int i = 0; i < ROUNDS; i++) {
            healthy(fds[i % max]);
        }
        ck_assert_uint_eq(viewers_counters(viewers).connections, (uint64_t)max);
        for (int i = 0; i < max; i++) {
            close(fds[i]);
        }
        healthy(fds[max]);
        close(fds[max]);
        stop();
    }
}
END_TEST

struct reader {
    pthread_t thread;
    atomic_bool *done;
    unsigned bad;
};

static void *read_on(void *arg)
{
    struct reader *me = arg;
    int fd = raw_connect(port);
    while (!atomic_load(me->done)) {
        struct raw_reply r = raw_ask(fd, "GET", "/stream/a/source.m3u8");
        unsigned long msn = 0;
        char *at = strstr(r.body, "SEQUENCE:");
        me->bad += r.status != 200 || at == NULL || sscanf(at, "SEQUENCE:%lu", &msn) != 1;
        raw_free(&r);
        char path[64];
        snprintf(path, sizeof path, "/stream/a/source/%lu.ts", msn + 1);
        r = raw_ask(fd, "GET", path);
        me->bad += r.status != 200 || r.len % 188 != 0 || r.len == 0;
        raw_free(&r);
    }
    close(fd);
    return NULL;
}

START_TEST(readers_while_the_loop_publishes)
{
    struct reader readers[4] = {0};
    atomic_bool done = false;
    start(&plain);
    publish("a", "source", 5);
    for (size_t i = 0; i < 4; i++) {
        readers[i].done = &done;
        ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
    for (int i = 0; i < 60; i++) {
        publish("a", "source", 5);
    }
    while (viewers_counters(viewers).segments < 50) {
        publish("a", "source", 5);
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(readers[i].thread, NULL);
        ck_assert_uint_eq(readers[i].bad, 0);
    }
    stop();
}
END_TEST

START_TEST(limits)
{
    struct viewers_config small = plain;
    small.max_per_address = 2;
    small.idle_timeout_s = 1;
    start(&small);
    int first = raw_connect(port);
    int second = raw_connect(port);
    struct raw_reply r = raw_ask(first, "GET", "/healthz");
    ck_assert_int_eq(r.status, 200);
    raw_free(&r);
    r = raw_ask(second, "GET", "/healthz");
    ck_assert_int_eq(r.status, 200);
    raw_free(&r);
    int third = raw_connect(port);
    r = raw_ask(third, "GET", "/healthz");
    ck_assert_int_eq(r.status, 0);
    raw_free(&r);
    close(third);
    ck_assert(ends(first)); /* by silence */
    ck_assert(ends(second));
    close(first);
    close(second);
    stop();
}
END_TEST

START_TEST(a_dripping_request_is_ended)
{
    struct viewers_config small = plain;
    small.idle_timeout_s = 1;
    start(&small);
    int fd = raw_connect(port);
    raw_send(fd, "GET / HTTP/1.1\r\nX: ", 19);
    int64_t limit = clock_mono_ms() + WAIT_MS;
    bool ended = false;
    while (!ended && clock_mono_ms() < limit) {
        ended = send(fd, "a", 1, MSG_NOSIGNAL) != 1;
        usleep(100000); /* the drip itself */
    }
    ck_assert(ended);
    close(fd);
    stop();
}
END_TEST

/* One segment of one picture that is larger than all buffers between here and there. */
static void publish_large(void)
{
    struct blob *b = blob_create(LARGE_BYTES);
    uint8_t *bytes = blob_bytes(b);
    size_t nal = LARGE_BYTES - 4;
    memset(bytes, 0x41, LARGE_BYTES);
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(nal >> (24 - 8 * i));
    }
    struct packets ps = {0};
    struct packet p = {.flags = PACKET_KEY, .blob = b, .data = blob_span(b)};
    ck_assert_int_eq(packets_push(&ps, p), ERR_OK);
    struct clip v = clip_video(160, 90, 1, 1, 0, 0);
    struct segment *s = segment_create(&(struct segment_info){.msn = 1}, v.track, &ps, NULL);
    struct window *w = window_create(&s, 1, 1);
    board_publish(board, "a", &(struct variant){.name = "source"}, w);
    window_unref(w);
    segment_unref(s);
    clip_free(&v);
}

static const char large_request[] = "GET /stream/a/source/1.ts HTTP/1.1\r\nHost: x\r\n\r\n";

START_TEST(a_large_body_arrives_whole)
{
    start(&plain);
    publish_large();
    struct raw_reply r = raw_get(port, "/stream/a/source/1.ts");
    ck_assert_int_eq(r.status, 200);
    ck_assert_uint_gt(r.len, LARGE_BYTES);
    raw_free(&r);
    stop();
}
END_TEST

START_TEST(who_does_not_read_is_ended)
{
    struct viewers_config small = plain;
    small.idle_timeout_s = 1;
    start(&small);
    publish_large();
    /* The container is made at first, which may take longer than the connection may be silent. */
    int fd;
    int status = 0;
    for (int64_t limit = clock_mono_ms() + WAIT_MS; status != 200 && clock_mono_ms() < limit;) {
        fd = raw_connect(port);
        struct raw_reply made = raw_ask(fd, "HEAD", "/stream/a/source/1.ts");
        status = made.status;
        raw_free(&made);
        close(fd);
    }
    ck_assert_int_eq(status, 200);
    fd = raw_connect(port);
    raw_send(fd, large_request, strlen(large_request));
    char byte;
    ck_assert_int_eq(recv(fd, &byte, 1, 0), 1);
    int64_t limit = clock_mono_ms() + WAIT_MS;
    while (viewers_counters(viewers).connections > 0 && clock_mono_ms() < limit) {
        usleep(20000); /* polling what only time brings */
    }
    ck_assert_uint_eq(viewers_counters(viewers).connections, 0);
    close(fd);
    stop();
}
END_TEST

START_TEST(stops_in_mid_answer)
{
    start(&plain);
    publish_large();
    int fd = raw_connect(port);
    raw_send(fd, large_request, strlen(large_request));
    char byte;
    ck_assert_int_eq(recv(fd, &byte, 1, 0), 1);
    stop();
    ck_assert(ends(fd));
    close(fd);
}
END_TEST

START_TEST(addresses)
{
    struct viewers_config both = plain;
    strcpy(both.addr.host, "::");
    start(&both);
    expect("/healthz", 200, TEXT, "ok");
    int fd = raw_connect_v6(port);
    struct raw_reply r = raw_ask(fd, "GET", "/healthz");
    ck_assert_int_eq(r.status, 200);
    raw_free(&r);
    close(fd);
    struct viewers *second = NULL;
    const char *why = NULL;
    both.addr.port = port;
    ck_assert_int_eq(viewers_create(&both, board, &second, &why), ERR_IO);
    ck_assert_str_eq(why, "Address already in use");
    ck_assert_ptr_null(second);
    stop();
    struct viewers_config one = plain;
    one.threads = 1;
    strcpy(one.addr.host, "localhost");
    start(&one);
    expect("/healthz", 200, TEXT, "ok");
    stop();
    viewers_destroy(NULL);
}
END_TEST

UNIT_MAIN("viewers_connections", many_connections, as_many_connections_as_allowed,
          readers_while_the_loop_publishes, limits, a_dripping_request_is_ended,
          a_large_body_arrives_whole, who_does_not_read_is_ended, stops_in_mid_answer, addresses)
