/* What viewers and their pages are told about money. Pure. */
#ifndef BROADCASTER_PAYWALL_PAY_TEXT_H
#define BROADCASTER_PAYWALL_PAY_TEXT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "broadcaster/paywall/paywall.h"
#include "broadcaster/paywall/toll.h"

/* How this server takes money; texts are borrowed. */
struct pay_terms {
    int scale;
    int receipt_scale;           /* of what the wallet receives */
    const char *asset;           /* "USD" */
    const char *payment_pointer; /* "$host/path" or a URL; "": none */
    const char *receipt_service; /* ends with a slash; "": this server's own */
    struct toll toll;            /* of what nothing else is said of */
    uint64_t threshold;          /* free preview */
};

/* What one viewer has. */
struct pay_state {
    const struct toll *toll; /* of what he asks for */
    struct paywall_balance balance;
    uint64_t missing;
    const char *token;   /* to be given to him; "": he has one */
    const char *account; /* its name in the ledger, for /account.json */
};

/* problem+json (RFC 9457) for a verdict that is neither PAYWALL_PAID nor PAYWALL_HELD. Returns the
 * HTTP status: 402, 403, 429 or 503; the text is JSON. */
int pay_text_problem(struct buf *text, enum paywall_verdict v, const struct pay_terms *t,
                     const struct pay_state *s, enum err *ret_err);

/* The same for a request that carries no account: 402. */
int pay_text_nobody(struct buf *text, bool forged, const struct pay_terms *t,
                    const struct pay_state *s, enum err *ret_err);

/* /account.json. */
enum err pay_text_account(struct buf *text, const struct pay_terms *t,
                          const struct pay_state *s) CHECKED;

/* /config.js: an ES module of constants, with the names that the known pages import. */
enum err pay_text_config(struct buf *text, const struct pay_terms *t) CHECKED;

#endif
