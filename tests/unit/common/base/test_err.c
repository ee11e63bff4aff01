#include "base/err.h"

#include <string.h>

#include "tests/support/unit.h"

START_TEST(each_has_words_of_its_own)
{
    for (int i = 0; i < ERR_COUNT_; i++) {
        const char *text = err_text((enum err)i);
        ck_assert_str_ne(text, "unknown error");
        ck_assert_uint_gt(strlen(text), 5);
        for (int j = 0; j < i; j++) {
            ck_assert_str_ne(text, err_text((enum err)j));
        }
    }
}
END_TEST

START_TEST(others_are_unknown)
{
    ck_assert_str_eq(err_text(ERR_COUNT_), "unknown error");
    ck_assert_str_eq(err_text((enum err) - 1), "unknown error");
    ck_assert_str_eq(err_text((enum err)1000), "unknown error");
}
END_TEST

UNIT_MAIN("err", each_has_words_of_its_own, others_are_unknown)
