#include "orchestrator/payments/interests.h"

#include <stdio.h>

#include "tests/support/unit.h"

START_TEST(the_newest_are_known)
{
    char name[32];
    struct interests *i = interests_create();
    ck_assert(!interests_has(i, "viewer:a"));
    interests_note(i, "viewer:a");
    interests_note(i, "viewer:a");
    ck_assert(interests_has(i, "viewer:a"));
    ck_assert(!interests_has(i, "viewer:b"));
    int known = 0, n = INTERESTS_MAX / 2;
    for (int k = 0; k < 6 * n; k++) {
        snprintf(name, sizeof name, "viewer:%d", k);
        interests_note(i, name);
        ck_assert(interests_has(i, name));
    }
    ck_assert(!interests_has(i, "viewer:a"));
    for (int k = 5 * n; k < 6 * n; k++) {
        snprintf(name, sizeof name, "viewer:%d", k);
        known += interests_has(i, name);
    }
    ck_assert_int_gt(known, n / 10 * 9);
    interests_destroy(i);
}
END_TEST

UNIT_MAIN("interests", the_newest_are_known)
