#include "broadcaster/viewers/audience.h"

#include <stdlib.h>

#include "tests/support/unit.h"

static uint64_t state = 88172645463325252u;

/* xorshift64*: evenly spread, and the same each time. */
static uint64_t next(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(2685821657736338717);
}

START_TEST(few_are_counted_one_by_one)
{
    struct audience *a = audience_create();
    ck_assert_uint_eq(audience_count(a, 1, 0), 0);
    for (unsigned n = 1; n <= 20; n++) {
        uint64_t viewer = next();
        audience_note(a, 1, viewer, 0);
        audience_note(a, 1, viewer, 100); /* the same one again */
        ck_assert_uint_eq(audience_count(a, 1, 200), n);
    }
    ck_assert_uint_eq(audience_count(a, 2, 200), 0);
    audience_destroy(a);
    audience_destroy(NULL);
}
END_TEST

START_TEST(who_leaves_is_forgotten)
{
    struct audience *a = audience_create();
    audience_note(a, 1, 11, 1000);
    audience_note(a, 1, 77, 6000);
    ck_assert_uint_eq(audience_count(a, 1, 6000), 2);
    ck_assert_uint_eq(audience_count(a, 1, 1000 + AUDIENCE_WINDOW_MS), 2);
    ck_assert_uint_eq(audience_count(a, 1, 1000 + AUDIENCE_WINDOW_MS + 2000), 1);
    ck_assert_uint_eq(audience_count(a, 1, 6000 + AUDIENCE_WINDOW_MS + 2000), 0);
    audience_note(a, 1, 11, 1000000);
    ck_assert_uint_eq(audience_count(a, 1, 1000000), 1);
    audience_destroy(a);
}
END_TEST

/* 3 standard deviations of the worst of them are below 8 in 100. */
START_TEST(many_are_estimated)
{
    static const unsigned crowds[] = {100, 1000, 5000, 20000, 30000};
    for (size_t i = 0; i < sizeof crowds / sizeof crowds[0]; i++) {
        struct audience *a = audience_create();
        for (unsigned n = 0; n < crowds[i]; n++) {
            audience_note(a, 1, next(), n % AUDIENCE_WINDOW_MS);
        }
        unsigned count = audience_count(a, 1, AUDIENCE_WINDOW_MS);
        ck_assert_uint_ge(count, crowds[i] - crowds[i] * 8 / 100);
        ck_assert_uint_le(count, crowds[i] + crowds[i] * 8 / 100);
        audience_destroy(a);
    }
}
END_TEST

START_TEST(a_crowd_past_the_limit_stays_there)
{
    struct audience *a = audience_create();
    for (unsigned n = 0; n < 300000; n++) {
        audience_note(a, 1, next(), 0);
    }
    ck_assert_uint_eq(audience_count(a, 1, 0), AUDIENCE_MAX);
    audience_destroy(a);
}
END_TEST

START_TEST(past_the_limit_the_silent_stream_goes)
{
    struct audience *a = audience_create();
    for (uint64_t s = 0; s < AUDIENCE_STREAMS_MAX; s++) {
        audience_note(a, s, 1, s == 500 ? 0 : 4000);
    }
    audience_note(a, 5000, 1, 4000);
    ck_assert_uint_eq(audience_count(a, 500, 4000), 0);
    ck_assert_uint_eq(audience_count(a, 5000, 4000), 1);
    ck_assert_uint_eq(audience_count(a, 501, 4000), 1);
    audience_destroy(a);
}
END_TEST

UNIT_MAIN("audience", few_are_counted_one_by_one, who_leaves_is_forgotten, many_are_estimated,
          a_crowd_past_the_limit_stays_there, past_the_limit_the_silent_stream_goes)
