/* What one broadcaster's account has set aside for its rungs: a hold in the ledger, from which jobs
 * are reserved when they open, for the longest segment that there may be, and charged for the
 * pixels that were passed on: the cost is noted in the ledger at once, and paid out a little later,
 * so that the journal has few entries. What the hold does not cover is the account's debt there.
 * Pure: says what to ask of the ledger, one question at a time, and is
 * told what came of it. Loop's thread. */
#ifndef ORCHESTRATOR_PRICING_PURSE_H
#define ORCHESTRATOR_PRICING_PURSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PURSE_NAME_MAX  200
#define PURSE_PAYEE_MAX 200
#define PURSE_DUE_MAX   1024  /* transcoders that are owed something at once */
#define PURSE_RENEW_MS  10000 /* a hold is renewed so often */
#define PURSE_TTL_MS    60000 /* and runs out by itself after so long without */
#define PURSE_NOTE_MS   100   /* what it costs is noted so often, */
#define PURSE_PAY_MS    1000  /* and what is noted is paid so often */
#define PURSE_BACK_MS   3000  /* who has not made up for what was no good by then gives it back */
#define PURSE_TRUST_MS                                                                             \
    2000 /* jobs may open so long before the ledger has said that there is money */
#define PURSE_RETRY_MS 1000 /* what the ledger did not take is asked again at most so often */

struct tariff {
    uint64_t amount, pixels; /* so much for so many pixels of rungs; both at least 1 */
};

/* What so many pixels cost, rounded down; UINT64_MAX when it is more than fits. */
uint64_t tariff_cost(const struct tariff *t, uint64_t pixels);

/* What is owed to one transcoder and not in the ledger yet. */
struct purse_due {
    char payee[PURSE_PAYEE_MAX];
    uint64_t amount;
};

/* Shares of a unit, so that each is paid to the last fraction for what it made itself: a pixel has
 * tariff.amount of them, a unit tariff.pixels. */
__extension__ typedef unsigned __int128 purse_shares;

/* What a transcoder has made and not been paid for, as it is less than a unit: it is paid with what
 * it makes next. */
struct purse_rest {
    char payee[PURSE_PAYEE_MAX];
    uint64_t shares;
};

/* What a transcoder was paid for and has to make once more, or to give back. */
struct purse_back {
    char payee[PURSE_PAYEE_MAX];
    purse_shares shares;
    int64_t since_ms; /* when it came to be a unit or more */
};

struct purse {
    char account[PURSE_NAME_MAX];
    struct tariff tariff;
    uint64_t held;     /* in the ledger's hold, as it was last said */
    uint64_t reserved; /* of open jobs */
    uint64_t largest;  /* the dearest job so far */
    uint64_t earned;   /* what all pixels that were passed on cost, in whole units */
    uint64_t charged;  /* of that, what the ledger has; the hold's total so far */
    uint64_t owed;     /* of `due` together */
    uint64_t noted;    /* what the account owes in the ledger */
    uint64_t returned; /* of `earned`, what payees gave back */
    /* Who is owed: first those that the ledger is asked to note, who stay as they are until it has
     * them, then what came since; of either at most PURSE_DUE_MAX. */
    struct purse_due *due;
    size_t n_due, n_asked;
    uint64_t noting;          /* the former together */
    struct purse_rest *rests; /* PURSE_DUE_MAX: who comes beyond that takes a place with its rest */
    size_t next_rest;
    struct purse_back *back; /* NULL: there was none so far */
    size_t n_back;           /* at most PURSE_DUE_MAX: beyond that it is forgiven */
    struct purse_due taken;  /* what is being asked back; no amount: nothing is */
    bool known;              /* the ledger has answered for once */
    bool is_all;             /* the account had no more when last asked, */
    bool empty;              /* and that is not enough */
    bool is_charging;        /* a question is under way: a note */
    bool is_paying;          /* or a payment */
    bool is_holding;         /* or a hold */
    bool is_stuck;           /* the last note or payment was not taken */
    bool is_refused;         /* nor the last hold */
    uint64_t asked;          /* what that is for */
    uint32_t hold;           /* counts the holds: one that ran out is never taken up again */
    int64_t short_ms;        /* since when more is promised than held; 0: it is not */
    int64_t held_ms;         /* when the hold was last asked for */
    int64_t note_ms;         /* when notes were last asked for */
    int64_t pay_ms;          /* when a payment was last asked for */
    int64_t tried_ms;        /* when either was */
};

void purse_init(struct purse *p, const char *account, const struct tariff *tariff, int64_t now_ms);
void purse_fini(struct purse *p);

/* A job for at most so many pixels is to open. True: it may, and is reserved for. While the ledger
 * is still being asked for more it may, too. */
bool purse_reserve(struct purse *p, uint64_t pixels, int64_t now_ms);

/* It is over. */
void purse_release(struct purse *p, uint64_t pixels);

/* So many pixels that this payee made were passed on. */
void purse_earn(struct purse *p, const char *payee, uint64_t pixels);

/* So many pixels that this payee made were no good, and have been made again: as many of those that
 * it makes next cost nothing. What it has not made within PURSE_BACK_MS it gives back. */
void purse_unearn(struct purse *p, const char *payee, uint64_t pixels, int64_t now_ms);

/* More is promised than the account has: open jobs must go until it is not. */
bool purse_is_over(const struct purse *p);

/* Money has come to the account. */
void purse_news(struct purse *p);

/* A question is under way. */
bool purse_is_asking(const struct purse *p);

enum purse_ask { PURSE_NOTHING, PURSE_HOLD, PURSE_NOTE, PURSE_PAY, PURSE_BACK };

/* What to ask the ledger now, if anything; it is then under way. PURSE_HOLD: raise the hold to
 * *ret_amount, or renew it. PURSE_NOTE: its total so far is *ret_amount, and ends with what the
 * first n_asked are due. PURSE_PAY: what was noted is to be paid; the total is still *ret_amount.
 * PURSE_BACK: *ret_payee (borrowed until the answer) gives *ret_amount back to the account. all:
 * notes what is owed without waiting for PURSE_NOTE_MS, and asks nothing back. */
enum purse_ask purse_next(struct purse *p, int64_t now_ms, bool all, uint64_t *ret_amount,
                          const char **ret_payee);

/* What came of it. held: what the hold has now; noted: what the account still owes. ok: false: the
 * ledger did not take it, ask again. */
void purse_hold_answered(struct purse *p, bool ok, uint64_t held, uint64_t noted);
void purse_charge_answered(struct purse *p, bool ok, uint64_t held, uint64_t noted);

/* False: it does not have it, and makes up for it if it ever makes something again; or it is asked
 * once more. */
void purse_back_answered(struct purse *p, bool ok, int64_t now_ms);

/* The account is being let go: the next that is to give something back, as with PURSE_BACK. False:
 * nobody is. */
bool purse_take_back(struct purse *p, uint64_t *ret_amount, const char **ret_payee);

/* There is no such hold any more: the next one has another number. */
void purse_hold_lost(struct purse *p);

#endif
