#include "broadcaster/jobs/orch_list.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/unit.h"

static struct orch_list list;
static char why[ORCH_LIST_WHY_MAX];

static enum err read_text(const char *body)
{
    list.n = 0;
    why[0] = '\0';
    return orch_list_read(200, span_cstr(body), &list, why);
}

START_TEST(the_flag_names_several)
{
    ck_assert_int_eq(orch_list_parse("a:1, https://b/ ,,:7", &list, why), ERR_PROTO);
    ck_assert_str_eq(why, "\"\" is not host:port");
    ck_assert_int_eq(orch_list_parse("a:1, https://b/ ,:7,a:1,[::1]:9", &list, why), ERR_OK);
    ck_assert_uint_eq(list.n, 4);
    ck_assert_str_eq(list.addrs[0], "a:1");
    ck_assert_str_eq(list.addrs[1], "b:8935");
    ck_assert_str_eq(list.addrs[2], "127.0.0.1:7");
    ck_assert_str_eq(list.addrs[3], "[::1]:9");
    ck_assert(orch_list_has(&list, "b:8935"));
    ck_assert(!orch_list_has(&list, "b"));
}
END_TEST

START_TEST(what_is_no_address_is_named)
{
    ck_assert_int_eq(orch_list_parse("a:1,b:x", &list, why), ERR_PROTO);
    ck_assert_str_eq(why, "\"b:x\" is not host:port");
    ck_assert_int_eq(orch_list_parse("a:0", &list, why), ERR_PROTO);
}
END_TEST

START_TEST(the_webhooks_answer_is_a_list)
{
    ck_assert_int_eq(read_text("[{\"address\":\"https://10.4.3.2:8935\",\"score\":1},"
                               "{\"address\":\"b:7\"},\"c\",{\"address\":\"b:7\"}]"),
                     ERR_OK);
    ck_assert_uint_eq(list.n, 3);
    ck_assert_str_eq(list.addrs[0], "10.4.3.2:8935");
    ck_assert_str_eq(list.addrs[1], "b:7");
    ck_assert_str_eq(list.addrs[2], "c:8935");
}
END_TEST

START_TEST(other_answers_say_why_they_are_none)
{
    static const struct {
        const char *body;
        enum err e;
        const char *words;
    } cases[] = {
        {"", ERR_PROTO, "no JSON"},
        {"{}", ERR_PROTO, "no list"},
        {"[]", ERR_NOENT, "empty"},
        {"[{\"address\":\"a:1\"},{\"adress\":\"b\"}]", ERR_PROTO, "entry 2"},
        {"[7]", ERR_PROTO, "entry 1"},
        {"[\"\"]", ERR_PROTO, "entry 1"},
        {"[\"https://a:1/path\"]", ERR_PROTO, "entry 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq(read_text(cases[i].body), cases[i].e);
        ck_assert_msg(strstr(why, cases[i].words) != NULL, "%s: %s", cases[i].body, why);
    }
    ck_assert_int_eq(orch_list_read(503, span_cstr("[\"a:1\"]"), &list, why), ERR_AUTH);
    ck_assert(strstr(why, "503") != NULL);
}
END_TEST

START_TEST(too_many_are_refused_and_what_was_there_stays)
{
    char body[ORCH_LIST_MAX * 16 + 64] = "[\"h0\"";
    for (int i = 1; i < ORCH_LIST_MAX; i++) {
        snprintf(body + strlen(body), sizeof body - strlen(body), ",\"h%d\"", i);
    }
    size_t end = strlen(body);
    strcpy(body + end, "]");
    ck_assert_int_eq(read_text(body), ERR_OK);
    ck_assert_uint_eq(list.n, ORCH_LIST_MAX);
    strcpy(body + end, ",\"one-more\"]");
    struct orch_list before = list;
    ck_assert_int_eq(orch_list_read(200, span_cstr(body), &list, why), ERR_LIMIT);
    ck_assert_mem_eq(&list, &before, sizeof list);
}
END_TEST

UNIT_MAIN("orch_list", the_flag_names_several, what_is_no_address_is_named,
          the_webhooks_answer_is_a_list, other_answers_say_why_they_are_none,
          too_many_are_refused_and_what_was_there_stays)
