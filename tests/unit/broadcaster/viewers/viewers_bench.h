/* The public server on a free port with a board of its own, and streams on it. */
#ifndef TESTS_VIEWERS_BENCH_H
#define TESTS_VIEWERS_BENCH_H

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/stream/rendition.h"
#include "broadcaster/viewers/viewers.h"
#include "tests/support/clip.h"
#include "tests/support/raw_http.h"
#include "tests/support/unit.h"

#define WAIT_MS 10000

static struct board *board;
static struct viewers *viewers;
static int port;

static const struct viewers_config plain = {
    .addr = {.host = "127.0.0.1"}, .threads = 2, .max_connections = 1000, .idle_timeout_s = 30};

static inline void start(const struct viewers_config *config)
{
    const char *why = NULL;
    board = board_create();
    enum err e = viewers_create(config, board, &viewers, &why);
    ck_assert_msg(e == ERR_OK, "%s", why);
    port = viewers_port(viewers);
    ck_assert_int_gt(port, 0);
}

static inline void stop(void)
{
    viewers_destroy(viewers);
    board_destroy(board);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static inline struct segment *segment(const struct clip *v, uint64_t msn, bool gap)
{
    struct packets ps = gap ? (struct packets){0} : clip_cut(v, (msn % 4) * 10, 10);
    struct segment_info info = {
        .msn = msn, .start = (int64_t)msn * 178200, .duration = 178200, .gap = gap};
    return segment_create(&info, v->track, &ps, NULL);
}

/* A window of 100..count-1 behind, with number 103 a gap; the last two listed. */
static inline void publish(const char *id, const char *name, size_t count)
{
    struct clip v = clip_video(160, 90, 40, 10, 0, 900000);
    struct segment *list[8];
    for (size_t i = 0; i < count; i++) {
        list[i] = segment(&v, 100 + i, i == 3);
    }
    struct window *w = window_create(list, count, count < 2 ? count : 2);
    w->target_duration_s = 2;
    struct variant variant = {.width = 160, .height = 90, .bandwidth_bps = 400000};
    strcpy(variant.name, name);
    board_publish(board, id, &variant, w);
    window_unref(w);
    for (size_t i = 0; i < count; i++) {
        segment_unref(list[i]);
    }
    clip_free(&v);
}

static inline void has_cors(const struct raw_reply *r)
{
    ck_assert(raw_has(r, "Access-Control-Allow-Origin: *"));
    ck_assert_ptr_nonnull(strstr(r->head, "Access-Control-Expose-Headers: Content-Length"));
}

static inline void expect(const char *path, int status, const char *type, const char *body)
{
    struct raw_reply r = raw_get(port, path);
    ck_assert_msg(r.status == status, "%s: %d, not %d", path, r.status, status);
    has_cors(&r);
    ck_assert_msg(raw_has(&r, type), "%s: %s", path, r.head);
    ck_assert_msg(strstr(r.body, body) != NULL, "%s: %s", path, r.body);
    raw_free(&r);
}

#define TEXT     "Content-Type: text/plain; charset=utf-8"
#define PLAYLIST "Content-Type: application/vnd.apple.mpegurl"

/* Reads until the other side ends it; false when it does not within the limit. */
static inline bool ends(int fd)
{
    char sink[65536];
    int64_t limit = clock_mono_ms() + WAIT_MS;
    while (clock_mono_ms() < limit) {
        ssize_t n = recv(fd, sink, sizeof sink, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            return true;
        }
    }
    return false;
}

#endif
