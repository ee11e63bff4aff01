/* What the parts of receipts.h share. */
#ifndef ORCHESTRATOR_RECEIPTS_RECEIPTS_INTERNAL_H
#define ORCHESTRATOR_RECEIPTS_RECEIPTS_INTERNAL_H

#include "base/list.h"
#include "orchestrator/notebook.h"
#include "orchestrator/receipts/intents.h"
#include "orchestrator/receipts/nonces.h"
#include "orchestrator/receipts/pointer.h"
#include "orchestrator/receipts/receipts.h"
#include "orchestrator/receipts/seeds.h"
#include "orchestrator/receipts/spsp.h"
#include "orchestrator/receipts/verify.h"
#include "run/http_client.h"

#define RECEIPTS_URL_SIZE 512
#define RECEIPTS_RETRY_MS 10000 /* a service that has not answered is asked again */
#define STOPPING          "the orchestrator is stopping"
#define OTHER_POINTER     "the receipt is for another payment pointer"
#define BUSY              "too many receipts at once: try again"
#define TOO_LARGE         "receipt amount exceeds max 64 bit signed integer"
#define NOT_KEPT          "the receipt cannot be stored now: try again"

/* What becomes of receipts and questions. */
enum receipts_count {
    COUNT_GOOD,
    COUNT_TOO_LONG,
    COUNT_MALFORMED,
    COUNT_VERSION,
    COUNT_HMAC,
    COUNT_EXPIRED,
    COUNT_OTHER_POINTER,
    COUNT_FAILED, /* ours: the disk, the ledger, the service */
    COUNT_QUERIES,
    COUNT_QUERIES_NOT_OURS,
    COUNT_QUERIES_FAILED,
    COUNTS_
};

struct receipts {
    struct loop *loop;
    struct ledger *ledger;
    struct pointers pointers;
    struct seeds seeds;
    struct nonces *nonces;     /* NULL with a service */
    struct intents *intents;   /* NULL without one */
    struct notebook *notebook; /* of either */
    struct loop_timer *again;  /* asks anew what was left; NULL without a service */
    bool is_retrying;
    struct http_client *http;
    char service[RECEIPTS_URL_SIZE]; /* the whole URL of its verify; "": none */
    int64_t timeout_ms;
    int scale, ledger_scale;
    bool allow_http, closing;
    struct list open; /* questions */
    unsigned n_open, n_asked;
    struct buf lines;        /* for one change of the nonces */
    int64_t failure_told_ms; /* when a failure of the wallet or service was last logged; 0: never */
    uint64_t counts[COUNTS_];
};

/* A question that waits: for the disk, the ledger or somebody on the network. It is in the list of
 * open ones until op_end, and is not freed before who will call it back has. */
struct op {
    struct list node;
    struct receipts *receipts;
    receipts_fn *fn;
    receipts_query_fn *query_fn; /* of a query */
    void *arg;
    struct http_client_call *call;
    bool is_booked;  /* it waits for the ledger */
    bool is_refused; /* the service knows it already: was it credited here? */
    bool is_late;    /* it was asked before, and nobody knows what came of it */
    struct intent *intent;
    struct receipt receipt;
    char account[LEDGER_NAME_MAX];
    char key[LEDGER_KEY_MAX];
    uint64_t total;                           /* in the ledger's scale, for that key */
    unsigned char nonce[RECEIPT_NONCE_BYTES]; /* of a query, as all below */
    char endpoint[POINTER_SIZE];
    struct buf body;
    char answer[VERIFY_BODY_SIZE]; /* of receipts_verify */
};

/* NULL: there are too many. */
struct op *op_begin(struct receipts *r, void *arg);
void op_end(struct op *op);

/* Answers and ends. */
void op_answer(struct op *op, int status, const char *text);
void op_reply(struct op *op, int status, const char *text);

/* Writes what a change has put into r->lines. */
void receipts_write(struct receipts *r, notebook_fn *fn, void *arg);

void receipts_refuse(receipts_fn *fn, void *arg, int status, const char *text);

/* Asks the ledger for op's account, key and total, then answers and ends. */
void receipts_book(struct op *op);

/* The way by the service. */
void receipts_ask_service(struct op *op, struct span text);
/* What the ledger has said to it; nothing without an intent. */
void receipts_intent_booked(struct op *op, const struct ledger_answer *a);
/* Time to ask anew what was left open, by a crash or by a service that did not answer. */
void receipts_retry(void *receipts);

/* Answers with the verdict's words, counts it and ends. */
void op_refuse(struct op *op, enum receipt_verdict v);
/* "KIND:NONCE:STREAM", for LEDGER_KEY_MAX bytes. */
void op_name_source(const struct op *op, const char *kind, char *out);

/* Whether a failure of the wallet or service is to be logged: not each one, since anybody may ask.
 */
bool receipts_tell_failure(struct receipts *r);

/* Our own status for an HTTP question that has failed: 504 or 502. */
int receipts_status_of(enum err e);

#endif
