/* The rows of ledger_store.h in SQLite. */
#include <stdio.h>

#include "orchestrator/ledger/ledger_sqlite_impl.h"

/* --- accounts --- */

static enum err load_account(struct ledger_sqlite *l, enum sqlite_statement which,
                             struct ledger_account **ret_account)
{
    enum err e = sqlite_step(l, which);
    if (e == ERR_OK) {
        struct ledger_account a = {
            .id = sqlite_column(l, which, 0),
            .free = sqlite_column(l, which, 1),
            .held = sqlite_column(l, which, 2),
            .last = sqlite_column(l, which, 3),
            .frozen = sqlite_column(l, which, 4) != 0,
            .owes = sqlite_column(l, which, 6),
        };
        sqlite_copy_text(l, which, 5, a.name, sizeof a.name);
        *ret_account = ledger_cache_add(l->cache, &a);
    }
    return sqlite_finish(l, which, e);
}

static enum err make_account(struct ledger_sqlite *l, const char *name,
                             struct ledger_account **ret_account)
{
    struct ledger_account a = {0};
    sqlite_bind_text(l, ST_ACCOUNT_NEW, 1, name);
    enum err e = sqlite_run(l, ST_ACCOUNT_NEW);
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
    struct ledger_sqlite *l = sqlite_of(s);
    struct ledger_account *a = ledger_cache_named(l->cache, name);
    if (a != NULL) {
        *ret_account = a;
        return ERR_OK;
    }
    sqlite_bind_text(l, ST_ACCOUNT_NAMED, 1, name);
    enum err e = load_account(l, ST_ACCOUNT_NAMED, ret_account);
    return e == ERR_NOENT && make ? make_account(l, name, ret_account) : e;
}

static enum err account_at(struct ledger_store *s, int64_t id, struct ledger_account **ret_account)
{
    struct ledger_sqlite *l = sqlite_of(s);
    struct ledger_account *a = ledger_cache_at(l->cache, id);
    if (a != NULL) {
        *ret_account = a;
        return ERR_OK;
    }
    sqlite_bind(l, ST_ACCOUNT_AT, 1, id);
    return load_account(l, ST_ACCOUNT_AT, ret_account);
}

static enum err freeze(struct ledger_store *s, struct ledger_account *a, bool frozen)
{
    a->frozen = frozen;
    ledger_cache_touch(sqlite_of(s)->cache, a);
    return ERR_OK;
}

/* --- the journal --- */

static enum err write_posting(struct ledger_sqlite *l, int64_t entry,
                              const struct ledger_posting *p)
{
    struct ledger_account *a = p->account;
    sqlite_bind(l, ST_POSTING, 1, entry);
    sqlite_bind(l, ST_POSTING, 2, a->id);
    sqlite_bind(l, ST_POSTING, 3, p->free);
    sqlite_bind(l, ST_POSTING, 4, p->held);
    sqlite_bind(l, ST_POSTING, 5, a->last);
    enum err e = sqlite_run(l, ST_POSTING);
    a->free += p->free;
    a->held += p->held;
    a->last = entry;
    ledger_cache_touch(l->cache, a);
    return e;
}

static enum err append(struct ledger_store *s, const struct ledger_entry *entry)
{
    struct ledger_sqlite *l = sqlite_of(s);
    int64_t id = ++l->last_entry;
    sqlite_bind(l, ST_ENTRY, 1, id);
    sqlite_bind(l, ST_ENTRY, 2, entry->at_ms);
    sqlite_bind(l, ST_ENTRY, 3, entry->kind);
    if (entry->key[0] != '\0') {
        sqlite_bind_text(l, ST_ENTRY, 4, entry->key);
    } else {
        sqlite3_bind_null(l->st[ST_ENTRY], 4);
    }
    enum err e = sqlite_run(l, ST_ENTRY);
    for (size_t i = 0; e == ERR_OK && i < entry->n_postings; i++) {
        e = write_posting(l, id, &entry->postings[i]);
    }
    return e;
}

static enum err find_moved(struct ledger_store *s, enum ledger_kind kind, const char *key,
                           struct ledger_moved *ret_moved)
{
    struct ledger_sqlite *l = sqlite_of(s);
    enum sqlite_statement which = kind == LEDGER_KIND_SPEND ? ST_SPEND_FIND : ST_GRANT_FIND;
    struct ledger_moved moved = {0};
    int64_t entry;
    sqlite_bind_text(l, which, 1, key);
    enum err e = sqlite_number(l, which, &entry);
    if (e != ERR_OK) {
        return e;
    }
    sqlite_bind(l, ST_MOVED, 1, entry);
    while ((e = sqlite_step(l, ST_MOVED)) == ERR_OK) {
        int64_t account = sqlite_column(l, ST_MOVED, 0), amount = sqlite_column(l, ST_MOVED, 1);
        moved.amount = amount > 0 ? amount : moved.amount;
        *(amount > 0 ? &moved.to : &moved.from) = account;
    }
    *ret_moved = moved;
    return sqlite_finish(l, ST_MOVED, e == ERR_NOENT ? ERR_OK : e);
}

/* --- sources and holds --- */

static enum err find_source(struct ledger_store *s, const char *key,
                            struct ledger_source *ret_source)
{
    struct ledger_sqlite *l = sqlite_of(s);
    sqlite_bind_text(l, ST_SOURCE_FIND, 1, key);
    enum err e = sqlite_step(l, ST_SOURCE_FIND);
    if (e == ERR_OK) {
        ret_source->account = sqlite_column(l, ST_SOURCE_FIND, 0);
        ret_source->total = (uint64_t)sqlite_column(l, ST_SOURCE_FIND, 1);
    }
    return sqlite_finish(l, ST_SOURCE_FIND, e);
}

static enum err put_source(struct ledger_store *s, const char *key,
                           const struct ledger_source *source)
{
    struct ledger_sqlite *l = sqlite_of(s);
    sqlite_bind_text(l, ST_SOURCE_PUT, 1, key);
    sqlite_bind(l, ST_SOURCE_PUT, 2, source->account);
    sqlite_bind(l, ST_SOURCE_PUT, 3, (int64_t)source->total);
    return sqlite_run(l, ST_SOURCE_PUT);
}

static enum err load_hold(struct ledger_sqlite *l, enum sqlite_statement which,
                          struct ledger_hold *ret_hold)
{
    enum err e = sqlite_step(l, which);
    if (e == ERR_OK) {
        sqlite_copy_text(l, which, 0, ret_hold->key, sizeof ret_hold->key);
        ret_hold->account = sqlite_column(l, which, 1);
        ret_hold->left = sqlite_column(l, which, 2);
        ret_hold->charged = (uint64_t)sqlite_column(l, which, 3);
        ret_hold->ttl_ms = sqlite_column(l, which, 4);
        ret_hold->until_ms = sqlite_column(l, which, 5);
        ret_hold->state = (enum ledger_hold_state)sqlite_column(l, which, 6);
        ret_hold->given = sqlite_column(l, which, 7);
    }
    return sqlite_finish(l, which, e);
}

static enum err find_hold(struct ledger_store *s, const char *key, struct ledger_hold *ret_hold)
{
    sqlite_bind_text(sqlite_of(s), ST_HOLD_FIND, 1, key);
    return load_hold(sqlite_of(s), ST_HOLD_FIND, ret_hold);
}

static enum err first_hold(struct ledger_store *s, struct ledger_hold *ret_hold)
{
    return load_hold(sqlite_of(s), ST_HOLD_FIRST, ret_hold);
}

static enum err put_hold(struct ledger_store *s, const struct ledger_hold *h)
{
    struct ledger_sqlite *l = sqlite_of(s);
    sqlite_bind_text(l, ST_HOLD_PUT, 1, h->key);
    sqlite_bind(l, ST_HOLD_PUT, 2, h->account);
    sqlite_bind(l, ST_HOLD_PUT, 3, h->left);
    sqlite_bind(l, ST_HOLD_PUT, 4, (int64_t)h->charged);
    sqlite_bind(l, ST_HOLD_PUT, 5, h->ttl_ms);
    sqlite_bind(l, ST_HOLD_PUT, 6, h->until_ms);
    sqlite_bind(l, ST_HOLD_PUT, 7, h->state);
    sqlite_bind(l, ST_HOLD_PUT, 8, h->given);
    return sqlite_run(l, ST_HOLD_PUT);
}

static enum err drop_hold(struct ledger_store *s, const char *key)
{
    sqlite_bind_text(sqlite_of(s), ST_HOLD_DROP, 1, key);
    return sqlite_run(sqlite_of(s), ST_HOLD_DROP);
}

/* --- debts --- */

static enum err run_debt(struct ledger_sqlite *l, enum sqlite_statement which,
                         const struct ledger_owed *d)
{
    sqlite_bind(l, which, 1, d->account);
    sqlite_bind(l, which, 2, d->payee);
    if (which != ST_DEBT_DROP) {
        sqlite_bind(l, which, 3, d->amount);
    }
    return sqlite_run(l, which);
}

static enum err add_debt(struct ledger_store *s, struct ledger_account *a, int64_t payee,
                         int64_t change)
{
    struct ledger_sqlite *l = sqlite_of(s);
    const struct ledger_owed d = {a->id, payee, change};
    enum err e = run_debt(l, change > 0 ? ST_DEBT_MORE : ST_DEBT_LESS, &d);
    if (e == ERR_OK && change < 0) {
        e = run_debt(l, ST_DEBT_DROP, &d);
    }
    a->owes += change;
    return e;
}

static enum err first_debt(struct ledger_store *s, int64_t account, struct ledger_owed *ret_debt)
{
    struct ledger_sqlite *l = sqlite_of(s);
    sqlite_bind(l, ST_DEBT_FIRST, 1, account);
    enum err e = sqlite_step(l, ST_DEBT_FIRST);
    if (e == ERR_OK) {
        ret_debt->account = account;
        ret_debt->payee = sqlite_column(l, ST_DEBT_FIRST, 0);
        ret_debt->amount = sqlite_column(l, ST_DEBT_FIRST, 1);
    }
    return sqlite_finish(l, ST_DEBT_FIRST, e);
}

/* --- all --- */

void sqlite_set_rows(struct ledger_store *s)
{
    s->find_account = find_account;
    s->account_at = account_at;
    s->freeze = freeze;
    s->append = append;
    s->find_moved = find_moved;
    s->find_source = find_source;
    s->put_source = put_source;
    s->find_hold = find_hold;
    s->put_hold = put_hold;
    s->drop_hold = drop_hold;
    s->first_hold = first_hold;
    s->add_debt = add_debt;
    s->first_debt = first_debt;
}
