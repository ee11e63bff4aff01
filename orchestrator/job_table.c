#include "orchestrator/job_table.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "orchestrator/job_table_internal.h"
#include "orchestrator/words.h"

void job_table_config_defaults(struct job_table_config *c)
{
    *c = (struct job_table_config){
        .max_sessions = JOB_TABLE_SESSIONS_DEFAULT,
        .max_jobs = JOB_TABLE_MAX_DEFAULT,
        .job_bytes = JOB_TABLE_JOB_BYTES_DEFAULT,
        .broadcaster_bytes = JOB_TABLE_PEER_BYTES_DEFAULT,
        .total_bytes = JOB_TABLE_TOTAL_BYTES_DEFAULT,
        .answer_ms = JOB_TABLE_ANSWER_MS_DEFAULT,
        .late_ms = JOB_TABLE_LATE_MS_DEFAULT,
        .hedge_ms = JOB_TABLE_HEDGE_MS_DEFAULT,
        .max_attempts = JOB_TABLE_ATTEMPTS_DEFAULT,
    };
}

struct job_table *job_table_create(const struct job_table_config *config,
                                   const struct job_table_out *out)
{
    struct job_table *s = mem_alloc(sizeof *s);
    s->config = *config;
    s->out = *out;
    s->next_attempt = 1;
    roster_init(&s->roster);
    sessions_init(&s->sessions, config->max_sessions);
    over_jobs_init(&s->over);
    list_init(&s->queue);
    histogram_init(&s->times.queue_wait, HISTOGRAM_SHORT);
    histogram_init(&s->times.work, HISTOGRAM_LONG);
    histogram_init(&s->times.whole, HISTOGRAM_LONG);
    for (size_t i = 0; i < JOB_TABLE_BUCKETS; i++) {
        list_init(&s->by_origin[i]);
        list_init(&s->by_attempt[i]);
    }
    return s;
}

const struct roster *job_table_roster(const struct job_table *s)
{
    return &s->roster;
}

struct job_table_counters job_table_counters(const struct job_table *s)
{
    return s->counters;
}

const struct job_table_times *job_table_times(const struct job_table *s)
{
    return &s->times;
}

void job_table_set_max_sessions(struct job_table *s, unsigned max)
{
    s->sessions.max = max;
}

struct job_table_gauges job_table_gauges(const struct job_table *s)
{
    struct job_table_gauges g = {
        .sessions = s->sessions.count,
        .max_sessions = s->sessions.max,
        .held_bytes = s->held_bytes,
    };
    LIST_EACH (&s->roster.broadcasters, bit, btmp) {
        LIST_EACH (&LIST_ITEM(bit, struct broadcaster, node)->jobs, it, tmp) {
            const struct job *j = LIST_ITEM(it, const struct job, of_peer);
            enum job_state state = job_state(j);
            g.doubled += job_tries(j) > 1;
            g.queued += state == JOB_QUEUED;
            g.offered += state == JOB_OFFERED;
            g.active += state == JOB_ACTIVE;
        }
    }
    return g;
}

void job_table_note(const struct job_table *s, enum job_note_type type, const struct job *j,
                    const struct transcoder *transcoder, uint32_t rung, const char *reason,
                    int64_t now_ms)
{
    if (s->out.note == NULL) {
        return;
    }
    struct job_note n = {
        .type = type,
        .stream = j->open.stream,
        .msn = j->open.msn,
        .job = j->origin,
        .broadcaster = j->broadcaster->name,
        .transcoder = transcoder != NULL ? transcoder->name : "",
        .reason = reason,
        .rung = rung < j->open.n_ladder ? j->open.ladder[rung].name : "",
        .suspend_ms = transcoder != NULL ? transcoder->standing.suspend_ms : 0,
        .attempts = j->attempts,
        .losses = j->losses,
        .age_ms = now_ms - j->opened_ms,
    };
    s->out.note(s->out.arg, &n);
}

static bool is_before(const struct job *a, const struct job *b)
{
    if (a->deadline_ms != b->deadline_ms) {
        return a->deadline_ms < b->deadline_ms;
    }
    return a->open.msn < b->open.msn;
}

void job_table_enqueue(struct job_table *s, struct job *j, int64_t now_ms)
{
    if (!list_empty(&j->place)) {
        return;
    }
    j->queued_ms = now_ms;
    /* From the back: most come in order. */
    struct list *after = s->queue.prev;
    while (after != &s->queue && is_before(j, LIST_ITEM(after, struct job, place))) {
        after = after->prev;
    }
    list_push_back(after->next, &j->place);
}

static void pass_deadline(struct job_table *s, struct job *j, int64_t now_ms)
{
    if (job_is_complete(j)) {
        job_table_finish(s, j, now_ms);
        return;
    }
    char text[LINK_STRING_MAX];
    const struct transcoder *t = j->tries[0].transcoder;
    t = t != NULL ? t : j->tries[JOB_TRIES - 1].transcoder;
    if (t != NULL) {
        (void)snprintf(text, sizeof text, "deadline passed: transcoder %s was not done", t->name);
    } else if (s->roster.n_transcoders == 0) {
        (void)snprintf(text, sizeof text, "deadline passed: no transcoder is connected");
    } else {
        char last[REASON_QUOTED_MAX];
        words_copy(last, sizeof last, j->reason);
        (void)snprintf(text, sizeof text, "deadline passed: no transcoder %s%s%s",
                       j->has_delivered ? "with the same encoder had room to go on" : "had room",
                       last[0] != '\0' ? "; last attempt: " : "", last);
    }
    job_table_give_up(s, j, false, text, now_ms);
}

void job_table_stalled(struct job_table *s, int64_t ms, int64_t now_ms)
{
    s->calm_until_ms = now_ms + (ms < JOB_TABLE_CALM_MAX_MS ? ms : JOB_TABLE_CALM_MAX_MS);
}

/* Who is late is known of all before any job is moved: it moves to who is not. */
static void mark_late(struct job_table *s, int64_t now_ms)
{
    LIST_EACH (&s->roster.broadcasters, bit, btmp) {
        LIST_EACH (&LIST_ITEM(bit, struct broadcaster, node)->jobs, it, tmp) {
            job_mark_late(s, LIST_ITEM(it, struct job, of_peer), now_ms);
        }
    }
}

/* Nobody has the time to look at what one called faulty input: that one is believed, when it did
 * well with others. */
static bool is_believed(const struct job_table *s, const struct job *j, int64_t now_ms)
{
    const struct transcoder *t = roster_transcoder(&s->roster, j->blamer);
    bool waits = t != NULL && job_tries(j) == 0 && now_ms - j->queued_ms >= JOB_CONFIRM_MS;
    return waits && t->done > 0 && t->standing.failures == 0;
}

void job_table_tick(struct job_table *s, int64_t now_ms)
{
    bool calm = now_ms < s->calm_until_ms;
    if (!calm) {
        mark_late(s, now_ms);
    }
    LIST_EACH (&s->roster.broadcasters, bit, btmp) {
        LIST_EACH (&LIST_ITEM(bit, struct broadcaster, node)->jobs, it, tmp) {
            struct job *j = LIST_ITEM(it, struct job, of_peer);
            if (now_ms >= j->deadline_ms) {
                pass_deadline(s, j, now_ms);
            } else if (is_believed(s, j, now_ms)) {
                job_table_give_up(s, j, true, j->reason, now_ms);
            } else if (!calm) {
                job_check_progress(s, j, now_ms);
            }
        }
    }
    sessions_expire(&s->sessions, now_ms);
    transcoders_look(s, now_ms);
    attempts_assign(s, now_ms);
    if (!calm) {
        rungs_shed(s, now_ms);
    }
}

static enum err to_nobody(void *arg, link_peer to, const struct link_msg *m, struct blob *payload)
{
    return ERR_OK;
}

void job_table_destroy(struct job_table *s)
{
    if (s == NULL) {
        return;
    }
    s->out = (struct job_table_out){.send = to_nobody};
    LIST_EACH (&s->roster.broadcasters, bit, btmp) {
        LIST_EACH (&LIST_ITEM(bit, struct broadcaster, node)->jobs, it, tmp) {
            job_table_close(s, LIST_ITEM(it, struct job, of_peer), "", 0);
        }
    }
    sessions_fini(&s->sessions);
    over_jobs_fini(&s->over);
    roster_fini(&s->roster);
    mem_free(s);
}
