#include "publisher-tools/pay/print.h"

#include <string.h>

#include "base/mem.h"
#include "orchestrator/ledger/ledger_csv.h"
#include "orchestrator/ledger/ledger_money.h"

#define NAME_WIDTH  40
#define MONEY_WIDTH 20
#define CSV_MAX     (16 * 1024 * 1024) /* of a page */

static const char *text(const struct json *j, const char *name)
{
    const char *t = json_string_of(json_member(j, name));
    return t != NULL ? t : "";
}

static long long number(const struct json *j, const char *name)
{
    int64_t v = 0;
    return json_int_of(json_member(j, name), &v) ? (long long)v : 0;
}

static const char *money(const struct json *j, const char *name, int scale, char *buffer)
{
    ledger_money_write(text(j, name), scale, buffer);
    return buffer;
}

static const char *state(const struct json *account)
{
    return json_bool_of(json_member(account, "frozen")) ? "frozen" : "-";
}

void pay_print_accounts(FILE *out, const struct json *page, bool first)
{
    char balance[LEDGER_MONEY_SIZE], held[LEDGER_MONEY_SIZE];
    const struct json *all = json_member(page, "accounts");
    int scale = (int)number(page, "scale");
    if (first) {
        fprintf(out, "%-*s  %*s  %*s  %s\n", NAME_WIDTH, "ACCOUNT", MONEY_WIDTH,
                text(page, "asset"), MONEY_WIDTH, "HELD", "STATE");
    }
    for (size_t i = 0; i < json_count(all); i++) {
        const struct json *a = json_item(all, i);
        fprintf(out, "%-*s  %*s  %*s  %s\n", NAME_WIDTH, text(a, "account"), MONEY_WIDTH,
                money(a, "balance", scale, balance), MONEY_WIDTH, money(a, "held", scale, held),
                state(a));
    }
}

void pay_print_account(FILE *out, const struct json *account)
{
    char change[LEDGER_MONEY_SIZE], held[LEDGER_MONEY_SIZE], after[LEDGER_MONEY_SIZE];
    int scale = (int)number(account, "scale");
    bool owes = strcmp(text(account, "owed"), "0") != 0;
    const struct json *all = json_member(account, "entries");
    fprintf(out, "%s: %s %s, held %s%s%s%s\n", text(account, "account"),
            money(account, "balance", scale, after), text(account, "asset"),
            money(account, "held", scale, held), owes ? ", owes " : "",
            owes ? money(account, "owed", scale, change) : "",
            json_bool_of(json_member(account, "frozen")) ? ", frozen" : "");
    if (json_count(all) > 0) {
        fprintf(out, "%10s  %-24s  %-8s  %*s  %*s  %*s  %s\n", "ENTRY", "AT", "KIND", MONEY_WIDTH,
                "CHANGE", MONEY_WIDTH, "HELD", MONEY_WIDTH, "BALANCE", "KEY");
    }
    for (size_t i = 0; i < json_count(all); i++) {
        const struct json *e = json_item(all, i);
        fprintf(out, "%10lld  %-24s  %-8s  %*s  %*s  %*s  %s\n", number(e, "entry"), text(e, "at"),
                text(e, "kind"), MONEY_WIDTH, money(e, "balance_change", scale, change),
                MONEY_WIDTH, money(e, "held_change", scale, held), MONEY_WIDTH,
                money(e, "balance", scale, after), text(e, "key"));
    }
}

bool pay_print_csv(FILE *out, const struct json *page, bool first)
{
    struct buf csv;
    buf_init(&csv, CSV_MAX);
    bool ok =
        ledger_csv_put(&csv, page, first) == ERR_OK && fwrite(csv.data, 1, csv.len, out) == csv.len;
    buf_fini(&csv);
    return ok;
}

void pay_print_audit(FILE *out, const struct json *audit)
{
    const struct json *found = json_member(audit, "found");
    char held[LEDGER_MONEY_SIZE], owed[LEDGER_MONEY_SIZE];
    int scale = (int)number(audit, "scale");
    for (size_t i = 0; i < json_count(found); i++) {
        fprintf(out, "fault: %s\n", json_string_of(json_item(found, i)));
    }
    fprintf(out,
            "%lld accounts, %lld entries, %lld postings, %lld sources, %lld holds (%s %s held, %s "
            "owed): ",
            number(audit, "accounts"), number(audit, "entries"), number(audit, "postings"),
            number(audit, "sources"), number(audit, "holds"), money(audit, "held", scale, held),
            text(audit, "asset"), money(audit, "owed", scale, owed));
    if (number(audit, "faults") == 0) {
        fputs("every balance is what the journal says\n", out);
    } else {
        fprintf(out, "%lld faults\n", number(audit, "faults"));
    }
}

void pay_print_change(FILE *out, const struct json *changed, const char *asset, int scale)
{
    char balance[LEDGER_MONEY_SIZE];
    fprintf(out, "%s: %s %s%s\n", text(changed, "account"),
            money(changed, "balance", scale, balance), asset,
            json_bool_of(json_member(changed, "again")) ? " (was done before with this key)" : "");
}

void pay_print_lines(FILE *out, const struct json *page, const char *array)
{
    const struct json *all = json_member(page, array);
    for (size_t i = 0; i < json_count(all); i++) {
        char *line = json_line(json_item(all, i));
        fputs(line, out);
        mem_free(line);
    }
}
