/* What a wallet answers to the question where to pay (SPSP, Interledger RFC 0009). Pure. */
#ifndef ORCHESTRATOR_RECEIPTS_SPSP_H
#define ORCHESTRATOR_RECEIPTS_SPSP_H

#include <stdbool.h>

#include "base/span.h"

#define SPSP_TYPE       "application/spsp4+json"
#define SPSP_ANSWER_MAX 16384 /* bytes */

enum spsp_verdict {
    SPSP_GOOD,        /* somewhere to pay, and it gives receipts */
    SPSP_NO_RECEIPTS, /* somewhere to pay, without receipts */
    SPSP_RUBBISH,     /* no such answer */
};

enum spsp_verdict spsp_read(struct span body);

/* Whether an Accept header names SPSP_TYPE; NULL: there was none. */
bool spsp_accepted(const char *accept);

#endif
