/* The ledger: accounts, and a double-entry journal of all that moves between them. It has a thread
 * of its own, which takes what is asked in batches and commits each batch once (group commit);
 * answers come on the loop's thread, when what they say is on disk.
 *
 * Money is whole numbers of the ledger's smallest unit (`scale` digits behind the point). Every
 * entry's postings add up to zero. What may be asked twice after a lost answer changes nothing the
 * second time: a credit is the sender's total so far, with a high-water mark for each source; a
 * charge is a hold's total so far; a hold, a spend and a grant have keys that their callers choose.
 */
#ifndef ORCHESTRATOR_LEDGER_LEDGER_H
#define ORCHESTRATOR_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "run/json.h"
#include "run/loop.h"
#include "run/metrics.h"

#define LEDGER_NAME_MAX                                                                            \
    200 /* bytes of an account's name, with the NUL: "viewer:...", "broadcaster:..." */
#define LEDGER_KEY_MAX    300 /* of a source or key, with the NUL */
#define LEDGER_MONEY_MAX  INT64_MAX
#define LEDGER_SCALE_MAX  18
#define LEDGER_PAYEES_MAX 2048 /* of one request */
#define LEDGER_WHY_MAX    256

struct ledger;

/* What becomes of a cost that is not in its hold. */
enum ledger_debt {
    LEDGER_DEBT_NONE,  /* it is refused: LEDGER_CHARGE */
    LEDGER_DEBT_PAY,   /* the account owes it: paid at once as far as hold and balance go, and the
                        * rest before anything else when money comes */
    LEDGER_DEBT_NOTE,  /* it is only noted for now, and paid with the next LEDGER_DEBT_PAY of that
                        * hold, or when money comes; a hold that ends pays it too */
    LEDGER_DEBT_LEASE, /* as LEDGER_DEBT_PAY, but no more is owed for a hold than was set aside in
                        * it, and by the account in all than LEDGER_DEBT_LEASES times that: what it
                        * has cost is said by somebody who may be wrong. More counts only as far as
                        * the account pays it at once */
};

#define LEDGER_DEBT_LEASES 4

enum ledger_op {
    LEDGER_BALANCE, /* of `account`, which is made if it is not there */
    LEDGER_CREDIT,  /* `account` gets what `total` is over the highest total that `key` (the source)
                     * ever had, from `other` (where money comes in: an account "world:...", which
                     * may go below zero). A source belongs to the first account that it credits:
                     * ERR_AUTH for any other */
    LEDGER_SPEND,   /* `amount` from `account` to `other`, all or nothing. `key`: "", or asked again
                     * with the same it is answered as the first time (`again`), and nothing moves;
                     * ERR_STATE: it was for another account or amount */
    LEDGER_HOLD,   /* sets aside up to `amount`, at least `least`, of `account` as hold `key`, until
                    * released or `ttl_ms` after the last request that names it. Asked again with
                    * the same key: the hold has `amount` again, where there is balance, and is
                    * renewed. One that has expired opens anew, and its cost so far is still known;
                    * ERR_STATE: it has been released. ERR_AUTH: it is another account's */
    LEDGER_CHARGE, /* hold `key` has cost `total` so far: what is new goes to `other` (may be ""
                    * when nothing is). Over the hold: what is in it, and ERR_LIMIT: what is missing
                    * is taken when the same is asked again after the hold has been raised.
                    * With a `debt` it is never over: of a hold that is over, or was not there
                    * (`account` says whose it is then; ""; ERR_NOENT), all of it is owed. And then
                    * it may go to several at once, `payees` instead of `other`, all of them or
                    * none: `total` ends with what each of them gets, one behind the other, and
                    * what of that has counted before is not counted again. ERR_LIMIT: more is new
                    * than they get together */
    LEDGER_RELEASE, /* as LEDGER_CHARGE, then what is left of hold `key` goes back. Of a hold that
                     * is over: ERR_OK, nothing moves; ERR_NOENT: it expired before it had paid
                     * `total` */
    LEDGER_GRANT,   /* `amount` to `account` from "world:grants"; `key` as in LEDGER_SPEND */
    LEDGER_FREEZE,  /* `account` neither spends nor holds any more; LEDGER_THAW ends that. Credits
                     * still come in */
    LEDGER_THAW,
};

/* Who gets how much of a cost. */
struct ledger_payee {
    const char *account;
    uint64_t amount;
};

/* Texts are copied, payees too: UTF-8 without control characters. What an operation does not name
 * is not looked at. A total may be any number; what it is over the one before is at most
 * LEDGER_MONEY_MAX. */
struct ledger_request {
    enum ledger_op op;
    const char *account, *other, *key;
    uint64_t amount, least, total;
    int64_t ttl_ms;
    enum ledger_debt debt;             /* of LEDGER_CHARGE, LEDGER_RELEASE */
    const struct ledger_payee *payees; /* of these, with LEDGER_DEBT_PAY or LEDGER_DEBT_NOTE */
    size_t n_payees;                   /* 0: it is `other`; at most LEDGER_PAYEES_MAX */
};

/* err: ERR_OK; ERR_FUNDS: too little balance (nothing has moved); ERR_AUTH: the account is frozen,
 * or the source is another account's; ERR_LIMIT: a number or name out of range, or the balance
 * would be; ERR_NOENT: no such hold or account; ERR_STATE: the key means something else; ERR_IO:
 * the store does not take it now (full, locked, read-only): nothing has moved, ask again. */
struct ledger_answer {
    enum err err;
    const char *why;  /* when err is not ERR_OK: a sentence; borrowed for the call */
    uint64_t balance; /* of `account`, or the account of the hold, what is held not counted */
    uint64_t amount;  /* what this request moved; with `again`: what the first one did; with
                       * ERR_NOENT: what the hold had paid when it expired */
    bool again;       /* a spend or grant whose key had been used for the same before */
    bool unknown;     /* ERR_FUNDS of a spend: there is no such account */
    uint64_t held;    /* of LEDGER_HOLD, LEDGER_CHARGE: what the hold still has */
    uint64_t owed;    /* of these: what the account still owes, noted or for lack of money */
    uint64_t mark;    /* of LEDGER_CREDIT: the highest total that its source has had */
    uint64_t cut;     /* of a LEDGER_DEBT_LEASE: what of the cost was not counted */
};

typedef void ledger_fn(void *arg, const struct ledger_answer *a);

/* Money has come to an account (credit, grant, another one's spend, release, a hold that expired),
 * or it was thawed: so that who waits for it can go on. Loop's thread. */
typedef void ledger_news_fn(void *arg, const char *account, uint64_t balance);

struct ledger_config {
    const char *path;     /* of the database file; made with mode 0600 */
    int scale;            /* digits behind the point; another one than the file's is refused */
    const char *asset;    /* e.g. "USD"; for people and for wallets' answers; as the scale */
    ledger_news_fn *news; /* may be NULL */
    void *news_arg;
};

/* ERR_IO, ERR_PROTO (not our file, or another scale or asset): ret_why (LEDGER_WHY_MAX bytes).
 * Gives. */
enum err ledger_open(struct loop *l, const struct ledger_config *config, struct ledger **ret_ledger,
                     char *ret_why) CHECKED;

/* What was asked is answered first (blocks for at most some hundred ms). Takes NULL. */
void ledger_close(struct ledger *l);

/* Loop's thread. fn is called once, never from inside; NULL: nobody wants to know. What is asked in
 * order is done in order. With too much waiting already it is answered ERR_IO. */
void ledger_ask(struct ledger *l, const struct ledger_request *r, ledger_fn *fn, void *arg);

int ledger_scale(const struct ledger *l);
const char *ledger_asset(const struct ledger *l);

/* "ledger": accounts, entries, waiting, commits and their mean size, state of the store. */
void ledger_status(const struct ledger *l, struct json *object);
void ledger_metrics(const struct ledger *l, struct metrics *m);

#endif
