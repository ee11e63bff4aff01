#include "broadcaster/auth/publish_key.h"

#include <string.h>

#include "tests/support/unit.h"

START_TEST(a_key_is_known_again_and_no_other)
{
    struct publish_key a = publish_key_of("Secret"), again = publish_key_of("Secret");
    ck_assert(publish_key_equal(&a, &again));
    static const char *const others[] = {"", "secret", "Secre", "Secret ", "Secret/"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct publish_key other = publish_key_of(others[i]);
        ck_assert(!publish_key_equal(&a, &other));
    }
}
END_TEST

START_TEST(no_key_is_a_key_too)
{
    struct publish_key a = publish_key_of(""), b = publish_key_of("");
    ck_assert(publish_key_equal(&a, &b));
}
END_TEST

START_TEST(what_is_kept_does_not_hold_the_key)
{
    struct publish_key a = publish_key_of("Secret");
    ck_assert_ptr_null(memmem(&a, sizeof a, "Secret", 6));
}
END_TEST

UNIT_MAIN("publish_key", a_key_is_known_again_and_no_other, no_key_is_a_key_too,
          what_is_kept_does_not_hold_the_key)
