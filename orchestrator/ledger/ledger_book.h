/* The rules of the ledger: what a request does to the rows of a store. Pure but for the store: time
 * is an argument. */
#ifndef ORCHESTRATOR_LEDGER_LEDGER_BOOK_H
#define ORCHESTRATOR_LEDGER_LEDGER_BOOK_H

#include "orchestrator/ledger/ledger_store.h"

/* How long a hold that is over is still known, so that what is asked again late is recognised; and
 * one that has expired, for whoever held it is away and may yet say what it has cost. */
#define LEDGER_HOLD_KEPT_MS (24 * 3600 * 1000)
#define LEDGER_HOLD_LATE_MS (30 * (int64_t)LEDGER_HOLD_KEPT_MS)

/* ERR_OK: it has an answer, whose `why` is static; refused or not, the store's transaction can go
 * on. ret_gained: the account that has more to spend than before, or NULL. ERR_IO: the store
 * failed, and the transaction has to be rolled back. now_ms: since 1970. */
enum err ledger_book_apply(struct ledger_store *s, const struct ledger_request *r, int64_t now_ms,
                           struct ledger_answer *ret_answer,
                           struct ledger_account **ret_gained) CHECKED;

/* Ends one hold that has expired, or forgets one that was over long ago. ret_next_ms: when the next
 * one is due (INT64_MAX: never); at or before now_ms: call again. As above. */
enum err ledger_book_expire(struct ledger_store *s, int64_t now_ms, int64_t *ret_next_ms,
                            struct ledger_account **ret_gained) CHECKED;

/* 1 to LEDGER_NAME_MAX-1 bytes of UTF-8 without control characters. */
bool ledger_name_is_valid(const char *name);

#endif
