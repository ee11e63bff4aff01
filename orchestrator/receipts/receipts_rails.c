#include "orchestrator/receipts/receipts_rails.h"

#include <stdio.h>

#include "base/mem.h"

struct answer {
    payments_answer_fn *fn;
    void *arg;
};

static struct answer *answer_create(payments_answer_fn *fn, void *arg)
{
    struct answer *a = mem_alloc(sizeof *a);
    a->fn = fn;
    a->arg = arg;
    return a;
}

static enum link_pay_status status_of(int http_status)
{
    return http_status == 200   ? LINK_PAY_OK
           : http_status >= 500 ? LINK_PAY_UNAVAILABLE
                                : LINK_PAY_REFUSED;
}

static void on_outcome(void *arg, const struct receipts_outcome *o)
{
    struct answer *a = arg;
    const struct link_pay_answer answer = {
        .status = status_of(o->http_status),
        .balance = o->balance,
        .amount = o->amount,
        .text = o->text,
        .http_status = (uint32_t)o->http_status,
    };
    a->fn(a->arg, &answer);
    mem_free(a);
}

void receipts_rail_credit(void *rail, const struct link_pay_ask *q, payments_answer_fn *fn,
                          void *arg)
{
    receipts_credit(rail, q->account, span_cstr(q->text), q->key, on_outcome,
                    answer_create(fn, arg));
}

static void on_reply(void *arg, const struct receipts_reply *reply)
{
    struct answer *a = arg;
    bool good = reply->http_status == 200;
    char words[RECEIPTS_TEXT_SIZE] = "";
    if (!good) {
        (void)snprintf(words, sizeof words, "%.*s", (int)reply->body.len,
                       (const char *)reply->body.data);
    }
    const struct link_pay_answer answer = {
        .status = status_of(reply->http_status),
        .text = words,
        .body = good ? reply->body : span_of(NULL, 0),
        .http_status = (uint32_t)reply->http_status,
    };
    a->fn(a->arg, &answer);
    mem_free(a);
}

void receipts_rail_query(void *rail, const struct link_pay_ask *q, payments_answer_fn *fn,
                         void *arg)
{
    receipts_query(rail, span_cstr(q->text), on_reply, answer_create(fn, arg));
}
