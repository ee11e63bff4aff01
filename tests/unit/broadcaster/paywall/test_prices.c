#include "broadcaster/paywall/prices.h"

#include <string.h>

#include "tests/support/unit.h"

static const struct toll rest = {TOLL_PER_MINUTE, 5};

static enum err try_read(const char *yaml, struct prices **ret_prices, struct config_fault *fault)
{
    struct config_node *root = NULL;
    ck_assert_msg(config_tree_read(span_cstr(yaml), &root, fault) == ERR_OK, "%s", fault->text);
    enum err e = prices_read(root, &rest, 9, ret_prices, fault);
    config_tree_destroy(root);
    return e;
}

static void expect(struct toll got, enum toll_per per, uint64_t amount)
{
    ck_assert_int_eq(got.per, per);
    ck_assert_uint_eq(got.amount, amount);
}

START_TEST(streams_and_files)
{
    struct prices *p = NULL;
    struct config_fault fault;
    enum err e = try_read("streams:\n"
                          "  concert: {perMinute: 0.002}\n"
                          "  \"news-free*\": free\n"
                          "  \"news-*\": {perMB: 0.05}\n"
                          "  trailer: free\n"
                          "files:\n"
                          "  \"films/*\": {perMinute: 0.01}\n"
                          "  a b.mp4: {perMB: 0}\n",
                          &p, &fault);
    ck_assert_msg(e == ERR_OK, "%s", fault.text);
    expect(prices_of_stream(p, "concert"), TOLL_PER_MINUTE, 2000000);
    expect(prices_of_stream(p, "concert2"), TOLL_PER_MINUTE, 5);
    expect(prices_of_stream(p, "news-1"), TOLL_PER_MB, 50000000);
    expect(prices_of_stream(p, "news-free-1"), TOLL_FREE, 0);
    expect(prices_of_stream(p, "trailer"), TOLL_FREE, 0);
    expect(prices_of_file(p, "films/x/y.mp4"), TOLL_PER_MINUTE, 10000000);
    expect(prices_of_file(p, "a b.mp4"), TOLL_FREE, 0);
    expect(prices_of_file(p, "concert"), TOLL_PER_MINUTE, 5);
    ck_assert(prices_any(p));
    prices_destroy(p);
}
END_TEST

START_TEST(they_are_replaced)
{
    struct prices *p = NULL, *fresh = NULL;
    struct config_fault fault;
    ck_assert_int_eq(try_read("streams:\n  a: {perMinute: 1}\n  b: free\n", &p, &fault), ERR_OK);
    ck_assert_int_eq(try_read("streams:\n  a: {perMB: 2}\nfiles:\n  c: free\n", &fresh, &fault),
                     ERR_OK);
    prices_replace(p, fresh);
    expect(prices_of_stream(p, "a"), TOLL_PER_MB, 2000000000);
    expect(prices_of_stream(p, "b"), TOLL_PER_MINUTE, 5);
    expect(prices_of_file(p, "c"), TOLL_FREE, 0);
    prices_destroy(p);
}
END_TEST

START_TEST(what_is_wrong_is_said)
{
    const struct {
        const char *yaml, *words;
    } cases[] = {
        {"streams:\n  a: {perMinute: 1, perMB: 2}\n", "one of perMinute and perMB"},
        {"streams:\n  a: 0.5\n", "one of perMinute and perMB"},
        {"streams:\n  a: {perMinute: -1}\n", "no amount"},
        {"streams:\n  a: {perMinute: 0.0000000001}\n", "more digits"},
        {"streams:\n  a: {perHour: 1}\n", "perHour"},
        {"songs:\n  a: free\n", "songs"},
        {"streams:\n  - a\n", "streams"},
        {"- a\n", "no map"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct prices *p = NULL;
        struct config_fault fault = {0};
        ck_assert_msg(try_read(cases[i].yaml, &p, &fault) != ERR_OK, "%s", cases[i].yaml);
        ck_assert_ptr_null(p);
        ck_assert_msg(strstr(fault.text, cases[i].words) != NULL, "%s", fault.text);
        ck_assert_uint_gt(fault.line, 0);
    }
}
END_TEST

START_TEST(one_price_for_all)
{
    struct toll t;
    char why[CONFIG_WHY_MAX] = "";
    ck_assert_int_eq(prices_default("0.001", "", 9, &t, why), ERR_OK);
    expect(t, TOLL_PER_MINUTE, 1000000);
    ck_assert_int_eq(prices_default("", "2", 2, &t, why), ERR_OK);
    expect(t, TOLL_PER_MB, 200);
    ck_assert_int_eq(prices_default("", "", 9, &t, why), ERR_OK);
    expect(t, TOLL_FREE, 0);
    ck_assert_int_eq(prices_default("0", "", 9, &t, why), ERR_OK);
    expect(t, TOLL_FREE, 0);
    ck_assert_int_eq(prices_default("1", "2", 9, &t, why), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(why, "-pricePerMB"));
    ck_assert_int_eq(prices_default("", "-2", 9, &t, why), ERR_PROTO);
    ck_assert_ptr_nonnull(strstr(why, "-pricePerMB"));
    struct prices *p = NULL;
    struct config_fault fault;
    ck_assert_int_eq(prices_read(NULL, &(struct toll){TOLL_FREE, 0}, 9, &p, &fault), ERR_OK);
    ck_assert(!prices_any(p));
    prices_destroy(p);
}
END_TEST

UNIT_MAIN("prices", they_are_replaced, streams_and_files, what_is_wrong_is_said, one_price_for_all)
