/* Units of a rung that wait until one before them has been looked at. Pure. */
#ifndef BROADCASTER_JOBS_JOBS_HELD_H
#define BROADCASTER_JOBS_JOBS_HELD_H

#include "base/blob.h"
#include "base/err.h"
#include "base/list.h"
#include "proto/link_msg.h"

#define JOBS_HELD_MAX ((size_t)64 << 20) /* bytes of one rung */

struct held_unit {
    struct list node;
    struct link_unit unit; /* what it points to is in this allocation */
    struct blob *payload;
    size_t bytes;
    struct link_packet packets[];
};

struct jobs_held {
    struct list units; /* in the order of their coming */
    size_t bytes;
};

void jobs_held_init(struct jobs_held *h);
void jobs_held_move(struct jobs_held *from, struct jobs_held *ret_to); /* empties from */
void jobs_held_clear(struct jobs_held *h);

/* Copies the unit, references the payload. ERR_LIMIT: more than JOBS_HELD_MAX; ERR_NOMEM. */
enum err jobs_held_add(struct jobs_held *h, const struct link_unit *u,
                       struct blob *payload) CHECKED;

/* The oldest, taken out of it; NULL: there is none. */
struct held_unit *jobs_held_take(struct jobs_held *h);
void held_unit_destroy(struct held_unit *it);

#endif
