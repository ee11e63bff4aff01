/* The job table's middle: giving jobs to transcoders, and taking them away again. */
#include <assert.h>
#include <string.h>

#include "orchestrator/dispatch.h"
#include "orchestrator/job_table_internal.h"
#include "orchestrator/words.h"

/* Before what it is asked for changes. */
static void sum_up(struct transcoder *t, int64_t now_ms)
{
    t->asked_sum += t->rate * (uint64_t)(now_ms - t->summed_ms);
    t->summed_ms = now_ms;
}

static void lighten(struct job_attempt *a, int64_t now_ms)
{
    sum_up(a->transcoder, now_ms);
    assert(a->transcoder->rate >= a->weight);
    a->transcoder->rate -= a->weight;
    a->weight = 0;
}

/* The stream's other jobs there weigh no more: what they are behind with is no rate. */
static void take_place(const struct job_attempt *a, int64_t now_ms)
{
    LIST_EACH (&a->transcoder->jobs, it, tmp) {
        struct job_attempt *before = LIST_ITEM(it, struct job_attempt, of_transcoder);
        if (before != a && before->job->session == a->job->session && !before->is_whole) {
            lighten(before, now_ms);
        }
    }
}

static void begin(struct job_table *s, struct job *j, struct transcoder *t, bool hedge,
                  int64_t now_ms)
{
    struct job_attempt *a = job_free_try(j);
    assert(a != NULL);
    if (!j->was_offered) {
        j->was_offered = true;
        histogram_observe(&s->times.queue_wait, (now_ms - j->opened_ms) * 1000);
    }
    a->transcoder = t;
    a->number = s->next_attempt++;
    a->offered_ms = now_ms;
    a->heard_ms = now_ms;
    a->is_hedge = hedge;
    job_begin(j, a, hedge);
    list_push_back(&t->jobs, &a->of_transcoder);
    list_push_back(job_table_attempt_bucket(s, a->number), &a->by_number);
    if (!a->is_whole && !hedge) {
        take_place(a, now_ms);
    }
    if (t->load > 0 && transcoder_spare(t) < a->weight) {
        standing_stretched(&t->standing, now_ms);
    }
    t->load++;
    t->whole += a->is_whole;
    sum_up(t, now_ms);
    a->asked_before = t->asked_sum;
    a->pixels_before = t->pixels;
    t->rate += a->weight;
    t->used_ms = now_ms;
    j->offered_ms = now_ms;
    if (!hedge) {
        list_remove(&j->place);
        j->session->last = t->peer;
        j->session->last_is_live = !a->is_whole;
        j->session->place_until_ms = 0;
    }
    j->session->at_work++;
    job_table_note(s, hedge ? JOB_NOTE_HEDGED : JOB_NOTE_ASSIGNED, j, t, JOB_NO_RUNG, "", now_ms);
    attempt_pump(s, a, now_ms);
}

uint64_t attempt_made(const struct job_attempt *a, int64_t now_ms)
{
    int64_t ms = now_ms - a->offered_ms;
    return ms > 0 ? (a->transcoder->pixels - a->pixels_before) * 1000 / (uint64_t)ms : 0;
}

uint64_t attempt_load(struct job_attempt *a, int64_t now_ms)
{
    struct transcoder *t = a->transcoder;
    int64_t ms = now_ms - a->offered_ms;
    sum_up(t, now_ms);
    return ms > 0 ? (t->asked_sum - a->asked_before) / (uint64_t)ms : t->rate - a->weight + a->rate;
}

void attempt_end(struct job_table *s, struct job_attempt *a, bool tell, const char *reason,
                 int64_t now_ms)
{
    struct transcoder *t = a->transcoder;
    if (tell && a->open_sent) {
        struct link_msg m = {.type = LINK_JOB_CANCEL, .job = a->number, .reason = reason};
        (void)s->out.send(s->out.arg, t->peer, &m, NULL);
    }
    lighten(a, now_ms);
    list_remove(&a->of_transcoder);
    list_remove(&a->by_number);
    assert(t->load > 0 && a->job->session->at_work > 0);
    a->job->session->at_work--;
    if (!a->has_all) {
        session_end_input(a->job->session, t->peer, now_ms - SESSION_PLACE_MS);
    }
    t->load--;
    t->whole -= a->is_whole;
    t->used_ms = now_ms;
    a->transcoder = NULL;
}

static bool send_open(struct job_table *s, struct job_attempt *a, int64_t now_ms)
{
    struct link_msg m = {.type = LINK_JOB_OPEN, .job = a->number, .reason = ""};
    sum_up(a->transcoder, now_ms);
    a->transcoder->rate -= a->weight;
    bool asks = job_trim(a);
    a->transcoder->rate += a->weight;
    if (!asks) {
        return false; /* it is about to be ended */
    }
    job_ask(a, now_ms, &m.open);
    if (s->out.send(s->out.arg, a->transcoder->peer, &m, NULL) != ERR_OK) {
        return false;
    }
    a->open_sent = true;
    return true;
}

/* All of its input is there: the stream's next segment takes its place, which is kept for that. */
static void keep_place(struct job_attempt *a, int64_t now_ms)
{
    struct session *session = a->job->session;
    if (!a->has_all) {
        a->has_all = true;
        a->all_ms = now_ms;
        session_end_input(session, a->transcoder->peer, now_ms);
    }
    if (now_ms - a->all_ms >= SESSION_PLACE_MS) {
        lighten(a, now_ms);
    }
}

void attempt_pump(struct job_table *s, struct job_attempt *a, int64_t now_ms)
{
    if (!a->open_sent && !send_open(s, a, now_ms)) {
        return;
    }
    const struct job_unit *u;
    while ((u = job_peek(a)) != NULL) {
        struct link_msg m = {.type = LINK_JOB_UNIT, .job = a->number, .reason = ""};
        m.unit = u->unit;
        /* A full queue calls back when it has room; any other failure is tried again by the tick,
         * or ends with the peer. */
        if (s->out.send(s->out.arg, a->transcoder->peer, &m, u->payload) != ERR_OK) {
            return;
        }
        job_advance(a);
    }
    if (job_all_sent(a) && !a->is_whole) {
        keep_place(a, now_ms);
    }
}

/* --- who --- */

/* Who would have the job of a as well or instead: somebody with time to spare. */
static struct transcoder *other_than(const struct job_table *s, const struct job_attempt *a,
                                     bool same_encoder, int64_t now_ms)
{
    link_peer avoided[JOB_ASK_AVOIDED];
    struct dispatch_ask ask;
    job_ask_other(s, a->job, now_ms, avoided, &ask);
    if (same_encoder && ask.encoder == NULL) {
        ask.encoder = a->transcoder->encoder;
    }
    return dispatch_pick(&s->roster, &ask);
}

static bool anybody_has_room(const struct job_table *s)
{
    LIST_EACH (&s->roster.transcoders, it, tmp) {
        if (transcoder_room(LIST_ITEM(it, const struct transcoder, node)) > 0) {
            return true;
        }
    }
    return false;
}

/* Beside who is at work on the job somebody else, if it can be. */
static struct transcoder *pick_beside(const struct job_table *s, const struct job *j,
                                      const struct dispatch_ask *ask)
{
    link_peer avoided[JOB_ASK_AVOIDED];
    struct dispatch_ask others = *ask;
    memcpy(avoided, ask->avoided, ask->n_avoided * sizeof avoided[0]);
    others.avoided = avoided;
    for (size_t i = 0; i < JOB_TRIES; i++) {
        if (j->tries[i].transcoder != NULL) {
            avoided[others.n_avoided++] = j->tries[i].transcoder->peer;
        }
    }
    struct transcoder *t = dispatch_pick(&s->roster, &others);
    return t != NULL || others.n_avoided == ask->n_avoided ? t : dispatch_pick(&s->roster, ask);
}

void attempts_assign(struct job_table *s, int64_t now_ms)
{
    if (list_empty(&s->queue) || !anybody_has_room(s)) {
        return;
    }
    uint64_t too_much = UINT64_MAX; /* what nobody would take, whoever asks */
    LIST_EACH (&s->queue, it, tmp) {
        struct job *j = LIST_ITEM(it, struct job, place);
        link_peer avoided[JOB_ASK_AVOIDED];
        struct dispatch_ask ask;
        job_ask_open(s, j, job_open_rate(j, false), now_ms, avoided, &ask);
        if (ask.rate >= too_much && !ask.may_stretch && !ask.has_place) {
            continue;
        }
        struct transcoder *t = pick_beside(s, j, &ask);
        if (t != NULL) {
            begin(s, j, t, false, now_ms);
        } else if (ask.encoder == NULL && !ask.is_whole && ask.n_avoided == 0 &&
                   ask.rate < too_much) {
            too_much = ask.rate;
        }
    }
}

/* --- again --- */

static void end_lost(struct job_table *s, struct job_attempt *a, int64_t now_ms)
{
    static const char reason[] = "another transcoder goes on with it";
    if (!a->is_hedge && a->open_sent) {
        s->counters.redispatched++;
        job_table_note(s, JOB_NOTE_REDISPATCHED, a->job, a->transcoder, JOB_NO_RUNG, reason,
                       now_ms);
    }
    attempt_end(s, a, true, reason, now_ms);
}

void attempts_settle(struct job_table *s, struct job *j, int64_t now_ms)
{
    for (size_t i = 0; i < JOB_TRIES; i++) {
        struct job_attempt *a = &j->tries[i];
        if (a->transcoder != NULL && attempt_has_lost(a)) {
            end_lost(s, a, now_ms);
        }
    }
    if (job_is_complete(j)) {
        if (job_tries(j) == 0) {
            job_table_finish(s, j, now_ms);
        } else {
            list_remove(&j->place);
        }
    } else if (!job_is_uncovered(j, NULL)) {
        list_remove(&j->place);
    } else if (job_free_try(j) != NULL) {
        job_table_enqueue(s, j, now_ms);
    }
}

void attempt_redo(struct job_table *s, struct job_attempt *a, bool tell, const char *reason,
                  int64_t now_ms)
{
    struct job *j = a->job;
    s->counters.redispatched++;
    job_table_note(s, JOB_NOTE_REDISPATCHED, j, a->transcoder, JOB_NO_RUNG, reason, now_ms);
    attempt_end(s, a, tell, reason, now_ms);
    attempts_settle(s, j, now_ms);
}

void attempts_begin_anew(struct job_table *s, struct job *j, uint32_t rung, const char *reason,
                         int64_t now_ms)
{
    for (size_t i = 0; i < JOB_TRIES; i++) {
        struct job_attempt *a = &j->tries[i];
        if (a->transcoder == NULL || !a->open_sent) {
            continue;
        }
        if (a->number == j->rungs[rung].made_by) {
            attempt_redo(s, a, true, reason, now_ms);
        } else if (a->rungs[rung].asked && !attempt_has_delivered(a)) {
            attempt_redo(s, a, true, "it begins anew, with a rung more", now_ms);
        }
    }
    attempts_settle(s, j, now_ms);
}

void attempt_charge(struct job_table *s, struct job *j, struct transcoder *t, const char *reason,
                    int64_t now_ms)
{
    t->failed++;
    job_avoid(j, t->peer, now_ms + JOB_AVOID_MS);
    /* A segment that has failed before may be at fault itself. */
    if (j->attempts == 0 && standing_failed(&t->standing, now_ms)) {
        s->counters.suspensions++;
        job_table_note(s, JOB_NOTE_SUSPENDED, j, t, JOB_NO_RUNG, reason, now_ms);
    }
}

/* --- lateness --- */

static void mark_late(struct job_attempt *a, int64_t now_ms)
{
    struct transcoder *t = a->transcoder;
    if (!a->charged) {
        a->charged = true;
        uint64_t load = attempt_load(a, now_ms);
        load = load > a->rate ? load : a->rate;
        bool keeps_up = attempt_made(a, now_ms) >= load / 4 * 3;
        standing_late(&t->standing, keeps_up ? 0 : load, now_ms);
    } else {
        standing_still_late(&t->standing, now_ms);
    }
}

static int64_t may_owe_ms(const struct job_table *s, const struct job_attempt *a)
{
    const struct job_table_config *c = &s->config;
    return job_tries(a->job) == 1 ? job_may_owe_ms(a, c->late_ms) : c->late_ms;
}

void job_mark_late(struct job_table *s, struct job *j, int64_t now_ms)
{
    for (size_t i = 0; i < JOB_TRIES; i++) {
        struct job_attempt *a = &j->tries[i];
        if (a->transcoder == NULL || !attempt_is_useful(a)) {
            continue;
        }
        int64_t owed_ms = s->config.late_ms > 0 ? job_owed_ms(a, now_ms) : 0;
        a->owed_ms = owed_ms;
        if (owed_ms > 0 && owed_ms >= may_owe_ms(s, a)) {
            mark_late(a, now_ms);
        } else if (!a->accepted && now_ms - a->offered_ms >= s->config.answer_ms) {
            standing_still_late(&a->transcoder->standing, now_ms);
        }
    }
}

/* Takes it from a transcoder that does not do it, if another one can. False: it keeps it. */
static bool move(struct job_table *s, struct job_attempt *a, const char *reason, int64_t now_ms)
{
    struct job *j = a->job;
    bool goes_on = !job_is_uncovered(j, a);
    if (!goes_on && (j->late >= JOB_LATE_MAX || other_than(s, a, false, now_ms) == NULL)) {
        return false;
    }
    job_avoid_late(j, a->transcoder->peer, now_ms + JOB_AVOID_MS);
    j->late++;
    s->counters.late += a->accepted;
    attempt_redo(s, a, true, reason, now_ms);
    return true;
}

static bool hedge(struct job_table *s, struct job_attempt *a, int64_t now_ms)
{
    struct job *j = a->job;
    struct transcoder *t = j->hedges < JOB_HEDGES_MAX ? other_than(s, a, true, now_ms) : NULL;
    if (t == NULL) {
        return false;
    }
    j->hedges++;
    s->counters.hedged++;
    begin(s, j, t, true, now_ms);
    return true;
}

/* True: it has been given to somebody else, too or instead. */
static bool check_lateness(struct job_table *s, struct job_attempt *a, int64_t now_ms)
{
    struct job *j = a->job;
    const struct job_table_config *c = &s->config;
    bool alone = job_tries(j) == 1;
    int64_t unanswered_ms = a->accepted ? 0 : now_ms - a->offered_ms;
    if (unanswered_ms >= c->answer_ms) {
        return move(s, a, "the transcoder did not answer", now_ms);
    }
    int64_t owed_ms = c->late_ms > 0 ? job_owed_ms(a, now_ms) : 0;
    int64_t worst_ms = owed_ms > unanswered_ms ? owed_ms : unanswered_ms;
    bool hedges = alone && list_empty(&j->place) && c->hedge_ms > 0 && c->late_ms > 0;
    if (hedges && worst_ms >= c->hedge_ms && hedge(s, a, now_ms)) {
        mark_late(a, now_ms);
        return true;
    }
    if (c->late_ms == 0 || owed_ms < may_owe_ms(s, a) || owed_ms == 0) {
        return false;
    }
    return move(s, a, "the transcoder is late", now_ms);
}

void job_check_progress(struct job_table *s, struct job *j, int64_t now_ms)
{
    for (size_t i = 0; i < JOB_TRIES; i++) {
        if (j->tries[i].transcoder != NULL) {
            attempt_pump(s, &j->tries[i], now_ms);
        }
    }
    bool is_complete = job_is_complete(j);
    for (size_t i = 0; i < JOB_TRIES; i++) {
        struct job_attempt *a = &j->tries[i];
        if (a->transcoder == NULL) {
            continue;
        }
        if (attempt_is_useful(a)) {
            if (check_lateness(s, a, now_ms)) {
                return;
            }
        } else if (now_ms - a->heard_ms >= s->config.answer_ms) {
            /* Only its JOB_DONE does not come. */
            if (is_complete) {
                job_table_finish(s, j, now_ms);
                return;
            }
            attempt_end(s, a, true, "its rungs are complete", now_ms);
            attempts_settle(s, j, now_ms); /* a rung may have waited for its place */
        }
    }
}
