/* What the paywall's files share; nobody else includes it. */
#ifndef BROADCASTER_PAYWALL_PAYWALL_INTERNAL_H
#define BROADCASTER_PAYWALL_PAYWALL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/id.h"
#include "base/recents.h"
#include "broadcaster/paywall/account.h"
#include "broadcaster/paywall/paid.h"
#include "broadcaster/paywall/paywall.h"
#include "broadcaster/paywall/preview.h"
#include "broadcaster/paywall/preview_file.h"
#include "broadcaster/paywall/rates.h"
#include "broadcaster/viewers/audience.h"

#define PAYWALL_SHARDS  16
#define PAYWALL_BUCKETS 2048  /* of a shard */
#define PAYWALL_HOP_MS  6000  /* for an answer of the ledger */
#define PAYWALL_KEEP_MS 60000 /* an account that nobody uses is known for so long */
/* And so long when it paid for segments, which may still be fetched again, while there are few. */
#define PAYWALL_PAID_KEEP_MS 900000
#define PAYWALL_FEW          (PAYWALL_ACCOUNTS_MAX / 4)
#define PAYWALL_PAYERS_MAX   65536
#define PAYWALL_REPORT_MS    10000 /* what goes wrong all the time is said so often */

/* A stream that an account paid for. */
struct paywall_stream {
    char id[ID_MAX + 1];
    uint32_t carried; /* toll_cost */
    int64_t used_ms;
    struct paid paid;
};

struct paywall_shard {
    pthread_mutex_t lock; /* of all accounts in it */
    struct list buckets[PAYWALL_BUCKETS];
    struct list all;
};

struct paywall_account {
    struct list node, all; /* of a bucket; of the shard */
    struct paywall *paywall;
    struct paywall_shard *shard;
    char name[PAYWALL_NAME_MAX];
    uint64_t hash;

    /* Under the shard's lock: */
    struct account money;
    struct paywall_stream *streams[PAYWALL_STREAMS_MAX];
    struct list waiters;  /* for money, or for what the ledger says of it */
    struct list watchers; /* for another version */
    uint64_t version;
    uint64_t preview_told; /* what the table of previews knows to be left */
    size_t refs;
    bool queued; /* the loop looks at it soon, */
    bool wakes;  /* and lets who waits try again */
    bool pays;   /* it has, or had, money in the ledger */
    int64_t used_ms;
    int64_t excused_ms; /* when a piece that was not sent whole last cost nothing; 0: never */
    struct list due;    /* loop's thread */
};

struct paywall {
    struct paywall_config config;
    struct mailbox *accounts;  /* struct paywall_account: somebody needs something */
    struct mailbox *questions; /* struct paywall_ask */
    struct loop_timer *tick;
    uint64_t rounds;
    uint64_t leases; /* counter of their numbers; loop's thread */
    char instance[33];

    struct audience_salt salt;
    struct paywall_shard *shards;
    pthread_mutex_t lock; /* of those up to `payers`; the last one taken */
    struct list open_asks;
    struct preview *preview;
    struct preview_file *preview_file; /* loop's thread; NULL: it is not kept */
    struct rates *rates, *sites, *payers_rates;
    struct recents *payers; /* accounts that had money when they were last known: when they come
                             * back they need not wait behind all others of their address */
    atomic_bool closing, stopping;
    atomic_size_t n_accounts, n_waiting;
    atomic_ullong earned, refused, waits;
    int64_t reported_ms; /* loop's thread, as the next */
    int64_t untaken_ms;  /* when it was last said that payments are not credited; 0: never */
};

/* Under the shard's lock: the loop shall look at it, if it has something to ask. */
void paywall_need(struct paywall_account *a, int64_t now_ms);

/* Under the shard's lock: there is credit again, other than by money that came. */
void paywall_wake(struct paywall_account *a);

/* Under the shard's lock. False: nobody may wait any more. */
bool paywall_hold(struct paywall_account *a, struct list *list, struct paywall_waiter *w,
                  int64_t deadline_ms);

/* Moves all waiters of a list to another one. */
void paywall_take_all(struct list *from, struct list *to);

/* Resumes them; without a lock. */
void paywall_resume(struct paywall *p, struct list *waiters);

/* --- paywall_table.c --- */

/* Loop's thread: NULL, or an account that lives until this thread forgets it. */
struct paywall_account *paywall_find(struct paywall *p, const char *name);

/* Loop's thread, under the shard's lock: what is left of its preview. */
void paywall_tell_preview(struct paywall_account *a);

/* Loop's thread, under the shard's lock. True: nobody needs it, and it is gone. */
bool paywall_forget(struct paywall_account *a, int64_t now_ms);
void paywall_account_destroy(struct paywall_account *a);

void paywall_lock(struct paywall_account *a);
void paywall_unlock(struct paywall_account *a);

/* --- paywall_ask.c; loop's thread --- */

void paywall_on_question(void *arg, void *item);
void paywall_end_questions(struct paywall *p);
void paywall_free_questions(struct paywall *p);

#endif
