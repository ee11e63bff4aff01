#include "orchestrator/receipts/pointer.h"

#include <stdio.h>
#include <string.h>

#include "orchestrator/receipts/spsp.h"
#include "orchestrator/receipts/verify.h"
#include "tests/support/unit.h"

START_TEST(pointers_are_urls)
{
    static const struct {
        const char *text, *url; /* NULL: refused */
        bool http;
    } cases[] = {
        {"$wallet.example/alice", "https://wallet.example/alice", false},
        {"$wallet.example", "https://wallet.example/.well-known/pay", false},
        {"$wallet.example/", "https://wallet.example/.well-known/pay", false},
        {"$Wallet.Example:8443/Alice/x", "https://wallet.example:8443/Alice/x", false},
        {"$[::1]:8080/x", "https://[::1]:8080/x", false},
        {"https://wallet.example/alice", "https://wallet.example/alice", false},
        {"HTTPS://wallet.example/alice", "https://wallet.example/alice", false},
        {"https://wallet.example", "https://wallet.example/.well-known/pay", false},
        {"http://127.0.0.1:80/x", "http://127.0.0.1:80/x", true},
        {"http://127.0.0.1:80/x", NULL, false},
        {"wallet.example/alice", NULL, true},
        {"", NULL, true},
        {"$", NULL, true},
        {"$/alice", NULL, true},
        {"$user@wallet.example/alice", NULL, true},
        {"$wallet.example#x/alice", NULL, true},
        {"$wallet.example/alice?x=1", NULL, true},
        {"$wallet.example/alice#x", NULL, true},
        {"$wallet.example/../alice", NULL, true},
        {"$wallet.example/a/..", NULL, true},
        {"$wallet.example/./a", NULL, true},
        {"$wallet.example/a b", NULL, true},
        {"$wallet.example/\"a", NULL, true},
        {"$wallet.example\\x/a", NULL, true},
        {"$wallet.example:/a", NULL, true},
        {"$:80/a", NULL, true},
        {"ftp://wallet.example/alice", NULL, true},
        {"file:///etc/passwd", NULL, true},
        {"$w\xc3\xa4llet.example/a", NULL, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pointer p = {.url = ""};
        char why[POINTER_WHY_SIZE];
        enum err e = pointer_parse(span_cstr(cases[i].text), cases[i].http, &p, why);
        ck_assert_msg((e == ERR_OK) == (cases[i].url != NULL), "%s", cases[i].text);
        ck_assert_msg(strcmp(p.url, cases[i].url != NULL ? cases[i].url : "") == 0, "%s: %s",
                      cases[i].text, p.url);
    }
    char longest[400];
    struct pointer none;
    ck_assert_int_eq(pointer_parse(span_of("$w\0/a", 5), true, &none, longest), ERR_PROTO);
    ck_assert_int_eq(pointer_parse(span_of("$w/\0", 4), true, &none, longest), ERR_PROTO);
    struct pointer p;
    char why[POINTER_WHY_SIZE];
    memset(longest, 'a', sizeof longest);
    longest[0] = '$';
    for (size_t n = 2; n < sizeof longest; n++) {
        enum err e = pointer_parse(span_of(longest, n), false, &p, why);
        ck_assert(e == (n <= 231 ? ERR_OK : ERR_LIMIT));
    }
}
END_TEST

START_TEST(only_ours_are_found)
{
    struct pointers list;
    char why[POINTER_WHY_SIZE] = "";
    ck_assert_int_eq(pointers_parse("$w.example/alice, https://w.example/bob", false, &list, why),
                     ERR_OK);
    ck_assert_uint_eq(list.n, 2);
    const struct pointer *alice = &list.items[0], *bob = &list.items[1];
    ck_assert_ptr_eq(pointers_find(&list, span_cstr("$w.example/alice")), alice);
    ck_assert_ptr_eq(pointers_find(&list, span_cstr("https://W.example/alice")), alice);
    ck_assert_ptr_eq(pointers_find(&list, span_cstr("$w.example/bob")), bob);
    static const char *const others[] = {"$w.example/eve",
                                         "$w.example",
                                         "http://w.example/alice",
                                         "$w.example:444/alice",
                                         "$evil.example/",
                                         "$w.example/alice/",
                                         "$w.example/Alice",
                                         "",
                                         "$w.example.evil.example/alice",
                                         "$w.example/alice%2F..",
                                         "https://169.254.169.254/latest"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        ck_assert_msg(pointers_find(&list, span_cstr(others[i])) == NULL, "%s", others[i]);
        ck_assert_msg(pointers_find_claimed(&list, span_cstr(others[i])) == NULL, "%s", others[i]);
    }
    static const char *const claims[] = {"$w.example/alice", "https://w.example/alice",
                                         "https://pay.example/receipts/%24w.example%2Falice",
                                         "http://127.0.0.1:3000/https%3A%2F%2Fw.example%2falice"};
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        ck_assert_msg(pointers_find_claimed(&list, span_cstr(claims[i])) == alice, "%s", claims[i]);
    }
    ck_assert_int_eq(pointers_parse("", false, &list, why), ERR_PROTO);
    ck_assert_int_eq(pointers_parse("$a,,$b", false, &list, why), ERR_PROTO);
    ck_assert_int_eq(pointers_parse("$a, nonsense", false, &list, why), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(why, "\"nonsense\""));
}
END_TEST

START_TEST(percent_signs)
{
    static const struct {
        const char *text, *is; /* NULL: refused */
    } cases[] = {{"a%2Fb", "a/b"},       {"%24", "$"},           {"", ""},          {"%", NULL},
                 {"%2", NULL},           {"%zz", NULL},          {"%00", NULL},     {"a%0ab", NULL},
                 {"%c3%A4", "\xc3\xa4"}, {"1234567", "1234567"}, {"12345678", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[8] = "";
        enum err e = pointer_decode(span_cstr(cases[i].text), out, sizeof out);
        ck_assert_msg((e == ERR_OK) == (cases[i].is != NULL), "%s", cases[i].text);
        ck_assert(e != ERR_OK || strcmp(out, cases[i].is) == 0);
    }
}
END_TEST

START_TEST(wallets_answers)
{
#define WHERE "\"destination_account\":\"g.x\",\"shared_secret\":\"c2VjcmV0\""
    static const struct {
        const char *text;
        enum spsp_verdict is;
    } cases[] = {
        {"{" WHERE ",\"receipts_enabled\":true}", SPSP_GOOD},
        {"{" WHERE ",\"receipts_enabled\":false}", SPSP_NO_RECEIPTS},
        {"{" WHERE ",\"receipts_enabled\":\"yes\"}", SPSP_NO_RECEIPTS},
        {"{" WHERE "}", SPSP_NO_RECEIPTS},
        {"{\"receipts_enabled\":true}", SPSP_RUBBISH},
        {"{\"destination_account\":1,\"shared_secret\":\"x\"}", SPSP_RUBBISH},
        {"[]", SPSP_RUBBISH},
        {"", SPSP_RUBBISH},
        {"<html>", SPSP_RUBBISH},
        {"{" WHERE ",\"receipts_enabled\":true} x", SPSP_RUBBISH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(spsp_read(span_cstr(cases[i].text)) == cases[i].is, "%s", cases[i].text);
    }
    ck_assert(spsp_accepted("application/spsp4+json"));
    ck_assert(spsp_accepted("text/html, Application/SPSP4+json;q=0.5"));
    ck_assert(!spsp_accepted("text/html") && !spsp_accepted(NULL));
}
END_TEST

START_TEST(services_answers)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t amount;
    } cases[] = {
        {"{\"amount\":\"10\",\"spspEndpoint\":\"$w/a\"}", true, 10},
        {"{\"amount\":\"18446744073709551615\",\"spspEndpoint\":\"$w/a\",\"id\":\"x\"}", true,
         UINT64_MAX},
        {"{\"amount\":\"18446744073709551616\",\"spspEndpoint\":\"$w/a\"}", false, 0},
        {"{\"amount\":10,\"spspEndpoint\":\"$w/a\"}", false, 0},
        {"{\"amount\":\"-1\",\"spspEndpoint\":\"$w/a\"}", false, 0},
        {"{\"amount\":\"\",\"spspEndpoint\":\"$w/a\"}", false, 0},
        {"{\"amount\":\"1\"}", false, 0},
        {"10", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct verify_answer a = {.amount = 0};
        enum err e = verify_read_answer(span_cstr(cases[i].text), &a);
        ck_assert_msg((e == ERR_OK) == cases[i].good, "%s", cases[i].text);
        ck_assert(a.amount == cases[i].amount);
        ck_assert(e != ERR_OK || strcmp(a.endpoint, "$w/a") == 0);
    }
}
END_TEST

UNIT_MAIN("pointer", pointers_are_urls, only_ours_are_found, percent_signs, wallets_answers,
          services_answers)
