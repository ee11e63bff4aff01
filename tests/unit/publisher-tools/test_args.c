#include "publisher-tools/args.h"

#include "tests/support/unit.h"

struct config {
    bool test;
    const char *size;
    long n;
};

static const struct option table[] = {
    {"test", OPTION_BOOL, NULL, 0, 0, false, offsetof(struct config, test), NULL, ""},
    {"size", OPTION_STRING, "", 0, 0, false, offsetof(struct config, size), "WxH", ""},
    {"n", OPTION_INT, "0", 0, 9, false, offsetof(struct config, n), "N", ""},
};

START_TEST(flags_and_others_are_sorted)
{
    char *argv[] = {"x", "url1", "-size", "a", "-test", "url2", "--n=3", "-n", "4", "url3", NULL};
    struct args a;
    struct config c;
    char why[OPTIONS_WHY_MAX];
    args_init(&a, table, 3, 10, argv);
    ck_assert_int_eq(a.n_others, 3);
    ck_assert_str_eq(a.others[0], "url1");
    ck_assert_str_eq(a.others[1], "url2");
    ck_assert_str_eq(a.others[2], "url3");
    ck_assert_int_eq(options_parse(table, 3, a.n_flags, a.flags, &c, why), ERR_OK);
    ck_assert(c.test);
    ck_assert_str_eq(c.size, "a");
    ck_assert_int_eq(c.n, 4);
    args_fini(&a);
}
END_TEST

START_TEST(a_value_may_look_like_a_flag_and_may_be_missing)
{
    char *argv[] = {"x", "-size", "-test", "-n", NULL};
    struct args a;
    struct config c;
    char why[OPTIONS_WHY_MAX];
    args_init(&a, table, 3, 4, argv);
    ck_assert_int_eq(a.n_others, 0);
    ck_assert_int_eq(a.n_flags, 4);
    ck_assert_int_eq(options_parse(table, 3, a.n_flags, a.flags, &c, why), ERR_PROTO);
    ck_assert_str_eq(c.size, "-test");
    args_fini(&a);
}
END_TEST

START_TEST(unknown_flags_stay_flags)
{
    char *argv[] = {"x", "-tes", "url", "-", NULL};
    struct args a;
    args_init(&a, table, 3, 4, argv);
    ck_assert_int_eq(a.n_others, 1);
    ck_assert_int_eq(a.n_flags, 3);
    args_fini(&a);
}
END_TEST

UNIT_MAIN("args", flags_and_others_are_sorted, a_value_may_look_like_a_flag_and_may_be_missing,
          unknown_flags_stay_flags)
