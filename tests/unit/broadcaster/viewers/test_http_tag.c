#include "broadcaster/viewers/http_tag.h"

#include <string.h>

#include "tests/support/unit.h"

#define TAG "\"0123456789abcdef\""

START_TEST(written)
{
    char text[HTTP_TAG_MAX];
    http_tag_write(0x0123456789abcdefu, false, text);
    ck_assert_str_eq(text, TAG);
    http_tag_write(UINT64_MAX, true, text);
    ck_assert_str_eq(text, "\"ffffffffffffffff-gz\"");
    http_tag_write(1, false, text);
    ck_assert_str_eq(text, "\"0000000000000001\"");
}
END_TEST

/* One flipped bit, one byte more, the same bytes at another place: another tag. */
START_TEST(every_bit_counts)
{
    uint8_t bytes[41] = {0};
    uint64_t seen[sizeof bytes * 9];
    size_t n = 0;
    for (size_t len = 0; len < sizeof bytes; len++) {
        seen[n++] = http_tag_of(span_of(bytes, len));
    }
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] = (uint8_t)(1u << bit % 8);
        seen[n++] = http_tag_of(span_of(bytes, sizeof bytes));
        bytes[bit / 8] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_ne(seen[i], 0);
        for (size_t j = 0; j < i; j++) {
            ck_assert_uint_ne(seen[i], seen[j]);
        }
    }
    uint8_t moved[sizeof bytes + 1] = {0};
    ck_assert_uint_eq(http_tag_of(span_of(moved + 1, 40)), http_tag_of(span_of(bytes, 40)));
}
END_TEST

START_TEST(numbers)
{
    const uint64_t a[] = {1, 2, 3}, b[] = {1, 3, 2}, c[] = {1, 2, 3, 0};
    ck_assert_uint_eq(http_tag_of_numbers(a, 3), http_tag_of_numbers(c, 3));
    ck_assert_uint_ne(http_tag_of_numbers(a, 3), http_tag_of_numbers(b, 3));
    ck_assert_uint_ne(http_tag_of_numbers(a, 3), http_tag_of_numbers(c, 4));
}
END_TEST

START_TEST(lists)
{
    const char *const strong[] = {TAG,
                                  "*",
                                  " * ",
                                  " " TAG " ",
                                  "\"x\", " TAG,
                                  "W/\"x\"," TAG ", \"y\"",
                                  ",," TAG,
                                  "\"\"," TAG,
                                  "\"a,b\"\t," TAG,
                                  TAG "\"never read"};
    for (size_t i = 0; i < sizeof strong / sizeof strong[0]; i++) {
        ck_assert_msg(http_tag_listed(strong[i], TAG), "%s", strong[i]);
        ck_assert_msg(http_tag_listed_strong(strong[i], TAG), "%s", strong[i]);
    }
    ck_assert(http_tag_listed("W/" TAG, TAG));
    ck_assert(!http_tag_listed_strong("W/" TAG, TAG));
    ck_assert(http_tag_listed_strong("W/" TAG ", " TAG, TAG));
    const char *const none[] = {NULL,
                                "",
                                ",",
                                "\"x\"",
                                "0123456789abcdef",
                                "*, " TAG,
                                "\"" TAG,
                                "w/" TAG,
                                "\"0123456789abcdef",
                                "\"0123456789abcdef-gz\"",
                                "x, " TAG,
                                "\"x" TAG};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        ck_assert_msg(!http_tag_listed(none[i], TAG), "%s", none[i]);
        ck_assert_msg(!http_tag_listed_strong(none[i], TAG), "%s", none[i]);
    }
}
END_TEST

START_TEST(ranges)
{
    ck_assert(http_tag_allows_range(NULL, TAG));
    ck_assert(http_tag_allows_range(TAG, TAG));
    ck_assert(http_tag_allows_range(TAG " ", TAG));
    const char *const none[] = {"",
                                "*",
                                "W/" TAG,
                                "\"x\"",
                                TAG ", \"x\"",
                                "Sat, 21 Nov 2026 12:39:28 GMT",
                                "\"0123456789abcdef"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        ck_assert_msg(!http_tag_allows_range(none[i], TAG), "%s", none[i]);
    }
}
END_TEST

UNIT_MAIN("http_tag", written, every_bit_counts, numbers, lists, ranges)
