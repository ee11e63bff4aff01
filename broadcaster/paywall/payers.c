#include "broadcaster/paywall/payers.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"

#define WAYS 8 /* entries that a hash may stand in */
#define SETS (PAYERS_ENTRIES / WAYS)

/* Of each set the newest stands first; 0: free. */
struct payers {
    uint64_t sets[SETS][WAYS];
};

struct payers *payers_create(void)
{
    return mem_alloc(sizeof(struct payers));
}

void payers_destroy(struct payers *p)
{
    mem_free(p);
}

static uint64_t not_free(uint64_t hash)
{
    return hash != 0 ? hash : 1;
}

/* WAYS: it is not there. */
static size_t find(const uint64_t set[WAYS], uint64_t hash)
{
    size_t i = 0;
    while (i < WAYS && set[i] != hash) {
        i++;
    }
    return i;
}

void payers_note(struct payers *p, uint64_t account, bool has_money)
{
    uint64_t hash = not_free(account);
    uint64_t *set = p->sets[hash % SETS];
    size_t at = find(set, hash);
    if (has_money) {
        memmove(set + 1, set, (at < WAYS ? at : WAYS - 1) * sizeof set[0]);
        set[0] = hash;
    } else if (at < WAYS) {
        memmove(set + at, set + at + 1, (WAYS - at - 1) * sizeof set[0]);
        set[WAYS - 1] = 0;
    }
}

bool payers_has(const struct payers *p, uint64_t account)
{
    uint64_t hash = not_free(account);
    return find(p->sets[hash % SETS], hash) < WAYS;
}
