/* The known receipt verifier's HTTP interface (-receiptAddr), whole: GET /<payment pointer> as a
 * proxy of the wallet, POST /verify, and its balances: POST /balances/ID:creditReceipt and
 * /balances/ID:spend, which are accounts "balance:ID" of the ledger. When a service verifies
 * receipts, only the balances are there. Open to every origin; whoever reaches the address may ask.
 * Loop's thread. */
#ifndef ORCHESTRATOR_RECEIPTS_RECEIPT_SERVER_H
#define ORCHESTRATOR_RECEIPTS_RECEIPT_SERVER_H

#include "orchestrator/receipts/receipts.h"
#include "run/http.h"

#define RECEIPT_SERVER_CONNECTIONS 256 /* further clients wait */

struct receipt_server;

/* Borrows the receipts. ERR_IO: *ret_why, as of http_server_create. Gives. */
enum err receipt_server_create(struct loop *l, const char *addr, struct receipts *receipts,
                               struct receipt_server **ret_server, const char **ret_why) CHECKED;

/* Before ledger_close and receipts_destroy; what is answered after it is dropped. Takes NULL. */
void receipt_server_destroy(struct receipt_server *s);

/* The bound port. */
int receipt_server_port(const struct receipt_server *s);

#endif
