#include "orchestrator/ledger/ledger.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"
#include "orchestrator/ledger/ledger_book.h"
#include "orchestrator/ledger/ledger_sqlite.h"
#include "run/log.h"

#define WAITING_MAX 65536 /* requests that wait for their answer */
#define BATCH_MAX   4096  /* of one commit, each payee counted */
#define EXPIRE_MAX  256   /* holds that expire in one commit */
#define RETRY_MS    1000  /* expiring holds, when the store does not take it */

/* A request on its way there and back. */
struct work {
    struct list node;
    struct ledger_request r;
    struct ledger_answer a;
    ledger_fn *fn;
    void *arg;
    bool is_asked;     /* else it is news alone */
    struct news *news; /* told behind the answer: what comes later is newer; NULL: none */
    struct ledger_payee payees[]; /* of the request; its texts behind them */
};

struct news {
    uint64_t balance;
    char account[LEDGER_NAME_MAX];
};

/* What the thread did since the loop last took it. */
struct report {
    struct list done;
    uint64_t commits, committed, failed;
    int64_t accounts, entries;
    struct histogram took; /* commits, from the start */
    bool ok;
    char why[LEDGER_WHY_MAX]; /* when not ok */
};

struct ledger {
    struct ledger_config config;
    char asset[32];
    struct ledger_store *store; /* the thread's */
    struct mailbox *box;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t more;
    struct list waiting;
    struct report report; /* for the loop to take */
    bool stopping;

    /* The loop's. */
    size_t n_waiting; /* asked and not answered */
    bool closing, ok;
    uint64_t commits, committed, failed, refused, asked;
    int64_t accounts, entries;
    struct histogram took;
    char why[LEDGER_WHY_MAX];
};

/* --- the thread --- */

/* One transaction's work. */
struct batch {
    struct list work;
    size_t n;
    int64_t next_ms; /* when a hold is due */
    bool stopping;
    int64_t took_us;
    enum err err;
    char why[LEDGER_WHY_MAX];
};

static void move_all(struct list *to, struct list *from)
{
    while (!list_empty(from)) {
        struct list *first = from->next;
        list_remove(first);
        list_push_back(to, first);
    }
}

static struct news *news_of(const struct ledger_account *a)
{
    struct news *n = mem_alloc(sizeof *n);
    n->balance = a->free > 0 ? (uint64_t)a->free : 0;
    memcpy(n->account, a->name, sizeof n->account);
    return n;
}

static void add_news(struct batch *b, const struct ledger_account *a)
{
    struct work *w = mem_alloc(sizeof *w);
    list_init(&w->node);
    w->news = news_of(a);
    list_push_back(&b->work, &w->node);
}

static enum err apply_all(struct ledger *l, struct batch *b, int64_t now_ms)
{
    struct ledger_account *gained;
    for (struct list *at = b->work.next; at != &b->work; at = at->next) {
        struct work *w = LIST_ITEM(at, struct work, node);
        gained = NULL;
        enum err e = ledger_book_apply(l->store, &w->r, now_ms, &w->a, &gained);
        if (e != ERR_OK) {
            return e;
        }
        w->news = gained != NULL ? news_of(gained) : NULL;
    }
    return ERR_OK;
}

static enum err expire_some(struct ledger *l, struct batch *b, int64_t now_ms)
{
    for (int i = 0; i < EXPIRE_MAX; i++) {
        struct ledger_account *gained = NULL;
        enum err e = ledger_book_expire(l->store, now_ms, &b->next_ms, &gained);
        if (e != ERR_OK) {
            return e;
        }
        if (gained != NULL) {
            add_news(b, gained);
        }
        if (b->next_ms > now_ms) {
            break;
        }
    }
    return ERR_OK;
}

static void refuse_all(struct batch *b)
{
    for (struct list *at = b->work.next; at != &b->work; at = at->next) {
        struct work *w = LIST_ITEM(at, struct work, node);
        w->a = (struct ledger_answer){.err = ERR_IO, .why = "the ledger's store does not take it"};
        mem_free(w->news);
        w->news = NULL;
    }
}

/* All of it, or nothing. */
static void commit_batch(struct ledger *l, struct batch *b)
{
    struct ledger_store *s = l->store;
    int64_t now_ms = clock_wall_ms(), begun_us = clock_mono_us();
    enum err e = s->begin(s);
    if (e == ERR_OK) {
        e = apply_all(l, b, now_ms);
        e = e == ERR_OK ? expire_some(l, b, now_ms) : e;
        e = e == ERR_OK ? s->commit(s) : e;
    }
    if (e != ERR_OK) {
        memcpy(b->why, s->why, sizeof b->why);
        s->rollback(s);
        refuse_all(b);
        b->next_ms = now_ms + RETRY_MS;
    }
    b->err = e;
    b->took_us = clock_mono_us() - begun_us;
}

static void hand_over(struct ledger *l, struct batch *b)
{
    pthread_mutex_lock(&l->lock);
    struct report *r = &l->report;
    bool first = list_empty(&r->done) && r->commits == 0 && r->failed == 0;
    move_all(&r->done, &b->work);
    r->ok = b->err == ERR_OK;
    r->commits += r->ok ? 1 : 0;
    r->committed += r->ok ? b->n : 0;
    r->failed += r->ok ? 0 : 1;
    if (r->ok) {
        histogram_observe(&r->took, b->took_us);
    }
    r->accounts = l->store->accounts;
    r->entries = l->store->entries;
    memcpy(r->why, b->why, sizeof r->why);
    pthread_mutex_unlock(&l->lock);
    if (first) {
        mailbox_post(l->box, l);
    }
}

/* Waits for requests, or until a hold is due. False: the end. */
static bool take_batch(struct ledger *l, struct batch *b)
{
    pthread_mutex_lock(&l->lock);
    while (list_empty(&l->waiting) && !l->stopping) {
        int64_t left = b->next_ms - clock_wall_ms();
        if (b->next_ms != INT64_MAX && left <= 0) {
            break;
        }
        if (b->next_ms == INT64_MAX) {
            pthread_cond_wait(&l->more, &l->lock);
        } else {
            struct timespec until = clock_mono_after(left < 60000 ? left : 60000);
            pthread_cond_timedwait(&l->more, &l->lock, &until);
        }
    }
    b->n = 0;
    for (size_t rows = 0; rows < BATCH_MAX && !list_empty(&l->waiting); b->n++) {
        struct work *first = LIST_ITEM(l->waiting.next, struct work, node);
        list_remove(&first->node);
        list_push_back(&b->work, &first->node);
        rows += 1 + first->r.n_payees;
    }
    b->stopping = l->stopping;
    pthread_mutex_unlock(&l->lock);
    return b->n > 0 || !b->stopping;
}

static void *thread_main(void *arg)
{
    struct ledger *l = arg;
    struct batch b = {.next_ms = 0}; /* what is due from before: at once */
    list_init(&b.work);
    while (take_batch(l, &b)) {
        /* At the end nobody waits for a store that does not answer. */
        if (b.stopping && b.err != ERR_OK) {
            refuse_all(&b);
        } else {
            commit_batch(l, &b);
        }
        hand_over(l, &b);
    }
    return NULL;
}

/* --- the loop --- */

static void answer(struct ledger *l, struct work *w)
{
    l->n_waiting -= w->is_asked;
    if (w->fn != NULL) {
        w->fn(w->arg, &w->a);
    }
    if (w->news != NULL && l->config.news != NULL) {
        l->config.news(l->config.news_arg, w->news->account, w->news->balance);
    }
    mem_free(w->news);
    mem_free(w);
}

static void note_state(struct ledger *l, const struct report *r)
{
    if (r->commits + r->failed == 0) {
        return;
    }
    if (l->ok && !r->ok) {
        log_error("ledger", "store", "what is asked of the ledger is refused: %s", r->why);
    } else if (!l->ok && r->ok) {
        log_info("ledger", "store", "the ledger works again");
    }
    l->ok = r->ok;
    l->commits += r->commits;
    l->committed += r->committed;
    l->failed += r->failed;
    l->accounts = r->accounts;
    l->entries = r->entries;
    l->took = r->took;
    memcpy(l->why, r->why, sizeof l->why);
}

static void on_report(void *arg, void *item)
{
    struct ledger *l = arg;
    struct report taken;
    list_init(&taken.done);
    pthread_mutex_lock(&l->lock);
    struct report *r = &l->report;
    move_all(&taken.done, &r->done);
    taken.commits = r->commits;
    taken.committed = r->committed;
    taken.failed = r->failed;
    taken.accounts = r->accounts;
    taken.entries = r->entries;
    taken.took = r->took;
    taken.ok = r->ok;
    memcpy(taken.why, r->why, sizeof taken.why);
    r->commits = r->committed = r->failed = 0;
    pthread_mutex_unlock(&l->lock);
    note_state(l, &taken);
    while (!list_empty(&taken.done)) {
        struct work *w = LIST_ITEM(taken.done.next, struct work, node);
        list_remove(&w->node);
        answer(l, w);
    }
}

static void copy(const char *text, const char **ret_copy, char **at)
{
    if (text != NULL) {
        size_t size = strlen(text) + 1;
        *ret_copy = memcpy(*at, text, size);
        *at += size;
    }
}

static size_t size_of(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static struct work *make_work(const struct ledger_request *r, ledger_fn *fn, void *arg)
{
    size_t size = size_of(r->account) + size_of(r->other) + size_of(r->key);
    for (size_t i = 0; i < r->n_payees; i++) {
        size += sizeof *r->payees + size_of(r->payees[i].account);
    }
    struct work *w = mem_alloc(sizeof *w + size);
    char *at = (char *)(w->payees + r->n_payees);
    list_init(&w->node);
    w->r = *r;
    w->is_asked = true;
    w->fn = fn;
    w->arg = arg;
    copy(r->account, &w->r.account, &at);
    copy(r->other, &w->r.other, &at);
    copy(r->key, &w->r.key, &at);
    w->r.payees = w->payees;
    for (size_t i = 0; i < r->n_payees; i++) {
        w->payees[i].amount = r->payees[i].amount;
        copy(r->payees[i].account, &w->payees[i].account, &at);
    }
    return w;
}

/* An answer that the store was not asked for: on the loop all the same, never from inside. */
static void refuse(struct ledger *l, struct work *w, const char *why)
{
    l->refused++;
    w->a = (struct ledger_answer){.err = ERR_IO, .why = why};
    pthread_mutex_lock(&l->lock);
    list_push_back(&l->report.done, &w->node);
    pthread_mutex_unlock(&l->lock);
    mailbox_post(l->box, l);
}

void ledger_ask(struct ledger *l, const struct ledger_request *r, ledger_fn *fn, void *arg)
{
    struct work *w = make_work(r, fn, arg);
    l->n_waiting++;
    l->asked++;
    if (l->closing || l->n_waiting > WAITING_MAX) {
        refuse(l, w, l->closing ? "the ledger is being closed" : "too much is waiting already");
        return;
    }
    pthread_mutex_lock(&l->lock);
    bool was_empty = list_empty(&l->waiting);
    list_push_back(&l->waiting, &w->node);
    pthread_mutex_unlock(&l->lock);
    if (was_empty) {
        pthread_cond_signal(&l->more);
    }
}

/* --- open and close --- */

static void init_lock(struct ledger *l)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l->more, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&l->lock, NULL);
}

enum err ledger_open(struct loop *l, const struct ledger_config *config, struct ledger **ret_ledger,
                     char *ret_why)
{
    struct ledger_store *store;
    struct ledger *new = mem_alloc(sizeof *new);
    enum err e = config->scale < 0 || config->scale > LEDGER_SCALE_MAX ||
                         strlen(config->asset) >= sizeof new->asset ||
                         !ledger_name_is_valid(config->asset)
                     ? ERR_LIMIT
                     : ERR_OK;
    if (e == ERR_OK) {
        e = ledger_sqlite_open(config->path, config->scale, config->asset, &store, ret_why);
    } else {
        snprintf(ret_why, LEDGER_WHY_MAX, "the scale or the name of the asset is out of range");
    }
    if (e != ERR_OK) {
        mem_free(new);
        return e;
    }
    new->config = *config;
    snprintf(new->asset, sizeof new->asset, "%s", config->asset);
    new->store = store;
    new->accounts = store->accounts;
    new->entries = store->entries;
    new->ok = true;
    list_init(&new->waiting);
    list_init(&new->report.done);
    histogram_init(&new->report.took, HISTOGRAM_SHORT);
    histogram_init(&new->took, HISTOGRAM_SHORT);
    init_lock(new);
    new->box = mailbox_create(l, on_report, new);
    e = thread_start("ledger", thread_main, new, &new->thread);
    assert(e == ERR_OK); /* at the start of a role: no thread to be had */
    *ret_ledger = new;
    return e;
}

void ledger_close(struct ledger *l)
{
    if (l == NULL) {
        return;
    }
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_mutex_unlock(&l->lock);
    pthread_cond_signal(&l->more);
    pthread_join(l->thread, NULL);
    l->closing = true;
    on_report(l, NULL);
    while (l->n_waiting > 0) { /* what was asked by who was just answered */
        on_report(l, NULL);
    }
    mailbox_destroy(l->box, NULL);
    l->store->close(l->store);
    pthread_cond_destroy(&l->more);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

/* --- what is told of it --- */

int ledger_scale(const struct ledger *l)
{
    return l->config.scale;
}

const char *ledger_asset(const struct ledger *l)
{
    return l->asset;
}

void ledger_status(const struct ledger *l, struct json *object)
{
    struct json *j = json_new_object();
    json_set_str(j, "asset", l->asset);
    json_set_int(j, "scale", l->config.scale);
    json_set_int(j, "accounts", l->accounts);
    json_set_int(j, "entries", l->entries);
    json_set_int(j, "waiting", (int64_t)l->n_waiting);
    json_set_int(j, "commits", (int64_t)l->commits);
    json_set_real(j, "mean_batch",
                  l->commits > 0 ? (double)l->committed / (double)l->commits : 0.0);
    json_set_str(j, "store", l->ok ? "ok" : l->why);
    json_set(object, "ledger", j);
}

void ledger_metrics(const struct ledger *l, struct metrics *m)
{
    metrics_one(m, METRIC_GAUGE, "sbe_ledger_up", "1: the ledger's store takes what is asked.",
                l->ok);
    metrics_one(m, METRIC_GAUGE, "sbe_ledger_accounts", "Accounts in the ledger.",
                (double)l->accounts);
    metrics_one(m, METRIC_GAUGE, "sbe_ledger_waiting", "Requests that wait for a commit.",
                (double)l->n_waiting);
    metrics_one(m, METRIC_COUNTER, "sbe_ledger_entries_total", "Entries of the ledger's journal.",
                (double)l->entries);
    metrics_one(m, METRIC_COUNTER, "sbe_ledger_commits_total", "Commits of the ledger.",
                (double)l->commits);
    metrics_family(m, "sbe_ledger_commit_seconds", METRIC_HISTOGRAM,
                   "How long commits of the ledger took.");
    metrics_histogram(m, "sbe_ledger_commit_seconds", NULL, &l->took);
    metrics_one(m, METRIC_COUNTER, "sbe_ledger_requests_total",
                "Requests that the ledger has committed.", (double)l->committed);
    metrics_one(m, METRIC_COUNTER, "sbe_ledger_failed_commits_total",
                "Commits that the ledger's store refused.", (double)l->failed);
    metrics_one(m, METRIC_COUNTER, "sbe_ledger_refused_total",
                "Requests that were refused because too many were waiting.", (double)l->refused);
}
