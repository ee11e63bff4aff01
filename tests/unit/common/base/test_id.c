#include "base/id.h"

#include <string.h>

#include "tests/support/unit.h"

START_TEST(good_ids)
{
    const char *const good[] = {"hello_world", "a", "A-b.c~9",      "x..y",         "-",
                                "~",           "_", "\u00e4\u00f6", "\u65e5\u672c", "\U0001f3a5",
                                "a."};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_msg(id_valid(span_cstr(good[i])), "%s", good[i]);
    }
}
END_TEST

START_TEST(bad_ids)
{
    const char *const bad[] = {"",    ".",   "..",   ".hidden", "a b",  "a/b", "a\\b", "a%20",
                               "a?b", "a#b", "a\nb", "a\x7f",   "a\"b", "a<b", "a&b",  "a:b",
                               "a'b", "a;b", "a,b",  "a+b",     "a*b",  "a@b", "\t"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!id_valid(span_cstr(bad[i])), "%s", bad[i]);
    }
    ck_assert(!id_valid(span_of("a\0b", 3)));
}
END_TEST

START_TEST(utf8_must_be_well_formed)
{
    const char *const bad[] = {
        "\x80",             /* a continuation alone */
        "a\xff",            /* never in UTF-8 */
        "\xc0\xaf",         /* overlong slash */
        "\xe0\x80\xaf",     /* and longer */
        "\xf0\x80\x80\xaf", /* and longer */
        "\xc3",             /* cut off */
        "\xe6\x97",         /* cut off */
        "\xf0\x9f\x8e",     /* cut off */
        "\xc3(",            /* no continuation */
        "\xed\xa0\x80",     /* surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xc2\x85",         /* C1 control: next line */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!id_valid(span_cstr(bad[i])), "case %zu", i);
    }
    ck_assert(id_valid(span_cstr("\xf4\x8f\xbf\xbf")));
    ck_assert(id_valid(span_cstr("\xc2\xa0")));
}
END_TEST

START_TEST(the_length_is_limited)
{
    char text[ID_MAX + 1];
    memset(text, 'a', sizeof text);
    ck_assert(id_valid(span_of(text, ID_MAX)));
    ck_assert(!id_valid(span_of(text, ID_MAX + 1)));
}
END_TEST

START_TEST(random_ids_are_hex_and_differ)
{
    char a[65];
    char b[65];
    memset(a, 'x', sizeof a);
    id_random_hex(a, 32);
    id_random_hex(b, 32);
    ck_assert_uint_eq(strlen(a), 64);
    ck_assert_uint_eq(strspn(a, "0123456789abcdef"), 64);
    ck_assert_str_ne(a, b);
    ck_assert(id_valid(span_cstr(a)));
    id_random_hex(a, 4);
    ck_assert_uint_eq(strlen(a), 8);
}
END_TEST

UNIT_MAIN("id", good_ids, bad_ids, utf8_must_be_well_formed, the_length_is_limited,
          random_ids_are_hex_and_differ)
