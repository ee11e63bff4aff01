/* How many connections fit into the files that the process may have open. Pure. */
#ifndef BROADCASTER_INGEST_CAPACITY_H
#define BROADCASTER_INGEST_CAPACITY_H

#include <stdbool.h>

/* A segment's file, and one for each thread that sends it. */
#define CAPACITY_BODY_FILES 3

struct capacity {
    int viewers; /* connections, each a file */
    int ingest;
    int media;  /* files that are open for viewers' answers */
    int bodies; /* of segments that are kept in files, CAPACITY_BODY_FILES descriptors each */
};

/* Cuts `wanted` down to what the limit leaves once the process has what it needs itself: an eighth
 * of that for bodies, a quarter of the rest for publishers, at most half of the rest for media
 * files (where any are wanted), what remains for viewers, a few connections of each kind in any
 * case. True: no connections had to be cut. */
bool capacity_fit(long files, const struct capacity *wanted, struct capacity *ret_fit);

#endif
