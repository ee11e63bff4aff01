/* Requests of viewers that wait for a segment or part (libmicrohttpd's suspended connections): the
 * board says when it is there, a thread of its own wakes them, or gives up after a while. */
#ifndef BROADCASTER_VIEWERS_VIEWERS_HOLD_H
#define BROADCASTER_VIEWERS_VIEWERS_HOLD_H

#include <microhttpd.h>
#include <stddef.h>
#include <stdint.h>

#include "broadcaster/stream/board.h"
#include "broadcaster/viewers/viewers_answer.h"
#include "broadcaster/viewers/viewers_watch.h"
#include "run/metrics.h"

struct hold;
struct held; /* one request */

struct hold_config {
    struct board *board; /* borrowed */
    size_t max;
    size_t max_per_address; /* of IPv6: per network of 64 bits; 0: no limit */
};

struct hold_counters {
    uint64_t now;     /* requests that wait */
    uint64_t waits;   /* that have waited, or do */
    uint64_t late;    /* what they wanted did not come */
    uint64_t refused; /* over the limits */
    uint64_t left; /* whose clients closed the connection meanwhile: found within a second or two */
};

/* Loop's thread; one for a board. NULL: no thread could be had. */
struct hold *hold_create(const struct hold_config *config);

/* Loop's thread. Resumes all of them, and none is held from now on: the server may be stopped then.
 */
void hold_stop(struct hold *h);

/* Loop's thread, behind hold_stop and when the server has ended. Takes NULL. */
void hold_destroy(struct hold *h);

enum hold_result {
    HOLD_HELD, /* suspended; the request is called once more, when it is time to answer */
    HOLD_FULL,
    HOLD_STOPPING,
    HOLD_NO_MEMORY,
};

/* The connection's own thread, like hold_end. c may be NULL. since_ms: 0, or what hold_end gave. */
enum hold_result hold_begin(struct hold *h, struct MHD_Connection *connection, struct watched *c,
                            const struct answer_hold *what, int64_t since_ms,
                            struct held **ret_held);

struct hold_over {
    enum viewer_wait wait;
    int64_t since_ms; /* when the wait began; for hold_begin, if it goes on */
    int64_t ready_us; /* when the board had what it waited for (clock_mono_us); 0: it had not */
};

/* The request is called again, or is over. Frees it. */
struct hold_over hold_end(struct held *held);

/* An answer that was waited for has been sent, so long after the board had it. */
void hold_answered(struct hold *h, int64_t us);

/* Any thread, as the next: of what hold_answered was told. */
struct histogram hold_wake(struct hold *h);

struct hold_counters hold_counters(const struct hold *h);

#endif
