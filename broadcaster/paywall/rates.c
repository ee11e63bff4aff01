#include "broadcaster/paywall/rates.h"

#include <stddef.h>

#include "base/mem.h"

#define WAYS      8
#define SETS      (RATES_ENTRIES / WAYS)
#define MINUTE_MS 60000

struct bucket {
    uint64_t address;
    int64_t at_ms;
    uint64_t level; /* of per_minute * MINUTE_MS */
    bool used;
};

struct rates {
    uint32_t per_minute;
    struct bucket *buckets;
};

struct rates *rates_create(uint32_t per_minute)
{
    struct rates *r = mem_alloc(sizeof *r);
    r->per_minute = per_minute;
    r->buckets = mem_alloc(RATES_ENTRIES * sizeof r->buckets[0]);
    return r;
}

void rates_destroy(struct rates *r)
{
    if (r != NULL) {
        mem_free(r->buckets);
        mem_free(r);
    }
}

static struct bucket *bucket_of(struct rates *r, uint64_t address, int64_t now_ms)
{
    struct bucket *set = &r->buckets[address % SETS * WAYS], *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].used && set[i].address == address) {
            return &set[i];
        }
        if (!set[i].used || (oldest->used && set[i].at_ms < oldest->at_ms)) {
            oldest = &set[i];
        }
    }
    *oldest = (struct bucket){address, now_ms, (uint64_t)r->per_minute * MINUTE_MS, true};
    return oldest;
}

bool rates_take(struct rates *r, uint64_t address, int64_t now_ms)
{
    if (r->per_minute == 0) {
        return true;
    }
    struct bucket *b = bucket_of(r, address, now_ms);
    uint64_t full = (uint64_t)r->per_minute * MINUTE_MS;
    uint64_t passed = (uint64_t)(now_ms - b->at_ms);
    uint64_t more = (passed < MINUTE_MS ? passed : MINUTE_MS) * r->per_minute;
    b->level = b->level + more < full ? b->level + more : full;
    b->at_ms = now_ms;
    if (b->level < MINUTE_MS) {
        return false;
    }
    b->level -= MINUTE_MS;
    return true;
}
