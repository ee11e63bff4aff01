/* Whom the job table asks for a job. */
#include "orchestrator/dispatch.h"
#include "orchestrator/job_table_internal.h"

static bool is_avoided(const struct job_avoided *a, enum job_ask_level level, int64_t now_ms)
{
    if (a->peer == 0) {
        return false;
    }
    bool may_again = level == JOB_ASK_ANYBODY || (level == JOB_ASK_LATE_TOO && a->was_late);
    return now_ms < a->until_ms || !may_again;
}

static void fill(const struct job *j, enum job_ask_level level, uint64_t rate, int64_t now_ms,
                 link_peer avoided[JOB_ASK_AVOIDED], struct dispatch_ask *ret_ask)
{
    size_t n = 0;
    for (size_t i = 0; i < JOB_AVOIDED_MAX; i++) {
        if (is_avoided(&j->avoided[i], level, now_ms)) {
            avoided[n++] = j->avoided[i].peer;
        }
    }
    *ret_ask = (struct dispatch_ask){
        .rate = rate,
        .last = j->session->last,
        /* Parts of one segment share their parameter sets: only an equal encoder may go on. */
        .encoder = j->has_delivered ? j->encoder : NULL,
        .avoided = avoided,
        .n_avoided = n,
        .is_whole = j->has_last,
        .has_place = !j->has_last && !j->session->is_over && session_has_place(j->session, now_ms),
        .is_behind = j->session->at_work >= SESSION_AT_WORK_FULL,
        .now_ms = now_ms,
    };
}

void job_ask_open(const struct job_table *s, const struct job *j, uint64_t rate, int64_t now_ms,
                  link_peer avoided[JOB_ASK_AVOIDED], struct dispatch_ask *ret_ask)
{
    bool has_waited = now_ms - j->queued_ms >= JOB_TABLE_STRETCH_AFTER_MS;
    fill(j, has_waited ? JOB_ASK_LATE_TOO : JOB_ASK_UNTRIED, rate, now_ms, avoided, ret_ask);
    if (ret_ask->n_avoided > 0 && !dispatch_is_possible(&s->roster, ret_ask)) {
        fill(j, JOB_ASK_ANYBODY, rate, now_ms, avoided, ret_ask);
    }
    ret_ask->may_stretch = has_waited && !j->session->is_over;
    ret_ask->only_spare = j->session->is_over;
    ret_ask->may_take_turns = s->has_room_for_all;
    /* What is wrong with one transcoder may be wrong with all of its host. */
    const struct transcoder *blamer = roster_transcoder(&s->roster, j->blamer);
    if (blamer != NULL) {
        ret_ask->not_address = blamer->address;
        if (!dispatch_is_possible(&s->roster, ret_ask)) {
            ret_ask->not_address = NULL;
        }
    }
}

bool job_may_be_confirmed(const struct job_table *s, const struct job *j, int64_t now_ms)
{
    link_peer avoided[JOB_ASK_AVOIDED];
    struct dispatch_ask ask;
    /* Who is not asked for a moment is there after it. */
    fill(j, JOB_ASK_LATE_TOO, 1, now_ms + JOB_AVOID_MS, avoided, &ask);
    ask.now_ms = now_ms;
    return dispatch_is_possible(&s->roster, &ask);
}

void job_ask_other(const struct job_table *s, const struct job *j, int64_t now_ms,
                   link_peer avoided[JOB_ASK_AVOIDED], struct dispatch_ask *ret_ask)
{
    (void)s;
    fill(j, JOB_ASK_UNTRIED, job_open_rate(j, true), now_ms, avoided, ret_ask);
    for (size_t i = 0; i < JOB_TRIES; i++) {
        if (j->tries[i].transcoder != NULL) {
            avoided[ret_ask->n_avoided++] = j->tries[i].transcoder->peer;
        }
    }
    ret_ask->only_spare = true;
}
