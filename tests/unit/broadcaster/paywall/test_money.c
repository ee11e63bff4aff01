#include "broadcaster/paywall/money.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/support/unit.h"

static void expect(const char *text, int scale, uint64_t want)
{
    uint64_t got = 77;
    enum err e = money_parse(span_cstr(text), scale, &got);
    ck_assert_msg(e == ERR_OK && got == want, "%s at %d: %s %" PRIu64, text, scale, err_text(e),
                  got);
}

static void expect_err(const char *text, int scale, enum err want)
{
    uint64_t got = 77;
    enum err e = money_parse(span_cstr(text), scale, &got);
    ck_assert_msg(e == want, "%s at %d: %s", text, scale, err_text(e));
    ck_assert_uint_eq(got, 77);
}

START_TEST(amounts_are_read)
{
    expect("0.001", 9, 1000000);
    expect("3", 9, 3000000000);
    expect(".5", 2, 50);
    expect("5.", 2, 500);
    expect("0", 9, 0);
    expect("007", 0, 7);
    expect("1.50000000000000000000000000", 1, 15);
    expect("9.223372036854775807", 18, MONEY_MAX);
    expect("9223372036854775807", 0, MONEY_MAX);
}
END_TEST

START_TEST(what_is_no_amount)
{
    const char *const bad[] = {"",    ".",  "-1", "+1",  "1e3", "1.2.3",
                               "0x1", " 1", "1 ", "1,5", "NaN"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect_err(bad[i], 9, ERR_PROTO);
    }
    expect_err("0.0000000001", 9, ERR_LIMIT);
    expect_err("9223372036854775808", 0, ERR_LIMIT);
    expect_err("9223372036.854775808", 9, ERR_LIMIT);
    expect_err("99999999999999999999999999999999", 0, ERR_LIMIT);
}
END_TEST

START_TEST(written_as_read)
{
    const struct {
        uint64_t amount;
        int scale;
        const char *text;
    } cases[] = {
        {0, 9, "0"},
        {1, 9, "0.000000001"},
        {15000, 9, "0.000015"},
        {1000000000, 9, "1"},
        {MONEY_MAX, 9, "9223372036.854775807"},
        {250, 2, "2.5"},
        {7, 0, "7"},
        {MONEY_MAX, 18, "9.223372036854775807"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[MONEY_TEXT_MAX];
        money_format(cases[i].amount, cases[i].scale, text);
        ck_assert_str_eq(text, cases[i].text);
        expect(text, cases[i].scale, cases[i].amount);
    }
}
END_TEST

START_TEST(sums_do_not_wrap)
{
    ck_assert_uint_eq(money_add(1, 2), 3);
    ck_assert_uint_eq(money_add(MONEY_MAX, 1), MONEY_MAX);
    ck_assert_uint_eq(money_add(UINT64_MAX, UINT64_MAX), MONEY_MAX);
}
END_TEST

UNIT_MAIN("money", amounts_are_read, what_is_no_amount, written_as_read, sums_do_not_wrap)
