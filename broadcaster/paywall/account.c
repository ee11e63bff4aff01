#include "broadcaster/paywall/account.h"

#include <string.h>

#include "broadcaster/paywall/money.h"

static uint64_t least_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t over_zero(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t left_of(const struct account_lease *l)
{
    return l->over ? 0 : l->held - l->spent;
}

void account_init(struct account *a, uint64_t preview)
{
    *a = (struct account){.preview = preview};
}

static uint64_t credit_before_reserved(const struct account *a)
{
    uint64_t sum = a->preview;
    for (size_t i = 0; i < a->n_leases; i++) {
        sum = money_add(sum, left_of(&a->leases[i]));
    }
    return sum;
}

uint64_t account_credit(const struct account *a)
{
    return over_zero(credit_before_reserved(a), a->reserved);
}

uint64_t account_total(const struct account *a)
{
    uint64_t going_back = 0;
    for (size_t i = 0; i < a->n_leases; i++) {
        const struct account_lease *l = &a->leases[i];
        going_back = money_add(going_back, l->over ? l->held - l->spent : 0);
    }
    uint64_t ledger = a->known ? money_add(a->balance, going_back) : going_back;
    return over_zero(money_add(ledger, account_credit(a)), a->debt);
}

bool account_has_money(const struct account *a)
{
    return a->n_leases > 0 || (a->known && a->balance > 0);
}

uint64_t account_missing(const struct account *a, uint64_t cost)
{
    return over_zero(cost, account_total(a));
}

/* --- spending --- */

static bool is_fresh(const struct account *a, int64_t now_ms)
{
    return a->known && now_ms - a->heard_ms < ACCOUNT_FRESH_MS;
}

static bool is_away(const struct account *a, int64_t now_ms)
{
    return a->away_ms != 0 && now_ms - a->away_ms < ACCOUNT_RETRY_MS;
}

/* Whether it is known that this much more cannot be had. */
static bool is_short(const struct account *a, uint64_t lacking, int64_t now_ms)
{
    return is_fresh(a, now_ms) && (a->frozen || money_add(lacking, a->debt) > a->balance);
}

enum account_verdict account_reserve(struct account *a, uint64_t cost, int64_t now_ms)
{
    uint64_t credit = account_credit(a);
    a->used_ms = now_ms;
    a->cost = most_of(a->cost, cost);
    if (cost <= credit) {
        a->reserved += cost;
        return ACCOUNT_PAID;
    }
    uint64_t lacking = cost - credit;
    a->wanted = a->wanted == 0 ? lacking : least_of(a->wanted, lacking);
    if (is_short(a, lacking, now_ms)) {
        return a->frozen ? ACCOUNT_FROZEN : ACCOUNT_EMPTY;
    }
    return is_away(a, now_ms) ? ACCOUNT_AWAY : ACCOUNT_WAIT;
}

void account_give_back(struct account *a, uint64_t cost)
{
    a->reserved = over_zero(a->reserved, cost);
}

void account_wait(struct account *a, uint64_t cost)
{
    a->wished = money_add(a->wished, cost);
}

void account_keep(struct account *a, uint64_t cost, int64_t now_ms)
{
    a->used_ms = now_ms;
    a->reserved = over_zero(a->reserved, cost);
    uint64_t n = least_of(cost, a->preview);
    a->preview -= n;
    cost -= n;
    for (size_t i = 0; i < a->n_leases && cost > 0; i++) {
        struct account_lease *l = &a->leases[i];
        n = least_of(cost, left_of(l));
        l->spent += n;
        cost -= n;
        l->over = l->over || l->spent == l->held;
    }
    a->debt = money_add(a->debt, cost); /* a lease has ended between */
}

/* --- what to ask --- */

void account_look(struct account *a)
{
    a->curious = true;
}

/* What came to be spent when its lease had gone back: the ledger takes it from the account, or
 * notes that it is owed. */
static bool has_late_cost(const struct account *a)
{
    return a->ended != 0 && (a->debt > 0 || a->ended_cost > a->ended_told);
}

void account_close(struct account *a)
{
    for (size_t i = 0; i < a->n_leases; i++) {
        a->leases[i].over = true;
    }
    a->wanted = a->wished = 0;
    a->step = 0;
}

bool account_settled(const struct account *a)
{
    return a->n_leases == 0 && !a->asking && !has_late_cost(a);
}

uint64_t account_unpaid(const struct account *a)
{
    uint64_t sum = a->debt;
    for (size_t i = 0; i < a->n_leases; i++) {
        sum = money_add(sum, a->leases[i].spent - a->leases[i].charged);
    }
    return a->ended != 0 ? money_add(sum, over_zero(a->ended_cost, a->ended_told)) : sum;
}

bool account_idle(const struct account *a)
{
    return account_settled(a) && !a->curious && a->reserved == 0 && a->next_n == 0;
}

static const struct account_lease *find_over(const struct account *a)
{
    for (size_t i = 0; i < a->n_leases; i++) {
        if (a->leases[i].over) {
            return &a->leases[i];
        }
    }
    return NULL;
}

static const struct account_lease *find_uncharged(const struct account *a, int64_t now_ms)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < a->n_leases; i++) {
        sum = money_add(sum, a->leases[i].spent - a->leases[i].charged);
    }
    int64_t since_ms = now_ms - a->charged_ms;
    bool due = since_ms >= ACCOUNT_CHARGE_MS || (sum > a->cost && since_ms >= ACCOUNT_SOON_MS);
    for (size_t i = 0; i < a->n_leases && due; i++) {
        if (a->leases[i].spent > a->leases[i].charged) {
            return &a->leases[i];
        }
    }
    return NULL;
}

/* A hold that was asked for and not answered may be there: it is asked for again, and goes back. */
static bool wants_lease(const struct account *a, int64_t now_ms)
{
    if (a->n_leases == ACCOUNT_LEASES && (a->wanted == 0 || find_over(a) != NULL)) {
        return false;
    }
    if (a->next_n != 0) {
        return true;
    }
    if (a->wanted > 0) {
        return !is_short(a, a->wanted, now_ms);
    }
    bool next =
        a->n_leases > 0 && account_credit(a) < a->step / 2 && now_ms - a->used_ms < ACCOUNT_IDLE_MS;
    return (a->debt > 0 || next) && !is_short(a, 1, now_ms);
}

/* Enough for all who wait, within reason; more and more of it for who spends it quickly. */
static uint64_t next_step(struct account *a, int64_t now_ms)
{
    uint64_t base = a->cost > MONEY_MAX / ACCOUNT_STEP_COSTS / ACCOUNT_STEP_TIMES
                        ? MONEY_MAX / ACCOUNT_STEP_TIMES
                        : a->cost * ACCOUNT_STEP_COSTS;
    bool fast = a->leased_ms != 0 && now_ms - a->leased_ms < 2 * ACCOUNT_RETRY_MS;
    uint64_t step = fast ? money_add(a->step, a->step) : a->step;
    a->step = least_of(most_of(step, base), base * ACCOUNT_STEP_TIMES);
    uint64_t all = money_add(over_zero(a->wished, account_credit(a)), a->debt);
    return most_of(a->step, least_of(all, base * ACCOUNT_STEP_TIMES));
}

/* Another one, or more in the newest one; ret_n: which. */
static void ask_lease(struct account *a, int64_t now_ms, uint64_t *counter, struct link_pay_ask *r,
                      uint64_t *ret_n)
{
    bool raises = a->n_leases == ACCOUNT_LEASES;
    const struct account_lease *newest = raises ? &a->leases[a->n_leases - 1] : NULL;
    uint64_t has = raises ? newest->held - newest->charged : 0;
    uint64_t step = next_step(a, now_ms), least = most_of(money_add(a->wanted, a->debt), 1);
    if (!raises && a->next_n == 0) {
        a->next_n = ++*counter;
    }
    *ret_n = raises ? newest->n : a->next_n;
    *r = (struct link_pay_ask){
        .kind = LINK_PAY_HOLD,
        .amount = money_add(has, most_of(step, least)),
        .least = money_add(has, least),
        .ttl_ms = ACCOUNT_TTL_MS,
    };
}

static void ask_total(const struct account_lease *l, enum link_pay_kind kind,
                      struct link_pay_ask *r)
{
    *r = (struct link_pay_ask){.kind = kind, .total = l->spent, .ttl_ms = ACCOUNT_TTL_MS};
}

static void ask_late(struct account *a, struct link_pay_ask *r)
{
    a->ended_cost = money_add(a->ended_cost, a->debt);
    a->debt = 0;
    *r = (struct link_pay_ask){
        .kind = LINK_PAY_RELEASE, .total = a->ended_cost, .ttl_ms = ACCOUNT_TTL_MS};
}

static bool is_unused(const struct account *a, int64_t now_ms)
{
    return a->n_leases > 0 && a->reserved == 0 && now_ms - a->used_ms >= ACCOUNT_IDLE_MS;
}

static void end_unused(struct account *a, int64_t now_ms)
{
    if (is_unused(a, now_ms)) {
        account_close(a);
    }
}

bool account_due(const struct account *a, int64_t now_ms)
{
    bool open = a->asking || is_away(a, now_ms);
    return !open &&
           (a->curious || has_late_cost(a) || is_unused(a, now_ms) || find_over(a) != NULL ||
            find_uncharged(a, now_ms) != NULL || wants_lease(a, now_ms));
}

bool account_next(struct account *a, int64_t now_ms, uint64_t *counter,
                  struct link_pay_ask *ret_request, uint64_t *ret_n)
{
    if (a->asking || is_away(a, now_ms)) {
        return false;
    }
    end_unused(a, now_ms);
    const struct account_lease *over = find_over(a), *uncharged = find_uncharged(a, now_ms);
    *ret_n = 0;
    if (has_late_cost(a)) {
        ask_late(a, ret_request);
        *ret_n = a->ended;
    } else if (wants_lease(a, now_ms)) {
        ask_lease(a, now_ms, counter, ret_request, ret_n);
    } else if (over != NULL) {
        ask_total(over, LINK_PAY_RELEASE, ret_request);
        *ret_n = over->n;
    } else if (uncharged != NULL) {
        ask_total(uncharged, LINK_PAY_CHARGE, ret_request);
        *ret_n = uncharged->n;
        a->charged_ms = now_ms;
    } else if (a->curious) {
        *ret_request = (struct link_pay_ask){.kind = LINK_PAY_ACCOUNT};
    } else {
        return false;
    }
    a->asking = true;
    a->asked = ret_request->kind;
    a->asked_n = *ret_n;
    a->asked_total = ret_request->total;
    return true;
}

/* --- answers --- */

static struct account_lease *find_lease(struct account *a, uint64_t n)
{
    for (size_t i = 0; i < a->n_leases; i++) {
        if (a->leases[i].n == n) {
            return &a->leases[i];
        }
    }
    return NULL;
}

static void hear(struct account *a, const struct link_pay_answer *answer, int64_t now_ms)
{
    a->balance = least_of(answer->balance, MONEY_MAX);
    a->known = true;
    a->frozen = answer->status == LINK_PAY_FROZEN;
    a->heard_ms = now_ms;
    a->away_ms = 0;
    a->curious = false;
}

/* The lease that was asked for, or that was raised: the ledger has so much in it now. */
static void take_lease(struct account *a, uint64_t held, int64_t now_ms)
{
    struct account_lease *l = find_lease(a, a->asked_n);
    if (l == NULL) {
        l = &a->leases[a->n_leases++];
        *l = (struct account_lease){.n = a->asked_n};
        a->next_n = 0;
    }
    l->held = most_of(l->spent, least_of(money_add(l->charged, held), MONEY_MAX));
    uint64_t late = least_of(a->debt, l->held - l->spent);
    l->spent += late;
    a->debt -= late;
    l->over = l->over || l->spent == l->held;
    a->wanted = a->wished = 0;
    a->leased_ms = now_ms;
}

static void drop_lease(struct account *a, const struct account_lease *l)
{
    size_t i = (size_t)(l - a->leases);
    a->n_leases--;
    memmove(&a->leases[i], &a->leases[i + 1], (a->n_leases - i) * sizeof a->leases[0]);
}

static void settle_late(struct account *a, bool ok)
{
    if (ok) {
        a->ended_told = most_of(a->ended_told, a->asked_total);
    } else { /* the ledger does not know that lease any more */
        a->debt = money_add(a->debt, a->ended_cost - a->ended_told);
        a->ended = 0;
    }
}

/* A hold that has run out meanwhile, or paid for something else, is not spent any further: what it
 * does not have would be owed. */
static void shrink(struct account_lease *l, uint64_t backed)
{
    l->held = most_of(l->spent, least_of(l->held, backed));
    l->over = l->over || l->spent == l->held;
}

/* The ledger forgets what went back sooner than what ran out. */
static bool had_gone_back(const struct account_lease *l, const struct link_pay_answer *answer,
                          int64_t now_ms)
{
    return answer->status == LINK_PAY_NO_HOLD && l->doubt_ms != 0 &&
           now_ms - l->doubt_ms < ACCOUNT_DOUBT_MS;
}

static void settle(struct account *a, const struct link_pay_answer *answer, int64_t now_ms)
{
    bool ok = answer->status == LINK_PAY_OK;
    struct account_lease *l = find_lease(a, a->asked_n);
    if (l == NULL) {
        settle_late(a, ok);
        return;
    }
    if (had_gone_back(l, answer, now_ms)) {
        drop_lease(a, l);
        return;
    }
    if (ok) {
        l->charged = most_of(l->charged, a->asked_total);
        shrink(l, money_add(a->asked_total, answer->held));
    } else { /* it has ended under us: what it did not pay is owed */
        bool expired = answer->status == LINK_PAY_NO_HOLD;
        uint64_t paid = expired ? most_of(l->charged, answer->amount) : l->charged;
        a->debt = money_add(a->debt, over_zero(l->spent, paid));
    }
    if (ok && a->asked == LINK_PAY_RELEASE) {
        a->ended = l->n;
        a->ended_cost = a->ended_told = l->spent;
    }
    if (!ok || a->asked == LINK_PAY_RELEASE) {
        drop_lease(a, l);
    }
}

/* The answer is lost, not always the question. */
static void note_doubt(struct account *a, int64_t now_ms)
{
    struct account_lease *l = a->asked == LINK_PAY_RELEASE ? find_lease(a, a->asked_n) : NULL;
    if (l != NULL && l->doubt_ms == 0) {
        l->doubt_ms = now_ms;
    }
}

/* What keeps the ledger from answering at all. */
static bool is_away_status(enum link_pay_status status)
{
    return status == LINK_PAY_UNAVAILABLE || status == LINK_PAY_OFF || status == LINK_PAY_REFUSED;
}

bool account_answered(struct account *a, const struct link_pay_answer *answer, int64_t now_ms)
{
    bool settles = a->asked == LINK_PAY_CHARGE || a->asked == LINK_PAY_RELEASE;
    a->asking = false;
    if (answer->status == LINK_PAY_UNAVAILABLE || (!settles && is_away_status(answer->status))) {
        a->away_ms = now_ms > 0 ? now_ms : 1;
        note_doubt(a, a->away_ms);
        a->curious = false;
        a->next_n = answer->status == LINK_PAY_UNAVAILABLE ? a->next_n : 0;
        return true;
    }
    if (answer->status == LINK_PAY_OK || answer->status == LINK_PAY_FUNDS ||
        answer->status == LINK_PAY_FROZEN) {
        hear(a, answer, now_ms);
    }
    if (settles) {
        settle(a, answer, now_ms);
        return false;
    }
    /* Too little to fill it up: what an earlier question set aside is there all the same. */
    bool holds = answer->status == LINK_PAY_OK || answer->status == LINK_PAY_FUNDS;
    if (a->asked == LINK_PAY_HOLD && holds && answer->held > 0) {
        take_lease(a, answer->held, now_ms);
    } else if (a->asked == LINK_PAY_HOLD) {
        a->next_n = 0;
        a->wanted = a->wished = 0;
    }
    return true;
}

void account_news(struct account *a, uint64_t balance, int64_t now_ms)
{
    a->balance = least_of(balance, MONEY_MAX);
    a->known = true;
    a->frozen = false; /* if it still is, the ledger says so */
    a->heard_ms = now_ms;
    a->away_ms = 0;
}
