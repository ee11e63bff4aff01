#include "broadcaster/hls/hls_wait.h"

#include "media/track.h"

#define SEGMENTS_AHEAD 2 /* 6.2.5.2 */
#define PARTS_AHEAD    3 /* seconds of parts, and at least as many parts */

static const struct part_info *last_part(const struct window_lane *lane)
{
    return lane->count > 0 ? part_info(lane->parts[lane->count - 1]) : NULL;
}

/* Numbers of a segment's parts go up from 0. */
static size_t count_parts(const struct window_lane *lane, uint64_t msn)
{
    for (size_t i = lane->count; i > 0; i--) {
        const struct part_info *p = part_info(lane->parts[i - 1]);
        if (p->msn <= msn) {
            return p->msn == msn ? (size_t)p->index + 1 : 0;
        }
    }
    return 0;
}

struct hls_edge hls_edge_of(const struct window *w, enum track_kind kind)
{
    const struct window_lane *lane = &w->lanes[kind];
    const struct part_info *last = last_part(lane);
    struct hls_edge e = {.any = w->count > 0 || last != NULL};
    if (w->count > 0) {
        e.closed = segment_info(w->segments[w->count - 1])->msn;
    } else if (w->open) {
        e.closed = w->open_info.msn - 1;
    } else if (last != NULL) {
        e.closed = last->msn;
    }
    e.msn = e.closed;
    bool gap = w->count > 0 && segment_info(w->segments[w->count - 1])->gap; /* lists no parts */
    if (last != NULL && (w->count == 0 || last->msn >= e.closed + gap)) {
        e.msn = last->msn;
        e.has_part = true;
        e.part = last->index;
    }
    e.open = count_parts(lane, e.closed + 1);
    return e;
}

bool hls_next_part(const struct window *w, enum track_kind kind, uint64_t *ret_msn,
                   uint32_t *ret_part)
{
    const struct window_lane *lane = &w->lanes[kind];
    struct hls_edge e = hls_edge_of(w, kind);
    if (w->ended || lane->part_target <= 0 || (!e.any && !w->open)) {
        return false;
    }
    uint64_t msn = w->open ? w->open_info.msn : e.closed + 1;
    *ret_msn = msn;
    *ret_part = (uint32_t)count_parts(lane, msn);
    return true;
}

/* The Advance Part Limit. */
static uint64_t parts_ahead(int64_t part_target)
{
    return part_target < TICKS_PER_S ? (uint64_t)(PARTS_AHEAD * (int64_t)TICKS_PER_S / part_target)
                                     : PARTS_AHEAD;
}

/* A part of a segment that has n by now, or would be part 0 of the one behind it. */
static enum hls_verdict wait_for(uint32_t part, size_t n, uint64_t limit)
{
    return (uint64_t)part + 1 > n + limit ? HLS_TOO_FAR : HLS_WAIT;
}

static enum hls_verdict ready_playlist(const struct hls_want *want, const struct window *w)
{
    const struct window_lane *lane = &w->lanes[want->kind];
    if (w->ended || lane->part_target <= 0) {
        return HLS_ANSWER;
    }
    struct hls_edge e = hls_edge_of(w, want->kind);
    uint64_t limit = parts_ahead(lane->part_target);
    bool none = !e.any && !w->open;
    if (none || (want->msn > e.closed && want->msn - e.closed > SEGMENTS_AHEAD)) {
        return HLS_TOO_FAR;
    }
    if (!want->has_part) {
        return want->msn <= e.closed ? HLS_ANSWER : HLS_WAIT;
    }
    if (want->msn < e.msn || (want->msn == e.msn && e.has_part && want->part <= e.part)) {
        return HLS_ANSWER;
    }
    return wait_for(want->part, count_parts(lane, want->msn), limit);
}

static enum hls_verdict ready_file(const struct hls_want *want, const struct window *w)
{
    const struct window_lane *lane = &w->lanes[want->kind];
    uint64_t msn;
    uint32_t next;
    if (window_find_part(w, want->kind, want->msn, want->part) != NULL) {
        return HLS_ANSWER;
    }
    if (!hls_next_part(w, want->kind, &msn, &next) || want->msn != msn || want->part < next) {
        return HLS_NEVER;
    }
    /* Of a segment that has not begun, only what was hinted at. */
    if (!w->open && want->part > 0) {
        return HLS_NEVER;
    }
    return wait_for(want->part, next, parts_ahead(lane->part_target)) == HLS_WAIT ? HLS_WAIT
                                                                                  : HLS_NEVER;
}

enum hls_verdict hls_ready(const struct hls_want *want, const struct window *w)
{
    return want->file ? ready_file(want, w) : ready_playlist(want, w);
}
