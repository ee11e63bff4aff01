#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "orchestrator/ledger/ledger_reader_impl.h"

#define BUSY_MS   2000
#define PATH_SIZE 4096

enum err ledger_reader_fail(struct ledger_reader *r, int rc)
{
    snprintf(r->why, sizeof r->why, "%s (SQLite: %s)", ledger_schema_words(rc), sqlite3_errstr(rc));
    return ERR_IO;
}

enum err ledger_reader_begin(struct ledger_reader *r)
{
    int rc = sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL);
    return rc == SQLITE_OK ? ERR_OK : ledger_reader_fail(r, rc);
}

enum err ledger_reader_end(struct ledger_reader *r, enum err e)
{
    sqlite3_exec(r->db, "ROLLBACK", NULL, NULL, NULL);
    return e;
}

enum err ledger_reader_prepare(struct ledger_reader *r, const char *sql, sqlite3_stmt **ret_st)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(r->db, sql, -1, &st, NULL);
    if (rc != SQLITE_OK) {
        return ledger_reader_fail(r, rc);
    }
    *ret_st = st;
    return ERR_OK;
}

enum err ledger_reader_step(struct ledger_reader *r, sqlite3_stmt *st)
{
    int rc = sqlite3_step(st);
    return rc == SQLITE_ROW ? ERR_OK : rc == SQLITE_DONE ? ERR_NOENT : ledger_reader_fail(r, rc);
}

/* --- open --- */

/* "file:PATH?immutable=1", for a file that nobody can write: where SQLite cannot make the files
 * beside it that it wants for reading. Only when there is none of them left to read. */
static bool immutable_uri(const char *path, char *ret_uri, size_t size)
{
    static const char hex[] = "0123456789ABCDEF";
    char wal[PATH_SIZE];
    size_t n = (size_t)snprintf(ret_uri, size, "file:");
    int len = snprintf(wal, sizeof wal, "%s-wal", path);
    if (len >= (int)sizeof wal || access(wal, F_OK) == 0 || access(path, W_OK) == 0) {
        return false;
    }
    for (; *path != '\0' && n + 16 < size; path++) {
        unsigned char c = (unsigned char)*path;
        if (strchr("?#%", c) != NULL) {
            ret_uri[n++] = '%';
            ret_uri[n++] = hex[c >> 4];
            ret_uri[n++] = hex[c & 15];
        } else {
            ret_uri[n++] = (char)c;
        }
    }
    snprintf(ret_uri + n, size - n, "?immutable=1");
    return *path == '\0';
}

static int open_database(const char *path, sqlite3 **ret_db)
{
    char uri[2 * PATH_SIZE];
    bool fixed = immutable_uri(path, uri, sizeof uri);
    return sqlite3_open_v2(
        fixed ? uri : path, ret_db,
        SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | (fixed ? SQLITE_OPEN_URI : 0), NULL);
}

enum err ledger_reader_open(const char *path, struct ledger_reader **ret_reader, char *ret_why)
{
    if (access(path, F_OK) != 0) {
        snprintf(ret_why, LEDGER_WHY_MAX, "there is no such file");
        return ERR_NOENT;
    }
    struct ledger_reader *r = mem_alloc(sizeof *r);
    int rc = open_database(path, &r->db);
    enum err e = ERR_OK;
    if (rc != SQLITE_OK) {
        snprintf(ret_why, LEDGER_WHY_MAX, "%s", ledger_schema_words(rc));
        e = ERR_IO;
    }
    if (e == ERR_OK) {
        sqlite3_busy_timeout(r->db, BUSY_MS);
        e = ledger_schema_check(r->db, &r->settings, ret_why);
    }
    if (e == ERR_NOENT) {
        snprintf(ret_why, LEDGER_WHY_MAX, "the file is empty: no ledger was made there yet");
        e = ERR_PROTO;
    }
    if (e != ERR_OK) {
        ledger_reader_close(r);
        return e;
    }
    *ret_reader = r;
    return ERR_OK;
}

void ledger_reader_close(struct ledger_reader *r)
{
    if (r != NULL) {
        sqlite3_close(r->db);
        mem_free(r);
    }
}

void ledger_reader_interrupt(struct ledger_reader *r)
{
    sqlite3_interrupt(r->db);
}

int ledger_reader_scale(const struct ledger_reader *r)
{
    return r->settings.scale;
}

const char *ledger_reader_asset(const struct ledger_reader *r)
{
    return r->settings.asset;
}

const char *ledger_reader_why(const struct ledger_reader *r)
{
    return r->why;
}

/* --- accounts --- */

static const char *text_of(sqlite3_stmt *st, int n)
{
    const unsigned char *text = sqlite3_column_text(st, n);
    return text != NULL ? (const char *)text : "";
}

static void read_account(sqlite3_stmt *st, struct ledger_account *ret_account)
{
    struct ledger_account a = {
        .id = sqlite3_column_int64(st, 0),
        .free = sqlite3_column_int64(st, 1),
        .held = sqlite3_column_int64(st, 2),
        .last = sqlite3_column_int64(st, 3),
        .frozen = sqlite3_column_int64(st, 4) != 0,
        .owes = sqlite3_column_int64(st, 6),
    };
    snprintf(a.name, sizeof a.name, "%s", text_of(st, 5));
    *ret_account = a;
}

enum err ledger_reader_accounts(struct ledger_reader *r, const char *after, long limit,
                                ledger_account_fn *fn, void *arg)
{
    sqlite3_stmt *st;
    enum err e = ledger_reader_prepare(
        r, "SELECT " LEDGER_ACCOUNT_COLUMNS " FROM accounts WHERE name > ? ORDER BY name LIMIT ?",
        &st);
    if (e != ERR_OK) {
        return e;
    }
    sqlite3_bind_text(st, 1, after, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, limit);
    while ((e = ledger_reader_step(r, st)) == ERR_OK) {
        struct ledger_account a;
        read_account(st, &a);
        fn(arg, &a);
    }
    sqlite3_finalize(st);
    return e == ERR_NOENT ? ERR_OK : e;
}

enum err ledger_reader_account(struct ledger_reader *r, const char *name,
                               struct ledger_account *ret_account)
{
    sqlite3_stmt *st;
    enum err e = ledger_reader_prepare(
        r, "SELECT " LEDGER_ACCOUNT_COLUMNS " FROM accounts WHERE name = ?", &st);
    if (e != ERR_OK) {
        return e;
    }
    sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
    e = ledger_reader_step(r, st);
    if (e == ERR_OK) {
        read_account(st, ret_account);
    }
    sqlite3_finalize(st);
    return e;
}

/* --- the journal --- */

static const char *kind_text(int kind)
{
    const char *name = ledger_kind_name(kind);
    return name != NULL ? name : "unknown";
}

/* Backwards along the account's chain. */
static enum err walk_back(struct ledger_reader *r, struct ledger_account *a, long limit,
                          ledger_line_fn *fn, void *arg)
{
    sqlite3_stmt *st;
    enum err e = ledger_reader_prepare(r,
                                       "SELECT e.at_ms, e.kind, e.key, p.free, p.held, p.prev"
                                       " FROM entries e JOIN postings p ON p.entry = e.id"
                                       " WHERE e.id = ? AND p.account = ?",
                                       &st);
    if (e != ERR_OK) {
        return e;
    }
    int64_t entry = a->last;
    for (long i = 0; i < limit && entry > 0; i++) {
        sqlite3_bind_int64(st, 1, entry);
        sqlite3_bind_int64(st, 2, a->id);
        e = ledger_reader_step(r, st);
        if (e != ERR_OK) {
            break;
        }
        const struct ledger_line line = {
            .entry = entry,
            .at_ms = sqlite3_column_int64(st, 0),
            .kind = kind_text(sqlite3_column_int(st, 1)),
            .key = text_of(st, 2),
            .account = a->name,
            .free = sqlite3_column_int64(st, 3),
            .held = sqlite3_column_int64(st, 4),
            .free_after = a->free,
            .held_after = a->held,
        };
        fn(arg, &line);
        a->free -= line.free;
        a->held -= line.held;
        entry = sqlite3_column_int64(st, 5);
        sqlite3_reset(st);
    }
    sqlite3_finalize(st);
    return e == ERR_NOENT ? ledger_reader_fail(r, SQLITE_CORRUPT) : e;
}

enum err ledger_reader_history(struct ledger_reader *r, const char *name, long limit,
                               struct ledger_account *ret_account, ledger_line_fn *fn, void *arg)
{
    struct ledger_account a;
    enum err e = ledger_reader_begin(r);
    if (e != ERR_OK) {
        return e;
    }
    e = ledger_reader_account(r, name, &a);
    if (e == ERR_OK) {
        struct ledger_account back = a;
        e = walk_back(r, &back, limit, fn, arg);
    }
    if (e == ERR_OK) {
        *ret_account = a;
    }
    return ledger_reader_end(r, e);
}

enum err ledger_reader_journal(struct ledger_reader *r, int64_t after, long limit,
                               ledger_line_fn *fn, void *arg, int64_t *ret_last)
{
    sqlite3_stmt *st;
    int64_t last = after;
    enum err e = ledger_reader_prepare(
        r,
        "SELECT e.id, e.at_ms, e.kind, e.key, a.name, p.free, p.held FROM"
        " (SELECT * FROM entries WHERE id > ? ORDER BY id LIMIT ?) e"
        " JOIN postings p ON p.entry = e.id JOIN accounts a ON a.id = p.account"
        " ORDER BY e.id, p.account",
        &st);
    if (e != ERR_OK) {
        return e;
    }
    sqlite3_bind_int64(st, 1, after);
    sqlite3_bind_int64(st, 2, limit);
    while ((e = ledger_reader_step(r, st)) == ERR_OK) {
        const struct ledger_line line = {
            .entry = sqlite3_column_int64(st, 0),
            .at_ms = sqlite3_column_int64(st, 1),
            .kind = kind_text(sqlite3_column_int(st, 2)),
            .key = text_of(st, 3),
            .account = text_of(st, 4),
            .free = sqlite3_column_int64(st, 5),
            .held = sqlite3_column_int64(st, 6),
        };
        fn(arg, &line);
        last = line.entry;
    }
    sqlite3_finalize(st);
    if (e == ERR_NOENT) {
        *ret_last = last;
    }
    return e == ERR_NOENT ? ERR_OK : e;
}
