/* What a job weighs, and whether who does it is late. */
#include "orchestrator/job.h"

/* What a rung with the source's own rate counts while that is not known. */
#define SOURCE_MILLI_FPS 30000

/* Pictures of the source that a decoder may keep back, for their order. */
#define SOURCE_KEPT_BACK 4

/* What an attempt has to begin: a thread, a decoder, an encoder of each rung. */
#define START_MS 500

/* Ticks of 1/90 ms at twice the rate of the source's times. */
#define CATCH_UP_TICKS_PER_MS 180

#define TICKS_PER_MS 90

static uint64_t milli_fps(const struct job *j, const struct link_rung *r)
{
    if (r->fps_num > 0) {
        return (uint64_t)r->fps_num * 1000 / (r->fps_den > 0 ? r->fps_den : 1);
    }
    return j->source_fps > 0 ? j->source_fps : SOURCE_MILLI_FPS;
}

uint64_t job_rung_rate(const struct job *j, uint32_t rung)
{
    const struct link_rung *r = &j->open.ladder[rung];
    uint64_t rate = (uint64_t)r->width * r->height * milli_fps(j, r) / 1000;
    return rate > 0 ? rate : 1;
}

static bool is_covered(const struct job *j, uint32_t rung)
{
    for (size_t i = 0; i < JOB_TRIES; i++) {
        if (attempt_covers(&j->tries[i], rung)) {
            return true;
        }
    }
    return false;
}

uint64_t job_open_rate(const struct job *j, bool all)
{
    uint64_t rate = 0;
    for (uint32_t i = 0; i < j->open.n_ladder; i++) {
        if (job_rung_is_open(j, i) && (all || !is_covered(j, i))) {
            rate += job_rung_rate(j, i);
        }
    }
    return rate;
}

/* Ticks that so many frames of the rung last. */
static int64_t frames_ticks(const struct job *j, const struct link_rung *r, uint64_t frames)
{
    uint64_t rate = milli_fps(j, r);
    return (int64_t)(frames * 1000 * 1000 * TICKS_PER_MS / (rate > 0 ? rate : 1));
}

/* The frames that must be there for the part to leave: its own and what the encoder keeps back. */
static uint64_t frames_until(const struct link_rung *r, uint32_t part)
{
    return ((uint64_t)part + 1) * r->frames_per_part + r->bframes + r->lookahead_frames + 1;
}

/* The unit has all of the part; before_frames: of the source, kept back by the decoder. */
static bool reaches(const struct job *j, const struct link_rung *r, const struct job_unit *u,
                    uint64_t frames)
{
    if (r->fps_num > 0) {
        return u->dts - j->first_dts >= frames_ticks(j, r, frames);
    }
    return u->frames >= frames;
}

/* When the input of that part had come. -1: it has not. */
static int64_t input_came_ms(const struct job *j, const struct link_rung *r, uint32_t part)
{
    if (list_empty(&j->units)) {
        return -1;
    }
    uint64_t frames = frames_until(r, part);
    const struct job_unit *newest = LIST_ITEM(j->units.prev, const struct job_unit, node);
    const struct list *at = &j->units;
    while (at->prev != &j->units &&
           reaches(j, r, LIST_ITEM(at->prev, const struct job_unit, node), frames)) {
        at = at->prev;
    }
    if (at != &j->units) {
        uint64_t shown = LIST_ITEM(at, const struct job_unit, node)->frames + SOURCE_KEPT_BACK;
        while (at != &j->units && LIST_ITEM(at, const struct job_unit, node)->frames < shown) {
            at = at->next;
        }
    }
    if (at != &j->units) {
        return LIST_ITEM(at, const struct job_unit, node)->fair_ms;
    }
    return j->has_last ? newest->fair_ms : -1;
}

int64_t job_owed_ms(const struct job_attempt *a, int64_t now_ms)
{
    const struct job *j = a->job;
    int64_t owed_ms = 0;
    for (size_t i = 0; i < a->n_asked; i++) {
        uint32_t rung = a->asked[i];
        if (!attempt_covers(a, rung)) {
            continue;
        }
        const struct link_rung *r = &j->open.ladder[rung];
        uint32_t part = j->rungs[rung].next_part;
        int64_t due_ms = input_came_ms(j, r, part);
        int64_t start_ms = a->offered_ms + START_MS +
                           frames_ticks(j, r, frames_until(r, part)) /
                               (a->is_whole ? TICKS_PER_MS : CATCH_UP_TICKS_PER_MS);
        due_ms = due_ms >= 0 && due_ms < start_ms ? start_ms : due_ms;
        if (due_ms >= 0 && now_ms - due_ms > owed_ms) {
            owed_ms = now_ms - due_ms;
        }
    }
    return owed_ms;
}

int64_t job_may_owe_ms(const struct job_attempt *a, int64_t limit_ms)
{
    int64_t may_ms = JOB_LATE_MIN_MS;
    for (size_t i = 0; i < a->n_asked; i++) {
        const struct link_rung *r = &a->job->open.ladder[a->asked[i]];
        int64_t two_ms = 2 * frames_ticks(a->job, r, r->frames_per_part) / TICKS_PER_MS;
        if (attempt_covers(a, a->asked[i]) && two_ms > may_ms) {
            may_ms = two_ms;
        }
    }
    return may_ms < limit_ms ? may_ms : limit_ms;
}

uint32_t job_pace_permille(const struct job_attempt *a, int64_t now_ms)
{
    const struct job *j = a->job;
    if (j->frames < 2 || list_empty(&j->units)) {
        return 1000;
    }
    int64_t length_ms = (j->last_dts - j->first_dts) / TICKS_PER_MS;
    int64_t end_ms = LIST_ITEM(j->units.prev, const struct job_unit, node)->fair_ms;
    int64_t work_ms = now_ms - a->offered_ms;
    int64_t lag_ms = length_ms + now_ms - (end_ms > a->offered_ms ? end_ms : a->offered_ms);
    int64_t took_ms = (work_ms < lag_ms ? work_ms : lag_ms) - START_MS;
    if (length_ms <= 0 || took_ms <= length_ms) {
        return 1000;
    }
    return (uint32_t)(length_ms * 1000 / took_ms);
}
