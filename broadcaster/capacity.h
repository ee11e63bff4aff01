/* How many connections fit into the files that the process may have open. Pure. */
#ifndef BROADCASTER_CAPACITY_H
#define BROADCASTER_CAPACITY_H

#include <stdbool.h>

struct capacity {
    int viewers; /* connections, each a file */
    int ingest;
};

/* Cuts `wanted` down to what the limit leaves once the process has what it needs itself: a quarter
 * of that for publishers, the rest for viewers, a few of each in any case. True: nothing had to be
 * cut. */
bool capacity_fit(long files, const struct capacity *wanted, struct capacity *ret_fit);

#endif
