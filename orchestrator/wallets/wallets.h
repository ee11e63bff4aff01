/* Open Payments: a page names the incoming payment that its viewer's wallet pays into, the site's
 * own wallet is asked what it has received, again and again while that grows, and the viewer's
 * account is credited. With a key (GNAP, RFC 9421) the wallet says whose the payment is; without
 * one it can only be checked that it is at the same provider, so that payments to its other
 * customers would count as well: the weak form, said so in the log and the status.
 *
 * What is watched is in a file (DATADIR/wallets/watched) before a page's word is taken: after a
 * crash all of it is asked about again, one after another. Loop's thread. */
#ifndef ORCHESTRATOR_WALLETS_WALLETS_H
#define ORCHESTRATOR_WALLETS_WALLETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/ledger/ledger.h"
#include "orchestrator/wallets/watch_lines.h"
#include "run/json.h"
#include "run/loop.h"
#include "run/metrics.h"

#define WALLETS_WHY_MAX         600
#define WALLETS_WATCHED_MAX     WATCH_PLACES /* incoming payments at once */
#define WALLETS_PER_ACCOUNT_MAX 8
#define WALLETS_ASKED_MAX       32 /* questions to the wallet at once */
#define WALLETS_ANSWER_MAX      (64 * 1024)
#define WALLETS_SOURCE          "world:wallets"

struct wallets;

struct wallets_config {
    const char *data_dir; /* borrowed for the call */
    const char *address;  /* ours: "https://wallet.example/alice" or "$wallet.example/alice" */
    const char *key;      /* path of a PEM file; "": the public form */
    const char *key_id;
    const char *client; /* the wallet address that the key belongs to; "": ours */
    int64_t timeout_ms;
    int64_t poll_ms;     /* between two questions about one payment */
    unsigned idle_polls; /* without growth, after which it is not asked about any more */
    bool allow_http;     /* for tests: http:// wallets, on any network */
};

/* ERR_*: ret_why (WALLETS_WHY_MAX bytes). A list that cannot be read is only told of. Borrows the
 * ledger. Gives. */
enum err wallets_create(struct loop *l, const struct wallets_config *config, struct ledger *ledger,
                        struct wallets **ret_wallets, char *ret_why) CHECKED;

/* Nobody is asked any more; who waits is not answered. Before ledger_close. Takes NULL. */
void wallets_stop(struct wallets *w);

/* After ledger_close. Takes NULL. */
void wallets_destroy(struct wallets *w);

struct wallets_outcome {
    int http_status;  /* 200, 400, 403, 404, 409, 429, 502, 503 */
    const char *text; /* words when it is not 200 */
    uint64_t amount;  /* what the account got by this question, in the ledger's units */
    uint64_t balance;
};

typedef void wallets_fn(void *arg, const struct wallets_outcome *o);

/* Watches that payment for the account: fn is called once, when that is on the disk and the wallet
 * was asked for the first time, or either cannot be, or, when it is being asked already, with the
 * balance as it is; may be from inside. Later growth is credited without a word (ledger news). */
void wallets_watch(struct wallets *w, const char *account, const char *url, wallets_fn *fn,
                   void *arg);

void wallets_status(const struct wallets *w, struct json *object);
void wallets_metrics(const struct wallets *w, struct metrics *m);

#endif
