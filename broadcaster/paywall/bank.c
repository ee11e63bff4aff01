#include "broadcaster/paywall/bank.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "run/log.h"

#define SWEEP_MS    100
#define TROUBLE_MAX 512

struct question {
    struct list node;
    uint64_t ask;
    int64_t until_ms;
    bool sent;
    bank_fn *fn;
    void *arg;
};

struct bank {
    struct uplinks *uplinks;
    struct bank_config config;
    struct loop_timer *sweep;
    struct list open; /* oldest first */
    size_t n_open;
    uint64_t last_ask, unanswered;
    char trouble[TROUBLE_MAX]; /* why it may not be asked; "": it may */
};

static void forget(struct bank *b, struct question *q)
{
    list_remove(&q->node);
    b->n_open--;
    mem_free(q);
}

static void settle(struct bank *b, struct question *q, const struct link_pay_answer *a)
{
    bank_fn *fn = q->fn;
    void *arg = q->arg;
    forget(b, q);
    if (fn != NULL) {
        fn(arg, a);
    }
}

static void give_up(struct bank *b, struct question *q, const char *why)
{
    struct link_pay_answer a = {
        .ask = q->ask, .status = LINK_PAY_UNAVAILABLE, .text = why, .http_status = 503};
    b->unanswered++;
    settle(b, q, &a);
}

/* A callback may ask anew: only what was open before is looked at. */
static void give_up_until(struct bank *b, int64_t now_ms)
{
    static const char lost[] = "the orchestrator that keeps the accounts is not connected";
    static const char silent[] = "the orchestrator that keeps the accounts does not answer";
    const char *unsent = b->trouble[0] != '\0' ? b->trouble : lost;
    uint64_t newest = b->last_ask;
    LIST_EACH (&b->open, it, tmp) {
        struct question *q = LIST_ITEM(it, struct question, node);
        if (q->ask > newest) {
            break;
        }
        if (q->until_ms <= now_ms) {
            give_up(b, q, q->sent && now_ms != INT64_MAX ? silent : unsent);
        }
    }
}

static void on_sweep(void *arg)
{
    give_up_until(arg, clock_mono_ms());
}

static void on_answer(struct bank *b, const struct link_pay_answer *a)
{
    LIST_EACH (&b->open, it, tmp) {
        struct question *q = LIST_ITEM(it, struct question, node);
        if (q->ask == a->ask) {
            settle(b, q, a);
            return;
        }
    }
}

/* With other digits behind the point each price would be some powers of ten of what is meant. */
static void on_up(struct bank *b, const struct link_welcome *w)
{
    bool told = w->money_scale > 0;
    int scale = (int)w->money_scale - 1;
    b->trouble[0] = '\0';
    if (told && (scale != b->config.scale || strcmp(w->money_asset, b->config.asset) != 0)) {
        snprintf(b->trouble, sizeof b->trouble,
                 "the orchestrator's ledger counts %.64s with %d digits behind the point, and this "
                 "broadcaster %.64s with %d: give both the same -ledgerAsset and -ledgerScale",
                 w->money_asset, scale, b->config.asset, b->config.scale);
        log_error("paywall", "ledger", "nothing that costs something is served: %s", b->trouble);
    } else if (b->config.open != NULL) {
        b->config.open(b->config.arg);
    }
}

static void on_pay(void *arg, enum uplinks_pay_event event, const struct link_msg *m)
{
    struct bank *b = arg;
    switch (event) {
    case UPLINKS_PAY_UP:
        on_up(b, &m->welcome);
        break;
    case UPLINKS_PAY_DOWN:
        give_up_until(b, INT64_MAX);
        break;
    case UPLINKS_PAY_MESSAGE:
        if (m->type == LINK_PAY_ANSWER) {
            on_answer(b, &m->pay_answer);
        } else if (m->type == LINK_PAY_NEWS && b->config.news != NULL) {
            b->config.news(b->config.arg, m->pay_news.account, m->pay_news.balance);
        }
        break;
    }
}

struct bank *bank_create(struct loop *l, struct uplinks *uplinks, const struct bank_config *config)
{
    struct bank *b = mem_alloc(sizeof *b);
    b->uplinks = uplinks;
    b->config = *config;
    list_init(&b->open);
    b->sweep = loop_timer_create(l, on_sweep, b);
    loop_timer_start(b->sweep, SWEEP_MS, SWEEP_MS);
    uplinks_on_pay(uplinks, on_pay, b);
    return b;
}

void bank_destroy(struct bank *b)
{
    if (b == NULL) {
        return;
    }
    uplinks_on_pay(b->uplinks, NULL, NULL);
    loop_timer_destroy(b->sweep);
    LIST_EACH (&b->open, it, tmp) {
        forget(b, LIST_ITEM(it, struct question, node));
    }
    mem_free(b);
}

static int64_t patience(enum link_pay_kind kind)
{
    bool asks_wallet =
        kind == LINK_PAY_RECEIPT || kind == LINK_PAY_WALLET || kind == LINK_PAY_QUERY;
    return asks_wallet ? BANK_WALLET_MS : BANK_TIMEOUT_MS;
}

void bank_ask(struct bank *b, const struct link_pay_ask *q, bank_fn *fn, void *arg)
{
    int64_t now_ms = clock_mono_ms();
    struct question *o = mem_alloc(sizeof *o);
    *o = (struct question){.ask = ++b->last_ask, .fn = fn, .arg = arg};
    struct link_msg m = {.type = LINK_PAY_ASK};
    m.pay_ask = *q;
    m.pay_ask.ask = o->ask;
    bool may = b->trouble[0] == '\0' && b->n_open < BANK_PENDING_MAX;
    o->sent = may && uplinks_pay(b->uplinks, &m) == ERR_OK;
    o->until_ms = o->sent ? now_ms + patience(q->kind) : now_ms; /* the next sweep says so */
    list_push_back(&b->open, &o->node);
    b->n_open++;
}

void bank_status(const struct bank *b, struct json *object)
{
    struct json *j = json_new_object();
    json_set_bool(j, "connected", uplinks_pay_connected(b->uplinks));
    json_set_str(j, "trouble", b->trouble[0] != '\0' ? b->trouble : NULL);
    json_set_int(j, "open", (int64_t)b->n_open);
    json_set_int(j, "unanswered", (int64_t)b->unanswered);
    json_set(object, "bank", j);
}
