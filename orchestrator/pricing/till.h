/* What broadcasters owe for transcoding: a purse for each account, fed from the ledger, reserved
 * from when jobs open and charged for the pixels of rung units that were checked and passed on, to
 * the transcoder that made them ("earnings:NAME"). There is a till only where there is a price.
 * Loop's thread. */
#ifndef ORCHESTRATOR_PRICING_TILL_H
#define ORCHESTRATOR_PRICING_TILL_H

#include <stdbool.h>
#include <stdint.h>

#include "orchestrator/ledger/ledger.h"
#include "orchestrator/pricing/purse.h"
#include "run/json.h"
#include "run/link.h"
#include "run/loop.h"
#include "run/metrics.h"

#define TILL_BROADCASTER "broadcaster:"
#define TILL_EARNINGS    "earnings:"
#define TILL_WHY_MAX     400

struct till;

/* Its open jobs are not covered any more: some of them must go until till_is_over is false. */
typedef void till_over_fn(void *arg, link_peer broadcaster, const char *why);

/* The name that counts of a peer: what its key proves, else what it says without a process id. ret
 * holds PURSE_NAME_MAX. */
void till_account(const char *prefix, const char *credential, const char *name, char *ret);

/* session: of this run of the orchestrator, so that holds of another one are not taken for ours;
 * copied. Borrows the ledger. Gives. */
struct till *till_create(struct loop *l, struct ledger *ledger, const struct tariff *tariff,
                         const char *session, till_over_fn *over, void *arg);

/* The end: asks the ledger for all that is owed and to give holds back; nothing is taken any more.
 * Then the ledger is closed, which answers, and then the till is destroyed. Both take NULL. */
void till_stop(struct till *t);
void till_destroy(struct till *t);

void till_joined(struct till *t, link_peer broadcaster, const char *account);
void till_left(struct till *t, link_peer broadcaster);

/* A job for at most so many pixels is to open. NULL: it may, and till_close is due when it is over;
 * else why not (borrowed until the next call). */
const char *till_open(struct till *t, link_peer broadcaster, uint64_t pixels);
void till_close(struct till *t, link_peer broadcaster, uint64_t pixels);
bool till_is_over(const struct till *t, link_peer broadcaster);

/* So many pixels that `payee` (an "earnings:" account) made were passed on to it. */
void till_earn(struct till *t, link_peer broadcaster, const char *payee, uint64_t pixels);

/* So many of those were no good, and have been made again: it makes as many for nothing, or gives
 * what it had for them back. */
void till_unearn(struct till *t, link_peer broadcaster, const char *payee, uint64_t pixels);

/* Money has come to an account. */
void till_news(struct till *t, const char *account);

/* What that payee earned in this run and did not give back, in the ledger's units. */
uint64_t till_earned(const struct till *t, const char *payee);

/* Into a broadcaster's object: "account", "funds_held", "funds_reserved", "owed", "spent",
 * "funds". */
void till_broadcaster_json(const struct till *t, link_peer broadcaster, struct json *object);
void till_metrics(const struct till *t, struct metrics *m);

#endif
