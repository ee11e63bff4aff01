/* Amounts as people write them. */
#include "orchestrator/ledger/ledger_money.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/support/unit.h"

START_TEST(what_people_write_is_read)
{
    static const struct {
        const char *text;
        int scale;
        uint64_t units;
    } good[] = {
        {"0", 9, 0},
        {"1", 9, 1000000000},
        {"1.5", 9, 1500000000},
        {"1.50", 9, 1500000000},
        {"0.000000001", 9, 1},
        {"007.10", 2, 710},
        {"12", 0, 12},
        {"9223372036.854775807", 9, INT64_MAX},
        {"9223372036854775807", 0, INT64_MAX},
        {"9.223372036854775807", 18, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t units = 77;
        ck_assert_msg(ledger_money_read(good[i].text, good[i].scale, &units), "%s", good[i].text);
        ck_assert_uint_eq(units, good[i].units);
    }
}
END_TEST

START_TEST(what_is_no_amount_is_refused)
{
    static const char *const bad[] = {"",
                                      ".",
                                      ".5",
                                      "5.",
                                      "-1",
                                      "+1",
                                      "1e3",
                                      "1,5",
                                      " 1",
                                      "1 ",
                                      "0x10",
                                      "1.2.3",
                                      "nan",
                                      "1.0000000001",
                                      "9223372036.854775808",
                                      "99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t units = 77;
        ck_assert_msg(!ledger_money_read(bad[i], 9, &units), "%s", bad[i]);
        ck_assert_uint_eq(units, 77);
    }
    uint64_t units;
    ck_assert(!ledger_money_read("1.0", 0, &units));
    ck_assert(!ledger_money_read("9.223372036854775808", 18, &units));
}
END_TEST

START_TEST(what_is_counted_is_written)
{
    static const struct {
        const char *units;
        int scale;
        const char *text;
    } cases[] = {
        {"0", 9, "0.00"},
        {"1", 9, "0.000000001"},
        {"-1", 9, "-0.000000001"},
        {"1500000000", 9, "1.50"},
        {"-1500000000", 9, "-1.50"},
        {"12345678901", 9, "12.345678901"},
        {"1000000000", 9, "1.00"},
        {"12", 0, "12"},
        {"12", 1, "1.2"},
        {"9223372036854775807", 18, "9.223372036854775807"},
        {"-9223372036854775807", 18, "-9.223372036854775807"},
        {"", 9, "?"},
        {"-", 9, "?"},
        {"1x", 9, "?"},
        {"1", 21, "?"},
        {"1", -1, "?"},
        {"123456789012345678901234567890", 9, "?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[LEDGER_MONEY_SIZE];
        ledger_money_write(cases[i].units, cases[i].scale, text);
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

START_TEST(both_ways_it_stays_the_same)
{
    uint64_t state = 88172645463325252ULL;
    for (int i = 0; i < 20000; i++) {
        char units[32], text[LEDGER_MONEY_SIZE];
        uint64_t back;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        uint64_t v = (state >> 1) >> (state % 60);
        int scale = (int)(state % 19);
        snprintf(units, sizeof units, "%" PRIu64, v);
        ledger_money_write(units, scale, text);
        ck_assert_msg(ledger_money_read(text, scale, &back) && back == v, "%s %d %s", units, scale,
                      text);
    }
}
END_TEST

UNIT_MAIN("money", what_people_write_is_read, what_is_no_amount_is_refused,
          what_is_counted_is_written, both_ways_it_stays_the_same)
