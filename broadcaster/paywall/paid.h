/* Which of a live stream's segments an account has paid for, and how much of each: media time is
 * paid for once, whichever rung, track or part of it is fetched. Pure; one thread, or its owner's
 * lock. */
#ifndef BROADCASTER_PAYWALL_PAID_H
#define BROADCASTER_PAYWALL_PAID_H

#include <stdint.h>

#define PAID_SEGMENTS 128 /* the newest numbers that are known: no playlist lists as many */

struct paid {
    struct paid_segment {
        uint64_t msn;
        int64_t until; /* ticks from the segment's start; 0: nothing of it */
    } segments[PAID_SEGMENTS];
};

/* How many ticks are to be paid for segment msn to be paid until `until` ticks from its start; 0:
 * it is. What gave its place to a newer segment is not known any more, and is paid anew. */
int64_t paid_due(const struct paid *p, uint64_t msn, int64_t until);

/* It is paid until there. */
void paid_note(struct paid *p, uint64_t msn, int64_t until);

#endif
