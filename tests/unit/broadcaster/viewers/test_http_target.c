#include "broadcaster/viewers/http_target.h"

#include <string.h>

#include "tests/support/unit.h"

START_TEST(there_and_back)
{
    const char *const targets[] = {"",    "/",         "/a&b",        "/?",
                                   "/?a", "/?a=1&b=2", "/a&b?c&&d=&", "?&?&"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        char text[64];
        strcpy(text, targets[i]);
        http_target_fold(text);
        const char *query = strchr(text, '?');
        ck_assert_msg(query == NULL || strchr(query, '&') == NULL, "%s", targets[i]);
        http_target_unfold(text);
        ck_assert_str_eq(text, targets[i]);
    }
}
END_TEST

START_TEST(plus_signs)
{
    char text[] = "/?a=b c";
    http_target_unfold(text);
    ck_assert_str_eq(text, "/?a=b+c");
}
END_TEST

UNIT_MAIN("http_target", there_and_back, plus_signs)
