/* What may be asked of a ledger by the control API and over the link, as lines of a form's pairs:
 * op, account, other, key, amount, least, total, ttl, debt, and at, the time in ms. Every answer
 * keeps within what ledger.h says. When the first byte is "c", all is committed to a new file,
 * which must then pass its audit, and whose pages are read; else it is rolled back. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/ledger/ledger_book.h"
#include "orchestrator/ledger/ledger_json.h"
#include "orchestrator/ledger/ledger_reader.h"
#include "orchestrator/ledger/ledger_sqlite.h"
#include "run/http_query.h"
#include "run/json_read.h"

#define LINES_MAX 200
#define PATH_SIZE 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/dev/shm/fuzz_ledger_XXXXXX"; /* memory, where there is such a place */
static struct ledger_store *kept;                     /* what is rolled back, always */

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static const char *const ops[] = {
    [LEDGER_BALANCE] = "balance", [LEDGER_CREDIT] = "credit", [LEDGER_SPEND] = "spend",
    [LEDGER_HOLD] = "hold",       [LEDGER_CHARGE] = "charge", [LEDGER_RELEASE] = "release",
    [LEDGER_GRANT] = "grant",     [LEDGER_FREEZE] = "freeze", [LEDGER_THAW] = "thaw",
};

static const char *path_of(const char *name, char *path)
{
    snprintf(path, PATH_SIZE, "%s/%s", folder, name);
    return path;
}

static void empty_folder(const char *front)
{
    DIR *d = opendir(folder);
    char path[PATH_SIZE];
    must(d != NULL);
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        if (strncmp(entry->d_name, front, strlen(front)) == 0 && entry->d_name[0] != '.') {
            unlink(path_of(entry->d_name, path));
        }
    }
    closedir(d);
}

static void remove_all(void)
{
    if (kept != NULL) {
        kept->close(kept);
    }
    empty_folder("");
    rmdir(folder);
}

static void make_folder(void)
{
    if (mkdtemp(folder) == NULL) {
        strcpy(folder, "/tmp/fuzz_ledger_XXXXXX");
        must(mkdtemp(folder) != NULL);
    }
    must(atexit(remove_all) == 0);
}

static struct ledger_store *open_store(const char *name)
{
    char why[LEDGER_WHY_MAX], path[PATH_SIZE];
    struct ledger_store *s = NULL;
    must(ledger_sqlite_open(path_of(name, path), 9, "USD", &s, why) == ERR_OK);
    return s;
}

static const char *text_of(const struct http_pairs *p, const char *name)
{
    const char *text = http_pairs_find(p, name);
    return text != NULL ? text : "";
}

static uint64_t number_of(const struct http_pairs *p, const char *name)
{
    uint64_t v = 0;
    return span_decimal(span_cstr(text_of(p, name)), UINT64_MAX, &v) ? v : 0;
}

static bool read_request(const struct http_pairs *p, struct ledger_request *r)
{
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (strcmp(ops[i], text_of(p, "op")) == 0) {
            *r = (struct ledger_request){.op = (enum ledger_op)i,
                                         .account = text_of(p, "account"),
                                         .other = text_of(p, "other"),
                                         .key = text_of(p, "key"),
                                         .amount = number_of(p, "amount"),
                                         .least = number_of(p, "least"),
                                         .total = number_of(p, "total"),
                                         .ttl_ms = (int64_t)number_of(p, "ttl"),
                                         .debt = (enum ledger_debt)(number_of(p, "debt") % 4)};
            return true;
        }
    }
    return false;
}

static void expire(struct ledger_store *s, int64_t now_ms)
{
    struct ledger_account *gained;
    int64_t next_ms;
    do {
        must(ledger_book_expire(s, now_ms, &next_ms, &gained) == ERR_OK);
    } while (next_ms <= now_ms);
}

static void apply(struct ledger_store *s, struct span line, int64_t *now_ms)
{
    struct http_pairs p;
    const char *why;
    struct ledger_request r;
    struct ledger_answer a = {.err = ERR_OK};
    struct ledger_account *gained = NULL;
    if (http_pairs_parse(line, span_of(NULL, 0), &p, &why) != ERR_OK) {
        return;
    }
    *now_ms += (int64_t)(number_of(&p, "at") % UINT32_MAX);
    expire(s, *now_ms);
    if (read_request(&p, &r)) {
        must(ledger_book_apply(s, &r, *now_ms, &a, &gained) == ERR_OK);
        must(a.err != ERR_IO && (a.err == ERR_OK || a.why[0] != '\0'));
        must(a.amount <= LEDGER_MONEY_MAX && a.held <= LEDGER_MONEY_MAX);
        must(a.balance <= LEDGER_MONEY_MAX && a.owed <= LEDGER_MONEY_MAX && a.cut <= r.total);
        must(gained == NULL || gained->free >= 0);
    }
    http_pairs_fini(&p);
}

static void apply_all(struct ledger_store *s, struct span text)
{
    int64_t now_ms = 1000000;
    must(s->begin(s) == ERR_OK);
    for (int i = 0; text.len > 0 && i < LINES_MAX; i++) {
        apply(s, span_take_line(&text), &now_ms);
    }
}

static void read_pages(void)
{
    char why[LEDGER_WHY_MAX], path[PATH_SIZE];
    struct ledger_reader *r;
    struct json *j;
    int64_t faults;
    must(ledger_reader_open(path_of("new.db", path), &r, why) == ERR_OK);
    must(ledger_json_audit(r, &j) == ERR_OK);
    const char *text = json_string_of(json_member(j, "faults"));
    must(text != NULL ? strcmp(text, "0") == 0
                      : json_int_of(json_member(j, "faults"), &faults) && faults == 0);
    json_destroy(j);
    must(ledger_json_accounts(r, "", LEDGER_PAGE_MAX, &j) == ERR_OK);
    json_destroy(j);
    must(ledger_json_journal(r, 0, LEDGER_PAGE_MAX, &j) == ERR_OK);
    json_destroy(j);
    ledger_reader_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (kept == NULL) {
        make_folder();
        kept = open_store("kept.db");
    }
    if (size > 0 && data[0] == 'c') {
        struct ledger_store *s = open_store("new.db");
        apply_all(s, span_of(data + 1, size - 1));
        must(s->commit(s) == ERR_OK);
        s->close(s);
        read_pages();
        empty_folder("new.db");
    } else if (size > 0) {
        apply_all(kept, span_of(data + 1, size - 1));
        kept->rollback(kept);
    }
    return 0;
}
