/* Rungs that are given up when nobody has room for all. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "orchestrator/dispatch.h"
#include "orchestrator/job_table_internal.h"

#define SHED_MAX 64 /* rungs in one go; the rest next time */

static const char no_room[] = "every transcoder is full: there is no room for any rung of this "
                              "segment; start more transcoders";

/* There is not room for all: the plan is in force. */
static bool is_short(const struct job_table *s, int64_t now_ms)
{
    return now_ms < s->short_until_ms || s->is_limited;
}

static unsigned open_rungs(const struct job *j)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < j->open.n_ladder; i++) {
        n += job_rung_is_open(j, i);
    }
    return n;
}

static uint64_t smallest_rate(const struct job *j)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < j->open.n_ladder; i++) {
        uint64_t rate = job_rung_is_open(j, i) ? job_rung_rate(j, i) : UINT64_MAX;
        least = rate < least ? rate : least;
    }
    return least;
}

/* For as long a job keeps all of its rungs, whatever is believed of the transcoders. */
static int64_t patience_ms(const struct job_table *s, const struct job *j,
                           const struct dispatch_ask *ask)
{
    int64_t part_ms = (j->deadline_ms - j->opened_ms) / JOB_TABLE_SHED_PART;
    int64_t most_ms =
        dispatch_is_beyond_all(&s->roster, ask) ? JOB_TABLE_SHED_SURE_MS : JOB_TABLE_SHED_MAX_MS;
    return part_ms < most_ms ? part_ms : most_ms;
}

/* One of its rungs could be done now if others of it were not to be. most: for any job. */
static bool may_shed(const struct job_table *s, const struct job *j, uint64_t most, int64_t now_ms)
{
    uint64_t least = smallest_rate(j);
    if (open_rungs(j) <= 1 || least > most) {
        return false;
    }
    link_peer avoided[JOB_ASK_AVOIDED];
    struct dispatch_ask ask;
    job_ask_open(s, j, job_open_rate(j, false), now_ms, avoided, &ask);
    ask.is_whole = false; /* those are only done in turn */
    if (now_ms >= j->session->short_until_ms && now_ms - j->queued_ms < patience_ms(s, j, &ask)) {
        return false;
    }
    return least <= dispatch_most(&s->roster, &ask) && dispatch_all_full(&s->roster, &ask);
}

/* Fewest viewers first, then most pixels; of equals the one that stands last in its ladder. */
static bool is_worth_less(const struct job *a, uint32_t rung_a, const struct job *b,
                          uint32_t rung_b)
{
    uint32_t viewers_a = a->open.ladder[rung_a].viewers, viewers_b = b->open.ladder[rung_b].viewers;
    if (viewers_a != viewers_b) {
        return viewers_a < viewers_b;
    }
    return job_rung_rate(a, rung_a) >= job_rung_rate(b, rung_b);
}

static struct job *least_worth(const struct job_table *s, uint64_t most, int64_t now_ms,
                               uint32_t *ret_rung)
{
    struct job *least = NULL;
    LIST_EACH (&s->queue, it, tmp) {
        struct job *j = LIST_ITEM(it, struct job, place);
        if (!may_shed(s, j, most, now_ms)) {
            continue;
        }
        for (uint32_t i = 0; i < j->open.n_ladder; i++) {
            if (job_rung_is_open(j, i) &&
                (least == NULL || is_worth_less(j, i, least, *ret_rung))) {
                least = j;
                *ret_rung = i;
            }
        }
    }
    return least;
}

static void give_up_rung(struct job_table *s, struct job *j, uint32_t rung, int64_t now_ms)
{
    static const char reason[] =
        "every transcoder is full: this rung is given up so that others of "
        "the segment fit; start more transcoders";
    job_give_up_rung(j, rung);
    s->counters.rungs_given_up++;
    struct link_msg m = {.type = LINK_RUNG_GIVEN_UP, .job = j->origin, .reason = reason};
    m.word.rung = rung;
    job_table_answer(s, j->broadcaster->peer, &m);
    job_table_note(s, JOB_NOTE_RUNG_GIVEN_UP, j, NULL, rung, reason, now_ms);
    attempts_settle(s, j, now_ms);
}

/* What was given up is tried again some time after the last that had to wait: less often each time
 * that it was in vain, for then all streams wait for a while. */
static void note_shortage(struct job_table *s, struct session *session, int64_t now_ms)
{
    if (now_ms >= s->short_until_ms) {
        bool again = s->short_ms > 0 && now_ms - s->short_until_ms < s->short_ms;
        int64_t ms = again ? s->short_ms * 2 : JOB_TABLE_SHORT_MS;
        s->short_ms = ms < JOB_TABLE_SHORT_MAX_MS ? ms : JOB_TABLE_SHORT_MAX_MS;
    }
    s->short_until_ms = now_ms + s->short_ms;
    session->short_until_ms = s->short_until_ms;
}

/* Its input came as it was published, not long after that: what is made good may come late. */
static bool came_live(const struct job *j)
{
    int64_t length_ms = (j->last_dts - j->first_dts) / (TICKS_PER_S / 1000);
    return !j->has_last || j->ended_ms - j->opened_ms >= length_ms / 2;
}

/* Somebody could do it if there were not that much, of whom all were late lately; or all have as
 * many jobs as they may, and its segment ended some time ago. */
static bool all_are_full(const struct job_table *s, const struct job *j, int64_t now_ms)
{
    link_peer avoided[JOB_ASK_AVOIDED];
    struct dispatch_ask ask;
    job_ask_open(s, j, job_open_rate(j, false), now_ms, avoided, &ask);
    ask.is_whole = false; /* those are only done in turn */
    bool is_old = j->has_last && now_ms - j->ended_ms >= JOB_TABLE_SHED_MAX_MS;
    return dispatch_all_full(&s->roster, &ask) || (is_old && dispatch_is_capped(&s->roster, &ask));
}

/* Nothing was left over for it, as the plan has no room for its stream, or what came before it is
 * still being made: it would come when nobody waits for it any more, and others later yet. */
static bool waits_in_vain(const struct job_table *s, const struct job *j, int64_t now_ms)
{
    int64_t waited_ms = now_ms - j->queued_ms;
    if (j->was_offered || !is_short(s, now_ms) || !came_live(j)) {
        return false;
    }
    return (j->session->is_over && waited_ms >= JOB_TABLE_SHED_MAX_MS) ||
           (waited_ms >= JOB_TABLE_STALE_MS && all_are_full(s, j, now_ms));
}

static void give_up_whole(struct job_table *s, struct job *j, int64_t now_ms)
{
    for (uint32_t i = 0; i < j->open.n_ladder; i++) {
        if (job_rung_is_open(j, i)) {
            s->counters.rungs_given_up++;
            job_table_note(s, JOB_NOTE_RUNG_GIVEN_UP, j, NULL, i, no_room, now_ms);
        }
    }
    job_table_refuse(s, j, no_room, now_ms);
}

/* It has nothing to give up, and nobody has room for the one rung that it has. */
static bool waits_for_room(const struct job_table *s, const struct job *j, int64_t now_ms)
{
    if (j->was_offered || open_rungs(j) > 1 || !came_live(j)) {
        return false;
    }
    link_peer avoided[JOB_ASK_AVOIDED];
    struct dispatch_ask ask;
    job_ask_open(s, j, job_open_rate(j, false), now_ms, avoided, &ask);
    return now_ms - j->queued_ms >= patience_ms(s, j, &ask) && all_are_full(s, j, now_ms);
}

void rungs_shed(struct job_table *s, int64_t now_ms)
{
    LIST_EACH (&s->queue, it, tmp) {
        struct job *j = LIST_ITEM(it, struct job, place);
        if (waits_in_vain(s, j, now_ms)) {
            give_up_whole(s, j, now_ms);
        } else if (!is_short(s, now_ms) && waits_for_room(s, j, now_ms)) {
            note_shortage(s, j->session, now_ms);
        }
    }
    for (unsigned n = 0; n < SHED_MAX && !list_empty(&s->queue); n++) {
        struct dispatch_ask anyone = {.now_ms = now_ms};
        uint64_t most = dispatch_most(&s->roster, &anyone);
        uint32_t rung;
        struct job *j = most > 0 ? least_worth(s, most, now_ms, &rung) : NULL;
        if (j == NULL) {
            return;
        }
        note_shortage(s, j->session, now_ms);
        give_up_rung(s, j, rung, now_ms);
        attempts_assign(s, now_ms);
    }
}

/* --- the plan: for which rungs of all streams there is room, best worth first --- */

#define PLAN_EVERY_MS 250

/* What was dropped comes back when there is room for so much more than it, not at the edge. */
#define PLAN_RETURN_DIVISOR 8

struct wish {
    struct session *session;
    size_t rung;
    uint32_t viewers;
    uint64_t rate;
    bool is_first; /* of its stream: it is never dropped */
};

static int by_worth(const void *a, const void *b)
{
    const struct wish *x = a, *y = b;
    if (x->is_first != y->is_first) {
        return x->is_first ? -1 : 1;
    }
    if (x->viewers != y->viewers) {
        return x->viewers > y->viewers ? -1 : 1;
    }
    if (x->rate != y->rate) {
        return x->rate < y->rate ? -1 : 1;
    }
    return strcmp(x->session->stream, y->session->stream);
}

/* It takes jobs, when it has room. */
static bool takes_jobs(const struct transcoder *t, int64_t now_ms)
{
    return !t->draining && t->capacity > 0 && !standing_is_suspended(&t->standing, now_ms);
}

/* How many at once all of them take. */
static uint64_t places(const struct job_table *s, int64_t now_ms)
{
    uint64_t sum = 0;
    LIST_EACH (&s->roster.transcoders, it, tmp) {
        const struct transcoder *t = LIST_ITEM(it, const struct transcoder, node);
        sum += takes_jobs(t, now_ms) ? t->capacity : 0;
    }
    return sum;
}

/* What that transcoder makes; UINT64_MAX: that is not known. */
static uint64_t speed_of(const struct transcoder *t, bool is_short, int64_t now_ms)
{
    uint64_t speed = t->standing.speed;
    if (speed == 0) {
        return UINT64_MAX;
    }
    if (is_short || t->standing.is_limited) {
        return speed;
    }
    /* Of this one it is an estimate: it may do more, and does what it has. */
    bool may_do_more = transcoder_room(t) > 0 && !standing_is_full(&t->standing, now_ms);
    return may_do_more ? UINT64_MAX : speed > t->rate ? speed : t->rate;
}

/* UINT64_MAX: of somebody it is not known. */
static uint64_t capacity(const struct job_table *s, int64_t now_ms)
{
    uint64_t sum = 0;
    LIST_EACH (&s->roster.transcoders, it, tmp) {
        const struct transcoder *t = LIST_ITEM(it, const struct transcoder, node);
        uint64_t speed =
            takes_jobs(t, now_ms) ? speed_of(t, now_ms < s->short_until_ms, now_ms) : 0;
        if (speed > UINT64_MAX - sum) {
            return UINT64_MAX;
        }
        sum += speed;
    }
    return sum;
}

/* Pixels a second to make up for what is late, in some time. */
static uint64_t owed(const struct job_table *s)
{
    uint64_t sum = 0;
    LIST_EACH (&s->roster.transcoders, it, tmp) {
        const struct transcoder *t = LIST_ITEM(it, const struct transcoder, node);
        if (t->standing.is_limited && t->owed_ms > JOB_TABLE_BEHIND_LEAST_MS) {
            sum += t->standing.speed / JOB_TABLE_RELIEF_MS * (uint64_t)t->owed_ms;
        }
    }
    return sum;
}

bool rungs_have_room(const struct job_table *s, int64_t now_ms)
{
    uint64_t made = 0, asked = 0;
    LIST_EACH (&s->roster.transcoders, it, tmp) {
        const struct transcoder *t = LIST_ITEM(it, const struct transcoder, node);
        uint64_t speed = t->standing.speed > 0 ? t->standing.speed : UINT64_MAX;
        speed = takes_jobs(t, now_ms) ? speed : 0;
        made += speed < UINT64_MAX - made ? speed : UINT64_MAX - made;
    }
    LIST_EACH (&s->sessions.all, it, tmp) {
        const struct session *session = LIST_ITEM(it, const struct session, node);
        for (size_t i = 0; session->open_jobs > 0 && i < session->n_rungs; i++) {
            asked += session->rungs[i].rate;
        }
    }
    return asked <= made;
}

static size_t best_rung(const struct session *session)
{
    size_t best = 0;
    for (size_t i = 1; i < session->n_rungs; i++) {
        uint32_t viewers = session->rungs[i].viewers, most = session->rungs[best].viewers;
        if (viewers > most ||
            (viewers == most && session->rungs[i].rate < session->rungs[best].rate)) {
            best = i;
        }
    }
    return best;
}

static size_t collect(const struct job_table *s, struct wish *wishes)
{
    size_t n = 0;
    LIST_EACH (&s->sessions.all, it, tmp) {
        struct session *session = LIST_ITEM(it, struct session, node);
        size_t best = best_rung(session);
        for (size_t i = 0; session->open_jobs > 0 && i < session->n_rungs; i++) {
            wishes[n++] = (struct wish){session, i, session->rungs[i].viewers,
                                        session->rungs[i].rate, i == best};
        }
    }
    return n;
}

static void plan(struct job_table *s, int64_t now_ms)
{
    struct wish *wishes =
        mem_try_alloc((s->sessions.count + 1) * PROFILE_LADDER_MAX * sizeof *wishes);
    if (wishes == NULL) {
        return; /* the one from before goes on */
    }
    size_t n = collect(s, wishes);
    qsort(wishes, n, sizeof *wishes, by_worth);
    uint64_t left = capacity(s, now_ms), late = owed(s), jobs = places(s, now_ms);
    for (size_t i = 0; i < n; i++) {
        bool *dropped = &wishes[i].session->rungs[wishes[i].rung].dropped;
        uint64_t more = *dropped ? wishes[i].rate / PLAN_RETURN_DIVISOR : 0;
        more += wishes[i].viewers == 0 ? late : 0;
        bool fits = wishes[i].rate <= left && more <= left - wishes[i].rate;
        fits = fits && (!wishes[i].is_first || jobs > 0);
        jobs -= fits && wishes[i].is_first;
        left -= fits ? wishes[i].rate : 0;
        *dropped = !fits && !wishes[i].is_first;
        if (wishes[i].is_first) {
            wishes[i].session->is_over = !fits;
        }
    }
    mem_free(wishes);
}

void rungs_plan_job(struct job_table *s, struct job *j, int64_t now_ms)
{
    struct session *session = j->session;
    if (j->open.msn > session->msn || session->n_rungs == 0) {
        session->msn = j->open.msn;
        session->n_rungs = j->open.n_ladder;
        for (uint32_t i = 0; i < session->n_rungs; i++) {
            session->rungs[i].rate = job_rung_rate(j, i);
            session->rungs[i].viewers = j->open.ladder[i].viewers;
        }
    }
    if (!is_short(s, now_ms)) {
        session->is_over = false;
        return;
    }
    if (j->open.msn != session->msn || j->open.n_ladder != session->n_rungs) {
        return;
    }
    if (now_ms - s->planned_ms >= PLAN_EVERY_MS || s->planned_of != s->roster.n_transcoders) {
        plan(s, now_ms);
        s->planned_ms = now_ms;
        s->planned_of = s->roster.n_transcoders;
    }
    for (uint32_t i = 0; i < session->n_rungs; i++) {
        if (session->rungs[i].dropped && job_rung_is_open(j, i) && open_rungs(j) > 1) {
            give_up_rung(s, j, i, now_ms);
        }
    }
}
