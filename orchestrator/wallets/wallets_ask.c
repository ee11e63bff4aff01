/* What is asked of the wallet: its address, a token, payments. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "orchestrator/receipts/receipt.h"
#include "orchestrator/wallets/wallets_internal.h"
#include "run/log.h"

#define ADDRESS_MS      (3600 * 1000) /* a wallet may change its asset */
#define RETRY_MS        5000
#define TOKEN_MS        (600 * 1000) /* one that does not say how long it lasts */
#define TOKEN_MARGIN_MS 5000
#define FAILURES_MAX    8    /* of one that the wallet has not yet said to be ours */
#define FAILURES_OURS   1000 /* of one that is: a day at the usual -walletPoll */
#define BODY_MAX        2048
#define JSON_TYPE       "application/json"

static void trouble(struct wallets *w, const char *why)
{
    if (strcmp(w->trouble, why) != 0) {
        snprintf(w->trouble, sizeof w->trouble, "%s", why);
        if (why[0] != '\0') {
            log_warn("wallets", "wallet", "%s cannot be asked: %s; it is tried again",
                     w->address_url, why);
        }
    }
}

static struct http_client_request request_of(const struct wallets *w, const char *url)
{
    return (struct http_client_request){
        .url = url,
        .timeout_ms = w->config.timeout_ms,
        .answer_max_bytes = WALLETS_ANSWER_MAX,
        .no_redirects = true,
        .public_only = !w->config.allow_http,
    };
}

/* --- its address --- */

static void on_address(void *arg, const struct http_client_result *r)
{
    struct wallets *w = arg;
    struct wallet_address found;
    char why[OPEN_PAYMENTS_WHY_MAX];
    w->address_call = NULL;
    w->address_ms = clock_mono_ms() + (w->is_known ? ADDRESS_MS : RETRY_MS);
    if (r->err != ERR_OK || r->status != 200) {
        snprintf(why, sizeof why, "%s", r->err != ERR_OK ? r->why : "it does not answer with 200");
        trouble(w, why);
    } else if (open_payments_wallet(r->body, &found, why) != ERR_OK) {
        trouble(w, why);
    } else if (strcmp(found.asset_code, ledger_asset(w->ledger)) != 0) {
        snprintf(why, sizeof why, "it is in %s, and the ledger's asset is %s (-ledgerAsset)",
                 found.asset_code, ledger_asset(w->ledger));
        trouble(w, why);
    } else {
        if (!w->is_known) {
            log_info("wallets", "wallet", "address=%s asset=%s scale=%d form=%s", found.id,
                     found.asset_code, found.asset_scale, w->has_key ? "authenticated" : "public");
        }
        w->address = found;
        w->is_known = true;
        w->address_ms = clock_mono_ms() + ADDRESS_MS;
        trouble(w, "");
    }
}

void wallets_ask_address(struct wallets *w, int64_t now_ms)
{
    if (w->address_call != NULL || now_ms < w->address_ms) {
        return;
    }
    const struct http_client_header headers[] = {{"Accept", JSON_TYPE}};
    struct http_client_request q = request_of(w, w->address_url);
    q.headers = headers;
    q.n_headers = 1;
    w->address_call = http_client_send(w->http, &q, on_address, w);
}

/* --- a token --- */

static void on_grant(void *arg, const struct http_client_result *r)
{
    struct wallets *w = arg;
    struct grant g;
    char why[OPEN_PAYMENTS_WHY_MAX];
    int64_t now_ms = clock_mono_ms();
    w->grant_call = NULL;
    w->grant_ms = now_ms + RETRY_MS;
    if (r->err != ERR_OK) {
        snprintf(why, sizeof why, "no token: %.160s", r->why);
    } else if (r->status < 200 || r->status > 299) {
        snprintf(why, sizeof why,
                 "its authorisation server refuses a token (%d): is the key's public half in the "
                 "wallet, and -walletKeyId its id?",
                 r->status);
    } else if (open_payments_grant(r->body, &g, why) == ERR_OK) {
        int64_t ms = g.expires_in_s > 0 && g.expires_in_s < TOKEN_MS / 1000 ? g.expires_in_s * 1000
                                                                            : TOKEN_MS;
        snprintf(w->token, sizeof w->token, "%s", g.token);
        w->token_until_ms = now_ms + ms - (ms > 2 * TOKEN_MARGIN_MS ? TOKEN_MARGIN_MS : 0);
        w->counts[COUNT_GRANTS]++;
        explicit_bzero(&g, sizeof g);
        why[0] = '\0';
    }
    trouble(w, why);
}

static int grant_body(const struct wallets *w, char *out)
{
    return snprintf(out, BODY_MAX,
                    "{\"access_token\":{\"access\":[{\"type\":\"incoming-payment\","
                    "\"actions\":[\"read-all\"],\"identifier\":\"%s\"}]},\"client\":\"%s\"}",
                    w->address.id, w->client_url);
}

void wallets_ask_grant(struct wallets *w, int64_t now_ms)
{
    char body[BODY_MAX];
    struct http_signature_headers h;
    if (!w->has_key || !w->is_known || w->grant_call != NULL || now_ms < w->grant_ms ||
        now_ms < w->token_until_ms || list_empty(&w->watched)) {
        return;
    }
    const struct http_signature_request r = {
        .method = "POST",
        .url = w->address.auth_server,
        .authorization = "",
        .body = body,
        .content_type = JSON_TYPE,
        .created_s = clock_wall_ms() / 1000,
    };
    if (grant_body(w, body) >= BODY_MAX || http_signature_make(&w->key, &r, &h) != ERR_OK) {
        trouble(w, "its addresses are too long");
        w->grant_ms = now_ms + RETRY_MS;
        return;
    }
    const struct http_client_header headers[] = {{"Accept", JSON_TYPE},
                                                 {"Content-Digest", h.content_digest},
                                                 {"Signature-Input", h.signature_input},
                                                 {"Signature", h.signature}};
    struct http_client_request q = request_of(w, w->address.auth_server);
    q.body = body;
    q.content_type = JSON_TYPE;
    q.headers = headers;
    q.n_headers = sizeof headers / sizeof headers[0];
    w->grant_call = http_client_send(w->http, &q, on_grant, w);
}

bool wallets_can_ask(const struct wallets *w, int64_t now_ms)
{
    return w->is_known && (!w->has_key || now_ms < w->token_until_ms) &&
           w->n_asked < WALLETS_ASKED_MAX;
}

/* --- payments --- */

/* A wallet that stumbles is asked again, more and more seldom. */
static void put_off(struct watched *v, int status, const char *why)
{
    struct wallets *w = v->wallets;
    w->counts[COUNT_FAILED]++;
    v->failures++;
    v->next_ms = clock_mono_ms() + w->config.poll_ms * (1 << (v->failures < 6 ? v->failures : 6));
    watched_answer(v, status, why, 0, 0);
    if (v->failures >= (v->is_ours ? FAILURES_OURS : FAILURES_MAX)) {
        watched_end(v);
    }
}

static void refuse(struct watched *v, int status, const char *why)
{
    v->wallets->counts[COUNT_REFUSED]++;
    watched_answer(v, status, why, 0, 0);
    watched_end(v);
}

static void on_booked(void *arg, const struct ledger_answer *a)
{
    struct watched *v = arg;
    struct wallets *w = v->wallets;
    v->is_booking = false;
    if (a->err == ERR_AUTH) {
        refuse(v, 409, "this incoming payment is credited to another account");
        return;
    }
    if (a->err != ERR_OK) {
        put_off(v, a->err == ERR_LIMIT ? 409 : 503, a->why);
        return;
    }
    v->failures = 0;
    v->idle = a->amount > 0 ? 0 : v->idle + 1;
    w->counts[COUNT_CREDITS] += a->amount > 0;
    watched_answer(v, 200, "", a->amount, a->balance);
    v->next_ms = clock_mono_ms() + w->config.poll_ms;
    if (v->completed || v->idle >= w->config.idle_polls) {
        watched_end(v);
    }
}

static void book(struct watched *v, const struct incoming_payment *p)
{
    struct wallets *w = v->wallets;
    char key[LEDGER_KEY_MAX];
    uint64_t total = 0;
    if (open_payments_source(v->url, key, sizeof key) != ERR_OK) {
        refuse(v, 400, "the incoming payment's URL is too long");
        return;
    }
    if (p->has_received &&
        receipt_convert(p->received, p->asset_scale, ledger_scale(w->ledger), &total) != ERR_OK) {
        refuse(v, 409, "the incoming payment has received more than an account can hold");
        return;
    }
    const struct ledger_request r = {.op = LEDGER_CREDIT,
                                     .account = v->account,
                                     .other = WALLETS_SOURCE,
                                     .key = key,
                                     .total = total};
    v->is_booking = true;
    v->completed = p->completed;
    ledger_ask(w->ledger, &r, on_booked, v);
}

/* The token may have been taken back: one more question with a new one. */
static void ask_again(struct watched *v)
{
    v->retried = true;
    v->next_ms = clock_mono_ms();
    v->wallets->token_until_ms = 0; /* grant_ms keeps it from being asked for all the time */
}

static void on_payment(void *arg, const struct http_client_result *r)
{
    struct watched *v = arg;
    struct wallets *w = v->wallets;
    struct incoming_payment p;
    char why[OPEN_PAYMENTS_WHY_MAX];
    v->call = NULL;
    w->n_asked--;
    if (r->err != ERR_OK) {
        put_off(v, 502, "the wallet does not answer as it should");
        return;
    }
    bool is_denied = r->status == 401 || r->status == 403;
    if (is_denied && w->has_key && !v->retried) {
        ask_again(v);
        return;
    }
    v->retried = false;
    if (r->status == 404 || is_denied) {
        refuse(v, 404, "the wallet knows no such incoming payment of ours");
    } else if (r->status != 200) {
        put_off(v, 502, "the wallet refuses to answer");
    } else if (open_payments_incoming(r->body, &p, why) != ERR_OK) {
        put_off(v, 502, why);
    } else if (open_payments_check(&w->address, v->url, &p, w->has_key, why) != ERR_OK) {
        refuse(v, 403, why);
    } else {
        v->is_ours = true;
        book(v, &p);
    }
}

/* It was ours when it was named. */
static bool is_elsewhere(struct watched *v)
{
    struct wallets *w = v->wallets;
    char why[OPEN_PAYMENTS_WHY_MAX];
    if (open_payments_check_url(&w->address, v->url, why) == ERR_OK) {
        return false;
    }
    if (!w->has_told_elsewhere) {
        w->has_told_elsewhere = true;
        log_warn("wallets", "elsewhere",
                 "payments that were watched, as %s, are not at %s, which is asked now: what they "
                 "still bring is not credited",
                 v->url, w->address.resource_server);
    }
    refuse(v, 403, why);
    return true;
}

void wallets_ask_payment(struct watched *v, int64_t now_ms)
{
    struct wallets *w = v->wallets;
    if (is_elsewhere(v)) {
        return;
    }
    char authorization[OPEN_PAYMENTS_TOKEN_MAX + 8] = "";
    struct http_signature_headers h = {.signature = ""};
    if (w->has_key) {
        snprintf(authorization, sizeof authorization, "GNAP %s", w->token);
        const struct http_signature_request r = {.method = "GET",
                                                 .url = v->url,
                                                 .authorization = authorization,
                                                 .created_s = clock_wall_ms() / 1000};
        if (http_signature_make(&w->key, &r, &h) != ERR_OK) {
            refuse(v, 400, "the incoming payment's URL is too long");
            return;
        }
    }
    const struct http_client_header headers[] = {{"Accept", JSON_TYPE},
                                                 {"Authorization", authorization},
                                                 {"Signature-Input", h.signature_input},
                                                 {"Signature", h.signature}};
    struct http_client_request q = request_of(w, v->url);
    q.headers = headers;
    q.n_headers = w->has_key ? 4 : 1;
    w->counts[COUNT_QUESTIONS]++;
    w->n_asked++;
    list_remove(&v->node); /* behind all others: each has its turn when there are too many */
    list_push_back(&w->watched, &v->node);
    v->next_ms = now_ms + w->config.poll_ms;
    v->call = http_client_send(w->http, &q, on_payment, v);
    explicit_bzero(authorization, sizeof authorization);
}
