#include "broadcaster/push/push_workers.h"

#include <pthread.h>

#include "base/mem.h"
#include "base/thread.h"

#define THREADS_MAX 8

struct push_workers {
    pthread_t threads[THREADS_MAX];
    int n;
    pthread_mutex_t lock; /* of items */
    pthread_cond_t more;
    struct list items;
    atomic_bool cancel;
    push_work_fn *fn;
    void *arg;
};

/* NULL: the end. */
static struct list *take(struct push_workers *w)
{
    struct list *item = NULL;
    pthread_mutex_lock(&w->lock);
    while (list_empty(&w->items) && !atomic_load(&w->cancel)) {
        pthread_cond_wait(&w->more, &w->lock);
    }
    if (!atomic_load(&w->cancel)) {
        item = w->items.next;
        list_remove(item);
    }
    pthread_mutex_unlock(&w->lock);
    return item;
}

static void *run(void *arg)
{
    struct push_workers *w = arg;
    for (struct list *item; (item = take(w)) != NULL;) {
        w->fn(w->arg, item, &w->cancel);
    }
    return NULL;
}

struct push_workers *push_workers_create(int threads, push_work_fn *fn, void *arg)
{
    struct push_workers *w = mem_alloc(sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    list_init(&w->items);
    w->fn = fn;
    w->arg = arg;
    while (w->n < threads && w->n < THREADS_MAX &&
           thread_start("push", run, w, &w->threads[w->n]) == ERR_OK) {
        w->n++;
    }
    if (w->n == 0) {
        push_workers_destroy(w);
        return NULL;
    }
    return w;
}

void push_workers_add(struct push_workers *w, struct list *item)
{
    pthread_mutex_lock(&w->lock);
    list_push_back(&w->items, item);
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
}

void push_workers_destroy(struct push_workers *w)
{
    if (w == NULL) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    atomic_store(&w->cancel, true);
    pthread_cond_broadcast(&w->more);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < w->n; i++) {
        pthread_join(w->threads[i], NULL);
    }
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
    mem_free(w);
}
