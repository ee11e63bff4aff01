/* The job table's other half: assigning jobs to transcoders, and what transcoders answer. */
#include <assert.h>
#include <stdio.h>

#include "orchestrator/dispatch.h"
#include "orchestrator/job_table_internal.h"
#include "orchestrator/words.h"

static struct list *attempt_bucket(struct job_table *s, uint64_t attempt)
{
    return &s->by_attempt[attempt & (JOB_TABLE_BUCKETS - 1)];
}

/* The job, when that peer is at work on that attempt of it. Anything else is an answer that came
 * too late, or from one who was not asked. */
static struct job *find_attempt(struct job_table *s, link_peer peer, uint64_t attempt)
{
    LIST_EACH (attempt_bucket(s, attempt), it, tmp) {
        struct job *j = LIST_ITEM(it, struct job, by_attempt);
        if (j->attempt == attempt && j->transcoder->peer == peer) {
            return j;
        }
        if (j->attempt == attempt) {
            s->counters.stray++;
            return NULL;
        }
    }
    if (attempt > 0 && attempt < s->next_attempt) {
        s->counters.late_answers++;
    } else {
        s->counters.stray++;
    }
    return NULL;
}

static void begin(struct job_table *s, struct job *j, struct transcoder *t, int64_t now_ms)
{
    if (j->attempt == 0) {
        histogram_observe(&s->times.queue_wait, (now_ms - j->opened_ms) * 1000);
    }
    list_remove(&j->place);
    list_push_back(&t->jobs, &j->place);
    t->load++;
    t->used_ms = now_ms;
    j->transcoder = t;
    j->session->last = t->peer;
    j->state = JOB_OFFERED;
    j->offered_ms = now_ms;
    j->attempt = s->next_attempt++;
    list_push_back(attempt_bucket(s, j->attempt), &j->by_attempt);
    job_begin(j);
    job_table_note(s, JOB_NOTE_ASSIGNED, j, "", now_ms);
    attempt_pump(s, j, now_ms);
}

void attempt_end(struct job_table *s, struct job *j, bool tell, const char *reason, int64_t now_ms)
{
    struct transcoder *t = j->transcoder;
    if (tell && j->open_sent) {
        struct link_msg m = {.type = LINK_JOB_CANCEL, .job = j->attempt, .reason = reason};
        (void)s->out.send(s->out.arg, t->peer, &m, NULL);
    }
    list_remove(&j->place);
    list_remove(&j->by_attempt);
    assert(t->load > 0);
    t->load--;
    t->used_ms = now_ms;
    j->transcoder = NULL;
}

static bool send_open(struct job_table *s, struct job *j, int64_t now_ms)
{
    struct link_msg m = {.type = LINK_JOB_OPEN, .job = j->attempt, .reason = ""};
    job_ask(j, now_ms, &m.open);
    if (s->out.send(s->out.arg, j->transcoder->peer, &m, NULL) != ERR_OK) {
        return false;
    }
    j->open_sent = true;
    return true;
}

void attempt_pump(struct job_table *s, struct job *j, int64_t now_ms)
{
    if (!j->open_sent && !send_open(s, j, now_ms)) {
        return;
    }
    const struct job_unit *u;
    while ((u = job_peek(j)) != NULL) {
        struct link_msg m = {.type = LINK_JOB_UNIT, .job = j->attempt, .reason = ""};
        m.unit = u->unit;
        /* A full queue calls back when it has room; any other failure is tried again by the tick,
         * or ends with the peer. */
        if (s->out.send(s->out.arg, j->transcoder->peer, &m, u->payload) != ERR_OK) {
            return;
        }
        job_advance(j, now_ms);
    }
}

static size_t avoided_now(const struct job *j, int64_t now_ms, link_peer *out)
{
    size_t n = 0;
    for (size_t i = 0; i < JOB_ATTEMPTS_MAX; i++) {
        if (j->avoided[i].peer != 0 && now_ms < j->avoided[i].until_ms) {
            out[n++] = j->avoided[i].peer;
        }
    }
    return n;
}

static struct transcoder *pick(const struct job_table *s, const struct job *j, int64_t now_ms,
                               link_peer also_not)
{
    link_peer avoided[JOB_ATTEMPTS_MAX + 1];
    size_t n = avoided_now(j, now_ms, avoided);
    if (also_not != 0) {
        avoided[n++] = also_not;
    }
    struct dispatch_ask ask = {
        .last = j->session->last,
        /* Parts of one segment share their parameter sets: only an equal encoder may go on. */
        .encoder = j->has_delivered ? j->encoder : NULL,
        .avoided = avoided,
        .n_avoided = n,
    };
    return dispatch_pick(&s->roster, &ask);
}

void attempts_assign(struct job_table *s, int64_t now_ms)
{
    LIST_EACH (&s->queue, it, tmp) {
        struct job *j = LIST_ITEM(it, struct job, place);
        struct transcoder *t = pick(s, j, now_ms, 0);
        if (t != NULL) {
            begin(s, j, t, now_ms);
        }
    }
}

static void redispatch(struct job_table *s, struct job *j, bool tell, const char *reason,
                       int64_t now_ms)
{
    s->counters.redispatched++;
    job_table_note(s, JOB_NOTE_REDISPATCHED, j, reason, now_ms);
    attempt_end(s, j, tell, reason, now_ms);
    job_table_enqueue(s, j);
}

/* The transcoder could not or would not: another one, if there are attempts left. */
static void attempt_failed(struct job_table *s, struct job *j, bool tell, const char *reason,
                           int64_t now_ms)
{
    struct transcoder *t = j->transcoder;
    t->failed++;
    words_copy(j->reason, sizeof j->reason, reason);
    j->avoided[j->attempts % JOB_ATTEMPTS_MAX] =
        (struct job_avoided){.peer = t->peer, .until_ms = now_ms + JOB_AVOID_MS};
    j->attempts++;
    if (job_is_complete(j)) {
        job_table_finish(s, j, tell, now_ms); /* whatever went wrong, nothing is missing */
    } else if (j->attempts >= JOB_ATTEMPTS_MAX) {
        char last[REASON_QUOTED_MAX], text[LINK_STRING_MAX];
        words_copy(last, sizeof last, j->reason);
        (void)snprintf(text, sizeof text, "%u attempts failed; the last one: %s", j->attempts,
                       last);
        job_table_give_up(s, j, tell, false, text, now_ms);
    } else {
        redispatch(s, j, tell, j->reason, now_ms);
    }
    attempts_assign(s, now_ms);
}

/* Why another transcoder should have the job; NULL: none should. */
static const char *why_move(const struct job_table *s, const struct job *j, int64_t now_ms)
{
    if (j->state == JOB_OFFERED) {
        return now_ms - j->offered_ms >= s->config.answer_ms ? "the transcoder did not answer"
                                                             : NULL;
    }
    bool late = s->config.late_ms > 0 && j->late < JOB_LATE_MAX &&
                job_is_late(j, s->config.late_ms, now_ms);
    return late ? "the transcoder is late" : NULL;
}

void attempt_check_progress(struct job_table *s, struct job *j, int64_t now_ms)
{
    attempt_pump(s, j, now_ms);
    const char *why = why_move(s, j, now_ms);
    if (why != NULL && job_is_complete(j)) {
        job_table_finish(s, j, true, now_ms); /* only the JOB_DONE does not come */
        return;
    }
    if (why == NULL || pick(s, j, now_ms, j->transcoder->peer) == NULL) {
        return;
    }
    link_peer peer = j->transcoder->peer;
    if (j->state == JOB_ACTIVE) {
        j->late++;
        s->counters.late++;
    }
    redispatch(s, j, true, why, now_ms);
    /* So that it does not go straight back; a free place in the ring, as attempts do not grow. */
    j->avoided[j->attempts % JOB_ATTEMPTS_MAX] =
        (struct job_avoided){.peer = peer, .until_ms = now_ms + JOB_AVOID_MS};
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

void job_table_transcoder_lost(struct job_table *s, link_peer peer, int64_t now_ms)
{
    struct transcoder *t = roster_transcoder(&s->roster, peer);
    if (t == NULL) {
        return;
    }
    LIST_EACH (&t->jobs, it, tmp) {
        struct job *j = LIST_ITEM(it, struct job, place);
        j->losses++;
        if (job_is_complete(j)) {
            job_table_finish(s, j, false, now_ms);
        } else if (j->losses >= JOB_LOSSES_MAX) {
            job_table_give_up(s, j, false, false,
                              "too many transcoders were lost with this segment", now_ms);
        } else {
            redispatch(s, j, false, "the transcoder has gone", now_ms);
        }
    }
    roster_leave_transcoder(&s->roster, t);
    attempts_assign(s, now_ms);
}

static void accept(struct job_table *s, struct job *j)
{
    j->state = JOB_ACTIVE;
    if (!j->was_accepted) {
        j->was_accepted = true;
        struct link_msg m = {.type = LINK_JOB_ACCEPT, .job = j->origin, .reason = ""};
        (void)s->out.send(s->out.arg, j->broadcaster->peer, &m, NULL);
    }
}

void job_table_accepted(struct job_table *s, link_peer peer, uint64_t attempt)
{
    struct job *j = find_attempt(s, peer, attempt);
    if (j != NULL) {
        accept(s, j);
    }
}

void job_table_refused(struct job_table *s, link_peer peer, uint64_t attempt, const char *reason,
                       int64_t now_ms)
{
    struct job *j = find_attempt(s, peer, attempt);
    if (j != NULL) {
        attempt_failed(s, j, false, reason, now_ms);
    }
}

static void pass_on(struct job_table *s, struct job *j, uint32_t rung, const struct link_unit *unit,
                    struct blob *payload, int64_t now_ms)
{
    struct link_msg m = {.type = LINK_RUNG_UNIT, .job = j->origin, .reason = ""};
    m.unit = *unit;
    m.unit.rung = rung;
    enum err e = s->out.send(s->out.arg, j->broadcaster->peer, &m, payload);
    if (e != ERR_OK) {
        job_table_give_up(s, j, true, false, "the broadcaster takes its results too slowly",
                          now_ms);
        attempts_assign(s, now_ms);
        return;
    }
    struct link_rung_total before = j->rungs[rung].total;
    job_deliver(j, rung, unit, blob_span(payload).len, now_ms);
    uint64_t frames = j->rungs[rung].total.frames - before.frames;
    uint64_t pixels = j->rungs[rung].total.pixels - before.pixels;
    j->transcoder->frames += frames;
    j->transcoder->pixels += pixels;
    j->broadcaster->frames += frames;
    j->broadcaster->pixels += pixels;
    s->counters.frames += frames;
    s->counters.pixels += pixels;
}

void job_table_rung_unit(struct job_table *s, link_peer peer, uint64_t attempt,
                         const struct link_unit *unit, struct blob *payload, int64_t now_ms)
{
    struct job *j = find_attempt(s, peer, attempt);
    if (j == NULL) {
        return;
    }
    uint32_t rung;
    const char *why;
    if (job_check(j, unit, &rung, &why) != ERR_OK) {
        s->counters.bad_units++;
        attempt_failed(s, j, true, why, now_ms);
        return;
    }
    if (j->state == JOB_OFFERED) {
        accept(s, j);
    }
    pass_on(s, j, rung, unit, payload, now_ms);
}

void job_table_done(struct job_table *s, link_peer peer, uint64_t attempt,
                    const struct link_job_done *done, int64_t now_ms)
{
    struct job *j = find_attempt(s, peer, attempt);
    if (j == NULL) {
        return;
    }
    if (!job_is_complete(j)) {
        attempt_failed(s, j, true, "it said done before every rung was complete", now_ms);
        return;
    }
    j->cpu_us += done->cpu_us;
    j->transcoder->done++;
    job_table_finish(s, j, false, now_ms);
    attempts_assign(s, now_ms);
}

void job_table_failed(struct job_table *s, link_peer peer, uint64_t attempt, const char *reason,
                      bool final, int64_t now_ms)
{
    struct job *j = find_attempt(s, peer, attempt);
    if (j == NULL) {
        return;
    }
    if (!final || job_is_complete(j)) {
        attempt_failed(s, j, false, reason, now_ms);
        return;
    }
    j->transcoder->failed++;
    words_copy(j->reason, sizeof j->reason, reason);
    job_table_give_up(s, j, false, true, j->reason, now_ms);
    attempts_assign(s, now_ms);
}

void job_table_writable(struct job_table *s, link_peer peer, int64_t now_ms)
{
    struct transcoder *t = roster_transcoder(&s->roster, peer);
    if (t == NULL) {
        return;
    }
    LIST_EACH (&t->jobs, it, tmp) {
        attempt_pump(s, LIST_ITEM(it, struct job, place), now_ms);
    }
}
