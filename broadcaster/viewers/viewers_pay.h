/* Paid streaming at the viewers' server: which answers cost something and are paid first, bodies
 * that are paid for as they are sent, and the addresses where pages learn of money and bring it.
 * Any thread, unless said otherwise. */
#ifndef BROADCASTER_VIEWERS_VIEWERS_PAY_H
#define BROADCASTER_VIEWERS_VIEWERS_PAY_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "broadcaster/paywall/pay_text.h"
#include "broadcaster/paywall/pay_who.h"
#include "broadcaster/paywall/paywall.h"
#include "broadcaster/paywall/prices.h"
#include "broadcaster/viewers/viewers_answer.h"
#include "broadcaster/viewers/viewers_watch.h"

#define VIEWERS_PAY_BODY_MAX 8192 /* bytes of what is posted */

struct viewers_pay;

/* All borrowed for its life. */
struct viewers_pay_config {
    struct paywall *paywall;
    struct prices *prices;
    struct pay_who_config who;
    struct pay_terms terms;
    size_t chunk;              /* bytes of a body that are sent at once; as the paywall's */
    uint32_t posts_per_minute; /* of one address, or of one account with money; 0: no limit */
};

struct viewers_pay *viewers_pay_create(const struct viewers_pay_config *config);
void viewers_pay_destroy(struct viewers_pay *p); /* takes NULL */

enum viewers_pay_result {
    VIEWERS_PAY_ANSWERED, /* the answer is to be sent, and freed with answer_fini */
    VIEWERS_PAY_HELD,     /* the connection is suspended: the request comes again; no answer */
    VIEWERS_PAY_MORE,     /* the body's next bytes are wanted */
    VIEWERS_PAY_BROKEN,   /* no answer: the connection is to be closed */
};

/* Whether a path is one of its own: /account.json, /config.js, /verifyReceipt, /monetization and
 * what is below /receipts/. */
bool viewers_pay_is(const char *url);

/* A request for one of these, as libmicrohttpd calls for it; first: the first call for it. */
struct viewers_pay_call {
    struct MHD_Connection *connection;
    struct watched *watched; /* not NULL */
    const struct viewer_request *request;
    const char *upload;
    size_t *upload_size;
    bool first;
};
enum viewers_pay_result viewers_pay_request(struct viewers_pay *p,
                                            const struct viewers_pay_call *call, struct answer *a);

/* An answer that was found: it goes on as it is when it is free, or paid for now; else it says that
 * it is not, or its body waits for money by itself (files). VIEWERS_PAY_ANSWERED, or
 * VIEWERS_PAY_HELD: the answer was freed. */
enum viewers_pay_result viewers_pay_gate(struct viewers_pay *p, struct MHD_Connection *connection,
                                         struct watched *watched,
                                         const struct viewer_request *request, struct answer *a);

/* The request on this connection is over; complete: all of its answer was sent. */
void viewers_pay_completed(struct watched *watched, bool complete);

#endif
