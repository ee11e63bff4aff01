/* The accounts that are known here: found by their names, forgotten when nobody needs them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broadcaster/paywall/paywall_internal.h"
#include "run/log.h"

void paywall_lock(struct paywall_account *a)
{
    pthread_mutex_lock(&a->shard->lock);
}

void paywall_unlock(struct paywall_account *a)
{
    pthread_mutex_unlock(&a->shard->lock);
}

static struct paywall_account *find(struct paywall_shard *s, uint64_t hash, const char *name)
{
    struct list *bucket = &s->buckets[hash / PAYWALL_SHARDS % PAYWALL_BUCKETS];
    LIST_EACH (bucket, it, tmp) {
        struct paywall_account *a = LIST_ITEM(it, struct paywall_account, node);
        if (a->hash == hash && strcmp(a->name, name) == 0) {
            return a;
        }
    }
    return NULL;
}

/* Under the paywall's lock. Who had money here does not suffer from others of his address. */
static bool may_begin(struct paywall *p, uint64_t hash, const struct paywall_from *from,
                      int64_t now_ms)
{
    if (recents_has(p->payers, hash) && rates_take(p->payers_rates, from->address, now_ms)) {
        return true;
    }
    return rates_take(p->rates, from->address, now_ms) &&
           (from->site == 0 || rates_take(p->sites, from->site, now_ms));
}

/* What he has of the preview; false: this address begins too many accounts. */
static bool admit(struct paywall *p, uint64_t hash, const struct paywall_from *from, int64_t now_ms,
                  uint64_t *ret_preview)
{
    pthread_mutex_lock(&p->lock);
    bool ok = may_begin(p, hash, from, now_ms);
    if (ok) {
        *ret_preview = preview_open(p->preview, hash, from->address, from->site, now_ms);
    }
    pthread_mutex_unlock(&p->lock);
    return ok;
}

static struct paywall_account *add(struct paywall *p, struct paywall_shard *s, uint64_t hash,
                                   const char *name, const struct paywall_from *from,
                                   int64_t now_ms)
{
    uint64_t preview = 0;
    struct paywall_account *a = NULL;
    if (atomic_fetch_add(&p->n_accounts, 1) < PAYWALL_ACCOUNTS_MAX &&
        admit(p, hash, from, now_ms, &preview)) {
        a = mem_try_alloc(sizeof *a);
    }
    if (a == NULL) {
        atomic_fetch_sub(&p->n_accounts, 1);
        return NULL;
    }
    a->paywall = p;
    a->shard = s;
    a->hash = hash;
    a->version = 1;
    snprintf(a->name, sizeof a->name, "%s", name);
    a->preview_told = preview;
    account_init(&a->money, preview);
    list_init(&a->waiters);
    list_init(&a->watchers);
    list_init(&a->due);
    list_push_back(&s->buckets[hash / PAYWALL_SHARDS % PAYWALL_BUCKETS], &a->node);
    list_push_back(&s->all, &a->all);
    return a;
}

const struct audience_salt *paywall_salt(const struct paywall *p)
{
    return &p->salt;
}

static uint64_t hash_of(const struct paywall *p, const char *name)
{
    return audience_hash(&p->salt, span_cstr(name), span_of(NULL, 0));
}

enum paywall_verdict paywall_account(struct paywall *p, const char *name,
                                     const struct paywall_from *from,
                                     struct paywall_account **ret_account)
{
    uint64_t hash = hash_of(p, name);
    struct paywall_shard *s = &p->shards[hash % PAYWALL_SHARDS];
    int64_t now_ms = clock_mono_ms();
    if (atomic_load(&p->closing)) {
        return PAYWALL_STOPPING;
    }
    pthread_mutex_lock(&s->lock);
    struct paywall_account *a = find(s, hash, name);
    if (a == NULL) {
        a = add(p, s, hash, name, from, now_ms);
    }
    if (a != NULL) {
        a->refs++;
        a->used_ms = now_ms;
        *ret_account = a;
    }
    pthread_mutex_unlock(&s->lock);
    return a != NULL ? PAYWALL_PAID : PAYWALL_MANY;
}

bool paywall_pays(struct paywall *p, const char *name)
{
    uint64_t hash = hash_of(p, name);
    struct paywall_shard *s = &p->shards[hash % PAYWALL_SHARDS];
    pthread_mutex_lock(&s->lock);
    const struct paywall_account *a = find(s, hash, name);
    bool pays = a != NULL && a->pays;
    pthread_mutex_unlock(&s->lock);
    if (!pays) {
        pthread_mutex_lock(&p->lock);
        pays = recents_has(p->payers, hash);
        pthread_mutex_unlock(&p->lock);
    }
    return pays;
}

struct paywall_account *paywall_find(struct paywall *p, const char *name)
{
    uint64_t hash = hash_of(p, name);
    struct paywall_shard *s = &p->shards[hash % PAYWALL_SHARDS];
    pthread_mutex_lock(&s->lock);
    struct paywall_account *a = find(s, hash, name);
    pthread_mutex_unlock(&s->lock);
    return a;
}

void paywall_account_unref(struct paywall_account *a)
{
    if (a != NULL) {
        paywall_lock(a);
        a->refs--;
        a->used_ms = clock_mono_ms();
        paywall_unlock(a);
    }
}

static int64_t keep_ms(const struct paywall_account *a)
{
    bool few = atomic_load(&a->paywall->n_accounts) < PAYWALL_FEW;
    return few && a->streams[0] != NULL ? PAYWALL_PAID_KEEP_MS : PAYWALL_KEEP_MS;
}

void paywall_tell_preview(struct paywall_account *a)
{
    struct paywall *p = a->paywall;
    if (a->preview_told != a->money.preview) {
        a->preview_told = a->money.preview;
        pthread_mutex_lock(&p->lock);
        preview_close(p->preview, a->hash, a->money.preview);
        pthread_mutex_unlock(&p->lock);
    }
}

bool paywall_forget(struct paywall_account *a, int64_t now_ms)
{
    struct paywall *p = a->paywall;
    if (a->refs > 0 || a->queued || !list_empty(&a->due) || !account_idle(&a->money) ||
        now_ms - a->used_ms < keep_ms(a)) {
        return false;
    }
    paywall_tell_preview(a);
    pthread_mutex_lock(&p->lock);
    if (a->pays) {
        recents_note(p->payers, a->hash);
    } else if (a->money.known) {
        recents_forget(p->payers, a->hash);
    }
    pthread_mutex_unlock(&p->lock);
    uint64_t unpaid = account_unpaid(&a->money);
    if (unpaid > 0) {
        log_warn("paywall", "unpaid",
                 "amount=%" PRIu64 " what a viewer has used is not paid: the ledger knows nothing "
                 "of his lease any more",
                 unpaid);
    }
    paywall_account_destroy(a);
    return true;
}

void paywall_account_destroy(struct paywall_account *a)
{
    list_remove(&a->node);
    list_remove(&a->all);
    for (size_t i = 0; i < PAYWALL_STREAMS_MAX; i++) {
        mem_free(a->streams[i]);
    }
    atomic_fetch_sub(&a->paywall->n_accounts, 1);
    mem_free(a);
}
