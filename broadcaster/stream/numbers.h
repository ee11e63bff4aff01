/* Segment numbers that only go up, over restarts and clocks that step back: a stream's first number
 * is the wall clock in whole seconds since 2020-01-01, or one more than the highest number ever
 * given out here, whichever is higher. The highest one stands in a tiny file of the data directory.
 */
#ifndef BROADCASTER_STREAM_NUMBERS_H
#define BROADCASTER_STREAM_NUMBERS_H

#include <stdint.h>

struct numbers;

/* path: the file; made when it is missing. A file that cannot be read or written is logged once and
 * then done without. Loop's thread. */
struct numbers *numbers_open(const char *path);
void numbers_close(struct numbers *n); /* takes NULL */

/* The first number for a stream that starts now (wall clock in ms since 1970). */
uint64_t numbers_first(struct numbers *n, int64_t wall_ms);

/* msn was given out. */
void numbers_used(struct numbers *n, uint64_t msn);

#endif
