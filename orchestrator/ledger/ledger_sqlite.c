#include "orchestrator/ledger/ledger_sqlite_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "orchestrator/ledger/ledger_schema.h"

#define BUSY_MS   400 /* how long another program may keep the file locked */
#define CACHE_KIB 32768
#define WAL_PAGES 8192 /* after so many the file itself is written: rarely, and in one go */
#define WAL_KEPT  (64 * 1024 * 1024)

static const char *const sql[ST_N_] = {
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_DATA_VERSION] = "PRAGMA data_version",
    [ST_LAST_ENTRY] = "SELECT coalesce(max(id), 0) FROM entries",
    [ST_COUNT_ACCOUNTS] = "SELECT count(*) FROM accounts",
    [ST_ACCOUNT_NAMED] = ("SELECT " LEDGER_ACCOUNT_COLUMNS " FROM accounts WHERE name = ?"),
    [ST_ACCOUNT_AT] = ("SELECT " LEDGER_ACCOUNT_COLUMNS " FROM accounts WHERE id = ?"),
    [ST_ACCOUNT_NEW] = "INSERT INTO accounts VALUES(NULL, ?, 0, 0, 0, 0)",
    [ST_ACCOUNT_SET] =
        "UPDATE accounts SET free = ?2, held = ?3, last = ?4, frozen = ?5 WHERE id = ?1",
    [ST_ENTRY] = "INSERT INTO entries VALUES(?, ?, ?, ?)",
    [ST_POSTING] = "INSERT INTO postings VALUES(?, ?, ?, ?, ?)",
    [ST_SPEND_FIND] = "SELECT id FROM entries WHERE key = ? AND kind = 2",
    [ST_GRANT_FIND] = "SELECT id FROM entries WHERE key = ? AND kind = 7",
    [ST_MOVED] = "SELECT account, free FROM postings WHERE entry = ?",
    [ST_SOURCE_FIND] = "SELECT account, total FROM sources WHERE key = ?",
    [ST_SOURCE_PUT] =
        "INSERT INTO sources VALUES(?, ?, ?) ON CONFLICT(key) DO UPDATE SET total = ?3",
    [ST_HOLD_FIND] = "SELECT * FROM holds WHERE key = ?",
    [ST_HOLD_PUT] = "REPLACE INTO holds VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
    [ST_HOLD_DROP] = "DELETE FROM holds WHERE key = ?",
    [ST_HOLD_FIRST] = "SELECT * FROM holds ORDER BY until_ms LIMIT 1",
    [ST_DEBT_MORE] = ("INSERT INTO debts VALUES(?1, ?2, ?3)"
                      " ON CONFLICT(account, payee) DO UPDATE SET amount = amount + ?3"),
    [ST_DEBT_LESS] = "UPDATE debts SET amount = amount + ?3 WHERE account = ?1 AND payee = ?2",
    [ST_DEBT_DROP] = "DELETE FROM debts WHERE account = ?1 AND payee = ?2 AND amount = 0",
    [ST_DEBT_FIRST] = "SELECT payee, amount FROM debts WHERE account = ? LIMIT 1",
};

struct ledger_sqlite *sqlite_of(struct ledger_store *s)
{
    return (struct ledger_sqlite *)s; /* its first member */
}

/* --- statements --- */

/* Of an error in reading or writing the system says more than SQLite does. */
static enum err sqlite_fail(struct ledger_sqlite *l, int rc, int system_errno)
{
    bool more = (rc & 0xff) == SQLITE_IOERR && system_errno != 0;
    snprintf(l->store.why, sizeof l->store.why, "%s (SQLite: %s%s%s)", ledger_schema_words(rc),
             sqlite3_errstr(rc), more ? ": " : "", more ? strerror(system_errno) : "");
    return ERR_IO;
}

/* Runs one that answers at most one row, which is there until `finish`. */
enum err sqlite_step(struct ledger_sqlite *l, enum sqlite_statement which)
{
    errno = 0;
    int rc = sqlite3_step(l->st[which]), system_errno = errno;
    return rc == SQLITE_ROW    ? ERR_OK
           : rc == SQLITE_DONE ? ERR_NOENT
                               : sqlite_fail(l, rc, system_errno);
}

enum err sqlite_finish(struct ledger_sqlite *l, enum sqlite_statement which, enum err e)
{
    sqlite3_reset(l->st[which]);
    return e;
}

/* Runs one that answers nothing. */
enum err sqlite_run(struct ledger_sqlite *l, enum sqlite_statement which)
{
    enum err e = sqlite_finish(l, which, sqlite_step(l, which));
    return e == ERR_NOENT ? ERR_OK : e;
}

void sqlite_bind_text(struct ledger_sqlite *l, enum sqlite_statement which, int n, const char *text)
{
    sqlite3_bind_text(l->st[which], n, text, (int)strlen(text), SQLITE_STATIC);
}

void sqlite_bind(struct ledger_sqlite *l, enum sqlite_statement which, int n, int64_t v)
{
    sqlite3_bind_int64(l->st[which], n, v);
}

int64_t sqlite_column(struct ledger_sqlite *l, enum sqlite_statement which, int n)
{
    return sqlite3_column_int64(l->st[which], n);
}

enum err sqlite_number(struct ledger_sqlite *l, enum sqlite_statement which, int64_t *ret_v)
{
    enum err e = sqlite_step(l, which);
    if (e == ERR_OK) {
        *ret_v = sqlite_column(l, which, 0);
    }
    return sqlite_finish(l, which, e);
}

void sqlite_copy_text(struct ledger_sqlite *l, enum sqlite_statement which, int n, char *out,
                      size_t size)
{
    const unsigned char *text = sqlite3_column_text(l->st[which], n);
    snprintf(out, size, "%s", text != NULL ? (const char *)text : "");
}

/* --- transactions --- */

static void forget(struct ledger_sqlite *l)
{
    ledger_cache_clear(l->cache);
    l->version = -1;
}

static void rollback(struct ledger_store *s)
{
    struct ledger_sqlite *l = sqlite_of(s);
    if (!sqlite3_get_autocommit(l->db)) {
        sqlite3_step(l->st[ST_ROLLBACK]); /* what cannot be rolled back has been already */
        sqlite3_reset(l->st[ST_ROLLBACK]);
        forget(l);
    }
}

/* A file that was moved away goes on to be written, and nobody would find what is in it. */
static enum err check_place(struct ledger_sqlite *l)
{
    int moved = 0;
    if (sqlite3_file_control(l->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved) {
        snprintf(l->store.why, sizeof l->store.why,
                 "the file was moved or deleted while it was in use: bring it back, or start anew");
        return ERR_IO;
    }
    return ERR_OK;
}

/* What is in memory is right as long as nobody else wrote. */
static enum err look_again(struct ledger_sqlite *l)
{
    int64_t version;
    enum err e = sqlite_number(l, ST_DATA_VERSION, &version);
    if (e != ERR_OK || version == l->version) {
        return e;
    }
    ledger_cache_clear(l->cache);
    e = sqlite_number(l, ST_LAST_ENTRY, &l->last_entry);
    e = e == ERR_OK ? sqlite_number(l, ST_COUNT_ACCOUNTS, &l->n_accounts) : e;
    l->version = e == ERR_OK ? version : -1;
    return e;
}

static enum err begin(struct ledger_store *s)
{
    struct ledger_sqlite *l = sqlite_of(s);
    if (ledger_cache_count(l->cache) > LEDGER_CACHE_MAX) {
        ledger_cache_clear(l->cache);
    }
    enum err e = check_place(l);
    e = e == ERR_OK ? sqlite_run(l, ST_BEGIN) : e;
    e = e == ERR_OK ? look_again(l) : e;
    if (e != ERR_OK) {
        rollback(s);
        return ERR_IO;
    }
    return ERR_OK;
}

static enum err write_account(struct ledger_sqlite *l, const struct ledger_account *a)
{
    sqlite_bind(l, ST_ACCOUNT_SET, 1, a->id);
    sqlite_bind(l, ST_ACCOUNT_SET, 2, a->free);
    sqlite_bind(l, ST_ACCOUNT_SET, 3, a->held);
    sqlite_bind(l, ST_ACCOUNT_SET, 4, a->last);
    sqlite_bind(l, ST_ACCOUNT_SET, 5, a->frozen);
    return sqlite_run(l, ST_ACCOUNT_SET);
}

static enum err commit(struct ledger_store *s)
{
    struct ledger_sqlite *l = sqlite_of(s);
    const struct ledger_account *a;
    enum err e = ERR_OK;
    while (e == ERR_OK && (a = ledger_cache_take_touched(l->cache)) != NULL) {
        e = write_account(l, a);
    }
    e = e == ERR_OK ? sqlite_run(l, ST_COMMIT) : e;
    if (e != ERR_OK) {
        rollback(s);
        forget(l); /* a commit that failed may have ended the transaction already */
        return ERR_IO;
    }
    s->accounts = l->n_accounts;
    s->entries = l->last_entry;
    return ERR_OK;
}

/* --- open and close --- */

static void close_store(struct ledger_store *s)
{
    struct ledger_sqlite *l = sqlite_of(s);
    if (l->db != NULL) {
        rollback(s);
    }
    for (int i = 0; i < ST_N_; i++) {
        sqlite3_finalize(l->st[i]);
    }
    sqlite3_close(l->db);
    ledger_cache_destroy(l->cache);
    mem_free(l);
}

/* SQLite would make it readable for others; its further files follow the first one's mode. */
static enum err make_private(const char *path, char *ret_why)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0) {
        snprintf(ret_why, LEDGER_WHY_MAX, "it cannot be opened: %s", strerror(errno));
        return ERR_IO;
    }
    close(fd);
    return ERR_OK;
}

static int configure(sqlite3 *db)
{
    char text[256];
    int64_t unused;
    snprintf(text, sizeof text,
             "PRAGMA synchronous = FULL; PRAGMA cache_size = -%d; PRAGMA wal_autocheckpoint = %d;"
             "PRAGMA journal_size_limit = %d; PRAGMA trusted_schema = OFF;",
             CACHE_KIB, WAL_PAGES, WAL_KEPT);
    sqlite3_busy_timeout(db, BUSY_MS);
    /* Asked for with a statement of its own, because it answers what it is now. */
    int rc = ledger_schema_number(db, "PRAGMA journal_mode = WAL", &unused);
    return rc == SQLITE_ROW ? sqlite3_exec(db, text, NULL, NULL, NULL) : rc;
}

static enum err refuse_settings(const struct ledger_settings *has, int scale, const char *asset,
                                char *ret_why)
{
    if (has->scale == scale && strcmp(has->asset, asset) == 0) {
        return ERR_OK;
    }
    snprintf(ret_why, LEDGER_WHY_MAX,
             "its money is %s with %d digits behind the point, not %s with %d: start with what it "
             "has (-ledgerAsset, -ledgerScale), or name another file",
             has->asset, has->scale, asset, scale);
    return ERR_PROTO;
}

static enum err open_file(struct ledger_sqlite *l, const char *path, int scale, const char *asset,
                          char *ret_why)
{
    struct ledger_settings has;
    int rc = sqlite3_open_v2(path, &l->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    enum err e = ERR_NOENT;
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(l->db, BUSY_MS);
        rc = ledger_schema_renew(l->db);
    }
    if (rc == SQLITE_OK) {
        e = ledger_schema_check(l->db, &has, ret_why);
    }
    if (e != ERR_OK && e != ERR_NOENT) {
        return e;
    }
    e = e == ERR_OK ? refuse_settings(&has, scale, asset, ret_why) : e;
    if (e == ERR_PROTO) {
        return e;
    }
    rc = rc == SQLITE_OK ? configure(l->db) : rc;
    rc = rc == SQLITE_OK && e == ERR_NOENT ? ledger_schema_make(l->db, scale, asset) : rc;
    for (int i = 0; rc == SQLITE_OK && i < ST_N_; i++) {
        rc = sqlite3_prepare_v3(l->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &l->st[i], NULL);
    }
    if (rc != SQLITE_OK) {
        snprintf(ret_why, LEDGER_WHY_MAX, "%s (SQLite: %s)", ledger_schema_words(rc),
                 sqlite3_errstr(rc));
        return ERR_IO;
    }
    return ERR_OK;
}

/* Its count of all memory in use costs a lock at each allocation. */
static void configure_library(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum err ledger_sqlite_open(const char *path, int scale, const char *asset,
                            struct ledger_store **ret_store, char *ret_why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_library);
    enum err e = make_private(path, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    struct ledger_sqlite *l = mem_alloc(sizeof *l);
    l->store = (struct ledger_store){
        .begin = begin,
        .commit = commit,
        .rollback = rollback,
        .close = close_store,
    };
    sqlite_set_rows(&l->store);
    l->version = -1;
    l->cache = ledger_cache_create();
    e = open_file(l, path, scale, asset, ret_why);
    /* What it has, and whether it can be written. */
    if (e == ERR_OK && (begin(&l->store) != ERR_OK || commit(&l->store) != ERR_OK)) {
        snprintf(ret_why, LEDGER_WHY_MAX, "%s", l->store.why);
        e = ERR_IO;
    }
    if (e != ERR_OK) {
        close_store(&l->store);
        return e;
    }
    *ret_store = &l->store;
    return ERR_OK;
}
