#include "broadcaster/ingest/capacity.h"

#define OWN_FILES 48 /* log, listeners, the link, the control server's connections */
#define LEAST     2  /* one for each of the viewers' threads */

static int at_most(int wanted, long possible)
{
    if (possible < LEAST) {
        return LEAST;
    }
    return possible < wanted ? (int)possible : wanted;
}

bool capacity_fit(long files, const struct capacity *wanted, struct capacity *ret_fit)
{
    long left = files - OWN_FILES;
    struct capacity fit = {.bodies = wanted->bodies};
    if (fit.bodies > left / 8 / CAPACITY_BODY_FILES) {
        fit.bodies = left > 0 ? (int)(left / 8 / CAPACITY_BODY_FILES) : 0;
    }
    left -= (long)fit.bodies * CAPACITY_BODY_FILES;
    fit.ingest = at_most(wanted->ingest, left / 4);
    fit.viewers = at_most(wanted->viewers, left - fit.ingest);
    *ret_fit = fit;
    return fit.viewers == wanted->viewers && fit.ingest == wanted->ingest;
}
