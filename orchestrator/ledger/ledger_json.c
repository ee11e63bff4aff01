#include "orchestrator/ledger/ledger_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define TIME_SIZE 40

void ledger_json_money(struct json *object, const char *key, int64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, v);
    json_set_str(object, key, text);
}

/* With milliseconds, as RFC 3339 has it. */
static void set_time(struct json *j, const char *key, int64_t at_ms)
{
    char text[TIME_SIZE], whole[TIME_SIZE - 8];
    time_t t = (time_t)(at_ms / 1000);
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL || strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
        json_set_str(j, key, NULL);
        return;
    }
    snprintf(text, sizeof text, "%s.%03dZ", whole, (int)(at_ms % 1000));
    json_set_str(j, key, text);
}

static struct json *document(const struct ledger_reader *r)
{
    struct json *j = json_new_object();
    json_set_str(j, "asset", ledger_reader_asset(r));
    json_set_int(j, "scale", ledger_reader_scale(r));
    return j;
}

static enum err done(enum err e, struct json *j, struct json **ret_json)
{
    if (e == ERR_OK) {
        *ret_json = j;
    } else {
        json_destroy(j);
    }
    return e;
}

/* --- accounts --- */

struct page {
    struct json *list;
    struct json *entry, *postings; /* the journal's last entry */
    int64_t number;                /* its number */
    long n;
    char last[LEDGER_NAME_MAX];
};

static void set_account(struct json *j, const struct ledger_account *a)
{
    json_set_str(j, "account", a->name);
    ledger_json_money(j, "balance", a->free);
    ledger_json_money(j, "held", a->held);
    ledger_json_money(j, "owed", a->owes);
    json_set_bool(j, "frozen", a->frozen);
}

static void add_account(void *arg, const struct ledger_account *a)
{
    struct page *p = arg;
    struct json *j = json_new_object();
    set_account(j, a);
    json_append(p->list, j);
    snprintf(p->last, sizeof p->last, "%s", a->name);
    p->n++;
}

enum err ledger_json_accounts(struct ledger_reader *r, const char *after, long limit,
                              struct json **ret_json)
{
    struct json *j = document(r);
    struct page p = {.list = json_new_array()};
    enum err e = ledger_reader_accounts(r, after, limit, add_account, &p);
    json_set(j, "accounts", p.list);
    json_set_str(j, "next", p.n == limit ? p.last : NULL);
    return done(e, j, ret_json);
}

/* --- entries --- */

static struct json *entry_json(const struct ledger_line *line)
{
    struct json *j = json_new_object();
    json_set_int(j, "entry", line->entry);
    set_time(j, "at", line->at_ms);
    json_set_str(j, "kind", line->kind);
    json_set_str(j, "key", line->key[0] != '\0' ? line->key : NULL);
    return j;
}

static void set_change(struct json *j, const struct ledger_line *line)
{
    ledger_json_money(j, "balance_change", line->free);
    ledger_json_money(j, "held_change", line->held);
}

static void add_history(void *arg, const struct ledger_line *line)
{
    struct json *j = entry_json(line);
    set_change(j, line);
    ledger_json_money(j, "balance", line->free_after);
    ledger_json_money(j, "held", line->held_after);
    json_append(arg, j);
}

enum err ledger_json_account(struct ledger_reader *r, const char *name, long entries,
                             struct json **ret_json)
{
    struct ledger_account a;
    struct json *j = document(r), *list = json_new_array();
    json_set(j, "entries", list);
    enum err e = ledger_reader_history(r, name, entries, &a, add_history, list);
    if (e == ERR_OK) {
        set_account(j, &a);
    }
    return done(e, j, ret_json);
}

static void add_line(void *arg, const struct ledger_line *line)
{
    struct page *p = arg;
    if (p->entry == NULL || line->entry != p->number) {
        p->entry = entry_json(line);
        p->number = line->entry;
        p->postings = json_new_array();
        json_set(p->entry, "postings", p->postings);
        json_append(p->list, p->entry);
        p->n++;
    }
    struct json *j = json_new_object();
    json_set_str(j, "account", line->account);
    set_change(j, line);
    json_append(p->postings, j);
}

enum err ledger_json_journal(struct ledger_reader *r, int64_t after, long limit,
                             struct json **ret_json)
{
    int64_t last = after;
    struct json *j = document(r);
    struct page p = {.list = json_new_array()};
    enum err e = ledger_reader_journal(r, after, limit, add_line, &p, &last);
    json_set(j, "entries", p.list);
    if (e == ERR_OK && p.n == limit) {
        json_set_int(j, "next", last);
    } else {
        json_set_str(j, "next", NULL);
    }
    return done(e, j, ret_json);
}

/* --- audit --- */

static void add_fault(void *arg, const char *sentence)
{
    struct page *p = arg;
    if (p->n++ < LEDGER_FAULTS_MAX) {
        json_append_str(p->list, sentence);
    }
}

enum err ledger_json_audit(struct ledger_reader *r, struct json **ret_json)
{
    struct ledger_audit a = {0};
    struct json *j = document(r);
    struct page p = {.list = json_new_array()};
    enum err e = ledger_reader_audit(r, add_fault, &p, &a);
    json_set_int(j, "accounts", a.accounts);
    json_set_int(j, "entries", a.entries);
    json_set_int(j, "postings", a.postings);
    json_set_int(j, "sources", a.sources);
    json_set_int(j, "holds", a.holds);
    ledger_json_money(j, "held", a.held);
    ledger_json_money(j, "owed", a.owed);
    json_set_int(j, "faults", a.faults);
    json_set(j, "found", p.list);
    return done(e, j, ret_json);
}
