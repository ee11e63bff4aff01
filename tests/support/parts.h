/* What is true of the parts of every segment: they are the segment's packets, in order, each once,
 * and none is longer than the lane's target. */
#ifndef TESTS_SUPPORT_PARTS_H
#define TESTS_SUPPORT_PARTS_H

#include <inttypes.h>

#include "broadcaster/stream/board.h"
#include "tests/support/unit.h"

/* The parts of one number against the segment's packets (ps; NULL: they are not known yet); all of
 * them are there when it is complete and has any. Returns how many. */
static inline size_t check_parts_of(const struct window *w, enum track_kind kind, uint64_t msn,
                                    const struct packets *ps)
{
    const struct window_lane *lane = &w->lanes[kind];
    size_t n = 0, at = 0;
    for (size_t i = 0; i < lane->count; i++) {
        const struct part_info *info = part_info(lane->parts[i]);
        const struct packets *of_part = part_packets(lane->parts[i]);
        if (info->msn != msn) {
            continue;
        }
        /* Check writes a file at each assertion, and there are very many parts and packets. */
        if (info->index != n || info->duration <= 0 || info->duration > lane->part_target ||
            info->start != of_part->items[0].dts) {
            ck_abort_msg("part %zu of %" PRIu64 " has index %" PRIu32 " and lasts %" PRId64, n, msn,
                         info->index, info->duration);
        }
        n++;
        for (size_t k = 0; k < of_part->count && ps != NULL; k++, at++) {
            const struct packet *one = &of_part->items[k], *other = &ps->items[at];
            if (at >= ps->count || one->blob != other->blob || one->dts != other->dts ||
                one->pts != other->pts || one->duration != other->duration) {
                ck_abort_msg("part %zu of %" PRIu64 ": packet %zu is another one", n - 1, msn, at);
            }
        }
    }
    ck_assert(ps == NULL || n == 0 || at == ps->count);
    return n;
}

#endif
