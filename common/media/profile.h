/* The named rungs of the ladder, and the size that a source gets on one. Pure. */
#ifndef MEDIA_PROFILE_H
#define MEDIA_PROFILE_H

#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

struct profile {
    const char *name; /* "P240p30fps16x9": height, frames per second, aspect */
    int width;
    int height;
    int fps_num;
    int fps_den;
    int bitrate_bps; /* cap */
};

#define PROFILE_LADDER_MAX 10 /* rungs of one stream */

/* The profile of that name (case-sensitive), or NULL. Static storage. */
const struct profile *profile_find(struct span name);

/* All known ones, in falling order of size; static storage. */
const struct profile *profile_all(size_t *ret_count);

/* Reads a comma-separated list (blanks around names allowed) into ret_list, which holds
 * PROFILE_LADDER_MAX. ERR_NOENT: an unknown name (*ret_bad is that name, borrowed from list);
 * ERR_LIMIT: more than PROFILE_LADDER_MAX; ERR_STATE: a name twice (*ret_bad). An empty list is 0.
 */
enum err profile_parse_list(struct span list, const struct profile **ret_list, size_t *ret_count,
                            struct span *ret_bad) CHECKED;

/* The output size for a source of in_w x in_h: the larger input side (the width when square) gets
 * the profile's matching side, the other keeps the aspect and is even, at least 2. A source
 * without a size (a side below 1) gets the profile's own. */
void profile_output_size(const struct profile *p, int in_w, int in_h, int *ret_w, int *ret_h);

#endif
