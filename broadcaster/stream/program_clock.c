#include "broadcaster/stream/program_clock.h"

#include "media/track.h"

#define US_PER_MS 1000

void program_clock_init(struct program_clock *c, int64_t offset_ms)
{
    *c = (struct program_clock){.offset_ms = offset_ms};
}

/* Ticks are 1/90000 s. */
static int64_t us_of(int64_t ticks)
{
    return ticks * US_PER_MS / TICKS_PER_MS;
}

int64_t program_clock_begin(struct program_clock *c, int64_t start, int64_t now_ms, bool anew)
{
    int64_t heard = (now_ms + c->offset_ms) * US_PER_MS;
    int64_t due = c->us + us_of(start - c->ticks);
    if (!c->started) {
        due = heard;
    } else if (anew) {
        due = heard > due ? heard : due;
    } else if (heard > due) {
        due += heard - due < PROGRAM_CLOCK_FOLLOW_US ? heard - due : PROGRAM_CLOCK_FOLLOW_US;
    } else {
        due -= due - heard < PROGRAM_CLOCK_BACK_US ? due - heard : PROGRAM_CLOCK_BACK_US;
    }
    c->started = true;
    c->ticks = start;
    c->us = due;
    return due / US_PER_MS;
}

int64_t program_clock_came(struct program_clock *c, int64_t ticks, int64_t now_ms)
{
    int64_t heard = (now_ms + c->offset_ms) * US_PER_MS - us_of(ticks - c->ticks);
    c->us = heard < c->us ? heard : c->us;
    return c->us / US_PER_MS;
}
