/* What waits for one peer on top of the link's own queue, in order and bounded in bytes. Pure; one
 * thread. */
#ifndef ORCHESTRATOR_OUTBOX_H
#define ORCHESTRATOR_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/list.h"

struct outbox {
    struct list items;
    size_t bytes;
};

void outbox_init(struct outbox *o);
void outbox_fini(struct outbox *o); /* drops what waits */

bool outbox_is_empty(const struct outbox *o);

/* Bytes that a message counts for. payload may be NULL. */
size_t outbox_cost(const struct blob *envelope, const struct blob *payload);

/* Takes a reference of each. ERR_LIMIT: there would be more than max_bytes; ERR_NOMEM. */
enum err outbox_push(struct outbox *o, struct blob *envelope, struct blob *payload,
                     size_t max_bytes) CHECKED;

/* Sends from the front until send says anything but ERR_OK, or nothing is left. ERR_AGAIN leaves
 * the message where it is; any other failure drops it. Returns how many were dropped so. */
typedef enum err outbox_send_fn(void *arg, struct blob *envelope, struct blob *payload);
size_t outbox_flush(struct outbox *o, outbox_send_fn *send, void *arg);

#endif
