#include <stdio.h>
#include <string.h>

#include "orchestrator/wallets/open_payments.h"
#include "tests/support/unit.h"

#define WALLET                                                                                     \
    "{\"id\":\"https://w.example/alice\",\"publicName\":\"Alice\",\"assetCode\":\"USD\","          \
    "\"assetScale\":2,\"authServer\":\"https://auth.w.example\","                                  \
    "\"resourceServer\":\"https://ilp.w.example\"}"

static struct wallet_address alice(void)
{
    struct wallet_address w;
    char why[OPEN_PAYMENTS_WHY_MAX];
    ck_assert_int_eq(open_payments_wallet(span_cstr(WALLET), &w, why), ERR_OK);
    return w;
}

START_TEST(a_wallet_address_is_read)
{
    struct wallet_address w = alice();
    ck_assert_str_eq(w.id, "https://w.example/alice");
    ck_assert_str_eq(w.asset_code, "USD");
    ck_assert_int_eq(w.asset_scale, 2);
    ck_assert_str_eq(w.auth_server, "https://auth.w.example");
    ck_assert_str_eq(w.resource_server, "https://ilp.w.example");
}
END_TEST

START_TEST(answers_that_are_none_are_refused_in_words)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "null",
        "<html>",
        "{\"id\":1}",
        "{\"id\":\"https://w.example/alice\",\"assetCode\":\"USD\",\"assetScale\":19,"
        "\"authServer\":\"https://a\",\"resourceServer\":\"https://r\"}",
        "{\"id\":\"https://w.example/al ice\",\"assetCode\":\"USD\",\"assetScale\":2,"
        "\"authServer\":\"https://a\",\"resourceServer\":\"https://r\"}",
    };
    struct wallet_address w;
    struct grant g;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char why[OPEN_PAYMENTS_WHY_MAX] = "";
        ck_assert_int_eq(open_payments_wallet(span_cstr(bad[i]), &w, why), ERR_PROTO);
        ck_assert(why[0] != '\0');
        why[0] = '\0';
        ck_assert_int_eq(open_payments_grant(span_cstr(bad[i]), &g, why), ERR_PROTO);
        ck_assert(why[0] != '\0');
    }
}
END_TEST

START_TEST(both_forms_of_an_incoming_payment_are_read)
{
    struct incoming_payment p;
    char why[OPEN_PAYMENTS_WHY_MAX];
    const char *public = "{\"receivedAmount\":{\"value\":\"18446744073709551615\",\"assetCode\":"
                         "\"USD\",\"assetScale\":2},\"authServer\":\"https://auth.w.example\"}";
    ck_assert_int_eq(open_payments_incoming(span_cstr(public), &p, why), ERR_OK);
    ck_assert_uint_eq(p.received, UINT64_MAX);
    ck_assert(p.has_received && !p.completed);
    ck_assert_str_eq(p.wallet_address, "");
    const char *whole = "{\"id\":\"https://ilp.w.example/incoming-payments/7\",\"walletAddress\":"
                        "\"https://w.example/alice\",\"completed\":true,\"receivedAmount\":"
                        "{\"value\":\"12\",\"assetCode\":\"USD\",\"assetScale\":2},\"methods\":[]}";
    ck_assert_int_eq(open_payments_incoming(span_cstr(whole), &p, why), ERR_OK);
    ck_assert_uint_eq(p.received, 12);
    ck_assert(p.completed);
    ck_assert_str_eq(p.wallet_address, "https://w.example/alice");
    ck_assert_int_eq(
        open_payments_incoming(span_cstr("{\"authServer\":\"https://auth.w.example\"}"), &p, why),
        ERR_OK);
    ck_assert(!p.has_received);
}
END_TEST

START_TEST(amounts_that_are_none_are_refused)
{
    static const char *const values[] = {
        "\"-1\"", "\"1.5\"", "\"18446744073709551616\"", "\"\"", "12", "null", "\"1e3\"", "[]"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[300], why[OPEN_PAYMENTS_WHY_MAX];
        struct incoming_payment p;
        snprintf(text, sizeof text,
                 "{\"receivedAmount\":{\"value\":%s,\"assetCode\":\"USD\",\"assetScale\":2}}",
                 values[i]);
        ck_assert_int_eq(open_payments_incoming(span_cstr(text), &p, why), ERR_PROTO);
    }
}
END_TEST

START_TEST(only_payments_at_our_wallet_are_asked_about)
{
    static const struct {
        const char *url;
        enum err e;
    } cases[] = {
        {"https://ilp.w.example/incoming-payments/7", ERR_OK},
        {"https://ILP.w.example/incoming-payments/7", ERR_OK},
        {"https://ilp.w.example/tenant/incoming-payments/7", ERR_OK},
        {"https://ilp.w.example/incoming-payments/", ERR_PROTO},
        {"https://ilp.w.example/incoming-payments/7/", ERR_PROTO},
        {"https://ilp.w.example/incoming-payments//7", ERR_PROTO},
        {"https://ilp.w.example//incoming-payments/7", ERR_PROTO},
        {"https://ilp.w.example/incoming-payments/7/..", ERR_PROTO},
        {"https://ilp.w.example/incoming-payments/7/.", ERR_PROTO},
        {"https://ilp.w.example/quotes/7", ERR_PROTO},
        {"https://ilp.w.example.evil/incoming-payments/7", ERR_AUTH},
        {"https://ilp.w.example:8443/incoming-payments/7", ERR_AUTH},
        {"https://evil/incoming-payments/7", ERR_AUTH},
        {"https://u@ilp.w.example/incoming-payments/7", ERR_PROTO},
        {"http://ilp.w.example/incoming-payments/7", ERR_PROTO},
        {"https://ilp.w.example/incoming-payments/../quotes/7", ERR_PROTO},
        {"https://ilp.w.example/incoming-payments/7?x=1", ERR_PROTO},
        {"https://ilp.w.example/incoming-payments/7;x=1", ERR_PROTO},
        {"https://ilp.w.example/incoming-payments/7#x", ERR_PROTO},
        {"https://ilp.w.example/incoming-payments/%2e%2e", ERR_PROTO},
        {"file:///etc/passwd", ERR_PROTO},
        {"//ilp.w.example/incoming-payments/7", ERR_PROTO},
        {"", ERR_PROTO},
    };
    struct wallet_address w = alice();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[OPEN_PAYMENTS_WHY_MAX];
        ck_assert_msg(open_payments_check_url(&w, cases[i].url, why) == cases[i].e, "%s",
                      cases[i].url);
    }
}
END_TEST

START_TEST(one_payment_is_one_source_however_it_is_written)
{
    char source[64], short_one[16];
    ck_assert_int_eq(
        open_payments_source("https://ILP.w.example/incoming-payments/aF-9", source, sizeof source),
        ERR_OK);
    ck_assert_str_eq(source, "wallet:https://ilp.w.example/incoming-payments/af-9");
    ck_assert_int_eq(open_payments_source("https://w/x", short_one, sizeof short_one), ERR_LIMIT);
}
END_TEST

START_TEST(another_wallets_money_is_not_ours)
{
    struct wallet_address w = alice();
    const char *url = "https://ilp.w.example/incoming-payments/7";
    char why[OPEN_PAYMENTS_WHY_MAX];
    struct incoming_payment p = {.has_received = true,
                                 .received = 5,
                                 .asset_code = "USD",
                                 .asset_scale = 2,
                                 .auth_server = "https://auth.w.example",
                                 .wallet_address = "https://w.example/alice"};
    ck_assert_int_eq(open_payments_check(&w, url, &p, true, why), ERR_OK);
    ck_assert_int_eq(open_payments_check(&w, url, &p, false, why), ERR_OK);
    strcpy(p.wallet_address, "https://w.example/mallory");
    ck_assert_int_eq(open_payments_check(&w, url, &p, true, why), ERR_AUTH);
    strcpy(p.wallet_address, "");
    ck_assert_int_eq(open_payments_check(&w, url, &p, true, why), ERR_AUTH);
    strcpy(p.auth_server, "https://auth.evil");
    ck_assert_int_eq(open_payments_check(&w, url, &p, false, why), ERR_AUTH);
    strcpy(p.auth_server, "https://auth.w.example");
    p.asset_scale = 9;
    ck_assert_int_eq(open_payments_check(&w, url, &p, false, why), ERR_PROTO);
    p.asset_scale = 2;
    strcpy(p.asset_code, "EUR");
    ck_assert_int_eq(open_payments_check(&w, url, &p, false, why), ERR_PROTO);
}
END_TEST

START_TEST(our_address_may_be_a_pointer)
{
    char url[OPEN_PAYMENTS_URL_MAX], why[OPEN_PAYMENTS_WHY_MAX];
    ck_assert_int_eq(open_payments_address("$w.example/alice", false, url, why), ERR_OK);
    ck_assert_str_eq(url, "https://w.example/alice");
    ck_assert_int_eq(open_payments_address("$w.example", false, url, why), ERR_OK);
    ck_assert_str_eq(url, "https://w.example/.well-known/pay");
    ck_assert_int_eq(open_payments_address("http://w.example/alice", true, url, why), ERR_OK);
    ck_assert_int_eq(open_payments_address("http://w.example/alice", false, url, why), ERR_PROTO);
    ck_assert_int_eq(open_payments_address("w.example/alice", false, url, why), ERR_PROTO);
    ck_assert_int_eq(open_payments_address("", false, url, why), ERR_PROTO);
}
END_TEST

UNIT_MAIN("open_payments", a_wallet_address_is_read, answers_that_are_none_are_refused_in_words,
          both_forms_of_an_incoming_payment_are_read, amounts_that_are_none_are_refused,
          only_payments_at_our_wallet_are_asked_about,
          one_payment_is_one_source_however_it_is_written, another_wallets_money_is_not_ours,
          our_address_may_be_a_pointer)
