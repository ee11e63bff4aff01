#include "broadcaster/jobs/ladder.h"

#include <string.h>

#include "tests/support/unit.h"

START_TEST(read_and_written)
{
    struct ladder l = {.n = 9};
    char why[LADDER_WHY_MAX];
    char text[LADDER_TEXT_MAX];
    ck_assert_int_eq(ladder_parse("P240p30fps16x9, P144p30fps16x9", &l, why), ERR_OK);
    ck_assert_uint_eq(l.n, 2);
    ladder_format(&l, text);
    ck_assert_str_eq(text, "P240p30fps16x9,P144p30fps16x9");
    ck_assert_int_eq(ladder_parse("", &l, why), ERR_OK);
    ck_assert_uint_eq(l.n, 0);
    ladder_format(&l, text);
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(the_longest_fits)
{
    struct ladder l = {.n = 0};
    char text[LADDER_TEXT_MAX];
    size_t n, want = 0;
    const struct profile *all = profile_all(&n);
    for (; l.n < PROFILE_LADDER_MAX; l.n++) {
        l.rungs[l.n] = all[l.n];
        want += strlen(all[l.n].name) + (l.n > 0);
    }
    ladder_format(&l, text);
    ck_assert_uint_eq(strlen(text), want);
}
END_TEST

START_TEST(what_is_wrong_is_named)
{
    struct ladder l = {.n = 7};
    char why[LADDER_WHY_MAX];
    ck_assert_int_eq(ladder_parse("P144p30fps16x9,P999p", &l, why), ERR_NOENT);
    ck_assert_ptr_nonnull(strstr(why, "\"P999p\""));
    size_t n;
    const struct profile *all = profile_all(&n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(strstr(why, all[i].name) != NULL, "%s is not listed", all[i].name);
    }
    ck_assert_int_eq(ladder_parse("P144p30fps16x9,P144p30fps16x9", &l, why), ERR_STATE);
    ck_assert_ptr_nonnull(strstr(why, "twice"));
    char many[1000] = "";
    for (size_t i = 0; i <= PROFILE_LADDER_MAX; i++) {
        strcat(strcat(many, i > 0 ? "," : ""), all[i].name);
    }
    ck_assert_int_eq(ladder_parse(many, &l, why), ERR_LIMIT);
    ck_assert_ptr_nonnull(strstr(why, "10"));
    char long_name[2000];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    ck_assert_int_eq(ladder_parse(long_name, &l, why), ERR_NOENT);
    ck_assert_uint_lt(strlen(why), LADDER_WHY_MAX);
    ck_assert_uint_eq(l.n, 7); /* untouched */
}
END_TEST

START_TEST(names_that_are_taken)
{
    static const char *const names[] = {"live", "audio", "audio1", "audio7", "source"};
    struct profile p = *profile_find(span_cstr("P144p30fps16x9"));
    const char *why = "";
    ck_assert_int_eq(ladder_check(&p, &why), ERR_OK);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        strcpy(p.name, names[i]);
        ck_assert_int_eq(ladder_check(&p, &why), ERR_PROTO);
        ck_assert_ptr_nonnull(strstr(why, "cannot be called"));
    }
    strcpy(p.name, "audio8");
    ck_assert_int_eq(ladder_check(&p, &why), ERR_OK);
    size_t n;
    const struct profile *all = profile_all(&n);
    for (size_t i = 0; i < n; i++) {
        p = all[i];
        ck_assert_int_eq(ladder_check(&p, &why), ERR_OK);
    }
}
END_TEST

UNIT_MAIN("ladder", read_and_written, the_longest_fits, what_is_wrong_is_named,
          names_that_are_taken)
