#include "broadcaster/viewers/http_date.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/support/unit.h"

#define KNOWN 784111777 /* of RFC 9110, 5.6.7 */

static void reads(const char *text, int64_t seconds)
{
    int64_t got = -1;
    ck_assert_msg(http_date_read(text, &got), "%s", text);
    ck_assert_msg(got == seconds, "%s: %" PRId64, text, got);
}

START_TEST(three_forms)
{
    reads("Sun, 06 Nov 1994 08:49:37 GMT", KNOWN);
    reads("Sunday, 06-Nov-94 08:49:37 GMT", KNOWN);
    reads("Sun Nov  6 08:49:37 1994", KNOWN);
    reads("Sun Nov 06 08:49:37 1994", KNOWN);
    reads("Thu, 01 Jan 1970 00:00:00 GMT", 0);
    reads("Tuesday, 19-Jan-38 03:14:08 GMT", 2147483648);
    reads("Thu, 29 Feb 2024 23:59:60 GMT", 1709251200);
    reads("Fri, 31 Dec 9999 23:59:59 GMT", 253402300799);
}
END_TEST

START_TEST(what_is_no_date)
{
    static const char *const bad[] = {
        NULL,
        "",
        " ",
        "\"0123456789abcdef\"",
        "W/\"x\" ",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Thu, 29 Feb 2023 00:00:00 GMT",
        "Thu, 29 Feb 2100 00:00:00 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, 06 Nov 01994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov  6 08:49:37 94",
        "Sun Nov   6 08:49:37 1994",
        "1994-11-06T08:49:37Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t got = -1;
        ck_assert_msg(!http_date_read(bad[i], &got), "%s", bad[i]);
        ck_assert_int_eq(got, -1);
    }
}
END_TEST

/* Against the system's calendar, over all centuries that can be written. */
START_TEST(what_is_written_is_read)
{
    char text[HTTP_DATE_MAX], other[64];
    for (int64_t t = 0; t < 253402300799; t += 86399 * 37 + 1234567) {
        time_t seconds = t;
        struct tm tm;
        gmtime_r(&seconds, &tm);
        strftime(other, sizeof other, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        http_date_write(t, text);
        ck_assert_str_eq(text, other);
        reads(text, t);
    }
    http_date_write(-1, text);
    ck_assert_str_eq(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    http_date_write(INT64_MAX, text);
    ck_assert_str_eq(text, "Fri, 31 Dec 9999 23:59:59 GMT");
}
END_TEST

UNIT_MAIN("http_date", three_forms, what_is_no_date, what_is_written_is_read)
