#include "orchestrator/receipts/receipts.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "orchestrator/receipts/receipts_internal.h"
#include "run/log.h"

#define FOLDER                 "receipts"
#define NONCES_NAME            "nonces"
#define SERVICE_NAME           "service"
#define STANDS_STILL           "receipts are not taken"
#define LINES_MAX              4096
#define SERVICE_VERIFY         "verify"
#define FAILURES_TOLD_EVERY_MS 10000

/* --- start --- */

static bool write_whole(void *arg, struct buf *out)
{
    const struct receipts *r = arg;
    return nonces_save(r->nonces, out) == ERR_OK;
}

static enum err load_nonces(struct receipts *r, const char *data_dir, char *ret_why)
{
    struct buf journal;
    size_t strangers = 0, line = 0;
    buf_init(&journal, NONCES_JOURNAL_MAX);
    enum err e = notebook_read(data_dir, FOLDER, NONCES_NAME, &journal);
    if (e == ERR_NOENT) {
        buf_fini(&journal);
        return ERR_OK;
    }
    if (e == ERR_OK) {
        e = nonces_load(r->nonces, buf_span(&journal), clock_wall_ms(), &strangers, &line);
    }
    buf_fini(&journal);
    if (e == ERR_PROTO) {
        (void)snprintf(ret_why, RECEIPTS_WHY_SIZE,
                       "line %zu of receipts/nonces in the data directory cannot be read: mend it, "
                       "or move the file away (payments that are under way then bring no more "
                       "receipts)",
                       line);
    } else if (e != ERR_OK) {
        (void)snprintf(ret_why, RECEIPTS_WHY_SIZE,
                       "receipts/nonces in the data directory cannot be read: %s", err_text(e));
    }
    if (e == ERR_OK && strangers > 0) {
        log_warn("receipts", "strangers",
                 "%zu nonces were made with seeds that are not in -receiptSeed any more: receipts "
                 "for them are refused",
                 strangers);
    }
    return e;
}

static enum err open_verifier(struct receipts *r, const struct receipts_config *c, char *ret_why)
{
    char why[SEEDS_WHY_SIZE];
    enum err e = seeds_open(c->data_dir, c->seed, &r->seeds, why);
    if (e != ERR_OK) {
        (void)snprintf(ret_why, RECEIPTS_WHY_SIZE, "%s", why);
        return e;
    }
    r->nonces = nonces_create(&r->seeds, c->ttl_ms, NONCES_MAX);
    e = load_nonces(r, c->data_dir, ret_why);
    if (e != ERR_OK) {
        return e;
    }
    const struct notebook_config nc = {
        .data_dir = c->data_dir,
        .folder = FOLDER,
        .name = NONCES_NAME,
        .stands_still = STANDS_STILL,
        .max_bytes = NONCES_JOURNAL_MAX,
        .whole = write_whole,
        .arg = r,
    };
    e = notebook_open(r->loop, &nc, &r->notebook);
    if (e != ERR_OK) {
        (void)snprintf(ret_why, RECEIPTS_WHY_SIZE,
                       "receipts/nonces in the data directory cannot be written: %s",
                       strerror(errno));
    }
    return e;
}

static enum err set_service(struct receipts *r, const char *url, char *ret_why)
{
    char why[HTTP_CLIENT_WHY_MAX];
    size_t len = strlen(url);
    if (http_client_check_url(url, why) != ERR_OK) {
        (void)snprintf(ret_why, RECEIPTS_WHY_SIZE, "-receiptService: %s", why);
        return ERR_PROTO;
    }
    if (url[len - 1] != '/' || len + sizeof SERVICE_VERIFY > sizeof r->service) {
        (void)snprintf(ret_why, RECEIPTS_WHY_SIZE,
                       "-receiptService has to be a URL with / at its end, of at most %zu bytes",
                       sizeof r->service - sizeof SERVICE_VERIFY);
        return ERR_PROTO;
    }
    (void)snprintf(r->service, sizeof r->service, "%s%s", url, SERVICE_VERIFY);
    return ERR_OK;
}

static bool write_intents(void *arg, struct buf *out)
{
    const struct receipts *r = arg;
    return intents_save(r->intents, out) == ERR_OK;
}

static enum err open_intents(struct receipts *r, const struct receipts_config *c, char *ret_why)
{
    struct buf journal;
    size_t line = 0;
    r->intents = intents_create();
    buf_init(&journal, INTENTS_JOURNAL_MAX);
    enum err e = notebook_read(c->data_dir, FOLDER, SERVICE_NAME, &journal);
    e = e == ERR_OK ? intents_load(r->intents, buf_span(&journal), &line) : e;
    buf_fini(&journal);
    if (e != ERR_OK && e != ERR_NOENT) {
        (void)snprintf(ret_why, RECEIPTS_WHY_SIZE,
                       "receipts/service in the data directory cannot be read (line %zu): %s: mend "
                       "it, or move the file away (receipts that were under way are not credited "
                       "then)",
                       line, err_text(e));
        return e;
    }
    const struct notebook_config nc = {
        .data_dir = c->data_dir,
        .folder = FOLDER,
        .name = SERVICE_NAME,
        .stands_still = STANDS_STILL,
        .max_bytes = INTENTS_JOURNAL_MAX,
        .whole = write_intents,
        .arg = r,
    };
    e = notebook_open(r->loop, &nc, &r->notebook);
    if (e != ERR_OK) {
        (void)snprintf(ret_why, RECEIPTS_WHY_SIZE,
                       "receipts/service in the data directory cannot be written: %s",
                       strerror(errno));
        return e;
    }
    r->again = loop_timer_create(r->loop, receipts_retry, r);
    loop_timer_start(r->again, 0, RECEIPTS_RETRY_MS);
    return ERR_OK;
}

static enum err configure(struct receipts *r, const struct receipts_config *c, char *ret_why)
{
    char why[POINTER_WHY_SIZE];
    enum err e = pointers_parse(c->pointers, c->allow_http, &r->pointers, why);
    if (e != ERR_OK) {
        (void)snprintf(ret_why, RECEIPTS_WHY_SIZE, "-paymentPointer: %s", why);
        return e;
    }
    if (c->service[0] == '\0') {
        return open_verifier(r, c, ret_why);
    }
    e = set_service(r, c->service, ret_why);
    return e == ERR_OK ? open_intents(r, c, ret_why) : e;
}

enum err receipts_create(struct loop *l, const struct receipts_config *c, struct ledger *ledger,
                         struct receipts **ret_receipts, char *ret_why)
{
    struct receipts *r = mem_alloc(sizeof *r);
    r->loop = l;
    r->ledger = ledger;
    r->timeout_ms = c->timeout_ms;
    r->ledger_scale = ledger_scale(ledger);
    r->scale = c->scale >= 0 ? c->scale : r->ledger_scale;
    r->allow_http = c->allow_http;
    list_init(&r->open);
    buf_init(&r->lines, LINES_MAX);
    r->http = http_client_create(l);
    enum err e = configure(r, c, ret_why);
    if (e != ERR_OK) {
        receipts_destroy(r);
        return e;
    }
    *ret_receipts = r;
    return ERR_OK;
}

void receipts_stop(struct receipts *r)
{
    r->closing = true;
    notebook_close(r->notebook);
    r->notebook = NULL;
    LIST_EACH (&r->open, it, next) {
        struct op *op = LIST_ITEM(it, struct op, node);
        if (op->query_fn != NULL) {
            op_reply(op, 503, STOPPING);
        } else if (!op->is_booked) {
            op_answer(op, 503, STOPPING);
        }
    }
}

void receipts_destroy(struct receipts *r)
{
    if (r == NULL) {
        return;
    }
    receipts_stop(r);
    assert(list_empty(&r->open));
    http_client_destroy(r->http);
    loop_timer_destroy(r->again);
    intents_destroy(r->intents);
    nonces_destroy(r->nonces);
    seeds_wipe(&r->seeds);
    buf_fini(&r->lines);
    mem_free(r);
}

struct ledger *receipts_ledger(const struct receipts *r)
{
    return r->ledger;
}

bool receipts_is_verifier(const struct receipts *r)
{
    return r->nonces != NULL;
}

/* --- questions --- */

struct op *op_begin(struct receipts *r, void *arg)
{
    if (r->n_open == RECEIPTS_OPEN_MAX || r->closing) {
        return NULL;
    }
    struct op *op = mem_alloc(sizeof *op);
    op->receipts = r;
    op->arg = arg;
    buf_init(&op->body, SPSP_ANSWER_MAX);
    list_push_back(&r->open, &op->node);
    r->n_open++;
    return op;
}

void op_end(struct op *op)
{
    if (op->call != NULL) {
        http_client_cancel(op->call);
        op->receipts->n_asked--;
    }
    if (op->intent != NULL) {
        op->intent->is_open = false; /* what came of it is not known: it is asked anew */
    }
    op->receipts->n_open--;
    list_remove(&op->node);
    buf_fini(&op->body);
    mem_free(op);
}

void op_answer(struct op *op, int status, const char *text)
{
    receipts_fn *fn = op->fn;
    void *arg = op->arg;
    char words[RECEIPTS_TEXT_SIZE];
    (void)snprintf(words, sizeof words, "%s", text);
    op->receipts->counts[COUNT_FAILED] += status >= 500 || status == 409;
    op_end(op);
    receipts_refuse(fn, arg, status, words);
}

void op_reply(struct op *op, int status, const char *text)
{
    const struct receipts_reply reply = {.http_status = status,
                                         .content_type = "text/plain; charset=utf-8",
                                         .body = span_cstr(text)};
    receipts_query_fn *fn = op->query_fn;
    void *arg = op->arg;
    op->receipts->counts[COUNT_QUERIES_FAILED]++;
    op_end(op);
    fn(arg, &reply);
}

void receipts_refuse(receipts_fn *fn, void *arg, int status, const char *text)
{
    const struct receipts_outcome o = {.http_status = status, .text = text};
    fn(arg, &o);
}

void receipts_write(struct receipts *r, notebook_fn *fn, void *arg)
{
    if (r->lines.len > 0) {
        notebook_append(r->notebook, buf_span(&r->lines), fn, arg);
        buf_clear(&r->lines);
    } else {
        assert(fn == NULL);
    }
}

bool receipts_tell_failure(struct receipts *r)
{
    int64_t now_ms = clock_mono_ms();
    if (r->failure_told_ms != 0 && now_ms - r->failure_told_ms < FAILURES_TOLD_EVERY_MS) {
        return false;
    }
    r->failure_told_ms = now_ms;
    return true;
}

int receipts_status_of(enum err e)
{
    return e == ERR_TIMEOUT ? 504 : 502;
}

/* --- what is told about it --- */

static const struct {
    enum receipts_count count;
    const char *name;
} told[] = {
    {COUNT_GOOD, "good"},
    {COUNT_TOO_LONG, "too_long"},
    {COUNT_MALFORMED, "malformed"},
    {COUNT_VERSION, "version"},
    {COUNT_HMAC, "hmac"},
    {COUNT_EXPIRED, "expired"},
    {COUNT_OTHER_POINTER, "other_pointer"},
    {COUNT_FAILED, "failed"},
};

#define N_TOLD (sizeof told / sizeof told[0])

void receipts_status(const struct receipts *r, struct json *object)
{
    struct json *j = json_new_object(), *pointers = json_new_array(), *seen = json_new_object();
    for (size_t i = 0; i < r->pointers.n; i++) {
        json_append_str(pointers, r->pointers.items[i].text);
    }
    json_set(j, "pointers", pointers);
    json_set_bool(j, "service", r->nonces == NULL);
    json_set_int(j, "scale", r->scale);
    json_set_int(j, "nonces", r->nonces != NULL ? (int64_t)nonces_count(r->nonces) : 0);
    json_set_int(j, "waiting", r->n_open);
    json_set_bool(j, "writable", r->notebook == NULL || notebook_failures(r->notebook) == 0);
    for (size_t i = 0; i < N_TOLD; i++) {
        json_set_int(seen, told[i].name, (int64_t)r->counts[told[i].count]);
    }
    json_set(j, "seen", seen);
    json_set_int(j, "queries", (int64_t)r->counts[COUNT_QUERIES]);
    json_set_int(j, "queries_not_ours", (int64_t)r->counts[COUNT_QUERIES_NOT_OURS]);
    json_set_int(j, "queries_failed", (int64_t)r->counts[COUNT_QUERIES_FAILED]);
    json_set(object, "receipts", j);
}

void receipts_metrics(const struct receipts *r, struct metrics *m)
{
    metrics_family(m, "sbe_receipts_total", METRIC_COUNTER, "Receipts, by what was said to them.");
    for (size_t i = 0; i < N_TOLD; i++) {
        metrics_sample(m, "sbe_receipts_total",
                       (const char *const[]){"verdict", told[i].name, NULL},
                       (double)r->counts[told[i].count]);
    }
    metrics_one(m, METRIC_COUNTER, "sbe_receipts_queries_total", "Questions where to pay.",
                (double)r->counts[COUNT_QUERIES]);
    metrics_one(m, METRIC_COUNTER, "sbe_receipts_queries_failed_total",
                "Questions where to pay that a wallet has not answered.",
                (double)r->counts[COUNT_QUERIES_FAILED]);
    metrics_one(m, METRIC_GAUGE, "sbe_receipts_nonces", "Payment connections that may be paid on.",
                r->nonces != NULL ? (double)nonces_count(r->nonces) : 0);
}
