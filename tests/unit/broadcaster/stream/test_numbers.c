#include "broadcaster/stream/numbers.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/unit.h"

#define WALL_2026_MS 1795000000000

static void temp_path(char *out, size_t size)
{
    snprintf(out, size, "/tmp/numbers-test-%d", (int)getpid());
    unlink(out);
}

START_TEST(first_is_seconds_since_2020)
{
    char path[64];
    temp_path(path, sizeof path);
    struct numbers *n = numbers_open(path);
    ck_assert_uint_eq(numbers_first(n, WALL_2026_MS), 1795000000 - 1577836800);
    ck_assert_uint_eq(numbers_first(n, 0), 1);
    numbers_close(n);
    unlink(path);
}
END_TEST

START_TEST(a_clock_that_stepped_back_does_not_lower_numbers)
{
    char path[64];
    temp_path(path, sizeof path);
    struct numbers *n = numbers_open(path);
    uint64_t first = numbers_first(n, WALL_2026_MS);
    numbers_used(n, first + 5);
    numbers_used(n, first + 2);
    numbers_close(n);
    n = numbers_open(path);
    ck_assert_uint_eq(numbers_first(n, 0), first + 6);
    ck_assert_uint_eq(numbers_first(n, WALL_2026_MS + 60000), first + 60);
    numbers_close(n);
    unlink(path);
}
END_TEST

START_TEST(a_damaged_or_unwritable_file_is_done_without)
{
    char path[64];
    temp_path(path, sizeof path);
    FILE *f = fopen(path, "w");
    fputs("garbage\xff", f);
    fclose(f);
    struct numbers *n = numbers_open(path);
    ck_assert_uint_gt(numbers_first(n, WALL_2026_MS), 1);
    numbers_close(n);
    unlink(path);
    n = numbers_open("/proc/nowhere/numbers");
    numbers_used(n, 7);
    ck_assert_uint_eq(numbers_first(n, 0), 8);
    numbers_close(n);
}
END_TEST

UNIT_MAIN("numbers", first_is_seconds_since_2020, a_clock_that_stepped_back_does_not_lower_numbers,
          a_damaged_or_unwritable_file_is_done_without)
