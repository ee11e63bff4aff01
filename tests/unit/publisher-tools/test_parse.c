#include "publisher-tools/parse.h"

#include "tests/support/unit.h"

START_TEST(sizes)
{
    int w = 0;
    int h = 0;
    ck_assert_int_eq(parse_size("640x480", &w, &h), ERR_OK);
    ck_assert(w == 640 && h == 480);
    ck_assert_int_eq(parse_size("1x99999", &w, &h), ERR_OK);
    const char *const bad[] = {"",         "640",      "640x",    "x480",      "640X480",
                               "640x480 ", " 640x480", "-1x480",  "0x480",     "640x0",
                               "640x480x", "6.4x480",  "640*480", "100000x480"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(parse_size(bad[i], &w, &h) == ERR_PROTO, "%s", bad[i]);
    }
    ck_assert(w == 1 && h == 99999);
}
END_TEST

START_TEST(ratios)
{
    const struct {
        const char *text;
        int num, den;
    } good[] = {{"30", 30, 1},
                {"30000/1001", 30000, 1001},
                {"29.97", 29970, 1000},
                {"0.5", 500, 1000},
                {"25.000", 25000, 1000}};
    int num = 0;
    int den = 0;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_int_eq(parse_ratio(good[i].text, &num, &den), ERR_OK);
        ck_assert_int_eq(num, good[i].num);
        ck_assert_int_eq(den, good[i].den);
    }
    const char *const bad[] = {"",   "0",   "30/",   "/1001",  "30/0",   "0.0",     "30.",
                               ".5", "-30", "30fps", "30/1/1", "1.2345", "1000000", "30 "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(parse_ratio(bad[i], &num, &den) == ERR_PROTO, "%s", bad[i]);
    }
}
END_TEST

START_TEST(bitrates)
{
    const struct {
        const char *text;
        int64_t bps;
    } good[] = {{"2000k", 2000000},         {"2.5M", 2500000}, {"64000", 64000},
                {"0.064M", 64000},          {"1.5", 1},        {"0", 0},
                {"1000000M", 1000000000000}};
    int64_t bps = 7;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_msg(parse_bitrate(good[i].text, &bps) == ERR_OK, "%s", good[i].text);
        ck_assert_int_eq(bps, good[i].bps);
    }
    const char *const bad[] = {"",    "k",       "2000K",    "2kk",           "-1k", "1.k",
                               "1 k", "1.2345k", "1000001M", "9999999999999", "2m",  "1e3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(parse_bitrate(bad[i], &bps) == ERR_PROTO, "%s", bad[i]);
    }
}
END_TEST

UNIT_MAIN("parse", sizes, ratios, bitrates)
