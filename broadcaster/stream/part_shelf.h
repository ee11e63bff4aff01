/* The parts of one kind that a rendition has, in rising msn and index; those of numbers that are
 * held back stand behind the others. Pure; one thread. */
#ifndef BROADCASTER_STREAM_PART_SHELF_H
#define BROADCASTER_STREAM_PART_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broadcaster/stream/part.h"
#include "media/packet.h"

/* All zero at first. */
struct part_shelf {
    struct part **parts;
    size_t count, cap;
    struct part_group *group; /* of the first ones, as long as those stay; NULL: to be made */
};

void part_shelf_fini(struct part_shelf *s);

/* How many belong to numbers below. */
size_t part_shelf_below(const struct part_shelf *s, uint64_t msn);

/* Takes a reference. False: it is not the next one of its number, there are RENDITION_PARTS_MAX, or
 * there is no memory; then no later one of that number gets in either. */
bool part_shelf_add(struct part_shelf *s, struct part *p);

/* The first n; those of one number. */
void part_shelf_drop_first(struct part_shelf *s, size_t n);
void part_shelf_drop_number(struct part_shelf *s, uint64_t msn);

/* Of the first n: their fragments are made again should somebody ask. */
void part_shelf_forget_fragments(struct part_shelf *s, size_t n);

/* How many packets each part of a number has; returns how many parts. ret_counts holds
 * RENDITION_PARTS_MAX. */
size_t part_shelf_packets(const struct part_shelf *s, uint64_t msn, size_t *ret_counts);

/* Takes references of the first n parts' packets; returns how long they last, in ticks. */
int64_t part_shelf_gather(const struct part_shelf *s, size_t n, struct packets *to);

/* The first n in one group, which each call gives again until part_shelf_regroup, or until parts
 * are dropped. Borrowed; NULL: n was 0. */
struct part_group *part_shelf_group(struct part_shelf *s, size_t n);
void part_shelf_regroup(struct part_shelf *s);

/* What they have in memory that segments up to the number `complete` do not have. */
size_t part_shelf_bytes(const struct part_shelf *s, uint64_t complete);

#endif
