/* The ledger as a running orchestrator has it: opened when something needs it, and its accounts on
 * the control API. Answers are as deploy/openapi.yaml has them; money is text there, in the
 * ledger's smallest unit, because a JavaScript number does not hold 64 bits. What only reads does
 * so on a thread of its own (accounts_read.h), beside the ledger's. Loop's thread. */
#ifndef ORCHESTRATOR_ACCOUNTS_H
#define ORCHESTRATOR_ACCOUNTS_H

#include "orchestrator/ledger/ledger.h"
#include "run/http_route.h"

struct accounts;

struct accounts_config {
    const char *data_dir;
    const char *ledger; /* "": ledger.db in the data directory; "off"; or a path */
    bool needed;        /* something in the orchestrator asks the ledger */
    int scale;
    const char *asset;
    ledger_news_fn *news; /* may be NULL */
    void *news_arg;
};

#define ACCOUNTS_FILE "ledger.db"
#define ACCOUNTS_OFF  "off"

/* Opens the ledger if it is needed or its path was given; else there is none. On failure it has
 * logged why. Gives. */
enum err accounts_open(struct loop *l, const struct accounts_config *config,
                       struct accounts **ret_accounts) CHECKED;

/* What was asked of the ledger is answered first. Takes NULL. */
void accounts_close(struct accounts *a);

/* NULL: there is none. */
struct ledger *accounts_ledger(const struct accounts *a);

/* Routes; their parameters are the values. */
void accounts_on_list(struct accounts *a, const struct http_value *values,
                      struct http_answer *answer); /* after, limit, format */
void accounts_on_show(struct accounts *a, const struct http_value *values,
                      struct http_answer *answer); /* account, entries, format */
void accounts_on_journal(struct accounts *a, const struct http_value *values,
                         struct http_answer *answer); /* after, limit, format */
void accounts_on_audit(struct accounts *a, struct http_answer *answer);
void accounts_on_grant(struct accounts *a, const struct http_value *values,
                       struct http_answer *answer); /* account, amount, key */
void accounts_on_credit(struct accounts *a, const struct http_value *values,
                        struct http_answer *answer); /* account, source, total */
void accounts_on_spend(struct accounts *a, const struct http_value *values,
                       struct http_answer *answer); /* account, to, amount, key */
void accounts_on_freeze(struct accounts *a, const struct http_value *values, bool frozen,
                        struct http_answer *answer); /* account */

#endif
