#include "orchestrator/payments/interests.h"

#include <stdint.h>

#include "base/mem.h"
#include "base/recents.h"

struct interests {
    struct recents *accounts;
};

struct interests *interests_create(void)
{
    struct interests *i = mem_alloc(sizeof *i);
    i->accounts = recents_create(INTERESTS_MAX);
    return i;
}

void interests_destroy(struct interests *i)
{
    recents_destroy(i->accounts);
    mem_free(i);
}

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const char *account)
{
    uint64_t hash = 14695981039346656037U;
    for (; *account != '\0'; account++) {
        hash = (hash ^ (uint8_t)*account) * 1099511628211U;
    }
    return hash;
}

void interests_note(struct interests *i, const char *account)
{
    recents_note(i->accounts, hash_of(account));
}

bool interests_has(const struct interests *i, const char *account)
{
    return recents_has(i->accounts, hash_of(account));
}
