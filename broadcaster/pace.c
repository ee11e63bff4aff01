#include "broadcaster/pace.h"

#define ONE 1000

void pace_init(struct pace *p, int64_t now_ms)
{
    *p = (struct pace){.level = PACE_BURST * ONE, .at_ms = now_ms};
}

bool pace_take(struct pace *p, int64_t now_ms)
{
    int64_t passed = now_ms > p->at_ms ? now_ms - p->at_ms : 0;
    int64_t missing = PACE_BURST * ONE - p->level;
    p->level += passed < missing / PACE_PER_S ? passed * PACE_PER_S : missing;
    p->level -= ONE;
    p->at_ms = now_ms;
    return p->level >= -PACE_DEBT_MAX * ONE;
}

int64_t pace_wait_ms(const struct pace *p)
{
    return p->level < 0 ? -p->level / PACE_PER_S : 0;
}
