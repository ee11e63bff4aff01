/* What viewers_pay.c (the gate) and viewers_pay_http.c (its own addresses) share; nobody else
 * includes it. */
#ifndef BROADCASTER_VIEWERS_VIEWERS_PAY_INTERNAL_H
#define BROADCASTER_VIEWERS_VIEWERS_PAY_INTERNAL_H

#include <pthread.h>

#include "broadcaster/paywall/rates.h"
#include "broadcaster/viewers/audience.h"
#include "broadcaster/viewers/viewers_pay.h"

#define PAY_PROBLEM_TYPE    "application/problem+json"
#define VIEWERS_PAY_RETRY_S 60 /* what there is too much of becomes less with each minute */

struct viewers_pay {
    struct viewers_pay_config config;
    struct audience_salt salt;
    pthread_mutex_t lock;          /* of the rates */
    struct rates *posts, *queries; /* of one address */
    struct rates *payers;          /* payments told of, of one account with money */
    struct rates *payers_address;  /* and those of all of them of one address */
};

/* One request on one connection that has to do with money; in the connection's slot. */
struct pay_request {
    struct paywall_waiter waiter; /* the first */
    struct viewers_pay *pay;
    struct MHD_Connection *connection;
    struct watched *watched;
    struct pay_who who;
    struct paywall_account *account; /* NULL: not needed yet */
    bool waited;

    /* A body that is paid for as it is sent. */
    struct paywall_body *body;
    struct blob *blob;       /* what it is read from; or, when NULL, */
    struct media_file *file; /* this */
    uint64_t first, n;       /* of what it is read from */
    bool whole;              /* paid in one piece */

    struct buf posted;       /* a body; */
    struct pay_asked *asked; /* the question that it became; NULL: not yet */
};

/* Apart, for it is large and few need it, while many wait for money. */
struct pay_asked {
    struct paywall_question question;
    char text[VIEWERS_PAY_BODY_MAX]; /* the question's */
};

_Static_assert(sizeof(struct pay_request) < 1024, "there is one for each viewer who pays");

/* The connection's; made when it has none. NULL: no memory. */
struct pay_request *pay_request_of(struct viewers_pay *p, struct MHD_Connection *connection,
                                   struct watched *watched, const struct viewer_request *request);

/* Hashes of where a request comes from. */
struct paywall_from pay_from(const struct viewers_pay *p, const struct client *client);

/* The connection is suspended. */
void pay_hold(const struct pay_request *r);

/* The request's account; not PAYWALL_PAID: there is none to be had. */
enum paywall_verdict pay_account(struct pay_request *r);

/* An empty answer with JSON to come. */
void pay_answer_begin(struct answer *a, int status, const char *content_type);

/* What was put into its text is whole, or e says that it is not; then the viewer's new token. */
void pay_answer_end(struct answer *a, enum err e, const struct pay_who *who);

#endif
