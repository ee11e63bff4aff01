/* An intrusive doubly linked list: the node sits inside the item, so nothing is allocated.
 * struct list is a ring with a head; an unlinked node points at itself. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_push_back(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Leaves the node unlinked (and safe to remove again). */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#define LIST_ITEM(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

/* Walks all nodes; the current one may be removed inside the loop. */
#define LIST_EACH(head, it, tmp)                                                                   \
    for (struct list *it = (head)->next, *tmp = it->next; it != (head); it = tmp, tmp = it->next)

#endif
