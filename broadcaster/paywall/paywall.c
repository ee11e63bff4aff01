#include "broadcaster/paywall/paywall.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/paywall/money.h"
#include "broadcaster/paywall/paywall_internal.h"
#include "run/log.h"

#define TICK_MS  250
#define LOOKS    4   /* ticks in which each waiter's connection is looked at once */
#define LOOK_MAX 256 /* connections looked at with one call */
#define KEY_MAX  96

/* --- asking --- */

static void ask_next(struct paywall_account *a);

static void log_away(struct paywall *p, const struct link_pay_answer *answer, int64_t now_ms)
{
    bool off = answer->status == LINK_PAY_OFF || answer->status == LINK_PAY_REFUSED;
    if (off && now_ms - p->reported_ms >= PAYWALL_REPORT_MS) {
        p->reported_ms = now_ms;
        log_warn("paywall", "ledger", "the orchestrator does not keep viewers' accounts: %s",
                 answer->text);
    }
}

static void on_answer(void *arg, const struct link_pay_answer *answer)
{
    struct paywall_account *a = arg;
    struct list woken;
    list_init(&woken);
    int64_t now_ms = clock_mono_ms();
    log_away(a->paywall, answer, now_ms);
    paywall_lock(a);
    uint64_t before = account_total(&a->money);
    bool known = a->money.known, frozen = a->money.frozen;
    bool answered = account_answered(&a->money, answer, now_ms);
    a->pays = a->pays || account_has_money(&a->money);
    if (answered) {
        paywall_take_all(&a->waiters, &woken);
        if (before != account_total(&a->money) || !known || frozen != a->money.frozen) {
            a->version++;
            paywall_take_all(&a->watchers, &woken);
        }
    }
    paywall_unlock(a);
    paywall_resume(a->paywall, &woken);
    ask_next(a);
}

/* What cannot be asked is asked again by the tick. */
static void ask_next(struct paywall_account *a)
{
    struct paywall *p = a->paywall;
    struct link_pay_ask q;
    uint64_t n = 0;
    char key[KEY_MAX] = "";
    struct list woken;
    list_init(&woken);
    paywall_lock(a);
    if (a->wakes) {
        paywall_take_all(&a->waiters, &woken);
    }
    a->queued = a->wakes = false;
    bool due = account_next(&a->money, clock_mono_ms(), &p->leases, &q, &n);
    paywall_unlock(a);
    paywall_resume(p, &woken);
    if (!due) {
        return;
    }
    if (n != 0) {
        snprintf(key, sizeof key, "lease:%s:%" PRIu64, p->instance, n);
    }
    q.account = a->name;
    q.key = key;
    q.text = "";
    p->config.ask(p->config.bank, &q, on_answer, a);
}

static void on_need(void *arg, void *item)
{
    ask_next(item);
}

static void queue(struct paywall_account *a)
{
    if (!a->queued) {
        a->queued = true;
        mailbox_post(a->paywall->accounts, a);
    }
}

void paywall_need(struct paywall_account *a, int64_t now_ms)
{
    if (account_due(&a->money, now_ms)) {
        queue(a);
    }
}

void paywall_wake(struct paywall_account *a)
{
    if (!list_empty(&a->waiters)) {
        a->wakes = true;
        queue(a);
    }
}

void paywall_news(void *arg, const char *account, uint64_t balance)
{
    struct paywall_account *a = paywall_find(arg, account);
    struct list woken;
    list_init(&woken);
    if (a == NULL) {
        return;
    }
    paywall_lock(a);
    account_news(&a->money, balance, clock_mono_ms());
    a->pays = a->pays || account_has_money(&a->money);
    a->version++;
    paywall_take_all(&a->watchers, &woken);
    paywall_unlock(a);
    ask_next(a);
    paywall_resume(a->paywall, &woken);
}

/* --- waiting --- */

bool paywall_hold(struct paywall_account *a, struct list *list, struct paywall_waiter *w,
                  int64_t deadline_ms)
{
    struct paywall *p = a->paywall;
    if (atomic_load(&p->stopping)) {
        return false;
    }
    w->left = w->late = false;
    w->deadline_ms = deadline_ms;
    w->hold(w);
    list_push_back(list, &w->node);
    atomic_fetch_add(&p->n_waiting, 1);
    atomic_fetch_add(&p->waits, 1);
    return true;
}

void paywall_take_all(struct list *from, struct list *to)
{
    LIST_EACH (from, it, tmp) {
        list_remove(it);
        list_push_back(to, it);
    }
}

void paywall_resume(struct paywall *p, struct list *waiters)
{
    LIST_EACH (waiters, it, tmp) {
        struct paywall_waiter *w = LIST_ITEM(it, struct paywall_waiter, node);
        list_remove(it);
        atomic_fetch_sub(&p->n_waiting, 1);
        w->resume(w); /* from here on its own thread may free it */
    }
}

/* --- the tick --- */

struct look {
    struct pollfd fds[LOOK_MAX];
    struct paywall_waiter *whose[LOOK_MAX];
    size_t n;
    struct list *woken;
};

/* A connection that is held is polled by nobody else. */
static void look(struct look *l)
{
    int found = l->n > 0 ? poll(l->fds, l->n, 0) : 0;
    for (size_t i = 0; i < l->n && found > 0; i++) {
        if (l->fds[i].revents != 0) {
            l->whose[i]->left = true;
            list_remove(&l->whose[i]->node);
            list_push_back(l->woken, &l->whose[i]->node);
        }
    }
    l->n = 0;
}

static void check_waiters(struct list *waiters, int64_t now_ms, bool looks, struct look *l)
{
    LIST_EACH (waiters, it, tmp) {
        struct paywall_waiter *w = LIST_ITEM(it, struct paywall_waiter, node);
        if (w->deadline_ms <= now_ms) {
            w->late = true;
            list_remove(it);
            list_push_back(l->woken, it);
        } else if (looks && w->fd >= 0) {
            l->fds[l->n] = (struct pollfd){.fd = w->fd, .events = POLLRDHUP};
            l->whose[l->n++] = w;
        }
        if (l->n == LOOK_MAX) {
            look(l);
        }
    }
    look(l);
}

static void check_account(struct paywall_account *a, int64_t now_ms, bool looks, struct look *l,
                          struct list *due)
{
    struct list *const lists[] = {&a->waiters, &a->watchers};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        check_waiters(lists[i], now_ms, looks, l);
    }
    paywall_tell_preview(a);
    if (atomic_load(&a->paywall->closing)) {
        account_close(&a->money);
    }
    if (account_due(&a->money, now_ms)) {
        list_push_back(due, &a->due);
    } else {
        paywall_forget(a, now_ms);
    }
}

static void check_shard(struct paywall *p, struct paywall_shard *s, int64_t now_ms, bool looks)
{
    struct list woken, due;
    struct look l = {.woken = &woken};
    list_init(&woken);
    list_init(&due);
    pthread_mutex_lock(&s->lock);
    LIST_EACH (&s->all, it, tmp) {
        check_account(LIST_ITEM(it, struct paywall_account, all), now_ms, looks, &l, &due);
    }
    pthread_mutex_unlock(&s->lock);
    paywall_resume(p, &woken);
    LIST_EACH (&due, it, tmp) {
        struct paywall_account *a = LIST_ITEM(it, struct paywall_account, due);
        list_remove(it);
        ask_next(a);
    }
}

static void keep_previews(struct paywall *p, int64_t now_ms)
{
    pthread_mutex_lock(&p->lock);
    bool due = preview_file_due(p->preview_file, p->preview, now_ms);
    if (due) {
        preview_file_take(p->preview_file, p->preview, now_ms);
    }
    pthread_mutex_unlock(&p->lock);
    if (due) {
        preview_file_write(p->preview_file);
    }
}

static void on_tick(void *arg)
{
    struct paywall *p = arg;
    int64_t now_ms = clock_mono_ms();
    bool looks = ++p->rounds % LOOKS == 0;
    for (size_t i = 0; i < PAYWALL_SHARDS; i++) {
        check_shard(p, &p->shards[i], now_ms, looks);
    }
    keep_previews(p, now_ms);
}

void paywall_bank_open(void *arg)
{
    struct paywall *p = arg;
    for (size_t i = 0; i < PAYWALL_SHARDS; i++) {
        struct paywall_shard *s = &p->shards[i];
        pthread_mutex_lock(&s->lock);
        LIST_EACH (&s->all, it, tmp) {
            struct paywall_account *a = LIST_ITEM(it, struct paywall_account, all);
            a->money.away_ms = 0;
            if (!list_empty(&a->waiters) || !list_empty(&a->watchers)) {
                account_look(&a->money); /* of what nobody asks about no news come */
            }
        }
        pthread_mutex_unlock(&s->lock);
    }
    on_tick(p);
}

/* --- life --- */

struct paywall *paywall_create(const struct paywall_config *config)
{
    struct paywall *p = mem_alloc(sizeof *p);
    p->config = *config;
    audience_salt_init(&p->salt);
    id_random_hex(p->instance, (sizeof p->instance - 1) / 2);
    list_init(&p->open_asks);
    pthread_mutex_init(&p->lock, NULL);
    p->shards = mem_alloc(PAYWALL_SHARDS * sizeof p->shards[0]);
    for (size_t i = 0; i < PAYWALL_SHARDS; i++) {
        struct paywall_shard *s = &p->shards[i];
        pthread_mutex_init(&s->lock, NULL);
        list_init(&s->all);
        for (size_t b = 0; b < PAYWALL_BUCKETS; b++) {
            list_init(&s->buckets[b]);
        }
    }
    p->preview = preview_create(config->preview);
    if (config->preview > 0 && config->data_dir != NULL) {
        p->preview_file = preview_file_open(config->data_dir, p->preview, &p->salt);
    }
    p->rates = rates_create(config->per_address);
    p->sites = rates_create(config->per_address * PAYWALL_SITE_TIMES);
    p->payers_rates = rates_create(config->per_address * PAYWALL_PAYERS_TIMES);
    p->payers = recents_create(PAYWALL_PAYERS_MAX);
    p->accounts = mailbox_create(config->loop, on_need, p);
    p->questions = mailbox_create(config->loop, paywall_on_question, p);
    p->tick = loop_timer_create(config->loop, on_tick, p);
    loop_timer_start(p->tick, TICK_MS, TICK_MS);
    return p;
}

void paywall_close(struct paywall *p)
{
    atomic_store(&p->closing, true);
    on_tick(p);
}

bool paywall_closed(const struct paywall *p)
{
    bool closed = true;
    for (size_t i = 0; i < PAYWALL_SHARDS && closed; i++) {
        struct paywall_shard *s = &p->shards[i];
        pthread_mutex_lock(&s->lock);
        LIST_EACH (&s->all, it, tmp) {
            const struct account *m = &LIST_ITEM(it, struct paywall_account, all)->money;
            closed = closed && (m->away_ms != 0 || account_settled(m));
        }
        pthread_mutex_unlock(&s->lock);
    }
    return closed;
}

void paywall_stop(struct paywall *p)
{
    atomic_store(&p->closing, true);
    atomic_store(&p->stopping, true);
    for (size_t i = 0; i < PAYWALL_SHARDS; i++) {
        struct paywall_shard *s = &p->shards[i];
        struct list woken;
        list_init(&woken);
        pthread_mutex_lock(&s->lock);
        LIST_EACH (&s->all, it, tmp) {
            struct paywall_account *a = LIST_ITEM(it, struct paywall_account, all);
            paywall_take_all(&a->waiters, &woken);
            paywall_take_all(&a->watchers, &woken);
        }
        pthread_mutex_unlock(&s->lock);
        paywall_resume(p, &woken);
    }
    paywall_end_questions(p);
}

/* What was not paid of it. */
static uint64_t destroy_shard(struct paywall_shard *s)
{
    uint64_t unpaid = 0;
    LIST_EACH (&s->all, it, tmp) {
        struct paywall_account *a = LIST_ITEM(it, struct paywall_account, all);
        unpaid = money_add(unpaid, account_unpaid(&a->money));
        paywall_tell_preview(a);
        paywall_account_destroy(a);
    }
    pthread_mutex_destroy(&s->lock);
    return unpaid;
}

void paywall_destroy(struct paywall *p)
{
    if (p == NULL) {
        return;
    }
    loop_timer_destroy(p->tick);
    mailbox_destroy(p->accounts, NULL);
    mailbox_destroy(p->questions, NULL);
    uint64_t unpaid = 0;
    for (size_t i = 0; i < PAYWALL_SHARDS; i++) {
        unpaid = money_add(unpaid, destroy_shard(&p->shards[i]));
    }
    if (unpaid > 0) {
        log_warn("paywall", "unpaid",
                 "amount=%" PRIu64 " what viewers have used is not paid: the ledger could not be "
                 "told at the end",
                 unpaid);
    }
    paywall_free_questions(p);
    preview_file_close(p->preview_file, p->preview);
    preview_destroy(p->preview);
    rates_destroy(p->rates);
    rates_destroy(p->sites);
    rates_destroy(p->payers_rates);
    recents_destroy(p->payers);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->shards);
    mem_free(p);
}

/* --- reports --- */

void paywall_status(struct paywall *p, struct json *object)
{
    struct json *j = json_new_object();
    json_set_int(j, "accounts", (int64_t)atomic_load(&p->n_accounts));
    json_set_int(j, "waiting", (int64_t)atomic_load(&p->n_waiting));
    json_set_int(j, "waits", (int64_t)atomic_load(&p->waits));
    json_set_int(j, "refused", (int64_t)atomic_load(&p->refused));
    json_set_int(j, "earned", (int64_t)atomic_load(&p->earned));
    json_set(object, "paywall", j);
}

void paywall_metrics(struct paywall *p, struct metrics *m)
{
    metrics_one(m, METRIC_GAUGE, "sbe_paywall_accounts",
                "Viewers' accounts that are known here now.", (double)atomic_load(&p->n_accounts));
    metrics_one(m, METRIC_GAUGE, "sbe_paywall_waiting",
                "Requests that wait for money or for the ledger now.",
                (double)atomic_load(&p->n_waiting));
    metrics_one(m, METRIC_COUNTER, "sbe_paywall_refused_total", "Requests that were answered 402.",
                (double)atomic_load(&p->refused));
    metrics_one(m, METRIC_COUNTER, "sbe_paywall_earned_total",
                "What was sent has cost so much, in the ledger's smallest unit.",
                (double)atomic_load(&p->earned));
}
