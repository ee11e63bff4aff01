/* What a broadcaster knows of one viewer's account: the credit that it has leased from the ledger,
 * what of that is spent, and what to ask the ledger next. Credit is leased in steps that grow as
 * they are used up, so that a request mostly finds it here; it goes back when nothing is spent.
 *
 * A lease is a hold of the ledger's; when all of them are in use, the newest is raised. What it has
 * cost is told by its total so far: what is told twice counts once. It is told soon, so that little
 * is lost when this program is killed: about one segment, or what was sent in ACCOUNT_SOON_MS. One
 * question at a time is open. Pure; its owner's lock. */
#ifndef BROADCASTER_PAYWALL_ACCOUNT_H
#define BROADCASTER_PAYWALL_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/link_msg.h"

#define ACCOUNT_LEASES     3      /* one that ends, one that is spent, one that is next */
#define ACCOUNT_TTL_MS     120000 /* of a hold that nobody names any more */
#define ACCOUNT_IDLE_MS    20000  /* unspent for so long, a lease goes back */
#define ACCOUNT_CHARGE_MS  1000   /* at least so often the ledger hears what was spent, */
#define ACCOUNT_SOON_MS    250    /* and so often when that is more than the largest cost */
#define ACCOUNT_FRESH_MS   10000  /* so long it is believed that there is too little */
#define ACCOUNT_RETRY_MS   1000   /* after the ledger could not be reached */
#define ACCOUNT_STEP_COSTS 4      /* a step is at least so many of the largest cost */
#define ACCOUNT_STEP_TIMES 256    /* and at most so many times that */

/* A lease that the ledger does not know had gone back, if that was asked for not longer ago than
 * this: one that ran out it would still know (LEDGER_HOLD_LATE_MS, and something to spare). */
#define ACCOUNT_DOUBT_MS (29 * (int64_t)86400000)

struct account_lease {
    uint64_t n; /* part of its key */
    uint64_t held, spent, charged;
    bool over;        /* to be released: nothing is spent of it any more */
    int64_t doubt_ms; /* since when it may have been, its answer lost; 0: it has not */
};

struct account {
    struct account_lease leases[ACCOUNT_LEASES]; /* oldest first */
    size_t n_leases;
    uint64_t preview;  /* free credit that is left; spent first */
    uint64_t reserved; /* of all credit: asked for, and neither kept nor given back yet */
    uint64_t debt;     /* spent of leases that had ended: told of the one that ended last, or paid
                        * by the next one */
    uint64_t ended;    /* the lease that went back last; 0: none */
    uint64_t ended_cost, ended_told; /* what it has cost, and what of that is surely known */
    uint64_t wanted;                 /* what somebody lacks */
    uint64_t wished;                 /* the cost of all that wait */
    uint64_t cost;                   /* the largest so far */
    uint64_t step;                   /* what is leased at once */
    uint64_t balance;                /* in the ledger, beside all leases; when `known` */
    uint64_t next_n;                 /* the lease that is asked for now; 0: none */
    int64_t heard_ms;                /* when the ledger said how things are */
    int64_t away_ms;                 /* when it could not be reached; 0: it can */
    int64_t leased_ms, charged_ms, used_ms;
    enum link_pay_kind asked; /* the open question, its lease and the total that it told */
    uint64_t asked_n, asked_total;
    bool asking, known, frozen, curious;
};

enum account_verdict {
    ACCOUNT_PAID,
    ACCOUNT_WAIT,  /* the ledger is asked: try again when it has answered */
    ACCOUNT_EMPTY, /* there is too little */
    ACCOUNT_FROZEN,
    ACCOUNT_AWAY, /* the ledger cannot be reached */
};

void account_init(struct account *a, uint64_t preview);

/* What can be spent at once. */
uint64_t account_credit(const struct account *a);

/* All that the viewer has, here and in the ledger, as far as is known. */
uint64_t account_total(const struct account *a);

/* Whether any of it is the ledger's, rather than a free preview. */
bool account_has_money(const struct account *a);

/* How much is lacking for this cost, of all that he has. */
uint64_t account_missing(const struct account *a, uint64_t cost);

/* Sets `cost` aside when there is credit for it; account_keep or account_give_back follows, for all
 * of it or in pieces. */
enum account_verdict account_reserve(struct account *a, uint64_t cost, int64_t now_ms);
void account_keep(struct account *a, uint64_t cost, int64_t now_ms);
void account_give_back(struct account *a, uint64_t cost);

/* Who could not reserve this waits for it: the next lease shall do for all who wait. */
void account_wait(struct account *a, uint64_t cost);

/* The ledger shall be asked for the balance. */
void account_look(struct account *a);

/* Whether account_next has something to ask at once. */
bool account_due(const struct account *a, int64_t now_ms);

/* The next question, if one is due; then it is open until account_answered. counter: where leases'
 * numbers come from. Of the request, kind, amount, least, total and ttl_ms are set; ret_n: the
 * lease that it is about, 0: none. */
bool account_next(struct account *a, int64_t now_ms, uint64_t *counter,
                  struct link_pay_ask *ret_request, uint64_t *ret_n);

/* The open question's answer. True: who waits may try again. */
bool account_answered(struct account *a, const struct link_pay_answer *answer, int64_t now_ms);

/* Money has come. */
void account_news(struct account *a, uint64_t balance, int64_t now_ms);

/* All leases shall go back now. */
void account_close(struct account *a);

/* The ledger knows all that was spent, and has all back. */
bool account_settled(const struct account *a);

/* What was spent and the ledger has not taken, as far as is known here. */
uint64_t account_unpaid(const struct account *a);

/* Nothing is leased or open: it can be forgotten. (What it owes for a lease that the ledger does
 * not know any more is forgotten with it.) */
bool account_idle(const struct account *a);

#endif
