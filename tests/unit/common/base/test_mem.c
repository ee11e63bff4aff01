#include "base/mem.h"

#include <stdint.h>
#include <string.h>

#include "tests/support/unit.h"

START_TEST(memory_is_zeroed)
{
    unsigned char *a = mem_alloc(1000);
    unsigned char *b = mem_try_alloc(1000);
    for (size_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(a[i] | b[i], 0);
    }
    mem_free(a);
    mem_free(b);
    mem_free(NULL);
}
END_TEST

START_TEST(nothing_is_still_something)
{
    void *a = mem_alloc(0);
    void *b = mem_try_alloc(0);
    void *c = mem_try_realloc(NULL, 0);
    ck_assert(a != NULL && b != NULL && c != NULL);
    mem_free(a);
    mem_free(b);
    mem_free(c);
}
END_TEST

START_TEST(strings_are_copied)
{
    char text[] = "abc";
    char *copy = mem_strdup(text);
    text[0] = 'x';
    ck_assert_str_eq(copy, "abc");
    mem_free(copy);
}
END_TEST

START_TEST(only_the_nth_try_fails)
{
    mem_fail_nth(2);
    void *a = mem_try_alloc(1);
    ck_assert_ptr_nonnull(a);
    ck_assert(!mem_has_failed());
    void *kept = mem_alloc(1); /* does not count */
    ck_assert_ptr_null(mem_try_realloc(a, 100));
    ck_assert(mem_has_failed());
    void *b = mem_try_realloc(a, 100);
    ck_assert_ptr_nonnull(b);
    mem_fail_nth(0);
    ck_assert(!mem_has_failed());
    mem_free(b);
    mem_free(kept);
}
END_TEST

START_TEST(realloc_keeps_the_bytes)
{
    char *a = mem_try_realloc(NULL, 4);
    memcpy(a, "abc", 4);
    char *b = mem_try_realloc(a, 100000);
    ck_assert_str_eq(b, "abc");
    mem_free(b);
}
END_TEST

START_TEST(too_much_is_refused)
{
    ck_assert_ptr_null(mem_try_alloc(SIZE_MAX / 2));
    ck_assert_ptr_null(mem_try_realloc(NULL, SIZE_MAX / 2));
}
END_TEST

UNIT_MAIN("mem", memory_is_zeroed, nothing_is_still_something, strings_are_copied,
          only_the_nth_try_fails, realloc_keeps_the_bytes, too_much_is_refused)
