#include "orchestrator/standing.h"

/* The believed speed moves to what was seen by a quarter, and grows by a sixteenth for each job
 * that was in time, past what was said only while it is in use. */
#define SEEN_DIVISOR   4
#define GROW_DIVISOR   16
#define REGROW_DIVISOR 8 /* up to what it stayed behind with */

/* Past what was said it also stays so far below what it was late with, which is forgotten bit by
 * bit with each job that was in time. */
#define BELOW_DIVISOR  16
#define FORGET_DIVISOR 1024

/* Of what it stays behind with it is believed to make such a part at least. */
#define BEHIND_DIVISOR 4

/* For so many times as long as it was full that is not forgotten. */
#define FULL_MEMORY 4

void standing_announce(struct standing *s, uint64_t speed)
{
    if (speed == s->announced) {
        return;
    }
    bool was_told = s->announced > 0 && speed > 0;
    s->announced = speed;
    if (s->is_limited && was_told) {
        return; /* it makes little else than small rungs now, which cost more than their pixels */
    }
    if (!was_told || !s->was_slow || speed <= s->speed) {
        s->speed = speed;
        s->was_slow = false;
    }
}

static void see(struct standing *s, uint64_t load, uint64_t seen)
{
    uint64_t now = s->speed > 0 ? s->speed : load;
    if (seen < now) {
        s->speed = now - (now - seen) / SEEN_DIVISOR;
        s->was_slow = true;
    }
}

static bool is_near(uint64_t load, uint64_t limit)
{
    return limit > 0 && load >= limit - limit / BELOW_DIVISOR;
}

static void forget_lateness(struct standing *s, uint64_t load)
{
    if (s->late_load == 0 || s->late_load > UINT64_MAX / 2 || load > UINT64_MAX / 2) {
        s->late_load = 0;
        return;
    }
    s->late_load += s->late_load / FORGET_DIVISOR;
    uint64_t more = load + load / (BELOW_DIVISOR / 2); /* what it has just done it may go on with */
    s->late_load = s->late_load > more ? s->late_load : more;
}

static void grow(struct standing *s, uint64_t load)
{
    uint64_t most = s->announced == 0 || s->announced > UINT64_MAX / STANDING_SPEED_MAX
                        ? UINT64_MAX
                        : s->announced * STANDING_SPEED_MAX;
    bool below = s->speed < s->announced || s->announced == 0;
    uint64_t grow_divisor = s->is_limited ? REGROW_DIVISOR : GROW_DIVISOR;
    bool in_use = load >= s->speed / 4 * 3;
    if (s->speed == 0 || (!in_use && !below && !s->is_limited)) {
        return;
    }
    if (load > s->speed) {
        /* It has done so much in time. */
        s->stretch_pause_ms = 0;
        s->was_stretched = false;
    }
    uint64_t step = load > s->speed ? load - s->speed : s->speed / grow_divisor + 1;
    uint64_t next = s->speed < most - step ? s->speed + step : most;
    uint64_t limit = below || s->is_limited ? s->full_load : s->late_load;
    if (is_near(next, limit)) {
        return;
    }
    s->speed = next;
    s->was_slow = s->was_slow && (s->announced == 0 || s->speed < s->announced);
}

void standing_done(struct standing *s, uint64_t load, uint32_t permille)
{
    s->failures = 0;
    s->suspend_ms = s->suspend_ms / 2 >= STANDING_SUSPEND_MS ? s->suspend_ms / 2 : 0;
    if (permille == STANDING_PACE_UNKNOWN) {
        return;
    }
    if (permille >= 1000) {
        forget_lateness(s, load);
        grow(s, load);
        s->late_pause_ms = 0;
        s->was_in_time = true;
    } else {
        see(s, load, load / 1000 * permille);
    }
}

static void begin_pause(struct standing *s)
{
    int64_t pause_ms = s->late_pause_ms * 2;
    if (s->late_pause_ms == 0) {
        pause_ms = s->was_in_time ? STANDING_LATE_MS : STANDING_LATE_NEW_MS;
    }
    s->late_pause_ms = pause_ms < STANDING_LATE_MAX_MS ? pause_ms : STANDING_LATE_MAX_MS;
}

void standing_late(struct standing *s, uint64_t load, int64_t now_ms)
{
    if (s->was_stretched && now_ms - s->stretched_ms < STANDING_PAUSE_MAX_MS) {
        int64_t pause_ms = s->stretch_pause_ms > 0 ? s->stretch_pause_ms : STANDING_LATE_MS;
        s->stretch_pause_ms =
            pause_ms < STANDING_PAUSE_MAX_MS / 2 ? pause_ms * 2 : STANDING_PAUSE_MAX_MS;
        s->was_stretched = false;
    }
    if (!standing_is_overloaded(s, now_ms)) {
        begin_pause(s);
    }
    standing_still_late(s, now_ms);
    if (load == 0) {
        return;
    }
    s->late_load = s->late_load == 0 || load < s->late_load ? load : s->late_load;
    if (s->slowed_ms == 0 || now_ms - s->slowed_ms >= STANDING_LATE_MS) {
        s->slowed_ms = now_ms; /* jobs that are late together tell the same */
        see(s, load, load / 2);
    }
}

void standing_behind(struct standing *s, uint64_t load, uint64_t made, int64_t now_ms)
{
    uint64_t below = load - load / BELOW_DIVISOR;
    uint64_t least = load / BEHIND_DIVISOR;
    uint64_t seen = made < below ? made : below;
    s->speed = seen > least ? seen : least;
    s->was_slow = true;
    s->slowed_ms = now_ms;
    (void)standing_is_limited(s, now_ms);
    if (s->full_load == 0) {
        int64_t pause_ms = s->full_pause_ms > 0 ? s->full_pause_ms * 2 : STANDING_FULL_MS;
        s->full_pause_ms = pause_ms < STANDING_FULL_MAX_MS ? pause_ms : STANDING_FULL_MAX_MS;
    }
    s->full_load = s->full_load == 0 || load < s->full_load ? load : s->full_load;
    s->full_until_ms = now_ms + s->full_pause_ms;
    s->is_limited = true;
    standing_still_late(s, now_ms);
}

bool standing_is_limited(struct standing *s, int64_t now_ms)
{
    if (now_ms >= s->full_until_ms) {
        s->full_load = 0;
    }
    if (now_ms - s->full_until_ms >= s->full_pause_ms * FULL_MEMORY) {
        s->full_pause_ms = 0;
    }
    bool was_limited = s->is_limited;
    s->is_limited = now_ms - s->full_until_ms < s->full_pause_ms;
    if (was_limited && !s->is_limited && s->announced == 0) {
        s->speed = 0;
        s->was_slow = false;
    }
    return s->is_limited;
}

void standing_still_late(struct standing *s, int64_t now_ms)
{
    s->was_late = true;
    s->late_ms = now_ms;
}

void standing_caught_up(struct standing *s)
{
    s->was_late = false;
}

bool standing_is_full(const struct standing *s, int64_t now_ms)
{
    int64_t pause_ms =
        s->stretch_pause_ms > STANDING_LATE_MS ? s->stretch_pause_ms : STANDING_LATE_MS;
    pause_ms = s->late_pause_ms > pause_ms ? s->late_pause_ms : pause_ms;
    return s->was_late && now_ms - s->late_ms < pause_ms;
}

bool standing_may_stretch(const struct standing *s, int64_t now_ms)
{
    return !standing_is_full(s, now_ms) &&
           (!s->was_stretched || now_ms - s->stretched_ms >= STANDING_STRETCH_MS);
}

void standing_stretched(struct standing *s, int64_t now_ms)
{
    s->was_stretched = true;
    s->stretched_ms = now_ms;
}

uint64_t standing_most(const struct standing *s)
{
    return s->was_slow && s->speed < UINT64_MAX / 2 ? s->speed + s->speed / 2 : UINT64_MAX;
}

bool standing_may_try(const struct standing *s, uint64_t rate)
{
    return rate <= standing_most(s);
}

bool standing_failed(struct standing *s, int64_t now_ms)
{
    s->failures++;
    if (s->failures < STANDING_FAILURES_MAX || standing_is_suspended(s, now_ms)) {
        return false;
    }
    s->suspend_ms = s->suspend_ms == 0 ? STANDING_SUSPEND_MS : s->suspend_ms * 2;
    if (s->suspend_ms > STANDING_SUSPEND_MAX_MS) {
        s->suspend_ms = STANDING_SUSPEND_MAX_MS;
    }
    s->suspended_until_ms = now_ms + s->suspend_ms;
    s->suspensions++;
    return true;
}

bool standing_lost(struct standing *s, int64_t now_ms)
{
    int64_t since_ms = s->suspended_until_ms > s->lost_ms ? s->suspended_until_ms : s->lost_ms;
    if (s->losses > 0 && now_ms - since_ms > STANDING_LOSS_MS) {
        s->losses = 0;
    }
    s->losses++;
    s->lost_ms = now_ms;
    if (s->losses < STANDING_FAILURES_MAX) {
        return false;
    }
    int64_t ms = STANDING_SUSPEND_MS;
    for (unsigned n = STANDING_FAILURES_MAX; n < s->losses && ms < STANDING_SUSPEND_MAX_MS; n++) {
        ms *= 2;
    }
    s->suspend_ms = ms < STANDING_SUSPEND_MAX_MS ? ms : STANDING_SUSPEND_MAX_MS;
    s->suspended_until_ms = now_ms + s->suspend_ms;
    s->suspensions++;
    return true;
}

void standing_inherit(struct standing *s, const struct standing *before)
{
    s->failures = before->failures;
    s->losses = before->losses;
    s->lost_ms = before->lost_ms;
    s->suspend_ms = before->suspend_ms;
    s->suspended_until_ms = before->suspended_until_ms;
    s->suspensions = before->suspensions;
}

bool standing_is_suspended(const struct standing *s, int64_t now_ms)
{
    return s->suspensions > 0 && now_ms < s->suspended_until_ms;
}

bool standing_is_overloaded(const struct standing *s, int64_t now_ms)
{
    int64_t pause_ms = s->late_pause_ms > 0 ? s->late_pause_ms : STANDING_LATE_MS;
    return s->was_late && now_ms - s->late_ms < pause_ms;
}
