#include "orchestrator/payments/rails.h"

#include <stdio.h>

#include "base/mem.h"

/* Who waits for an answer. */
struct waiting {
    payments_answer_fn *fn;
    void *arg;
};

static struct waiting *waiting_of(payments_answer_fn *fn, void *arg)
{
    struct waiting *w = mem_alloc(sizeof *w);
    *w = (struct waiting){fn, arg};
    return w;
}

static enum link_pay_status status_of(int http_status)
{
    if (http_status >= 200 && http_status < 300) {
        return LINK_PAY_OK;
    }
    return http_status >= 500 || http_status == 429 ? LINK_PAY_UNAVAILABLE : LINK_PAY_REFUSED;
}

static void tell(struct waiting *w, struct link_pay_answer a)
{
    a.status = status_of((int)a.http_status);
    w->fn(w->arg, &a);
    mem_free(w);
}

/* --- receipts --- */

static void on_receipt(void *arg, const struct receipts_outcome *o)
{
    tell(arg, (struct link_pay_answer){.http_status = (uint32_t)o->http_status,
                                       .text = o->http_status != 200 ? o->text : "",
                                       .amount = o->amount,
                                       .balance = o->balance});
}

static void ask_receipts(void *rail, const struct link_pay_ask *q, payments_answer_fn *fn,
                         void *arg)
{
    receipts_credit(rail, q->account, span_cstr(q->text), q->key, on_receipt, waiting_of(fn, arg));
}

struct payments_rail rail_of_receipts(struct receipts *r)
{
    return (struct payments_rail){
        r != NULL ? ask_receipts : NULL, r,
        "this orchestrator takes no STREAM receipts: start it with -paymentPointer"};
}

/* --- SPSP queries --- */

static void on_reply(void *arg, const struct receipts_reply *r)
{
    char words[LINK_STRING_MAX];
    struct link_pay_answer a = {.http_status = (uint32_t)r->http_status};
    if (r->body.len > LINK_BODY_MAX) {
        a.http_status = 502;
        a.text = "the wallet's answer is too long";
    } else if (r->http_status == 200) {
        a.text = r->content_type;
        a.body = r->body;
    } else {
        (void)snprintf(words, sizeof words, "%.*s", (int)r->body.len, (const char *)r->body.data);
        a.text = words;
    }
    tell(arg, a);
}

static void ask_query(void *rail, const struct link_pay_ask *q, payments_answer_fn *fn, void *arg)
{
    receipts_query(rail, span_cstr(q->text), on_reply, waiting_of(fn, arg));
}

struct payments_rail rail_of_queries(struct receipts *r)
{
    return (struct payments_rail){
        r != NULL ? ask_query : NULL, r,
        "this orchestrator has no payment pointer: start it with -paymentPointer"};
}

/* --- Open Payments --- */

static void on_watched(void *arg, const struct wallets_outcome *o)
{
    tell(arg, (struct link_pay_answer){.http_status = (uint32_t)o->http_status,
                                       .text = o->text,
                                       .amount = o->amount,
                                       .balance = o->balance});
}

static void ask_wallets(void *rail, const struct link_pay_ask *q, payments_answer_fn *fn, void *arg)
{
    wallets_watch(rail, q->account, q->text, on_watched, waiting_of(fn, arg));
}

struct payments_rail rail_of_wallets(struct wallets *w)
{
    return (struct payments_rail){
        w != NULL ? ask_wallets : NULL, w,
        "this orchestrator has no Open Payments wallet: start it with -walletAddress"};
}
