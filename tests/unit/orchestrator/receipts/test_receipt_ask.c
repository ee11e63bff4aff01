#include "orchestrator/receipts/receipt_ask.h"

#include <string.h>

#include "tests/support/unit.h"

static struct receipt_ask ask(const char *method, const char *path, const char *body)
{
    const struct http_request r = {
        .method = method, .path = path, .query = "", .body = span_cstr(body)};
    struct receipt_ask q;
    receipt_ask_read(&r, true, &q);
    return q;
}

START_TEST(balances_are_accounts)
{
    struct receipt_ask q = ask("POST", "/balances/a%20%C3%A4:spend", "9223372036854775807");
    ck_assert_int_eq(q.kind, RECEIPT_ASK_SPEND);
    ck_assert_str_eq(q.account, "balance:a \xc3\xa4");
    ck_assert_uint_eq(q.amount, INT64_MAX);
    q = ask("POST", "/balances/a%2Fb:spend", "1");
    ck_assert_str_eq(q.account, "balance:a/b");
    q = ask("POST", "/balances/me:creditReceipt", "AQ==");
    ck_assert_int_eq(q.kind, RECEIPT_ASK_CREDIT);
    ck_assert_str_eq(q.account, "balance:me");
}
END_TEST

START_TEST(spending_takes_a_whole_number)
{
    static const struct {
        const char *body;
        int status;
    } cases[] = {{"", 400},
                 {"-1", 400},
                 {"1.5", 400},
                 {"9223372036854775808", 409},
                 {"00000000000000000001", 413}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct receipt_ask q = ask("POST", "/balances/me:spend", cases[i].body);
        ck_assert_int_eq(q.kind, RECEIPT_ASK_REFUSED);
        ck_assert_int_eq(q.status, cases[i].status);
    }
}
END_TEST

/* The ledger would refuse them, and the client be told to try again. */
START_TEST(ids_that_are_no_names_are_not_found)
{
    static const char *const ids[] = {"", "%00", "a/b", "%ff", "%01", "%7f", "a%C2%85b"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        char path[64] = "/balances/";
        strcat(strcat(path, ids[i]), ":spend");
        struct receipt_ask q = ask("POST", path, "1");
        ck_assert_msg(q.kind == RECEIPT_ASK_REFUSED && q.status == 404, "%s", path);
    }
}
END_TEST

UNIT_MAIN("receipt_ask", balances_are_accounts, spending_takes_a_whole_number,
          ids_that_are_no_names_are_not_found)
