#include "broadcaster/stream/part_shelf.h"

#include <string.h>

#include "base/mem.h"
#include "broadcaster/stream/rendition.h"

#define FIRST_CAP 64

static void drop(struct part_shelf *s, size_t from, size_t n)
{
    for (size_t i = from; i < from + n; i++) {
        part_unref(s->parts[i]);
    }
    s->count -= n;
    part_shelf_regroup(s);
    if (s->count > from) {
        memmove(s->parts + from, s->parts + from + n, (s->count - from) * sizeof s->parts[0]);
    }
}

void part_shelf_fini(struct part_shelf *s)
{
    drop(s, 0, s->count);
    mem_free(s->parts);
}

/* It is mostly the newest that are looked for. */
size_t part_shelf_below(const struct part_shelf *s, uint64_t msn)
{
    size_t n = s->count;
    while (n > 0 && part_info(s->parts[n - 1])->msn >= msn) {
        n--;
    }
    return n;
}

static bool has_room(struct part_shelf *s)
{
    if (s->count == RENDITION_PARTS_MAX) {
        return false;
    }
    if (s->count == s->cap) {
        size_t cap = s->cap > 0 ? s->cap * 2 : FIRST_CAP;
        struct part **parts = mem_try_realloc(s->parts, cap * sizeof *parts);
        if (parts == NULL) {
            return false;
        }
        s->parts = parts;
        s->cap = cap;
    }
    return true;
}

bool part_shelf_add(struct part_shelf *s, struct part *p)
{
    const struct part_info *info = part_info(p);
    size_t at = part_shelf_below(s, info->msn + 1);
    size_t index = at - part_shelf_below(s, info->msn);
    if (info->index != index || !has_room(s)) {
        return false;
    }
    memmove(s->parts + at + 1, s->parts + at, (s->count - at) * sizeof s->parts[0]);
    s->parts[at] = part_ref(p);
    s->count++;
    return true;
}

void part_shelf_drop_first(struct part_shelf *s, size_t n)
{
    drop(s, 0, n);
}

void part_shelf_drop_number(struct part_shelf *s, uint64_t msn)
{
    size_t from = part_shelf_below(s, msn);
    drop(s, from, part_shelf_below(s, msn + 1) - from);
}

void part_shelf_forget_fragments(struct part_shelf *s, size_t n)
{
    for (size_t i = n; i > 0; i--) {
        part_forget_fragment(s->parts[i - 1]);
    }
}

size_t part_shelf_packets(const struct part_shelf *s, uint64_t msn, size_t *ret_counts)
{
    size_t from = part_shelf_below(s, msn), n = 0;
    for (; from + n < s->count && part_info(s->parts[from + n])->msn == msn; n++) {
        ret_counts[n] = part_packets(s->parts[from + n])->count;
    }
    return n;
}

int64_t part_shelf_gather(const struct part_shelf *s, size_t n, struct packets *to)
{
    int64_t ticks = 0;
    for (size_t i = 0; i < n; i++) {
        const struct packets *from = part_packets(s->parts[i]);
        for (size_t j = 0; j < from->count; j++) {
            struct packet copy = packet_ref(&from->items[j]);
            if (packets_push(to, copy) != ERR_OK) {
                packet_unref(&copy); /* then it counts for less */
            }
        }
        ticks += part_info(s->parts[i])->duration;
    }
    return ticks;
}

struct part_group *part_shelf_group(struct part_shelf *s, size_t n)
{
    if (s->group == NULL) {
        s->group = n > 0 ? part_group_create(s->parts, n) : NULL;
    }
    return s->group;
}

void part_shelf_regroup(struct part_shelf *s)
{
    part_group_unref(s->group);
    s->group = NULL;
}

size_t part_shelf_bytes(const struct part_shelf *s, uint64_t complete)
{
    size_t sum = 0;
    for (size_t i = 0; i < s->count; i++) {
        bool shared = part_info(s->parts[i])->msn <= complete;
        sum += shared ? part_fragment_bytes(s->parts[i]) : part_bytes(s->parts[i]);
    }
    return sum;
}
