/* Accounts in memory, by name and by number. Pure. One thread. */
#ifndef ORCHESTRATOR_LEDGER_LEDGER_CACHE_H
#define ORCHESTRATOR_LEDGER_LEDGER_CACHE_H

#include "orchestrator/ledger/ledger_store.h"

/* What is kept at most between two transactions: some 30 MB. */
#define LEDGER_CACHE_MAX 65536

struct ledger_cache;

struct ledger_cache *ledger_cache_create(void);
void ledger_cache_destroy(struct ledger_cache *c); /* takes NULL */

/* NULL: it is not here. Borrowed until ledger_cache_clear. */
struct ledger_account *ledger_cache_named(struct ledger_cache *c, const char *name);
struct ledger_account *ledger_cache_at(struct ledger_cache *c, int64_t id);

/* Copies it in; neither its name nor its number may be there. */
struct ledger_account *ledger_cache_add(struct ledger_cache *c, const struct ledger_account *a);

/* That it was changed. */
void ledger_cache_touch(struct ledger_cache *c, struct ledger_account *a);

/* Takes one that was touched; NULL: there is none any more. */
struct ledger_account *ledger_cache_take_touched(struct ledger_cache *c);

size_t ledger_cache_count(const struct ledger_cache *c);
void ledger_cache_clear(struct ledger_cache *c);

#endif
