#include "orchestrator/ledger/ledger_cache.h"

#include <string.h>

#include "base/mem.h"

#define BUCKETS 16384 /* a power of two */

struct item {
    struct ledger_account account;
    struct item *next_name, *next_id, *next_touched;
    uint32_t hash;
    bool touched;
};

struct ledger_cache {
    struct item *by_name[BUCKETS], *by_id[BUCKETS];
    struct item *touched;
    size_t n;
};

/* FNV-1a. Names are few and signed or configured: nobody gains by choosing them to collide. */
static uint32_t hash_of(const char *name)
{
    uint32_t h = 2166136261U;
    for (; *name != '\0'; name++) {
        h = (h ^ (unsigned char)*name) * 16777619U;
    }
    return h;
}

struct ledger_cache *ledger_cache_create(void)
{
    return mem_alloc(sizeof(struct ledger_cache));
}

void ledger_cache_destroy(struct ledger_cache *c)
{
    if (c != NULL) {
        ledger_cache_clear(c);
        mem_free(c);
    }
}

struct ledger_account *ledger_cache_named(struct ledger_cache *c, const char *name)
{
    uint32_t h = hash_of(name);
    struct item *i = c->by_name[h % BUCKETS];
    while (i != NULL && (i->hash != h || strcmp(i->account.name, name) != 0)) {
        i = i->next_name;
    }
    return i != NULL ? &i->account : NULL;
}

struct ledger_account *ledger_cache_at(struct ledger_cache *c, int64_t id)
{
    struct item *i = c->by_id[(uint64_t)id % BUCKETS];
    while (i != NULL && i->account.id != id) {
        i = i->next_id;
    }
    return i != NULL ? &i->account : NULL;
}

struct ledger_account *ledger_cache_add(struct ledger_cache *c, const struct ledger_account *a)
{
    struct item *i = mem_alloc(sizeof *i);
    i->account = *a;
    i->hash = hash_of(a->name);
    struct item **name = &c->by_name[i->hash % BUCKETS];
    struct item **id = &c->by_id[(uint64_t)a->id % BUCKETS];
    i->next_name = *name;
    i->next_id = *id;
    *name = i;
    *id = i;
    c->n++;
    return &i->account;
}

void ledger_cache_touch(struct ledger_cache *c, struct ledger_account *a)
{
    struct item *i = (struct item *)a; /* its first member */
    if (!i->touched) {
        i->touched = true;
        i->next_touched = c->touched;
        c->touched = i;
    }
}

struct ledger_account *ledger_cache_take_touched(struct ledger_cache *c)
{
    struct item *i = c->touched;
    if (i == NULL) {
        return NULL;
    }
    c->touched = i->next_touched;
    i->touched = false;
    return &i->account;
}

size_t ledger_cache_count(const struct ledger_cache *c)
{
    return c->n;
}

void ledger_cache_clear(struct ledger_cache *c)
{
    for (size_t b = 0; c->n > 0 && b < BUCKETS; b++) {
        struct item *next;
        for (struct item *i = c->by_name[b]; i != NULL; i = next) {
            next = i->next_name;
            mem_free(i);
        }
    }
    memset(c, 0, sizeof *c);
}
