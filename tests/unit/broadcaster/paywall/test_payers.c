#include "broadcaster/paywall/payers.h"

#include "tests/support/unit.h"

START_TEST(who_had_money)
{
    struct payers *p = payers_create();
    ck_assert(!payers_has(p, 7));
    payers_note(p, 7, true);
    payers_note(p, 8, true);
    payers_note(p, 0, true);
    payers_note(p, 7, true);
    ck_assert(payers_has(p, 7) && payers_has(p, 8) && payers_has(p, 0) && !payers_has(p, 9));
    payers_note(p, 7, false);
    payers_note(p, 9, false);
    ck_assert(!payers_has(p, 7) && payers_has(p, 8));
    payers_destroy(p);
    payers_destroy(NULL);
}
END_TEST

START_TEST(the_oldest_give_way)
{
    struct payers *p = payers_create();
    uint64_t step = PAYERS_ENTRIES; /* all of them in one set */
    for (uint64_t i = 1; i <= 8; i++) {
        payers_note(p, i * step, true);
    }
    payers_note(p, 1 * step, true);
    payers_note(p, 9 * step, true);
    ck_assert(payers_has(p, 1 * step) && !payers_has(p, 2 * step));
    for (uint64_t i = 3; i <= 9; i++) {
        ck_assert(payers_has(p, i * step));
    }
    payers_note(p, 5 * step, false);
    payers_note(p, 10 * step, true);
    ck_assert(!payers_has(p, 5 * step) && payers_has(p, 3 * step) && payers_has(p, 10 * step));
    payers_destroy(p);
}
END_TEST

UNIT_MAIN("payers", who_had_money, the_oldest_give_way)
