#include "orchestrator/ledger/ledger_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/ledger/ledger_sqlite.h"

/* Money is in the ledger's smallest unit; times are milliseconds since 1970.
 *
 * accounts: `free` and `held` are the sums of the account's postings, `last` is its newest entry.
 * entries, postings: the journal; nothing in it is ever changed. Of one entry all `free` and `held`
 * add up to zero. `prev` is the entry before that touches the same account (0: none), so that an
 * account's history is found without an index. kind: see enum ledger_kind. key: the source of a
 * credit, the hold, or what a spend or grant was asked under.
 * sources: `total` is the highest that was ever credited, as a number of 64 bits without a sign
 * (one below zero here is that much below 2^64).
 * holds: of one that is over, `left` is 0, and `until_ms` is when it is forgotten. `given`: see
 * struct ledger_hold.
 * debts: what an account owes to another one and could not pay, or has not paid yet. */
#define DEBTS                                                                                      \
    "CREATE TABLE debts("                                                                          \
    " account INTEGER NOT NULL, payee INTEGER NOT NULL, amount INTEGER NOT NULL,"                  \
    " PRIMARY KEY(account, payee), CHECK(amount >= 0)) STRICT, WITHOUT ROWID;"

#define GIVEN                                                                                      \
    "ALTER TABLE holds ADD COLUMN given INTEGER NOT NULL DEFAULT 0;"                               \
    "UPDATE holds SET given = max(left, charged);"

static const char tables[] = DEBTS
    "CREATE TABLE settings(name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE accounts("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, free INTEGER NOT NULL,"
    " held INTEGER NOT NULL, last INTEGER NOT NULL, frozen INTEGER NOT NULL,"
    " CHECK(held >= 0 AND (free >= 0 OR name GLOB 'world:*'))) STRICT;"
    "CREATE TABLE entries("
    " id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind INTEGER NOT NULL, key TEXT) STRICT;"
    "CREATE UNIQUE INDEX spends_once ON entries(key) WHERE kind = 2 AND key IS NOT NULL;"
    "CREATE UNIQUE INDEX grants_once ON entries(key) WHERE kind = 7 AND key IS NOT NULL;"
    "CREATE TABLE postings("
    " entry INTEGER NOT NULL, account INTEGER NOT NULL, free INTEGER NOT NULL,"
    " held INTEGER NOT NULL, prev INTEGER NOT NULL, PRIMARY KEY(entry, account))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE sources("
    " key TEXT PRIMARY KEY NOT NULL, account INTEGER NOT NULL, total INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE holds("
    " key TEXT PRIMARY KEY NOT NULL, account INTEGER NOT NULL, left INTEGER NOT NULL,"
    " charged INTEGER NOT NULL, ttl_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,"
    " state INTEGER NOT NULL, given INTEGER NOT NULL DEFAULT 0, CHECK(left >= 0))"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX holds_until ON holds(until_ms);";

static int set(sqlite3 *db, const char *name, const char *value)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, "INSERT INTO settings VALUES(?, ?)", -1, &st, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 2, value, -1, SQLITE_STATIC);
        rc = sqlite3_step(st);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int ledger_schema_make(sqlite3 *db, int scale, const char *asset)
{
    char mark[96], digits[16];
    snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             LEDGER_SQLITE_ID, LEDGER_SQLITE_VERSION);
    snprintf(digits, sizeof digits, "%d", scale);
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    rc = rc == SQLITE_OK ? sqlite3_exec(db, tables, NULL, NULL, NULL) : rc;
    rc = rc == SQLITE_OK ? sqlite3_exec(db, mark, NULL, NULL, NULL) : rc;
    rc = rc == SQLITE_OK ? set(db, "scale", digits) : rc;
    rc = rc == SQLITE_OK ? set(db, "asset", asset) : rc;
    return rc == SQLITE_OK ? sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) : rc;
}

/* Of no ledger, or a newer one, nothing is touched. */
int ledger_schema_renew(sqlite3 *db)
{
    char text[512];
    int64_t id = 0, version = 0;
    int rc = ledger_schema_number(db, "PRAGMA application_id", &id);
    rc = rc == SQLITE_ROW ? ledger_schema_number(db, "PRAGMA user_version", &version) : rc;
    if (rc != SQLITE_ROW || id != LEDGER_SQLITE_ID || version < 1 ||
        version >= LEDGER_SQLITE_VERSION) {
        return SQLITE_OK; /* ledger_schema_check says what is wrong */
    }
    snprintf(text, sizeof text, "BEGIN IMMEDIATE; %s" GIVEN "PRAGMA user_version = %d; COMMIT",
             version == 1 ? DEBTS : "", LEDGER_SQLITE_VERSION);
    rc = sqlite3_exec(db, text, NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return rc;
}

int ledger_schema_number(sqlite3 *db, const char *sql, int64_t *ret_number)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        *ret_number = sqlite3_column_int64(st, 0);
    }
    sqlite3_finalize(st);
    return rc;
}

static bool read_setting(sqlite3 *db, const char *name, char *out, size_t size)
{
    sqlite3_stmt *st = NULL;
    bool found = false;
    if (sqlite3_prepare_v2(db, "SELECT value FROM settings WHERE name = ?", -1, &st, NULL) ==
        SQLITE_OK) {
        sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
        found = sqlite3_step(st) == SQLITE_ROW;
    }
    if (found) {
        snprintf(out, size, "%s", (const char *)sqlite3_column_text(st, 0));
    }
    sqlite3_finalize(st);
    return found;
}

const char *ledger_schema_words(int code)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return "the disk is full: make room";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "another program keeps the file locked: end what it does there";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return "the file or its folder cannot be written: give this user the right to";
    case SQLITE_CANTOPEN:
        return "the file cannot be opened: look at its folder and its rights";
    case SQLITE_CORRUPT:
        return "the file is damaged: stop, and bring back a copy of it";
    case SQLITE_NOTADB:
        return "the file is no ledger: name another one";
    case SQLITE_IOERR:
        return "the disk could not be read or written: look at its room and its health";
    case SQLITE_INTERRUPT:
        return "it was interrupted";
    case SQLITE_NOMEM:
        return "there is no memory left";
    default:
        return "the database refused it";
    }
}

static enum err read_settings(sqlite3 *db, struct ledger_settings *ret_settings, char *ret_why)
{
    char scale[16];
    struct ledger_settings s;
    if (!read_setting(db, "scale", scale, sizeof scale) ||
        !read_setting(db, "asset", s.asset, sizeof s.asset)) {
        snprintf(ret_why, LEDGER_WHY_MAX, "the ledger does not say what its money is");
        return ERR_PROTO;
    }
    s.scale = atoi(scale);
    *ret_settings = s;
    return ERR_OK;
}

enum err ledger_schema_check(sqlite3 *db, struct ledger_settings *ret_settings, char *ret_why)
{
    int64_t id = 0, version = 0, tables_there = 0;
    int rc = ledger_schema_number(db, "PRAGMA application_id", &id);
    rc = rc == SQLITE_ROW ? ledger_schema_number(db, "PRAGMA user_version", &version) : rc;
    rc = rc == SQLITE_ROW
             ? ledger_schema_number(db, "SELECT count(*) FROM sqlite_schema", &tables_there)
             : rc;
    if (rc != SQLITE_ROW) {
        snprintf(ret_why, LEDGER_WHY_MAX, "%s", ledger_schema_words(rc));
        return rc == SQLITE_NOTADB ? ERR_PROTO : ERR_IO;
    }
    if (id == 0 && version == 0 && tables_there == 0) {
        return ERR_NOENT;
    }
    if (id != LEDGER_SQLITE_ID) {
        snprintf(ret_why, LEDGER_WHY_MAX, "the file is a database, but no ledger: name another");
        return ERR_PROTO;
    }
    if (version != LEDGER_SQLITE_VERSION) {
        snprintf(ret_why, LEDGER_WHY_MAX,
                 version < LEDGER_SQLITE_VERSION
                     ? "the ledger is of version %lld, and this program knows %d: start the "
                       "orchestrator on it once, which renews it"
                     : "the ledger is of version %lld, and this program knows %d: use the program "
                       "that made it, or a newer one",
                 (long long)version, LEDGER_SQLITE_VERSION);
        return ERR_PROTO;
    }
    return read_settings(db, ret_settings, ret_why);
}
