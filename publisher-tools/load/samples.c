#include "publisher-tools/load/samples.h"

#include <string.h>

void samples_init(struct samples *s, int64_t step_us)
{
    memset(s, 0, sizeof *s);
    s->step_us = step_us;
}

void samples_add(struct samples *s, int64_t us)
{
    us = us > 0 ? us : 0;
    int64_t step = us / s->step_us;
    s->counts[step < SAMPLES_STEPS ? step : SAMPLES_STEPS]++;
    s->n++;
    s->max_us = us > s->max_us ? us : s->max_us;
}

int64_t samples_permille(const struct samples *s, unsigned permille)
{
    uint64_t wanted = (s->n * permille + 999) / 1000;
    uint64_t seen = 0;
    for (int64_t i = 0; i < SAMPLES_STEPS && s->n > 0; i++) {
        seen += s->counts[i];
        if (seen >= wanted && seen > 0) {
            int64_t us = (i + 1) * s->step_us;
            return us < s->max_us ? us : s->max_us;
        }
    }
    return s->max_us;
}
