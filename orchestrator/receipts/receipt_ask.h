/* What a request at the receipt server's address asks for. Pure; takes hostile bytes; any thread.
 */
#ifndef ORCHESTRATOR_RECEIPTS_RECEIPT_ASK_H
#define ORCHESTRATOR_RECEIPTS_RECEIPT_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "orchestrator/ledger/ledger.h"
#include "run/http.h"

enum receipt_ask_kind {
    RECEIPT_ASK_REFUSED,   /* status, text (static) */
    RECEIPT_ASK_PREFLIGHT, /* OPTIONS of a page (Fetch Standard, section 4.8) */
    RECEIPT_ASK_VERIFY,    /* the body is a receipt */
    RECEIPT_ASK_CREDIT,    /* the same, for the account */
    RECEIPT_ASK_SPEND,     /* the amount, of the account */
    RECEIPT_ASK_POINTER,   /* the path behind its slash is a payment pointer */
};

struct receipt_ask {
    enum receipt_ask_kind kind;
    int status;
    const char *text;
    char account[LEDGER_NAME_MAX]; /* "balance:ID": UTF-8 without control characters */
    uint64_t amount;               /* at most LEDGER_MONEY_MAX */
};

/* verifies: receipts are verified here. */
void receipt_ask_read(const struct http_request *r, bool verifies, struct receipt_ask *ret_ask);

#endif
