#include "orchestrator/payments/payments.h"

#include <inttypes.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "orchestrator/ledger/ledger_book.h"
#include "orchestrator/payments/interests.h"
#include "run/log.h"

/* A broadcaster that has asked. */
struct client {
    struct list node;
    struct payments *payments;
    link_peer id;
    unsigned open;
    bool gone; /* freed when nothing is open any more */
    bool overstates;
    struct interests *interests;
    char name[LEDGER_NAME_MAX];
};

struct payments {
    struct payments_config config;
    struct list clients;
    unsigned n_clients;
    uint64_t answers[LINK_PAY_STATUSES_];
    uint64_t overstated; /* leases' costs that were not counted whole */
};

/* A question under way. */
struct question {
    struct client *client;
    uint64_t ask;
};

/* --- who asks --- */

static struct client *find(struct payments *p, link_peer id)
{
    LIST_EACH (&p->clients, it, tmp) {
        struct client *c = LIST_ITEM(it, struct client, node);
        if (c->id == id && !c->gone) {
            return c;
        }
    }
    return NULL;
}

static struct client *client_of(struct payments *p, link_peer id)
{
    struct client *c = find(p, id);
    if (c == NULL) {
        c = mem_alloc(sizeof *c);
        *c = (struct client){.payments = p, .id = id, .interests = interests_create()};
        p->config.name(p->config.arg, id, c->name);
        list_push_back(&p->clients, &c->node);
        p->n_clients++;
    }
    return c;
}

static void forget(struct client *c)
{
    list_remove(&c->node);
    c->payments->n_clients--;
    interests_destroy(c->interests);
    mem_free(c);
}

/* --- answers --- */

static void send_answer(struct client *c, const struct link_pay_answer *a)
{
    struct payments *p = c->payments;
    p->answers[a->status]++;
    if (!c->gone) {
        struct link_msg m = {.type = LINK_PAY_ANSWER, .pay_answer = *a};
        p->config.send(p->config.arg, c->id, &m);
    }
}

static void refuse(struct client *c, uint64_t ask, enum link_pay_status status, const char *why)
{
    send_answer(c, &(struct link_pay_answer){.ask = ask, .status = status, .text = why});
}

static void settle(struct question *q, struct link_pay_answer a)
{
    struct client *c = q->client;
    a.ask = q->ask;
    mem_free(q);
    send_answer(c, &a);
    if (--c->open == 0 && c->gone) {
        forget(c);
    }
}

static enum link_pay_status status_of(enum err e)
{
    switch (e) {
    case ERR_OK:
        return LINK_PAY_OK;
    case ERR_FUNDS:
        return LINK_PAY_FUNDS;
    case ERR_AUTH:
        return LINK_PAY_FROZEN;
    case ERR_NOENT:
    case ERR_STATE:
        return LINK_PAY_NO_HOLD;
    case ERR_LIMIT:
        return LINK_PAY_REFUSED;
    default:
        return LINK_PAY_UNAVAILABLE;
    }
}

/* Told once of each broadcaster: one that means it would fill the log. */
static void note_overstated(struct client *c, uint64_t cut)
{
    c->payments->overstated++;
    if (!c->overstates) {
        c->overstates = true;
        log_warn("payments", "overstated",
                 "broadcaster=\"%s\" it says that a lease has cost %" PRIu64
                 " more than was leased and than the viewer has: that is not counted, now and "
                 "later; if this goes on, revoke its credential",
                 c->name, cut);
    }
}

static void on_ledger(void *arg, const struct ledger_answer *a)
{
    const struct question *q = arg;
    if (a->cut > 0) {
        note_overstated(q->client, a->cut);
    }
    settle(arg, (struct link_pay_answer){
                    .status = status_of(a->err),
                    .text = a->err != ERR_OK ? a->why : NULL,
                    .balance = a->balance,
                    .amount = a->amount,
                    .held = a->held,
                });
}

static void on_rail(void *arg, const struct link_pay_answer *a)
{
    settle(arg, *a);
}

/* --- questions --- */

/* Holds of other kinds are the orchestrator's own. */
static bool is_lease(const char *key)
{
    size_t n = strlen(PAYMENTS_LEASE);
    return strncmp(key, PAYMENTS_LEASE, n) == 0 && key[n] != '\0' && strlen(key) < LEDGER_KEY_MAX;
}

static bool is_viewer(const char *account)
{
    size_t n = strlen(PAYMENTS_VIEWER);
    return strncmp(account, PAYMENTS_VIEWER, n) == 0 && account[n] != '\0' &&
           ledger_name_is_valid(account);
}

/* NULL: it may be asked. */
static const char *fault_of(const struct link_pay_ask *q)
{
    bool of_hold =
        q->kind == LINK_PAY_HOLD || q->kind == LINK_PAY_CHARGE || q->kind == LINK_PAY_RELEASE;
    if (q->kind != LINK_PAY_QUERY && !is_viewer(q->account)) {
        return "a broadcaster may touch viewers' accounts alone (\"viewer:\" and an id)";
    }
    if (of_hold && !is_lease(q->key)) {
        return "a lease needs a key: \"lease:\" and an id, 299 bytes at most";
    }
    if (q->kind == LINK_PAY_HOLD && (q->ttl_ms == 0 || q->ttl_ms > PAYMENTS_TTL_MAX_MS)) {
        return "a hold lasts for 1 ms to 24 hours";
    }
    return NULL;
}

static const struct payments_rail *rail_of(const struct payments *p, enum link_pay_kind kind)
{
    switch (kind) {
    case LINK_PAY_RECEIPT:
        return &p->config.receipt;
    case LINK_PAY_WALLET:
        return &p->config.wallet;
    case LINK_PAY_QUERY:
        return &p->config.query;
    default:
        return NULL;
    }
}

static enum ledger_op op_of(enum link_pay_kind kind)
{
    switch (kind) {
    case LINK_PAY_HOLD:
        return LEDGER_HOLD;
    case LINK_PAY_CHARGE:
        return LEDGER_CHARGE;
    case LINK_PAY_RELEASE:
        return LEDGER_RELEASE;
    default:
        return LEDGER_BALANCE;
    }
}

static struct question *question_of(struct client *c, uint64_t ask)
{
    struct question *q = mem_alloc(sizeof *q);
    *q = (struct question){c, ask};
    c->open++;
    return q;
}

/* What a lease has cost is paid even if it has run out meanwhile; but only a lease that was given
 * may make anybody owe something, and no more than that. */
static void ask_ledger(struct client *c, const struct link_pay_ask *q)
{
    bool costs = q->kind == LINK_PAY_CHARGE || q->kind == LINK_PAY_RELEASE;
    struct ledger_request r = {
        .op = op_of(q->kind),
        .account = costs ? "" : q->account,
        .debt = costs ? LEDGER_DEBT_LEASE : LEDGER_DEBT_NONE,
        .other = PAYMENTS_INCOME,
        .key = q->key,
        .amount = q->amount,
        .least = q->least,
        .total = q->total,
        .ttl_ms = q->ttl_ms,
    };
    ledger_ask(c->payments->config.ledger, &r, on_ledger, question_of(c, q->ask));
}

static void note_interest(struct client *c, const struct link_pay_ask *q)
{
    if (is_viewer(q->account)) {
        interests_note(c->interests, q->account);
    }
}

void payments_ask(struct payments *p, link_peer from, const struct link_pay_ask *q)
{
    struct client *c = client_of(p, from);
    const struct payments_rail *rail = rail_of(p, q->kind);
    const char *fault = fault_of(q);
    if (c->open >= PAYMENTS_OPEN_MAX) {
        refuse(c, q->ask, LINK_PAY_UNAVAILABLE, "too many questions are not answered yet");
    } else if (p->config.ledger == NULL) {
        refuse(c, q->ask, LINK_PAY_OFF,
               "this orchestrator keeps no accounts: start it with -payments");
    } else if (rail != NULL && rail->fn == NULL) {
        refuse(c, q->ask, LINK_PAY_OFF, rail->lacks);
    } else if (fault != NULL) {
        refuse(c, q->ask, LINK_PAY_REFUSED, fault);
    } else if (rail != NULL) {
        note_interest(c, q);
        rail->fn(rail->rail, q, on_rail, question_of(c, q->ask));
    } else {
        note_interest(c, q);
        ask_ledger(c, q);
    }
}

void payments_lost(struct payments *p, link_peer peer)
{
    struct client *c = find(p, peer);
    if (c == NULL) {
        return;
    }
    c->gone = true;
    if (c->open == 0) {
        forget(c);
    }
}

void payments_news(struct payments *p, const char *account, uint64_t balance)
{
    if (!is_viewer(account)) {
        return;
    }
    struct link_msg m = {.type = LINK_PAY_NEWS, .pay_news = {account, balance}};
    LIST_EACH (&p->clients, it, tmp) {
        struct client *c = LIST_ITEM(it, struct client, node);
        if (!c->gone && interests_has(c->interests, account)) {
            p->config.send(p->config.arg, c->id, &m);
        }
    }
}

/* --- life --- */

struct payments *payments_create(const struct payments_config *config)
{
    struct payments *p = mem_alloc(sizeof *p);
    *p = (struct payments){.config = *config};
    list_init(&p->clients);
    return p;
}

void payments_destroy(struct payments *p)
{
    if (p == NULL) {
        return;
    }
    LIST_EACH (&p->clients, it, tmp) {
        forget(LIST_ITEM(it, struct client, node));
    }
    mem_free(p);
}

void payments_status(const struct payments *p, struct json *object)
{
    static const char *const names[LINK_PAY_STATUSES_] = {
        "ok", "no_funds", "frozen", "no_hold", "refused", "unavailable", "off"};
    struct json *j = json_new_object();
    struct json *answers = json_new_object();
    unsigned open = 0;
    LIST_EACH (&p->clients, it, tmp) {
        open += LIST_ITEM(it, const struct client, node)->open;
    }
    for (int s = 0; s < LINK_PAY_STATUSES_; s++) {
        json_set_int(answers, names[s], (int64_t)p->answers[s]);
    }
    json_set_int(j, "broadcasters", p->n_clients);
    json_set_int(j, "open", open);
    json_set_int(j, "overstated", (int64_t)p->overstated);
    json_set(j, "answers", answers);
    json_set(object, "payments", j);
}
