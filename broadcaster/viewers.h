/* The viewers' server: GET and HEAD under /stream/ from the board's snapshots (GNU libmicrohttpd,
 * epoll threads of its own). */
#ifndef BROADCASTER_VIEWERS_H
#define BROADCASTER_VIEWERS_H

#include <stdint.h>

#include "base/err.h"
#include "broadcaster/board.h"
#include "run/addr.h"

struct viewers;

struct viewers_config {
    struct addr addr;
    int threads;
    int max_connections;
    int max_per_address;
    int idle_timeout_s;
};

struct viewers_counters {
    uint64_t requests, playlists, segments, not_found, bad_requests, sent_bytes;
};

/* Borrows the board for its life. ERR_IO: cannot bind (ret_why: a sentence). */
enum err viewers_create(const struct viewers_config *config, struct board *board,
                        struct viewers **ret_viewers, const char **ret_why) CHECKED;
void viewers_destroy(struct viewers *v); /* takes NULL; ends the threads */

struct viewers_counters viewers_counters(const struct viewers *v);

#endif
