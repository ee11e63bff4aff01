#include "broadcaster/stream/cutter.h"

void cutter_init(struct cutter *c)
{
    *c = (struct cutter){0};
}

static bool begins_at_idr(const struct cutter *c, int64_t elapsed)
{
    int64_t slack = c->last_step / 2;
    if (elapsed + slack >= CUTTER_TARGET_TICKS) {
        return true;
    }
    /* An IDR inside a segment that has none at its start is worth a shorter segment, and so is the
     * last one that comes before the limit. */
    return elapsed + slack >= CUTTER_MIN_TICKS &&
           (!c->independent || elapsed + c->gop_ticks > CUTTER_LIMIT_TICKS);
}

/* Whether all pictures up to the newest one shown have come, so that none that follows is shown
 * before it. The last packet in decoding order then has the DTS that belongs to the newest picture:
 * as far before its PTS as at the IDR. */
static bool closed_in_showing(const struct cutter *c)
{
    return c->newest_pts - c->last_dts <= c->delay + c->last_step / 2;
}

/* Elsewhere than at an IDR. What is shown across a cut would be shown twice, or out of order, where
 * each segment is transcoded for itself: as long as there is time, a better place is waited for. */
static bool begins_on_time(const struct cutter *c, int64_t elapsed)
{
    if (elapsed + c->last_step > CUTTER_LIMIT_TICKS) {
        return true;
    }
    if (!closed_in_showing(c)) {
        return false;
    }
    int64_t until_idr = c->gop_ticks > 0 ? c->idr_dts + c->gop_ticks - c->start : 0;
    if (until_idr > CUTTER_LIMIT_TICKS) {
        /* The even division of what is left of a GOP that is too long for one segment. */
        int64_t n = (until_idr + CUTTER_TARGET_TICKS - 1) / CUTTER_TARGET_TICKS;
        return elapsed + c->last_step / 2 >= until_idr / n;
    }
    return until_idr < elapsed && c->delay > 0 && elapsed >= CUTTER_SEEK_TICKS;
}

static void note_idr(struct cutter *c, const struct packet *p)
{
    if (c->open) {
        c->gop_ticks = p->dts - c->idr_dts;
    }
    c->idr_dts = p->dts;
    c->delay = p->pts - p->dts;
}

struct cut cutter_push(struct cutter *c, const struct packet *p, bool force)
{
    struct cut cut = {0};
    bool idr = (p->flags & PACKET_KEY) != 0;
    if (!c->open && !idr && !force) {
        cut.drop = true;
        return cut;
    }
    int64_t elapsed = c->open ? p->dts - c->start : 0;
    if (c->open) {
        c->last_step = p->dts - c->last_dts;
    }
    if (idr) {
        note_idr(c, p);
    }
    if (!c->open || force) {
        cut.begins = true;
    } else {
        cut.begins = idr ? begins_at_idr(c, elapsed) : begins_on_time(c, elapsed);
    }
    if (cut.begins) {
        cut.hole = elapsed > CUTTER_LONGEST_TICKS;
        cut.closed_duration = cut.hole ? CUTTER_LIMIT_TICKS : elapsed;
        cut.independent = idr;
        c->independent = idr;
        c->start = p->dts;
        c->open = true;
    }
    c->last_dts = p->dts;
    c->newest_pts = cut.begins || p->pts > c->newest_pts ? p->pts : c->newest_pts;
    return cut;
}

int64_t cutter_begin(struct cutter *c, int64_t at, bool independent)
{
    int64_t duration = c->open ? at - c->start : 0;
    c->open = true;
    c->independent = independent;
    c->start = at;
    c->last_dts = c->last_dts > at ? c->last_dts : at;
    c->newest_pts = at;
    return duration;
}

int64_t cutter_close(struct cutter *c)
{
    if (!c->open) {
        return 0;
    }
    int64_t step = c->last_step > 0 ? c->last_step : TICKS_PER_S / 30;
    /* With what is shown between them missing, the newest is shown later than in its turn. */
    int64_t shown = c->newest_pts - c->delay;
    int64_t last = shown > c->last_dts ? shown : c->last_dts;
    int64_t duration = last - c->start + step;
    duration = duration < CUTTER_LONGEST_TICKS ? duration : CUTTER_LONGEST_TICKS;
    cutter_init(c);
    return duration;
}
