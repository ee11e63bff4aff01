#include "broadcaster/light/light_workers.h"

#include <pthread.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"

struct light_workers {
    struct mailbox *mailbox;
    pthread_t threads[LIGHT_WORKERS_MAX];
    int n;
    bool tried;
    pthread_mutex_t lock; /* of the two below */
    pthread_cond_t more;
    struct list queue;
    bool stopping;
};

static struct light_work *take(struct light_workers *w)
{
    pthread_mutex_lock(&w->lock);
    while (list_empty(&w->queue) && !w->stopping) {
        pthread_cond_wait(&w->more, &w->lock);
    }
    struct light_work *work = NULL;
    if (!w->stopping) {
        work = LIST_ITEM(w->queue.next, struct light_work, node);
        list_remove(&work->node);
    }
    pthread_mutex_unlock(&w->lock);
    return work;
}

static void *run(void *arg)
{
    struct light_workers *w = arg;
    for (struct light_work *work; (work = take(w)) != NULL;) {
        work->fn(work);
        mailbox_post(w->mailbox, work);
    }
    return NULL;
}

static void came(void *arg, void *item)
{
    struct light_work *work = item;
    work->done(work);
}

static void drop(void *item)
{
    came(NULL, item);
}

struct light_workers *light_workers_create(struct loop *loop)
{
    struct light_workers *w = mem_alloc(sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    list_init(&w->queue);
    w->mailbox = mailbox_create(loop, came, w);
    return w;
}

static void start(struct light_workers *w)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int most = cpus < 1 ? 1 : cpus < LIGHT_WORKERS_MAX ? (int)cpus : LIGHT_WORKERS_MAX;
    w->tried = true;
    while (w->n < most && thread_start("light sound", run, w, &w->threads[w->n]) == ERR_OK) {
        w->n++;
    }
}

bool light_workers_add(struct light_workers *w, struct light_work *work)
{
    if (!w->tried) {
        start(w);
    }
    pthread_mutex_lock(&w->lock);
    bool taken = w->n > 0 && !w->stopping;
    if (taken) {
        list_push_back(&w->queue, &work->node);
        pthread_cond_signal(&w->more);
    }
    pthread_mutex_unlock(&w->lock);
    return taken;
}

void light_workers_destroy(struct light_workers *w)
{
    if (w == NULL) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_broadcast(&w->more);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < w->n; i++) {
        pthread_join(w->threads[i], NULL);
    }
    mailbox_destroy(w->mailbox, drop);
    LIST_EACH (&w->queue, n, next) {
        list_remove(n);
        drop(LIST_ITEM(n, struct light_work, node));
    }
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
    mem_free(w);
}
