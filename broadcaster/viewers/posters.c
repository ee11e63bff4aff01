#include "broadcaster/viewers/posters.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"

struct waiter {
    struct list node;
    void *who;
};

struct entry {
    struct list node; /* of all: who was asked for last is the last */
    struct list due;  /* of those to be made; linked while `wanted` */
    char id[ID_MAX + 1];
    struct segment *wanted; /* is to be made, or is being made; NULL: neither */
    struct list waiters;
    int64_t asked_ms;
    struct blob *jpeg; /* NULL: none yet */
    uint64_t jpeg_msn;
    bool tried; /* the last one that was made, or failed: */
    uint64_t tried_msn;
    enum err tried_err;
};

struct posters {
    struct posters_callbacks callbacks;
    int64_t kept_ms;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* of all below; not held while a poster is made or a waiter resumed */
    pthread_cond_t work;
    bool stopping;
    struct list entries;
    size_t n_entries;
    struct list queue;
    size_t n_held;
};

static void forget(struct posters *p, struct entry *e)
{
    list_remove(&e->node);
    p->n_entries--;
    blob_unref(e->jpeg);
    segment_unref(e->wanted);
    mem_free(e);
}

static void touch(struct posters *p, struct entry *e)
{
    list_remove(&e->node);
    list_push_back(&p->entries, &e->node);
    e->asked_ms = clock_mono_ms();
}

/* Moves those who wait for this poster. */
static void take_waiters(struct posters *p, struct entry *e, struct list *to)
{
    LIST_EACH (&e->waiters, it, tmp) {
        list_remove(it);
        list_push_back(to, it);
        p->n_held--;
    }
}

static void resume_all(struct posters *p, struct list *waiters)
{
    LIST_EACH (waiters, it, tmp) {
        struct waiter *w = LIST_ITEM(it, struct waiter, node);
        list_remove(it);
        p->callbacks.resume(w->who);
        mem_free(w);
    }
}

/* With the lock, which is free while the poster is made. */
static void make_next(struct posters *p, struct list *resumed)
{
    struct entry *e = LIST_ITEM(p->queue.next, struct entry, due);
    struct segment *s = e->wanted; /* e stays: forget_one leaves it while it is wanted */
    struct blob *jpeg = NULL;
    list_remove(&e->due);
    pthread_mutex_unlock(&p->lock);
    enum err result = poster_make(s, &jpeg);
    pthread_mutex_lock(&p->lock);
    struct blob *old = NULL;
    e->tried = true;
    e->tried_msn = segment_info(s)->msn;
    e->tried_err = result;
    if (result == ERR_OK) {
        old = e->jpeg;
        e->jpeg = jpeg;
        e->jpeg_msn = e->tried_msn;
    }
    e->wanted = NULL;
    touch(p, e); /* those who waited ask again */
    take_waiters(p, e, resumed);
    blob_unref(old);
    segment_unref(s);
}

/* With the lock. In how many milliseconds to look again; negative: there is none. */
static int64_t forget_old(struct posters *p)
{
    int64_t now = clock_mono_ms();
    LIST_EACH (&p->entries, it, tmp) {
        struct entry *e = LIST_ITEM(it, struct entry, node);
        int64_t left = e->asked_ms + p->kept_ms - now;
        if (left > 0) {
            return left;
        }
        forget(p, e); /* nobody waits for it, and it is not wanted: there is nothing to be made */
    }
    return -1;
}

/* With the lock. */
static void wait_for_work(struct posters *p)
{
    int64_t left = forget_old(p);
    if (left < 0) {
        pthread_cond_wait(&p->work, &p->lock);
        return;
    }
    struct timespec until = clock_mono_after(left);
    pthread_cond_timedwait(&p->work, &p->lock, &until);
}

static void *run(void *arg)
{
    struct posters *p = arg;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        if (list_empty(&p->queue)) {
            wait_for_work(p);
            continue;
        }
        struct list resumed;
        list_init(&resumed);
        make_next(p, &resumed);
        pthread_mutex_unlock(&p->lock);
        resume_all(p, &resumed);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void init_condition(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
}

struct posters *posters_create(const struct posters_callbacks *callbacks, int64_t kept_ms)
{
    struct posters *p = mem_alloc(sizeof *p);
    p->callbacks = *callbacks;
    p->kept_ms = kept_ms;
    pthread_mutex_init(&p->lock, NULL);
    init_condition(&p->work);
    list_init(&p->entries);
    list_init(&p->queue);
    p->running = thread_start("posters", run, p, &p->thread) == ERR_OK;
    if (!p->running) {
        posters_destroy(p);
        return NULL;
    }
    return p;
}

void posters_stop(struct posters *p)
{
    struct list resumed;
    list_init(&resumed);
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
    if (p->running) {
        pthread_join(p->thread, NULL);
        p->running = false;
    }
    pthread_mutex_lock(&p->lock);
    LIST_EACH (&p->entries, it, tmp) {
        take_waiters(p, LIST_ITEM(it, struct entry, node), &resumed);
    }
    pthread_mutex_unlock(&p->lock);
    resume_all(p, &resumed);
}

void posters_destroy(struct posters *p)
{
    if (p == NULL) {
        return;
    }
    posters_stop(p);
    LIST_EACH (&p->entries, it, tmp) {
        forget(p, LIST_ITEM(it, struct entry, node));
    }
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

/* --- who asks; all with the lock --- */

static struct entry *find(struct posters *p, const char *id)
{
    LIST_EACH (&p->entries, it, tmp) {
        struct entry *e = LIST_ITEM(it, struct entry, node);
        if (strcmp(e->id, id) == 0) {
            return e;
        }
    }
    return NULL;
}

static void forget_one(struct posters *p)
{
    LIST_EACH (&p->entries, it, tmp) {
        struct entry *e = LIST_ITEM(it, struct entry, node);
        if (e->wanted == NULL) {
            forget(p, e);
            return;
        }
    }
}

/* NULL: all that are kept are to be made just now. */
static struct entry *use(struct posters *p, const char *id)
{
    struct entry *e = find(p, id);
    if (e == NULL) {
        if (p->n_entries >= POSTERS_MAX) {
            forget_one(p);
        }
        if (p->n_entries >= POSTERS_MAX) {
            return NULL;
        }
        e = mem_alloc(sizeof *e);
        list_init(&e->node);
        snprintf(e->id, sizeof e->id, "%s", id);
        list_init(&e->due);
        list_init(&e->waiters);
        p->n_entries++;
    }
    touch(p, e);
    return e;
}

static enum err hold(struct posters *p, struct entry *e, void *who)
{
    if (p->n_held >= POSTERS_HELD_MAX) {
        return ERR_STATE;
    }
    struct waiter *w = mem_alloc(sizeof *w);
    w->who = who;
    list_push_back(&e->waiters, &w->node);
    p->n_held++;
    p->callbacks.hold(who);
    return ERR_AGAIN;
}

static enum err get(struct posters *p, struct entry *e, struct segment *s, void *who)
{
    uint64_t msn = segment_info(s)->msn;
    bool done = e->tried && e->tried_msn >= msn;
    if (!done && e->wanted == NULL) {
        e->wanted = segment_ref(s);
        list_push_back(&p->queue, &e->due);
        pthread_cond_signal(&p->work);
    }
    if (e->jpeg != NULL && (done || msn <= e->jpeg_msn + POSTERS_STALE)) {
        return ERR_OK;
    }
    return done ? e->tried_err : hold(p, e, who);
}

enum err posters_get(struct posters *p, const char *id, struct segment *s, void *waiter,
                     struct blob **ret_jpeg, uint64_t *ret_msn)
{
    pthread_mutex_lock(&p->lock);
    struct entry *e = p->stopping ? NULL : use(p, id);
    enum err result = p->stopping ? ERR_CLOSED : e == NULL ? ERR_STATE : get(p, e, s, waiter);
    if (result == ERR_OK) {
        *ret_jpeg = blob_ref(e->jpeg);
        *ret_msn = e->jpeg_msn;
    }
    pthread_mutex_unlock(&p->lock);
    return result;
}
