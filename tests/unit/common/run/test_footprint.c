/* What is freed goes back to the system, whichever threads had it. */
#include "run/footprint.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/unit.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_GLIBC 0 /* the sanitizer's allocator keeps what is freed */
#else
#define IS_GLIBC 1
#endif

#define THREADS 4
#define MB      (1L << 20)

struct lot {
    size_t n, bytes; /* blocks, and of each */
    size_t kept_of;  /* one of so many is kept */
    void **kept;
};

static long resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%*d %ld", &pages), 1);
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

/* Behind each block that is freed stands a small one that is kept, sooner or later. */
static void *have_lot(void *arg)
{
    struct lot *lot = arg;
    void **blocks = calloc(lot->n, sizeof *blocks);
    ck_assert_ptr_nonnull(blocks);
    for (size_t i = 0; i < lot->n; i++) {
        blocks[i] = malloc(lot->bytes);
        ck_assert_ptr_nonnull(blocks[i]);
        memset(blocks[i], 1, lot->bytes);
        if (i % lot->kept_of == 0) {
            lot->kept[i / lot->kept_of] = malloc(64);
        }
    }
    for (size_t i = 0; i < lot->n; i++) {
        free(blocks[i]);
    }
    free(blocks);
    return NULL;
}

/* How much more is resident when all of it is freed than before. Their threads have ended, or not
 * yet: arenas outlive them. */
static long left_of(size_t n, size_t bytes, size_t kept_of)
{
    pthread_t threads[THREADS];
    struct lot lots[THREADS];
    long before = resident_bytes();
    for (size_t i = 0; i < THREADS; i++) {
        lots[i] = (struct lot){.n = n, .bytes = bytes, .kept_of = kept_of};
        lots[i].kept = calloc(n / kept_of + 1, sizeof *lots[i].kept);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, have_lot, &lots[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    footprint_give_back();
    long left = resident_bytes() - before;
    for (size_t i = 0; i < THREADS; i++) {
        for (size_t k = 0; k <= n / kept_of; k++) {
            free(lots[i].kept[k]);
        }
        free(lots[i].kept);
    }
    return left;
}

/* Freed once, glibc left to itself would keep the next ones of that size. */
static void have_a_large_one(void)
{
    char *large = malloc(16 * MB);
    ck_assert_ptr_nonnull(large);
    memset(large, 1, 16 * MB);
    free(large);
}

START_TEST(large_blocks_go_back_at_once)
{
    footprint_keep_small();
    footprint_give_back(); /* the next one is not due yet */
    have_a_large_one();
    long left = left_of(8, 2 * MB, 1);
    ck_assert_msg(!IS_GLIBC || left < 4 * MB, "%ld of %ld bytes are kept", left, THREADS * 16 * MB);
}
END_TEST

START_TEST(what_small_ones_leave_is_given_back)
{
    footprint_keep_small();
    long left = left_of(4000, 4000, 100);
    ck_assert_msg(!IS_GLIBC || left < 4 * MB, "%ld of %ld bytes are kept", left, THREADS * 16 * MB);
}
END_TEST

START_TEST(the_timer_gives_back_what_is_due)
{
    footprint_keep_small();
    void *blocks[4000];
    long before = resident_bytes();
    for (size_t i = 0; i < 4000; i++) {
        blocks[i] = malloc(4000);
        ck_assert_ptr_nonnull(blocks[i]);
        memset(blocks[i], 1, 4000);
    }
    for (size_t i = 0; i + 1 < 4000; i++) {
        free(blocks[i]);
    }
    footprint_on_timer(NULL);
    long left = resident_bytes() - before;
    free(blocks[3999]);
    ck_assert_msg(!IS_GLIBC || left < 4 * MB, "%ld of %ld bytes are kept", left, 16 * MB);
}
END_TEST

/* How many pages a block of that size takes anew when one was freed just now. */
static long faults_of_the_next(size_t bytes)
{
    char *first = malloc(bytes);
    ck_assert_ptr_nonnull(first);
    memset(first, 1, bytes);
    free(first);
    struct rusage before, after;
    ck_assert_int_eq(getrusage(RUSAGE_THREAD, &before), 0);
    char *next = malloc(bytes);
    ck_assert_ptr_nonnull(next);
    memset(next, 1, bytes);
    ck_assert_int_eq(getrusage(RUSAGE_THREAD, &after), 0);
    free(next);
    return after.ru_minflt - before.ru_minflt;
}

static void *have_next(void *arg)
{
    *(long *)arg = faults_of_the_next(8 * MB);
    return NULL;
}

/* On a thread of its own, as a job is. */
START_TEST(large_blocks_are_kept_for_the_next)
{
    footprint_keep_small();
    footprint_keep_for_next();
    pthread_t thread;
    long faults = 0;
    ck_assert_int_eq(pthread_create(&thread, NULL, have_next, &faults), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_msg(!IS_GLIBC || faults < 100, "%ld pages are had anew", faults);
}
END_TEST

START_TEST(what_was_kept_is_given_back)
{
    footprint_keep_small();
    footprint_keep_for_next();
    long left = left_of(8, 2 * MB, 1);
    ck_assert_msg(!IS_GLIBC || left < 4 * MB, "%ld of %ld bytes are kept", left, THREADS * 16 * MB);
}
END_TEST

UNIT_MAIN("footprint", large_blocks_are_kept_for_the_next, what_was_kept_is_given_back,
          large_blocks_go_back_at_once, what_small_ones_leave_is_given_back,
          the_timer_gives_back_what_is_due)
