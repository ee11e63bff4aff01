#include "transcoder/speed.h"

#include "tests/support/unit.h"

#define CORES_2 2000

static const struct speed_setting measure = {.source = SPEED_UNKNOWN};

START_TEST(settings)
{
    static const struct {
        const char *text;
        enum speed_source source;
        uint64_t fixed;
    } good[] = {{"", SPEED_UNKNOWN, 0},
                {"auto", SPEED_UNKNOWN, 0},
                {"off", SPEED_OFF, 0},
                {"150", SPEED_FIXED, 150000000},
                {"37.5", SPEED_FIXED, 37500000},
                {"0.000001", SPEED_FIXED, 1},
                {"1000000000", SPEED_FIXED, 1000000000000000}};
    static const char *const bad[] = {"0",
                                      "0.0",
                                      "-1",
                                      "on",
                                      "1e3",
                                      "1.",
                                      ".5",
                                      "1,5",
                                      " 1",
                                      "1 ",
                                      "1.0000001",
                                      "1000000001",
                                      "99999999999999999999999999"};
    struct speed_setting s;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_msg(speed_read_setting(good[i].text, &s) == ERR_OK, "%s", good[i].text);
        ck_assert_int_eq(s.source, good[i].source);
        ck_assert_uint_eq(s.fixed, good[i].fixed);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(speed_read_setting(bad[i], &s) == ERR_PROTO, "%s", bad[i]);
    }
}
END_TEST

START_TEST(a_benchmark_counts_for_all_cores)
{
    struct speed s = {0};
    speed_set(&s, &measure, CORES_2);
    ck_assert_uint_eq(speed_now(&s), 0);
    ck_assert(!speed_is_news(&s));
    speed_measured(&s, 3000000, 100000);
    ck_assert_uint_eq(speed_now(&s), 60000000);
    ck_assert(speed_is_news(&s));
    ck_assert_uint_eq(speed_announce(&s), 60000000);
    ck_assert(!speed_is_news(&s));
    ck_assert_str_eq(speed_source_name(s.source), "benchmark");
    speed_measured(&s, 0, 100);
    ck_assert_uint_eq(speed_now(&s), 60000000);
}
END_TEST

START_TEST(jobs_correct_it_and_a_tenth_is_news)
{
    struct speed s = {0};
    speed_set(&s, &measure, CORES_2);
    speed_measured(&s, 3000000, 100000);
    (void)speed_announce(&s);
    /* The same as measured: no news. */
    speed_observe(&s, 30000000, 1000000);
    ck_assert(!speed_is_news(&s));
    ck_assert_str_eq(speed_source_name(s.source), "jobs");
    /* Half as fast, for long: in the end that is what is known. */
    unsigned news = 0;
    for (unsigned i = 0; i < 200; i++) {
        speed_observe(&s, 15000000, 1000000);
        if (speed_is_news(&s)) {
            news++;
            (void)speed_announce(&s);
        }
    }
    ck_assert_uint_ge(speed_now(&s), 30000000);
    ck_assert_uint_le(speed_now(&s), 30500000);
    /* In steps of a little more than a tenth. */
    ck_assert_uint_ge(news, 4);
    ck_assert_uint_le(news, 8);
}
END_TEST

START_TEST(small_and_large_jobs_in_turn_are_no_news)
{
    struct speed s = {0};
    speed_set(&s, &measure, CORES_2);
    for (unsigned i = 0; i < 100; i++) {
        speed_observe(&s, 40000000, 1000000); /* a large rung */
        speed_observe(&s, 1000000, 100000);   /* a small one: decoding is most of it */
    }
    (void)speed_announce(&s);
    for (unsigned i = 0; i < 100; i++) {
        speed_observe(&s, 40000000, 1000000);
        ck_assert(!speed_is_news(&s));
        speed_observe(&s, 1000000, 100000);
        ck_assert(!speed_is_news(&s));
    }
}
END_TEST

START_TEST(by_hand_is_by_hand)
{
    const struct speed_setting fixed = {.source = SPEED_FIXED, .fixed = 5000000};
    const struct speed_setting off = {.source = SPEED_OFF};
    struct speed s = {0};
    speed_set(&s, &fixed, CORES_2);
    speed_measured(&s, 1000, 10);
    speed_observe(&s, 1000, 10);
    ck_assert_uint_eq(speed_announce(&s), 5000000);
    speed_set(&s, &off, CORES_2);
    speed_observe(&s, 1000, 10);
    ck_assert_uint_eq(speed_now(&s), 0);
    ck_assert(speed_is_news(&s)); /* "not known any more" is to be said */
    ck_assert_uint_eq(speed_announce(&s), 0);
    ck_assert(!speed_is_news(&s));
}
END_TEST

START_TEST(nothing_overflows)
{
    struct speed s = {0};
    speed_set(&s, &measure, 8192 * 1000);
    speed_measured(&s, UINT64_MAX, 1);
    ck_assert_uint_gt(speed_now(&s), 0);
    ck_assert_uint_lt(speed_now(&s), UINT64_C(1) << 53);
    speed_set(&s, &measure, 1);
    speed_measured(&s, 1, UINT32_MAX);
    ck_assert_uint_eq(speed_now(&s), 1);
}
END_TEST

UNIT_MAIN("speed", settings, a_benchmark_counts_for_all_cores, jobs_correct_it_and_a_tenth_is_news,
          small_and_large_jobs_in_turn_are_no_news, by_hand_is_by_hand, nothing_overflows)
