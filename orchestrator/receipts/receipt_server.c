#include "orchestrator/receipts/receipt_server.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "orchestrator/receipts/receipt.h"
#include "orchestrator/receipts/receipt_ask.h"
#include "orchestrator/receipts/spsp.h"

#define PLAIN "text/plain; charset=utf-8"
#define SPENT "income:balances" /* the ledger's account that gets what is spent */

struct receipt_server {
    struct receipts *receipts;
    struct http_server *http;
};

/* A request whose answer comes later. */
struct ask {
    struct http_later *later;
    bool wants_balance; /* the answer is the new balance */
};

static const struct http_header cors[] = {{"Access-Control-Allow-Origin", "*"}};

static const struct http_header preflight[] = {
    {"Access-Control-Allow-Origin", "*"},
    {"Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS"},
    {"Access-Control-Allow-Headers", "web-monetization-id, content-type"},
    {"Access-Control-Max-Age", "86400"},
};

/* Without a line's end: clients compare. */
static void say(struct http_answer *a, int status, const char *type, struct span body)
{
    a->status = status;
    a->content_type = type;
    a->headers = cors;
    a->n_headers = sizeof cors / sizeof cors[0];
    buf_clear(&a->body);
    if (buf_put(&a->body, body) != ERR_OK) {
        a->status = 500;
    }
}

static void say_text(struct http_answer *a, int status, const char *text)
{
    say(a, status, PLAIN, span_cstr(text));
}

static struct ask *ask_later(struct http_answer *a, bool wants_balance)
{
    struct ask *ask = mem_alloc(sizeof *ask);
    ask->later = http_later(a);
    ask->wants_balance = wants_balance;
    return ask;
}

static void answer_ask(struct ask *ask, int status, const char *type, struct span body)
{
    struct http_answer a;
    http_answer_init(&a);
    say(&a, status, type, body);
    http_later_answer(ask->later, &a);
    mem_free(ask);
}

/* --- the proxy --- */

/* Static storage for what the answer keeps. */
static const char *type_of(const struct receipts_reply *reply)
{
    return reply->http_status == 200 ? SPSP_TYPE : PLAIN;
}

static void on_reply(void *arg, const struct receipts_reply *reply)
{
    answer_ask(arg, reply->http_status, type_of(reply), reply->body);
}

static void get_pointer(struct receipt_server *s, const struct http_request *r,
                        struct http_answer *a)
{
    receipts_query(s->receipts, span_cstr(r->path + 1), on_reply, ask_later(a, false));
}

/* --- receipts --- */

static void on_outcome(void *arg, const struct receipts_outcome *o)
{
    struct ask *ask = arg;
    char balance[32];
    (void)snprintf(balance, sizeof balance, "%" PRIu64, o->balance);
    if (o->again) { /* the known verifier refuses what it has counted */
        answer_ask(ask, receipt_status(RECEIPT_EXPIRED), PLAIN,
                   span_cstr(receipt_words(RECEIPT_EXPIRED)));
        return;
    }
    bool good = o->http_status == 200;
    answer_ask(ask, o->http_status, good && !ask->wants_balance ? "application/json" : PLAIN,
               span_cstr(good && ask->wants_balance ? balance : o->text));
}

static void post_verify(struct receipt_server *s, const struct http_request *r,
                        struct http_answer *a)
{
    receipts_verify(s->receipts, r->body, on_outcome, ask_later(a, false));
}

/* --- balances --- */

static void on_spent(void *arg, const struct ledger_answer *l)
{
    char balance[32];
    const char *text = balance;
    int status = 409;
    (void)snprintf(balance, sizeof balance, "%" PRIu64, l->balance);
    if (l->unknown) {
        status = 404;
        text = "balance does not exist";
    } else if (l->err == ERR_OK) {
        status = 200;
    } else if (l->err == ERR_FUNDS) {
        text = "insufficient balance";
    } else if (l->err == ERR_AUTH) {
        text = "balance is frozen";
    } else {
        text = "the balance cannot be changed now: try again";
    }
    answer_ask(arg, status, PLAIN, span_cstr(text));
}

static void spend(struct receipt_server *s, const struct receipt_ask *q, struct http_answer *a)
{
    const struct ledger_request l = {
        .op = LEDGER_SPEND, .account = q->account, .other = SPENT, .key = "", .amount = q->amount};
    ledger_ask(receipts_ledger(s->receipts), &l, on_spent, ask_later(a, true));
}

/* --- life --- */

static void handle(void *arg, const struct http_request *r, struct http_answer *a)
{
    struct receipt_server *s = arg;
    struct receipt_ask q;
    receipt_ask_read(r, receipts_is_verifier(s->receipts), &q);
    switch (q.kind) {
    case RECEIPT_ASK_PREFLIGHT:
        say_text(a, 204, "");
        a->headers = preflight;
        a->n_headers = sizeof preflight / sizeof preflight[0];
        break;
    case RECEIPT_ASK_VERIFY:
        post_verify(s, r, a);
        break;
    case RECEIPT_ASK_CREDIT:
        receipts_credit(s->receipts, q.account, r->body, "", on_outcome, ask_later(a, true));
        break;
    case RECEIPT_ASK_SPEND:
        spend(s, &q, a);
        break;
    case RECEIPT_ASK_POINTER:
        get_pointer(s, r, a);
        break;
    case RECEIPT_ASK_REFUSED:
        say_text(a, q.status, q.text);
        break;
    }
}

enum err receipt_server_create(struct loop *l, const char *addr, struct receipts *receipts,
                               struct receipt_server **ret_server, const char **ret_why)
{
    struct receipt_server *s = mem_alloc(sizeof *s);
    s->receipts = receipts;
    enum err e =
        http_server_create_wide(l, addr, RECEIPT_SERVER_CONNECTIONS, handle, s, &s->http, ret_why);
    if (e != ERR_OK) {
        mem_free(s);
        return e;
    }
    *ret_server = s;
    return ERR_OK;
}

void receipt_server_destroy(struct receipt_server *s)
{
    if (s != NULL) {
        http_server_destroy(s->http);
        mem_free(s);
    }
}

int receipt_server_port(const struct receipt_server *s)
{
    return http_server_port(s->http);
}
