#include "base/recents.h"

#include "tests/support/unit.h"

#define ENTRIES 65536

START_TEST(what_was_noted)
{
    struct recents *p = recents_create(ENTRIES);
    ck_assert(!recents_has(p, 7));
    recents_note(p, 7);
    recents_note(p, 8);
    recents_note(p, 0);
    recents_note(p, 7);
    ck_assert(recents_has(p, 7) && recents_has(p, 8) && recents_has(p, 0) && !recents_has(p, 9));
    recents_forget(p, 7);
    recents_forget(p, 9);
    ck_assert(!recents_has(p, 7) && recents_has(p, 8));
    recents_destroy(p);
    recents_destroy(NULL);
}
END_TEST

START_TEST(the_oldest_give_way)
{
    struct recents *p = recents_create(ENTRIES);
    uint64_t step = ENTRIES; /* all of them in one set */
    for (uint64_t i = 1; i <= 8; i++) {
        recents_note(p, i * step);
    }
    recents_note(p, 1 * step);
    recents_note(p, 9 * step);
    ck_assert(recents_has(p, 1 * step) && !recents_has(p, 2 * step));
    for (uint64_t i = 3; i <= 9; i++) {
        ck_assert(recents_has(p, i * step));
    }
    recents_forget(p, 5 * step);
    recents_note(p, 10 * step);
    ck_assert(!recents_has(p, 5 * step) && recents_has(p, 3 * step) && recents_has(p, 10 * step));
    recents_destroy(p);
}
END_TEST

UNIT_MAIN("recents", what_was_noted, the_oldest_give_way)
