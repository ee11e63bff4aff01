/* Viewers pay for what they are sent. Their accounts live in an orchestrator's ledger; this keeps
 * the credit that is leased from it (account.h), bills live segments and bodies of files, and wakes
 * who waits for money.
 *
 * Locks: a shard's lock is held while numbers are changed, and while a waiter is put on hold; never
 * while a connection is resumed, the ledger is asked or bytes are made. */
#ifndef BROADCASTER_PAYWALL_PAYWALL_H
#define BROADCASTER_PAYWALL_PAYWALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "broadcaster/paywall/bank.h"
#include "broadcaster/paywall/toll.h"
#include "broadcaster/viewers/audience.h"
#include "run/json.h"
#include "run/loop.h"
#include "run/metrics.h"

#define PAYWALL_ACCOUNTS_MAX 100000 /* that are known here at once */
#define PAYWALL_EXCUSE_MS    30000 /* once in so long a broken transfer's last piece costs nothing */
#define PAYWALL_RATE_MAX     10000000
#define PAYWALL_PAYERS_TIMES 10  /* so many times per_address may begin when they have money */
#define PAYWALL_SITE_TIMES   16  /* and so many times for a network of 48 bits, in all */
#define PAYWALL_STREAMS_MAX  16  /* of one account whose paid segments are known: the newest ones */
#define PAYWALL_NAME_MAX     96  /* bytes of an account's name in the ledger, with the NUL */
#define PAYWALL_TEXT_MAX     512 /* of what the ledger says to people, with the NUL */
#define PAYWALL_BODY_MAX     16384 /* bytes of a wallet's answer */

struct paywall;
struct paywall_account; /* one viewer's, for as long as somebody refers to it */

/* How the ledger is asked: bank_ask's shape, so that tests can stand in for it. Loop's thread. fn
 * is called once, never from inside, unless the asked one ends before. */
typedef void paywall_ask_fn(void *bank, const struct link_pay_ask *r, bank_fn *fn, void *arg);

struct paywall_config {
    struct loop *loop;
    paywall_ask_fn *ask;
    void *bank;
    uint64_t preview;     /* free credit (preview.h) */
    const char *data_dir; /* where it is kept who has had it (preview_file.h); borrowed for
                             paywall_create; NULL: nowhere */
    uint32_t per_address; /* accounts that begin here for one address a minute, at most
                             PAYWALL_RATE_MAX; 0: no limit */
    int64_t patience_ms;  /* how long a body of a file may wait for money */
    size_t chunk;         /* bytes of a file that are paid for at once */
};

/* Loop's thread. */
struct paywall *paywall_create(const struct paywall_config *config);

/* Loop's thread. Leases go back, nobody gets anything that costs any more. */
void paywall_close(struct paywall *p);
bool paywall_closed(const struct paywall *p); /* they have, or the ledger cannot be reached */

/* Loop's thread. Resumes all that wait; nobody is put on hold from now on. */
void paywall_stop(struct paywall *p);

/* Loop's thread, when no other thread calls any more and no answer of the bank can come. Takes
 * NULL. */
void paywall_destroy(struct paywall *p);

/* Loop's thread: bank_news_fn and bank_open_fn, arg is the paywall. */
void paywall_news(void *arg, const char *account, uint64_t balance);
void paywall_bank_open(void *arg);

/* --- who waits; any thread --- */

/* A request that waits: for the ledger's answer, for money, for a change. Part of its owner, who
 * fills the first block. hold(w) comes under a lock, before anything could resume it; resume(w)
 * once, on the loop's thread without a lock: from inside of it the owner may be called again, and
 * free it. */
struct paywall_waiter {
    void (*hold)(struct paywall_waiter *w);
    void (*resume)(struct paywall_waiter *w);
    int fd;       /* of its connection, to see when it is closed; -1: none */
    bool patient; /* waits while there is no money, too */

    /* Set when it is resumed. */
    bool left; /* its client has gone */
    bool late; /* it has waited as long as it may */

    struct list node; /* under the account's lock, as the next */
    int64_t deadline_ms;
};

enum paywall_verdict {
    PAYWALL_PAID,
    PAYWALL_HELD,  /* the waiter is on hold: ask again when it is resumed */
    PAYWALL_EMPTY, /* too little money */
    PAYWALL_FROZEN,
    PAYWALL_AWAY, /* the ledger cannot be reached, or takes too long */
    PAYWALL_MANY, /* too many accounts, here or of this address */
    PAYWALL_STOPPING,
};

/* Where a request comes from, as hashes of 64 evenly spread bits, made with paywall_salt: they have
 * to be the same after a restart. */
struct paywall_from {
    uint64_t address; /* of IPv6: of the network of 64 bits */
    uint64_t site;    /* of the network of 48 bits around it; 0: IPv4 */
};

const struct audience_salt *paywall_salt(const struct paywall *p);

/* Gives a reference (paywall_account_unref). name: "viewer:...". PAYWALL_PAID, or PAYWALL_MANY,
 * PAYWALL_STOPPING. */
enum paywall_verdict paywall_account(struct paywall *p, const char *name,
                                     const struct paywall_from *from,
                                     struct paywall_account **ret_account);
void paywall_account_unref(struct paywall_account *a); /* takes NULL */

/* Whether the account has, or lately had, money in the ledger, as far as is known here. */
bool paywall_pays(struct paywall *p, const char *name);

/* --- live segments --- */

struct paywall_segment {
    const char *stream;
    uint64_t msn;
    int64_t until; /* ticks of the segment that are fetched with this, from its start */
    bool waits;    /* it is not there yet: whether there is money for it, without taking any */
};

/* Pays for media time (a toll per minute), once for each segment. w NULL: does not wait. */
enum paywall_verdict paywall_segment(struct paywall_account *a, const struct toll *t,
                                     const struct paywall_segment *s, struct paywall_waiter *w,
                                     uint64_t *ret_cost);

/* --- bodies that are paid for as they are sent --- */

struct paywall_body;

/* `n` bytes from `first` of a file (or whatever has a size). Takes a reference of its own. */
struct paywall_body *paywall_body_open(struct paywall_account *a, const struct toll *t,
                                       const struct toll_file *f, uint64_t first, uint64_t n);

/* Bytes up to `at` (from the body's begin) have been sent. At least one byte more may be sent, at
 * most ret_n <= max, when it says PAYWALL_PAID; `whole`: all the rest, or nothing. w NULL: does not
 * wait. The body's own thread. */
enum paywall_verdict paywall_body_take(struct paywall_body *b, uint64_t at, uint64_t max,
                                       bool whole, struct paywall_waiter *w, uint64_t *ret_n);

/* complete: all that was taken has been sent; else the last piece is not billed. Takes NULL. */
void paywall_body_close(struct paywall_body *b, bool complete);

/* --- how things are --- */

struct paywall_balance {
    bool known;
    bool frozen;
    uint64_t total;
    uint64_t preview; /* part of it */
    uint64_t version; /* another one when something came or went other than by watching */
};

struct paywall_balance paywall_balance(struct paywall_account *a);

/* What is lacking for the largest thing that was asked for. */
uint64_t paywall_missing(struct paywall_account *a);

/* Held (true) until it is another version than this, or for as long as wait_ms. The ledger is asked
 * when nothing is known. */
bool paywall_watch(struct paywall_account *a, uint64_t version, int64_t wait_ms,
                   struct paywall_waiter *w);

/* --- questions that go on to the ledger --- */

struct paywall_question {
    struct paywall_waiter waiter; /* fill hold and resume */
    void *owner;                  /* whoever it is part of */
    enum link_pay_kind kind;
    const char *account, *key, *text; /* borrowed until it is resumed */

    /* The answer. */
    enum link_pay_status status;
    uint64_t balance, amount;
    int http_status;
    char says[PAYWALL_TEXT_MAX];
    uint8_t body[PAYWALL_BODY_MAX];
    size_t body_len;

    struct paywall_ask *ask;
};

/* Held (true), and resumed with the answer; false: the server is stopping. Of what is credited the
 * account, if it is known here, hears before that. */
bool paywall_ask(struct paywall *p, struct paywall_question *q);

/* --- reports; loop's thread --- */

void paywall_status(struct paywall *p, struct json *object);
void paywall_metrics(struct paywall *p, struct metrics *m);

#endif
