/* Reading a ledger's file: accounts, the journal, and whether they agree. It writes nothing, needs
 * no running orchestrator, and disturbs none: everything of one call is as of one instant. Blocks.
 * One thread for each reader. */
#ifndef ORCHESTRATOR_LEDGER_LEDGER_READER_H
#define ORCHESTRATOR_LEDGER_LEDGER_READER_H

#include "orchestrator/ledger/ledger_store.h"

struct ledger_reader;

/* ERR_NOENT: there is no such file; ERR_PROTO: it is no ledger; ERR_IO: ret_why (LEDGER_WHY_MAX
 * bytes) says why. Gives. */
enum err ledger_reader_open(const char *path, struct ledger_reader **ret_reader,
                            char *ret_why) CHECKED;
void ledger_reader_close(struct ledger_reader *r); /* takes NULL */

/* From another thread, while the reader is open: what it does ends soon, with ERR_IO. */
void ledger_reader_interrupt(struct ledger_reader *r);

int ledger_reader_scale(const struct ledger_reader *r);
const char *ledger_reader_asset(const struct ledger_reader *r);

/* Functions below: ERR_IO, and then ledger_reader_why says why. */
const char *ledger_reader_why(const struct ledger_reader *r);

/* Up to limit accounts in the order of their names' bytes, those behind `after` ("": all). What is
 * given to fn is borrowed for the call. */
typedef void ledger_account_fn(void *arg, const struct ledger_account *a);
enum err ledger_reader_accounts(struct ledger_reader *r, const char *after, long limit,
                                ledger_account_fn *fn, void *arg) CHECKED;

/* ERR_NOENT. */
enum err ledger_reader_account(struct ledger_reader *r, const char *name,
                               struct ledger_account *ret_account) CHECKED;

/* A posting of an entry, as a person wants to see it. Texts are borrowed for the call. */
struct ledger_line {
    int64_t entry, at_ms;
    const char *kind, *key; /* key: "": none */
    const char *account;
    int64_t free, held;             /* what it added */
    int64_t free_after, held_after; /* what the account had then; of ledger_reader_history */
};
typedef void ledger_line_fn(void *arg, const struct ledger_line *line);

/* An account, and its newest entries, up to limit, newest first. ERR_NOENT: there is none. */
enum err ledger_reader_history(struct ledger_reader *r, const char *name, long limit,
                               struct ledger_account *ret_account, ledger_line_fn *fn,
                               void *arg) CHECKED;

/* The journal from behind entry `after` on (0: all), up to limit entries, each with all of its
 * lines. ret_last: the last one (after, when there were none). */
enum err ledger_reader_journal(struct ledger_reader *r, int64_t after, long limit,
                               ledger_line_fn *fn, void *arg, int64_t *ret_last) CHECKED;

/* --- audit --- */

struct ledger_audit {
    int64_t accounts, entries, postings, sources, holds; /* looked at */
    int64_t held;                                        /* in open holds, all together */
    int64_t owed;                                        /* debts, all together */
    int64_t faults; /* 0: every balance is what the journal says */
};

/* A sentence on something that does not agree. */
typedef void ledger_fault_fn(void *arg, const char *sentence);

/* Computes every balance from the journal. Looked at: each entry adds up to zero; each account's
 * free and held money is what its postings add up to, after none of them below zero (free: but for
 * "world:..."); the chain of its entries is whole; open holds add up to what is held; each source's
 * total is what it has credited, to one account; the file itself is sound. Its memory grows with
 * the accounts, not with the journal. */
enum err ledger_reader_audit(struct ledger_reader *r, ledger_fault_fn *fn, void *arg,
                             struct ledger_audit *ret_audit) CHECKED;

#endif
