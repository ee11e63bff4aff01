#include "broadcaster/stream/interest.h"

#include <stdint.h>

#include "base/clock.h"
#include "base/mem.h"

struct interest {
    unsigned refs;    /* atomic */
    int64_t until_ms; /* atomic; monotonic */
};

struct interest *interest_create(void)
{
    struct interest *i = mem_alloc(sizeof *i);
    i->refs = 1;
    interest_show(i);
    return i;
}

struct interest *interest_ref(struct interest *i)
{
    __atomic_fetch_add(&i->refs, 1, __ATOMIC_RELAXED);
    return i;
}

void interest_unref(struct interest *i)
{
    if (i != NULL && __atomic_fetch_sub(&i->refs, 1, __ATOMIC_ACQ_REL) == 1) {
        mem_free(i);
    }
}

void interest_show(struct interest *i)
{
    __atomic_store_n(&i->until_ms, clock_mono_ms() + INTEREST_MS, __ATOMIC_RELAXED);
}

bool interest_there(const struct interest *i)
{
    return clock_mono_ms() < __atomic_load_n(&i->until_ms, __ATOMIC_RELAXED);
}
