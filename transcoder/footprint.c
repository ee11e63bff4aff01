#include "transcoder/footprint.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/clock.h"

/* The allocator is the process's, and so is this. */
static _Atomic int64_t next_ms;

/* glibc raises its limits by itself when large blocks are freed. Then the pictures and tables of
 * codecs lie in the arena of a job's thread, of which there are up to eight a processor, and each
 * keeps as much as its largest job ever had. Told limits stay. */
void footprint_keep_small(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, FOOTPRINT_BLOCK_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, FOOTPRINT_BLOCK_BYTES);
}

void footprint_give_back(void)
{
    int64_t now = clock_mono_ms();
    int64_t due = atomic_load(&next_ms);
    if (now >= due && atomic_compare_exchange_strong(&next_ms, &due, now + FOOTPRINT_INTERVAL_MS)) {
        (void)malloc_trim(0);
    }
}
