#include "broadcaster/push/push_request.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/unit.h"

static struct push_request parse(const char *method, const char *target)
{
    struct push_headers h = {.method = method, .target = target};
    struct push_request r;
    ck_assert(push_request_is(target));
    push_request_parse(&h, &r);
    return r;
}

START_TEST(what_is_a_segment)
{
    static const struct {
        const char *target, *name, *key, *path;
        bool numbered, mp4;
        uint64_t number;
    } rows[] = {
        {"/live/movie/17.ts", "movie", "", "movie.ts", true, false, 17},
        {"/live/movie/0.mp4", "movie", "", "movie.ts", true, true, 0},
        {"/live/movie/out12.ts", "movie", "", "movie.ts", true, false, 12},
        {"/live/movie/seg.ts", "movie", "", "movie.ts", false, false, 0},
        {"/live/movie.ts", "movie", "", "movie.ts", false, false, 0},
        {"/live/movie1.ts", "movie1", "", "movie1.ts", false, false, 0},
        {"/live/movie/a/b/007.ts", "movie", "a/b", "movie/a/b.ts", true, false, 7},
        {"/live/my.movie/1.ts", "my.movie", "", "my.movie.ts", true, false, 1},
        {"/live/m%6fvie/1.ts?token=x%20y", "movie", "", "movie.ts", true, false, 1},
        {"/live/m/999999999999999999.ts", "m", "", "m.ts", true, false, 999999999999999999},
        {"/live/m/9999999999999999999.ts", "m", "", "m.ts", false, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[PUSH_PATH_MAX];
        struct push_request r = parse(i % 2 ? "PUT" : "POST", rows[i].target);
        ck_assert_msg(r.status == 0, "%s: %s", rows[i].target, r.text);
        ck_assert_str_eq(r.name, rows[i].name);
        ck_assert_str_eq(r.key, rows[i].key);
        ck_assert_int_eq(r.numbered, rows[i].numbered);
        ck_assert_int_eq(r.mp4, rows[i].mp4);
        ck_assert_uint_eq(r.number, rows[i].number);
        push_request_path(&r, path);
        ck_assert_str_eq(path, rows[i].path);
    }
    struct push_request r = parse("PUT", "/live/m/1.ts?token=x%20y");
    ck_assert_str_eq(r.query, "token=x%20y");
}
END_TEST

START_TEST(what_is_none)
{
    static const struct {
        const char *method, *target;
        int status;
        const char *text;
    } rows[] = {
        {"PUT", "/live/movie/out.m3u8", 400, "ignoring file extension: .m3u8"},
        {"PUT", "/live/movie/", 400, "ignoring file extension: "},
        {"PUT", "/live/", 400, "ignoring file extension: "},
        {"PUT", "/live/.ts", 400, "Bad URL"},
        {"PUT", "/live//1.ts", 400, "Bad URL"},
        {"PUT", "/live/..%2f/1.ts", 400, "Bad URL"},
        {"PUT", "/live/a%00b/1.ts", 400, "Bad URL"},
        {"PUT", "/live/a%zz/1.ts", 400, "Bad URL"},
        {"PUT", "/live/a%4", 400, "Bad URL"},
        {"PUT", "/live/a\"b/1.ts", 400, "Bad URL"},
        {"GET", "/live/movie/1.ts", 405, "a segment is pushed with PUT or POST"},
        {"DELETE", "/live/movie/1.ts", 405, "a segment is pushed with PUT or POST"},
        {"put", "/live/movie/1.ts", 405, "a segment is pushed with PUT or POST"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct push_request r = parse(rows[i].method, rows[i].target);
        ck_assert_msg(r.status == rows[i].status, "%s: %d", rows[i].target, r.status);
        ck_assert_msg(strncmp(r.text, rows[i].text, strlen(rows[i].text)) == 0, "%s: %s",
                      rows[i].target, r.text);
    }
    ck_assert(!push_request_is("/stream/x.m3u8"));
    ck_assert(!push_request_is("/live"));
}
END_TEST

START_TEST(too_long)
{
    char target[8192];
    for (size_t n = 100; n < 8000; n += 321) {
        memset(target, 'a', sizeof target);
        memcpy(target, "/live/", 6);
        strcpy(target + n, "/1.ts");
        struct push_request r = parse("PUT", target);
        ck_assert_int_eq(r.status, n - 6 <= ID_MAX ? 0 : 400);
        memcpy(target, "/live/m/", 8);
        r = parse("PUT", target);
        ck_assert_int_eq(r.status, n - 8 <= PUBLISH_KEY_MAX ? 0 : 400);
        memset(target, '.', sizeof target - 1);
        memcpy(target, "/live/m/", 8);
        strcpy(target + n, ".x");
        ck_assert_int_eq(parse("PUT", target).status, 400);
    }
}
END_TEST

START_TEST(headers)
{
    static const struct {
        const char *resolution, *duration, *accept;
        int width, height;
        bool has_duration, parts;
        int64_t ms;
    } rows[] = {
        {NULL, NULL, NULL, 0, 0, false, false, 2000},
        {"640x480", "1980", "multipart/mixed", 640, 480, true, true, 1980},
        {"640X480", "0", "Multipart/Mixed", 640, 480, false, true, 2000},
        {"640x480p", "2s", "multipart/mixed, */*", 0, 0, false, false, 2000},
        {"0x480", "-5", "*/*", 0, 0, false, false, 2000},
        {"640", "300001", "", 0, 0, false, false, 2000},
        {"99999x99999", "99999999999999999999999", "", 0, 0, false, false, 2000},
        {" 640x480", "300000", "", 0, 0, true, false, 300000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct push_headers h = {"PUT", "/live/m/1.ts", rows[i].resolution, rows[i].duration,
                                 rows[i].accept};
        struct push_request r;
        push_request_parse(&h, &r);
        ck_assert_int_eq(r.status, 0);
        ck_assert_int_eq(r.width, rows[i].width);
        ck_assert_int_eq(r.height, rows[i].height);
        ck_assert_int_eq(r.has_duration, rows[i].has_duration);
        ck_assert_int_eq(r.duration_ms, rows[i].ms);
        ck_assert_int_eq(r.wants_parts, rows[i].parts);
    }
}
END_TEST

UNIT_MAIN("push_request", what_is_a_segment, what_is_none, too_long, headers)
