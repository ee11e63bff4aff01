/* Media files over HTTP, byte for byte. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/media/media.h"
#include "broadcaster/viewers/http_date.h"
#include "broadcaster/viewers/viewers.h"
#include "tests/support/media_folder.h"
#include "tests/support/raw_http.h"
#include "tests/support/unit.h"

#define SIZE        300000 /* more than a socket takes at once; no power of two */
#define HEADER_MAX  400
#define REQUEST_MAX 8192
#define WAIT_MS     15000
#define ROUND_US    2000
#define FILE_URL    "/media/sub/%C3%BC%20a.bin"
#define FILE_PATH   "sub/\xC3\xBC a.bin"
#define NOBODY      65534
#define FAR_BYTES   5000000000 /* past what 32 bits hold */

static struct media_folder folder;
static struct media *media;
static struct board *board;
static struct viewers *viewers;
static uint8_t bytes[SIZE];
static int fd;

static void start_with(const struct cors *cors, int max_open, bool no_index)
{
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (uint8_t)(i * 31 + i / 251);
    }
    folder = media_folder_create();
    media_folder_mkdir(&folder, "sub");
    media_folder_put(&folder, FILE_PATH, span_of(bytes, SIZE), 1);
    const char *why = NULL;
    struct media_config m = {.folder = folder.path, .max_open = max_open, .video_bytes = 1000};
    ck_assert_int_eq(media_create(&m, &media, &why), ERR_OK);
    board = board_create();
    struct viewers_config config = {.addr = {.host = "127.0.0.1"},
                                    .cors = cors,
                                    .media = media,
                                    .no_index = no_index,
                                    .threads = 1,
                                    .max_connections = 100,
                                    .idle_timeout_s = 30};
    ck_assert_int_eq(viewers_create(&config, board, &viewers, &why), ERR_OK);
    fd = raw_connect(viewers_port(viewers));
}

static void start(void)
{
    start_with(NULL, 10, false);
}

static void stop(void)
{
    close(fd);
    viewers_destroy(viewers);
    media_destroy(media);
    board_destroy(board);
    media_folder_destroy(&folder);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

/* Header lines end with CRLF each. All on one connection, which so has to stay in step. */
static struct raw_reply ask(const char *method, const char *path, const char *headers)
{
    char text[REQUEST_MAX];
    int n =
        snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, path, headers);
    raw_send(fd, text, (size_t)n);
    return raw_read(fd, strcmp(method, "HEAD") == 0);
}

static void header(const struct raw_reply *r, const char *name, char ret_value[HEADER_MAX])
{
    const char *at = strcasestr(r->head, name);
    ret_value[0] = '\0';
    if (at != NULL) {
        at += strlen(name);
        snprintf(ret_value, HEADER_MAX, "%.*s", (int)strcspn(at, "\r\n"), at);
    }
}

static void expect(const char *method, const char *path, const char *headers, int status)
{
    struct raw_reply r = ask(method, path, headers);
    ck_assert_msg(r.status == status, "%s %s %s: %d, not %d", method, path, headers, r.status,
                  status);
    ck_assert_msg(raw_has(&r, "Access-Control-Allow-Origin: *"), "%s", r.head);
    ck_assert_msg(raw_has(&r, "X-Content-Type-Options: nosniff"), "%s", r.head);
    ck_assert(status < 400 || (r.len > 20 && r.body[r.len - 1] == '\n') ||
              strcmp(method, "HEAD") == 0);
    raw_free(&r);
}

/* 206 with these bytes, or 200 with all (n 0). */
static void part(const char *headers, size_t first, size_t n)
{
    struct raw_reply r = ask("GET", FILE_URL, headers);
    char line[HEADER_MAX];
    ck_assert_msg(r.status == (n > 0 ? 206 : 200), "%s: %d", headers, r.status);
    ck_assert_uint_eq(r.len, n > 0 ? n : SIZE);
    ck_assert_mem_eq(r.body, bytes + first, r.len);
    ck_assert(raw_has(&r, "Accept-Ranges: bytes"));
    snprintf(line, sizeof line, "Content-Range: bytes %zu-%zu/%d", first, first + n - 1, SIZE);
    ck_assert_msg(raw_has(&r, line) == (n > 0), "%s: %s", headers, r.head);
    raw_free(&r);
}

START_TEST(the_whole)
{
    start();
    part("", 0, 0);
    struct raw_reply r = ask("HEAD", FILE_URL, "");
    char length[HEADER_MAX];
    header(&r, "\r\nContent-Length: ", length);
    ck_assert_int_eq(r.status, 200);
    ck_assert_int_eq(atoi(length), SIZE);
    ck_assert(raw_has(&r, "Content-Type: application/octet-stream"));
    ck_assert(raw_has(&r, "Cache-Control: public, max-age=60"));
    raw_free(&r);
    expect("HEAD", FILE_URL, "Range: bytes=5-9\r\n", 200);
    media_folder_put(&folder, "none.txt", span_cstr(""), 1);
    r = ask("GET", "/media/none.txt?userId=x&y", "");
    ck_assert_int_eq(r.status, 200);
    ck_assert_uint_eq(r.len, 0);
    raw_free(&r);
    expect("GET", "/media/none.txt", "Range: bytes=0-\r\n", 416);
    expect("POST", FILE_URL, "", 405);
    stop();
}
END_TEST

START_TEST(ranges)
{
    start();
    part("Range: bytes=0-0\r\n", 0, 1);
    part("Range: bytes=0-\r\n", 0, SIZE);
    part("Range: bytes=100-\r\n", 100, SIZE - 100);
    part("Range: bytes=131071-262145\r\n", 131071, 131075);
    part("Range: bytes=299999-\r\n", SIZE - 1, 1);
    part("Range: bytes=-1\r\n", SIZE - 1, 1);
    part("Range: bytes=-5000000\r\n", 0, SIZE);
    part("Range: bytes=10-99999999999999999999\r\n", 10, SIZE - 10);
    part("Range: bytes=0-1,5-6\r\n", 0, 0); /* several: the whole */
    part("Range: bytes=5-2\r\n", 0, 0);
    part("Range: lines=1-2\r\n", 0, 0);
    struct raw_reply r = ask("GET", FILE_URL, "Range: bytes=300000-\r\n");
    ck_assert_int_eq(r.status, 416);
    ck_assert(raw_has(&r, "Content-Range: bytes */300000"));
    raw_free(&r);
    stop();
}
END_TEST

START_TEST(past_four_gigabytes)
{
    start();
    char path[MEDIA_FOLDER_PATH_MAX];
    media_folder_path(&folder, "far.bin", path);
    int file = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    ck_assert_int_eq(pwrite(file, "there", 5, FAR_BYTES), 5);
    close(file);
    struct raw_reply r = ask("GET", "/media/far.bin", "Range: bytes=4999999999-5000000003\r\n");
    ck_assert_int_eq(r.status, 206);
    ck_assert(raw_has(&r, "Content-Range: bytes 4999999999-5000000003/5000000005"));
    ck_assert_uint_eq(r.len, 5);
    ck_assert_mem_eq(r.body, "\0ther", 5);
    raw_free(&r);
    r = ask("HEAD", "/media/far.bin", "");
    ck_assert(raw_has(&r, "Content-Length: 5000000005"));
    raw_free(&r);
    stop();
}
END_TEST

START_TEST(conditions)
{
    start();
    char tag[HEADER_MAX], date[HEADER_MAX], text[3 * HEADER_MAX], late[HTTP_DATE_MAX],
        early[HTTP_DATE_MAX];
    struct raw_reply r = ask("GET", FILE_URL, "");
    int64_t modified;
    header(&r, "\r\nETag: ", tag);
    header(&r, "\r\nLast-Modified: ", date);
    raw_free(&r);
    ck_assert(tag[0] == '"');
    ck_assert(http_date_read(date, &modified));
    http_date_write(modified + 1, late);
    http_date_write(modified - 1, early);
    const struct {
        const char *format, *value;
        int status;
    } all[] = {
        {"If-None-Match: %s\r\n", tag, 304},
        {"If-None-Match: \"x\", W/%s\r\n", tag, 304},
        {"If-None-Match: %s\r\n", "*", 304},
        {"If-None-Match: %s\r\n", "\"x\"", 200},
        {"If-Modified-Since: %s\r\n", date, 304},
        {"If-Modified-Since: %s\r\n", late, 304},
        {"If-Modified-Since: %s\r\n", early, 200},
        {"If-Modified-Since: %s\r\n", "yesterday", 200},
        {"If-Match: %s\r\n", tag, 200},
        {"If-Match: W/%s\r\n", tag, 412},
        {"If-Match: %s\r\n", "\"x\"", 412},
        {"If-Unmodified-Since: %s\r\n", date, 200},
        {"If-Unmodified-Since: %s\r\n", early, 412},
        {"If-Unmodified-Since: %s\r\n", "yesterday", 200},
        {"Range: bytes=0-9\r\nIf-Range: %s\r\n", tag, 206},
        {"Range: bytes=0-9\r\nIf-Range: W/%s\r\n", tag, 200},
        {"Range: bytes=0-9\r\nIf-Range: %s\r\n", "\"x\"", 200},
        {"Range: bytes=0-9\r\nIf-Range: %s\r\n", date, 206},
        {"Range: bytes=0-9\r\nIf-Range: %s\r\n", late, 200},
        {"Range: bytes=0-9\r\nIf-Range: %s\r\n", early, 200},
        {"Range: bytes=999999-\r\nIf-Range: %s\r\n", "\"x\"", 200},
        {"Range: bytes=999999-\r\nIf-None-Match: %s\r\n", tag, 304},
        /* Tags come before dates. */
        {"If-Modified-Since: Thu, 01 Jan 1970 00:00:01 GMT\r\nIf-None-Match: %s\r\n", tag, 304},
        {"If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT\r\nIf-None-Match: %s\r\n", "\"x\"", 200},
        {"If-Unmodified-Since: Thu, 01 Jan 1970 00:00:01 GMT\r\nIf-Match: %s\r\n", tag, 200},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        snprintf(text, sizeof text, all[i].format, all[i].value);
        expect("GET", FILE_URL, text, all[i].status);
    }
    /* A file of this very second may be another one with the same date. */
    media_folder_put(&folder, "now.bin", span_cstr("0123456789"), 0);
    r = ask("GET", "/media/now.bin", "");
    header(&r, "\r\nLast-Modified: ", date);
    raw_free(&r);
    ck_assert(http_date_read(date, &modified));
    snprintf(text, sizeof text, "Range: bytes=0-4\r\nIf-Range: %s\r\n", date);
    int64_t now_s = clock_wall_ms() / 1000;
    r = ask("GET", "/media/now.bin", text);
    ck_assert(r.status == 200 || now_s > modified);
    raw_free(&r);
    stop();
}
END_TEST

START_TEST(another_file_has_another_tag)
{
    start();
    char first[HEADER_MAX], second[HEADER_MAX], range[2 * HEADER_MAX];
    struct raw_reply r = ask("GET", FILE_URL, "");
    header(&r, "\r\nETag: ", first);
    raw_free(&r);
    bytes[7]++; /* as long as before, and said to be as old */
    char path[MEDIA_FOLDER_PATH_MAX], new_path[MEDIA_FOLDER_PATH_MAX];
    media_folder_put(&folder, "new", span_of(bytes, SIZE), 1);
    media_folder_path(&folder, "new", new_path);
    media_folder_path(&folder, FILE_PATH, path);
    ck_assert_int_eq(rename(new_path, path), 0);
    snprintf(range, sizeof range, "Range: bytes=0-9\r\nIf-Range: %s\r\n", first);
    part(range, 0, 0);
    r = ask("GET", FILE_URL, "");
    header(&r, "\r\nETag: ", second);
    raw_free(&r);
    ck_assert_str_ne(first, second);
    stop();
}
END_TEST

static void says(const char *path, int status, const char *words)
{
    struct raw_reply r = ask("GET", path, "");
    ck_assert_msg(r.status == status, "%s: %d", path, r.status);
    ck_assert_msg(strstr(r.body, words) != NULL, "%s: %s", path, r.body);
    raw_free(&r);
}

/* Until the folder was read for the first time, the list and /video say 503. */
static void wait_for_the_list(void)
{
    int64_t until = clock_mono_ms() + WAIT_MS;
    for (int status = 0; status != 200;) {
        struct raw_reply r = ask("GET", "/media.json", "");
        status = r.status;
        raw_free(&r);
        ck_assert(status == 200 || clock_mono_ms() < until);
    }
}

START_TEST(what_is_not_there)
{
    start();
    wait_for_the_list();
    char path[MEDIA_FOLDER_PATH_MAX];
    media_folder_path(&folder, "link.mp4", path);
    ck_assert_int_eq(symlink("/etc/passwd", path), 0);
    media_folder_path(&folder, "pipe.mp4", path);
    ck_assert_int_eq(mkfifo(path, 0644), 0);
    media_folder_put(&folder, ".hidden.mp4", span_cstr("x"), 1);
    says("/media/none.mp4", 404, "no media file \"none.mp4\" here");
    says("/media/link.mp4", 404, "no media file \"link.mp4\" here");
    says("/media/pipe.mp4", 404, "\"pipe.mp4\" is no file");
    says("/media/sub", 404, "\"sub\" is no file");
    says("/media/.hidden.mp4", 404, "no media file of that name");
    says("/media/../etc/passwd", 400, "dot segment");
    says("/media/..%2fetc%2fpasswd", 400, "encoded slash");
    says("/media/a%00b", 400, "control character");
    says("/media/%c0%ae%c0%ae", 400, "not UTF-8");
    says("/media/", 404, "no media file of that name");
    says("/media", 404, "/media/FILE");
    says("/watch/a.mp4", 404, "no pages");
    says("/video", 404, "no video");
    char far[3000] = "/media/";
    memset(far + 7, 'a', 2900);
    far[2907] = '\0';
    says(far, 400, "too long");
    bool root = geteuid() == 0;
    media_folder_put(&folder, "shut.mp4", span_cstr("x"), 1);
    media_folder_path(&folder, "shut.mp4", path);
    ck_assert_int_eq(chmod(path, root ? 0600 : 0), 0);
    ck_assert(!root || seteuid(NOBODY) == 0);
    says("/media/shut.mp4", 403, "may not read the media file \"shut.mp4\"");
    ck_assert(!root || seteuid(0) == 0);
    stop();
}
END_TEST

START_TEST(the_list)
{
    start();
    struct span wav = media_folder_wav(1);
    media_folder_put(&folder, "sub/a.wav", wav, 1);
    int64_t until = clock_mono_ms() + WAIT_MS;
    for (bool there = false; !there;) {
        struct raw_reply r = ask("GET", "/media.json?x=1", "");
        ck_assert(r.status == 200 || (r.status == 503 && raw_has(&r, "Retry-After: 1")));
        there = strstr(r.body, "\"url\":\"/media/sub/a.wav\"") != NULL &&
                strstr(r.body, "\"duration_s\":1.000") != NULL;
        ck_assert(!there || raw_has(&r, "Content-Type: application/json"));
        ck_assert(!there || raw_has(&r, "Cache-Control: max-age=1"));
        raw_free(&r);
        ck_assert(clock_mono_ms() < until);
        usleep(ROUND_US);
    }
    char tag[HEADER_MAX], again[2 * HEADER_MAX];
    struct raw_reply r = ask("GET", "/media.json", "Accept-Encoding: gzip\r\n");
    header(&r, "\r\nETag: ", tag);
    ck_assert(raw_has(&r, "Content-Encoding: gzip"));
    raw_free(&r);
    snprintf(again, sizeof again, "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n", tag);
    expect("GET", "/media.json", again, 304);
    mem_free((void *)(uintptr_t)wav.data);
    stop();
}
END_TEST

START_TEST(nobody_is_told)
{
    start_with(NULL, 10, true);
    says("/media.json", 404, "does not tell");
    part("", 0, 0);
    stop();
}
END_TEST

START_TEST(listed_origins)
{
    struct cors *cors = NULL;
    char why[CORS_WHY_MAX];
    ck_assert_int_eq(cors_create("https://a.example", &cors, why), ERR_OK);
    start_with(cors, 10, false);
    struct raw_reply r = ask("GET", FILE_URL, "Origin: https://a.example\r\n");
    ck_assert(raw_has(&r, "Access-Control-Allow-Origin: https://a.example"));
    ck_assert(raw_has(&r, "Vary: Origin"));
    raw_free(&r);
    r = ask("GET", FILE_URL, "Origin: https://b.example\r\n");
    ck_assert_ptr_null(strcasestr(r.head, "Access-Control-"));
    raw_free(&r);
    stop();
    cors_destroy(cors);
}
END_TEST

/* Starts to read a large file and stops. */
static int begin(void)
{
    char text[] = "GET /media/large.bin HTTP/1.1\r\nHost: x\r\n\r\n";
    char some[100];
    int other = raw_connect(viewers_port(viewers));
    raw_send(other, text, sizeof text - 1);
    ck_assert_int_gt(recv(other, some, sizeof some, 0), 0);
    return other;
}

static void make_large(off_t size)
{
    char path[MEDIA_FOLDER_PATH_MAX];
    media_folder_path(&folder, "large.bin", path);
    int file = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    ck_assert_int_eq(ftruncate(file, size), 0);
    close(file);
}

START_TEST(only_so_many_are_open)
{
    start_with(NULL, 2, false);
    make_large(1 << 30);
    int a = begin(), b = begin();
    says(FILE_URL, 503, "Too many media files");
    close(a);
    int64_t until = clock_mono_ms() + WAIT_MS;
    for (int status = 0; status != 200;) {
        struct raw_reply r = ask("GET", FILE_URL, "");
        status = r.status;
        raw_free(&r);
        ck_assert(clock_mono_ms() < until);
        usleep(ROUND_US);
    }
    close(b);
    stop();
}
END_TEST

START_TEST(a_file_that_shrinks_ends_the_answer)
{
    start();
    make_large(1 << 30);
    int other = begin();
    make_large(1000);
    char some[65536];
    ssize_t n;
    while ((n = recv(other, some, sizeof some, 0)) > 0) {
    }
    ck_assert_int_eq(n, 0); /* and not the time limit of the socket */
    close(other);
    ck_assert_uint_eq(viewers_counters(viewers).shrunk, 1);
    ck_assert_uint_eq(viewers_counters(viewers).slow, 0);
    part("", 0, 0);
    stop();
}
END_TEST

UNIT_MAIN("viewers_media", the_whole, ranges, past_four_gigabytes, conditions,
          another_file_has_another_tag, what_is_not_there, the_list, nobody_is_told, listed_origins,
          only_so_many_are_open, a_file_that_shrinks_ends_the_answer)
