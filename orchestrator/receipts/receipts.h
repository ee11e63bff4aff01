/* Payments by STREAM receipts, whole: asks a wallet of ours where a payer has to pay, with a nonce
 * of ours; takes the receipts that come of it, and credits the ledger's accounts. What a page says
 * about amount, scale and pointer is never believed. With a service of somebody else's that
 * verifies receipts, that is asked instead. All on the loop's thread. */
#ifndef ORCHESTRATOR_RECEIPTS_RECEIPTS_H
#define ORCHESTRATOR_RECEIPTS_RECEIPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "orchestrator/ledger/ledger.h"
#include "run/json.h"
#include "run/loop.h"
#include "run/metrics.h"

#define RECEIPTS_WHY_SIZE  500
#define RECEIPTS_TEXT_SIZE 400  /* of an answer's words, with the NUL */
#define RECEIPTS_OPEN_MAX  4096 /* questions at once, of all kinds */
#define RECEIPTS_ASKED_MAX 64   /* questions to wallets, or to the service, at once */

struct receipts;

struct receipts_config {
    const char *data_dir;
    const char *pointers; /* ours, with commas between */
    const char *seed;     /* path; "": one of its own in the data directory */
    const char *service;  /* URL with / at its end; "": receipts are verified here */
    int64_t ttl_ms;       /* of a nonce since its last use */
    int64_t timeout_ms;   /* of a wallet, or the service */
    int scale;            /* of the receipts' amounts; -1: the ledger's */
    bool allow_http;      /* for tests: http:// wallets, on any network */
};

/* ERR_PROTO, ERR_IO...: ret_why (RECEIPTS_WHY_SIZE bytes) says what is wrong and what to do.
 * Borrows the ledger. Gives. */
enum err receipts_create(struct loop *l, const struct receipts_config *config,
                         struct ledger *ledger, struct receipts **ret_receipts,
                         char *ret_why) CHECKED;

/* Before ledger_close: who waits for the disk or the network is told (503), and so is who asks from
 * now on; who waits for the ledger is told by it. */
void receipts_stop(struct receipts *r);

/* After ledger_close, or when nobody has asked. Takes NULL. */
void receipts_destroy(struct receipts *r);

struct receipts_outcome {
    int http_status;  /* 200, 400, 409, 413, 502, 503, 504 */
    const char *text; /* the known verifier's words when it is not 200 ("expired receipt"), or ours;
                         of receipts_verify the body. Borrowed for the call */
    uint64_t amount;  /* what the account got, in the ledger's scale */
    uint64_t balance; /* of the account */
    bool again;       /* it is exactly what was credited last of its stream: asked again because the
                       * answer was lost. 200, and nothing has moved */
};

/* Called once; may be from inside. */
typedef void receipts_fn(void *arg, const struct receipts_outcome *o);

/* Credits the account with what the receipt is worth beyond what its stream has brought already.
 * claimed: the pointer or URL that the page says it has paid to; "": it says nothing. A stream
 * belongs to whom its first receipt was credited. */
void receipts_credit(struct receipts *r, const char *account, struct span text, const char *claimed,
                     receipts_fn *fn, void *arg);

/* What a client of POST /verify gets: {"amount":"10","spspEndpoint":"..."}, in the receipts' scale;
 * no account gets it. */
void receipts_verify(struct receipts *r, struct span text, receipts_fn *fn, void *arg);

struct receipts_reply {
    int http_status; /* 200; 404: not one of our pointers; 409: the wallet gives no receipts; 502,
                      * 503, 504 */
    const char *content_type;
    struct span body; /* the wallet's own answer, or words */
};

typedef void receipts_query_fn(void *arg, const struct receipts_reply *reply);

/* Where to pay (SPSP): for one of our pointers, or its URL, percent-encoded or not. fn as above. */
void receipts_query(struct receipts *r, struct span pointer, receipts_query_fn *fn, void *arg);

/* The ledger that balances are in. */
struct ledger *receipts_ledger(const struct receipts *r);

/* Whether receipts are verified here, and not by a service. */
bool receipts_is_verifier(const struct receipts *r);

/* Sets "receipts": pointers, nonces, what was taken and refused. */
void receipts_status(const struct receipts *r, struct json *object);
void receipts_metrics(const struct receipts *r, struct metrics *m);

#endif
