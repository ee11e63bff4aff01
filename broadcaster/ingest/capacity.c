#include "broadcaster/ingest/capacity.h"

#define OWN_FILES       48 /* log, listeners, the link, the control server's connections */
#define MEDIA_OWN_FILES 24 /* of the media files' catalogue: folders inside of each other */
#define LEAST           2  /* one for each of the viewers' threads */

static int at_most(int wanted, long possible)
{
    if (possible < LEAST) {
        return LEAST;
    }
    return possible < wanted ? (int)possible : wanted;
}

bool capacity_fit(long files, const struct capacity *wanted, struct capacity *ret_fit)
{
    long left = files - OWN_FILES - (wanted->media > 0 ? MEDIA_OWN_FILES : 0);
    struct capacity fit = {.bodies = wanted->bodies};
    if (fit.bodies > left / 8 / CAPACITY_BODY_FILES) {
        fit.bodies = left > 0 ? (int)(left / 8 / CAPACITY_BODY_FILES) : 0;
    }
    left -= (long)fit.bodies * CAPACITY_BODY_FILES;
    fit.ingest = at_most(wanted->ingest, left / 4);
    left -= fit.ingest;
    if (wanted->media > 0) {
        fit.media = at_most(wanted->media, left / 2);
        left -= fit.media;
    }
    fit.viewers = at_most(wanted->viewers, left);
    *ret_fit = fit;
    return fit.viewers == wanted->viewers && fit.ingest == wanted->ingest;
}
