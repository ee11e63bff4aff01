/* Questions that go on to the ledger: receipts, wallets, queries. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/paywall/paywall_internal.h"
#include "run/log.h"

/* The waiter may have gone when the ledger answers. */
struct paywall_ask {
    struct list node;
    struct paywall *paywall;
    struct paywall_question *question; /* NULL: answered, or over */
};

static void answer(struct paywall_ask *ask, const struct link_pay_answer *a)
{
    struct paywall_question *q = ask->question;
    if (q == NULL) {
        return;
    }
    ask->question = NULL;
    q->status = a->status;
    q->balance = a->balance;
    q->amount = a->amount;
    q->http_status = (int)a->http_status;
    snprintf(q->says, sizeof q->says, "%s", a->text != NULL ? a->text : "");
    q->body_len = a->body.len <= sizeof q->body ? a->body.len : 0;
    if (q->body_len > 0) {
        memcpy(q->body, a->body.data, q->body_len);
    }
    atomic_fetch_sub(&ask->paywall->n_waiting, 1);
    q->waiter.resume(&q->waiter);
}

static void forget(struct paywall_ask *ask)
{
    pthread_mutex_lock(&ask->paywall->lock);
    list_remove(&ask->node);
    pthread_mutex_unlock(&ask->paywall->lock);
    mem_free(ask);
}

/* Wallets pay all the same. */
static void log_off(struct paywall *p, const struct link_pay_answer *a)
{
    int64_t now_ms = clock_mono_ms();
    if (a->status == LINK_PAY_OFF &&
        (p->untaken_ms == 0 || now_ms - p->untaken_ms >= PAYWALL_REPORT_MS)) {
        p->untaken_ms = now_ms;
        log_warn("paywall", "payments", "what viewers' wallets pay is not credited: %s", a->text);
    }
}

/* Here, in order with all else that the ledger says of the account. */
static void hear_balance(struct paywall *p, const struct paywall_question *q,
                         const struct link_pay_answer *a)
{
    bool credits = q != NULL && (q->kind == LINK_PAY_RECEIPT || q->kind == LINK_PAY_WALLET);
    if (credits && a->status == LINK_PAY_OK) {
        paywall_news(p, q->account, a->balance);
    }
}

static void on_answer(void *arg, const struct link_pay_answer *a)
{
    const struct paywall_ask *ask = arg;
    log_off(ask->paywall, a);
    hear_balance(ask->paywall, ask->question, a);
    answer(arg, a);
    forget(arg);
}

static void answer_stopping(struct paywall_ask *ask)
{
    const struct link_pay_answer a = {
        .status = LINK_PAY_UNAVAILABLE, .text = "the server is stopping", .http_status = 503};
    answer(ask, &a);
}

void paywall_on_question(void *arg, void *item)
{
    struct paywall *p = arg;
    struct paywall_ask *ask = item;
    const struct paywall_question *q = ask->question;
    if (q == NULL) {
        forget(ask);
        return;
    }
    struct link_pay_ask message = {
        .kind = q->kind, .account = q->account, .key = q->key, .text = q->text};
    p->config.ask(p->config.bank, &message, on_answer, ask);
}

bool paywall_ask(struct paywall *p, struct paywall_question *q)
{
    struct paywall_ask *ask = mem_alloc(sizeof *ask);
    list_init(&ask->node);
    ask->paywall = p;
    ask->question = q;
    pthread_mutex_lock(&p->lock);
    bool stopping = atomic_load(&p->stopping);
    if (!stopping) {
        atomic_fetch_add(&p->n_waiting, 1);
        q->waiter.hold(&q->waiter);
        list_push_back(&p->open_asks, &ask->node);
    }
    pthread_mutex_unlock(&p->lock);
    if (stopping) {
        mem_free(ask);
    } else {
        mailbox_post(p->questions, ask);
    }
    return !stopping;
}

void paywall_end_questions(struct paywall *p)
{
    struct list asks;
    list_init(&asks);
    pthread_mutex_lock(&p->lock); /* whoever saw that it goes on is in the list by now */
    paywall_take_all(&p->open_asks, &asks);
    pthread_mutex_unlock(&p->lock);
    LIST_EACH (&asks, it, tmp) {
        answer_stopping(LIST_ITEM(it, struct paywall_ask, node));
    }
    pthread_mutex_lock(&p->lock);
    paywall_take_all(&asks, &p->open_asks);
    pthread_mutex_unlock(&p->lock);
}

void paywall_free_questions(struct paywall *p)
{
    LIST_EACH (&p->open_asks, it, tmp) {
        forget(LIST_ITEM(it, struct paywall_ask, node));
    }
}
