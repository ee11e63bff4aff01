#include "run/http_query.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

/* The pairs as "name=value;name=value;" or the error's name. */
static const char *read_pairs(const char *query, const char *form)
{
    static char text[4096];
    struct http_pairs p;
    const char *why = NULL;
    enum err e = http_pairs_parse(span_cstr(query), span_cstr(form), &p, &why);
    text[0] = '\0';
    if (e != ERR_OK) {
        ck_assert_ptr_nonnull(why);
        return e == ERR_LIMIT ? "limit" : e == ERR_NOMEM ? "nomem" : "bad";
    }
    for (size_t i = 0; i < p.n; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s=%s;", p.items[i].name, p.items[i].value);
    }
    http_pairs_fini(&p);
    return text;
}

START_TEST(pairs_are_decoded)
{
    static const char *const cases[][3] = {
        {"", "", ""},
        {"a=1", "", "a=1;"},
        {"a=1&b=2", "c=3", "a=1;b=2;c=3;"},
        {"", "a=x+y%20z%2C%c3%BC", "a=x y z,\xc3\xbc;"},
        {"a", "", "a=;"},
        {"a=", "", "a=;"},
        {"a=b=c", "", "a=b=c;"},
        {"&&a=1&&", "&", "a=1;"},
        {"%61=1", "", "a=1;"},
        {"a=%26%3d", "", "a=&=;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_str_eq(read_pairs(cases[i][0], cases[i][1]), cases[i][2]);
    }
}
END_TEST

START_TEST(others_are_refused)
{
    static const char *const bad[] = {"a=%",    "a=%4",   "a=%zz", "a=%4z",   "a=%00", "a=%0a",
                                      "a=\x01", "a=\x7f", "=1",    "a=1&a=2", "a&%61", "%=1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(strcmp(read_pairs(bad[i], ""), "bad") == 0, "query %s", bad[i]);
        ck_assert_msg(strcmp(read_pairs("", bad[i]), "bad") == 0, "form %s", bad[i]);
    }
    ck_assert_str_eq(read_pairs("a=1", "a=1"), "bad"); /* in the query and in the form */
}
END_TEST

START_TEST(there_is_a_limit)
{
    char text[HTTP_PAIRS_MAX * 8] = "";
    for (int i = 0; i < HTTP_PAIRS_MAX; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "p%d&", i);
    }
    ck_assert_str_ne(read_pairs(text, ""), "limit");
    ck_assert_str_eq(read_pairs(text, "x"), "limit");
}
END_TEST

START_TEST(find)
{
    struct http_pairs p;
    const char *why;
    ck_assert_int_eq(http_pairs_parse(span_cstr("a=1&b"), span_cstr(""), &p, &why), ERR_OK);
    ck_assert_str_eq(http_pairs_find(&p, "a"), "1");
    ck_assert_str_eq(http_pairs_find(&p, "b"), "");
    ck_assert_ptr_null(http_pairs_find(&p, "c"));
    http_pairs_fini(&p);
    ck_assert_uint_eq(p.n, 0);
}
END_TEST

START_TEST(without_memory)
{
    mem_fail_nth(1);
    ck_assert_str_eq(read_pairs("a=1", ""), "nomem");
}
END_TEST

UNIT_MAIN("http_query", pairs_are_decoded, others_are_refused, there_is_a_limit, find,
          without_memory)
