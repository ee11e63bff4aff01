/* The broadcaster's way to one orchestrator: credential, dialling for ever, hello and welcome, its
 * price, and the jobs' messages. Loop's thread. */
#ifndef BROADCASTER_JOBS_UPLINK_H
#define BROADCASTER_JOBS_UPLINK_H

#include <stdbool.h>

#include "base/err.h"
#include "broadcaster/jobs/jobs.h"
#include "broadcaster/jobs/price.h"
#include "broadcaster/jobs/uplinks.h"
#include "run/addr.h"
#include "run/json.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/secret.h"

struct uplink;

/* It was welcomed or lost (m is NULL), or sent a LINK_PAY_* message (borrowed). */
typedef void uplink_pay_fn(void *arg, const struct uplink *u, enum uplinks_pay_event event,
                           const struct link_msg *m);

struct uplink_config {
    const struct link_keys *keys; /* of -orchSecret; NULL: this host's credential of that address */
    const char *data_dir;
    const char *name;
    struct jobs *jobs;
    struct price max_price;
    int retry_min_ms, retry_max_ms;
    uplink_pay_fn *pay_fn;
    void *pay_arg;
};

/* addr: "host:port", complete; copied. What the config points at is borrowed for its life. Starts
 * dialling at once. ERR_*: it cannot dial (logged). */
enum err uplink_create(struct loop *l, const char *addr, const struct uplink_config *config,
                       struct uplink **ret_uplink) CHECKED;

/* Its streams go to others at once. linger_ms: how long the last words may take; the caller waits.
 * Takes NULL. */
void uplink_destroy(struct uplink *u, int linger_ms);

/* Who asks for more is not used, from now on. */
void uplink_set_max_price(struct uplink *u, const struct price *max);

const char *uplink_addr(const struct uplink *u);

/* Whether the orchestrator has welcomed us and is still there. */
bool uplink_connected(const struct uplink *u);

/* ERR_AGAIN: not connected, or its queue is full. */
enum err uplink_pay(struct uplink *u, const struct link_msg *m) CHECKED;

/* For /status: its state in a word, its streams, its price, and why it is not used. Gives. */
struct json *uplink_status(const struct uplink *u);

/* For the metrics. */
struct uplink_counters {
    uint64_t connections, refusals;
    size_t streams;
    struct price price; /* as it was last said */
    bool connected, used;
};
struct uplink_counters uplink_counters(const struct uplink *u);

/* "tcp://127.0.0.1:8936"; out holds UPLINK_URI_MAX. */
#define UPLINK_URI_MAX (ADDR_MAX + 8)
void uplink_uri(const struct uplink *u, char *out);

/* {"ServiceURI", "Active"} of the control API. Gives. */
struct json *uplink_orchestrator(const struct uplink *u);

#endif
