/* Large answers on the wire: from files in memory and without them, and their slow readers. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/clock.h"
#include "broadcaster/hls/hls.h"
#include "broadcaster/ingest/capacity.h"
#include "broadcaster/viewers/viewers.h"
#include "broadcaster/viewers/viewers_watch.h"
#include "tests/support/clip.h"
#include "tests/support/raw_http.h"
#include "tests/support/unit.h"

#define BODY_BYTES (1024 * 1024)
#define SLOW_BYTES (128 * 1024) /* more than both buffers of a connection with small packets */
#define WAIT_MS    10000

static const char path[] = "/stream/a/source/1.ts";

static struct board *board;
static struct viewers *viewers;
static int port;

static void start(int idle_s)
{
    const struct viewers_config config = {.addr = {.host = "127.0.0.1"},
                                          .threads = 2,
                                          .max_connections = 1000,
                                          .idle_timeout_s = idle_s};
    const char *why = NULL;
    board = board_create();
    ck_assert_int_eq(viewers_create(&config, board, &viewers, &why), ERR_OK);
    port = viewers_port(viewers);
}

static void stop(void)
{
    viewers_destroy(viewers);
    board_destroy(board);
    ck_assert_uint_eq(blob_live_bytes(), 0);
    ck_assert_uint_eq(blob_live_files(), 0);
}

static void publish(size_t n)
{
    struct blob *b = blob_create(n);
    uint8_t *bytes = blob_bytes(b);
    size_t nal = n - 4;
    for (size_t i = 0; i < n; i++) {
        bytes[i] = i < 4 ? (uint8_t)(nal >> (24 - 8 * i)) : (uint8_t)(0x41 + i % 63);
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

static int open_descriptors(void)
{
    int n = 0;
    for (int fd = 0; fd < 4096; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

static struct raw_reply ask_range(const char *range)
{
    char text[256];
    int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\nRange: bytes=%s\r\n\r\n",
                     path, range);
    int fd = raw_connect(port);
    raw_send(fd, text, (size_t)n);
    struct raw_reply r = raw_read(fd, false);
    close(fd);
    return r;
}

static void expect_parts(const struct raw_reply *whole)
{
    struct raw_reply part = ask_range("100000-199999");
    ck_assert_int_eq(part.status, 206);
    ck_assert_uint_eq(part.len, 100000);
    ck_assert_mem_eq(part.body, whole->body + 100000, 100000);
    raw_free(&part);
    part = ask_range("-5");
    ck_assert_int_eq(part.status, 206);
    ck_assert_mem_eq(part.body, whole->body + whole->len - 5, 5);
    raw_free(&part);
}

START_TEST(a_file_and_memory_give_the_same)
{
    struct raw_reply replies[2];
    for (size_t i = 0; i < 2; i++) {
        blob_allow_files(i);
        int before = open_descriptors();
        start(30);
        publish(BODY_BYTES);
        int idle = open_descriptors();
        replies[i] = raw_get(port, path);
        ck_assert_int_eq(replies[i].status, 200);
        ck_assert_uint_gt(replies[i].len, BODY_BYTES);
        ck_assert_uint_eq(blob_live_files(), i);
        expect_parts(&replies[i]);
        struct raw_reply again = raw_get(port, path);
        ck_assert_uint_eq(again.len, replies[i].len);
        ck_assert_mem_eq(again.body, replies[i].body, again.len);
        raw_free(&again);
        while (viewers_counters(viewers).connections > 0) {
            usleep(1000); /* polling the end of the connections */
        }
        ck_assert_int_le(open_descriptors(), idle + CAPACITY_BODY_FILES * (int)i);
        stop();
        ck_assert_int_eq(open_descriptors(), before);
    }
    ck_assert_uint_eq(replies[0].len, replies[1].len);
    ck_assert_mem_eq(replies[0].body, replies[1].body, replies[0].len);
    raw_free(&replies[0]);
    raw_free(&replies[1]);
}
END_TEST

/* What is sent stays whole when its segment leaves in the middle. */
START_TEST(a_file_lives_as_long_as_its_answers)
{
    blob_allow_files(1);
    start(30);
    publish(24 * BODY_BYTES);
    char text[128];
    int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    int fd = raw_connect(port);
    raw_send(fd, text, (size_t)n);
    char byte;
    ck_assert_int_eq(recv(fd, &byte, 1, MSG_PEEK), 1);
    board_remove(board, "a");
    ck_assert_uint_eq(blob_live_files(), 1);
    struct raw_reply r = raw_read(fd, false);
    ck_assert_int_eq(r.status, 200);
    ck_assert_uint_gt(r.len, 24 * BODY_BYTES);
    raw_free(&r);
    close(fd);
    int64_t limit = clock_mono_ms() + WAIT_MS;
    while (blob_live_files() > 0 && clock_mono_ms() < limit) {
        usleep(1000); /* polling the end of the answer */
    }
    stop();
}
END_TEST

/* Small packets and windows, as between hosts: over the loopback everything fits into the buffers.
 */
static int connect_narrow(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int mss = 536;
    int room = 2048;
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof mss);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* However steadily it reads: by the watch, or by the library where so little leaves the buffers
 * that they take nothing for as long as a connection may be silent. */
START_TEST(a_steady_slow_reader_is_cut_off_in_time)
{
    enum { idle_s = 3, slack_ms = 2000 + 1000 + 1500 }; /* the watch's, its round's, and ours */
    start(idle_s);
    publish(SLOW_BYTES);
    struct raw_reply made = raw_get(port, path);
    size_t whole = made.len;
    raw_free(&made);
    int fd = connect_narrow();
    char text[128];
    int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    raw_send(fd, text, (size_t)n);
    char bytes[200];
    ck_assert_int_gt(recv(fd, bytes, sizeof bytes, 0), 0);
    int64_t end = clock_mono_ms() + idle_s * 1000 + (int64_t)(whole / WATCH_RATE_MIN) + slack_ms;
    size_t got = 0;
    while (viewers_counters(viewers).connections > 0 && clock_mono_ms() < end) {
        poll(NULL, 0, 100); /* the pace: 2 kB/s */
        ssize_t some = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        got += some > 0 ? (size_t)some : 0;
    }
    ck_assert_uint_eq(viewers_counters(viewers).connections, 0);
    ck_assert_uint_eq(viewers_counters(viewers).sent_bytes, whole); /* the first answer's alone */
    ck_assert_uint_gt(got, 2048);
    close(fd);
    stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("viewers_body");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_file_and_memory_give_the_same);
    tcase_add_test(t, a_file_lives_as_long_as_its_answers);
    tcase_add_test(t, a_steady_slow_reader_is_cut_off_in_time);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
