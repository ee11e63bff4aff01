#include "transcoder/lanes.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

struct lane {
    struct lanes *all;
    pthread_t thread;
    atomic_int *tid;
    uint64_t cpu_us; /* once it has ended */
    pthread_cond_t filled;
    void *items[LANE_ITEMS]; /* with first and count under the lock */
    size_t first, count;
    bool runs; /* one that it has taken */
};

struct lanes {
    lane_run_fn *run;
    lane_drop_fn *drop;
    size_t n;
    bool joined;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t room;  /* the job's thread waits for it */
    bool closed;
    enum err result;
    struct lane lanes[LANES_MAX];
};

size_t lanes_place(const uint64_t *loads, size_t n, uint64_t own, size_t threads, size_t *ret_lane)
{
    uint64_t sums[LANES_MAX + 1] = {own}; /* the job's own thread, then the lanes */
    size_t used = 0;
    threads = threads < LANES_MAX + 1 ? threads : LANES_MAX + 1;
    for (size_t i = 0; i < n; i++) {
        size_t least = 0;
        for (size_t k = 1; k < threads; k++) {
            least = sums[k] < sums[least] ? k : least;
        }
        sums[least] += loads[i];
        ret_lane[i] = least == 0 ? LANE_NONE : least - 1;
        used = least > used ? least : used;
    }
    return used;
}

/* --- the threads --- */

static void *take_first(struct lane *lane)
{
    void *item = lane->items[lane->first];
    lane->first = (lane->first + 1) % LANE_ITEMS;
    lane->count--;
    return item;
}

/* NULL: there is nothing more to do. */
static void *next_item(struct lane *lane)
{
    struct lanes *l = lane->all;
    void *item = NULL;
    pthread_mutex_lock(&l->lock);
    lane->runs = false;
    while (lane->count == 0 && !l->closed && l->result == ERR_OK) {
        pthread_cond_wait(&lane->filled, &l->lock);
    }
    if (lane->count > 0 && l->result == ERR_OK) {
        item = take_first(lane);
        lane->runs = true;
        pthread_cond_signal(&l->room);
    }
    pthread_mutex_unlock(&l->lock);
    return item;
}

/* Under the lock. The first error is the one that counts. */
static void set_result(struct lanes *l, enum err e)
{
    if (l->result == ERR_OK && e != ERR_OK) {
        l->result = e;
        pthread_cond_signal(&l->room);
        for (size_t i = 0; i < l->n; i++) {
            pthread_cond_signal(&l->lanes[i].filled);
        }
    }
}

static void *run(void *arg)
{
    struct lane *lane = arg;
    struct lanes *l = lane->all;
    void *item;
    atomic_store(lane->tid, gettid());
    while ((item = next_item(lane)) != NULL) {
        enum err e = l->run(item);
        if (e != ERR_OK) {
            pthread_mutex_lock(&l->lock);
            set_result(l, e);
            pthread_mutex_unlock(&l->lock);
        }
    }
    atomic_store(lane->tid, 0);
    lane->cpu_us = clock_thread_cpu_us();
    return NULL;
}

/* --- the job's side --- */

struct lanes *lanes_create(size_t n, lane_run_fn *fn, lane_drop_fn *drop, atomic_int *tids)
{
    assert(n <= LANES_MAX);
    struct lanes *l = mem_alloc(sizeof *l);
    l->run = fn;
    l->drop = drop;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->room, NULL);
    for (size_t i = 0; i < LANES_MAX; i++) {
        pthread_cond_init(&l->lanes[i].filled, NULL);
    }
    /* The lock: those that run read n when they fail. */
    pthread_mutex_lock(&l->lock);
    for (; l->n < n; l->n++) {
        struct lane *lane = &l->lanes[l->n];
        lane->all = l;
        lane->tid = &tids[l->n];
        atomic_store(lane->tid, 0);
        if (thread_start("lane", run, lane, &lane->thread) != ERR_OK) {
            break;
        }
    }
    pthread_mutex_unlock(&l->lock);
    return l;
}

size_t lanes_count(const struct lanes *l)
{
    return l->n;
}

enum err lanes_push(struct lanes *l, size_t at, void *item)
{
    struct lane *lane = &l->lanes[at];
    pthread_mutex_lock(&l->lock);
    while (lane->count == LANE_ITEMS && l->result == ERR_OK) {
        pthread_cond_wait(&l->room, &l->lock);
    }
    enum err e = l->result;
    if (e == ERR_OK) {
        lane->items[(lane->first + lane->count++) % LANE_ITEMS] = item;
        pthread_cond_signal(&lane->filled);
    }
    pthread_mutex_unlock(&l->lock);
    return e;
}

bool lanes_is_free(struct lanes *l, size_t at)
{
    const struct lane *lane = &l->lanes[at];
    pthread_mutex_lock(&l->lock);
    bool is_free = lane->count == 0 && !lane->runs && l->result == ERR_OK;
    pthread_mutex_unlock(&l->lock);
    return is_free;
}

static void join(struct lanes *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct lane *lane = &l->lanes[i];
        pthread_join(lane->thread, NULL);
        while (lane->count > 0) {
            l->drop(take_first(lane));
        }
    }
    l->joined = true;
}

static void end(struct lanes *l, enum err result)
{
    if (l->joined) {
        return;
    }
    pthread_mutex_lock(&l->lock);
    l->closed = true;
    set_result(l, result);
    for (size_t i = 0; i < l->n; i++) {
        pthread_cond_signal(&l->lanes[i].filled);
    }
    pthread_mutex_unlock(&l->lock);
    join(l);
}

enum err lanes_end(struct lanes *l, enum err result)
{
    end(l, result);
    return l->result;
}

void lanes_destroy(struct lanes *l)
{
    if (l == NULL) {
        return;
    }
    end(l, ERR_CLOSED);
    for (size_t i = 0; i < LANES_MAX; i++) {
        pthread_cond_destroy(&l->lanes[i].filled);
    }
    pthread_cond_destroy(&l->room);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

uint64_t lanes_cpu_us(const struct lanes *l)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < l->n; i++) {
        sum += l->lanes[i].cpu_us;
    }
    return sum;
}
