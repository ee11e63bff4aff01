/* Viewers of each rendition. */
#include <stdio.h>

#include "broadcaster/jobs/rung_audience.h"
#include "broadcaster/viewers/audience.h"
#include "tests/support/unit.h"

START_TEST(each_rendition_has_its_own)
{
    struct rung_audience *a = rung_audience_create();
    for (int i = 0; i < 5; i++) {
        char address[16];
        snprintf(address, sizeof address, "10.0.0.%d", i);
        rung_audience_saw(a, "x", i < 3 ? "p144" : "p240", span_cstr(address), span_cstr("vlc"), 0);
        rung_audience_saw(a, "y", "p144", span_cstr(address), span_cstr("vlc"), 0);
        rung_audience_saw(a, "y", "p144", span_cstr(address), span_cstr("vlc"), 1000);
    }
    ck_assert_uint_eq(rung_audience_count(a, "x", "p144", 1000), 3);
    ck_assert_uint_eq(rung_audience_count(a, "x", "p240", 1000), 2);
    ck_assert_uint_eq(rung_audience_count(a, "y", "p144", 1000), 5);
    ck_assert_uint_eq(rung_audience_count(a, "y", "p240", 1000), 0);
    ck_assert_uint_eq(rung_audience_count(a, "xp", "144", 1000), 0);
    ck_assert_uint_eq(rung_audience_count(a, "x", "p144", 2 * AUDIENCE_WINDOW_MS), 0);
    rung_audience_destroy(a);
    rung_audience_destroy(NULL);
}
END_TEST

UNIT_MAIN("rung_audience", each_rendition_has_its_own)
