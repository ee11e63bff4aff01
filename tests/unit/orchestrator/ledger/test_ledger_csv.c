/* Pages of a ledger as CSV: what stands where, and what a sheet would run or take apart. */
#include "orchestrator/ledger/ledger_csv.h"

#include <stdio.h>

#include "base/mem.h"
#include "tests/support/unit.h"

#define OUT_MAX 4096

static struct json *document(const char *text)
{
    char why[JSON_READ_WHY_MAX];
    struct json *j = NULL;
    ck_assert_msg(json_read(span_cstr(text), &j, why) == ERR_OK, "%s: %s", text, why);
    return j;
}

static void is_written(const char *text, bool names, const char *expected)
{
    struct json *page = document(text);
    struct buf out;
    buf_init(&out, OUT_MAX);
    ck_assert_int_eq(ledger_csv_put(&out, page, names), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&out, '\0'), ERR_OK);
    ck_assert_str_eq((const char *)out.data, expected);
    buf_fini(&out);
    json_destroy(page);
}

#define ACCOUNTS                                                                                   \
    "{\"asset\":\"USD\",\"scale\":2,\"next\":null,\"accounts\":["                                  \
    "{\"account\":\"a\",\"balance\":\"150\",\"held\":\"7\",\"owed\":\"0\",\"frozen\":true},"       \
    "{\"account\":\"world:api\",\"balance\":\"-157\",\"held\":\"0\",\"owed\":\"0\","               \
    "\"frozen\":false}]}"

START_TEST(accounts_are_a_line_each)
{
    is_written(ACCOUNTS, true,
               "account,balance,held,owed,frozen,asset\r\n"
               "a,1.50,0.07,0.00,true,USD\r\n"
               "world:api,-1.57,0.00,0.00,false,USD\r\n");
    is_written("{\"asset\":\"USD\",\"scale\":9,\"accounts\":[]}", true,
               "account,balance,held,owed,frozen,asset\r\n");
    is_written("{\"asset\":\"USD\",\"scale\":9,\"accounts\":[]}", false, "");
}
END_TEST

START_TEST(entries_of_an_account_are_a_line_each)
{
    is_written("{\"asset\":\"USD\",\"scale\":0,\"account\":\"a\",\"balance\":\"9\",\"held\":\"8\","
               "\"entries\":[{\"entry\":7,\"at\":\"T\",\"kind\":\"hold\",\"key\":null,"
               "\"balance_change\":\"-2\",\"held_change\":\"2\",\"balance\":\"1\","
               "\"held\":\"3\"}]}",
               true,
               "entry,at,kind,key,account,balance_change,held_change,balance,held,asset\r\n"
               "7,T,hold,,a,-2,2,1,3,USD\r\n");
}
END_TEST

START_TEST(the_journal_is_a_line_for_each_posting)
{
    is_written("{\"asset\":\"USD\",\"scale\":1,\"entries\":["
               "{\"entry\":1,\"at\":\"T\",\"kind\":\"grant\",\"key\":\"k\",\"postings\":["
               "{\"account\":\"a\",\"balance_change\":\"5\",\"held_change\":\"0\"},"
               "{\"account\":\"world:grants\",\"balance_change\":\"-5\",\"held_change\":\"0\"}]},"
               "{\"entry\":2,\"at\":\"U\",\"kind\":\"hold\",\"key\":\"h\",\"postings\":["
               "{\"account\":\"a\",\"balance_change\":\"-1\",\"held_change\":\"1\"}]}]}",
               true,
               "entry,at,kind,key,account,balance_change,held_change,asset\r\n"
               "1,T,grant,k,a,0.5,0.0,USD\r\n"
               "1,T,grant,k,world:grants,-0.5,0.0,USD\r\n"
               "2,U,hold,h,a,-0.1,0.1,USD\r\n");
}
END_TEST

/* As a sheet reads it, and as it is then: what it would run stands behind a '. */
START_TEST(no_name_is_taken_apart_or_run)
{
    static const char *const cases[][2] = {
        {"plain", "plain"},    {"Zo\u00eb", "Zo\u00eb"},
        {"a,b", "\"a,b\""},    {"a\\\"b", "\"a\"\"b\""},
        {"a\\nb", "\"a\nb\""}, {"a\\rb", "\"a\rb\""},
        {" a ", " a "},        {"a=1", "a=1"},
        {"=1+1", "'=1+1"},     {"+1", "'+1"},
        {"-1", "'-1"},         {"@SUM(A1)", "'@SUM(A1)"},
        {"'=1", "''=1"},       {"=cmd|' /C calc'!A0,\\\"", "\"'=cmd|' /C calc'!A0,\"\"\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char page[512], line[512];
        snprintf(page, sizeof page,
                 "{\"asset\":\"USD\",\"scale\":2,\"accounts\":[{\"account\":\"%s\",\"balance\":"
                 "\"-1\",\"held\":\"0\",\"owed\":\"0\",\"frozen\":false}]}",
                 cases[i][0]);
        snprintf(line, sizeof line, "%s,-0.01,0.00,0.00,false,USD\r\n", cases[i][1]);
        is_written(page, false, line);
    }
}
END_TEST

START_TEST(what_is_no_page_of_a_ledger_is_empty)
{
    is_written("{}", false, "");
    is_written("[1]", false, "");
    is_written("{\"accounts\":7}", false, "");
    is_written("{\"scale\":99,\"accounts\":[{\"balance\":\"1\",\"held\":\"1e9\",\"owed\":5},3]}",
               false, ",?,?,,false,\r\n,,,,false,\r\n");
    is_written("{\"scale\":2,\"entries\":[{\"entry\":\"x\",\"postings\":[]},{\"postings\":[1]}]}",
               false, ",,,,,,,\r\n");
}
END_TEST

START_TEST(a_page_that_does_not_fit_is_refused)
{
    struct json *page = document(ACCOUNTS);
    for (size_t max = 0;; max++) {
        struct buf out;
        buf_init(&out, max);
        enum err e = ledger_csv_put(&out, page, true);
        size_t len = out.len;
        buf_fini(&out);
        if (e == ERR_OK) {
            ck_assert_uint_eq(len, max);
            break;
        }
        ck_assert_int_eq(e, ERR_LIMIT);
        ck_assert_uint_lt(max, OUT_MAX);
    }
    struct buf out;
    buf_init(&out, OUT_MAX);
    mem_fail_nth(1);
    ck_assert_int_eq(ledger_csv_put(&out, page, true), ERR_NOMEM);
    ck_assert(mem_has_failed());
    buf_fini(&out);
    json_destroy(page);
}
END_TEST

UNIT_MAIN("ledger_csv", accounts_are_a_line_each, entries_of_an_account_are_a_line_each,
          the_journal_is_a_line_for_each_posting, no_name_is_taken_apart_or_run,
          what_is_no_page_of_a_ledger_is_empty, a_page_that_does_not_fit_is_refused)
