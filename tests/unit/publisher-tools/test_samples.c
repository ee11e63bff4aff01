#include "base/mem.h"
#include "publisher-tools/load/samples.h"
#include "tests/support/unit.h"

static struct samples *create(int64_t step_us)
{
    struct samples *s = mem_alloc(sizeof *s);
    samples_init(s, step_us);
    return s;
}

START_TEST(none)
{
    struct samples *s = create(50);
    ck_assert_int_eq(samples_permille(s, 500), 0);
    ck_assert_int_eq(samples_permille(s, 1000), 0);
    mem_free(s);
}
END_TEST

START_TEST(percentiles_to_a_step)
{
    struct samples *s = create(50);
    for (int i = 1; i <= 1000; i++) {
        samples_add(s, (1001 - i) * 100);
    }
    ck_assert_int_eq(samples_permille(s, 1), 150);
    ck_assert_int_eq(samples_permille(s, 500), 50050);
    ck_assert_int_eq(samples_permille(s, 990), 99050);
    ck_assert_int_eq(samples_permille(s, 1000), 100000);
    ck_assert_uint_eq(s->n, 1000);
    mem_free(s);
}
END_TEST

START_TEST(one_is_never_more_than_itself)
{
    struct samples *s = create(500);
    samples_add(s, 7);
    ck_assert_int_eq(samples_permille(s, 1), 7);
    ck_assert_int_eq(samples_permille(s, 999), 7);
    samples_add(s, -3);
    ck_assert_int_eq(samples_permille(s, 500), 7);
    mem_free(s);
}
END_TEST

START_TEST(what_is_beyond_counts_as_the_largest)
{
    struct samples *s = create(1);
    samples_add(s, 10);
    samples_add(s, (int64_t)SAMPLES_STEPS * 1000);
    ck_assert_int_eq(samples_permille(s, 500), 11);
    ck_assert_int_eq(samples_permille(s, 990), (int64_t)SAMPLES_STEPS * 1000);
    mem_free(s);
}
END_TEST

UNIT_MAIN("samples", none, percentiles_to_a_step, one_is_never_more_than_itself,
          what_is_beyond_counts_as_the_largest)
