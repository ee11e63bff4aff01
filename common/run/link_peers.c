#include "base/mem.h"
#include "run/link_impl.h"

#define BUCKETS         1024
#define GENERATION_MASK ((1u << (32 - LINK_SLOT_BITS)) - 1)

struct link_peers {
    struct link_conn conns[LINK_SLOTS];
    int buckets[BUCKETS];
    size_t used; /* slots ever used: walks end there */
    size_t free_hint;
};

struct link_peers *link_peers_create(void)
{
    struct link_peers *ps = mem_alloc(sizeof *ps);
    for (size_t i = 0; i < BUCKETS; i++) {
        ps->buckets[i] = -1;
    }
    return ps;
}

void link_peers_destroy(struct link_peers *ps)
{
    mem_free(ps);
}

static size_t bucket_of(uint32_t routing_id)
{
    return routing_id % BUCKETS; /* ZeroMQ counts them up */
}

struct link_conn *link_peers_find(struct link_peers *ps, uint32_t routing_id)
{
    int i = ps->buckets[bucket_of(routing_id)];
    while (i >= 0 && ps->conns[i].routing_id != routing_id) {
        i = ps->conns[i].next;
    }
    return i >= 0 ? &ps->conns[i] : NULL;
}

struct link_conn *link_peers_number(struct link_peers *ps, link_peer number)
{
    struct link_conn *c = &ps->conns[number & (LINK_SLOTS - 1)];
    bool lives = c->state == CONN_LIVE || c->state == CONN_CLOSING;
    return lives && c->number == number ? c : NULL;
}

static size_t find_free(const struct link_peers *ps)
{
    for (size_t i = 0; i < LINK_SLOTS; i++) {
        size_t slot = (ps->free_hint + i) % LINK_SLOTS;
        if (ps->conns[slot].state == CONN_NONE) {
            return slot;
        }
    }
    return LINK_SLOTS;
}

struct link_conn *link_peers_add(struct link_peers *ps, uint32_t routing_id)
{
    size_t slot = find_free(ps);
    if (slot == LINK_SLOTS) {
        return NULL;
    }
    struct link_conn *c = &ps->conns[slot];
    uint32_t generation = (c->generation + 1) & GENERATION_MASK;
    generation += generation == 0; /* so that no number is 0 */
    *c = (struct link_conn){
        .state = CONN_LIVE,
        .number = generation << LINK_SLOT_BITS | (uint32_t)slot,
        .generation = generation,
        .routing_id = routing_id,
        .next = ps->buckets[bucket_of(routing_id)],
        .fd = -1,
    };
    ps->buckets[bucket_of(routing_id)] = (int)slot;
    ps->used = slot + 1 > ps->used ? slot + 1 : ps->used;
    ps->free_hint = slot + 1;
    return c;
}

void link_peers_remove(struct link_peers *ps, struct link_conn *c)
{
    int slot = (int)(c - ps->conns);
    int *at = &ps->buckets[bucket_of(c->routing_id)];
    while (*at != slot) {
        at = &ps->conns[*at].next;
    }
    *at = c->next;
    c->state = CONN_NONE;
    ps->free_hint = (size_t)slot < ps->free_hint ? (size_t)slot : ps->free_hint;
}

struct link_conn *link_peers_on_fd(struct link_peers *ps, int fd)
{
    for (size_t i = 0; i < ps->used; i++) {
        if (ps->conns[i].state != CONN_NONE && ps->conns[i].fd == fd) {
            return &ps->conns[i];
        }
    }
    return NULL;
}

struct link_conn *link_peers_next(struct link_peers *ps, size_t *slot)
{
    while (*slot < ps->used) {
        struct link_conn *c = &ps->conns[(*slot)++];
        if (c->state != CONN_NONE) {
            return c;
        }
    }
    return NULL;
}
