/* What the broadcaster's flags of payment make: prices, the keys of viewers' tokens, the way to the
 * ledger and the paywall. Loop's thread. */
#ifndef BROADCASTER_ROLE_PAY_H
#define BROADCASTER_ROLE_PAY_H

#include <stdbool.h>

#include "broadcaster/jobs/uplinks.h"
#include "broadcaster/role_config.h"
#include "run/daemon.h"
#include "run/json.h"
#include "run/metrics.h"

struct role_pay;
struct viewers_pay;

/* Gives NULL when nothing costs anything. uplinks may be NULL; borrowed. What is wrong has been
 * logged. */
enum err role_pay_open(struct daemon *d, const struct broadcaster_config *c,
                       struct uplinks *uplinks, struct role_pay **ret_pay) CHECKED;

/* All of these take NULL. */
struct viewers_pay *role_pay_viewers(struct role_pay *p); /* NULL for NULL */
const char *role_pay_pointer(const struct role_pay *p);   /* a URL; "": none */
bool role_pay_costs(const struct role_pay *p, const char *stream);
void role_pay_reload(struct role_pay *p);       /* reads -prices again; what is wrong is logged */
void role_pay_close(struct role_pay *p);        /* the end begins: leases go back */
bool role_pay_closed(const struct role_pay *p); /* they have */
void role_pay_stop(struct role_pay *p); /* before the viewers' server ends: nobody waits any more */
void role_pay_destroy(struct role_pay *p); /* when it has; before the uplinks */

void role_pay_status(struct role_pay *p, struct json *object);
void role_pay_metrics(struct role_pay *p, struct metrics *m);

#endif
