#include "broadcaster/paywall/pay_post.h"

#include <stdio.h>
#include <string.h>

#include "proto/link_msg.h"
#include "tests/support/unit.h"

static const struct pay_terms terms = {.scale = 9,
                                       .receipt_scale = 9,
                                       .asset = "USD",
                                       .payment_pointer = "$w.example/a",
                                       .receipt_service = ""};

#define POINTER "\"paymentPointer\":\"$w.example/a\""
#define PAYMENT "\"incomingPayment\":\"https://w.example/incoming-payments/"

static const char *fault(enum pay_post_kind kind, const char *body)
{
    struct pay_post p;
    const char *why = pay_post_read(span_cstr(body), kind, &terms, &p);
    if (why == NULL) {
        pay_post_fini(&p);
        return "";
    }
    return why;
}

START_TEST(what_pages_post_is_read)
{
    struct pay_post p;
    const char *why = pay_post_read(
        span_cstr("{\"receipt\":\"AQ==\",\"amount\":\"7\",\"assetScale\":9,\"token\":\"t\"," POINTER
                  "}"),
        PAY_POST_RECEIPT, &terms, &p);
    ck_assert_ptr_null(why);
    ck_assert_str_eq(p.text, "AQ==");
    ck_assert_str_eq(p.token, "t");
    ck_assert_ptr_null(p.user_id);
    pay_post_fini(&p);
    why = pay_post_read(span_cstr("{\"userId\":\"me\"," PAYMENT "1\"," POINTER "}"),
                        PAY_POST_WALLET, &terms, &p);
    ck_assert_ptr_null(why);
    ck_assert_str_eq(p.text, "https://w.example/incoming-payments/1");
    ck_assert_str_eq(p.user_id, "me");
    pay_post_fini(&p);
}
END_TEST

START_TEST(what_is_wrong_is_told)
{
    static const struct {
        enum pay_post_kind kind;
        const char *body, *word;
    } cases[] = {
        {PAY_POST_RECEIPT, "", "JSON"},
        {PAY_POST_WALLET, "[1]", "JSON"},
        {PAY_POST_RECEIPT, "{" POINTER "}", "receipt is missing"},
        {PAY_POST_RECEIPT, "{\"receipt\":\"A\",\"amount\":-1," POINTER "}", "amount"},
        {PAY_POST_RECEIPT, "{\"receipt\":\"A\",\"assetScale\":2," POINTER "}", "assetScale"},
        {PAY_POST_RECEIPT, "{\"receipt\":\"A\"}", "paymentPointer"},
        {PAY_POST_RECEIPT, "{\"receipt\":\"A\",\"paymentPointer\":\"$w.example/b\"}",
         "paymentPointer"},
        {PAY_POST_WALLET, "{\"incomingPayment\":\"ftp://x\"," POINTER "}", "incomingPayment"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_ptr_nonnull(strstr(fault(cases[i].kind, cases[i].body), cases[i].word));
    }
}
END_TEST

/* They would not go over the link, and the page would be told that the ledger is away. */
START_TEST(only_printable_ascii_goes_on)
{
    static const char *const texts[] = {"\\n", "\\u0001", "\\u0085", "\\u00e4", " \\u007f"};
    char body[256];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        snprintf(body, sizeof body, "{\"receipt\":\"AQ%s\"," POINTER "}", texts[i]);
        ck_assert_ptr_nonnull(strstr(fault(PAY_POST_RECEIPT, body), "ASCII"));
        snprintf(body, sizeof body, "{" PAYMENT "%s\"," POINTER "}", texts[i]);
        ck_assert_ptr_nonnull(strstr(fault(PAY_POST_WALLET, body), "ASCII"));
    }
}
END_TEST

START_TEST(what_is_too_long_stays_here)
{
    char body[2 * LINK_STRING_MAX], text[LINK_STRING_MAX + 1];
    for (size_t n = LINK_STRING_MAX - 1; n <= LINK_STRING_MAX; n++) {
        memset(text, 'A', n);
        text[n] = '\0';
        snprintf(body, sizeof body, "{\"receipt\":\"%s\"," POINTER "}", text);
        ck_assert_str_eq(fault(PAY_POST_RECEIPT, body),
                         n < LINK_STRING_MAX ? "" : "That is too long.");
    }
}
END_TEST

START_TEST(pointers_below_receipts)
{
    char pointer[PAY_POST_POINTER_MAX];
    ck_assert(pay_post_read_query(span_cstr("/receipts/%24w.example%2Fa"), &terms, pointer));
    ck_assert_str_eq(pointer, "$w.example/a");
    ck_assert(pay_post_read_query(span_cstr("/receipts/https://w.example/a"), &terms, pointer));
    ck_assert(!pay_post_read_query(span_cstr("/receipts/%24w.example%2Fb"), &terms, pointer));
    ck_assert(!pay_post_read_query(span_cstr("/receipts/"), &terms, pointer));
    ck_assert(!pay_post_read_query(span_cstr("/receipts/http%3A%2F%2F10.0.0.1%2Freceipts%2F"
                                             "%24w.example%2Fa"),
                                   &terms, pointer));
    ck_assert(
        !pay_post_read_query(span_cstr("/receipts/%ff/receipts/%24w.example/a"), &terms, pointer));
    ck_assert(
        !pay_post_read_query(span_cstr("/receipts/%01/receipts/%24w.example/a"), &terms, pointer));
}
END_TEST

UNIT_MAIN("pay_post", what_pages_post_is_read, what_is_wrong_is_told, only_printable_ascii_goes_on,
          what_is_too_long_stays_here, pointers_below_receipts)
