/* A ledger's rows in a file of SQLite 3 (https://sqlite.org), in WAL mode with synchronous=FULL: a
 * transaction that was committed outlasts a loss of power. The file says what it is: application_id
 * LEDGER_SQLITE_ID, user_version LEDGER_SQLITE_VERSION, the scale and asset in its table settings;
 * ledger_schema.c has the tables. Others may read it while it is in use (bin/pay does, sqlite3
 * too), or copy it with sqlite3's .backup; what they change is seen from the next transaction on.
 *
 * Accounts that were used lately are kept in memory between transactions, and read anew when
 * another connection has written to the file. */
#ifndef ORCHESTRATOR_LEDGER_LEDGER_SQLITE_H
#define ORCHESTRATOR_LEDGER_LEDGER_SQLITE_H

#include "orchestrator/ledger/ledger_store.h"

#define LEDGER_SQLITE_ID      0x5342454c /* "SBEL" */
#define LEDGER_SQLITE_VERSION 3          /* 1 had no debts, 2 not what holds were given */

/* Opens the file, or makes it (mode 0600). ERR_IO: it cannot be opened, or is locked; ERR_PROTO: it
 * is no ledger, another version's, or has another scale or asset: ret_why (LEDGER_WHY_MAX bytes)
 * says so in words. Gives (close). */
enum err ledger_sqlite_open(const char *path, int scale, const char *asset,
                            struct ledger_store **ret_store, char *ret_why) CHECKED;

#endif
