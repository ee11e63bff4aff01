#include "broadcaster/viewers/http_range.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/support/unit.h"

#define LEN 1000

/* NULL: whole; "": 416; else "FIRST+N". */
static void expect(const char *range, uint64_t len, const char *want)
{
    uint64_t first = 77, n = 77;
    char got[64];
    enum http_range r = http_range_pick(range, len, &first, &n);
    if (want == NULL || want[0] == '\0') {
        ck_assert_msg(r == (want == NULL ? HTTP_RANGE_WHOLE : HTTP_RANGE_NONE), "%s: %d", range, r);
        ck_assert_uint_eq(first, 77);
        ck_assert_uint_eq(n, 77);
        return;
    }
    ck_assert_msg(r == HTTP_RANGE_PART, "%s: %d", range, r);
    snprintf(got, sizeof got, "%" PRIu64 "+%" PRIu64, first, n);
    ck_assert_str_eq(got, want);
}

START_TEST(one_range)
{
    expect("bytes=0-0", LEN, "0+1");
    expect("bytes=0-499", LEN, "0+500");
    expect("bytes=500-", LEN, "500+500");
    expect("bytes=999-", LEN, "999+1");
    expect("bytes=990-5000", LEN, "990+10");
    expect("bytes=0-18446744073709551615", LEN, "0+1000");
    expect("bytes=0-99999999999999999999999", LEN, "0+1000");
    expect("bytes=-1", LEN, "999+1");
    expect("bytes=-1000", LEN, "0+1000");
    expect("bytes=-5000", LEN, "0+1000");
    expect("BYTES=1-2", LEN, "1+2");
    expect("bytes= ,\t1-2 ,, ", LEN, "1+2");
    expect("bytes=00001-0002", LEN, "1+2");
}
END_TEST

START_TEST(nothing_there)
{
    expect("bytes=1000-", LEN, "");
    expect("bytes=1000-2000", LEN, "");
    expect("bytes=99999999999999999999999-", LEN, "");
    expect("bytes=-0", LEN, "");
    expect("bytes=0-", 0, "");
    expect("bytes=-5", 0, "");
}
END_TEST

START_TEST(what_is_no_range_gives_the_whole)
{
    const char *const odd[] = {
        NULL,          "",          "bytes",      "bytes=",        "bytes=-",     "bytes=a-b",
        "bytes=5-2",   "bytes=1",   "bytes=1--2", "bytes=+1-2",    "bytes=1-2-3", "bytes=1 - 2",
        "seconds=1-2", "bytes 1-2", "bytes=1-2x", "bytes=0-1,4-5", "bytes=,",     " bytes=1-2",
        "bytes=0x1-2"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        expect(odd[i], LEN, NULL);
    }
}
END_TEST

START_TEST(open_ends)
{
    ck_assert(http_range_is_open("bytes=0-"));
    ck_assert(http_range_is_open("bytes= 5- , "));
    ck_assert(!http_range_is_open("bytes=0-1"));
    ck_assert(!http_range_is_open("bytes=-5"));
    ck_assert(!http_range_is_open(""));
    ck_assert(!http_range_is_open(","));
}
END_TEST

UNIT_MAIN("http_range", one_range, nothing_there, what_is_no_range_gives_the_whole, open_ends)
