/* Inside of ledger_sqlite.h. */
#ifndef ORCHESTRATOR_LEDGER_LEDGER_SQLITE_IMPL_H
#define ORCHESTRATOR_LEDGER_LEDGER_SQLITE_IMPL_H

#include "orchestrator/ledger/ledger_cache.h"
#include "orchestrator/ledger/ledger_schema.h"
#include "orchestrator/ledger/ledger_sqlite.h"

enum sqlite_statement {
    ST_BEGIN,
    ST_COMMIT,
    ST_ROLLBACK,
    ST_DATA_VERSION,
    ST_LAST_ENTRY,
    ST_COUNT_ACCOUNTS,
    ST_ACCOUNT_NAMED,
    ST_ACCOUNT_AT,
    ST_ACCOUNT_NEW,
    ST_ACCOUNT_SET,
    ST_ENTRY,
    ST_POSTING,
    ST_SPEND_FIND,
    ST_GRANT_FIND,
    ST_MOVED,
    ST_SOURCE_FIND,
    ST_SOURCE_PUT,
    ST_HOLD_FIND,
    ST_HOLD_PUT,
    ST_HOLD_DROP,
    ST_HOLD_FIRST,
    ST_DEBT_MORE,
    ST_DEBT_LESS,
    ST_DEBT_DROP,
    ST_DEBT_FIRST,
    ST_N_,
};

struct ledger_sqlite {
    struct ledger_store store;
    sqlite3 *db;
    sqlite3_stmt *st[ST_N_];
    struct ledger_cache *cache;
    int64_t version;    /* of the data, as other connections change it */
    int64_t last_entry; /* with those of this transaction */
    int64_t n_accounts;
};

struct ledger_sqlite *sqlite_of(struct ledger_store *s);

/* Runs a statement that answers at most one row, which is there until sqlite_finish (which returns
 * what it is given). ERR_NOENT: none. */
enum err sqlite_step(struct ledger_sqlite *l, enum sqlite_statement which) CHECKED;
enum err sqlite_finish(struct ledger_sqlite *l, enum sqlite_statement which, enum err e) CHECKED;

/* Runs one that answers nothing. */
enum err sqlite_run(struct ledger_sqlite *l, enum sqlite_statement which) CHECKED;

/* Runs one that answers a number. ERR_NOENT: it has none. */
enum err sqlite_number(struct ledger_sqlite *l, enum sqlite_statement which,
                       int64_t *ret_v) CHECKED;

/* Parameters, from 1 (text is borrowed until the statement has run), and columns, from 0. */
void sqlite_bind_text(struct ledger_sqlite *l, enum sqlite_statement which, int n,
                      const char *text);
void sqlite_bind(struct ledger_sqlite *l, enum sqlite_statement which, int n, int64_t v);
int64_t sqlite_column(struct ledger_sqlite *l, enum sqlite_statement which, int n);
void sqlite_copy_text(struct ledger_sqlite *l, enum sqlite_statement which, int n, char *out,
                      size_t size);

/* Sets what the store does with rows. */
void sqlite_set_rows(struct ledger_store *s);

#endif
