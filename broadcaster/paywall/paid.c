#include "broadcaster/paywall/paid.h"

int64_t paid_due(const struct paid *p, uint64_t msn, int64_t until)
{
    const struct paid_segment *s = &p->segments[msn % PAID_SEGMENTS];
    int64_t paid = s->msn == msn ? s->until : 0;
    return until > paid ? until - paid : 0;
}

void paid_note(struct paid *p, uint64_t msn, int64_t until)
{
    struct paid_segment *s = &p->segments[msn % PAID_SEGMENTS];
    if (s->msn != msn || s->until < until) {
        *s = (struct paid_segment){msn, until};
    }
}
