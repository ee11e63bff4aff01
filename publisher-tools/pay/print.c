#include "publisher-tools/pay/print.h"

#include <string.h>

#include "base/mem.h"
#include "publisher-tools/pay/money.h"

#define NAME_WIDTH  40
#define MONEY_WIDTH 20

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
    pay_money_write(text(j, name), scale, buffer);
    return buffer;
}

static const char *state(const struct json *account)
{
    return json_bool_of(json_member(account, "frozen")) ? "frozen" : "-";
}

void pay_print_accounts(FILE *out, const struct json *page, bool first)
{
    char balance[PAY_MONEY_SIZE], held[PAY_MONEY_SIZE];
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
    char change[PAY_MONEY_SIZE], held[PAY_MONEY_SIZE], after[PAY_MONEY_SIZE];
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

/* --- CSV --- */

static void print_field(FILE *out, const char *field)
{
    if (strpbrk(field, ",\"\r\n") == NULL) {
        fputs(field, out);
        return;
    }
    fputc('"', out);
    for (; *field != '\0'; field++) {
        if (*field == '"') {
            fputc('"', out);
        }
        fputc(*field, out);
    }
    fputc('"', out);
}

void pay_print_journal_csv(FILE *out, const struct json *page, bool first)
{
    char change[PAY_MONEY_SIZE], held[PAY_MONEY_SIZE];
    const struct json *all = json_member(page, "entries");
    int scale = (int)number(page, "scale");
    if (first) {
        fputs("entry,at,kind,key,account,balance_change,held_change,asset\r\n", out);
    }
    for (size_t i = 0; i < json_count(all); i++) {
        const struct json *e = json_item(all, i), *postings = json_member(e, "postings");
        for (size_t k = 0; k < json_count(postings); k++) {
            const struct json *p = json_item(postings, k);
            fprintf(out, "%lld,%s,%s,", number(e, "entry"), text(e, "at"), text(e, "kind"));
            print_field(out, text(e, "key"));
            fputc(',', out);
            print_field(out, text(p, "account"));
            fprintf(out, ",%s,%s,", money(p, "balance_change", scale, change),
                    money(p, "held_change", scale, held));
            print_field(out, text(page, "asset"));
            fputs("\r\n", out);
        }
    }
}

/* --- the rest --- */

void pay_print_audit(FILE *out, const struct json *audit)
{
    const struct json *found = json_member(audit, "found");
    char held[PAY_MONEY_SIZE], owed[PAY_MONEY_SIZE];
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
    char balance[PAY_MONEY_SIZE];
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
