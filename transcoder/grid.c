#include "transcoder/grid.h"

#include "media/track.h"

void grid_init(struct grid *g, uint32_t fps_num, uint32_t fps_den)
{
    *g = (struct grid){.fps_num = fps_num, .fps_den = fps_den};
}

void grid_begin(struct grid *g, int64_t pts)
{
    g->started = true;
    g->start = pts;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - (a % b < 0);
}

/* floor(ticks * fps + 1/4), for 0 <= ticks <= GRID_SEGMENT_TICKS_MAX. */
static int64_t slot_at(const struct grid *g, int64_t ticks)
{
    int64_t unit = 4 * TICKS_PER_S * (int64_t)g->fps_den;
    return (4 * ticks * g->fps_num + unit / 4) / unit;
}

static enum grid_verdict offer_own(struct grid *g, int64_t pts, int64_t *ret_slot,
                                   bool *ret_settled)
{
    *ret_settled = false;
    if (g->offered > 0 && pts <= g->last_pts) {
        return GRID_DROP;
    }
    g->last_pts = pts;
    g->offered++;
    *ret_slot = g->next++;
    return GRID_TAKE;
}

enum grid_verdict grid_offer(struct grid *g, int64_t pts, int64_t *ret_slot, bool *ret_settled)
{
    if (!g->started) {
        grid_begin(g, pts);
    }
    int64_t ticks = pts - g->start;
    if (ticks > GRID_SEGMENT_TICKS_MAX) {
        return GRID_WRONG;
    }
    if (g->fps_num == 0) {
        return offer_own(g, pts, ret_slot, ret_settled);
    }
    if (ticks < 0 || (g->offered > 0 && pts <= g->last_pts)) {
        *ret_settled = false;
        return GRID_DROP;
    }
    /* The segment ends no sooner than this picture's own length after it. */
    int64_t step = g->offered > 0 ? pts - g->last_pts : 0;
    int64_t certain = slot_at(g, ticks + step);
    int64_t slot = slot_at(g, ticks);
    *ret_settled = certain >= g->next;
    g->last_pts = pts;
    g->offered++;
    if (slot < g->next) {
        return GRID_DROP;
    }
    g->next = slot + 1;
    *ret_slot = slot;
    return slot == 0 || certain > slot ? GRID_TAKE : GRID_WAIT;
}

enum err grid_slots(const struct grid *g, int64_t duration, int64_t *ret_slots)
{
    if (duration < 0 || duration > GRID_SEGMENT_TICKS_MAX) {
        return ERR_LIMIT;
    }
    if (g->fps_num == 0) {
        *ret_slots = g->next;
        return ERR_OK;
    }
    int64_t n = slot_at(g, duration);
    *ret_slots = n < 1 ? 1 : n;
    return ERR_OK;
}

int64_t grid_time(const struct grid *g, int64_t slot)
{
    int64_t scaled = slot * TICKS_PER_S * (int64_t)g->fps_den;
    return g->start + floor_div(2 * scaled + g->fps_num, 2 * (int64_t)g->fps_num);
}
