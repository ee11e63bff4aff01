#include "orchestrator/payments/interests.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#define WAYS 8 /* places that a hash may stand in */
#define SETS (INTERESTS_MAX / WAYS)

/* Of each set the newest stands first; 0: free. */
struct interests {
    uint64_t sets[SETS][WAYS];
};

struct interests *interests_create(void)
{
    return mem_alloc(sizeof(struct interests));
}

void interests_destroy(struct interests *i)
{
    mem_free(i);
}

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const char *account)
{
    uint64_t hash = 14695981039346656037U;
    for (; *account != '\0'; account++) {
        hash = (hash ^ (uint8_t)*account) * 1099511628211U;
    }
    return hash != 0 ? hash : 1;
}

/* WAYS: it is not there. */
static size_t find(const uint64_t set[WAYS], uint64_t hash)
{
    size_t at = 0;
    while (at < WAYS && set[at] != hash) {
        at++;
    }
    return at;
}

void interests_note(struct interests *i, const char *account)
{
    uint64_t hash = hash_of(account), *set = i->sets[hash % SETS];
    size_t at = find(set, hash);
    memmove(set + 1, set, (at < WAYS ? at : WAYS - 1) * sizeof set[0]);
    set[0] = hash;
}

bool interests_has(const struct interests *i, const char *account)
{
    uint64_t hash = hash_of(account);
    return find(i->sets[hash % SETS], hash) < WAYS;
}
