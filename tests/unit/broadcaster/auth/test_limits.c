#include "broadcaster/auth/limits.h"

#include <string.h>

#include "tests/support/unit.h"

START_TEST(sizes)
{
    struct limits l = {.bitrate_kbps = 7};
    char text[LIMITS_TEXT_MAX] = "";
    ck_assert(limits_parse_size("1920x1080", &l) && l.width == 1920 && l.height == 1080);
    ck_assert_int_eq(l.bitrate_kbps, 7);
    ck_assert(limits_size_fits(&l, 1920, 1080, text) && limits_size_fits(&l, 1080, 1920, text));
    ck_assert(limits_size_fits(&l, 2, 2, text));
    ck_assert(!limits_size_fits(&l, 1921, 1080, text) && !limits_size_fits(&l, 1920, 1082, text));
    ck_assert(!limits_size_fits(&l, 1200, 1200, text));
    ck_assert_ptr_nonnull(strstr(text, "1200x1200"));
    ck_assert_ptr_nonnull(strstr(text, "1920x1080"));
    static const char *const bad[] = {"x",    "1x",    "x1",   "1080",    "0x1",      "1x0",
                                      "-1x1", "1x1x1", "1x1 ", "16385x1", "999999x1", "1X1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!limits_parse_size(bad[i], &l), "%s", bad[i]);
    }
    ck_assert(limits_parse_size("", &l) && limits_size_fits(&l, 99999, 99999, text));
    l = (struct limits){.width = 100};
    ck_assert(limits_size_fits(&l, 100, 5000, text) && limits_size_fits(&l, 5000, 100, text));
    ck_assert(!limits_size_fits(&l, 101, 5000, text));
    ck_assert_ptr_nonnull(strstr(text, "100 wide"));
}
END_TEST

START_TEST(a_key_has_its_own)
{
    struct limits all = {1000, 640, 480}, own = {2000, 0, 0};
    struct limits l = limits_join(&all, &own);
    ck_assert(l.bitrate_kbps == 2000 && l.width == 640 && l.height == 480);
    own = (struct limits){0, 1920, 1080};
    l = limits_join(&all, &own);
    ck_assert(l.bitrate_kbps == 1000 && l.width == 1920 && l.height == 1080);
}
END_TEST

/* Sends kbps for so long, in packets of 20 ms, from a time on; returns when it was too much, or 0.
 */
static int64_t run(struct rate_meter *m, const struct limits *l, long kbps, int64_t from_ms,
                   int64_t for_ms, char *text)
{
    for (int64_t t = from_ms; t < from_ms + for_ms; t += 20) {
        if (!rate_meter_add(m, l, (size_t)(kbps * 20 / 8), t, text)) {
            return t - from_ms;
        }
    }
    return 0;
}

START_TEST(rates)
{
    static const struct {
        long kbps;
        int64_t from_ms, to_ms; /* found between; 0: never */
    } cases[] = {{400, 0, 0},         {800, 0, 0},        {1000, 39800, 40200},
                 {1600, 9900, 10100}, {8000, 1000, 1200}, {80000, 90, 110}};
    struct limits l = {.bitrate_kbps = 800};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rate_meter m;
        char text[LIMITS_TEXT_MAX] = "";
        rate_meter_init(&m, 5000);
        int64_t found = run(&m, &l, cases[i].kbps, 5000, 120000, text);
        ck_assert_msg(found >= cases[i].from_ms && found <= cases[i].to_ms, "%ld: %lld",
                      cases[i].kbps, (long long)found);
        ck_assert((found > 0) == (strstr(text, "up to 800") != NULL));
        if (found > 1000) {
            long told = strtol(strstr(text, "has ") + 4, NULL, 10);
            ck_assert_msg(told > cases[i].kbps * 9 / 10 && told < cases[i].kbps * 11 / 10, "%s",
                          text);
        }
    }
    struct rate_meter m;
    char text[LIMITS_TEXT_MAX] = "";
    rate_meter_init(&m, 0);
    struct limits none = {0};
    ck_assert_int_eq(run(&m, &none, 1000000, 0, 10000, text), 0);
}
END_TEST

/* What a pause of the network held back may come at once behind it. */
START_TEST(catching_up)
{
    struct limits l = {.bitrate_kbps = 800};
    struct rate_meter m;
    char text[LIMITS_TEXT_MAX] = "";
    rate_meter_init(&m, 0);
    ck_assert_int_eq(run(&m, &l, 780, 0, 20000, text), 0);
    ck_assert(rate_meter_add(&m, &l, 780 * 9000 / 8, 29000, text));
    ck_assert_int_eq(run(&m, &l, 780, 29020, 60000, text), 0);
}
END_TEST

UNIT_MAIN("limits", sizes, a_key_has_its_own, rates, catching_up)
