#include "orchestrator/pricing/till.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "orchestrator/words.h"
#include "proto/link_msg.h"
#include "run/log.h"

#define TICK_MS        100
#define SESSION_MAX    64
#define WHOLE_NAME_MAX (LINK_STRING_MAX + 64)
#define PAYEES_MAX     4096 /* whose sums are shown; all are paid */

/* An account in use. It stays until what it owes is charged. */
struct account {
    struct list node;
    struct till *till;
    struct purse purse;
    unsigned peers;
    bool told_empty;
    bool is_leaving; /* its release is under way */
};

struct peer {
    struct list node;
    link_peer id;
    struct account *account;
};

struct payee {
    struct list node;
    char name[PURSE_PAYEE_MAX];
    uint64_t earned, returned;
};

struct till {
    struct ledger *ledger;
    struct tariff tariff;
    struct loop_timer *tick;
    till_over_fn *over;
    void *arg;
    char session[SESSION_MAX];
    char why[TILL_WHY_MAX];
    char trouble[LEDGER_WHY_MAX]; /* why the ledger takes nothing now; "": it does */
    struct list accounts, peers, payees;
    struct ledger_payee due[LEDGER_PAYEES_MAX]; /* of the question that is being asked */
    unsigned n_payees;
    uint64_t refused;
    uint32_t next_hold; /* no account that has gone has had a hold of this number */
    uint64_t next_back; /* each giving back has a key of its own */
    bool is_stopped;    /* answers change nothing any more */
};

_Static_assert(2 * PURSE_DUE_MAX <= LEDGER_PAYEES_MAX, "all that is due is one question");

static void go_on(struct account *a);

/* --- names --- */

/* "host:1234": the process id says nothing of who it is. */
static size_t without_pid(const char *name)
{
    const char *colon = strrchr(name, ':');
    bool is_pid =
        colon != NULL && colon[1] != '\0' && strspn(colon + 1, "0123456789") == strlen(colon + 1);
    return is_pid ? (size_t)(colon - name) : strlen(name);
}

void till_account(const char *prefix, const char *credential, const char *name, char *ret)
{
    char whole[WHOLE_NAME_MAX];
    if (credential[0] != '\0') {
        snprintf(whole, sizeof whole, "%s%s", prefix, credential);
    } else {
        /* Whoever has the shared secret may call itself what it likes, but not like a credential.
         */
        snprintf(whole, sizeof whole, "%sshared/%.*s", prefix, (int)without_pid(name), name);
    }
    words_copy(ret, PURSE_NAME_MAX, whole);
}

static void key_of(const struct account *a, char *ret)
{
    snprintf(ret, LEDGER_KEY_MAX, "jobs:%s:%" PRIu32 ":%s", a->till->session, a->purse.hold,
             a->purse.account);
}

/* --- the ledger --- */

static struct peer *peer_of(const struct till *t, link_peer id)
{
    LIST_EACH (&t->peers, it, tmp) {
        struct peer *p = LIST_ITEM(it, struct peer, node);
        if (p->id == id) {
            return p;
        }
    }
    return NULL;
}

static void forget(struct account *a)
{
    struct till *t = a->till;
    t->next_hold = a->purse.hold >= t->next_hold ? a->purse.hold + 1 : t->next_hold;
    list_remove(&a->node);
    purse_fini(&a->purse);
    mem_free(a);
}

/* Jobs go that are not covered: of all its broadcasters, until they are. */
static void check_cover(struct account *a)
{
    struct till *t = a->till;
    snprintf(t->why, sizeof t->why, "no funds: the account \"%s\" is empty", a->purse.account);
    LIST_EACH (&t->peers, it, tmp) {
        const struct peer *p = LIST_ITEM(it, struct peer, node);
        if (p->account == a && purse_is_over(&a->purse)) {
            t->over(t->arg, p->id, t->why);
        }
    }
}

static void tell(struct account *a)
{
    if (a->purse.empty && !a->told_empty) {
        log_warn("till", "no_funds",
                 "account=%s is empty: its rungs stop until money comes (pay grant %s AMOUNT)",
                 a->purse.account, a->purse.account);
    } else if (!a->purse.empty && a->told_empty) {
        log_info("till", "funds", "account=%s has money again", a->purse.account);
    }
    a->told_empty = a->purse.empty;
}

static void note_trouble(struct till *t, const struct ledger_answer *r)
{
    snprintf(t->trouble, sizeof t->trouble, "%s", r->err == ERR_IO ? r->why : "");
}

static void on_hold(void *arg, const struct ledger_answer *r)
{
    struct account *a = arg;
    if (a->till->is_stopped) {
        return;
    }
    note_trouble(a->till, r);
    if (r->err == ERR_NOENT || r->err == ERR_STATE) {
        purse_hold_lost(&a->purse);
    } else {
        bool ok = r->err == ERR_OK || r->err == ERR_FUNDS || r->err == ERR_AUTH;
        purse_hold_answered(&a->purse, ok, r->held, r->owed);
    }
    tell(a);
    check_cover(a);
    go_on(a);
}

static void on_charge(void *arg, const struct ledger_answer *r)
{
    struct account *a = arg;
    if (a->till->is_stopped) {
        return;
    }
    bool was_stuck = a->purse.is_stuck;
    note_trouble(a->till, r);
    if (r->err == ERR_NOENT) {
        purse_hold_lost(&a->purse);
    } else {
        purse_charge_answered(&a->purse, r->err == ERR_OK, r->held, r->owed);
    }
    if (r->err != ERR_OK) {
        if (!was_stuck) {
            log_warn("till", "charge", "account=%s owes %" PRIu64 ": %s; it is tried again",
                     a->purse.account, a->purse.owed, r->why);
        }
        return; /* with a later tick */
    }
    go_on(a);
}

static void on_release(void *arg, const struct ledger_answer *r)
{
    struct account *a = arg;
    if (a->till->is_stopped) {
        return;
    }
    a->is_leaving = false;
    if (a->peers == 0 && a->purse.n_due == 0) {
        forget(a);
    } else {
        purse_hold_lost(&a->purse); /* it has come back meanwhile, and may have gone again */
        go_on(a);
    }
}

/* --- what payees give back --- */

static struct payee *payee_of(const struct till *t, const char *name)
{
    LIST_EACH (&t->payees, it, tmp) {
        struct payee *y = LIST_ITEM(it, struct payee, node);
        if (strcmp(y->name, name) == 0) {
            return y;
        }
    }
    return NULL;
}

static void note_returned(struct account *a, bool ok)
{
    struct payee *y = payee_of(a->till, a->purse.taken.payee);
    uint64_t before = a->purse.returned;
    purse_back_answered(&a->purse, ok, clock_mono_ms());
    if (y != NULL) {
        y->returned += a->purse.returned - before;
    }
}

static void on_back(void *arg, const struct ledger_answer *r)
{
    struct account *a = arg;
    if (a->till->is_stopped) {
        return;
    }
    note_returned(a, r->err == ERR_OK);
    go_on(a);
}

static void ask_back(struct account *a, uint64_t amount, const char *payee, ledger_fn *fn)
{
    char key[LEDGER_KEY_MAX];
    struct till *t = a->till;
    snprintf(key, sizeof key, "back:%s:%" PRIu64, t->session, t->next_back++);
    struct ledger_request r = {.op = LEDGER_SPEND,
                               .account = payee,
                               .other = a->purse.account,
                               .key = key,
                               .amount = amount};
    ledger_ask(t->ledger, &r, fn, a);
}

/* Nobody will ask again. */
static void ask_all_back(struct account *a)
{
    uint64_t amount = 0;
    const char *payee = "";
    while (purse_take_back(&a->purse, &amount, &payee)) {
        ask_back(a, amount, payee, NULL);
        note_returned(a, true);
    }
}

/* The first n of those who are due. */
static void add_due(struct account *a, struct ledger_request *r, size_t n)
{
    const struct purse *p = &a->purse;
    for (size_t i = 0; i < n; i++) {
        a->till->due[i] = (struct ledger_payee){p->due[i].payee, p->due[i].amount};
    }
    r->payees = a->till->due;
    r->n_payees = n;
}

/* The end of its hold: pays what is due and what is noted. Of what is being noted already nothing
 * counts twice. */
static void release(struct account *a, ledger_fn *fn)
{
    char key[LEDGER_KEY_MAX];
    key_of(a, key);
    struct ledger_request r = {.op = LEDGER_RELEASE,
                               .account = a->purse.account,
                               .key = key,
                               .total = a->purse.charged + a->purse.owed,
                               .debt = LEDGER_DEBT_PAY};
    add_due(a, &r, a->purse.n_due);
    ledger_ask(a->till->ledger, &r, fn, a);
    ask_all_back(a);
}

static void leave(struct account *a)
{
    a->is_leaving = true;
    release(a, on_release);
}

static void go_on(struct account *a)
{
    uint64_t amount = 0;
    const char *payee = "";
    char key[LEDGER_KEY_MAX];
    if (a->till->is_stopped || a->is_leaving || purse_is_asking(&a->purse)) {
        return;
    }
    bool is_last = a->peers == 0;
    if (is_last && a->purse.n_due == 0) {
        leave(a);
        return;
    }
    key_of(a, key);
    struct ledger_request r = {.account = a->purse.account, .key = key, .ttl_ms = PURSE_TTL_MS};
    enum purse_ask ask = purse_next(&a->purse, clock_mono_ms(), is_last, &amount, &payee);
    switch (ask) {
    case PURSE_HOLD:
        r.op = LEDGER_HOLD;
        r.amount = amount;
        ledger_ask(a->till->ledger, &r, on_hold, a);
        break;
    case PURSE_NOTE:
    case PURSE_PAY:
        r.op = LEDGER_CHARGE;
        r.total = amount;
        r.debt = ask == PURSE_NOTE ? LEDGER_DEBT_NOTE : LEDGER_DEBT_PAY;
        if (ask == PURSE_NOTE) {
            add_due(a, &r, a->purse.n_asked);
        }
        ledger_ask(a->till->ledger, &r, on_charge, a);
        break;
    case PURSE_BACK:
        ask_back(a, amount, payee, on_back);
        break;
    case PURSE_NOTHING:
        break;
    }
}

static void on_tick(void *arg)
{
    struct till *t = arg;
    LIST_EACH (&t->accounts, it, tmp) {
        go_on(LIST_ITEM(it, struct account, node));
    }
}

/* --- who --- */

static struct account *account_of(struct till *t, const char *name)
{
    LIST_EACH (&t->accounts, it, tmp) {
        struct account *a = LIST_ITEM(it, struct account, node);
        if (strcmp(a->purse.account, name) == 0) {
            return a;
        }
    }
    struct account *a = mem_alloc(sizeof *a);
    *a = (struct account){.till = t};
    purse_init(&a->purse, name, &t->tariff, clock_mono_ms());
    a->purse.hold = t->next_hold;
    list_push_back(&t->accounts, &a->node);
    return a;
}

void till_joined(struct till *t, link_peer broadcaster, const char *account)
{
    if (peer_of(t, broadcaster) != NULL) {
        return; /* a further hello */
    }
    struct peer *p = mem_alloc(sizeof *p);
    *p = (struct peer){.id = broadcaster, .account = account_of(t, account)};
    list_push_back(&t->peers, &p->node);
    p->account->peers++;
    go_on(p->account);
}

void till_left(struct till *t, link_peer broadcaster)
{
    struct peer *p = peer_of(t, broadcaster);
    if (p == NULL) {
        return;
    }
    struct account *a = p->account;
    list_remove(&p->node);
    mem_free(p);
    a->peers--;
    go_on(a);
}

/* --- jobs --- */

/* Why there is nothing to reserve from. */
static void explain(struct account *a, uint64_t pixels)
{
    struct till *t = a->till;
    if (!a->purse.empty && t->trouble[0] != '\0') {
        snprintf(t->why, sizeof t->why, "it cannot be paid for now: %s", t->trouble);
        return;
    }
    snprintf(t->why, sizeof t->why,
             "no funds: the account \"%s\" does not have the %" PRIu64
             " units that this segment may cost (pay grant %s AMOUNT)",
             a->purse.account, tariff_cost(&t->tariff, pixels), a->purse.account);
}

const char *till_open(struct till *t, link_peer broadcaster, uint64_t pixels)
{
    struct peer *p = peer_of(t, broadcaster);
    if (p == NULL) {
        return "it has not said hello";
    }
    struct account *a = p->account;
    if (purse_reserve(&a->purse, pixels, clock_mono_ms())) {
        go_on(a);
        return NULL;
    }
    t->refused++;
    tell(a);
    explain(a, pixels);
    return t->why;
}

void till_close(struct till *t, link_peer broadcaster, uint64_t pixels)
{
    struct peer *p = peer_of(t, broadcaster);
    if (p != NULL) {
        purse_release(&p->account->purse, pixels);
    }
}

bool till_is_over(const struct till *t, link_peer broadcaster)
{
    const struct peer *p = peer_of(t, broadcaster);
    return p != NULL && purse_is_over(&p->account->purse);
}

static void count_payee(struct till *t, const char *name, uint64_t amount)
{
    struct payee *y = payee_of(t, name);
    if (y == NULL && t->n_payees < PAYEES_MAX) {
        y = mem_alloc(sizeof *y);
        *y = (struct payee){.earned = 0};
        snprintf(y->name, sizeof y->name, "%s", name);
        list_push_back(&t->payees, &y->node);
        t->n_payees++;
    }
    if (y != NULL) {
        y->earned += amount;
    }
}

void till_earn(struct till *t, link_peer broadcaster, const char *payee, uint64_t pixels)
{
    struct peer *p = peer_of(t, broadcaster);
    if (p != NULL) {
        uint64_t before = p->account->purse.earned;
        purse_earn(&p->account->purse, payee, pixels);
        count_payee(t, payee, p->account->purse.earned - before);
    }
}

void till_unearn(struct till *t, link_peer broadcaster, const char *payee, uint64_t pixels)
{
    struct peer *p = peer_of(t, broadcaster);
    if (p != NULL) {
        purse_unearn(&p->account->purse, payee, pixels, clock_mono_ms());
    }
}

void till_news(struct till *t, const char *account)
{
    LIST_EACH (&t->accounts, it, tmp) {
        struct account *a = LIST_ITEM(it, struct account, node);
        if (strcmp(a->purse.account, account) == 0 && a->purse.empty) {
            purse_news(&a->purse);
            go_on(a);
            return;
        }
    }
}

/* --- reports --- */

/* What was given back may have been earned before, and be counted there no more. */
static uint64_t kept(uint64_t earned, uint64_t returned)
{
    return earned > returned ? earned - returned : 0;
}

uint64_t till_earned(const struct till *t, const char *payee)
{
    const struct payee *y = payee_of(t, payee);
    return y != NULL ? kept(y->earned, y->returned) : 0;
}

static int64_t shown(uint64_t v)
{
    return v < INT64_MAX ? (int64_t)v : INT64_MAX;
}

void till_broadcaster_json(const struct till *t, link_peer broadcaster, struct json *object)
{
    const struct peer *p = peer_of(t, broadcaster);
    if (p == NULL) {
        return;
    }
    const struct purse *u = &p->account->purse;
    json_set_str(object, "account", u->account);
    json_set_int(object, "funds_held", shown(u->held));
    json_set_int(object, "funds_reserved", shown(u->reserved));
    json_set_int(object, "owed", shown(u->owed + u->noted));
    json_set_int(object, "spent", shown(kept(u->earned, u->returned)));
    bool fails = u->is_refused || u->is_stuck;
    json_set_str(object, "funds",
                 !u->known  ? "not known yet"
                 : u->empty ? "empty"
                 : fails    ? "not known now"
                            : "ok");
}

void till_metrics(const struct till *t, struct metrics *m)
{
    const char *name = "sbe_orchestrator_earned_total";
    metrics_family(m, name, METRIC_COUNTER,
                   "What a transcoder's rungs cost, in the ledger's units.");
    LIST_EACH (&t->payees, it, tmp) {
        const struct payee *y = LIST_ITEM(it, const struct payee, node);
        metrics_sample(m, name, (const char *const[]){"payee", y->name, NULL}, (double)y->earned);
    }
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_unpaid_refusals_total",
                "Segments refused because their broadcaster's account could not pay.", t->refused);
}

/* --- life --- */

struct till *till_create(struct loop *l, struct ledger *ledger, const struct tariff *tariff,
                         const char *session, till_over_fn *over, void *arg)
{
    struct till *t = mem_alloc(sizeof *t);
    *t = (struct till){.ledger = ledger, .tariff = *tariff, .over = over, .arg = arg};
    snprintf(t->session, sizeof t->session, "%s", session);
    list_init(&t->accounts);
    list_init(&t->peers);
    list_init(&t->payees);
    t->tick = loop_timer_create(l, on_tick, t);
    loop_timer_start(t->tick, TICK_MS, TICK_MS);
    return t;
}

void till_stop(struct till *t)
{
    if (t == NULL || t->is_stopped) {
        return;
    }
    t->is_stopped = true;
    loop_timer_stop(t->tick);
    LIST_EACH (&t->accounts, it, tmp) {
        struct account *a = LIST_ITEM(it, struct account, node);
        a->purse.taken.amount = 0; /* it is being asked back already */
        release(a, NULL);          /* nobody waits for the answers */
    }
}

void till_destroy(struct till *t)
{
    if (t == NULL) {
        return;
    }
    loop_timer_destroy(t->tick);
    LIST_EACH (&t->peers, it, tmp) {
        mem_free(LIST_ITEM(it, struct peer, node));
    }
    LIST_EACH (&t->accounts, it, tmp) {
        forget(LIST_ITEM(it, struct account, node));
    }
    LIST_EACH (&t->payees, it, tmp) {
        mem_free(LIST_ITEM(it, struct payee, node));
    }
    mem_free(t);
}
