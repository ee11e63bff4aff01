/* The memory of one unpacked message: pieces are taken and all given back at once, within a budget,
 * so that a small envelope cannot unfold into much memory. One thread at a time. */
#ifndef PROTO_LINK_ARENA_H
#define PROTO_LINK_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct link_arena;

/* NULL when memory is refused. */
struct link_arena *link_arena_create(size_t budget_bytes);
void link_arena_destroy(struct link_arena *a); /* takes NULL */

/* Zeroed, aligned for pointers and 64-bit numbers. NULL over the budget or without memory. */
void *link_arena_take(struct link_arena *a, size_t size);

/* The size that was asked for p, which link_arena_take returned. */
size_t link_arena_size_of(const void *p);

/* Why link_arena_take said no. */
bool link_arena_over_budget(const struct link_arena *a);
bool link_arena_out_of_memory(const struct link_arena *a);

#endif
