/* What the broadcaster's flags of transcoding make: the jobs, the check of what comes back, and the
 * way to the orchestrators. Loop's thread. */
#ifndef BROADCASTER_ROLE_RUNGS_H
#define BROADCASTER_ROLE_RUNGS_H

#include <stdbool.h>
#include <stddef.h>

#include "broadcaster/jobs/jobs.h"
#include "broadcaster/jobs/uplinks.h"
#include "broadcaster/role_config.h"
#include "run/daemon.h"
#include "run/json.h"
#include "run/metrics.h"

struct role_rungs;

/* viewers says how many watch a rung. What is wrong has been logged. Gives. */
enum err role_rungs_open(struct daemon *d, const struct broadcaster_config *c,
                         jobs_viewers_fn *viewers, void *arg,
                         struct role_rungs **ret_rungs) CHECKED;
void role_rungs_destroy(struct role_rungs *r); /* takes NULL; after the streams */

struct jobs *role_rungs_jobs(const struct role_rungs *r);
struct uplinks *role_rungs_uplinks(const struct role_rungs *r); /* NULL: source only */

/* Nothing is under way. */
bool role_rungs_idle(const struct role_rungs *r);

void role_rungs_status(struct role_rungs *r, struct json *object);
void role_rungs_metrics(struct role_rungs *r, struct metrics *m);
void role_rungs_sentence(const struct role_rungs *r, char *text, size_t size);

#endif
