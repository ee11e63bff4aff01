/* The viewers' server: GET and HEAD under /stream/ from the board's snapshots (GNU libmicrohttpd,
 * epoll threads of its own), and the watch pages. Every answer but those to pushes carries the CORS
 * headers, also to a request that cannot be read (viewers_refuse.h). */
#ifndef BROADCASTER_VIEWERS_VIEWERS_H
#define BROADCASTER_VIEWERS_VIEWERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "broadcaster/stream/board.h"
#include "broadcaster/viewers/cors.h"
#include "run/addr.h"
#include "run/metrics.h"

struct viewers;

struct pages;
struct media;
struct viewers_pay;
struct push_http;
struct json;
struct cidr_list;

struct viewers_config {
    struct push_http *push;  /* requests below /live/; NULL: there are none. Outlives the viewers */
    struct media *media;     /* files at /media/; NULL: there are none. Outlives the viewers */
    struct viewers_pay *pay; /* NULL: nothing costs anything. Outlives the viewers */
    const struct pages *pages; /* for browsers; NULL: there are none. Outlive the viewers */
    const struct cors *cors;   /* whose pages may read answers; NULL: all. Outlives the viewers */
    struct addr addr;          /* port 0: the system chooses one; host "::" takes IPv4 too */
    const struct cidr_list *trusted; /* proxies who say whose requests they pass on; NULL: there are
                                        none. Outlives the viewers */
    bool no_index;                   /* does not tell which streams there are */
    int threads;                     /* at least 1 */
    int max_connections; /* of all threads together; further ones wait in the listen queue */
    int max_per_address; /* of IPv6: per network of 64 bits; 0: no limit. Behind a trusted proxy it
                            is requests that count, and the proxy's connections do not */
    int max_held;        /* requests that wait for a segment or part, of all together */
    int max_held_per_address; /* 0: no limit */
    bool dated;               /* classic playlists have EXT-X-PROGRAM-DATE-TIME */
    int idle_timeout_s; /* silence, and acknowledgements that do not come, after which a connection
                           is closed; an answer has that long plus its size at min_rate */
    size_t min_rate;    /* bytes per millisecond; 0: WATCH_RATE_MIN */
};

struct viewers_counters {
    uint64_t requests, playlists, segments, not_found, bad_requests;
    uint64_t slow;        /* connections closed because their reader was too slow */
    uint64_t sent_bytes;  /* bodies that were sent whole */
    uint64_t connections; /* open now */
    uint64_t shrunk;      /* connections closed because their file became shorter */
    uint64_t
        refused;    /* connections, and requests behind proxies, over the limit of their address */
    uint64_t held;  /* requests that wait now for a segment or part */
    uint64_t waits; /* those that have waited, or do */
    uint64_t waits_late;    /* what they wanted did not come in time */
    uint64_t waits_refused; /* over the limits of waiting requests */
    uint64_t waits_left;    /* whose clients closed the connection meanwhile */
};

/* Borrows the board for its life. ERR_IO: cannot bind (ret_why: a sentence such as "Address already
 * in use", static or thread storage). */
enum err viewers_create(const struct viewers_config *config, struct board *board,
                        struct viewers **ret_viewers, const char **ret_why) CHECKED;
void viewers_destroy(struct viewers *v); /* takes NULL; ends the threads */

/* The bound port. */
int viewers_port(const struct viewers *v);

/* Any thread. */
struct viewers_counters viewers_counters(const struct viewers *v);

/* Any thread. From a window's being published to the answer's being sent, of the requests that
 * waited for it. */
struct histogram viewers_wake(const struct viewers *v);

/* Loop's thread: "viewers" in the status, and the metrics. */
/* How many viewers fetched that rendition's playlist lately. Any thread. */
unsigned viewers_of_rung(const struct viewers *v, const char *id, const char *rendition);

void viewers_status(const struct viewers *v, struct json *ret_object);
void viewers_metrics(const struct viewers *v, struct metrics *ret_metrics);

#endif
