#include "transcoder/footprint.h"

#include <malloc.h>

/* glibc raises its limits by itself when large blocks are freed. Then the pictures and tables of
 * codecs lie in the arena of a job's thread, of which there are up to eight a processor, and each
 * keeps as much as its largest job ever had. Told limits stay. */
void footprint_keep_small(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, FOOTPRINT_BLOCK_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, FOOTPRINT_BLOCK_BYTES);
}
