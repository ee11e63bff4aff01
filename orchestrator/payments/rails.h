/* The ways in which money comes, as broadcasters' questions reach them (payments.h): STREAM
 * receipts, SPSP queries, Open Payments. Loop's thread. */
#ifndef ORCHESTRATOR_PAYMENTS_RAILS_H
#define ORCHESTRATOR_PAYMENTS_RAILS_H

#include "orchestrator/payments/payments.h"
#include "orchestrator/receipts/receipts.h"
#include "orchestrator/wallets/wallets.h"

/* Borrow what they are of; NULL: there is none, and who asks is told what to do. */
struct payments_rail rail_of_receipts(struct receipts *r);
struct payments_rail rail_of_queries(struct receipts *r);
struct payments_rail rail_of_wallets(struct wallets *w);

#endif
