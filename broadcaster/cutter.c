#include "broadcaster/cutter.h"

void cutter_init(struct cutter *c)
{
    *c = (struct cutter){0};
}

/* The even division of a GOP that is too long for one segment. */
static int64_t time_cut_step(int64_t gop_ticks)
{
    if (gop_ticks <= CUTTER_LIMIT_TICKS) {
        return CUTTER_LIMIT_TICKS;
    }
    int64_t n = (gop_ticks + CUTTER_TARGET_TICKS - 1) / CUTTER_TARGET_TICKS;
    return gop_ticks / n;
}

static bool begins_at_idr(const struct cutter *c, int64_t elapsed)
{
    int64_t slack = c->last_step / 2;
    if (elapsed + slack >= CUTTER_TARGET_TICKS) {
        return true;
    }
    /* An IDR inside a segment that has none at its start is worth a shorter segment. */
    return elapsed + slack >= CUTTER_MIN_TICKS &&
           (!c->independent || c->gop_ticks > CUTTER_LIMIT_TICKS);
}

static bool begins_on_time(const struct cutter *c, int64_t elapsed)
{
    int64_t slack = c->last_step / 2;
    int64_t step = time_cut_step(c->gop_ticks);
    if (step < CUTTER_LIMIT_TICKS) {
        /* Not just before the IDR that the division aims at. */
        int64_t until_idr = c->idr_dts + c->gop_ticks - (c->start + elapsed);
        if (elapsed + slack >= step && until_idr > step / 2) {
            return true;
        }
    }
    return elapsed + c->last_step > CUTTER_LIMIT_TICKS;
}

static void note_idr(struct cutter *c, const struct packet *p)
{
    if (c->open) {
        c->gop_ticks = p->dts - c->idr_dts;
    }
    c->idr_dts = p->dts;
}

struct cut cutter_push(struct cutter *c, const struct packet *p, bool force)
{
    struct cut cut = {0};
    bool idr = (p->flags & PACKET_KEY) != 0;
    if (!c->open && !idr) {
        cut.drop = true;
        return cut;
    }
    int64_t elapsed = c->open ? p->dts - c->start : 0;
    if (c->open) {
        c->last_step = p->dts - c->last_dts;
    }
    if (!c->open || force) {
        cut.begins = true;
    } else {
        cut.begins = idr ? begins_at_idr(c, elapsed) : begins_on_time(c, elapsed);
    }
    if (idr) {
        note_idr(c, p);
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
    return cut;
}

int64_t cutter_close(struct cutter *c)
{
    if (!c->open) {
        return 0;
    }
    int64_t step = c->last_step > 0 ? c->last_step : TICKS_PER_S / 30;
    int64_t duration = c->last_dts - c->start + step;
    duration = duration < CUTTER_LONGEST_TICKS ? duration : CUTTER_LONGEST_TICKS;
    cutter_init(c);
    return duration;
}
