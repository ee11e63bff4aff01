/* What is believed of one transcoder by what was seen of it: how many pixels a second it makes, and
 * whether it is suspended for failing again and again. Pure (now_ms is any monotonic clock). */
#ifndef ORCHESTRATOR_STANDING_H
#define ORCHESTRATOR_STANDING_H

#include <stdbool.h>
#include <stdint.h>

#define STANDING_FAILURES_MAX   3 /* in a row; then it is suspended */
#define STANDING_SUSPEND_MS     1000
#define STANDING_SUSPEND_MAX_MS 60000
#define STANDING_LOSS_MS        30000 /* without a further loss; then they are forgotten */

/* After it was late it is the last choice for so long, twice as long each time that nothing was in
 * time since. */
#define STANDING_LATE_MS     2000
#define STANDING_LATE_NEW_MS 8000 /* when nothing ever was */
#define STANDING_LATE_MAX_MS 60000

#define STANDING_FULL_MS     20000
#define STANDING_FULL_MAX_MS 300000

#define STANDING_PACE_UNKNOWN UINT32_MAX /* of a job whose end tells nothing of the speed */

#define STANDING_STRETCH_MS   500 /* between two jobs beyond what it is believed to do */
#define STANDING_PAUSE_MAX_MS 60000

/* Times the announced speed that it may be believed to have after all. */
#define STANDING_SPEED_MAX 16

struct standing {
    uint64_t announced; /* luma samples of rungs a second; 0: it did not say */
    uint64_t speed;     /* as believed now; 0: not known, jobs alone count */
    bool was_slow;      /* speed is what was seen, no longer what was said */
    uint64_t late_load; /* the least that it was late with, and then some; 0: it never was */
    uint64_t full_load; /* so much is more than it can do, until full_until_ms; 0: not known */
    int64_t full_until_ms, full_pause_ms;
    bool is_limited; /* speed is what it made when it was full, or has grown from that */

    unsigned failures;  /* in a row */
    unsigned losses;    /* times that it went with work under way, each soon after the one before */
    int64_t lost_ms;    /* the last of them */
    int64_t suspend_ms; /* the last suspension's length; 0: none */
    int64_t suspended_until_ms;
    uint64_t suspensions;
    bool was_late;
    int64_t late_ms;       /* when it was late last */
    int64_t slowed_ms;     /* when it was thought to be slower because of that; 0: it never was */
    int64_t late_pause_ms; /* for how long it counts as late then; 0: it was in time since */
    bool was_in_time;      /* with any job */
    bool was_stretched;
    int64_t stretched_ms;     /* when it was given more than it is believed to do, last */
    int64_t stretch_pause_ms; /* after it was late, before that may be tried again */
};

/* It says how fast it is; saying the same again changes nothing, nor does saying more once it was
 * seen to be slow, nor anything while it is limited. */
void standing_announce(struct standing *s, uint64_t speed);

/* A job of it ended as it should; load: the pixels a second that it had to make meanwhile.
 * permille: its pace, 1000 being as fast as real time asks; or STANDING_PACE_UNKNOWN. */
void standing_done(struct standing *s, uint64_t load, uint32_t permille);

/* It owes a part of a job for too long; load as above. It is thought to do half of it; 0: in all it
 * makes what is asked of it, so that it is late with that job only. */
void standing_late(struct standing *s, uint64_t load, int64_t now_ms);

/* It stays behind with so much: it makes no more than `made` pixels a second. That is believed at
 * once, and that so much is too much for STANDING_FULL_MS, twice as long each time that it is so
 * again soon after. */
void standing_behind(struct standing *s, uint64_t load, uint64_t made, int64_t now_ms);

/* That is so, or was for as long after it: then it is tried with all there is, and of one that
 * did not say its speed that is not known again. Time passes. */
bool standing_is_limited(struct standing *s, int64_t now_ms);

/* It is late all the same: it still owes that part, or it does not answer. */
void standing_still_late(struct standing *s, int64_t now_ms);

/* It has made all that it had: it is late with nothing any more. */
void standing_caught_up(struct standing *s);

/* May it be given more than it is believed to do? Only doing tells how fast it is. Not while it is
 * late or was lately, longer each time that this made it late, and not much at once. */
bool standing_may_stretch(const struct standing *s, int64_t now_ms);
void standing_stretched(struct standing *s, int64_t now_ms); /* it was */

/* Lately it was seen to be late with what it has: it is full, whatever it says. */
bool standing_is_full(const struct standing *s, int64_t now_ms);

/* A job failed by its fault. True: it is suspended from now on. */
bool standing_failed(struct standing *s, int64_t now_ms);

/* It went with jobs under way, as it crashed or its connection broke. Jobs that it does in between
 * do not excuse it. True: it is suspended from now on, for when it is back. */
bool standing_lost(struct standing *s, int64_t now_ms);

/* It has come back: takes up what it was charged with before. */
void standing_inherit(struct standing *s, const struct standing *before);

/* The most pixels a second that it may be given when it has nothing else to do: UINT64_MAX unless
 * it was seen to be slow, for what it says may be wrong; else half as much again as it is believed
 * to do. */
uint64_t standing_most(const struct standing *s);
bool standing_may_try(const struct standing *s, uint64_t rate);

bool standing_is_suspended(const struct standing *s, int64_t now_ms);
bool standing_is_overloaded(const struct standing *s, int64_t now_ms);

#endif
