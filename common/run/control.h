/* The control server of a role, on -cliAddr: what every role answers (/healthz, /status, /metrics,
 * the log's level), who may ask, and the role's own routes behind it. Loop's thread. The answers
 * are described in deploy/openapi.yaml. */
#ifndef RUN_CONTROL_H
#define RUN_CONTROL_H

#include "base/err.h"
#include "run/daemon.h"

struct control;

/* Opens -cliAddr. Nobody is answered until the loop runs. ERR_*: it cannot (logged in words). */
enum err control_create(const struct daemon *d, const struct role *role,
                        struct control **ret_control) CHECKED;

/* The role that the routes speak for; before the loop runs. The start has succeeded: the address is
 * logged. */
void control_set_instance(struct control *c, void *instance);

/* The /status document; arg is the control. Gives. */
struct json *control_describe(void *arg);

/* Before the role is destroyed. Takes NULL. */
void control_destroy(struct control *c);

#endif
