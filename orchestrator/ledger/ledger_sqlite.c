#include "orchestrator/ledger/ledger_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "orchestrator/ledger/ledger_cache.h"
#include "orchestrator/ledger/ledger_schema.h"

#define BUSY_MS   400 /* how long another program may keep the file locked */
#define CACHE_KIB 32768
#define WAL_PAGES 8192 /* after so many the file itself is written: rarely, and in one go */
#define WAL_KEPT  (64 * 1024 * 1024)

enum statement {
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
    ST_N_,
};

#define HOLD_COLUMNS "key, account, left, charged, ttl_ms, until_ms, state"

static const char *const sql[ST_N_] = {
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_DATA_VERSION] = "PRAGMA data_version",
    [ST_LAST_ENTRY] = "SELECT coalesce(max(id), 0) FROM entries",
    [ST_COUNT_ACCOUNTS] = "SELECT count(*) FROM accounts",
    [ST_ACCOUNT_NAMED] = "SELECT id, free, held, last, frozen, name FROM accounts WHERE name = ?",
    [ST_ACCOUNT_AT] = "SELECT id, free, held, last, frozen, name FROM accounts WHERE id = ?",
    [ST_ACCOUNT_NEW] = "INSERT INTO accounts VALUES(NULL, ?, 0, 0, 0, 0)",
    [ST_ACCOUNT_SET] =
        "UPDATE accounts SET free = ?2, held = ?3, last = ?4, frozen = ?5 WHERE id = ?1",
    [ST_ENTRY] = "INSERT INTO entries VALUES(?, ?, ?, ?)",
    [ST_POSTING] = "INSERT INTO postings VALUES(?, ?, ?, ?, ?)",
    [ST_SPEND_FIND] = "SELECT id FROM entries WHERE key = ? AND kind = 2",
    [ST_GRANT_FIND] = "SELECT id FROM entries WHERE key = ? AND kind = 7",
    [ST_MOVED] = "SELECT account, free FROM postings WHERE entry = ?",
    [ST_SOURCE_FIND] = "SELECT account, total FROM sources WHERE key = ?",
    [ST_SOURCE_PUT] = "INSERT INTO sources VALUES(?, ?, ?)"
                      " ON CONFLICT(key) DO UPDATE SET total = excluded.total",
    [ST_HOLD_FIND] = "SELECT " HOLD_COLUMNS " FROM holds WHERE key = ?",
    [ST_HOLD_PUT] = "INSERT INTO holds VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(key) DO UPDATE SET"
                    " left = excluded.left, charged = excluded.charged, ttl_ms = excluded.ttl_ms,"
                    " until_ms = excluded.until_ms, state = excluded.state",
    [ST_HOLD_DROP] = "DELETE FROM holds WHERE key = ?",
    [ST_HOLD_FIRST] = "SELECT " HOLD_COLUMNS " FROM holds ORDER BY until_ms LIMIT 1",
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

static struct ledger_sqlite *of(struct ledger_store *s)
{
    return (struct ledger_sqlite *)s; /* its first member */
}

/* --- statements --- */

static enum err fail(struct ledger_sqlite *l, int rc)
{
    snprintf(l->store.why, sizeof l->store.why, "%s (SQLite: %s)", ledger_schema_words(rc),
             sqlite3_errstr(rc));
    return ERR_IO;
}

/* Runs one that answers at most one row, which is there until `finish`. */
static enum err step(struct ledger_sqlite *l, enum statement which)
{
    int rc = sqlite3_step(l->st[which]);
    return rc == SQLITE_ROW ? ERR_OK : rc == SQLITE_DONE ? ERR_NOENT : fail(l, rc);
}

static enum err finish(struct ledger_sqlite *l, enum statement which, enum err e)
{
    sqlite3_reset(l->st[which]);
    return e;
}

/* Runs one that answers nothing. */
static enum err run(struct ledger_sqlite *l, enum statement which)
{
    enum err e = finish(l, which, step(l, which));
    return e == ERR_NOENT ? ERR_OK : e;
}

static void bind_text(struct ledger_sqlite *l, enum statement which, int n, const char *text)
{
    sqlite3_bind_text(l->st[which], n, text, (int)strlen(text), SQLITE_STATIC);
}

static void bind(struct ledger_sqlite *l, enum statement which, int n, int64_t v)
{
    sqlite3_bind_int64(l->st[which], n, v);
}

static int64_t column(struct ledger_sqlite *l, enum statement which, int n)
{
    return sqlite3_column_int64(l->st[which], n);
}

static enum err number(struct ledger_sqlite *l, enum statement which, int64_t *ret_v)
{
    enum err e = step(l, which);
    if (e == ERR_OK) {
        *ret_v = column(l, which, 0);
    }
    return finish(l, which, e);
}

static void copy_text(struct ledger_sqlite *l, enum statement which, int n, char *out, size_t size)
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
    struct ledger_sqlite *l = of(s);
    if (!sqlite3_get_autocommit(l->db)) {
        (void)run(l, ST_ROLLBACK); /* what cannot be rolled back has been already */
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
    enum err e = number(l, ST_DATA_VERSION, &version);
    if (e != ERR_OK || version == l->version) {
        return e;
    }
    ledger_cache_clear(l->cache);
    e = number(l, ST_LAST_ENTRY, &l->last_entry);
    e = e == ERR_OK ? number(l, ST_COUNT_ACCOUNTS, &l->n_accounts) : e;
    l->version = e == ERR_OK ? version : -1;
    return e;
}

static enum err begin(struct ledger_store *s)
{
    struct ledger_sqlite *l = of(s);
    if (ledger_cache_count(l->cache) > LEDGER_CACHE_MAX) {
        ledger_cache_clear(l->cache);
    }
    enum err e = check_place(l);
    e = e == ERR_OK ? run(l, ST_BEGIN) : e;
    e = e == ERR_OK ? look_again(l) : e;
    if (e != ERR_OK) {
        rollback(s);
        return ERR_IO;
    }
    return ERR_OK;
}

static enum err write_account(struct ledger_sqlite *l, const struct ledger_account *a)
{
    bind(l, ST_ACCOUNT_SET, 1, a->id);
    bind(l, ST_ACCOUNT_SET, 2, a->free);
    bind(l, ST_ACCOUNT_SET, 3, a->held);
    bind(l, ST_ACCOUNT_SET, 4, a->last);
    bind(l, ST_ACCOUNT_SET, 5, a->frozen);
    return run(l, ST_ACCOUNT_SET);
}

static enum err commit(struct ledger_store *s)
{
    struct ledger_sqlite *l = of(s);
    const struct ledger_account *a;
    enum err e = ERR_OK;
    while (e == ERR_OK && (a = ledger_cache_take_touched(l->cache)) != NULL) {
        e = write_account(l, a);
    }
    e = e == ERR_OK ? run(l, ST_COMMIT) : e;
    if (e != ERR_OK) {
        rollback(s);
        forget(l); /* a commit that failed may have ended the transaction already */
        return ERR_IO;
    }
    s->accounts = l->n_accounts;
    s->entries = l->last_entry;
    return ERR_OK;
}

/* --- accounts --- */

static enum err load_account(struct ledger_sqlite *l, enum statement which,
                             struct ledger_account **ret_account)
{
    enum err e = step(l, which);
    if (e == ERR_OK) {
        struct ledger_account a = {
            .id = column(l, which, 0),
            .free = column(l, which, 1),
            .held = column(l, which, 2),
            .last = column(l, which, 3),
            .frozen = column(l, which, 4) != 0,
        };
        copy_text(l, which, 5, a.name, sizeof a.name);
        *ret_account = ledger_cache_add(l->cache, &a);
    }
    return finish(l, which, e);
}

static enum err make_account(struct ledger_sqlite *l, const char *name,
                             struct ledger_account **ret_account)
{
    struct ledger_account a = {0};
    bind_text(l, ST_ACCOUNT_NEW, 1, name);
    enum err e = run(l, ST_ACCOUNT_NEW);
    if (e == ERR_OK) {
        a.id = sqlite3_last_insert_rowid(l->db);
        snprintf(a.name, sizeof a.name, "%s", name);
        l->n_accounts++;
        *ret_account = ledger_cache_add(l->cache, &a);
    }
    return e;
}

static enum err find_account(struct ledger_store *s, const char *name, bool make,
                             struct ledger_account **ret_account)
{
    struct ledger_sqlite *l = of(s);
    struct ledger_account *a = ledger_cache_named(l->cache, name);
    if (a != NULL) {
        *ret_account = a;
        return ERR_OK;
    }
    bind_text(l, ST_ACCOUNT_NAMED, 1, name);
    enum err e = load_account(l, ST_ACCOUNT_NAMED, ret_account);
    return e == ERR_NOENT && make ? make_account(l, name, ret_account) : e;
}

static enum err account_at(struct ledger_store *s, int64_t id, struct ledger_account **ret_account)
{
    struct ledger_sqlite *l = of(s);
    struct ledger_account *a = ledger_cache_at(l->cache, id);
    if (a != NULL) {
        *ret_account = a;
        return ERR_OK;
    }
    bind(l, ST_ACCOUNT_AT, 1, id);
    return load_account(l, ST_ACCOUNT_AT, ret_account);
}

static enum err freeze(struct ledger_store *s, struct ledger_account *a, bool frozen)
{
    a->frozen = frozen;
    ledger_cache_touch(of(s)->cache, a);
    return ERR_OK;
}

/* --- the journal --- */

static enum err write_posting(struct ledger_sqlite *l, int64_t entry,
                              const struct ledger_posting *p)
{
    struct ledger_account *a = p->account;
    bind(l, ST_POSTING, 1, entry);
    bind(l, ST_POSTING, 2, a->id);
    bind(l, ST_POSTING, 3, p->free);
    bind(l, ST_POSTING, 4, p->held);
    bind(l, ST_POSTING, 5, a->last);
    enum err e = run(l, ST_POSTING);
    a->free += p->free;
    a->held += p->held;
    a->last = entry;
    ledger_cache_touch(l->cache, a);
    return e;
}

static enum err append(struct ledger_store *s, const struct ledger_entry *entry)
{
    struct ledger_sqlite *l = of(s);
    int64_t id = ++l->last_entry;
    bind(l, ST_ENTRY, 1, id);
    bind(l, ST_ENTRY, 2, entry->at_ms);
    bind(l, ST_ENTRY, 3, entry->kind);
    if (entry->key[0] != '\0') {
        bind_text(l, ST_ENTRY, 4, entry->key);
    } else {
        sqlite3_bind_null(l->st[ST_ENTRY], 4);
    }
    enum err e = run(l, ST_ENTRY);
    for (size_t i = 0; e == ERR_OK && i < entry->n_postings; i++) {
        e = write_posting(l, id, &entry->postings[i]);
    }
    return e;
}

static enum err find_moved(struct ledger_store *s, enum ledger_kind kind, const char *key,
                           struct ledger_moved *ret_moved)
{
    struct ledger_sqlite *l = of(s);
    enum statement which = kind == LEDGER_KIND_SPEND ? ST_SPEND_FIND : ST_GRANT_FIND;
    struct ledger_moved moved = {0};
    int64_t entry;
    bind_text(l, which, 1, key);
    enum err e = number(l, which, &entry);
    if (e != ERR_OK) {
        return e;
    }
    bind(l, ST_MOVED, 1, entry);
    while ((e = step(l, ST_MOVED)) == ERR_OK) {
        int64_t account = column(l, ST_MOVED, 0), amount = column(l, ST_MOVED, 1);
        moved.amount = amount > 0 ? amount : moved.amount;
        *(amount > 0 ? &moved.to : &moved.from) = account;
    }
    *ret_moved = moved;
    return finish(l, ST_MOVED, e == ERR_NOENT ? ERR_OK : e);
}

/* --- sources and holds --- */

static enum err find_source(struct ledger_store *s, const char *key,
                            struct ledger_source *ret_source)
{
    struct ledger_sqlite *l = of(s);
    bind_text(l, ST_SOURCE_FIND, 1, key);
    enum err e = step(l, ST_SOURCE_FIND);
    if (e == ERR_OK) {
        ret_source->account = column(l, ST_SOURCE_FIND, 0);
        ret_source->total = (uint64_t)column(l, ST_SOURCE_FIND, 1);
    }
    return finish(l, ST_SOURCE_FIND, e);
}

static enum err put_source(struct ledger_store *s, const char *key,
                           const struct ledger_source *source)
{
    struct ledger_sqlite *l = of(s);
    bind_text(l, ST_SOURCE_PUT, 1, key);
    bind(l, ST_SOURCE_PUT, 2, source->account);
    bind(l, ST_SOURCE_PUT, 3, (int64_t)source->total);
    return run(l, ST_SOURCE_PUT);
}

static enum err load_hold(struct ledger_sqlite *l, enum statement which,
                          struct ledger_hold *ret_hold)
{
    enum err e = step(l, which);
    if (e == ERR_OK) {
        copy_text(l, which, 0, ret_hold->key, sizeof ret_hold->key);
        ret_hold->account = column(l, which, 1);
        ret_hold->left = column(l, which, 2);
        ret_hold->charged = (uint64_t)column(l, which, 3);
        ret_hold->ttl_ms = column(l, which, 4);
        ret_hold->until_ms = column(l, which, 5);
        ret_hold->state = (enum ledger_hold_state)column(l, which, 6);
    }
    return finish(l, which, e);
}

static enum err find_hold(struct ledger_store *s, const char *key, struct ledger_hold *ret_hold)
{
    bind_text(of(s), ST_HOLD_FIND, 1, key);
    return load_hold(of(s), ST_HOLD_FIND, ret_hold);
}

static enum err first_hold(struct ledger_store *s, struct ledger_hold *ret_hold)
{
    return load_hold(of(s), ST_HOLD_FIRST, ret_hold);
}

static enum err put_hold(struct ledger_store *s, const struct ledger_hold *h)
{
    struct ledger_sqlite *l = of(s);
    bind_text(l, ST_HOLD_PUT, 1, h->key);
    bind(l, ST_HOLD_PUT, 2, h->account);
    bind(l, ST_HOLD_PUT, 3, h->left);
    bind(l, ST_HOLD_PUT, 4, (int64_t)h->charged);
    bind(l, ST_HOLD_PUT, 5, h->ttl_ms);
    bind(l, ST_HOLD_PUT, 6, h->until_ms);
    bind(l, ST_HOLD_PUT, 7, h->state);
    return run(l, ST_HOLD_PUT);
}

static enum err drop_hold(struct ledger_store *s, const char *key)
{
    bind_text(of(s), ST_HOLD_DROP, 1, key);
    return run(of(s), ST_HOLD_DROP);
}

/* --- open and close --- */

static void close_store(struct ledger_store *s)
{
    struct ledger_sqlite *l = of(s);
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

enum err ledger_sqlite_open(const char *path, int scale, const char *asset,
                            struct ledger_store **ret_store, char *ret_why)
{
    enum err e = make_private(path, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    struct ledger_sqlite *l = mem_alloc(sizeof *l);
    l->store = (struct ledger_store){
        .begin = begin,
        .commit = commit,
        .rollback = rollback,
        .find_account = find_account,
        .account_at = account_at,
        .freeze = freeze,
        .append = append,
        .find_moved = find_moved,
        .find_source = find_source,
        .put_source = put_source,
        .find_hold = find_hold,
        .put_hold = put_hold,
        .drop_hold = drop_hold,
        .first_hold = first_hold,
        .close = close_store,
    };
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
