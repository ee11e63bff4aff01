/* The job table's side towards broadcasters: jobs that open, grow and end. */
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "orchestrator/job_table_internal.h"
#include "orchestrator/words.h"

/* In thousandths; of a source that says it has more the rungs weigh no more than this. */
#define SOURCE_FPS_MAX 240000

static void hold(struct job_table *s, struct broadcaster *b, size_t bytes)
{
    b->held_bytes += bytes;
    s->held_bytes += bytes;
}

static void release(struct job_table *s, struct broadcaster *b, size_t bytes)
{
    b->held_bytes -= bytes;
    s->held_bytes -= bytes;
}

void job_table_close(struct job_table *s, struct job *j, const char *reason, int64_t now_ms)
{
    for (size_t i = 0; i < JOB_TRIES; i++) {
        if (j->tries[i].transcoder != NULL) {
            attempt_end(s, &j->tries[i], true, reason, now_ms);
        }
    }
    list_remove(&j->place);
    list_remove(&j->of_peer);
    list_remove(&j->by_origin);
    j->broadcaster->open_jobs--;
    session_leave(j->session, now_ms);
    release(s, j->broadcaster, j->bytes);
    s->n_jobs--;
    if (j->paid_pixels > 0 && s->out.closed != NULL) {
        s->out.closed(s->out.arg, j->broadcaster->peer, j->paid_pixels);
    }
    job_destroy(j);
}

void job_table_answer(struct job_table *s, link_peer peer, const struct link_msg *m)
{
    /* What cannot be queued for a broadcaster any more is answered by its own deadline. */
    (void)s->out.send(s->out.arg, peer, m, NULL);
}

/* Who has most to do with it now, for the log. */
static const struct transcoder *worker_of(const struct job *j)
{
    for (size_t i = 0; i < JOB_TRIES; i++) {
        if (j->tries[i].transcoder != NULL) {
            return j->tries[i].transcoder;
        }
    }
    return NULL;
}

void job_table_give_up(struct job_table *s, struct job *j, bool final, const char *reason,
                       int64_t now_ms)
{
    s->counters.failed++;
    j->broadcaster->failed++;
    job_table_answer(
        s, j->broadcaster->peer,
        &(struct link_msg){
            .type = LINK_JOB_FAILED, .job = j->origin, .reason = reason, .final = final});
    job_table_note(s, JOB_NOTE_FAILED, j, worker_of(j), JOB_NO_RUNG, reason, now_ms);
    job_table_close(s, j, "the orchestrator gave the job up", now_ms);
}

void job_table_refuse(struct job_table *s, struct job *j, const char *reason, int64_t now_ms)
{
    s->counters.refused++;
    job_table_answer(
        s, j->broadcaster->peer,
        &(struct link_msg){.type = LINK_JOB_REFUSE, .job = j->origin, .reason = reason});
    job_table_note(s, JOB_NOTE_REFUSED, j, NULL, JOB_NO_RUNG, reason, now_ms);
    job_table_close(s, j, reason, now_ms);
}

void job_table_fail(struct job_table *s, struct job *j, int64_t now_ms)
{
    char last[REASON_QUOTED_MAX], text[LINK_STRING_MAX];
    words_copy(last, sizeof last, j->reason);
    (void)snprintf(text, sizeof text, "%u attempts failed; the last one: %s", j->attempts, last);
    job_table_give_up(s, j, false, text, now_ms);
}

/* Another one has made what it said could not be made. */
static void charge_blamer(struct job_table *s, const struct job *j, int64_t now_ms)
{
    struct transcoder *t = roster_transcoder(&s->roster, j->blamer);
    if (t != NULL && standing_failed(&t->standing, now_ms)) {
        s->counters.suspensions++;
        job_table_note(s, JOB_NOTE_SUSPENDED, j, t, JOB_NO_RUNG,
                       "it calls segments faulty that others transcode", now_ms);
    }
}

void job_table_finish(struct job_table *s, struct job *j, int64_t now_ms)
{
    s->counters.done++;
    j->broadcaster->done++;
    histogram_observe(&s->times.work, (now_ms - j->offered_ms) * 1000);
    histogram_observe(&s->times.whole, (now_ms - j->opened_ms) * 1000);
    struct link_msg m = {.type = LINK_JOB_DONE, .job = j->origin, .reason = ""};
    m.done.n_rungs = j->open.n_ladder;
    m.done.cpu_us = j->cpu_us;
    for (size_t i = 0; i < j->open.n_ladder; i++) {
        m.done.rungs[i] = j->rungs[i].total;
    }
    job_table_answer(s, j->broadcaster->peer, &m);
    job_table_note(s, JOB_NOTE_DONE, j, worker_of(j), JOB_NO_RUNG, "", now_ms);
    charge_blamer(s, j, now_ms);
    over_jobs_add(&s->over, j);
    job_table_close(s, j, "every rung is complete", now_ms);
}

static size_t origin_bucket(link_peer peer, uint64_t job)
{
    return (size_t)((job ^ ((uint64_t)peer * 0x9E3779B97F4A7C15u)) & (JOB_TABLE_BUCKETS - 1));
}

static struct job *find_origin(struct job_table *s, link_peer peer, uint64_t job)
{
    LIST_EACH (&s->by_origin[origin_bucket(peer, job)], it, tmp) {
        struct job *j = LIST_ITEM(it, struct job, by_origin);
        if (j->origin == job && j->broadcaster->peer == peer) {
            return j;
        }
    }
    return NULL;
}

enum err job_table_broadcaster_joined(struct job_table *s, link_peer peer, const char *address,
                                      const struct link_hello *hello, int64_t now_ms)
{
    struct broadcaster *b;
    return roster_join_broadcaster(&s->roster, peer, address, hello, now_ms, &b);
}

void job_table_broadcaster_lost(struct job_table *s, link_peer peer, int64_t now_ms)
{
    struct broadcaster *b = roster_broadcaster(&s->roster, peer);
    if (b == NULL) {
        return;
    }
    const char *reason = "the broadcaster has gone";
    LIST_EACH (&b->jobs, it, tmp) {
        struct job *j = LIST_ITEM(it, struct job, of_peer);
        s->counters.cancelled++;
        job_table_note(s, JOB_NOTE_CANCELLED, j, worker_of(j), JOB_NO_RUNG, reason, now_ms);
        job_table_close(s, j, reason, now_ms);
    }
    sessions_end_broadcaster(&s->sessions, peer);
    roster_leave_broadcaster(&s->roster, b);
    attempts_assign(s, now_ms);
}

static void refuse(struct job_table *s, const struct broadcaster *b, uint64_t job,
                   const struct link_job_open *open, const char *reason)
{
    s->counters.refused++;
    job_table_answer(s, b->peer,
                     &(struct link_msg){.type = LINK_JOB_REFUSE, .job = job, .reason = reason});
    if (s->out.note != NULL) {
        struct job_note n = {
            .type = JOB_NOTE_REFUSED,
            .stream = open->stream,
            .msn = open->msn,
            .job = job,
            .broadcaster = b->name,
            .transcoder = "",
            .rung = "",
            .reason = reason,
        };
        s->out.note(s->out.arg, &n);
    }
}

/* NULL: the job can be taken as far as its content goes. */
static const char *check_open(const struct link_job_open *open)
{
    if (!id_valid(span_cstr(open->stream))) {
        return "the stream's name is not valid";
    }
    if (open->n_ladder == 0 || open->n_ladder > PROFILE_LADDER_MAX) {
        return "the ladder has no rung or too many";
    }
    for (size_t i = 0; i < open->n_ladder; i++) {
        if (open->ladder[i].width == 0 || open->ladder[i].height == 0) {
            return "a rung has no size";
        }
    }
    if (open->deadline_ms == 0) {
        return "the job has no time";
    }
    return NULL;
}

static bool has_room(const struct job_table *s, const struct broadcaster *b, size_t bytes)
{
    return b->held_bytes + bytes <= s->config.broadcaster_bytes &&
           s->held_bytes + bytes <= s->config.total_bytes;
}

static void add(struct job_table *s, struct job *j)
{
    struct broadcaster *b = j->broadcaster;
    list_push_back(&b->jobs, &j->of_peer);
    list_push_back(&s->by_origin[origin_bucket(b->peer, j->origin)], &j->by_origin);
    hold(s, b, j->bytes);
    b->open_jobs++;
    s->n_jobs++;
    s->counters.opened++;
    job_table_enqueue(s, j, j->opened_ms);
}

/* NULL, and the broadcaster has been told why, when the job cannot be taken. */
static struct session *admit(struct job_table *s, struct broadcaster *b, uint64_t job,
                             const struct link_job_open *open)
{
    const char *why = check_open(open);
    if (why == NULL && s->n_jobs >= s->config.max_jobs) {
        why = "the orchestrator has too many jobs open";
    }
    if (why == NULL && !has_room(s, b, job_open_bytes(open))) {
        why = "the orchestrator holds as many bytes as it may";
    }
    if (why != NULL) {
        refuse(s, b, job, open, why);
        return NULL;
    }
    struct session *session;
    enum err e = sessions_enter(&s->sessions, b->peer, open->stream, &session);
    if (e == ERR_STATE) {
        refuse(s, b, job, open, "the stream has too many segments open");
        return NULL;
    }
    if (e != ERR_OK) {
        char text[LINK_STRING_MAX];
        (void)snprintf(text, sizeof text,
                       "OrchestratorCapped: %u streams are being transcoded and -maxSessions is %u",
                       s->sessions.count, s->sessions.max);
        refuse(s, b, job, open, text);
        return NULL;
    }
    return session;
}

/* NULL: it is reserved for, or nothing has a price. */
static const char *reserve(struct job_table *s, struct job *j)
{
    if (s->out.open == NULL) {
        return NULL;
    }
    uint64_t pixels = job_open_rate(j, true) * (JOB_TABLE_PAID_MS / 1000);
    const char *why = s->out.open(s->out.arg, j->broadcaster->peer, pixels);
    j->paid_pixels = why == NULL ? pixels : 0;
    return why;
}

void job_table_open(struct job_table *s, link_peer peer, uint64_t job,
                    const struct link_job_open *open, int64_t now_ms)
{
    struct broadcaster *b = roster_broadcaster(&s->roster, peer);
    if (b == NULL || find_origin(s, peer, job) != NULL) {
        s->counters.stray++;
        return;
    }
    struct session *session = admit(s, b, job, open);
    if (session == NULL) {
        return;
    }
    struct job *j = job_create(open);
    if (j == NULL) {
        session_turn_away(&s->sessions, session);
        refuse(s, b, job, open, "the orchestrator is out of memory");
        return;
    }
    int64_t time_ms = open->deadline_ms;
    j->broadcaster = b;
    j->session = session;
    j->source_fps = session->source_fps;
    j->origin = job;
    j->opened_ms = now_ms;
    j->deadline_ms =
        now_ms + (time_ms < JOB_TABLE_DEADLINE_MAX_MS ? time_ms : JOB_TABLE_DEADLINE_MAX_MS);
    if (now_ms < session->avoid_until_ms) {
        job_avoid(j, session->avoided, session->avoid_until_ms);
    }
    const char *unpaid = reserve(s, j);
    if (unpaid != NULL) {
        job_destroy(j);
        session_turn_away(&s->sessions, session);
        refuse(s, b, job, open, unpaid);
        return;
    }
    add(s, j);
    job_table_note(s, JOB_NOTE_OPENED, j, worker_of(j), JOB_NO_RUNG, "", now_ms);
    rungs_plan_job(s, j, now_ms);
    attempts_assign(s, now_ms);
}

/* Makes room for more bytes of j: gives up the newest jobs of that broadcaster, for the older ones
 * are nearer to their viewers. False: j itself had to go. */
static bool make_room(struct job_table *s, struct job *j, size_t bytes, int64_t now_ms)
{
    if (j->bytes + bytes > s->config.job_bytes) {
        job_table_give_up(s, j, false, "the segment is larger than the orchestrator holds", now_ms);
        return false;
    }
    struct broadcaster *b = j->broadcaster;
    while (!has_room(s, b, bytes)) {
        struct job *newest = LIST_ITEM(b->jobs.prev, struct job, of_peer);
        bool is_self = newest == j;
        job_table_give_up(s, newest, false,
                          b->held_bytes + bytes > s->config.broadcaster_bytes
                              ? "the orchestrator holds as many bytes of this broadcaster as it may"
                              : "the orchestrator holds as many bytes as it may",
                          now_ms);
        if (is_self) {
            return false;
        }
    }
    return true;
}

/* How many pictures a second the source has: rungs with its own rate count as that. */
static void learn_rate(struct job *j)
{
    int64_t ticks = j->last_dts - j->first_dts;
    if (j->has_last && j->frames > 1 && ticks > 0) {
        uint64_t rate = (j->frames - 1) * 1000 * TICKS_PER_S / (uint64_t)ticks;
        j->session->source_fps = rate < SOURCE_FPS_MAX ? (uint32_t)rate : SOURCE_FPS_MAX;
    }
}

void job_table_unit(struct job_table *s, link_peer peer, uint64_t job, const struct link_unit *unit,
                    struct blob *payload, int64_t now_ms)
{
    struct job *j = find_origin(s, peer, job);
    if (j == NULL) {
        s->counters.stray++;
        return;
    }
    if (!make_room(s, j, job_unit_bytes(unit, payload), now_ms)) {
        attempts_assign(s, now_ms);
        return;
    }
    size_t before = j->bytes;
    const char *why = "the orchestrator is out of memory";
    if (job_keep(j, unit, payload, now_ms, &why) != ERR_OK) {
        job_table_give_up(s, j, false, why, now_ms);
        attempts_assign(s, now_ms);
        return;
    }
    hold(s, j->broadcaster, j->bytes - before);
    learn_rate(j);
    for (size_t i = 0; i < JOB_TRIES; i++) {
        if (j->tries[i].transcoder != NULL) {
            attempt_pump(s, &j->tries[i], now_ms);
        }
    }
}

bool job_table_drop_newest(struct job_table *s, link_peer broadcaster, const char *reason,
                           int64_t now_ms)
{
    struct broadcaster *b = roster_broadcaster(&s->roster, broadcaster);
    if (b == NULL || list_empty(&b->jobs)) {
        return false;
    }
    job_table_give_up(s, LIST_ITEM(b->jobs.prev, struct job, of_peer), false, reason, now_ms);
    return true;
}

void job_table_cancel(struct job_table *s, link_peer peer, uint64_t job, int64_t now_ms)
{
    struct job *j = find_origin(s, peer, job);
    if (j == NULL) {
        s->counters.stray++;
        return;
    }
    const char *reason = "the broadcaster cancelled the job";
    s->counters.cancelled++;
    job_table_note(s, JOB_NOTE_CANCELLED, j, worker_of(j), JOB_NO_RUNG, reason, now_ms);
    job_table_close(s, j, reason, now_ms);
    attempts_assign(s, now_ms);
}

/* Its input is kept no more: its broadcaster opens it anew, and whoever made it is passed over. */
static void reject_over(struct job_table *s, const struct over_job *o, uint32_t rung,
                        const char *reason, int64_t now_ms)
{
    s->counters.rungs_rejected++;
    struct transcoder *t = roster_transcoder(&s->roster, o->makers[rung]);
    struct job_note n = {
        .type = JOB_NOTE_RUNG_REJECTED,
        .stream = o->stream,
        .msn = o->msn,
        .job = o->origin,
        .broadcaster = roster_broadcaster(&s->roster, o->broadcaster)->name,
        .transcoder = t != NULL ? t->name : "",
        .rung = "",
        .reason = reason,
    };
    if (s->out.note != NULL) {
        s->out.note(s->out.arg, &n);
    }
    struct session *session = sessions_find(&s->sessions, o->broadcaster, o->stream);
    if (session != NULL) {
        session->avoided = o->makers[rung];
        session->avoid_until_ms = now_ms + JOB_AVOID_MS;
    }
    if (t == NULL) {
        return;
    }
    t->failed++;
    if (standing_failed(&t->standing, now_ms)) {
        s->counters.suspensions++;
        n.type = JOB_NOTE_SUSPENDED;
        n.suspend_ms = t->standing.suspend_ms;
        if (s->out.note != NULL) {
            s->out.note(s->out.arg, &n);
        }
    }
}

void job_table_rung_reject(struct job_table *s, link_peer peer, uint64_t job,
                           const struct link_rung_word *word, const char *reason, int64_t now_ms)
{
    struct job *j = find_origin(s, peer, job);
    struct over_job *over = j == NULL ? over_jobs_find(&s->over, peer, job) : NULL;
    if (over != NULL && word->rung < over->n_rungs && over->makers[word->rung] != 0) {
        reject_over(s, over, word->rung, reason, now_ms);
        over->makers[word->rung] = 0; /* once */
        return;
    }
    if (j == NULL || job_reject(j, word->rung, word->part) != ERR_OK) {
        s->counters.stray++;
        return;
    }
    const struct job_rung *r = &j->rungs[word->rung];
    struct transcoder *t = roster_transcoder(&s->roster, r->maker);
    s->counters.rungs_rejected++;
    job_table_note(s, JOB_NOTE_RUNG_REJECTED, j, t, word->rung, reason, now_ms);
    words_copy(j->reason, sizeof j->reason, reason);
    if (j->rejected != r->made_by) {
        /* All rungs of an attempt are as bad as one. */
        j->rejected = r->made_by;
        if (t != NULL) {
            attempt_charge(s, j, t, reason, now_ms);
        }
        j->attempts++;
    }
    if (j->attempts >= s->config.max_attempts) {
        job_table_fail(s, j, now_ms);
    } else {
        attempts_begin_anew(s, j, word->rung, reason, now_ms);
    }
    attempts_assign(s, now_ms);
}
