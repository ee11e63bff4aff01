/* Rungs that are given up when nobody has room for all. */
#include "orchestrator/dispatch.h"
#include "orchestrator/job_table_internal.h"

#define SHED_MAX 64 /* rungs in one go; the rest next time */

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
static int64_t patience_ms(const struct job *j)
{
    int64_t part_ms = (j->deadline_ms - j->opened_ms) / JOB_TABLE_SHED_PART;
    return part_ms < JOB_TABLE_SHED_MAX_MS ? part_ms : JOB_TABLE_SHED_MAX_MS;
}

/* One of its rungs could be done now if others of it were not to be. most: for any job. */
static bool may_shed(const struct job_table *s, const struct job *j, uint64_t most, int64_t now_ms)
{
    bool has_waited =
        now_ms - j->queued_ms >= patience_ms(j) || now_ms < j->session->short_until_ms;
    uint64_t least = has_waited && open_rungs(j) > 1 ? smallest_rate(j) : UINT64_MAX;
    if (least > most) {
        return false;
    }
    link_peer avoided[JOB_ASK_AVOIDED];
    struct dispatch_ask ask;
    job_ask_open(s, j, 1, now_ms, avoided, &ask);
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
    j->session->short_until_ms = now_ms + JOB_TABLE_SHORT_MS;
    s->counters.rungs_given_up++;
    struct link_msg m = {.type = LINK_RUNG_GIVEN_UP, .job = j->origin, .reason = reason};
    m.word.rung = rung;
    job_table_answer(s, j->broadcaster->peer, &m);
    job_table_note(s, JOB_NOTE_RUNG_GIVEN_UP, j, NULL, rung, reason, now_ms);
    attempts_settle(s, j, now_ms);
}

void rungs_shed(struct job_table *s, int64_t now_ms)
{
    for (unsigned n = 0; n < SHED_MAX && !list_empty(&s->queue); n++) {
        struct dispatch_ask anyone = {.now_ms = now_ms};
        uint64_t most = dispatch_most(&s->roster, &anyone);
        uint32_t rung;
        struct job *j = most > 0 ? least_worth(s, most, now_ms, &rung) : NULL;
        if (j == NULL) {
            return;
        }
        give_up_rung(s, j, rung, now_ms);
        attempts_assign(s, now_ms);
    }
}
