/* Whom those that have gone were paid as. */
#include "orchestrator/pricing/payees.h"

#include <stdio.h>

#include "tests/support/unit.h"

START_TEST(the_newest_are_known)
{
    struct payees p;
    char payee[PURSE_PAYEE_MAX];
    payees_init(&p);
    ck_assert_ptr_null(payees_find(&p, 1));
    for (link_peer peer = 1; peer <= PAYEES_GONE_MAX + 1; peer++) {
        snprintf(payee, sizeof payee, "earnings:%u", peer);
        payees_left(&p, peer, payee);
        ck_assert_str_eq(payees_find(&p, peer), payee);
    }
    ck_assert_ptr_null(payees_find(&p, 1));
    ck_assert_str_eq(payees_find(&p, 2), "earnings:2");
    payees_fini(&p);
}
END_TEST

UNIT_MAIN("payees", the_newest_are_known)
