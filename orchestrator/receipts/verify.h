/* What the known verifier's POST /verify does with a receipt, without the disk and the network.
 * Pure; one thread. */
#ifndef ORCHESTRATOR_RECEIPTS_VERIFY_H
#define ORCHESTRATOR_RECEIPTS_VERIFY_H

#include "orchestrator/receipts/nonces.h"

#define VERIFY_BODY_SIZE (NONCES_ENDPOINT_SIZE + 80)

/* All that says whether a receipt is one of ours: its form, its HMAC, its nonce. On RECEIPT_GOOD
 * gives what it is, and its endpoint, borrowed until the table changes. */
enum receipt_verdict verify_check(struct nonces *n, struct span text, int64_t now_ms,
                                  struct buf *journal, struct receipt *ret_receipt,
                                  const char **ret_endpoint) CHECKED;

/* That, and takes what is new. Writes the body of the answer (VERIFY_BODY_SIZE); on RECEIPT_GOOD
 * the receipt and the amount too: then nonces_settle is to follow. */
enum receipt_verdict verify_receipt(struct nonces *n, struct span text, int64_t now_ms,
                                    struct buf *journal, struct receipt *ret_receipt,
                                    uint64_t *ret_amount, char *ret_body) CHECKED;

/* What such a service of somebody else's has answered with status 200. */
struct verify_answer {
    uint64_t amount;
    char endpoint[NONCES_ENDPOINT_SIZE];
};

/* ERR_PROTO: it is no such answer. */
enum err verify_read_answer(struct span body, struct verify_answer *ret_answer) CHECKED;

#endif
