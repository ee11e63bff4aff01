#include "run/json.h"

#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The text, parsed by a strict reader. */
static json_t *read_back(struct json *j)
{
    char *text = json_text(j);
    ck_assert_int_eq(text[strlen(text) - 1], '\n');
    json_error_t why;
    json_t *back = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    ck_assert_msg(back != NULL, "%s: %s", why.text, text);
    mem_free(text);
    json_destroy(j);
    return back;
}

START_TEST(every_kind)
{
    struct json *o = json_new_object();
    json_set_str(o, "s", "a\"b\\c\n\xc3\x9f");
    json_set_str(o, "none", NULL);
    json_set_int(o, "i", INT64_MAX);
    json_set_int(o, "j", INT64_MIN);
    json_set_real(o, "r", 0.25);
    json_set_real(o, "nan", NAN);
    json_set_bool(o, "t", true);
    json_set_bool(o, "f", false);
    struct json *a = json_new_array();
    json_append_str(a, "x");
    json_append_str(a, NULL);
    json_append(a, json_new_object());
    json_set(o, "a", a);
    json_set_int(o, "twice", 1);
    json_set_int(o, "twice", 2);
    json_t *back = read_back(o);
    ck_assert_str_eq(json_string_value(json_object_get(back, "s")), "a\"b\\c\n\xc3\x9f");
    ck_assert(json_is_null(json_object_get(back, "none")));
    ck_assert(json_integer_value(json_object_get(back, "i")) == INT64_MAX);
    ck_assert(json_integer_value(json_object_get(back, "j")) == INT64_MIN);
    ck_assert(json_real_value(json_object_get(back, "r")) == 0.25);
    ck_assert(json_is_null(json_object_get(back, "nan")));
    ck_assert(json_is_true(json_object_get(back, "t")));
    ck_assert(json_is_false(json_object_get(back, "f")));
    ck_assert_int_eq(json_integer_value(json_object_get(back, "twice")), 2);
    ck_assert_uint_eq(json_array_size(json_object_get(back, "a")), 3);
    json_decref(back);
}
END_TEST

START_TEST(keys_keep_their_order)
{
    struct json *o = json_new_object();
    json_set_int(o, "z", 1);
    json_set_int(o, "a", 2);
    char *text = json_text(o);
    ck_assert_ptr_nonnull(strstr(text, "\"z\""));
    ck_assert(strstr(text, "\"z\"") < strstr(text, "\"a\""));
    mem_free(text);
    json_destroy(o);
    json_destroy(NULL);
}
END_TEST

static const struct {
    const char *in, *out;
} texts[] = {
    {"", ""},
    {"plain", "plain"},
    {"\xff", "?"},
    {"a\x80z", "a?z"},
    {"\xc3", "?"},
    {"\xc3\x9f\xc3", "\xc3\x9f?"},
    {"\xc0\xaf", "??"},
    {"\xe0\x80\xaf", "???"},
    {"\xed\xa0\x80", "???"},
    {"\xe2\x82\xac", "\xe2\x82\xac"},
    {"\xe2\x82", "??"},
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    {"\xf0\x8f\x98\x80", "????"},
    {"\xf4\x90\x80\x80", "????"},
    {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
    {"\xf5\x80\x80\x80", "????"},
    {"\xf0\x9f\x98", "???"},
};

START_TEST(bad_utf8)
{
    struct json *o = json_new_object();
    json_set_str(o, "s", texts[_i].in);
    json_t *back = read_back(o);
    ck_assert_str_eq(json_string_value(json_object_get(back, "s")), texts[_i].out);
    json_decref(back);
}
END_TEST

START_TEST(random_bytes)
{
    srand(4);
    for (int round = 0; round < 20000; round++) {
        char text[16];
        size_t n = (size_t)rand() % sizeof text;
        for (size_t i = 0; i < n; i++) {
            text[i] = (char)(rand() % 255 + 1);
        }
        text[n] = '\0';
        struct json *o = json_new_object();
        json_set_str(o, "s", text);
        json_t *back = read_back(o);
        ck_assert_uint_eq(strlen(json_string_value(json_object_get(back, "s"))), n);
        json_decref(back);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json");
    TCase *t = tcase_create("json");
    tcase_set_timeout(t, 10);
    tcase_add_test(t, every_kind);
    tcase_add_test(t, keys_keep_their_order);
    tcase_add_loop_test(t, bad_utf8, 0, sizeof texts / sizeof texts[0]);
    tcase_add_test(t, random_bytes);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
