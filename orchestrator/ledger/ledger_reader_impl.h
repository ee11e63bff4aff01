/* Inside of ledger_reader.h. */
#ifndef ORCHESTRATOR_LEDGER_LEDGER_READER_IMPL_H
#define ORCHESTRATOR_LEDGER_LEDGER_READER_IMPL_H

#include "orchestrator/ledger/ledger_reader.h"
#include "orchestrator/ledger/ledger_schema.h"

struct ledger_reader {
    sqlite3 *db;
    struct ledger_settings settings;
    char why[LEDGER_WHY_MAX];
};

/* Notes the reason for ledger_reader_why; returns ERR_IO. */
enum err ledger_reader_fail(struct ledger_reader *r, int rc) CHECKED;

/* From here on all is as of one instant; `end` takes what went before and returns it. */
enum err ledger_reader_begin(struct ledger_reader *r) CHECKED;
enum err ledger_reader_end(struct ledger_reader *r, enum err e) CHECKED;

enum err ledger_reader_prepare(struct ledger_reader *r, const char *sql,
                               sqlite3_stmt **ret_st) CHECKED;

/* ERR_OK: a row is there; ERR_NOENT: no more; ERR_IO. */
enum err ledger_reader_step(struct ledger_reader *r, sqlite3_stmt *st) CHECKED;

#endif
