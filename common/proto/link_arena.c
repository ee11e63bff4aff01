#include "proto/link_arena.h"

#include <stdint.h>

#include "base/mem.h"

#define CHUNK_BYTES (4 * 1024)

struct chunk {
    struct chunk *next;
    size_t used;
    size_t size;
    uint64_t bytes[];
};

/* Stands before each piece. */
struct piece {
    uint64_t size;
};

struct link_arena {
    struct chunk *chunks;
    size_t left; /* of the budget */
    bool over_budget;
    bool out_of_memory;
};

struct link_arena *link_arena_create(size_t budget_bytes)
{
    struct link_arena *a = mem_try_alloc(sizeof *a);
    if (a != NULL) {
        a->left = budget_bytes;
    }
    return a;
}

void link_arena_destroy(struct link_arena *a)
{
    if (a == NULL) {
        return;
    }
    while (a->chunks != NULL) {
        struct chunk *c = a->chunks;
        a->chunks = c->next;
        mem_free(c);
    }
    mem_free(a);
}

static struct chunk *add_chunk(struct link_arena *a, size_t size)
{
    size_t wanted = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    size_t capacity = wanted < a->left ? wanted : a->left;
    if (capacity < size) {
        a->over_budget = true;
        return NULL;
    }
    struct chunk *c = mem_try_alloc(sizeof *c + capacity);
    if (c == NULL) {
        a->out_of_memory = true;
        return NULL;
    }
    a->left -= capacity;
    c->size = capacity;
    c->next = a->chunks;
    a->chunks = c;
    return c;
}

void *link_arena_take(struct link_arena *a, size_t size)
{
    if (size > SIZE_MAX / 2) {
        a->over_budget = true;
        return NULL;
    }
    size_t whole = sizeof(struct piece) + (size + 7) / 8 * 8;
    struct chunk *c = a->chunks;
    if (c == NULL || whole > c->size - c->used) {
        c = add_chunk(a, whole);
    }
    if (c == NULL) {
        return NULL;
    }
    struct piece *p = (struct piece *)((uint8_t *)c->bytes + c->used);
    p->size = size;
    c->used += whole;
    return p + 1;
}

size_t link_arena_size_of(const void *p)
{
    return ((const struct piece *)p - 1)->size;
}

bool link_arena_over_budget(const struct link_arena *a)
{
    return a->over_budget;
}

bool link_arena_out_of_memory(const struct link_arena *a)
{
    return a->out_of_memory;
}
