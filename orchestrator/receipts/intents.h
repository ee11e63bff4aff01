/* What a service of somebody else's is asked about: each receipt is noted before it is asked, what
 * it said before that is credited, and its end after that. So a receipt whose answer was lost, or
 * whose credit was, is known after a crash, and its money is not lost.
 *
 * What changes is put as lines into a journal; a journal read from its start makes the same table
 * again. Pure; one thread. */
#ifndef ORCHESTRATOR_RECEIPTS_INTENTS_H
#define ORCHESTRATOR_RECEIPTS_INTENTS_H

#include "base/buf.h"
#include "base/list.h"
#include "orchestrator/ledger/ledger.h"
#include "orchestrator/receipts/receipt.h"

#define INTENTS_MAX         4096 /* receipts without an end */
#define INTENTS_STREAMS_MAX 4096 /* of which it is known how much was counted: the newest ones */
#define INTENTS_JOURNAL_MAX (16 * 1024 * 1024)

struct intent {
    struct list node;
    struct receipt receipt;
    char text[RECEIPT_TEXT_MAX + 1];
    char account[LEDGER_NAME_MAX];
    bool is_open;    /* somebody is at it now */
    bool is_waiting; /* only the stream's next receipt can say what came of it */
    bool is_got;     /* the service has counted it: what is over `base` is the account's */
    uint64_t base;
};

struct intents;

/* Gives. */
struct intents *intents_create(void);
void intents_destroy(struct intents *n); /* takes NULL */

/* NULL: there is none of this receipt for this account. */
struct intent *intents_find(const struct intents *n, struct span text, const char *account);

/* NULL: there are too many (the oldest that waits goes first), or the journal is full. text: at
 * most RECEIPT_TEXT_MAX bytes without blanks. */
struct intent *intents_ask(struct intents *n, struct span text, const struct receipt *r,
                           const char *account, struct buf *journal);

/* The service has counted it, from base on. An older one of the same stream and account that ends
 * at base was counted before, for us: it is got, too. */
enum err intents_got(struct intents *n, struct intent *it, uint64_t base,
                     struct buf *journal) CHECKED;

/* It is credited, or is worth nothing. Takes it. */
enum err intents_end(struct intents *n, struct intent *it, struct buf *journal) CHECKED;

/* What the service has counted of the receipt's stream, as far as is known; 0: nothing is. */
uint64_t intents_counted(const struct intents *n, const struct receipt *r);

/* One that nobody is at and that waits for nothing, the oldest; NULL: there is none. */
struct intent *intents_left(const struct intents *n);

size_t intents_count(const struct intents *n);

enum err intents_save(const struct intents *n, struct buf *out) CHECKED;

/* A last line without its end does not count. ERR_PROTO: *ret_line is none of ours. */
enum err intents_load(struct intents *n, struct span journal, size_t *ret_line) CHECKED;

#endif
