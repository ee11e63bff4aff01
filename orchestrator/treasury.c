#include "orchestrator/treasury.h"

#include "base/mem.h"
#include "orchestrator/payments/rails.h"
#include "orchestrator/receipts/desk.h"
#include "run/log.h"

#define IDLE_POLLS 20 /* without growth: money may follow its announcement by seconds */

struct treasury {
    struct accounts *accounts;
    struct desk *desk;         /* NULL: no receipts are taken */
    struct wallets *wallets;   /* NULL: there is no wallet */
    struct payments *payments; /* NULL: no accounts are kept, or before treasury_serve */
    struct relay *relay;
};

static void on_news(void *arg, const char *account, uint64_t balance)
{
    struct treasury *t = arg;
    if (t->payments != NULL) {
        payments_news(t->payments, account, balance);
    }
    if (t->relay != NULL) {
        relay_news(t->relay, account);
    }
}

static struct desk_config desk_config_of(const char *data_dir, const struct treasury_config *c)
{
    return (struct desk_config){
        .addr = c->receipt_addr,
        .receipts =
            {
                .data_dir = data_dir,
                .pointers = c->payment_pointer,
                .seed = c->receipt_seed,
                .service = c->receipt_service,
                .ttl_ms = c->receipt_ttl_ms,
                .timeout_ms = c->wallet_timeout_ms,
                .scale = (int)c->receipt_scale,
                .allow_http = c->allow_http_payments,
            },
    };
}

static bool needs_ledger(const struct treasury_config *c, const struct desk_config *dc)
{
    return c->payments || c->price_per_unit > 0 || c->wallet_address[0] != '\0' ||
           desk_is_wanted(dc);
}

static enum err open_wallets(struct treasury *t, struct loop *l, const char *data_dir,
                             const struct treasury_config *c)
{
    char why[WALLETS_WHY_MAX];
    struct ledger *ledger = accounts_ledger(t->accounts);
    if (c->wallet_address[0] == '\0') {
        return ERR_OK;
    }
    if (ledger == NULL) {
        log_error("orchestrator", "config", "-walletAddress needs accounts, and -ledger is off");
        return ERR_STATE;
    }
    const struct wallets_config wc = {
        .data_dir = data_dir,
        .address = c->wallet_address,
        .key = c->wallet_key,
        .key_id = c->wallet_key_id,
        .client = c->wallet_client,
        .timeout_ms = c->wallet_timeout_ms,
        .poll_ms = c->wallet_poll_ms,
        .idle_polls = IDLE_POLLS,
        .allow_http = c->allow_http_payments,
    };
    enum err e = wallets_create(l, &wc, ledger, &t->wallets, why);
    if (e != ERR_OK) {
        log_error("orchestrator", "config", "%s", why);
    }
    return e;
}

enum err treasury_open(struct loop *l, const char *data_dir, const struct treasury_config *config,
                       struct treasury **ret_treasury)
{
    struct treasury *t = mem_alloc(sizeof *t);
    const struct desk_config dc = desk_config_of(data_dir, config);
    const struct accounts_config ac = {
        .data_dir = data_dir,
        .ledger = config->ledger,
        .needed = needs_ledger(config, &dc),
        .scale = (int)config->ledger_scale,
        .asset = config->ledger_asset,
        .news = on_news,
        .news_arg = t,
    };
    enum err e = desk_check(&dc);
    e = e == ERR_OK ? accounts_open(l, &ac, &t->accounts) : e;
    e = e == ERR_OK ? desk_open(l, &dc, accounts_ledger(t->accounts), &t->desk) : e;
    e = e == ERR_OK ? open_wallets(t, l, data_dir, config) : e;
    if (e != ERR_OK) {
        treasury_stop(t);
        treasury_close(t);
        return e;
    }
    *ret_treasury = t;
    return ERR_OK;
}

void treasury_serve(struct treasury *t, struct relay *relay)
{
    t->relay = relay;
    if (accounts_ledger(t->accounts) == NULL) {
        return;
    }
    struct receipts *receipts = t->desk != NULL ? desk_receipts(t->desk) : NULL;
    t->payments = payments_create(&(struct payments_config){
        .ledger = accounts_ledger(t->accounts),
        .receipt = rail_of_receipts(receipts),
        .wallet = rail_of_wallets(t->wallets),
        .query = rail_of_queries(receipts),
        .send = relay_send_pay,
        .name = relay_name_payer,
        .arg = relay,
    });
    relay_set_payments(relay, t->payments);
}

void treasury_stop(struct treasury *t)
{
    if (t == NULL) {
        return;
    }
    desk_stop(t->desk);
    wallets_stop(t->wallets);
    accounts_close(t->accounts);
    t->accounts = NULL;
}

void treasury_close(struct treasury *t)
{
    if (t == NULL) {
        return;
    }
    desk_close(t->desk);
    wallets_destroy(t->wallets);
    payments_destroy(t->payments);
    mem_free(t);
}

struct accounts *treasury_accounts(const struct treasury *t)
{
    return t->accounts;
}

struct ledger *treasury_ledger(const struct treasury *t)
{
    return accounts_ledger(t->accounts);
}

void treasury_status(const struct treasury *t, struct json *object)
{
    struct ledger *ledger = accounts_ledger(t->accounts);
    if (ledger == NULL) {
        return;
    }
    ledger_status(ledger, object);
    desk_status(t->desk, object);
    if (t->wallets != NULL) {
        wallets_status(t->wallets, object);
    }
    payments_status(t->payments, object);
}

void treasury_metrics(const struct treasury *t, struct metrics *m)
{
    struct ledger *ledger = accounts_ledger(t->accounts);
    if (ledger == NULL) {
        return;
    }
    ledger_metrics(ledger, m);
    desk_metrics(t->desk, m);
    if (t->wallets != NULL) {
        wallets_metrics(t->wallets, m);
    }
}
