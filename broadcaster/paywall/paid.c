#include "broadcaster/paywall/paid.h"

static uint32_t round_of(uint64_t msn)
{
    return (uint32_t)(msn / PAID_SEGMENTS + 1);
}

int64_t paid_due(const struct paid *p, uint64_t msn, int64_t until)
{
    const struct paid_segment *s = &p->segments[msn % PAID_SEGMENTS];
    int64_t paid = s->round == round_of(msn) ? s->until : 0;
    return until > paid ? until - paid : 0;
}

void paid_note(struct paid *p, uint64_t msn, int64_t until)
{
    struct paid_segment *s = &p->segments[msn % PAID_SEGMENTS];
    uint32_t round = round_of(msn);
    uint32_t paid = until < 0 ? 0 : until < UINT32_MAX ? (uint32_t)until : UINT32_MAX;
    if (s->round < round || (s->round == round && s->until < paid)) {
        *s = (struct paid_segment){round, paid};
    }
}
