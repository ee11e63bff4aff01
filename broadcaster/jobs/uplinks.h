/* The broadcaster's orchestrators: one uplink for each of -orchAddr, or of the list that the
 * webhook of -orchWebhookUrl gives, which may change. Which one a stream has is for jobs to choose.
 * Loop's thread. */
#ifndef BROADCASTER_JOBS_UPLINKS_H
#define BROADCASTER_JOBS_UPLINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "broadcaster/jobs/jobs.h"
#include "broadcaster/jobs/price.h"
#include "proto/link_msg.h"
#include "run/json.h"
#include "run/loop.h"
#include "run/metrics.h"

struct uplinks;

/* Strings are borrowed for its life. */
struct uplinks_config {
    const char *addrs;       /* with commas between; not looked at when there is a webhook */
    const char *webhook_url; /* "": none */
    int64_t refresh_ms;      /* of the webhook's list */
    const char *secret;      /* -orchSecret as given: text or file; "" = this host's credentials */
    const char *data_dir;
    const char *name;
    struct jobs *jobs;
    struct price max_price;
};

/* Starts dialling at once. ERR_*: a flag cannot be used (logged). Gives. */
enum err uplinks_create(struct loop *l, const struct uplinks_config *config,
                        struct uplinks **ret_uplinks) CHECKED;
void uplinks_destroy(struct uplinks *u); /* takes NULL; before the jobs */

/* Orchestrators that ask for more are not used, from now on. */
void uplinks_set_max_price(struct uplinks *u, const struct price *max);
const struct price *uplinks_max_price(const struct uplinks *u);

/* What concerns money goes to the first orchestrator of the list alone. fn hears of it: that it is
 * welcomed (m: how), lost (m is NULL), and its LINK_PAY_* messages (borrowed); NULL: nobody
 * listens. */
enum uplinks_pay_event { UPLINKS_PAY_UP, UPLINKS_PAY_DOWN, UPLINKS_PAY_MESSAGE };
typedef void uplinks_pay_fn(void *arg, enum uplinks_pay_event event, const struct link_msg *m);
void uplinks_on_pay(struct uplinks *u, uplinks_pay_fn *fn, void *arg);

/* ERR_AGAIN: it is not connected, or its queue is full. */
enum err uplinks_pay(struct uplinks *u, const struct link_msg *m) CHECKED;
bool uplinks_pay_connected(const struct uplinks *u);

size_t uplinks_count(const struct uplinks *u);
size_t uplinks_connected(const struct uplinks *u);

/* "orchestrators", each with its state; "orchestrator", the one that uplinks_info is about;
 * "orch_webhook" where there is one. */
void uplinks_status(const struct uplinks *u, struct json *object);
void uplinks_metrics(const struct uplinks *u, struct metrics *m);

/* Of the control API, u may be NULL: "tcp://127.0.0.1:8936" of each; {"ServiceURI", "Active"} of
 * each; the same of the first that is used, or connected, or of the first; NULL: there is none.
 * They give. */
struct json *uplinks_pool(const struct uplinks *u);
struct json *uplinks_list(const struct uplinks *u);
struct json *uplinks_info(const struct uplinks *u);

#endif
