/* All of the orchestrator that has to do with money, wired: the accounts and their ledger,
 * receipts, the wallet, and what broadcasters ask. Its parts know each other only here. Loop's
 * thread. */
#ifndef ORCHESTRATOR_TREASURY_H
#define ORCHESTRATOR_TREASURY_H

#include <stdbool.h>

#include "base/err.h"
#include "orchestrator/accounts.h"
#include "orchestrator/relay.h"
#include "run/json.h"
#include "run/loop.h"
#include "run/metrics.h"

struct treasury;

/* The flags, as they were given; texts are borrowed for its life. */
struct treasury_config {
    bool payments;
    const char *ledger, *ledger_asset;
    long ledger_scale;
    long price_per_unit, pixels_per_unit;
    const char *payment_pointer, *receipt_addr, *receipt_seed, *receipt_service;
    long receipt_ttl_ms, receipt_scale;
    const char *wallet_address, *wallet_key, *wallet_key_id, *wallet_client;
    long wallet_timeout_ms, wallet_poll_ms;
    bool allow_http_payments;
};

/* Opens what the flags ask for; without any it is there and does nothing. Logs what is wrong.
 * Gives.
 */
enum err treasury_open(struct loop *l, const char *data_dir, const struct treasury_config *config,
                       struct treasury **ret_treasury) CHECKED;

/* Broadcasters may ask from now on; borrowed until treasury_close. */
void treasury_serve(struct treasury *t, struct relay *relay);

/* Nobody is listened to any more, and what was asked is answered; after relay_stop. Takes NULL. */
void treasury_stop(struct treasury *t);

/* After relay_destroy. Takes NULL. */
void treasury_close(struct treasury *t);

struct accounts *treasury_accounts(const struct treasury *t);
struct ledger *treasury_ledger(const struct treasury *t); /* NULL: there is none */

void treasury_status(const struct treasury *t, struct json *object);
void treasury_metrics(const struct treasury *t, struct metrics *m);

#endif
