/* Which of a live stream's segments an account has paid for, and how much of each: media time is
 * paid for once, whichever rung, track or part of it is fetched, in however many tabs. Pure; one
 * thread, or its owner's lock. */
#ifndef BROADCASTER_PAYWALL_PAID_H
#define BROADCASTER_PAYWALL_PAID_H

#include <stdint.h>

/* Numbers that are known at once: twice as many as can be fetched of one rendition
 * (RENDITION_KEPT_MAX), as another one may lag behind it. */
#define PAID_SEGMENTS 256

struct paid {
    struct paid_segment {
        uint32_t round; /* one more than how often the numbers have gone around; 0: nothing */
        uint32_t until; /* ticks from the segment's start */
    } segments[PAID_SEGMENTS];
};

/* How many ticks are to be paid for segment msn to be paid until `until` ticks from its start; 0:
 * it is. PAID_SEGMENTS or more behind the newest that was paid nothing is known any more, and all
 * of it is to be paid. */
int64_t paid_due(const struct paid *p, uint64_t msn, int64_t until);

/* It is paid until there. Never forgets a newer number for an older one. */
void paid_note(struct paid *p, uint64_t msn, int64_t until);

#endif
