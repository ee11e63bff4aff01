/* The tables of a ledger's file, and whether a file has them. */
#ifndef ORCHESTRATOR_LEDGER_LEDGER_SCHEMA_H
#define ORCHESTRATOR_LEDGER_LEDGER_SCHEMA_H

#include <sqlite3.h>

#include "orchestrator/ledger/ledger.h"

#define LEDGER_ASSET_MAX 32 /* bytes with the NUL */

/* What is read of an account, in this order: struct ledger_account. */
#define LEDGER_ACCOUNT_COLUMNS                                                                     \
    "id, free, held, last, frozen, name,"                                                          \
    " (SELECT coalesce(sum(amount), 0) FROM debts WHERE account = accounts.id)"

struct ledger_settings {
    int scale;
    char asset[LEDGER_ASSET_MAX];
};

/* Writes the tables into an empty file, and what its money is. SQLITE_OK or SQLite's code. */
int ledger_schema_make(sqlite3 *db, int scale, const char *asset);

/* Brings a ledger of an older version up to this one; anything else is left as it is. SQLITE_OK or
 * SQLite's code. */
int ledger_schema_renew(sqlite3 *db);

/* What kind of file it is. ERR_NOENT: it is empty; ERR_PROTO: no ledger, or one of another version;
 * ERR_IO: it cannot be read. ret_why: LEDGER_WHY_MAX bytes. */
enum err ledger_schema_check(sqlite3 *db, struct ledger_settings *ret_settings,
                             char *ret_why) CHECKED;

/* The one number that a statement without parameters answers; SQLITE_ROW or SQLite's code. */
int ledger_schema_number(sqlite3 *db, const char *sql, int64_t *ret_number);

/* Words for a person about why a file could not be used, and what to do. */
const char *ledger_schema_words(int code);

#endif
