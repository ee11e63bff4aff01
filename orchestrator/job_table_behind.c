/* Transcoders that stay behind with what they have. A segment's end may be late where a job is
 * slower than real time alone, and the next one in time: that is no more than it can do. When there
 * is always something late it is, and what is owed grows. */
#include "orchestrator/job_table_internal.h"

/* It was somebody else's, or is made twice: what is late of it is not this one's fault, and what
 * there is to make up for is no demand that lasts. */
static bool is_taken_over(const struct job_attempt *a)
{
    const struct job *j = a->job;
    return a->is_hedge || j->losses > 0 || j->late > 0 || j->attempts > 0 || j->hedges > 0;
}

/* Of the jobs that are made as their input comes: what is owed longest of them. False: there are
 * some from before less was asked of it, which tell of that time, or others that tell nothing. */
static bool look_at_jobs(struct transcoder *t, int64_t now_ms)
{
    bool tell = true, settles = now_ms - t->relieved_ms < JOB_TABLE_RELIEF_MS;
    t->owed_ms = 0;
    LIST_EACH (&t->jobs, it, tmp) {
        const struct job_attempt *a = LIST_ITEM(it, const struct job_attempt, of_transcoder);
        if (attempt_is_useful(a) && a->accepted) {
            bool is_other = a->is_whole || is_taken_over(a);
            int64_t owed_ms = is_other ? 0 : a->owed_ms;
            t->owed_ms = owed_ms > t->owed_ms ? owed_ms : t->owed_ms;
            tell = tell && !is_other && !(settles && a->offered_ms < t->relieved_ms);
        }
    }
    return tell;
}

/* It says itself that it is too much. */
static bool is_expected(const struct transcoder *t)
{
    return t->standing.announced > 0 && t->rate > t->standing.announced;
}

/* It is slower than real time with one job, and the next one is somebody else's. */
static bool takes_turns(const struct job_table *s, const struct transcoder *t)
{
    return t->load == 1 && s->roster.n_transcoders > 1 && s->has_room_for_all;
}

static void look_at(struct job_table *s, struct transcoder *t, int64_t now_ms)
{
    bool expected = is_expected(t);
    int64_t limit_ms = expected ? JOB_TABLE_BEHIND_LEAST_MS : JOB_TABLE_BEHIND_MS;
    int64_t for_ms = expected ? JOB_TABLE_BEHIND_FOR_MS / 2 : JOB_TABLE_BEHIND_FOR_MS;
    if (!look_at_jobs(t, now_ms) || t->owed_ms < limit_ms || takes_turns(s, t)) {
        t->behind_since_ms = 0;
        return;
    }
    if (t->behind_since_ms == 0) {
        t->behind_since_ms = now_ms;
        t->behind_pixels = t->pixels;
        t->behind_ms = t->owed_ms;
    }
    int64_t ms = now_ms - t->behind_since_ms;
    if (ms < for_ms) {
        return;
    }
    uint64_t made = (t->pixels - t->behind_pixels) * 1000 / (uint64_t)ms;
    t->behind_since_ms = 0;
    bool catches_up = made > t->rate + t->rate / 16 || t->owed_ms < t->behind_ms;
    if (made == 0 || catches_up) {
        return; /* standing still it is none that has too much: its jobs move, or it goes */
    }
    t->relieved_ms = now_ms;
    standing_behind(&t->standing, t->rate, made, now_ms);
    s->is_limited = true;
    s->planned_ms = INT64_MIN / 2;
}

void transcoders_look(struct job_table *s, int64_t now_ms)
{
    s->is_limited = false;
    s->has_room_for_all = rungs_have_room(s, now_ms);
    LIST_EACH (&s->roster.transcoders, it, tmp) {
        struct transcoder *t = LIST_ITEM(it, struct transcoder, node);
        s->is_limited = standing_is_limited(&t->standing, now_ms) || s->is_limited;
        if (now_ms < s->calm_until_ms || s->config.late_ms == 0) {
            t->behind_since_ms = 0;
        } else {
            look_at(s, t, now_ms);
        }
    }
}
