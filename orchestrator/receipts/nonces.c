#include "orchestrator/receipts/nonces.h"

#include <assert.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "orchestrator/receipts/nonces_internal.h"

#define BUCKETS_MIN 64

struct nonces *nonces_create(const struct seeds *seeds, int64_t ttl_ms, size_t max)
{
    struct nonces *n = mem_alloc(sizeof *n);
    assert(max >= 1 && max <= NONCES_MAX);
    n->seeds = seeds;
    n->ttl_ms = ttl_ms;
    n->max = max;
    n->n_buckets = BUCKETS_MIN;
    while (n->n_buckets < max) {
        n->n_buckets *= 2;
    }
    n->buckets = mem_alloc(n->n_buckets * sizeof n->buckets[0]);
    list_init(&n->fresh);
    list_init(&n->used);
    return n;
}

/* --- one nonce --- */

/* Nonces are random, and none gets into the table that was not made here. */
static struct nonce **bucket_of(const struct nonces *n, const unsigned char *bytes)
{
    uint32_t hash;
    memcpy(&hash, bytes, sizeof hash);
    return &n->buckets[hash & (n->n_buckets - 1)];
}

struct nonce *nonces_find(const struct nonces *n, const unsigned char *bytes)
{
    struct nonce *it = *bucket_of(n, bytes);
    while (it != NULL && memcmp(it->bytes, bytes, sizeof it->bytes) != 0) {
        it = it->next;
    }
    return it;
}

static void drop(struct nonces *n, struct nonce *it)
{
    struct nonce **at = bucket_of(n, it->bytes);
    while (*at != it) {
        at = &(*at)->next;
    }
    *at = it->next;
    list_remove(&it->node);
    n->count--;
    n->n_streams -= it->n_streams;
    mem_free(it->streams);
    mem_free(it);
}

static struct nonce *oldest(struct list *l)
{
    return list_empty(l) ? NULL : LIST_ITEM(l->next, struct nonce, node);
}

static void drop_over(struct nonces *n, struct list *l, int64_t now_ms)
{
    struct nonce *it;
    while ((it = oldest(l)) != NULL && nonce_is_over(n, it, now_ms)) {
        drop(n, it);
    }
}

void nonces_drop_over(struct nonces *n, int64_t now_ms)
{
    drop_over(n, &n->fresh, now_ms);
    drop_over(n, &n->used, now_ms);
}

bool nonce_is_over(const struct nonces *n, const struct nonce *it, int64_t now_ms)
{
    return now_ms - it->used_ms >= n->ttl_ms;
}

struct nonce *nonces_insert(struct nonces *n, const struct nonce_facts *f, int64_t now_ms)
{
    size_t len = strlen(f->endpoint);
    assert(len < NONCES_ENDPOINT_SIZE);
    struct nonce *it = mem_try_alloc(sizeof *it + len + 1);
    if (it == NULL) {
        return NULL;
    }
    nonces_drop_over(n, now_ms);
    if (n->count == n->max) {
        drop(n, list_empty(&n->fresh) ? oldest(&n->used) : oldest(&n->fresh));
    }
    memcpy(it->bytes, f->bytes, sizeof it->bytes);
    memcpy(it->endpoint, f->endpoint, len + 1);
    it->seed = f->seed;
    it->used_ms = it->kept_ms = f->used_ms;
    struct nonce **at = bucket_of(n, it->bytes);
    it->next = *at;
    *at = it;
    list_push_back(&n->fresh, &it->node);
    n->count++;
    return it;
}

void nonces_destroy(struct nonces *n)
{
    if (n == NULL) {
        return;
    }
    LIST_EACH (&n->fresh, it, next) {
        drop(n, LIST_ITEM(it, struct nonce, node));
    }
    LIST_EACH (&n->used, it, next) {
        drop(n, LIST_ITEM(it, struct nonce, node));
    }
    mem_free(n->buckets);
    mem_free(n);
}

size_t nonces_count(const struct nonces *n)
{
    return n->count;
}

enum err nonces_add(struct nonces *n, const unsigned char *nonce, const char *endpoint,
                    int64_t now_ms, struct buf *journal)
{
    const struct nonce_facts f = {
        .bytes = nonce, .seed = &n->seeds->items[0], .used_ms = now_ms, .endpoint = endpoint};
    if (nonces_find(n, nonce) != NULL) {
        return ERR_STATE;
    }
    struct nonce *it = nonces_insert(n, &f, now_ms);
    return it == NULL ? ERR_NOMEM : nonce_write(it, journal);
}

/* --- streams --- */

struct nonce_stream *nonce_stream(const struct nonce *it, uint8_t id)
{
    for (size_t i = 0; i < it->n_streams; i++) {
        if (it->streams[i].id == id) {
            return &it->streams[i];
        }
    }
    return NULL;
}

/* Too many streams in all: the oldest nonces go. */
static void make_room(struct nonces *n, const struct nonce *but)
{
    while (n->n_streams > n->max * NONCES_STREAMS_PER) {
        struct nonce *it = oldest(&n->used);
        if (it == NULL || it == but) {
            return;
        }
        drop(n, it);
    }
}

struct nonce_stream *nonce_stream_make(struct nonces *n, struct nonce *it, uint8_t id)
{
    struct nonce_stream *s = nonce_stream(it, id);
    if (s != NULL) {
        return s;
    }
    s = mem_try_realloc(it->streams, (it->n_streams + 1) * sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    it->streams = s;
    it->streams[it->n_streams] = (struct nonce_stream){.id = id};
    n->n_streams++;
    it->n_streams++;
    list_remove(&it->node);
    list_push_back(&n->used, &it->node);
    make_room(n, it);
    return &it->streams[it->n_streams - 1];
}

void nonce_use(struct nonces *n, struct nonce *it, int64_t now_ms)
{
    it->used_ms = now_ms > it->used_ms ? now_ms : it->used_ms;
    list_remove(&it->node);
    list_push_back(it->n_streams > 0 ? &n->used : &n->fresh, &it->node);
}

/* --- receipts --- */

/* A receipt whose nonce was never given out is told apart from a forged one, as the known verifier
 * does: there it only matters whether any seed's secret has signed it. */
static bool is_signed(const struct nonces *n, const struct nonce *it, const struct receipt *r)
{
    if (it != NULL) {
        return receipt_is_signed(r, &it->seed->key);
    }
    for (size_t i = 0; i < n->seeds->n; i++) {
        if (receipt_is_signed(r, &n->seeds->items[i].key)) {
            return true;
        }
    }
    return false;
}

enum receipt_verdict nonces_check(struct nonces *n, const struct receipt *r, int64_t now_ms,
                                  struct buf *journal, const char **ret_endpoint)
{
    struct nonce *it = nonces_find(n, r->nonce);
    if (!is_signed(n, it, r)) {
        return RECEIPT_HMAC;
    }
    if (it == NULL || nonce_is_over(n, it, now_ms) || r->total == 0) {
        return RECEIPT_EXPIRED;
    }
    nonce_use(n, it, now_ms);
    if (now_ms - it->kept_ms >= n->ttl_ms / NONCES_USE_KEPT_EVERY &&
        nonce_write_use(it, journal) == ERR_OK) {
        it->kept_ms = now_ms;
    }
    *ret_endpoint = it->endpoint;
    return RECEIPT_GOOD;
}

enum receipt_verdict nonces_take(struct nonces *n, const struct receipt *r, int64_t now_ms,
                                 struct buf *journal, uint64_t *ret_amount)
{
    struct nonce *it = nonces_find(n, r->nonce);
    struct nonce_stream *s = it != NULL ? nonce_stream_make(n, it, r->stream) : NULL;
    if (s == NULL || s->is_account || r->total <= s->total ||
        nonce_write_mark(it, r->stream, r->total, journal) != ERR_OK) {
        return RECEIPT_EXPIRED;
    }
    *ret_amount = r->total - s->total;
    s->total = r->total;
    s->is_counted = true;
    it->kept_ms = it->used_ms;
    return RECEIPT_GOOD;
}

void nonces_settle(struct nonces *n, const struct receipt *r, bool kept)
{
    struct nonce *it = nonces_find(n, r->nonce);
    struct nonce_stream *s = it != NULL ? nonce_stream(it, r->stream) : NULL;
    if (s == NULL) {
        return;
    }
    if (kept) {
        s->kept = r->total > s->kept ? r->total : s->kept;
    } else {
        s->total = s->kept;
        s->is_counted = s->kept > 0;
    }
}

enum receipt_verdict nonces_claim(struct nonces *n, const struct receipt *r, int64_t now_ms,
                                  struct buf *journal, bool *ret_known)
{
    struct nonce *it = nonces_find(n, r->nonce);
    struct nonce_stream *s = it != NULL ? nonce_stream_make(n, it, r->stream) : NULL;
    if (s == NULL || s->is_counted) {
        return RECEIPT_EXPIRED;
    }
    *ret_known = s->is_account && s->kept > 0;
    if (!*ret_known && nonce_write_claim(it, r->stream, journal) != ERR_OK) {
        return RECEIPT_EXPIRED;
    }
    s->is_account = true;
    return RECEIPT_GOOD;
}

void nonces_settle_claim(struct nonces *n, const struct receipt *r, bool kept)
{
    struct nonce *it = nonces_find(n, r->nonce);
    struct nonce_stream *s = it != NULL ? nonce_stream(it, r->stream) : NULL;
    if (s != NULL) {
        s->kept = kept ? 1 : s->kept;
        s->is_account = s->kept > 0;
    }
}

bool nonces_counted(struct nonces *n, const struct receipt *r)
{
    struct nonce *it = nonces_find(n, r->nonce);
    struct nonce_stream *s = it != NULL ? nonce_stream(it, r->stream) : NULL;
    if (s == NULL || r->total <= s->total) {
        return false;
    }
    s->total = r->total;
    return true;
}
