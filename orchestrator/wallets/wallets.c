#include "orchestrator/wallets/wallets.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "orchestrator/wallets/wallet_key.h"
#include "orchestrator/wallets/wallets_internal.h"
#include "run/log.h"

#define TICK_MS  50
#define STOPPING "the server is stopping"

/* --- watched payments --- */

static struct watched *find(struct wallets *w, const char *url, const char *account,
                            unsigned *ret_of_account)
{
    struct watched *found = NULL;
    *ret_of_account = 0;
    LIST_EACH (&w->watched, it, tmp) {
        struct watched *v = LIST_ITEM(it, struct watched, node);
        bool same = strcmp(v->account, account) == 0;
        *ret_of_account += same;
        found = same && strcmp(v->url, url) == 0 ? v : found;
    }
    return found;
}

static void refuse(struct wallets *w, int status, const char *text, wallets_fn *fn, void *arg)
{
    w->counts[COUNT_REFUSED]++;
    fn(arg, &(struct wallets_outcome){.http_status = status, .text = text});
}

/* Who asks for the balance alone. */
struct asking {
    wallets_fn *fn;
    void *arg;
};

static void on_balance(void *arg, const struct ledger_answer *a)
{
    struct asking *q = arg;
    bool ok = a->err == ERR_OK;
    q->fn(q->arg, &(struct wallets_outcome){.http_status = ok ? 200 : 503,
                                            .text = ok ? "" : a->why,
                                            .balance = a->balance});
    mem_free(q);
}

/* Somebody else waits for what the wallet says. */
static void tell_balance(struct watched *v, wallets_fn *fn, void *arg)
{
    struct asking *q = mem_alloc(sizeof *q);
    *q = (struct asking){fn, arg};
    const struct ledger_request r = {.op = LEDGER_BALANCE, .account = v->account};
    ledger_ask(v->wallets->ledger, &r, on_balance, q);
}

/* A page says again that it pays: it is asked about at once, and for as long anew. */
static void go_on(struct watched *v, wallets_fn *fn, void *arg)
{
    v->idle = 0;
    v->is_resumed = false;
    v->next_ms = clock_mono_ms();
    if (v->fn == NULL) {
        v->fn = fn;
        v->arg = arg;
    } else if (!v->is_noted) {
        refuse(v->wallets, 503, "the payment is being noted: try again", fn, arg);
    } else {
        tell_balance(v, fn, arg);
    }
}

static void begin(struct wallets *w, const char *account, const char *url, wallets_fn *fn,
                  void *arg)
{
    struct watched *v = watched_begin(w, account, url);
    v->fn = fn;
    v->arg = arg;
    watched_note(v);
}

void wallets_watch(struct wallets *w, const char *account, const char *url, wallets_fn *fn,
                   void *arg)
{
    char why[OPEN_PAYMENTS_WHY_MAX];
    unsigned of_account = 0;
    if (w->notebook == NULL) {
        refuse(w, 503, STOPPING, fn, arg);
        return;
    }
    if (!w->is_known) {
        refuse(w, 503, "this site's wallet has not answered yet: try again", fn, arg);
        return;
    }
    enum err e = open_payments_check_url(&w->address, url, why);
    if (e != ERR_OK || strlen(url) >= WATCH_URL_MAX) {
        refuse(w, e == ERR_AUTH ? 403 : 400,
               e != ERR_OK ? why : "the incoming payment's URL is too long", fn, arg);
        return;
    }
    struct watched *v = find(w, url, account, &of_account);
    if (v != NULL) {
        go_on(v, fn, arg);
    } else if (of_account >= WALLETS_PER_ACCOUNT_MAX || w->n_watched >= WALLETS_WATCHED_MAX) {
        refuse(w, 429, "too many payments are being watched: try again later", fn, arg);
    } else {
        begin(w, account, url, fn, arg);
    }
}

/* Of those from before the start one at a time: the wallet is not to get them all at once. */
static void step(struct watched *v, int64_t now_ms, bool *resumes)
{
    bool waits = v->is_noting || v->call != NULL || v->is_booking || v->next_ms > now_ms;
    if (!waits && !v->is_noted) {
        watched_note(v);
    } else if (!waits && !(v->is_resumed && *resumes) && wallets_can_ask(v->wallets, now_ms)) {
        *resumes = *resumes || v->is_resumed;
        v->is_resumed = false;
        wallets_ask_payment(v, now_ms);
    }
}

static void on_tick(void *arg)
{
    struct wallets *w = arg;
    int64_t now_ms = clock_mono_ms();
    bool resumes = false;
    wallets_ask_address(w, now_ms);
    wallets_ask_grant(w, now_ms);
    LIST_EACH (&w->watched, it, tmp) {
        step(LIST_ITEM(it, struct watched, node), now_ms, &resumes);
    }
}

/* --- life --- */

static enum err read_config(struct wallets *w, const struct wallets_config *c, char *ret_why)
{
    char why[OPEN_PAYMENTS_WHY_MAX], key_why[WALLET_KEY_WHY_MAX];
    enum err e = open_payments_address(c->address, c->allow_http, w->address_url, why);
    if (e != ERR_OK) {
        snprintf(ret_why, WALLETS_WHY_MAX, "-walletAddress %s", why);
        return e;
    }
    const char *client = c->client[0] != '\0' ? c->client : c->address;
    e = open_payments_address(client, c->allow_http, w->client_url, why);
    if (e != ERR_OK) {
        snprintf(ret_why, WALLETS_WHY_MAX, "-walletClient %s", why);
        return e;
    }
    w->has_key = c->key[0] != '\0';
    e = w->has_key ? wallet_key_read(c->key, c->key_id, &w->key, key_why) : ERR_OK;
    if (e != ERR_OK) {
        snprintf(ret_why, WALLETS_WHY_MAX, "-walletKey: %s", key_why);
    }
    return e;
}

enum err wallets_create(struct loop *l, const struct wallets_config *config, struct ledger *ledger,
                        struct wallets **ret_wallets, char *ret_why)
{
    struct wallets *w = mem_alloc(sizeof *w);
    w->loop = l;
    w->ledger = ledger;
    w->config = *config;
    list_init(&w->watched);
    enum err e = read_config(w, config, ret_why);
    e = e == ERR_OK ? watched_open(w, config->data_dir, ret_why) : e;
    if (e != ERR_OK) {
        wallets_destroy(w);
        return e;
    }
    if (!w->has_key) {
        log_warn("wallets", "public_form",
                 "without -walletKey the wallet does not say whose a payment is: payments to any "
                 "customer of the same provider count");
    }
    w->http = http_client_create(l);
    w->tick = loop_timer_create(l, on_tick, w);
    loop_timer_start(w->tick, 0, TICK_MS);
    *ret_wallets = w;
    return ERR_OK;
}

void wallets_stop(struct wallets *w)
{
    if (w != NULL) {
        loop_timer_stop(w->tick);
        http_client_destroy(w->http);
        w->http = NULL;
        notebook_close(w->notebook);
        w->notebook = NULL;
        LIST_EACH (&w->watched, it, tmp) {
            struct watched *v = LIST_ITEM(it, struct watched, node);
            if (!v->is_booking) { /* those the ledger answers */
                watched_answer(v, 503, STOPPING, 0, 0);
            }
        }
    }
}

void wallets_destroy(struct wallets *w)
{
    if (w == NULL) {
        return;
    }
    loop_timer_destroy(w->tick);
    http_client_destroy(w->http);
    LIST_EACH (&w->watched, it, tmp) {
        watched_end(LIST_ITEM(it, struct watched, node));
    }
    explicit_bzero(w, sizeof *w);
    mem_free(w);
}

/* --- reports --- */

void wallets_status(const struct wallets *w, struct json *object)
{
    struct json *j = json_new_object();
    json_set_str(j, "address", w->is_known ? w->address.id : w->address_url);
    json_set_str(j, "form", w->has_key ? "authenticated" : "public (weak)");
    json_set_str(j, "asset", w->is_known ? w->address.asset_code : NULL);
    json_set_int(j, "scale", w->is_known ? w->address.asset_scale : 0);
    json_set_str(j, "trouble", w->trouble[0] != '\0' ? w->trouble : NULL);
    json_set_int(j, "watched", w->n_watched);
    json_set_bool(j, "writable", w->notebook == NULL || notebook_failures(w->notebook) == 0);
    json_set_int(j, "questions", (int64_t)w->counts[COUNT_QUESTIONS]);
    json_set_int(j, "failed", (int64_t)w->counts[COUNT_FAILED]);
    json_set_int(j, "refused", (int64_t)w->counts[COUNT_REFUSED]);
    json_set_int(j, "credits", (int64_t)w->counts[COUNT_CREDITS]);
    json_set_int(j, "grants", (int64_t)w->counts[COUNT_GRANTS]);
    json_set(object, "wallet", j);
}

void wallets_metrics(const struct wallets *w, struct metrics *m)
{
    metrics_one(m, METRIC_GAUGE, "sbe_wallet_watched", "Incoming payments that are asked about.",
                w->n_watched);
    metrics_one(m, METRIC_COUNTER, "sbe_wallet_questions_total",
                "Questions about incoming payments.", w->counts[COUNT_QUESTIONS]);
    metrics_one(m, METRIC_COUNTER, "sbe_wallet_failed_total",
                "Of these: not answered as they should be.", w->counts[COUNT_FAILED]);
    metrics_one(m, METRIC_COUNTER, "sbe_wallet_refused_total",
                "Payments that pages named and that are none of ours.", w->counts[COUNT_REFUSED]);
    metrics_one(m, METRIC_COUNTER, "sbe_wallet_credits_total",
                "Times that an account was credited.", w->counts[COUNT_CREDITS]);
}
