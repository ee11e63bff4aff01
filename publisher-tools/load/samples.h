/* A distribution of times in equal steps, for percentiles of millions of them. Pure; whoever shares
 * one locks it. */
#ifndef PUBLISHER_TOOLS_LOAD_SAMPLES_H
#define PUBLISHER_TOOLS_LOAD_SAMPLES_H

#include <stdint.h>

#define SAMPLES_STEPS 40000

struct samples {
    int64_t step_us;                    /* how finely it counts */
    uint32_t counts[SAMPLES_STEPS + 1]; /* the last: all that is more */
    uint64_t n;
    int64_t max_us;
};

void samples_init(struct samples *s, int64_t step_us);

/* Times below 0 count as 0. */
void samples_add(struct samples *s, int64_t us);

/* The smallest time that so many thousandths of all do not pass, rounded up to a step, at most the
 * largest one; 0 when there are none. */
int64_t samples_permille(const struct samples *s, unsigned permille);

#endif
