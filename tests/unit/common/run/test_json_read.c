#include "run/json_read.h"

#include <string.h>

#include "base/mem.h"
#include "tests/support/unit.h"

static struct json *read_ok(const char *text)
{
    char why[JSON_READ_WHY_MAX] = "";
    struct json *j = NULL;
    ck_assert_msg(json_read(span_cstr(text), &j, why) == ERR_OK, "%s: %s", text, why);
    return j;
}

START_TEST(values_are_found)
{
    struct json *j =
        read_ok("{\"s\":\"text\",\"n\":30,\"r\":30.0,\"h\":29.97,\"z\":null,\"b\":true,"
                "\"a\":[1,\"two\"],\"o\":{\"x\":-1},\"big\":1e300}");
    int64_t v = 5;
    ck_assert(json_has_members(j) && !json_has_items(j));
    ck_assert_str_eq(json_string_of(json_member(j, "s")), "text");
    ck_assert(json_int_of(json_member(j, "n"), &v) && v == 30);
    ck_assert(json_int_of(json_member(j, "r"), &v) && v == 30);
    ck_assert(!json_int_of(json_member(j, "h"), &v) && !json_int_of(json_member(j, "s"), &v));
    ck_assert(!json_int_of(json_member(j, "big"), &v) && !json_int_of(json_member(j, "b"), &v));
    ck_assert_ptr_null(json_member(j, "z"));
    ck_assert_ptr_null(json_member(j, "none"));
    ck_assert_ptr_null(json_member(json_member(j, "none"), "x"));
    ck_assert_ptr_null(json_member(json_member(j, "s"), "x"));
    ck_assert(!json_has_members(NULL) && !json_has_items(NULL) && !json_int_of(NULL, &v));
    ck_assert_ptr_null(json_string_of(NULL));
    const struct json *a = json_member(j, "a");
    ck_assert(json_has_items(a) && json_count(a) == 2 && json_count(j) == 0);
    ck_assert_str_eq(json_string_of(json_item(a, 1)), "two");
    ck_assert_ptr_null(json_item(a, 2));
    ck_assert(json_int_of(json_member(json_member(j, "o"), "x"), &v) && v == -1);
    json_destroy(j);
    j = read_ok(" [] ");
    ck_assert(json_has_items(j));
    json_destroy(j);
}
END_TEST

/* What is wrong is said without the text. */
START_TEST(bad_texts)
{
    static const char *const bad[] = {
        "",          " ",          "secret",      "{\"secret\"",      "{\"a\":\"secret",
        "{} secret", "{\"a\":1,}", "\"\\ud800\"", "{\"a\":\"\xff\"}", "\"\\u0000\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char why[JSON_READ_WHY_MAX] = "";
        struct json *j = NULL;
        ck_assert_msg(json_read(span_cstr(bad[i]), &j, why) == ERR_PROTO, "%s", bad[i]);
        ck_assert(j == NULL && strncmp(why, "line ", 5) == 0 && strstr(why, "secret") == NULL);
    }
    char why[JSON_READ_WHY_MAX] = "";
    struct json *j = NULL;
    char *deep = mem_alloc(JSON_READ_BYTES_MAX + 2);
    memset(deep, '[', JSON_READ_BYTES_MAX);
    ck_assert_int_eq(json_read(span_of(deep, JSON_READ_BYTES_MAX), &j, why), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(why, "deep"));
    ck_assert_int_eq(json_read(span_of(deep, JSON_READ_BYTES_MAX + 1), &j, why), ERR_LIMIT);
    mem_free(deep);
}
END_TEST

UNIT_MAIN("json_read", values_are_found, bad_texts)
