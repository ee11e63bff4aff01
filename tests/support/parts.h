/* What is true of the parts of every segment: they are the segment's packets, in order, each once,
 * and none is longer than the lane's target. */
#ifndef TESTS_SUPPORT_PARTS_H
#define TESTS_SUPPORT_PARTS_H

#include "broadcaster/board.h"
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
        ck_assert_uint_eq(info->index, n);
        ck_assert_int_gt(info->duration, 0);
        ck_assert_int_le(info->duration, lane->part_target);
        ck_assert_int_eq(info->start, of_part->items[0].dts);
        n++;
        for (size_t k = 0; k < of_part->count && ps != NULL; k++, at++) {
            ck_assert_uint_lt(at, ps->count);
            ck_assert_ptr_eq(of_part->items[k].blob, ps->items[at].blob);
            ck_assert_int_eq(of_part->items[k].dts, ps->items[at].dts);
            ck_assert_int_eq(of_part->items[k].pts, ps->items[at].pts);
            ck_assert_int_eq(of_part->items[k].duration, ps->items[at].duration);
        }
    }
    ck_assert(ps == NULL || n == 0 || at == ps->count);
    return n;
}

#endif
