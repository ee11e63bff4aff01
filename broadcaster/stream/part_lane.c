#include "broadcaster/stream/part_lane.h"

void part_lane_init(struct part_lane *lane, struct rendition *to, enum track_kind kind)
{
    *lane = (struct part_lane){.to = to, .kind = kind};
    parter_init(&lane->parter);
}

void part_run_init(struct part_run *run, uint64_t msn)
{
    *run = (struct part_run){.msn = msn};
}

static void note(struct part_lane *lane, struct part_run *run, const struct packet *packets,
                 size_t n, int64_t end)
{
    for (; run->noted < n && lane->parter.target == 0; run->noted++) {
        size_t i = run->noted;
        parter_note(&lane->parter, (i + 1 < n ? packets[i + 1].dts : end) - packets[i].dts);
    }
    if (lane->parter.target != 0) {
        rendition_set_part_target(lane->to, lane->kind, lane->parter.target);
    }
}

static bool may_begin_with(const struct packet *p, enum track_kind kind)
{
    return kind == TRACK_AUDIO || ((p->flags & PACKET_KEY) != 0 && (p->flags & PACKET_OPEN) == 0);
}

/* It need not stand first (draft-pantos-hls-rfc8216bis, 4.4.4.9). */
static bool may_begin_inside(const struct packet *packets, size_t n, enum track_kind kind)
{
    bool found = false;
    for (size_t i = 0; i < n && !found; i++) {
        found = may_begin_with(&packets[i], kind);
    }
    return found;
}

static void give(struct part_lane *lane, struct part_run *run, struct track *track,
                 const struct packet *packets, size_t n, int64_t duration)
{
    struct part_info info = {.msn = run->msn,
                             .index = run->count,
                             .start = packets[0].dts,
                             .duration = duration,
                             .independent = may_begin_with(&packets[0], lane->kind),
                             .has_independent = may_begin_inside(packets, n, lane->kind)};
    struct part *part = part_create(&info, track, packets, n);
    run->lost = part == NULL;
    if (part != NULL) {
        rendition_part(lane->to, lane->kind, part);
        part_unref(part);
        run->count++;
    }
}

void part_lane_cut(struct part_lane *lane, struct part_run *run, struct track *track,
                   const struct packet *packets, size_t n, int64_t end, bool all)
{
    note(lane, run, packets, n, end);
    if (run->count == 0 && !rendition_parts_wanted(lane->to)) {
        return;
    }
    while (run->done < n && !run->lost) {
        const struct packet *rest = packets + run->done;
        int64_t duration;
        size_t count = parter_cut(&lane->parter, rest, n - run->done, end, all, &duration);
        if (count == 0) {
            return;
        }
        give(lane, run, track, rest, count, duration);
        run->done += count;
    }
}
