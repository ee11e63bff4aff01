#include "base/recents.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

/* Of each set the newest stands first; 0: free. */
struct recents {
    size_t n_sets;
    uint64_t sets[][RECENTS_WAYS];
};

struct recents *recents_create(size_t entries)
{
    assert(entries > 0 && entries % RECENTS_WAYS == 0);
    struct recents *r = mem_alloc(sizeof *r + entries * sizeof r->sets[0][0]);
    r->n_sets = entries / RECENTS_WAYS;
    return r;
}

void recents_destroy(struct recents *r)
{
    mem_free(r);
}

static uint64_t not_free(uint64_t hash)
{
    return hash != 0 ? hash : 1;
}

/* RECENTS_WAYS: it is not there. */
static size_t find(const uint64_t set[RECENTS_WAYS], uint64_t hash)
{
    size_t i = 0;
    while (i < RECENTS_WAYS && set[i] != hash) {
        i++;
    }
    return i;
}

void recents_note(struct recents *r, uint64_t hash)
{
    hash = not_free(hash);
    uint64_t *set = r->sets[hash % r->n_sets];
    size_t at = find(set, hash);
    memmove(set + 1, set, (at < RECENTS_WAYS ? at : RECENTS_WAYS - 1) * sizeof set[0]);
    set[0] = hash;
}

void recents_forget(struct recents *r, uint64_t hash)
{
    hash = not_free(hash);
    uint64_t *set = r->sets[hash % r->n_sets];
    size_t at = find(set, hash);
    if (at < RECENTS_WAYS) {
        memmove(set + at, set + at + 1, (RECENTS_WAYS - at - 1) * sizeof set[0]);
        set[RECENTS_WAYS - 1] = 0;
    }
}

bool recents_has(const struct recents *r, uint64_t hash)
{
    hash = not_free(hash);
    return find(r->sets[hash % r->n_sets], hash) < RECENTS_WAYS;
}
