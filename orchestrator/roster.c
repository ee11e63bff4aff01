#include "orchestrator/roster.h"

#include <assert.h>

#include "base/mem.h"
#include "orchestrator/words.h"

void roster_init(struct roster *r)
{
    *r = (struct roster){0};
    departed_init(&r->departed);
    list_init(&r->transcoders);
    list_init(&r->broadcasters);
    for (size_t i = 0; i < ROSTER_BUCKETS; i++) {
        list_init(&r->transcoder_buckets[i]);
        list_init(&r->broadcaster_buckets[i]);
    }
}

/* Peers are numbered as they come. */
static size_t bucket_of(link_peer peer)
{
    return peer & (ROSTER_BUCKETS - 1);
}

void roster_fini(struct roster *r)
{
    LIST_EACH (&r->transcoders, it, tmp) {
        roster_leave_transcoder(r, LIST_ITEM(it, struct transcoder, node));
    }
    LIST_EACH (&r->broadcasters, it, tmp) {
        roster_leave_broadcaster(r, LIST_ITEM(it, struct broadcaster, node));
    }
    departed_fini(&r->departed);
}

enum err roster_join_transcoder(struct roster *r, link_peer peer, const char *address,
                                const struct link_hello *hello, int64_t now_ms,
                                struct transcoder **ret_t)
{
    struct transcoder *t = roster_transcoder(r, peer);
    if (t == NULL) {
        if (r->n_transcoders >= ROSTER_PEERS_MAX) {
            return ERR_LIMIT;
        }
        t = mem_alloc(sizeof *t);
        t->peer = peer;
        t->since_ms = now_ms;
        t->used_ms = now_ms;
        departed_take(&r->departed, address, hello->name, &t->standing);
        list_init(&t->jobs);
        list_push_back(&r->transcoders, &t->node);
        list_push_back(&r->transcoder_buckets[bucket_of(peer)], &t->by_peer);
        r->n_transcoders++;
    }
    words_copy(t->name, sizeof t->name, hello->name);
    words_copy(t->software, sizeof t->software, hello->software);
    words_copy(t->address, sizeof t->address, address);
    words_copy(t->encoder, sizeof t->encoder, hello->encoder);
    t->capacity =
        hello->capacity < ROSTER_CAPACITY_MAX ? hello->capacity : (uint32_t)ROSTER_CAPACITY_MAX;
    t->draining = hello->draining;
    standing_announce(&t->standing, hello->speed);
    *ret_t = t;
    return ERR_OK;
}

enum err roster_join_broadcaster(struct roster *r, link_peer peer, const char *address,
                                 const struct link_hello *hello, int64_t now_ms,
                                 struct broadcaster **ret_b)
{
    struct broadcaster *b = roster_broadcaster(r, peer);
    if (b == NULL) {
        if (r->n_broadcasters >= ROSTER_PEERS_MAX) {
            return ERR_LIMIT;
        }
        b = mem_alloc(sizeof *b);
        b->peer = peer;
        b->since_ms = now_ms;
        list_init(&b->jobs);
        list_push_back(&r->broadcasters, &b->node);
        list_push_back(&r->broadcaster_buckets[bucket_of(peer)], &b->by_peer);
        r->n_broadcasters++;
    }
    words_copy(b->name, sizeof b->name, hello->name);
    words_copy(b->software, sizeof b->software, hello->software);
    words_copy(b->address, sizeof b->address, address);
    *ret_b = b;
    return ERR_OK;
}

struct transcoder *roster_transcoder(const struct roster *r, link_peer peer)
{
    LIST_EACH (&r->transcoder_buckets[bucket_of(peer)], it, tmp) {
        struct transcoder *t = LIST_ITEM(it, struct transcoder, by_peer);
        if (t->peer == peer) {
            return t;
        }
    }
    return NULL;
}

struct broadcaster *roster_broadcaster(const struct roster *r, link_peer peer)
{
    LIST_EACH (&r->broadcaster_buckets[bucket_of(peer)], it, tmp) {
        struct broadcaster *b = LIST_ITEM(it, struct broadcaster, by_peer);
        if (b->peer == peer) {
            return b;
        }
    }
    return NULL;
}

void roster_leave_transcoder(struct roster *r, struct transcoder *t)
{
    assert(list_empty(&t->jobs) && t->load == 0);
    departed_add(&r->departed, t->address, t->name, &t->standing);
    list_remove(&t->node);
    list_remove(&t->by_peer);
    r->n_transcoders--;
    mem_free(t);
}

void roster_leave_broadcaster(struct roster *r, struct broadcaster *b)
{
    assert(list_empty(&b->jobs) && b->open_jobs == 0 && b->held_bytes == 0);
    list_remove(&b->node);
    list_remove(&b->by_peer);
    r->n_broadcasters--;
    mem_free(b);
}

uint32_t transcoder_room(const struct transcoder *t)
{
    return t->draining || t->load >= t->capacity ? 0 : t->capacity - t->load;
}

uint64_t transcoder_spare(const struct transcoder *t)
{
    uint64_t speed = t->standing.speed;
    if (speed == 0) {
        return UINT64_MAX;
    }
    return speed > t->rate ? speed - t->rate : 0;
}

uint64_t roster_capacity(const struct roster *r)
{
    uint64_t sum = 0;
    LIST_EACH (&r->transcoders, it, tmp) {
        sum += LIST_ITEM(it, struct transcoder, node)->capacity;
    }
    return sum;
}

uint64_t roster_load(const struct roster *r)
{
    uint64_t sum = 0;
    LIST_EACH (&r->transcoders, it, tmp) {
        sum += LIST_ITEM(it, struct transcoder, node)->load;
    }
    return sum;
}
