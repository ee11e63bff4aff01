/* Many peers that dial one orchestrator, on one thread: for measuring it. Each has a connection
 * with CURVE of its own and speaks the link's messages; nothing is bounded or mended as link.h does
 * it, and what is lost stays lost. All functions on one thread. */
#ifndef RUN_LINK_SWARM_H
#define RUN_LINK_SWARM_H

#include "run/link.h"

#define LINK_SWARM_MAX 4096
#define LINK_SWARM_FDS 3 /* of each peer, at most */

struct link_swarm_config {
    const char *addr;      /* "host:port" */
    struct link_keys keys; /* of all of them */
    size_t n;              /* up to LINK_SWARM_MAX */
    int heartbeat_ms;      /* a ping goes out that often */
};

/* A message for one of the peers (from 0), borrowed until the callback returns. Pings are not told.
 */
typedef void link_swarm_fn(void *arg, size_t peer, const struct link_msg *m, struct span payload);

struct link_swarm;

/* Nobody has dialled yet. ERR_IO: ret_why. Gives. */
enum err link_swarm_open(const struct link_swarm_config *config, link_swarm_fn *fn, void *arg,
                         struct link_swarm **ret_swarm, const char **ret_why) CHECKED;

/* Dials for the next of the peers, which are numbered in this order; what is sent to it before its
 * connection stands waits for it. ERR_STATE: all have dialled; ERR_IO. */
enum err link_swarm_dial(struct link_swarm *s) CHECKED;

/* Packs and sends for one that has dialled; the payload is copied. ERR_LIMIT: a field outside its
 * limit, or no memory; ERR_IO. May be called from within the callback. */
enum err link_swarm_send(struct link_swarm *s, size_t peer, const struct link_msg *m,
                         struct span payload) CHECKED;

/* Waits at most so long for messages and gives those that are there to the callback. */
void link_swarm_step(struct link_swarm *s, int timeout_ms);

/* Messages that could not be read. */
uint64_t link_swarm_bad(const struct link_swarm *s);

void link_swarm_close(struct link_swarm *s); /* takes NULL */

#endif
