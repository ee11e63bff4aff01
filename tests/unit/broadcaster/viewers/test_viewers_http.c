/* What caches and browsers are told, byte for byte. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "broadcaster/pack/packager.h"
#include "broadcaster/stream/rendition.h"
#include "broadcaster/viewers/viewers.h"
#include "tests/support/clip.h"
#include "tests/support/clip_codec.h"
#include "tests/support/raw_http.h"
#include "tests/support/unit.h"

#define N_SEGMENTS 12 /* a playlist of them is worth compressing */
#define SEGMENT    "/stream/a/source/101.ts"
#define LIST       "/stream/a/source/live.m3u8"
#define HEADER_MAX 400

static struct board *board;
static struct viewers *viewers;
static int fd;

static void publish(const char *id)
{
    struct clip v = clip_codec(CODEC_H264, 15, 900000);
    struct rendition *r = rendition_create(board, id, "source");
    for (uint64_t msn = 100; msn < 100 + N_SEGMENTS; msn++) {
        struct packets ps = clip_cut(&v, 0, 15);
        struct segment_info info = {
            .msn = msn, .duration = 178200, .independent = true, .made_at_ms = 1};
        struct segment *s = segment_create(&info, v.track, &ps, NULL);
        rendition_expect(r, msn);
        rendition_settle(r, s);
        segment_unref(s);
    }
    rendition_destroy(r);
    clip_free(&v);
}

static void start(const struct cors *cors)
{
    const char *why = NULL;
    struct viewers_config config = {.addr = {.host = "127.0.0.1"},
                                    .cors = cors,
                                    .threads = 1,
                                    .max_connections = 100,
                                    .idle_timeout_s = 30};
    board = board_create();
    ck_assert_int_eq(viewers_create(&config, board, &viewers, &why), ERR_OK);
    fd = raw_connect(viewers_port(viewers));
    publish("a");
}

static void stop(void)
{
    close(fd);
    viewers_destroy(viewers);
    board_destroy(board);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

/* Header lines end with CRLF each. All on one connection, which so has to stay in step. */
static struct raw_reply ask(const char *method, const char *path, const char *headers)
{
    char text[2048];
    int n =
        snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, path, headers);
    raw_send(fd, text, (size_t)n);
    return raw_read(fd, strcmp(method, "HEAD") == 0);
}

/* The value of a header; "" when it is not there. */
static void header(const struct raw_reply *r, const char *name, char ret_value[HEADER_MAX])
{
    const char *at = strcasestr(r->head, name);
    ret_value[0] = '\0';
    if (at != NULL) {
        at += strlen(name);
        snprintf(ret_value, HEADER_MAX, "%.*s", (int)strcspn(at, "\r\n"), at);
    }
}

static void tag_of(const char *path, const char *headers, char ret_tag[HEADER_MAX])
{
    struct raw_reply r = ask("GET", path, headers);
    ck_assert_int_eq(r.status, 200);
    header(&r, "\r\nETag: ", ret_tag);
    ck_assert_msg(ret_tag[0] == '"', "%s", r.head);
    raw_free(&r);
}

/* --- ranges --- */

static void part(const char *path, const char *headers, struct span whole, size_t first, size_t n)
{
    char line[HEADER_MAX];
    struct raw_reply r = ask("GET", path, headers);
    ck_assert_msg(r.status == 206, "%s %s: %d", path, headers, r.status);
    snprintf(line, sizeof line, "Content-Range: bytes %zu-%zu/%zu", first, first + n - 1,
             whole.len);
    ck_assert_msg(raw_has(&r, line), "%s: %s", line, r.head);
    ck_assert(raw_has(&r, "Cache-Control: public, max-age=3600, immutable"));
    ck_assert_uint_eq(r.len, n);
    ck_assert_mem_eq(r.body, whole.data + first, n);
    raw_free(&r);
}

static void parts_of(const char *path)
{
    char line[2 * HEADER_MAX], tag[HEADER_MAX];
    struct raw_reply r = ask("GET", path, "");
    struct span whole = span_of(r.body, r.len);
    ck_assert_int_eq(r.status, 200);
    ck_assert(raw_has(&r, "Accept-Ranges: bytes"));
    tag_of(path, "", tag);
    part(path, "Range: bytes=0-9\r\n", whole, 0, 10);
    part(path, "range: bytes=-7\r\n", whole, whole.len - 7, 7);
    part(path, "Range: bytes=20-\r\n", whole, 20, whole.len - 20);
    part(path, "Range: bytes=5-99999999999\r\n", whole, 5, whole.len - 5);
    snprintf(line, sizeof line, "Range: bytes=1-2\r\nIf-Range: %s\r\n", tag);
    part(path, line, whole, 1, 2);
    snprintf(line, sizeof line, "Range: bytes=%zu-\r\n", whole.len);
    struct raw_reply none = ask("GET", path, line);
    snprintf(line, sizeof line, "Content-Range: bytes */%zu", whole.len);
    ck_assert_int_eq(none.status, 416);
    ck_assert(raw_has(&none, line));
    ck_assert_ptr_nonnull(strstr(none.body, "range"));
    raw_free(&none);
    raw_free(&r);
}

START_TEST(parts)
{
    char map[64], path[200];
    start(NULL);
    parts_of(SEGMENT);
    parts_of("/stream/a/source/101.m4s");
    struct raw_reply r = ask("GET", LIST, "");
    const char *at = strstr(r.body, "init-");
    ck_assert_ptr_nonnull(at);
    snprintf(map, sizeof map, "%.*s", (int)strcspn(at, "\""), at);
    raw_free(&r);
    snprintf(path, sizeof path, "/stream/a/source/%s", map);
    parts_of(path);
    stop();
}
END_TEST

/* Where a range does not count, all comes. */
START_TEST(whole_all_the_same)
{
    static const struct {
        const char *method, *path, *headers;
    } asks[] = {
        {"GET", SEGMENT, "Range: bytes=0-1,4-5\r\n"},
        {"GET", SEGMENT, "Range: pages=0-1\r\n"},
        {"GET", SEGMENT, "Range: bytes=5-2\r\n"},
        {"GET", SEGMENT, "Range: bytes=0-9\r\nIf-Range: \"x\"\r\n"},
        {"GET", SEGMENT, "Range: bytes=0-9\r\nIf-Range: Sat, 21 Nov 2026 12:39:28 GMT\r\n"},
        {"HEAD", SEGMENT, "Range: bytes=0-9\r\n"},
        {"GET", LIST, "Range: bytes=0-9\r\n"},
        {"GET", "/healthz", "Range: bytes=0-0\r\n"},
    };
    start(NULL);
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        char want[HEADER_MAX], got[HEADER_MAX];
        struct raw_reply r = ask("GET", asks[i].path, "");
        header(&r, "\r\nContent-Length: ", want);
        raw_free(&r);
        r = ask(asks[i].method, asks[i].path, asks[i].headers);
        header(&r, "\r\nContent-Length: ", got);
        ck_assert_msg(r.status == 200, "%s: %d", asks[i].headers, r.status);
        ck_assert_str_eq(got, want);
        ck_assert_ptr_null(strcasestr(r.head, "Content-Range:"));
        raw_free(&r);
    }
    stop();
}
END_TEST

/* --- conditions --- */

START_TEST(not_modified)
{
    const char *const paths[] = {SEGMENT,
                                 LIST,
                                 "/stream/a.m3u8",
                                 "/stream/a/live.m3u8",
                                 "/stream/a/source.m3u8",
                                 "/",
                                 "/stream/a/source/101.m4s"};
    start(NULL);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char tag[HEADER_MAX], got[HEADER_MAX], line[2 * HEADER_MAX];
        tag_of(paths[i], "", tag);
        const char *const forms[] = {"If-None-Match: %s\r\n", "If-None-Match: W/%s\r\n",
                                     "if-none-match: \"x\", %s\r\nRange: bytes=0-1\r\n",
                                     "If-None-Match: *%.0s\r\n"};
        for (size_t k = 0; k < 2 * (sizeof forms / sizeof forms[0]); k++) {
            snprintf(line, sizeof line, forms[k / 2], tag);
            struct raw_reply r = ask(k % 2 ? "HEAD" : "GET", paths[i], line);
            ck_assert_msg(r.status == 304, "%s %s: %d", paths[i], line, r.status);
            header(&r, "\r\nETag: ", got);
            ck_assert_str_eq(got, tag);
            ck_assert_ptr_nonnull(strcasestr(r.head, "\r\nCache-Control: "));
            ck_assert_ptr_nonnull(strcasestr(r.head, "\r\nDate: "));
            raw_free(&r);
        }
        struct raw_reply r = ask("GET", paths[i], "If-None-Match: \"x\"\r\n");
        ck_assert_int_eq(r.status, 200);
        raw_free(&r);
    }
    stop();
}
END_TEST

START_TEST(if_match)
{
    char tag[HEADER_MAX], line[2 * HEADER_MAX];
    start(NULL);
    tag_of(SEGMENT, "", tag);
    snprintf(line, sizeof line, "If-Match: \"x\", %s\r\n", tag);
    struct raw_reply r = ask("GET", SEGMENT, line);
    ck_assert_int_eq(r.status, 200);
    raw_free(&r);
    r = ask("GET", SEGMENT, "If-Match: \"x\"\r\n");
    ck_assert_int_eq(r.status, 412);
    ck_assert_ptr_nonnull(strstr(r.body, "If-Match"));
    raw_free(&r);
    stop();
}
END_TEST

/* What differs has other tags: segments, their forms, streams, and a playlist that moves on. */
START_TEST(tags_differ)
{
    const char *const paths[] = {SEGMENT, "/stream/a/source/102.ts", "/stream/a/source/101.m4s",
                                 "/stream/a.m3u8", LIST};
    char tags[sizeof paths / sizeof paths[0]][HEADER_MAX];
    start(NULL);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        tag_of(paths[i], "", tags[i]);
        for (size_t k = 0; k < i; k++) {
            ck_assert_str_ne(tags[i], tags[k]);
        }
    }
    char again[HEADER_MAX];
    tag_of(SEGMENT, "", again);
    ck_assert_str_eq(again, tags[0]);
    stop();
}
END_TEST

/* --- gzip --- */

START_TEST(by_gzip)
{
    char plain_tag[HEADER_MAX], tag[HEADER_MAX], line[2 * HEADER_MAX];
    uint8_t out[64 * 1024];
    start(NULL);
    tag_of(LIST, "", plain_tag);
    tag_of(LIST, "Accept-Encoding: gzip\r\n", tag);
    ck_assert_str_ne(tag, plain_tag);
    struct raw_reply plain = ask("GET", LIST, "Accept-Encoding: gzip;q=0\r\n");
    ck_assert(raw_has(&plain, "Vary: Accept-Encoding"));
    ck_assert_ptr_null(strcasestr(plain.head, "Content-Encoding:"));
    struct raw_reply r = ask("GET", LIST, "Accept-Encoding: br, gzip\r\n");
    ck_assert(raw_has(&r, "Vary: Accept-Encoding"));
    ck_assert(raw_has(&r, "Content-Encoding: gzip"));
    ck_assert(raw_has(&r, "Content-Type: application/vnd.apple.mpegurl"));
    ck_assert_uint_lt(r.len, plain.len);
    z_stream z = {.next_in = (Bytef *)r.body,
                  .avail_in = (uInt)r.len,
                  .next_out = out,
                  .avail_out = sizeof out};
    ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
    ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
    ck_assert_uint_eq(z.total_out, plain.len);
    ck_assert_mem_eq(out, plain.body, plain.len);
    inflateEnd(&z);
    struct raw_reply head = ask("HEAD", LIST, "Accept-Encoding: gzip\r\n");
    snprintf(line, sizeof line, "Content-Length: %zu", r.len);
    ck_assert(raw_has(&head, line));
    raw_free(&head);
    snprintf(line, sizeof line, "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n", tag);
    head = ask("GET", LIST, line);
    ck_assert_int_eq(head.status, 304);
    raw_free(&head);
    raw_free(&plain);
    raw_free(&r);
    r = ask("GET", SEGMENT, "Accept-Encoding: gzip\r\n"); /* nothing to be won */
    ck_assert_ptr_null(strcasestr(r.head, "Content-Encoding:"));
    ck_assert_ptr_null(strcasestr(r.head, "Vary:"));
    raw_free(&r);
    stop();
}
END_TEST

/* --- CORS --- */

START_TEST(anybodys_page)
{
    start(NULL);
    struct raw_reply r = ask("OPTIONS", SEGMENT,
                             "Origin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n"
                             "Access-Control-Request-Headers: range\r\n");
    ck_assert_int_eq(r.status, 204);
    ck_assert(raw_has(&r, "Access-Control-Allow-Origin: *"));
    ck_assert(raw_has(&r, "Access-Control-Allow-Methods: GET, HEAD, OPTIONS"));
    ck_assert_ptr_nonnull(strstr(r.head, "Access-Control-Allow-Headers: Range, "));
    ck_assert_ptr_null(strcasestr(r.head, "Vary:"));
    raw_free(&r);
    r = ask("GET", SEGMENT, "Origin: https://a.example\r\nRange: bytes=0-1\r\n");
    const char *const exposed[] = {"Content-Length", "Content-Range", "Date", "ETag", "Age"};
    char list[HEADER_MAX];
    header(&r, "Access-Control-Expose-Headers: ", list);
    for (size_t i = 0; i < sizeof exposed / sizeof exposed[0]; i++) {
        ck_assert_msg(strstr(list, exposed[i]) != NULL, "%s: %s", exposed[i], list);
    }
    raw_free(&r);
    stop();
}
END_TEST

START_TEST(listed_pages)
{
    struct cors *cors = NULL;
    char why[CORS_WHY_MAX];
    ck_assert_int_eq(cors_create("https://a.example,http://b.example:8080", &cors, why), ERR_OK);
    start(cors);
    static const struct {
        const char *path, *headers;
        int status;
    } asks[] = {{SEGMENT, "", 200},
                {SEGMENT, "Range: bytes=0-1\r\n", 206},
                {SEGMENT, "Range: bytes=999999999-\r\n", 416},
                {SEGMENT, "If-None-Match: *\r\n", 304},
                {LIST, "Accept-Encoding: gzip\r\n", 200},
                {"/stream/a", "", 302},
                {"/stream/b.m3u8", "", 404},
                {"/stream/a%00", "", 400}};
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        char line[2 * HEADER_MAX], vary[HEADER_MAX];
        snprintf(line, sizeof line, "Origin: https://a.example\r\n%s", asks[i].headers);
        struct raw_reply r = ask("GET", asks[i].path, line);
        ck_assert_msg(r.status == asks[i].status, "%s: %d", asks[i].path, r.status);
        ck_assert(raw_has(&r, "Access-Control-Allow-Origin: https://a.example"));
        header(&r, "\r\nVary: ", vary);
        ck_assert_msg(strstr(vary, "Origin") != NULL, "%s", r.head);
        raw_free(&r);
        snprintf(line, sizeof line, "Origin: https://evil.example\r\n%s", asks[i].headers);
        for (int k = 0; k < 2; k++) { /* another page, and no page */
            r = ask("GET", asks[i].path, k == 0 ? line : asks[i].headers);
            ck_assert_int_eq(r.status, asks[i].status);
            ck_assert_ptr_null(strcasestr(r.head, "Access-Control-"));
            header(&r, "\r\nVary: ", vary);
            ck_assert_msg(strstr(vary, "Origin") != NULL, "%s", r.head);
            raw_free(&r);
        }
    }
    struct raw_reply r = ask("OPTIONS", SEGMENT, "Origin: http://b.example:8080\r\n");
    ck_assert(raw_has(&r, "Access-Control-Allow-Origin: http://b.example:8080"));
    raw_free(&r);
    r = ask("OPTIONS", SEGMENT, "Origin: http://b.example\r\n");
    ck_assert_int_eq(r.status, 204);
    ck_assert_ptr_null(strcasestr(r.head, "Access-Control-"));
    raw_free(&r);
    stop();
    cors_destroy(cors);
}
END_TEST

/* --- what a cache may keep --- */

START_TEST(ages)
{
    static const struct {
        const char *path, *age;
    } asks[] = {
        {SEGMENT, "public, max-age=3600, immutable"},
        {LIST, "max-age=1"},
        {"/stream/a/source.m3u8", "max-age=1"},
        {"/stream/a.m3u8", "max-age=1"},
        {"/stream/nope.m3u8", "max-age=1"},
        {"/stream/a/source/9.ts", "max-age=1"},
        {"/", "max-age=60"},
        {"/healthz", "no-store"},
    };
    start(NULL);
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        char line[HEADER_MAX];
        struct raw_reply r = ask("GET", asks[i].path, "");
        snprintf(line, sizeof line, "Cache-Control: %s", asks[i].age);
        ck_assert_msg(raw_has(&r, line), "%s: %s", asks[i].path, r.head);
        raw_free(&r);
    }
    stop();
}
END_TEST

static void publish_window(int target_duration_s, bool ended)
{
    struct window *old = board_window(board, "a", "source");
    struct window *w = window_create(old->segments, old->count, old->listed);
    struct variant variant = {.width = 160, .height = 90};
    strcpy(variant.name, "source");
    w->target_duration_s = target_duration_s;
    w->ended = ended;
    board_publish(board, "a", &variant, w);
    window_unref(w);
    window_unref(old);
}

START_TEST(ages_of_playlists)
{
    const char *const paths[] = {LIST, "/stream/a/source.m3u8"};
    start(NULL);
    for (int i = 0; i < 8; i++) {
        publish_window(1 + i / 2 % 2, i >= 4); /* who has ended may come back */
        struct raw_reply r = ask("GET", paths[i % 2], "");
        ck_assert_int_eq(r.status, 200);
        ck_assert_msg(
            raw_has(&r, i / 2 % 2 ? "Cache-Control: max-age=1" : "Cache-Control: no-cache"),
            "%d: %s", i, r.head);
        raw_free(&r);
    }
    stop();
}
END_TEST

UNIT_MAIN("viewers_http", parts, whole_all_the_same, not_modified, if_match, tags_differ, by_gzip,
          anybodys_page, listed_pages, ages, ages_of_playlists)
