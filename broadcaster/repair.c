#include "broadcaster/repair.h"

/* What a frame may last at most when nothing else is known: where a piece continues. */
#define STEP_TICKS (TICKS_PER_S / 30)

void repair_init(struct repair *r)
{
    *r = (struct repair){.origin = REPAIR_ORIGIN_TICKS, .newest = REPAIR_ORIGIN_TICKS};
}

void repair_restart(struct repair *r)
{
    r->started = false;
    r->origin = r->newest + STEP_TICKS;
}

static void relock(struct repair *r, int64_t dts)
{
    r->offset = r->origin - dts;
    r->started = true;
}

void repair_packet(struct repair *r, struct packet *p)
{
    int64_t shift = p->pts - p->dts;
    if (!r->started) {
        relock(r, p->dts);
    } else {
        int64_t step = p->dts + r->offset - r->newest;
        if (step > REPAIR_JUMP_TICKS || step < -REPAIR_JUMP_TICKS) {
            r->counters.jumps++;
            r->origin = r->newest + STEP_TICKS;
            relock(r, p->dts);
        }
    }
    int64_t dts = p->dts + r->offset;
    if (r->has_last[p->kind] && dts <= r->last_dts[p->kind]) {
        r->counters.dts_not_rising++;
        dts = r->last_dts[p->kind] + 1;
    }
    if (shift < 0) {
        r->counters.pts_below_dts++;
        shift = 0;
    }
    /* A mended DTS must not move the picture: only its decoding. */
    int64_t pts = p->dts + r->offset + shift;
    p->dts = dts;
    p->pts = pts < dts ? dts : pts;
    r->last_dts[p->kind] = dts;
    r->has_last[p->kind] = true;
    if (dts > r->newest) {
        r->newest = dts;
    }
}

void repair_counters_add(struct repair_counters *to, const struct repair_counters *from)
{
    to->dts_not_rising += from->dts_not_rising;
    to->pts_below_dts += from->pts_below_dts;
    to->jumps += from->jumps;
}
