#include "orchestrator/accounts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "orchestrator/accounts_read.h"
#include "orchestrator/ledger/ledger_book.h"
#include "orchestrator/ledger/ledger_json.h"
#include "run/log.h"

#define PATH_SIZE    4096
#define SHOW_DEFAULT 20
#define WORLD        "world:api" /* where credits by the API come from */

struct accounts {
    struct ledger *ledger;
    struct accounts_read *read;
    char path[PATH_SIZE];
};

/* --- life --- */

static enum err open_ledger(struct accounts *a, struct loop *l, const struct accounts_config *c)
{
    char why[LEDGER_WHY_MAX];
    const struct ledger_config config = {.path = a->path,
                                         .scale = c->scale,
                                         .asset = c->asset,
                                         .news = c->news,
                                         .news_arg = c->news_arg};
    enum err e = ledger_open(l, &config, &a->ledger, why);
    if (e != ERR_OK) {
        log_error("orchestrator", "ledger", "the ledger %s cannot be used: %s", a->path, why);
        return e;
    }
    a->read = accounts_read_create(l, a->path);
    log_info("orchestrator", "ledger", "file=%s asset=%s scale=%d", a->path, c->asset, c->scale);
    return ERR_OK;
}

enum err accounts_open(struct loop *l, const struct accounts_config *config,
                       struct accounts **ret_accounts)
{
    bool is_off = strcmp(config->ledger, ACCOUNTS_OFF) == 0;
    bool is_named = config->ledger[0] != '\0' && !is_off;
    if (is_off && config->needed) {
        log_error("orchestrator", "config",
                  "-ledger off: payments and prices need the ledger; leave one or the other out");
        return ERR_STATE;
    }
    struct accounts *a = mem_alloc(sizeof *a);
    enum err e = ERR_OK;
    int n = is_named ? snprintf(a->path, sizeof a->path, "%s", config->ledger)
                     : snprintf(a->path, sizeof a->path, "%s/" ACCOUNTS_FILE, config->data_dir);
    if (n >= (int)sizeof a->path) {
        log_error("orchestrator", "config", "-ledger: the file's name is too long");
        e = ERR_LIMIT;
    } else if (config->needed || is_named) {
        e = open_ledger(a, l, config);
    }
    if (e != ERR_OK) {
        mem_free(a);
        return e;
    }
    *ret_accounts = a;
    return ERR_OK;
}

void accounts_close(struct accounts *a)
{
    if (a != NULL) {
        accounts_read_destroy(a->read);
        ledger_close(a->ledger);
        mem_free(a);
    }
}

struct ledger *accounts_ledger(const struct accounts *a)
{
    return a->ledger;
}

/* --- reading --- */

static bool has_ledger(const struct accounts *a, struct http_answer *answer)
{
    if (a->ledger == NULL) {
        http_answer_text(answer, 409,
                         "this orchestrator keeps no accounts: start it with -payments");
    }
    return a->ledger != NULL;
}

static long limit_of(const struct http_value *v, long otherwise)
{
    return v->given ? v->number : otherwise;
}

/* format: "json" or "csv". */
static void read_page(struct accounts *a, struct accounts_question q,
                      const struct http_value *format, struct http_answer *answer)
{
    q.csv = strcmp(format->text, "csv") == 0;
    if (!has_ledger(a, answer)) {
        return;
    }
    if (format->given && !q.csv && strcmp(format->text, "json") != 0) {
        http_answer_text(answer, 400, "format is json (as without it) or csv");
        return;
    }
    accounts_read_ask(a->read, &q, answer);
}

void accounts_on_list(struct accounts *a, const struct http_value *values,
                      struct http_answer *answer)
{
    const struct accounts_question q = {.page = ACCOUNTS_LIST,
                                        .name = values[0].text,
                                        .limit = limit_of(&values[1], LEDGER_PAGE_MAX)};
    read_page(a, q, &values[2], answer);
}

void accounts_on_show(struct accounts *a, const struct http_value *values,
                      struct http_answer *answer)
{
    const struct accounts_question q = {
        .page = ACCOUNTS_SHOW, .name = values[0].text, .limit = limit_of(&values[1], SHOW_DEFAULT)};
    read_page(a, q, &values[2], answer);
}

void accounts_on_journal(struct accounts *a, const struct http_value *values,
                         struct http_answer *answer)
{
    const struct accounts_question q = {.page = ACCOUNTS_JOURNAL,
                                        .name = "",
                                        .after = values[0].number,
                                        .limit = limit_of(&values[1], LEDGER_PAGE_MAX)};
    read_page(a, q, &values[2], answer);
}

void accounts_on_audit(struct accounts *a, struct http_answer *answer)
{
    if (has_ledger(a, answer)) {
        const struct accounts_question q = {.page = ACCOUNTS_AUDIT, .name = ""};
        accounts_read_ask(a->read, &q, answer);
    }
}

/* --- changing --- */

struct change {
    struct http_later *later;
    const char *what; /* static */
    char account[LEDGER_NAME_MAX];
};

static int status_of(enum err e)
{
    switch (e) {
    case ERR_OK:
        return 200;
    case ERR_NOENT:
        return 404;
    case ERR_STATE:
        return 409;
    case ERR_FUNDS:
        return 402;
    case ERR_AUTH:
        return 403;
    case ERR_IO:
        return 503;
    default:
        return 400;
    }
}

static void on_changed(void *arg, const struct ledger_answer *a)
{
    struct change *c = arg;
    struct http_answer answer;
    http_answer_init(&answer);
    if (a->err != ERR_OK) {
        http_answer_text(&answer, status_of(a->err), "%s", a->why);
    } else {
        struct json *j = json_new_object();
        json_set_str(j, "account", c->account);
        ledger_json_money(j, "balance", (int64_t)a->balance);
        ledger_json_money(j, "amount", (int64_t)a->amount);
        json_set_bool(j, "again", a->again);
        http_answer_json(&answer, j);
        log_info("ledger", c->what, "account=\"%s\" amount=%llu again=%s", c->account,
                 (unsigned long long)a->amount, a->again ? "yes" : "no");
    }
    http_later_answer(c->later, &answer);
    mem_free(c);
}

static void change(struct accounts *a, const struct ledger_request *r, const char *what,
                   struct http_answer *answer)
{
    struct change *c = mem_alloc(sizeof *c);
    snprintf(c->account, sizeof c->account, "%.*s", LEDGER_NAME_MAX - 1, r->account);
    c->what = what;
    c->later = http_later(answer);
    ledger_ask(a->ledger, r, on_changed, c);
}

static bool read_number(const struct http_value *v, const char *name, uint64_t min, uint64_t max,
                        struct http_answer *answer, uint64_t *ret_v)
{
    if (!span_decimal(span_cstr(v->text), max, ret_v) || *ret_v < min) {
        http_answer_text(answer, 400,
                         "%s takes a whole number of the ledger's smallest unit, from %" PRIu64
                         " to %" PRIu64,
                         name, min, max);
        return false;
    }
    return true;
}

void accounts_on_grant(struct accounts *a, const struct http_value *values,
                       struct http_answer *answer)
{
    struct ledger_request r = {
        .op = LEDGER_GRANT, .account = values[0].text, .key = values[2].text};
    if (has_ledger(a, answer) &&
        read_number(&values[1], "amount", 1, LEDGER_MONEY_MAX, answer, &r.amount)) {
        change(a, &r, "grant", answer);
    }
}

void accounts_on_credit(struct accounts *a, const struct http_value *values,
                        struct http_answer *answer)
{
    struct ledger_request r = {
        .op = LEDGER_CREDIT, .account = values[0].text, .other = WORLD, .key = values[1].text};
    if (has_ledger(a, answer) &&
        read_number(&values[2], "total", 0, UINT64_MAX, answer, &r.total)) {
        change(a, &r, "credit", answer);
    }
}

void accounts_on_spend(struct accounts *a, const struct http_value *values,
                       struct http_answer *answer)
{
    struct ledger_request r = {.op = LEDGER_SPEND,
                               .account = values[0].text,
                               .other = values[1].text,
                               .key = values[3].text};
    if (has_ledger(a, answer) &&
        read_number(&values[2], "amount", 1, LEDGER_MONEY_MAX, answer, &r.amount)) {
        change(a, &r, "spend", answer);
    }
}

void accounts_on_freeze(struct accounts *a, const struct http_value *values, bool frozen,
                        struct http_answer *answer)
{
    if (has_ledger(a, answer)) {
        change(a,
               &(struct ledger_request){.op = frozen ? LEDGER_FREEZE : LEDGER_THAW,
                                        .account = values[0].text},
               frozen ? "freeze" : "thaw", answer);
    }
}
