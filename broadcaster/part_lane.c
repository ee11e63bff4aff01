#include "broadcaster/part_lane.h"

void part_lane_init(struct part_lane *lane, struct rendition *to, enum track_kind kind)
{
    *lane = (struct part_lane){.to = to, .kind = kind};
    parter_init(&lane->parter);
}

void part_lane_open(struct part_lane *lane, uint64_t msn)
{
    lane->msn = msn;
    lane->noted = 0;
    lane->done = 0;
    lane->count = 0;
    lane->lost = false;
}

static void note(struct part_lane *lane, const struct packet *packets, size_t n, int64_t end)
{
    for (; lane->noted < n && lane->parter.target == 0; lane->noted++) {
        size_t i = lane->noted;
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

static void give(struct part_lane *lane, struct track *track, const struct packet *packets,
                 size_t n, int64_t duration)
{
    struct part_info info = {.msn = lane->msn,
                             .index = lane->count,
                             .start = packets[0].dts,
                             .duration = duration,
                             .independent = may_begin_with(&packets[0], lane->kind)};
    struct part *part = part_create(&info, track, packets, n);
    lane->lost = part == NULL;
    if (part != NULL) {
        rendition_part(lane->to, lane->kind, part);
        part_unref(part);
        lane->count++;
    }
}

void part_lane_cut(struct part_lane *lane, struct track *track, const struct packet *packets,
                   size_t n, int64_t end, bool all)
{
    note(lane, packets, n, end);
    while (lane->done < n && !lane->lost) {
        const struct packet *rest = packets + lane->done;
        int64_t duration;
        size_t count = parter_cut(&lane->parter, rest, n - lane->done, end, all, &duration);
        if (count == 0) {
            return;
        }
        give(lane, track, rest, count, duration);
        lane->done += count;
    }
}
