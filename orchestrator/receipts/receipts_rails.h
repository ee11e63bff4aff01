/* Receipts as broadcasters ask for them over the link: two rails of payments.h, whose `rail` is
 * struct receipts. */
#ifndef ORCHESTRATOR_RECEIPTS_RECEIPTS_RAILS_H
#define ORCHESTRATOR_RECEIPTS_RECEIPTS_RAILS_H

#include "orchestrator/payments/payments.h"
#include "orchestrator/receipts/receipts.h"

/* LINK_PAY_RECEIPT: credits `account` with the receipt `text`, which the page says is for `key`. */
void receipts_rail_credit(void *rail, const struct link_pay_ask *q, payments_answer_fn *fn,
                          void *arg);

/* LINK_PAY_QUERY: where to pay, for the pointer `text`. */
void receipts_rail_query(void *rail, const struct link_pay_ask *q, payments_answer_fn *fn,
                         void *arg);

#endif
