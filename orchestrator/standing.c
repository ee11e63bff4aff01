#include "orchestrator/standing.h"

/* The believed speed moves to what was seen by a quarter, and grows by a sixteenth for each job
 * that was in time, past what was said only while it is in use. */
#define SEEN_DIVISOR 4
#define GROW_DIVISOR 16

void standing_announce(struct standing *s, uint64_t speed)
{
    if (speed != s->announced) {
        s->announced = speed;
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

static void grow(struct standing *s, uint64_t load)
{
    uint64_t most = s->announced == 0 || s->announced > UINT64_MAX / STANDING_SPEED_MAX
                        ? UINT64_MAX
                        : s->announced * STANDING_SPEED_MAX;
    bool below = s->speed < s->announced || s->announced == 0;
    bool in_use = load >= s->speed / 4 * 3;
    if (s->speed == 0 || (!below && !in_use)) {
        return;
    }
    if (load > s->speed) {
        /* It has done so much in time. */
        s->stretch_pause_ms = 0;
        s->was_stretched = false;
    }
    uint64_t step = load > s->speed ? load - s->speed : s->speed / GROW_DIVISOR + 1;
    s->speed = s->speed < most - step ? s->speed + step : most;
    s->was_slow = s->was_slow && (s->announced == 0 || s->speed < s->announced);
}

void standing_done(struct standing *s, uint64_t load, uint32_t permille)
{
    s->failures = 0;
    s->suspend_ms = s->suspend_ms / 2 >= STANDING_SUSPEND_MS ? s->suspend_ms / 2 : 0;
    if (permille >= 1000) {
        grow(s, load);
    } else {
        see(s, load, load / 1000 * permille);
    }
}

void standing_late(struct standing *s, uint64_t load, int64_t now_ms)
{
    if (s->was_stretched && now_ms - s->stretched_ms < STANDING_PAUSE_MAX_MS) {
        int64_t pause_ms = s->stretch_pause_ms > 0 ? s->stretch_pause_ms : STANDING_LATE_MS;
        s->stretch_pause_ms =
            pause_ms < STANDING_PAUSE_MAX_MS / 2 ? pause_ms * 2 : STANDING_PAUSE_MAX_MS;
        s->was_stretched = false;
    }
    standing_still_late(s, now_ms);
    see(s, load, load / 2);
}

void standing_still_late(struct standing *s, int64_t now_ms)
{
    s->was_late = true;
    s->late_ms = now_ms;
}

bool standing_is_full(const struct standing *s, int64_t now_ms)
{
    int64_t pause_ms =
        s->stretch_pause_ms > STANDING_LATE_MS ? s->stretch_pause_ms : STANDING_LATE_MS;
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

bool standing_is_suspended(const struct standing *s, int64_t now_ms)
{
    return s->suspensions > 0 && now_ms < s->suspended_until_ms;
}

bool standing_is_overloaded(const struct standing *s, int64_t now_ms)
{
    return s->was_late && now_ms - s->late_ms < STANDING_LATE_MS;
}
