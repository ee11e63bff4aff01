/* Asks the webhook of -orchWebhookUrl for the orchestrators: by GET, at once and then again and
 * again. A failure changes nothing; it is asked again soon. Loop's thread. */
#ifndef BROADCASTER_JOBS_ORCH_WEBHOOK_H
#define BROADCASTER_JOBS_ORCH_WEBHOOK_H

#include <stdint.h>

#include "base/err.h"
#include "broadcaster/jobs/orch_list.h"
#include "run/json.h"
#include "run/loop.h"

struct orch_webhook;

/* A whole list came; borrowed. Never from inside of a call. */
typedef void orch_webhook_fn(void *arg, const struct orch_list *list);

/* url: copied; may hold a secret. ERR_PROTO: it cannot be asked; ret_why (ORCH_LIST_WHY_MAX bytes)
 * says what it lacks. Gives. */
enum err orch_webhook_create(struct loop *l, const char *url, int64_t refresh_ms,
                             orch_webhook_fn *fn, void *arg, struct orch_webhook **ret_webhook,
                             char *ret_why) CHECKED;
void orch_webhook_destroy(struct orch_webhook *w); /* takes NULL */

/* {"lists", "failures", "error"}: the answers that were taken and that were not, and why the last
 * one was not (null: it was). Gives. */
struct json *orch_webhook_status(const struct orch_webhook *w);

#endif
