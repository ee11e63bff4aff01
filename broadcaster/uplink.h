/* The broadcaster's way to its orchestrator: credential, dialling for ever, hello and welcome, and
 * the jobs' messages. Loop's thread. */
#ifndef BROADCASTER_UPLINK_H
#define BROADCASTER_UPLINK_H

#include <stdbool.h>

#include "base/err.h"
#include "broadcaster/jobs.h"
#include "run/addr.h"
#include "run/json.h"
#include "run/loop.h"
#include "run/metrics.h"

struct uplink;

struct uplink_config {
    struct addr addr;   /* of the orchestrator */
    const char *secret; /* -orchSecret as given: text or file; "" = this host's credential */
    const char *data_dir;
    const char *name;
    int retry_min_ms, retry_max_ms;
};

/* Strings are borrowed for its life. Starts dialling at once. ERR_*: the secret cannot be read
 * (logged). */
enum err uplink_create(struct loop *l, const struct uplink_config *config,
                       struct uplink **ret_uplink) CHECKED;
void uplink_destroy(struct uplink *u); /* takes NULL */

/* Whose messages go through it; borrowed. */
void uplink_set_jobs(struct uplink *u, struct jobs *jobs);

/* A jobs_send_fn; arg is the uplink. */
enum err uplink_send(void *arg, const struct link_msg *m, struct blob *payload);

/* Whether the orchestrator has welcomed us and is still there. */
bool uplink_connected(const struct uplink *u);

void uplink_status(const struct uplink *u, struct json *object);
void uplink_metrics(const struct uplink *u, struct metrics *m);

/* "tcp://127.0.0.1:8936"; out holds UPLINK_URI_MAX. */
#define UPLINK_URI_MAX (ADDR_MAX + 8)
void uplink_uri(const struct uplink *u, char *out);

/* {"ServiceURI", "Active"} of the control API. Gives. */
struct json *uplink_orchestrator(const struct uplink *u);

#endif
