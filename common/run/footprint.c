#include "run/footprint.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/clock.h"

#define MMAP_THRESHOLD_MAX (32 * 1024 * 1024) /* glibc takes no more */

static _Atomic int64_t last_ms = INT64_MIN / 2;

/* glibc raises its limits by itself when large blocks are freed. Then the largest ones of each
 * thread lie in an arena, of which there are up to eight a processor, and each keeps as much as it
 * ever had at once, since one small block at its end is enough. Told limits stay. */
void footprint_keep_small(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, FOOTPRINT_BLOCK_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, FOOTPRINT_BLOCK_BYTES);
}

void footprint_keep_for_next(void)
{
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_MAX);
    (void)mallopt(M_TRIM_THRESHOLD, INT32_MAX);
}

static void give_back(int64_t interval_ms)
{
    int64_t now = clock_mono_ms();
    int64_t last = atomic_load(&last_ms);
    if (now - last >= interval_ms && atomic_compare_exchange_strong(&last_ms, &last, now)) {
        (void)malloc_trim(0);
    }
}

void footprint_give_back(void)
{
    give_back(FOOTPRINT_INTERVAL_MS);
}

void footprint_on_timer(void *arg)
{
    give_back(FOOTPRINT_EVERY_MS - FOOTPRINT_INTERVAL_MS);
}
