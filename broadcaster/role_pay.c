#include "broadcaster/role_pay.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broadcaster/paywall/bank.h"
#include "broadcaster/paywall/money.h"
#include "broadcaster/paywall/paywall.h"
#include "broadcaster/paywall/prices.h"
#include "broadcaster/paywall/token.h"
#include "broadcaster/viewers/viewers_pay.h"
#include "run/log.h"

#define POINTER_MAX 512

struct role_pay {
    struct prices *prices;
    struct token_keys keys;
    struct paywall *paywall;
    struct bank *bank;
    struct viewers_pay *viewers;
    char pointer[POINTER_MAX];
    const char *prices_path; /* the configuration's, as all texts of terms */
    struct pay_terms terms;
};

static enum err refuse(const char *text)
{
    log_error("broadcaster", "config", "%s", text);
    return ERR_PROTO;
}

/* --- reading the flags --- */

static bool is_set(const char *text)
{
    return text[0] != '\0';
}

static bool has_price(const struct broadcaster_config *c)
{
    return is_set(c->price_per_minute) || is_set(c->price_per_mb) || is_set(c->prices);
}

/* What would count for nothing without a price was meant for something. */
static enum err check_flags(const struct broadcaster_config *c, const struct uplinks *uplinks)
{
    bool meant = is_set(c->paywall_threshold) || is_set(c->payment_pointer) ||
                 is_set(c->receipt_service) || c->allow_user_id;
    if (!has_price(c) && meant) {
        return refuse("payment is switched on without a price: give exactly one of -pricePerMinute "
                      "and -pricePerMB, or -prices FILE");
    }
    if (has_price(c) && uplinks == NULL) {
        return refuse("payment needs an orchestrator, which keeps the viewers' accounts: name one "
                      "with -orchAddr");
    }
    size_t n = strlen(c->receipt_service);
    if (n > 0 && c->receipt_service[n - 1] != '/') {
        return refuse(
            "-receiptService has to end with a slash: payment pointers are put behind it");
    }
    return ERR_OK;
}

static enum err read_terms(const struct broadcaster_config *c, struct pay_terms *t)
{
    char why[CONFIG_WHY_MAX];
    *t = (struct pay_terms){
        .scale = (int)c->ledger_scale,
        .receipt_scale = (int)(c->receipt_scale >= 0 ? c->receipt_scale : c->ledger_scale),
        .asset = c->ledger_asset,
        .payment_pointer = c->payment_pointer,
        .receipt_service = c->receipt_service,
    };
    if (prices_default(c->price_per_minute, c->price_per_mb, t->scale, &t->toll, why) != ERR_OK) {
        return refuse(why);
    }
    if (is_set(c->paywall_threshold) &&
        money_parse(span_cstr(c->paywall_threshold), t->scale, &t->threshold) != ERR_OK) {
        return refuse("-paywallThreshold takes an amount such as 0.001, with no more digits than "
                      "-ledgerScale says");
    }
    return ERR_OK;
}

static enum err read_files(struct role_pay *p, const struct broadcaster_config *c,
                           const struct pay_terms *t, const char *data_dir)
{
    char why[CONFIG_WHY_MAX];
    if (prices_load(c->prices, &t->toll, t->scale, &p->prices, why) != ERR_OK) {
        log_error("broadcaster", "config", "-prices: %s", why);
        return ERR_PROTO;
    }
    if (token_keys_load(data_dir, &p->keys, why) != ERR_OK) {
        log_error("broadcaster", "viewer_keys", "what viewers' tokens are signed with: %s", why);
        return ERR_IO;
    }
    return ERR_OK;
}

/* "$host/path" is "https://host/path", and "$host" its well-known one. */
static enum err read_pointer(struct role_pay *p, const char *text)
{
    const char *rest = text[0] == '$' ? text + 1 : text;
    bool url = strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-._~:/?[]@!$&()*+,;=%";
    bool good = text[0] == '\0' ||
                ((url || text[0] == '$') && rest[0] != '\0' && rest[strspn(rest, letters)] == '\0');
    int n = url || text[0] == '\0' ? snprintf(p->pointer, sizeof p->pointer, "%s", text)
                                   : snprintf(p->pointer, sizeof p->pointer, "https://%s%s", rest,
                                              strchr(rest, '/') != NULL ? "" : "/.well-known/pay");
    return good && n < POINTER_MAX
               ? ERR_OK
               : refuse("-paymentPointer takes $wallet.example/name, or the URL that it means");
}

/* --- life --- */

static void ask_bank(void *bank, const struct link_pay_ask *q, bank_fn *fn, void *arg)
{
    struct role_pay *p = bank;
    bank_ask(p->bank, q, fn, arg);
}

static void open_all(struct role_pay *p, struct daemon *d, const struct broadcaster_config *c,
                     const struct pay_terms *t, struct uplinks *uplinks)
{
    struct paywall_config w = {
        .loop = d->loop,
        .ask = ask_bank,
        .bank = p,
        .preview = t->threshold,
        .data_dir = d->data_dir,
        .per_address = (uint32_t)c->pay_rate,
        .patience_ms = c->pay_patience_ms,
        .chunk = (size_t)c->pay_chunk_bytes,
    };
    p->paywall = paywall_create(&w);
    struct bank_config b = {.scale = t->scale,
                            .asset = t->asset,
                            .news = paywall_news,
                            .open = paywall_bank_open,
                            .arg = p->paywall};
    p->bank = bank_create(d->loop, uplinks, &b);
    struct viewers_pay_config v = {
        .paywall = p->paywall,
        .prices = p->prices,
        .who = {&p->keys, c->allow_user_id},
        .terms = *t,
        .chunk = (size_t)c->pay_chunk_bytes,
        .posts_per_minute = (uint32_t)c->pay_rate,
    };
    p->viewers = viewers_pay_create(&v);
}

enum err role_pay_open(struct daemon *d, const struct broadcaster_config *c,
                       struct uplinks *uplinks, struct role_pay **ret_pay)
{
    struct pay_terms t;
    enum err e = check_flags(c, uplinks);
    if (e != ERR_OK || !has_price(c)) {
        return e;
    }
    e = read_terms(c, &t);
    if (e != ERR_OK) {
        return e;
    }
    struct role_pay *p = mem_alloc(sizeof *p);
    p->prices_path = c->prices;
    p->terms = t;
    e = read_pointer(p, c->payment_pointer);
    if (e == ERR_OK) {
        e = read_files(p, c, &t, d->data_dir);
    }
    if (e != ERR_OK) {
        role_pay_destroy(p);
        return e;
    }
    open_all(p, d, c, &t, uplinks);
    char price[TOLL_TEXT_MAX];
    toll_format(&t.toll, t.scale, t.asset, price);
    log_info("broadcaster", "paywall", "price=\"%s\" prices=\"%s\" pointer=\"%s\"", price,
             c->prices, c->payment_pointer);
    *ret_pay = p;
    return ERR_OK;
}

struct viewers_pay *role_pay_viewers(struct role_pay *p)
{
    return p != NULL ? p->viewers : NULL;
}

const char *role_pay_pointer(const struct role_pay *p)
{
    return p != NULL ? p->pointer : "";
}

bool role_pay_costs(const struct role_pay *p, const char *stream)
{
    return p != NULL && prices_of_stream(p->prices, stream).per != TOLL_FREE;
}

void role_pay_reload(struct role_pay *p)
{
    char why[CONFIG_WHY_MAX];
    struct prices *fresh = NULL;
    if (p == NULL || !is_set(p->prices_path)) {
        return;
    }
    if (prices_load(p->prices_path, &p->terms.toll, p->terms.scale, &fresh, why) != ERR_OK) {
        log_error("broadcaster", "prices",
                  "-prices: %s; the prices from before stay in force, until this is mended and "
                  "SIGHUP comes again",
                  why);
        return;
    }
    prices_replace(p->prices, fresh);
    log_info("broadcaster", "prices", "read again from \"%s\"", p->prices_path);
}

void role_pay_close(struct role_pay *p)
{
    if (p != NULL) {
        paywall_close(p->paywall);
    }
}

bool role_pay_closed(const struct role_pay *p)
{
    return p == NULL || paywall_closed(p->paywall);
}

void role_pay_stop(struct role_pay *p)
{
    if (p != NULL && p->paywall != NULL) {
        paywall_stop(p->paywall);
    }
}

void role_pay_destroy(struct role_pay *p)
{
    if (p != NULL) {
        viewers_pay_destroy(p->viewers);
        bank_destroy(p->bank);
        paywall_destroy(p->paywall);
        prices_destroy(p->prices);
        token_keys_wipe(&p->keys);
        mem_free(p);
    }
}

/* --- reports --- */

void role_pay_status(struct role_pay *p, struct json *object)
{
    if (p != NULL) {
        bank_status(p->bank, object);
        paywall_status(p->paywall, object);
    }
}

void role_pay_metrics(struct role_pay *p, struct metrics *m)
{
    if (p != NULL) {
        paywall_metrics(p->paywall, m);
    }
}
