/* bin/pay: the accounts of an orchestrator's ledger. */
#include <curl/curl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/version.h"
#include "orchestrator/ledger/ledger_money.h"
#include "publisher-tools/args.h"
#include "publisher-tools/pay/print.h"
#include "publisher-tools/pay/source.h"

#define KEY_BYTES  12                    /* random, of a key that nobody gave */
#define MOST_UNITS "9223372036854775807" /* what an account can have */

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_FAULTS = 3 };

struct flags {
    const char *url, *token, *file, *key;
    long entries, timeout_s;
    bool json, csv, version, help;
};

#define FIELD(f) offsetof(struct flags, f)

static const struct option table[] = {
    {"url", OPTION_STRING, "http://127.0.0.1:7935", 1, 0, false, FIELD(url), "URL",
     "The orchestrator's -cliAddr."},
    {"token", OPTION_STRING, "", 0, 0, false, FIELD(token), "FILE",
     "Its -cliToken, when it has one."},
    {"file", OPTION_STRING, "", 0, 0, false, FIELD(file), "FILE|DIR",
     "Reads this ledger, or ledger.db in this folder, without asking an orchestrator; it may run "
     "or "
     "not. For list, show, export and audit."},
    {"entries", OPTION_INT, "20", 0, 1000, false, FIELD(entries), "N",
     "show: how many entries, newest first."},
    {"key", OPTION_STRING, "", 1, 0, false, FIELD(key), "TEXT",
     "grant, spend: asked again with the same key, nothing moves again; a new one without."},
    {"timeout", OPTION_INT, "60", 1, 86400, false, FIELD(timeout_s), "N",
     "Seconds that one answer may take."},
    {"json", OPTION_BOOL, NULL, 0, 0, false, FIELD(json), NULL,
     "Prints JSON, amounts in the ledger's smallest unit; of list and export a document on each "
     "line."},
    {"csv", OPTION_BOOL, NULL, 0, 0, false, FIELD(csv), NULL,
     "Prints CSV; of show the entries. export does so anyway."},
    {"version", OPTION_BOOL, NULL, 0, 0, false, FIELD(version), NULL,
     "Prints the version and ends."},
    {"help", OPTION_BOOL, NULL, 0, 0, false, FIELD(help), NULL, "Prints this and ends."},
};
#define N_OPTIONS (sizeof table / sizeof table[0])

struct pay {
    const struct flags *flags;
    struct pay_source *source;
    char **words; /* behind the command */
};

static void usage(void)
{
    options_usage(stdout, "pay", table, N_OPTIONS, NULL);
    fputs("  list                        every account, with what it has\n"
          "  show ACCOUNT                one, and its newest entries\n"
          "  grant ACCOUNT AMOUNT        gives it money\n"
          "  credit ACCOUNT SOURCE TOTAL money came in: SOURCE has brought TOTAL so far\n"
          "  spend ACCOUNT TO AMOUNT     moves money from an account to another\n"
          "  freeze ACCOUNT              it spends nothing any more, until: thaw ACCOUNT\n"
          "  export                      the journal as CSV, with -json as JSON lines\n"
          "  audit                       counts every balance anew from the journal\n"
          "Amounts are in the ledger's asset, with a point: 1.50.\n"
          "Exit status: 0 done, 1 refused or not possible (said on stderr), 2 usage, 3 the audit "
          "found faults.\n",
          stdout);
}

static int say(int status, const char *why)
{
    fprintf(stderr, "pay: %s\n", why);
    return status;
}

static void print_document(const struct json *j)
{
    char *text = json_text(j);
    fputs(text, stdout);
    mem_free(text);
}

/* --- commands that read --- */

static int list(struct pay *p)
{
    char why[PAY_WHY_MAX], *after = mem_strdup("");
    bool first = true;
    int status = EXIT_DONE;
    while (after != NULL && status == EXIT_DONE) {
        struct json *page;
        if (pay_source_accounts(p->source, after, &page, why) != ERR_OK) {
            status = say(EXIT_REFUSED, why);
            break;
        }
        bool ok = true;
        if (p->flags->json) {
            pay_print_lines(stdout, page, "accounts");
        } else if (p->flags->csv) {
            ok = pay_print_csv(stdout, page, first);
        } else {
            pay_print_accounts(stdout, page, first);
        }
        first = false;
        const char *next = json_string_of(json_member(page, "next"));
        mem_free(after);
        after = next != NULL ? mem_strdup(next) : NULL;
        json_destroy(page);
        status = !ok || ferror(stdout) ? say(EXIT_REFUSED, "the list cannot be written") : status;
    }
    mem_free(after);
    return status;
}

static int show(struct pay *p)
{
    char why[PAY_WHY_MAX];
    struct json *j;
    if (pay_source_account(p->source, p->words[0], p->flags->entries, &j, why) != ERR_OK) {
        return say(EXIT_REFUSED, why);
    }
    bool ok = true;
    if (p->flags->json) {
        print_document(j);
    } else if (p->flags->csv) {
        ok = pay_print_csv(stdout, j, true);
    } else {
        pay_print_account(stdout, j);
    }
    json_destroy(j);
    return ok ? EXIT_DONE : say(EXIT_REFUSED, "the entries cannot be written");
}

static int export(struct pay *p)
{
    char why[PAY_WHY_MAX];
    int64_t after = 0;
    bool first = true, more = true;
    while (more) {
        struct json *page;
        if (pay_source_journal(p->source, after, &page, why) != ERR_OK) {
            return say(EXIT_REFUSED, why);
        }
        bool ok = true;
        if (p->flags->json) {
            pay_print_lines(stdout, page, "entries");
        } else {
            ok = pay_print_csv(stdout, page, first);
        }
        first = false;
        more = json_int_of(json_member(page, "next"), &after);
        json_destroy(page);
        if (!ok || ferror(stdout)) {
            return say(EXIT_REFUSED, "the journal cannot be written");
        }
    }
    return EXIT_DONE;
}

static int audit(struct pay *p)
{
    char why[PAY_WHY_MAX];
    struct json *j;
    int64_t faults = 0;
    if (pay_source_audit(p->source, &j, why) != ERR_OK) {
        return say(EXIT_REFUSED, why);
    }
    p->flags->json ? print_document(j) : pay_print_audit(stdout, j);
    bool counted = json_int_of(json_member(j, "faults"), &faults);
    json_destroy(j);
    return counted && faults == 0 ? EXIT_DONE : EXIT_FAULTS;
}

/* --- commands that change --- */

/* What the ledger counts: from an empty page, so that nothing is assumed. */
struct unit {
    int scale;
    char asset[64];
};

static bool ask_unit(struct pay *p, struct unit *ret_unit)
{
    char why[PAY_WHY_MAX];
    struct json *page;
    int64_t scale = 0;
    enum err e = pay_source_journal(p->source, INT64_MAX, &page, why);
    if (e != ERR_OK) {
        say(EXIT_REFUSED, why);
        return false;
    }
    const char *asset = json_string_of(json_member(page, "asset"));
    bool ok = json_int_of(json_member(page, "scale"), &scale) && scale >= 0 && scale <= 18;
    ret_unit->scale = (int)scale;
    snprintf(ret_unit->asset, sizeof ret_unit->asset, "%s", asset != NULL ? asset : "");
    json_destroy(page);
    if (!ok) {
        say(EXIT_REFUSED, "the orchestrator does not say what its money is");
    }
    return ok;
}

static bool read_amount(const char *text, const struct unit *u, char *ret_units, size_t size)
{
    uint64_t units;
    char most[LEDGER_MONEY_SIZE];
    if (!ledger_money_read(text, u->scale, &units)) {
        ledger_money_write(MOST_UNITS, u->scale, most);
        fprintf(stderr,
                "pay: an amount is like 12 or 1.50, up to %s and with at most %d digits behind the "
                "point, which \"%s\" is not\n",
                most, u->scale, text);
        return false;
    }
    snprintf(ret_units, size, "%llu", (unsigned long long)units);
    return true;
}

static int change(struct pay *p, const char *path, const struct pay_pair *pairs, size_t n,
                  const struct unit *u, const char *key)
{
    char why[PAY_WHY_MAX];
    struct json *j;
    enum err e = pay_source_change(p->source, path, pairs, n, &j, why);
    if (e == ERR_CLOSED && key != NULL) {
        fprintf(stderr,
                "pay: it is not known whether it was done; the same with -key %s does it "
                "once\n",
                key);
    }
    if (e != ERR_OK) {
        return say(EXIT_REFUSED, why);
    }
    p->flags->json ? print_document(j) : pay_print_change(stdout, j, u->asset, u->scale);
    json_destroy(j);
    return EXIT_DONE;
}

/* So that it can be asked again when the answer is lost. */
static const char *key_of(const struct pay *p, char *buffer)
{
    if (p->flags->key[0] != '\0') {
        return p->flags->key;
    }
    id_random_hex(buffer, KEY_BYTES);
    return buffer;
}

/* A name that was meant for another account makes one that nobody looks at. */
static bool is_new(struct pay *p, const char *account)
{
    char why[PAY_WHY_MAX];
    struct json *j;
    enum err e = pay_source_account(p->source, account, 1, &j, why);
    if (e == ERR_OK) {
        json_destroy(j);
    }
    return e == ERR_NOENT;
}

static int note_new(int status, bool was_new, const char *account)
{
    if (status == EXIT_DONE && was_new) {
        fprintf(stderr, "pay: %s is a new account; pay list tells which there are\n", account);
    }
    return status;
}

static int grant(struct pay *p)
{
    struct unit u;
    char units[32], random[2 * KEY_BYTES + 1];
    if (!ask_unit(p, &u)) {
        return EXIT_REFUSED;
    }
    if (!read_amount(p->words[1], &u, units, sizeof units)) {
        return EXIT_USAGE;
    }
    const char *key = key_of(p, random);
    const struct pay_pair pairs[] = {{"account", p->words[0]}, {"amount", units}, {"key", key}};
    bool was_new = is_new(p, p->words[0]);
    return note_new(change(p, "/grant", pairs, 3, &u, key), was_new, p->words[0]);
}

static int spend(struct pay *p)
{
    struct unit u;
    char units[32], random[2 * KEY_BYTES + 1];
    if (!ask_unit(p, &u)) {
        return EXIT_REFUSED;
    }
    if (!read_amount(p->words[2], &u, units, sizeof units)) {
        return EXIT_USAGE;
    }
    const char *key = key_of(p, random);
    const struct pay_pair pairs[] = {
        {"account", p->words[0]}, {"to", p->words[1]}, {"amount", units}, {"key", key}};
    return change(p, "/spend", pairs, 4, &u, key);
}

static int credit(struct pay *p)
{
    struct unit u;
    char units[32];
    if (!ask_unit(p, &u)) {
        return EXIT_REFUSED;
    }
    if (!read_amount(p->words[2], &u, units, sizeof units)) {
        return EXIT_USAGE;
    }
    const struct pay_pair pairs[] = {
        {"account", p->words[0]}, {"source", p->words[1]}, {"total", units}};
    bool was_new = is_new(p, p->words[0]);
    return note_new(change(p, "/credit", pairs, 3, &u, NULL), was_new, p->words[0]);
}

static int set_frozen(struct pay *p, const char *path)
{
    struct unit u;
    const struct pay_pair pairs[] = {{"account", p->words[0]}};
    return ask_unit(p, &u) ? change(p, path, pairs, 1, &u, NULL) : EXIT_REFUSED;
}

static int freeze(struct pay *p)
{
    return set_frozen(p, "/freezeAccount");
}

static int thaw(struct pay *p)
{
    return set_frozen(p, "/thawAccount");
}

/* --- main --- */

static const struct {
    const char *name;
    int (*run)(struct pay *p);
    int n_words;
} commands[] = {
    {"list", list, 0},     {"show", show, 1},     {"grant", grant, 2},
    {"credit", credit, 3}, {"spend", spend, 3},   {"freeze", freeze, 1},
    {"thaw", thaw, 1},     {"export", export, 0}, {"audit", audit, 0},
};

static int run_command(const struct flags *f, char **words, int n_words, size_t which)
{
    char why[PAY_WHY_MAX];
    struct pay p = {.flags = f, .words = words};
    if (n_words != commands[which].n_words) {
        fprintf(stderr, "pay: %s takes %d argument%s, not %d; -help lists them\n",
                commands[which].name, commands[which].n_words,
                commands[which].n_words == 1 ? "" : "s", n_words);
        return EXIT_USAGE;
    }
    const struct pay_source_config config = {
        .url = f->url, .token = f->token, .file = f->file, .timeout_s = f->timeout_s};
    if (pay_source_open(&config, &p.source, why) != ERR_OK) {
        return say(EXIT_REFUSED, why);
    }
    int status = commands[which].run(&p);
    pay_source_close(p.source);
    if (fflush(stdout) != 0) {
        return say(EXIT_REFUSED, "the answer cannot be written");
    }
    return status;
}

static int choose(const struct flags *f, const struct args *a)
{
    if (a->n_others == 0) {
        say(EXIT_USAGE, "which command? list, show, grant, credit, spend, freeze, thaw, export or "
                        "audit");
        options_hint(stderr, "pay");
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, a->others[0]) == 0) {
            return run_command(f, a->others + 1, a->n_others - 1, i);
        }
    }
    fprintf(stderr, "pay: there is no command \"%s\"; -help lists them\n", a->others[0]);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct flags f;
    struct args a;
    char why[OPTIONS_WHY_MAX];
    args_init(&a, table, N_OPTIONS, argc, argv);
    int status = EXIT_DONE;
    if (options_parse(table, N_OPTIONS, a.n_flags, a.flags, &f, why) != ERR_OK) {
        status = say(EXIT_USAGE, why);
        options_hint(stderr, "pay");
    } else if (f.json && f.csv) {
        status = say(EXIT_USAGE, "-json or -csv, not both");
    } else if (f.help) {
        usage();
    } else if (f.version) {
        printf("pay %s\n", software_version);
    } else if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        status = say(EXIT_REFUSED, "the HTTP library could not start");
    } else {
        status = choose(&f, &a);
        curl_global_cleanup();
    }
    args_fini(&a);
    return status;
}
