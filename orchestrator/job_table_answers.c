/* The job table's side towards transcoders: who comes and goes, and what they answer. */
#include <stdio.h>

#include "orchestrator/job_table_internal.h"
#include "orchestrator/words.h"

/* A transcoder that makes so many thousandths of what is asked of it does all of it: some is still
 * on its way. */
#define IN_TIME_PERMILLE 940

struct list *job_table_attempt_bucket(struct job_table *s, uint64_t number)
{
    return &s->by_attempt[number & (JOB_TABLE_BUCKETS - 1)];
}

/* The attempt, when that peer is at work on it. Anything else is an answer that came too late, or
 * from one who was not asked. */
static struct job_attempt *find_attempt(struct job_table *s, link_peer peer, uint64_t number)
{
    LIST_EACH (job_table_attempt_bucket(s, number), it, tmp) {
        struct job_attempt *a = LIST_ITEM(it, struct job_attempt, by_number);
        if (a->number == number && a->transcoder->peer == peer) {
            return a;
        }
        if (a->number == number) {
            s->counters.stray++;
            return NULL;
        }
    }
    if (number > 0 && number < s->next_attempt) {
        s->counters.late_answers++;
    } else {
        s->counters.stray++;
    }
    return NULL;
}

enum err job_table_transcoder_joined(struct job_table *s, link_peer peer, const char *address,
                                     const struct link_hello *hello, int64_t now_ms)
{
    struct transcoder *t;
    enum err e = roster_join_transcoder(&s->roster, peer, address, hello, now_ms, &t);
    if (e == ERR_OK) {
        attempts_assign(s, now_ms);
    }
    return e;
}

/* Once is bad luck. */
static void charge_loss(struct job_table *s, struct transcoder *t, int64_t now_ms)
{
    static const char reason[] = "it was lost with jobs under way again and again";
    if (list_empty(&t->jobs) || t->draining || !standing_lost(&t->standing, now_ms)) {
        return;
    }
    s->counters.suspensions++;
    const struct job_attempt *a = LIST_ITEM(t->jobs.next, struct job_attempt, of_transcoder);
    job_table_note(s, JOB_NOTE_SUSPENDED, a->job, t, JOB_NO_RUNG, reason, now_ms);
}

/* The job is done again elsewhere, or given up. */
static void lose_attempt(struct job_table *s, struct job_attempt *a, int64_t now_ms)
{
    struct job *j = a->job;
    j->losses++;
    if (!job_is_complete(j) && j->losses >= JOB_LOSSES_MAX) {
        attempt_end(s, a, false, "", now_ms);
        job_table_give_up(s, j, false, "too many transcoders were lost with this segment", now_ms);
    } else if (attempt_is_useful(a)) {
        attempt_redo(s, a, false, "the transcoder has gone", now_ms);
    } else {
        attempt_end(s, a, false, "", now_ms);
        attempts_settle(s, j, now_ms);
    }
}

void job_table_transcoder_lost(struct job_table *s, link_peer peer, int64_t now_ms)
{
    struct transcoder *t = roster_transcoder(&s->roster, peer);
    if (t == NULL) {
        return;
    }
    charge_loss(s, t, now_ms);
    /* One by one from the front: two of them may be of one job, and go together. */
    while (!list_empty(&t->jobs)) {
        lose_attempt(s, LIST_ITEM(t->jobs.next, struct job_attempt, of_transcoder), now_ms);
    }
    roster_leave_transcoder(&s->roster, t);
    attempts_assign(s, now_ms);
}

/* The transcoder could not or would not: another one, if there are attempts left. */
static void attempt_failed(struct job_table *s, struct job_attempt *a, bool tell,
                           const char *reason, int64_t now_ms)
{
    struct job *j = a->job;
    words_copy(j->reason, sizeof j->reason, reason);
    attempt_charge(s, j, a->transcoder, reason, now_ms);
    j->attempts++;
    j->blamer = 0; /* who was asked to confirm it has something else to say */
    if (job_is_complete(j) || !attempt_is_useful(a)) {
        attempt_end(s, a, tell, reason, now_ms);
        attempts_settle(s, j, now_ms); /* whatever went wrong, nothing is missing of its rungs */
    } else if (j->attempts >= s->config.max_attempts && job_tries(j) == 1) {
        attempt_end(s, a, tell, j->reason, now_ms);
        job_table_fail(s, j, now_ms);
    } else {
        attempt_redo(s, a, tell, j->reason, now_ms);
    }
    attempts_assign(s, now_ms);
}

static void accept(struct job_table *s, struct job_attempt *a)
{
    struct job *j = a->job;
    a->accepted = true;
    if (!j->was_accepted) {
        j->was_accepted = true;
        struct link_msg m = {.type = LINK_JOB_ACCEPT, .job = j->origin, .reason = ""};
        job_table_answer(s, j->broadcaster->peer, &m);
    }
}

void job_table_accepted(struct job_table *s, link_peer peer, uint64_t attempt)
{
    struct job_attempt *a = find_attempt(s, peer, attempt);
    if (a != NULL) {
        accept(s, a);
    }
}

void job_table_refused(struct job_table *s, link_peer peer, uint64_t attempt, const char *reason,
                       int64_t now_ms)
{
    struct job_attempt *a = find_attempt(s, peer, attempt);
    if (a != NULL) {
        attempt_failed(s, a, false, reason, now_ms);
    }
}

/* Each part is paid once: whoever made it is, but for who made it badly before. */
static void count_earned(struct job_table *s, const struct job_attempt *a, link_peer redone_of,
                         uint64_t pixels)
{
    link_peer broadcaster = a->job->broadcaster->peer;
    if (a->job->paid_pixels == 0) {
        return;
    }
    if (redone_of != 0) {
        s->out.unearned(s->out.arg, broadcaster, redone_of, pixels);
    }
    s->out.earned(s->out.arg, broadcaster, a->transcoder, pixels);
}

static void count_delivered(struct job_table *s, const struct job_attempt *a, link_peer redone_of,
                            const struct link_rung_total *before,
                            const struct link_rung_total *after)
{
    uint64_t frames = after->frames - before->frames;
    uint64_t pixels = after->pixels - before->pixels;
    a->transcoder->frames += frames;
    a->transcoder->pixels += pixels;
    a->job->broadcaster->frames += frames;
    a->job->broadcaster->pixels += pixels;
    s->counters.frames += frames;
    s->counters.pixels += pixels;
    count_earned(s, a, redone_of, pixels);
}

static void pass_on(struct job_table *s, struct job_attempt *a, uint32_t rung,
                    const struct link_unit *unit, struct blob *payload, int64_t now_ms)
{
    struct job *j = a->job;
    struct link_msg m = {.type = LINK_RUNG_UNIT, .job = j->origin, .reason = ""};
    m.unit = *unit;
    m.unit.rung = rung;
    enum err e = s->out.send(s->out.arg, j->broadcaster->peer, &m, payload);
    if (e != ERR_OK) {
        job_table_give_up(s, j, false, "the broadcaster takes its results too slowly", now_ms);
        attempts_assign(s, now_ms);
        return;
    }
    struct link_rung_total before = j->rungs[rung].total;
    bool wins = a->is_hedge && !a->has_won;
    link_peer redone_of = job_redone_of(j, rung, unit->part);
    job_deliver(a, rung, unit, blob_span(payload).len, now_ms);
    count_delivered(s, a, redone_of, &before, &j->rungs[rung].total);
    if (wins) {
        a->has_won = true;
        s->counters.hedges_won++;
        j->session->last = a->transcoder->peer;
    }
    if (job_tries(j) > 1) {
        attempts_settle(s, j, now_ms);
        attempts_assign(s, now_ms);
    }
}

void job_table_rung_unit(struct job_table *s, link_peer peer, uint64_t attempt,
                         const struct link_unit *unit, struct blob *payload, int64_t now_ms)
{
    struct job_attempt *a = find_attempt(s, peer, attempt);
    if (a == NULL) {
        return;
    }
    uint32_t rung;
    const char *why;
    enum err e = job_check(a, unit, &rung, &why);
    if (e == ERR_CLOSED) {
        s->counters.hedge_units++;
        return;
    }
    if (e != ERR_OK) {
        s->counters.bad_units++;
        attempt_failed(s, a, true, why, now_ms);
        return;
    }
    if (!a->accepted) {
        accept(s, a);
    }
    pass_on(s, a, rung, unit, payload, now_ms);
}

/* In thousandths of what was asked. A job that is slow alone is none that slows its transcoder. */
static uint32_t pace_of(struct job_attempt *a, int64_t now_ms)
{
    uint32_t permille = job_pace_permille(a, now_ms);
    uint64_t asked = attempt_load(a, now_ms) / 1000;
    uint64_t in_all = asked > 0 ? attempt_made(a, now_ms) / asked : 0;
    if (permille >= 1000 || in_all >= IN_TIME_PERMILLE) {
        return 1000;
    }
    return in_all > permille ? (uint32_t)in_all : permille;
}

void job_table_done(struct job_table *s, link_peer peer, uint64_t attempt,
                    const struct link_job_done *done, int64_t now_ms)
{
    struct job_attempt *a = find_attempt(s, peer, attempt);
    if (a == NULL) {
        return;
    }
    if (attempt_is_useful(a)) {
        attempt_failed(s, a, true, "it said done before every rung was complete", now_ms);
        return;
    }
    struct job *j = a->job;
    struct transcoder *t = a->transcoder;
    j->cpu_us += done->cpu_us;
    t->done++;
    uint32_t pace = pace_of(a, now_ms);
    bool is_behind = t->owed_ms >= JOB_TABLE_BEHIND_MS; /* with what weighs nothing any more */
    standing_done(&t->standing, attempt_load(a, now_ms),
                  pace >= 1000 && is_behind ? STANDING_PACE_UNKNOWN : pace);
    attempt_end(s, a, false, "", now_ms);
    if (t->load == 0 && s->has_room_for_all) {
        standing_caught_up(&t->standing);
    }
    attempts_settle(s, j, now_ms);
    attempts_assign(s, now_ms);
}

/* It says that the input is at fault. One that is broken itself may say so of everything: while
 * there is another one, that is asked as well. */
static void input_failed(struct job_table *s, struct job_attempt *a, const char *reason,
                         int64_t now_ms)
{
    struct job *j = a->job;
    struct transcoder *t = a->transcoder;
    bool is_first = j->blamer == 0;
    t->failed++;
    j->attempts++;
    words_copy(j->reason, sizeof j->reason, reason);
    job_avoid(j, t->peer, now_ms + JOB_AVOID_MS);
    if (is_first && j->attempts < s->config.max_attempts && job_may_be_confirmed(s, j, now_ms)) {
        j->blamer = t->peer;
        attempt_redo(s, a, false, j->reason, now_ms);
    } else {
        attempt_end(s, a, false, "", now_ms);
        job_table_give_up(s, j, true, j->reason, now_ms);
    }
    attempts_assign(s, now_ms);
}

void job_table_failed(struct job_table *s, link_peer peer, uint64_t attempt, const char *reason,
                      bool final, int64_t now_ms)
{
    struct job_attempt *a = find_attempt(s, peer, attempt);
    if (a == NULL) {
        return;
    }
    if (final && attempt_is_useful(a)) {
        input_failed(s, a, reason, now_ms);
    } else {
        attempt_failed(s, a, false, reason, now_ms);
    }
}

void job_table_writable(struct job_table *s, link_peer peer, int64_t now_ms)
{
    struct transcoder *t = roster_transcoder(&s->roster, peer);
    if (t == NULL) {
        return;
    }
    LIST_EACH (&t->jobs, it, tmp) {
        attempt_pump(s, LIST_ITEM(it, struct job_attempt, of_transcoder), now_ms);
    }
    attempts_assign(s, now_ms);
}
