/* Does not trust what the tables say of each other: everything is counted anew from the journal. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "orchestrator/ledger/ledger_reader_impl.h"

#define SENTENCE_MAX 512
#define NAME_SHOWN   200

/* What was counted of an account so far, and what it says itself. */
struct tally {
    int64_t id;
    int64_t free, held, last;
    int64_t says_free, says_held, says_last;
    int64_t in_holds;
    bool is_world;
};

struct audit {
    struct ledger_reader *r;
    ledger_fault_fn *fn;
    void *arg;
    struct ledger_audit *found;
    struct tally *tallies; /* in the order of their numbers */
    size_t n;
};

static void fault(struct audit *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fault(struct audit *a, const char *format, ...)
{
    char sentence[SENTENCE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    a->found->faults++;
    a->fn(a->arg, sentence);
}

static int compare(const void *key, const void *item)
{
    int64_t id = *(const int64_t *)key, other = ((const struct tally *)item)->id;
    return id < other ? -1 : id > other;
}

static struct tally *find(struct audit *a, int64_t id)
{
    return a->n > 0 ? bsearch(&id, a->tallies, a->n, sizeof *a->tallies, compare) : NULL;
}

/* Calls fn for each row of a statement. */
typedef void row_fn(struct audit *a, sqlite3_stmt *st, void *state);

static enum err each_row(struct audit *a, const char *sql, row_fn *fn, void *state)
{
    sqlite3_stmt *st;
    enum err e = ledger_reader_prepare(a->r, sql, &st);
    if (e != ERR_OK) {
        return e;
    }
    while ((e = ledger_reader_step(a->r, st)) == ERR_OK) {
        fn(a, st, state);
    }
    sqlite3_finalize(st);
    return e == ERR_NOENT ? ERR_OK : e;
}

static enum err number(struct audit *a, const char *sql, int64_t *ret_number)
{
    int rc = ledger_schema_number(a->r->db, sql, ret_number);
    return rc == SQLITE_ROW ? ERR_OK : ledger_reader_fail(a->r, rc);
}

/* --- accounts --- */

static void load_account(struct audit *a, sqlite3_stmt *st, void *state)
{
    size_t room = *(size_t *)state;
    if (a->n == room) {
        return; /* counted in the same instant */
    }
    a->tallies[a->n++] = (struct tally){
        .id = sqlite3_column_int64(st, 0),
        .says_free = sqlite3_column_int64(st, 1),
        .says_held = sqlite3_column_int64(st, 2),
        .says_last = sqlite3_column_int64(st, 3),
        .is_world = sqlite3_column_int(st, 4) != 0,
    };
}

static enum err load_accounts(struct audit *a)
{
    enum err e = number(a, "SELECT count(*) FROM accounts", &a->found->accounts);
    if (e != ERR_OK) {
        return e;
    }
    size_t room = (size_t)a->found->accounts;
    a->tallies = mem_try_alloc((room + 1) * sizeof *a->tallies);
    if (a->tallies == NULL) {
        return ledger_reader_fail(a->r, SQLITE_NOMEM);
    }
    return each_row(a, "SELECT id, free, held, last, name GLOB 'world:*' FROM accounts ORDER BY id",
                    load_account, &room);
}

static void check_account(struct audit *a, const struct tally *t)
{
    if (t->free != t->says_free || t->held != t->says_held) {
        fault(a,
              "account %" PRId64 " says that it has %" PRId64 " and %" PRId64
              " held; its postings add up to %" PRId64 " and %" PRId64,
              t->id, t->says_free, t->says_held, t->free, t->held);
    }
    if (t->last != t->says_last) {
        fault(a, "account %" PRId64 " says that entry %" PRId64 " is its newest, which is %" PRId64,
              t->id, t->says_last, t->last);
    }
    if (t->in_holds != t->says_held) {
        fault(a, "account %" PRId64 " says that %" PRId64 " is held; its open holds have %" PRId64,
              t->id, t->says_held, t->in_holds);
    }
}

/* --- the journal --- */

struct entry_sum {
    int64_t entry; /* 0: none yet */
    int64_t sum;
    int lines;
    int64_t lines_seen;
};

static void end_entry(struct audit *a, struct entry_sum *s)
{
    if (s->entry != 0 && (s->sum != 0 || s->lines == 0)) {
        fault(a, "entry %" PRId64 " has %d postings that add up to %" PRId64, s->entry, s->lines,
              s->sum);
    }
}

static void add(struct audit *a, int64_t *sum, int64_t v, int64_t entry)
{
    if (__builtin_add_overflow(*sum, v, sum)) {
        fault(a, "entry %" PRId64 " goes beyond what can be counted", entry);
    }
}

static void count_posting(struct audit *a, struct entry_sum *s, sqlite3_stmt *st)
{
    int64_t free = sqlite3_column_int64(st, 3), held = sqlite3_column_int64(st, 4);
    struct tally *t = find(a, sqlite3_column_int64(st, 2));
    s->lines++;
    s->lines_seen++;
    add(a, &s->sum, free, s->entry);
    add(a, &s->sum, held, s->entry);
    if (t == NULL) {
        fault(a, "entry %" PRId64 " touches an account that is not there", s->entry);
        return;
    }
    if (sqlite3_column_int64(st, 5) != t->last) {
        fault(a, "entry %" PRId64 " does not follow entry %" PRId64 " of account %" PRId64,
              s->entry, t->last, t->id);
    }
    add(a, &t->free, free, s->entry);
    add(a, &t->held, held, s->entry);
    t->last = s->entry;
    if (t->held < 0 || (t->free < 0 && !t->is_world)) {
        fault(a, "after entry %" PRId64 " account %" PRId64 " is below zero", s->entry, t->id);
    }
}

static void count_row(struct audit *a, sqlite3_stmt *st, void *state)
{
    struct entry_sum *s = state;
    int64_t entry = sqlite3_column_int64(st, 0);
    if (entry != s->entry) {
        end_entry(a, s);
        s->entry = entry;
        s->sum = 0;
        s->lines = 0;
        a->found->entries++;
        if (ledger_kind_name(sqlite3_column_int(st, 1)) == NULL) {
            fault(a, "entry %" PRId64 " is of no known kind", entry);
        }
    }
    if (sqlite3_column_type(st, 2) != SQLITE_NULL) {
        count_posting(a, s, st);
    }
}

static enum err count_journal(struct audit *a)
{
    struct entry_sum s = {0};
    enum err e = each_row(a,
                          "SELECT e.id, e.kind, p.account, p.free, p.held, p.prev FROM entries e"
                          " LEFT JOIN postings p ON p.entry = e.id ORDER BY e.id, p.account",
                          count_row, &s);
    if (e != ERR_OK) {
        return e;
    }
    end_entry(a, &s);
    e = number(a, "SELECT count(*) FROM postings", &a->found->postings);
    if (e == ERR_OK && a->found->postings != s.lines_seen) {
        fault(a, "%" PRId64 " postings belong to no entry", a->found->postings - s.lines_seen);
    }
    return e;
}

/* --- holds and sources --- */

static void count_hold(struct audit *a, sqlite3_stmt *st, void *state)
{
    struct tally *t = find(a, sqlite3_column_int64(st, 0));
    int64_t left = sqlite3_column_int64(st, 1);
    a->found->holds++;
    if (t == NULL || left < 0 || (sqlite3_column_int(st, 2) != LEDGER_HOLD_OPEN && left != 0)) {
        fault(a, "hold \"%.*s\" is not sound", NAME_SHOWN, sqlite3_column_text(st, 3));
        return;
    }
    add(a, &t->in_holds, left, 0);
    add(a, &a->found->held, left, 0);
}

/* No money has moved for a debt: all that it can be is sound. */
static void count_debt(struct audit *a, sqlite3_stmt *st, void *state)
{
    int64_t account = sqlite3_column_int64(st, 0), payee = sqlite3_column_int64(st, 1);
    int64_t amount = sqlite3_column_int64(st, 2);
    const struct tally *t = find(a, account);
    if (t == NULL || t->is_world || find(a, payee) == NULL || payee == account || amount <= 0) {
        fault(a, "the debt of account %" PRId64 " to account %" PRId64 " is not sound", account,
              payee);
        return;
    }
    if (__builtin_add_overflow(a->found->owed, amount, &a->found->owed)) {
        a->found->owed = INT64_MAX; /* each can be counted, and nothing hangs on the sum */
    }
}

/* Of one source: what the journal says, and what the table of sources says. */
struct source_sum {
    char key[LEDGER_KEY_MAX];
    uint64_t credited, total;
    int64_t account;
    bool known;
};

static void end_source(struct audit *a, const struct source_sum *s)
{
    if (s->key[0] != '\0' && (!s->known || s->credited != s->total)) {
        fault(a, "source \"%.*s\" has credited %" PRIu64 ", and its total is %" PRIu64, NAME_SHOWN,
              s->key, s->credited, s->known ? s->total : 0);
    }
}

/* Credits and sources, by key: a source comes before its credits. */
static void count_source(struct audit *a, sqlite3_stmt *st, void *state)
{
    struct source_sum *s = state;
    const char *key = (const char *)sqlite3_column_text(st, 0);
    bool is_source = sqlite3_column_int(st, 1) == 0;
    int64_t account = sqlite3_column_int64(st, 2);
    if (key == NULL || key[0] == '\0') {
        fault(a, "a credit has no source");
        return;
    }
    if (strcmp(key, s->key) != 0) {
        end_source(a, s);
        memset(s, 0, sizeof *s);
        snprintf(s->key, sizeof s->key, "%s", key);
    }
    if (is_source) {
        a->found->sources++;
        s->known = true;
        s->total = (uint64_t)sqlite3_column_int64(st, 3);
        s->account = account;
        return;
    }
    s->credited += (uint64_t)sqlite3_column_int64(st, 3);
    if (s->known && account != s->account) {
        fault(a, "source \"%.*s\" has credited two accounts", NAME_SHOWN, key);
    }
}

static enum err count_sources(struct audit *a)
{
    struct source_sum s = {0};
    enum err e = each_row(a,
                          "SELECT key, 0 AS what, account, total FROM sources"
                          " UNION ALL SELECT e.key, 1, p.account, p.free FROM entries e"
                          " JOIN postings p ON p.entry = e.id WHERE e.kind = 1 AND p.free > 0"
                          " ORDER BY 1, 2",
                          count_source, &s);
    end_source(a, &s);
    return e;
}

/* --- all --- */

static void check_file(struct audit *a, sqlite3_stmt *st, void *state)
{
    const char *said = (const char *)sqlite3_column_text(st, 0);
    if (said == NULL || strcmp(said, "ok") != 0) {
        fault(a, "the file is damaged: %.*s", NAME_SHOWN, said != NULL ? said : "");
    }
}

static enum err run(struct audit *a)
{
    enum err e = each_row(a, "PRAGMA quick_check(10)", check_file, NULL);
    e = e == ERR_OK ? load_accounts(a) : e;
    e = e == ERR_OK ? count_journal(a) : e;
    e = e == ERR_OK ? each_row(a, "SELECT account, left, state, key FROM holds", count_hold, NULL)
                    : e;
    e = e == ERR_OK ? each_row(a, "SELECT account, payee, amount FROM debts", count_debt, NULL) : e;
    e = e == ERR_OK ? count_sources(a) : e;
    for (size_t i = 0; e == ERR_OK && i < a->n; i++) {
        check_account(a, &a->tallies[i]);
    }
    return e;
}

enum err ledger_reader_audit(struct ledger_reader *r, ledger_fault_fn *fn, void *arg,
                             struct ledger_audit *ret_audit)
{
    struct ledger_audit found = {0};
    struct audit a = {.r = r, .fn = fn, .arg = arg, .found = &found};
    enum err e = ledger_reader_begin(r);
    if (e != ERR_OK) {
        return e;
    }
    e = ledger_reader_end(r, run(&a));
    mem_free(a.tallies);
    if (e == ERR_OK) {
        *ret_audit = found;
    }
    return e;
}
