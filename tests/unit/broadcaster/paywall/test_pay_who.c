#include "broadcaster/paywall/pay_who.h"

#include <stdio.h>
#include <string.h>

#include "broadcaster/paywall/pay_text.h"
#include "tests/support/unit.h"

#define ID "0123456789abcdef0123456789abcdef"

static struct token_keys keys = {.n = 2, .keys = {{1}, {2}}};
static const struct token_keys old_keys = {.n = 1, .keys = {{2}}};

static struct pay_who read_it(bool user_ids, const char *target, const char *cookie)
{
    struct pay_who_config c = {&keys, user_ids};
    return pay_who_read(&c, span_cstr(target), cookie, false);
}

START_TEST(tokens_in_addresses_and_cookies)
{
    char token[TOKEN_LEN + 1], text[256];
    token_sign(&keys, ID, token);
    snprintf(text, sizeof text, "/stream/a/source/1.ts?x=1&token=%s", token);
    struct pay_who w = read_it(false, text, NULL);
    ck_assert(w.known && !w.forged);
    ck_assert_str_eq(w.account, "viewer:" ID);
    ck_assert_str_eq(w.token, "");
    snprintf(text, sizeof text, "a=b; %s=%s", PAY_WHO_COOKIE, token);
    w = read_it(false, "/x", text);
    ck_assert(w.known);
    ck_assert_str_eq(w.account, "viewer:" ID);
}
END_TEST

START_TEST(old_keys_are_signed_anew)
{
    char token[TOKEN_LEN + 1], again[TOKEN_LEN + 1], text[256];
    token_sign(&old_keys, ID, token);
    token_sign(&keys, ID, again);
    snprintf(text, sizeof text, "/x?token=%s", token);
    struct pay_who w = read_it(false, text, NULL);
    ck_assert(w.known);
    ck_assert_str_eq(w.token, again);
}
END_TEST

START_TEST(nobody_gets_a_new_one)
{
    const char *const targets[] = {
        "/x", "/x?",          "/x?token",     "/x?token=", "/x?tokens=1",  "/x?a=token=1",
        "",   "/x?token=%00", "/x?userId=me", "?&&&&",     "/x?token=%zz", "/x?token=" ID};
    char last[TOKEN_LEN + 1] = "";
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        struct pay_who w = read_it(false, targets[i], "broken; =;");
        ck_assert_msg(!w.known, "%s", targets[i]);
        ck_assert_str_ne(w.token, last);
        memcpy(last, w.token, sizeof last);
        struct pay_who_config c = {&keys, false};
        struct pay_who again = w;
        pay_who_override(&c, w.token, NULL, &again);
        ck_assert(again.known);
        ck_assert_str_eq(again.account, w.account);
    }
    ck_assert(read_it(false, "/x?token=" ID, NULL).forged);
    ck_assert(!read_it(false, "/x", NULL).forged);
}
END_TEST

START_TEST(user_ids_where_they_are_allowed)
{
    struct pay_who w =
        read_it(true, "/media/a.mp4?userId=3fa85f64-5717-4562-b3fc-2c963f66afa6", NULL);
    ck_assert(w.known);
    ck_assert_str_eq(w.account, "viewer:user-3fa85f64-5717-4562-b3fc-2c963f66afa6");
    ck_assert_str_eq(w.token, "");
    const char *const bad[] = {
        "/x?userId=", "/x?userId=a%20b", "/x?userId=a:b", "/x?userId=..%2f",
        "/x?userId=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!read_it(true, bad[i], NULL).known, "%s", bad[i]);
    }
    struct pay_who_config c = {&keys, false};
    w = read_it(false, "/x", NULL);
    pay_who_override(&c, NULL, "me", &w);
    ck_assert(!w.known);
}
END_TEST

START_TEST(cookies_by_https)
{
    struct pay_who_config c = {&keys, false};
    char plain[TOKEN_LEN + 1], other[TOKEN_LEN + 1], cookie[512], set[PAY_WHO_SET_MAX];
    token_sign(&keys, ID, plain);
    token_make(&keys, other);
    struct pay_who w = pay_who_read(&c, span_cstr("/x"), NULL, true);
    pay_who_cookie(&w, set);
    ck_assert_int_eq(strncmp(set, "__Host-sbe-viewer=", 18), 0);
    ck_assert_ptr_nonnull(strstr(set, "; Path=/; "));
    ck_assert_ptr_nonnull(strstr(set, "; HttpOnly; SameSite=Lax; Secure"));
    ck_assert_ptr_null(strstr(set, "Domain"));
    w = read_it(false, "/x", NULL);
    pay_who_cookie(&w, set);
    ck_assert_int_eq(strncmp(set, "sbe-viewer=", 11), 0);
    ck_assert_ptr_nonnull(strstr(set, "; HttpOnly; SameSite=Lax"));
    ck_assert_ptr_null(strstr(set, "Secure"));
    /* What came by plain HTTP goes on, as the secure one from then on. */
    snprintf(cookie, sizeof cookie, "sbe-viewer=%s", plain);
    w = pay_who_read(&c, span_cstr("/x"), cookie, true);
    ck_assert(w.known);
    ck_assert_str_eq(w.account, "viewer:" ID);
    ck_assert_str_eq(w.token, plain);
    /* But never before the secure one, whoever set it. */
    snprintf(cookie, sizeof cookie, "sbe-viewer=%s; __Host-sbe-viewer=%s", other, plain);
    w = pay_who_read(&c, span_cstr("/x"), cookie, true);
    ck_assert_str_eq(w.account, "viewer:" ID);
    pay_who_cookie(&w, set);
    ck_assert_str_eq(set, "");
    /* By plain HTTP the secure one is not sent, and would count for nothing. */
    snprintf(cookie, sizeof cookie, "__Host-sbe-viewer=%s", plain);
    ck_assert(!pay_who_read(&c, span_cstr("/x"), cookie, false).known);
}
END_TEST

static const struct pay_terms terms = {
    .scale = 9, .asset = "USD", .payment_pointer = "$a.example/</script>", .receipt_service = ""};

START_TEST(what_is_told)
{
    static const struct {
        enum paywall_verdict v;
        int status;
    } cases[] = {{PAYWALL_EMPTY, 402},
                 {PAYWALL_FROZEN, 403},
                 {PAYWALL_MANY, 429},
                 {PAYWALL_AWAY, 503},
                 {PAYWALL_STOPPING, 503}};
    struct toll toll = {TOLL_PER_MINUTE, 1000000};
    struct pay_state s = {.toll = &toll, .token = "", .missing = 5};
    s.balance = (struct paywall_balance){.known = true, .total = 15000};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf text;
        enum err e = ERR_IO;
        buf_init(&text, 4096);
        ck_assert_int_eq(pay_text_problem(&text, cases[i].v, &terms, &s, &e), cases[i].status);
        ck_assert_int_eq(e, ERR_OK);
        ck_assert_int_eq(buf_put_u8(&text, 0), ERR_OK);
        ck_assert_ptr_nonnull(strstr((char *)text.data, "\"balance\": \"0.000015\""));
        ck_assert_ptr_nonnull(strstr((char *)text.data, "\"missing\": \"0.000000005\""));
        ck_assert_ptr_nonnull(strstr((char *)text.data, "\"price\": \"0.001\""));
        ck_assert_ptr_null(strstr((char *)text.data, "\"token\""));
        buf_fini(&text);
    }
}
END_TEST

START_TEST(texts_cannot_leave_the_script)
{
    struct buf text;
    buf_init(&text, 4096);
    ck_assert_int_eq(pay_text_config(&text, &terms), ERR_OK);
    ck_assert_int_eq(buf_put_u8(&text, 0), ERR_OK);
    ck_assert_ptr_null(strstr((char *)text.data, "</script"));
    ck_assert_ptr_nonnull(strstr((char *)text.data, "export const pricePerMB = null;\n"));
    buf_fini(&text);
}
END_TEST

UNIT_MAIN("pay_who", tokens_in_addresses_and_cookies, old_keys_are_signed_anew,
          nobody_gets_a_new_one, cookies_by_https, user_ids_where_they_are_allowed, what_is_told,
          texts_cannot_leave_the_script)
