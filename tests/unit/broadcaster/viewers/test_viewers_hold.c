/* usual time: 8 s */
/* Low-latency HLS over a real server on loopback: requests that wait, and what ends their wait. */
#include "broadcaster/viewers/viewers_hold.h"

#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/auth/cidr.h"
#include "broadcaster/pack/packager.h"
#include "broadcaster/viewers/cors.h"
#include "broadcaster/viewers/viewers.h"
#include "tests/support/lanes.h"
#include "tests/support/raw_http.h"
#include "tests/support/unit.h"

#define WAITERS   60
#define LEAVERS   300 /* more than are looked at together */
#define LEFT_MS   4000
#define LIMIT     5
#define ROUNDS    40
#define WAKES     5
#define QUICK_US  50000
#define LAG       4 /* parts */
#define N_READERS 6

#define TEXT     "Content-Type: text/plain; charset=utf-8"
#define PLAYLIST "Content-Type: application/vnd.apple.mpegurl"

static struct board *board;
static struct viewers *viewers;
static int port;
static struct lanes lanes;

static const struct viewers_config plain = {.addr = {.host = "127.0.0.1"},
                                            .threads = 2,
                                            .max_connections = 1000,
                                            .idle_timeout_s = 30,
                                            .max_held = 500};

/* 100 to 102 complete, and two parts of 103. */
static const struct lanes_shape shape = {
    .first = 100, .segments = 3, .open = true, .open_parts = 2};

static void start(const struct viewers_config *config)
{
    const char *why = NULL;
    lanes = lanes_make();
    board = board_create();
    enum err e = viewers_create(config, board, &viewers, &why);
    ck_assert_msg(e == ERR_OK, "%s", why);
    port = viewers_port(viewers);
    lanes_publish(board, "a", "source", &lanes, &shape);
    lanes_publish(board, "a", "P144p30fps16x9", &lanes, &shape);
}

static void stop(void)
{
    viewers_destroy(viewers);
    board_destroy(board);
    lanes_free(&lanes);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static void publish(const char *name, size_t segments, bool open, size_t parts)
{
    struct lanes_shape s = {.first = 100, .segments = segments, .open = open, .open_parts = parts};
    lanes_publish(board, "a", name, &lanes, &s);
}

static void publish_all(size_t segments, bool open, size_t parts)
{
    publish("source", segments, open, parts);
    publish("P144p30fps16x9", segments, open, parts);
}

static int send_get(const char *path)
{
    char request[4096];
    int fd = raw_connect(port);
    ck_assert_int_ge(fd, 0);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    raw_send(fd, request, strlen(request));
    return fd;
}

/* Until so many wait. */
static void held(uint64_t n)
{
    int64_t until = clock_mono_ms() + 10000;
    while (viewers_counters(viewers).held != n) {
        ck_assert_msg(clock_mono_ms() < until, "%" PRIu64 " wait, not %" PRIu64,
                      viewers_counters(viewers).held, n);
        usleep(1000);
    }
}

/* Until so many are connected. */
static void connected(uint64_t n)
{
    int64_t until = clock_mono_ms() + 10000;
    while (viewers_counters(viewers).connections != n) {
        ck_assert(clock_mono_ms() < until);
        usleep(1000);
    }
}

static void check(struct raw_reply r, const char *path, int status, const char *type,
                  const char *body)
{
    ck_assert_msg(r.status == status, "%s: %d, not %d: %s", path, r.status, status, r.body);
    ck_assert(raw_has(&r, "Access-Control-Allow-Origin: *"));
    ck_assert_msg(raw_has(&r, type), "%s: %s", path, r.head);
    ck_assert_msg(strstr(r.body, body) != NULL, "%s: %s", path, r.body);
    ck_assert(status != 503 || raw_has(&r, "Retry-After: 1"));
    raw_free(&r);
}

static void answered(int fd, int status, const char *type, const char *body)
{
    check(raw_read(fd, false), "held", status, type, body);
    close(fd);
}

static void expect(const char *path, int status, const char *type, const char *body)
{
    check(raw_get(port, path), path, status, type, body);
}

START_TEST(a_playlist_waits_for_its_part)
{
    start(&plain);
    expect(
        "/stream/a/source/live.m3u8", 200, PLAYLIST,
        "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"103.2.m4s\"\n"
        "#EXT-X-RENDITION-REPORT:URI=\"../audio/live.m3u8\",LAST-MSN=103,LAST-PART=1\n"
        "#EXT-X-RENDITION-REPORT:URI=\"../P144p30fps16x9/live.m3u8\",LAST-MSN=103,LAST-PART=1\n");
    int video = send_get("/stream/a/source/live.m3u8?_HLS_msn=103&_HLS_part=2");
    int audio = send_get("/stream/a/audio/live.m3u8?_HLS_msn=103&_HLS_part=2&_HLS_skip=YES");
    int rung = send_get("/stream/a/P144p30fps16x9/live.m3u8?_HLS_msn=103");
    held(3);
    publish("source", 3, true, 3);
    answered(video, 200, "Cache-Control: max-age=12", "103.2.m4s\"\n#EXT-X-PRELOAD-HINT");
    answered(audio, 200, PLAYLIST, "103.2.m4s\",INDEPENDENT=YES\n#EXT-X-PRELOAD-HINT");
    held(1);
    publish_all(4, false, 0);
    answered(rung, 200, PLAYLIST, "\n103.m4s\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"104.0.m4s\"");
    held(0);
    struct viewers_counters c = viewers_counters(viewers);
    ck_assert_uint_eq(c.waits, 3);
    ck_assert_uint_eq(c.waits_late, 0);
    stop();
}
END_TEST

/* The server's thread is asleep when the part comes, and nothing else happens that would wake it.
 * The quickest round says how soon that is; the slower ones are the machine's business. */
START_TEST(woken_at_once)
{
    start(&plain);
    int64_t quickest_us = INT64_MAX;
    for (size_t segments = 3; segments < 3 + WAKES; segments++) {
        char path[128];
        snprintf(path, sizeof path, "/stream/a/source/live.m3u8?_HLS_msn=%zu&_HLS_part=2",
                 100 + segments);
        publish("source", segments, true, 2);
        int fd = send_get(path);
        held(1);
        int64_t began_us = clock_mono_us();
        publish("source", segments, true, 3);
        answered(fd, 200, PLAYLIST, "#EXT-X-PRELOAD-HINT");
        int64_t us = clock_mono_us() - began_us;
        quickest_us = us < quickest_us ? us : quickest_us;
    }
    ck_assert_int_lt(quickest_us, QUICK_US);
    stop();
}
END_TEST

START_TEST(a_part_is_waited_for)
{
    start(&plain);
    struct part *p = NULL;
    struct blob *want = NULL;
    int hint = send_get("/stream/a/source/103.2.m4s");
    int sound = send_get("/stream/a/audio/103.2.m4s");
    int never = send_get("/stream/a/source/103.3.m4s");
    held(3);
    publish_all(3, true, 3);
    struct window *w = board_window(board, "a", "source");
    p = window_find_part(w, TRACK_VIDEO, 103, 2);
    ck_assert_int_eq(part_fragment(p, &want), ERR_OK);
    struct raw_reply r = raw_read(hint, false);
    ck_assert_int_eq(r.status, 200);
    ck_assert(raw_has(&r, "Content-Type: video/iso.segment"));
    ck_assert(raw_has(&r, "Cache-Control: public, max-age=3600, immutable"));
    ck_assert_uint_eq(r.len, blob_span(want).len);
    ck_assert_int_eq(memcmp(r.body, blob_span(want).data, r.len), 0);
    raw_free(&r);
    close(hint);
    answered(sound, 200, "Content-Type: audio/mp4", "");
    held(1);
    struct lanes_shape shorter = {.first = 100, .segments = 3, .open = true, .open_parts = 3};
    struct window *open = lanes_window(&lanes, &shorter);
    open->open_info.msn = 104; /* 103 ended with three parts */
    struct variant v = {.name = "source", .video = {"avc1.42c00c", 1, 1}};
    board_publish(board, "a", &v, open);
    answered(never, 404, TEXT, "its segment ended before it");
    blob_unref(want);
    window_unref(open);
    window_unref(w);
    stop();
}
END_TEST

START_TEST(answered_at_once)
{
    start(&plain);
    expect("/stream/a/source/live.m3u8?_HLS_msn=105", 400, TEXT, "too far ahead");
    expect("/stream/a/source/live.m3u8?_HLS_msn=103&_HLS_part=8", 400, TEXT, "too far ahead");
    expect("/stream/a/source/live.m3u8?_HLS_msn=-1", 400, TEXT, "not a segment's number");
    expect("/stream/a/source/live.m3u8?_HLS_part=1", 400, TEXT, "without _HLS_msn");
    expect("/stream/a/source/live.m3u8?_HLS_msn=1", 200, "Cache-Control: max-age=1", "103.1.m4s");
    expect("/stream/a/source/live.m3u8?_HLS_msn=102&_HLS_part=7", 200, PLAYLIST, "103.1.m4s");
    expect("/stream/a/source/103.1.m4s", 200, "Content-Type: video/iso.segment", "");
    expect("/stream/a/source/103.8.m4s", 404, TEXT, "does not have that part");
    expect("/stream/a/source/102.4.m4s", 404, TEXT, "its segment ended before it");
    expect("/stream/a/none/live.m3u8?_HLS_msn=103", 404, TEXT, "has no rendition");
    expect("/stream/b/source/live.m3u8?_HLS_msn=103", 404, TEXT, "no stream \"b\"");
    ck_assert_uint_eq(viewers_counters(viewers).waits, 0);
    stop();
}
END_TEST

/* Ten kilobytes of query, as a token and as a number. */
START_TEST(a_query_without_end)
{
    start(&plain);
    static char path[12000];
    static const char *const before[] = {
        "/stream/a/source/live.m3u8?_HLS_msn=", "/stream/a/source/live.m3u8?t=", "/stream/a.m3u8?"};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        for (size_t n = 1500; n <= 10240; n *= 2) {
            char request[12200];
            snprintf(path, sizeof path, "%s", before[i]);
            memset(path + strlen(before[i]), '1', n);
            path[strlen(before[i]) + n] = '\0';
            int fd = raw_connect(port);
            snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
            raw_send(fd, request, strlen(request));
            struct raw_reply r = raw_read(fd, false);
            ck_assert_msg(r.status == 400 || r.status == 414 || r.status == 431, "%d", r.status);
            raw_free(&r);
            close(fd);
        }
    }
    stop();
}
END_TEST

START_TEST(a_viewers_token)
{
    start(&plain);
    board_set_current(board, "a");
    expect("/stream/a.m3u8?t=x+y&_HLS_msn=1", 200, PLAYLIST, "\na/source.m3u8?t=x+y\n");
    expect("/stream/a/source.m3u8?t=%22", 200, PLAYLIST, "\n/stream/a/source/102.ts?t=%22\n");
    expect("/stream/a/live.m3u8?t=1&u", 200, PLAYLIST, "URI=\"audio/live.m3u8?t=1&u\"\n");
    expect("/stream/current/live.m3u8?t=1", 200, PLAYLIST, "\n../a/source/live.m3u8?t=1\n");
    expect("/stream/a?t=1", 302, "Location: /stream/a.m3u8?t=1", "");
    int fd = send_get("/stream/a/source/live.m3u8?t=1&_HLS_msn=103&_HLS_part=2&u=\"2");
    held(1);
    publish_all(3, true, 3);
    answered(fd, 200, PLAYLIST,
             "URI=\"103.2.m4s?t=1&u=%222\"\n"
             "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"103.3.m4s?t=1&u=%222\"\n"
             "#EXT-X-RENDITION-REPORT:URI=\"../audio/live.m3u8?t=1&u=%222\",");
    expect("/stream/a/source/103.2.m4s?t=1", 200, "Content-Type: video/iso.segment", "");
    /* Nobody else gets it. */
    struct raw_reply r = raw_get(port, "/stream/a/source/live.m3u8");
    ck_assert_int_eq(r.status, 200);
    ck_assert_ptr_null(strchr(r.body, '?'));
    raw_free(&r);
    stop();
}
END_TEST

START_TEST(the_open_segments_init)
{
    start(&plain);
    struct lanes_shape s = {.first = 200, .open = true, .open_parts = 1};
    char map[100];
    lanes_publish(board, "b", "source", &lanes, &s);
    struct window *w = board_window(board, "b", "source");
    struct blob *init = NULL;
    ck_assert_int_eq(part_init_section(w->lanes[TRACK_VIDEO].parts[0], &init), ERR_OK);
    snprintf(map, sizeof map, "init-%016" PRIx64 ".mp4", packager_hash(blob_span(init)));
    expect("/stream/b/source/live.m3u8", 200, PLAYLIST, map);
    char path[200];
    snprintf(path, sizeof path, "/stream/b/source/%s", map);
    struct raw_reply r = raw_get(port, path);
    ck_assert_int_eq(r.status, 200);
    ck_assert(raw_has(&r, "Content-Type: video/mp4"));
    ck_assert_uint_eq(r.len, blob_span(init).len);
    ck_assert_int_eq(memcmp(r.body, blob_span(init).data, r.len), 0);
    raw_free(&r);
    /* The same as that of complete segments. */
    expect("/stream/a/source/live.m3u8", 200, PLAYLIST, map);
    blob_unref(init);
    window_unref(w);
    stop();
}
END_TEST

/* The publisher is silent, comes to its end, or is taken away. */
START_TEST(what_else_ends_a_wait)
{
    start(&plain);
    struct lanes_shape s = shape;
    int gone = send_get("/stream/a/source/live.m3u8?_HLS_msn=103&_HLS_part=2");
    int part = send_get("/stream/a/source/103.2.m4s");
    held(2);
    s.ended = true;
    lanes_publish(board, "a", "source", &lanes, &s);
    answered(gone, 200, PLAYLIST, "#EXT-X-ENDLIST\n");
    answered(part, 404, TEXT, "does not have that part");
    gone = send_get("/stream/a/P144p30fps16x9/live.m3u8?_HLS_msn=104");
    held(1);
    board_remove(board, "a");
    answered(gone, 404, TEXT, "no stream \"a\"");
    held(0);
    stop();
}
END_TEST

START_TEST(a_wait_has_an_end)
{
    start(&plain);
    struct lanes_shape s = shape;
    struct window *w = lanes_window(&lanes, &s);
    w->target_duration_s = 1;
    struct variant v = {.name = "source", .video = {"avc1.42c00c", 1, 1}};
    board_publish(board, "a", &v, w);
    window_unref(w);
    int64_t begin = clock_mono_ms();
    int fd = send_get("/stream/a/source/live.m3u8?_HLS_msn=103");
    int head = raw_connect(port);
    static const char text[] = "HEAD /stream/a/source/103.2.m4s HTTP/1.1\r\nHost: h\r\n\r\n";
    raw_send(head, text, sizeof text - 1);
    held(2);
    answered(fd, 503, "Cache-Control: no-store", "has not come in time");
    struct raw_reply r = raw_read(head, true);
    ck_assert_int_eq(r.status, 503);
    raw_free(&r);
    close(head);
    int64_t ms = clock_mono_ms() - begin;
    ck_assert_msg(ms >= 2900 && ms < 5000, "%" PRId64, ms);
    ck_assert_uint_eq(viewers_counters(viewers).waits_late, 2);
    /* The connection is good for more. */
    stop();
}
END_TEST

START_TEST(limits)
{
    struct viewers_config config = plain;
    config.max_held = LIMIT;
    start(&config);
    int fds[LIMIT];
    for (int i = 0; i < LIMIT; i++) {
        fds[i] = send_get("/stream/a/source/live.m3u8?_HLS_msn=103");
    }
    held(LIMIT);
    expect("/stream/a/source/live.m3u8?_HLS_msn=103", 503, TEXT, "Too many requests wait");
    expect("/stream/a/source/103.2.m4s", 503, TEXT, "Too many requests wait");
    expect("/stream/a/source/live.m3u8?_HLS_msn=102", 200, PLAYLIST, "103.1.m4s");
    ck_assert_uint_eq(viewers_counters(viewers).waits_refused, 2);
    publish_all(4, false, 0);
    for (int i = 0; i < LIMIT; i++) {
        answered(fds[i], 200, PLAYLIST, "\n103.m4s\n");
    }
    held(0);
    stop();
}
END_TEST

START_TEST(limits_of_one_address)
{
    struct viewers_config config = plain;
    config.addr = (struct addr){.host = "::"};
    config.max_held_per_address = 1;
    start(&config);
    int v4 = send_get("/stream/a/source/live.m3u8?_HLS_msn=103");
    held(1);
    expect("/stream/a/source/live.m3u8?_HLS_msn=103", 503, TEXT, "Too many requests wait");
    int v6 = raw_connect_v6(port);
    static const char text[] =
        "GET /stream/a/source/live.m3u8?_HLS_msn=103 HTTP/1.1\r\nHost: h\r\n\r\n";
    raw_send(v6, text, sizeof text - 1);
    held(2);
    publish_all(4, false, 0);
    answered(v4, 200, PLAYLIST, "\n103.m4s\n");
    answered(v6, 200, PLAYLIST, "\n103.m4s\n");
    held(0);
    int again = send_get("/stream/a/source/live.m3u8?_HLS_msn=104");
    held(1);
    publish_all(5, false, 0);
    answered(again, 200, PLAYLIST, "\n104.m4s\n");
    stop();
}
END_TEST

static struct raw_reply ask_for(int fd, const char *path, const char *address)
{
    char text[512];
    int n = snprintf(text, sizeof text,
                     "GET %s HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\n"
                     "X-Forwarded-For: %s\r\n\r\n",
                     path, address);
    raw_send(fd, text, (size_t)n);
    return raw_read(fd, false);
}

static void expect_for(int fd, const char *address, int status)
{
    struct raw_reply r = ask_for(fd, "/healthz", address);
    ck_assert_msg(r.status == status, "%s: %d, not %d", address, r.status, status);
    ck_assert_msg(raw_has(&r, "Access-Control-Allow-Origin: https://a.example"), "%s", r.head);
    ck_assert_msg(raw_has(&r, "Vary: Origin"), "%s", r.head);
    ck_assert(raw_has(&r, "Cache-Control: no-store"));
    ck_assert_int_eq(raw_has(&r, "Retry-After: 1"), status == 429);
    raw_free(&r);
}

static void *wait_for_103(void *arg)
{
    int *fd = arg;
    struct raw_reply r = ask_for(*fd, "/stream/a/source/live.m3u8?_HLS_msn=103", "192.0.2.1");
    int status = r.status;
    raw_free(&r);
    return (void *)(intptr_t)status;
}

/* On a trusted proxy's connections requests count, each for whose it is; a page may read it. */
START_TEST(requests_of_one_address_behind_a_proxy)
{
    struct viewers_config config = plain;
    struct cidr_list trusted;
    struct cors *cors = NULL;
    pthread_t waiter;
    char why[CORS_WHY_MAX > CIDR_WHY_MAX ? CORS_WHY_MAX : CIDR_WHY_MAX];
    void *status = NULL;
    ck_assert_int_eq(cidr_list_parse("127.0.0.1", &trusted, why), ERR_OK);
    ck_assert_int_eq(cors_create("https://a.example", &cors, why), ERR_OK);
    config.max_per_address = 1;
    config.trusted = &trusted;
    config.cors = cors;
    start(&config);
    int waits = raw_connect(port), asks = raw_connect(port);
    ck_assert_int_eq(pthread_create(&waiter, NULL, wait_for_103, &waits), 0);
    held(1);
    expect_for(asks, "192.0.2.1", 429);
    expect_for(asks, "192.0.2.2", 200);
    expect_for(asks, "203.0.113.1, 192.0.2.1", 429);
    publish_all(4, false, 0);
    pthread_join(waiter, &status);
    ck_assert_int_eq((intptr_t)status, 200);
    close(waits);
    connected(1);
    expect_for(asks, "192.0.2.1", 200);
    ck_assert_uint_eq(viewers_counters(viewers).refused, 2);
    close(asks);
    stop();
    cors_destroy(cors);
    cidr_list_fini(&trusted);
}
END_TEST

/* The library ends the process when it is stopped with a request that waits. Each is told. */
START_TEST(stopped_with_requests_held)
{
    start(&plain);
    int fds[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        fds[i] = send_get(i % 2 ? "/stream/a/source/live.m3u8?_HLS_msn=103"
                                : "/stream/a/audio/103.2.m4s");
    }
    held(WAITERS);
    viewers_destroy(viewers);
    for (int i = 0; i < WAITERS; i++) {
        struct raw_reply r = raw_read(fds[i], false);
        ck_assert_msg(r.status == 503, "%d of %d: %d", i, WAITERS, r.status);
        ck_assert(raw_has(&r, "Retry-After: 1"));
        raw_free(&r);
        close(fds[i]);
    }
    board_destroy(board);
    lanes_free(&lanes);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

/* Those who left are forgotten when the wait ends, and nobody else suffers. */
static uint64_t wakes(void)
{
    struct histogram wake = viewers_wake(viewers);
    uint64_t n = 0;
    for (size_t i = 0; i < sizeof wake.counts / sizeof wake.counts[0]; i++) {
        n += wake.counts[i];
    }
    return n;
}

/* Politely or not, they give their places back long before what they wait for would come; who
 * waits on is answered, and those alone count as woken. */
START_TEST(who_leaves)
{
    start(&plain);
    int leave[LEAVERS];
    for (int i = 0; i < LEAVERS; i++) {
        leave[i] = send_get("/stream/a/source/live.m3u8?_HLS_msn=103");
    }
    int fd = send_get("/stream/a/source/live.m3u8?_HLS_msn=103");
    held(LEAVERS + 1);
    int64_t began = clock_mono_ms();
    for (int i = 0; i < LEAVERS; i++) {
        struct linger reset = {.l_onoff = i % 2};
        setsockopt(leave[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(leave[i]);
    }
    held(1);
    ck_assert_int_lt(clock_mono_ms() - began, LEFT_MS);
    ck_assert_uint_eq(viewers_counters(viewers).waits_left, LEAVERS);
    ck_assert_uint_eq(viewers_counters(viewers).waits_late, 0);
    ck_assert_uint_eq(wakes(), 0);
    publish_all(4, false, 0);
    answered(fd, 200, PLAYLIST, "\n103.m4s\n");
    held(0);
    int64_t until = clock_mono_ms() + 10000;
    while (viewers_counters(viewers).connections > 0) {
        ck_assert(clock_mono_ms() < until);
        usleep(1000);
    }
    ck_assert_uint_eq(wakes(), 1);
    stop();
}
END_TEST

struct reader {
    const char *name;
    int failures;
    atomic_int done;
};

/* Reads as a player does: each time the next part. */
static void *read_on(void *arg)
{
    struct reader *r = arg;
    int fd = raw_connect(port);
    for (uint64_t msn = 103; msn < 103 + ROUNDS / 4; msn++) {
        for (int part = msn == 103 ? 2 : 0; part < 4; part++) {
            char path[200], want[64];
            snprintf(path, sizeof path, "/stream/a/%s/live.m3u8?_HLS_msn=%" PRIu64 "&_HLS_part=%d",
                     r->name, msn, part);
            struct raw_reply reply = raw_ask(fd, "GET", path);
            snprintf(want, sizeof want, "URI=\"%" PRIu64 ".%d.m4s\"", msn, part);
            r->failures += reply.status != 200 || strstr(reply.body, want) == NULL;
            raw_free(&reply);
            atomic_fetch_add(&r->done, 1);
        }
    }
    close(fd);
    return NULL;
}

/* No wake-up is lost between looking and waiting. */
START_TEST(readers_and_a_publisher)
{
    start(&plain);
    pthread_t threads[N_READERS];
    static struct reader readers[N_READERS];
    for (int i = 0; i < N_READERS; i++) {
        readers[i] = (struct reader){.name = i % 3 == 0   ? "source"
                                             : i % 3 == 1 ? "audio"
                                                          : "P144p30fps16x9"};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    for (int round = 2; round < ROUNDS; round++) {
        /* Nobody is left behind by more than what has parts; some wait, some are about to. */
        for (int i = 0; i < N_READERS; i++) {
            while (atomic_load(&readers[i].done) + LAG < round - 2) {
                usleep(200);
            }
        }
        publish_all(3 + (size_t)round / 4, true, (size_t)round % 4 + 1);
    }
    publish_all(3 + ROUNDS / 4, false, 0);
    for (int i = 0; i < N_READERS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(readers[i].failures, 0);
    }
    stop();
}
END_TEST

UNIT_MAIN("viewers_hold", a_playlist_waits_for_its_part, woken_at_once, a_part_is_waited_for,
          answered_at_once, a_query_without_end, a_viewers_token, the_open_segments_init,
          what_else_ends_a_wait, a_wait_has_an_end, limits, limits_of_one_address,
          requests_of_one_address_behind_a_proxy, stopped_with_requests_held, who_leaves,
          readers_and_a_publisher)
