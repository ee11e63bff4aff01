/* The broadcaster's way to the ledger: asks the orchestrator that keeps the accounts over the link,
 * and hears when money comes. That is always the first one of -orchAddr, for another one's ledger
 * has other accounts. Loop's thread. */
#ifndef BROADCASTER_PAYWALL_BANK_H
#define BROADCASTER_PAYWALL_BANK_H

#include <stdint.h>

#include "base/err.h"
#include "broadcaster/jobs/uplinks.h"
#include "proto/link_msg.h"
#include "run/json.h"
#include "run/loop.h"

#define BANK_TIMEOUT_MS  5000  /* of what the ledger alone answers */
#define BANK_WALLET_MS   20000 /* of what a wallet has to be asked for */
#define BANK_PENDING_MAX 65536

struct bank;

/* fn is called once, never from inside bank_ask. What was not answered in time, or with the
 * connection lost, is LINK_PAY_UNAVAILABLE: it may have been done all the same, and may be asked
 * again, for holds and credits are the same when asked twice (ledger.h). The answer is borrowed. */
typedef void bank_fn(void *arg, const struct link_pay_answer *a);

/* Money has come to an account. */
typedef void bank_news_fn(void *arg, const char *account, uint64_t balance);

/* The connection is there (again): what waited for the ledger may ask again. */
typedef void bank_open_fn(void *arg);

struct bank_config {
    int scale;         /* digits behind the point of this broadcaster's amounts, */
    const char *asset; /* and what they are in: the orchestrator's have to be the same, or it is not
                        * asked; borrowed */
    bank_news_fn *news; /* may be NULL */
    bank_open_fn *open; /* may be NULL */
    void *arg;
};

/* Borrows the uplinks, which must outlive it. Gives. */
struct bank *bank_create(struct loop *l, struct uplinks *uplinks, const struct bank_config *config);

/* What is open is not answered any more. Takes NULL. */
void bank_destroy(struct bank *b);

/* Borrows q (its `ask` is not looked at). */
void bank_ask(struct bank *b, const struct link_pay_ask *q, bank_fn *fn, void *arg);

/* "bank": connected or not, open questions, how many went unanswered, why it is not asked. */
void bank_status(const struct bank *b, struct json *object);

#endif
