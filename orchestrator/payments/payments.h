/* What broadcasters ask about money over the link: accounts and holds are the ledger's, receipts
 * and wallets have rails of their own. A broadcaster may touch viewers' accounts ("viewer:...")
 * alone, and holds that are leases of them ("lease:..."); what viewers pay is income of the house
 * ("income:viewing"). Loop's thread. */
#ifndef ORCHESTRATOR_PAYMENTS_PAYMENTS_H
#define ORCHESTRATOR_PAYMENTS_PAYMENTS_H

#include <stdint.h>

#include "orchestrator/ledger/ledger.h"
#include "proto/link_msg.h"
#include "run/json.h"
#include "run/link.h"

#define PAYMENTS_VIEWER     "viewer:"
#define PAYMENTS_LEASE      "lease:"
#define PAYMENTS_INCOME     "income:viewing"
#define PAYMENTS_OPEN_MAX   16384 /* questions of one broadcaster that are not answered yet */
#define PAYMENTS_TTL_MAX_MS (24 * 3600 * 1000)

struct payments;

typedef void payments_send_fn(void *arg, link_peer to, const struct link_msg *m);

/* Whose connection it is, for people: as its account is called, fit to stand between double quotes.
 */
typedef void payments_name_fn(void *arg, link_peer peer, char ret_name[LEDGER_NAME_MAX]);

/* Tells a rail's answer; `ask` is filled in here. The answer's texts are borrowed for the call. */
typedef void payments_answer_fn(void *arg, const struct link_pay_answer *a);

/* A way in which money comes: takes the question (borrowed), answers once, now or later. */
typedef void payments_rail_fn(void *rail, const struct link_pay_ask *q, payments_answer_fn *fn,
                              void *arg);

struct payments_rail {
    payments_rail_fn *fn; /* NULL: there is none */
    void *rail;
    const char *lacks; /* what to do to have it: static; said when there is none */
};

struct payments_config {
    struct ledger *ledger; /* NULL: no accounts are kept. Borrowed */
    struct payments_rail receipt, wallet, query;
    payments_send_fn *send;
    payments_name_fn *name;
    void *arg; /* of both */
};

/* Gives. */
struct payments *payments_create(const struct payments_config *config);

/* What is under way in the ledger and the rails must be over. Takes NULL. */
void payments_destroy(struct payments *p);

/* A LINK_PAY_ASK of a broadcaster; borrowed. It is answered by send, once. */
void payments_ask(struct payments *p, link_peer from, const struct link_pay_ask *q);

/* That broadcaster has gone: nothing is sent to it any more. What it holds runs out by itself. */
void payments_lost(struct payments *p, link_peer peer);

/* Money has come to an account: told to the broadcasters that have asked about it. */
void payments_news(struct payments *p, const char *account, uint64_t balance);

/* "payments": broadcasters, open questions, overstated costs, answers by status. */
void payments_status(const struct payments *p, struct json *object);

#endif
