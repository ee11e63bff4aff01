#include "broadcaster/hls/hls_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broadcaster/hls/hls.h"
#include "tests/support/unit.h"

#define ROUNDS 50000

static struct hls_directives d;
static char keep[HLS_QUERY_MAX + 1];

static const char *parse(const char *query)
{
    return hls_query_parse(span_cstr(query), &d, keep);
}

START_TEST(directives)
{
    ck_assert_ptr_null(parse(""));
    ck_assert(!d.has_msn && !d.has_part && !d.skip);
    ck_assert_ptr_null(parse("_HLS_msn=119802"));
    ck_assert(d.has_msn && d.msn == 119802 && !d.has_part);
    ck_assert_ptr_null(parse("t=1&_HLS_part=07&_HLS_msn=0&_HLS_skip=YES"));
    ck_assert(d.has_msn && d.msn == 0 && d.has_part && d.part == 7 && d.skip);
    ck_assert_str_eq(keep, "t=1");
    ck_assert_ptr_null(parse("_HLS_skip=v2&_HLS_msn=18446744073709551615&_HLS_part=9999"));
    ck_assert(d.skip && d.msn == UINT64_MAX && d.part == 9999);
}
END_TEST

static const struct {
    const char *query, *why;
} bad[] = {
    {"_HLS_msn=", "not a segment's number"},
    {"_HLS_msn", "not a segment's number"},
    {"_HLS_msn=-1", "not a segment's number"},
    {"_HLS_msn=+1", "not a segment's number"},
    {"_HLS_msn=1.5", "not a segment's number"},
    {"_HLS_msn=0x10", "not a segment's number"},
    {"_HLS_msn=%31", "not a segment's number"},
    {"_HLS_msn=18446744073709551616", "not a segment's number"},
    {"_HLS_msn=000000000000000000001", "not a segment's number"},
    {"_HLS_msn=1&_HLS_msn=1", "_HLS_msn more than once"},
    {"_HLS_msn=1&_HLS_part=", "not a part's number"},
    {"_HLS_msn=1&_HLS_part=-1", "not a part's number"},
    {"_HLS_msn=1&_HLS_part=10000", "not a part's number"},
    {"_HLS_msn=1&_HLS_part=0&_HLS_part=0", "_HLS_part more than once"},
    {"_HLS_part=0", "_HLS_part without _HLS_msn"},
    {"_HLS_skip=", "neither YES nor v2"},
    {"_HLS_skip=NO", "neither YES nor v2"},
    {"_HLS_skip=yes", "neither YES nor v2"},
    {"_HLS_skip=YES&_HLS_skip=YES", "_HLS_skip more than once"},
};

START_TEST(bad_directives)
{
    d = (struct hls_directives){.part = 77};
    strcpy(keep, "as it was");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *why = parse(bad[i].query);
        ck_assert_msg(why != NULL && strstr(why, bad[i].why) != NULL, "%s: %s", bad[i].query, why);
        ck_assert(d.part == 77 && !d.has_msn);
        ck_assert_str_eq(keep, "as it was");
    }
}
END_TEST

START_TEST(what_is_kept)
{
    static const struct {
        const char *query, *kept;
    } cases[] = {
        {"token=abc", "token=abc"},
        {"a=1&_HLS_msn=3&b&_HLS_anything=x&c=", "a=1&b&c="},
        {"_HLS_x", ""},
        {"&&a=1&&b=2&", "a=1&b=2"},
        {"a=b=c&d=?/:@!$'()*+,;~", "a=b=c&d=?/:@!$'()*+,;~"},
        {"a=%41%2f%zz%4", "a=%41%2f%25zz%254"},
        {"a=\"b\"\r\n#EXT-X-KEY\x7f<>\\^`{|} \xc3\x9f",
         "a=%22b%22%0D%0A%23EXT-X-KEY%7F%3C%3E%5C%5E%60%7B%7C%7D%20%C3%9F"},
        {"%5FHLS_msn=1", "%5FHLS_msn=1"},
        {"_hls_msn=1", "_hls_msn=1"},
        {"%", "%25"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_ptr_null(parse(cases[i].query));
        ck_assert_str_eq(keep, cases[i].kept);
    }
}
END_TEST

START_TEST(lengths)
{
    char query[HLS_QUERY_MAX + 2];
    memset(query, 'a', sizeof query);
    query[HLS_QUERY_MAX] = '\0';
    ck_assert_ptr_null(parse(query));
    ck_assert_uint_eq(strlen(keep), HLS_QUERY_MAX);
    query[HLS_QUERY_MAX - 1] = '"';
    ck_assert_str_eq(parse(query), "The query is too long.");
    query[HLS_QUERY_MAX - 1] = 'a';
    query[HLS_QUERY_MAX] = 'a';
    query[HLS_QUERY_MAX + 1] = '\0';
    ck_assert_str_eq(parse(query), "The query is too long.");
}
END_TEST

START_TEST(in_an_address)
{
    struct hls_ask a = hls_parse(span_cstr("/stream/a/source/live.m3u8?k=1&_HLS_msn=5#f"));
    ck_assert_int_eq(a.what, HLS_LIVE_MEDIA);
    ck_assert(a.directives.has_msn && a.directives.msn == 5);
    ck_assert_str_eq(a.query, "k=1");
    a = hls_parse(span_cstr("/stream/a.m3u8?_HLS_msn=5&k=1"));
    ck_assert_int_eq(a.what, HLS_MASTER);
    ck_assert(!a.directives.has_msn);
    ck_assert_str_eq(a.query, "k=1");
    a = hls_parse(span_cstr("/stream/a/source/live.m3u8?_HLS_part=5"));
    ck_assert_int_eq(a.what, HLS_BAD);
    ck_assert_ptr_nonnull(strstr(a.why, "without _HLS_msn"));
    ck_assert_int_eq(a.id[0], '\0');
    a = hls_parse(span_cstr("/stream/a/source/119802.3.m4s?k=1"));
    ck_assert_int_eq(a.what, HLS_LIVE_PART);
    ck_assert(a.msn == 119802 && a.part == 3);
    static const char *const none[] = {"1.10000", "1.-1",  "1.",   "1.02",
                                       ".1",      "1.2.3", "01.2", "1.x"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        char path[64];
        snprintf(path, sizeof path, "/stream/a/source/%s.m4s", none[i]);
        a = hls_parse(span_cstr(path));
        ck_assert_msg(a.what == HLS_UNKNOWN, "%s", path);
    }
}
END_TEST

/* Whatever comes, what is kept can stand inside of a quoted string. */
START_TEST(noise)
{
    static const char *const from[] = {"a=1&_HLS_msn=3&_HLS_part=2", "_HLS_skip=YES&x=%41"};
    srand(3);
    for (int round = 0; round < ROUNDS; round++) {
        const char *text = from[round % 2];
        size_t n = (size_t)rand() % (strlen(text) + 1);
        char *t = malloc(n + (n == 0));
        memcpy(t, text, n);
        for (int changes = rand() % 4; changes > 0 && n > 0; changes--) {
            t[(size_t)rand() % n] = (char)(rand() % 2 ? "&=%_\"\n"[rand() % 6] : rand());
        }
        if (hls_query_parse(span_of(t, n), &d, keep) == NULL) {
            ck_assert(d.has_msn || !d.has_part);
            ck_assert_ptr_null(strpbrk(keep, "\"\r\n# \\"));
        }
        free(t);
    }
}
END_TEST

UNIT_MAIN("hls_query", directives, bad_directives, what_is_kept, lengths, in_an_address, noise)
