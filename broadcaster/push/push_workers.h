/* A few threads that read pushed files: neither the loop nor the viewers' threads can be held up by
 * what is in them. */
#ifndef BROADCASTER_PUSH_PUSH_WORKERS_H
#define BROADCASTER_PUSH_PUSH_WORKERS_H

#include <stdatomic.h>

#include "base/list.h"

struct push_workers;

/* fn(arg, item, cancel) on one of the threads, for each item in the order of their coming. cancel
 * turns true when the workers are to end. */
typedef void push_work_fn(void *arg, struct list *item, const atomic_bool *cancel);

/* NULL: no thread could be had. */
struct push_workers *push_workers_create(int threads, push_work_fn *fn, void *arg);

/* Any thread. The node is the item's; it is not in any list when fn is called. */
void push_workers_add(struct push_workers *w, struct list *item);

/* Ends the threads; items that wait are dropped without a word. Takes NULL. */
void push_workers_destroy(struct push_workers *w);

#endif
