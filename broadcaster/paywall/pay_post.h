/* What pages post to tell of a payment, read from its JSON: a STREAM receipt, or the URL of an Open
 * Payments incoming payment. Pure; takes hostile bytes; any thread. */
#ifndef BROADCASTER_PAYWALL_PAY_POST_H
#define BROADCASTER_PAYWALL_PAY_POST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "broadcaster/paywall/pay_text.h"
#include "run/json_read.h"

#define PAY_POST_QUERY       "/receipts/"
#define PAY_POST_POINTER_MAX 300 /* bytes of a payment pointer with the NUL */

enum pay_post_kind { PAY_POST_RECEIPT, PAY_POST_WALLET };

/* The texts live as long as it does. */
struct pay_post {
    struct json *json;
    const char *text;    /* the receipt, or the URL: printable ASCII, below LINK_STRING_MAX bytes */
    const char *token;   /* NULL: none */
    const char *user_id; /* NULL: none */
};

/* NULL: it is good, and given (pay_post_fini); else a sentence for the page, static. */
const char *pay_post_read(struct span body, enum pay_post_kind kind, const struct pay_terms *terms,
                          struct pay_post *ret_post);
void pay_post_fini(struct pay_post *p);

/* Whether a text names this server's payment pointer: as "$host/path" or "https://host/path", or
 * one of them behind a receipt service, percent-encoded or not. */
bool pay_post_is_own_pointer(const struct pay_terms *terms, const char *text);

/* The payment pointer that a wallet asks for by GET /receipts/POINTER, decoded, when it is this
 * server's. path: without the query. ret_pointer: PAY_POST_POINTER_MAX bytes. */
bool pay_post_read_query(struct span path, const struct pay_terms *terms, char *ret_pointer);

#endif
