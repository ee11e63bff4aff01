#include "broadcaster/stream/pace.h"

#define ONE 1000

void pace_init(struct pace *p, int64_t now_ms)
{
    *p = (struct pace){.level = PACE_BURST * ONE, .at_ms = now_ms};
}

static int64_t level_at(const struct pace *p, int64_t now_ms)
{
    int64_t passed = now_ms > p->at_ms ? now_ms - p->at_ms : 0;
    int64_t missing = PACE_BURST * ONE - p->level;
    return p->level + (passed < missing / PACE_PER_S ? passed * PACE_PER_S : missing);
}

bool pace_may(const struct pace *p, int64_t now_ms)
{
    return level_at(p, now_ms) - ONE >= -PACE_DEBT_MAX * ONE;
}

bool pace_take(struct pace *p, int64_t now_ms)
{
    p->level = level_at(p, now_ms);
    p->at_ms = now_ms;
    bool may = p->level - ONE >= -PACE_DEBT_MAX * ONE;
    p->level -= may ? ONE : 0;
    return may;
}

int64_t pace_wait_ms(const struct pace *p)
{
    return p->level < 0 ? -p->level / PACE_PER_S : 0;
}
