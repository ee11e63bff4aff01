#include "broadcaster/viewers/viewers_watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"
#include "broadcaster/viewers/viewers_serve.h"

#define ROUND_MS    500
#define FILE_ROUNDS 4 /* how often a file is looked at that is being sent */

struct watched {
    struct list node;
    struct watch *watch;
    int fd;
    bool shut; /* under the lock */
    _Atomic int64_t deadline_ms;
    atomic_size_t answer_bytes;
    atomic_bool answering;
    int64_t allowance_ms;
    size_t rate_min;
    void *slot, *pay_slot;
    struct serving serving;
    struct client client;
    void *kept; /* for the answer; the connection's own thread */
    void (*drop)(void *kept);
    int file;             /* of the answer; -1: none; under the lock */
    uint64_t file_end;    /* under the lock */
    unsigned file_rounds; /* under the lock */
    int64_t body_ms;      /* when the body began; the connection's own thread */
    int64_t ready_us;     /* the connection's own thread */
};

struct watch {
    pthread_t thread;
    pthread_mutex_t lock; /* of connections, and while a descriptor is used */
    pthread_cond_t ended;
    bool ending;
    struct list connections;
    int64_t allowance_ms;
    size_t rate_min;
    atomic_ullong slow, shrunk;
    atomic_ullong open;
};

/* Most answers are over before one looks: so first in their second round. */
static bool has_shrunk(struct watched *c)
{
    struct stat s;
    if (c->file < 0 || c->file_rounds++ % FILE_ROUNDS != 1) {
        return false;
    }
    return fstat(c->file, &s) == 0 && (uint64_t)s.st_size < c->file_end;
}

static void shut_down_late(struct watch *w, int64_t now_ms)
{
    LIST_EACH (&w->connections, it, tmp) {
        struct watched *c = LIST_ITEM(it, struct watched, node);
        bool late = atomic_load(&c->deadline_ms) <= now_ms;
        bool shrunk = !late && has_shrunk(c);
        if (c->shut || !(late || shrunk)) {
            continue;
        }
        c->shut = true;
        atomic_fetch_add(&w->shrunk, shrunk);
        if (late && atomic_load(&c->answering)) {
            atomic_fetch_add(&w->slow, 1);
        }
        shutdown(c->fd, SHUT_RDWR);
    }
}

static void wait_round(struct watch *w)
{
    struct timespec until = clock_mono_after(ROUND_MS);
    pthread_cond_timedwait(&w->ended, &w->lock, &until);
}

static void *run(void *arg)
{
    struct watch *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->ending) {
        wait_round(w);
        shut_down_late(w, clock_mono_ms());
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void destroy_parts(struct watch *w)
{
    pthread_cond_destroy(&w->ended);
    pthread_mutex_destroy(&w->lock);
    mem_free(w);
}

struct watch *watch_create(int64_t allowance_ms, size_t rate_min)
{
    struct watch *w = mem_alloc(sizeof *w);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&w->lock, NULL);
    list_init(&w->connections);
    w->allowance_ms = allowance_ms;
    w->rate_min = rate_min > 0 ? rate_min : WATCH_RATE_MIN;
    if (thread_start("slow viewers", run, w, &w->thread) != ERR_OK) {
        destroy_parts(w);
        return NULL;
    }
    return w;
}

void watch_destroy(struct watch *w)
{
    if (w == NULL) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->ending = true;
    pthread_cond_signal(&w->ended);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    destroy_parts(w);
}

struct watched *watch_add(struct watch *w, int fd)
{
    struct watched *c = mem_try_alloc(sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->fd = fd;
    c->watch = w;
    c->file = -1;
    c->allowance_ms = w->allowance_ms;
    c->rate_min = w->rate_min;
    atomic_store(&c->deadline_ms, clock_mono_ms() + c->allowance_ms);
    pthread_mutex_lock(&w->lock);
    list_push_back(&w->connections, &c->node);
    pthread_mutex_unlock(&w->lock);
    atomic_fetch_add(&w->open, 1);
    return c;
}

static void drop_kept(struct watched *c)
{
    void *kept = c->kept;
    c->kept = NULL;
    if (kept != NULL) {
        c->drop(kept);
    }
}

void watch_remove(struct watch *w, struct watched *c)
{
    if (c == NULL) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    list_remove(&c->node);
    pthread_mutex_unlock(&w->lock);
    atomic_fetch_sub(&w->open, 1);
    drop_kept(c);
    mem_free(c);
}

void watch_answer_begins(struct watched *c, size_t n)
{
    if (c == NULL) {
        return;
    }
    atomic_store(&c->answer_bytes, n);
    atomic_store(&c->deadline_ms, clock_mono_ms() + c->allowance_ms + (int64_t)(n / c->rate_min));
    atomic_store(&c->answering, true);
}

void watch_answer_keeps(struct watched *c, void *kept, void (*drop)(void *kept))
{
    drop_kept(c);
    c->kept = kept;
    c->drop = drop;
}

void watch_answer_file(struct watched *c, int fd, uint64_t end)
{
    pthread_mutex_lock(&c->watch->lock);
    c->file = fd;
    c->file_end = end;
    c->file_rounds = 0;
    pthread_mutex_unlock(&c->watch->lock);
}

void watch_answer_goes_on(struct watched *c, size_t n)
{
    atomic_store(&c->deadline_ms, clock_mono_ms() + c->allowance_ms + (int64_t)(n / c->rate_min));
}

size_t watch_answer_ends(struct watched *c)
{
    if (c == NULL) {
        return 0;
    }
    if (c->file >= 0) { /* only this thread writes it */
        watch_answer_file(c, -1, 0);
    }
    drop_kept(c);
    atomic_store(&c->answering, false);
    atomic_store(&c->deadline_ms, clock_mono_ms() + c->allowance_ms);
    return atomic_load(&c->answer_bytes);
}

void watch_body(struct watched *c, size_t n)
{
    if (c == NULL) {
        return;
    }
    if (n == 0) {
        c->body_ms = clock_mono_ms();
    }
    atomic_store(&c->deadline_ms, c->body_ms + c->allowance_ms + (int64_t)(n / WATCH_RATE_MIN));
}

void watch_hold(struct watched *c)
{
    if (c != NULL) {
        atomic_store(&c->deadline_ms, INT64_MAX);
    }
}

void watch_set_ready(struct watched *c, int64_t us)
{
    if (c != NULL) {
        c->ready_us = us;
    }
}

int64_t watch_ready(const struct watched *c)
{
    return c != NULL ? c->ready_us : 0;
}

void **watch_pay_slot(struct watched *c)
{
    return &c->pay_slot;
}

struct client *watch_client(struct watched *c)
{
    return &c->client;
}

struct serving *watch_serving(struct watched *c)
{
    return &c->serving;
}

void **watch_slot(struct watched *c)
{
    return &c->slot;
}

uint64_t watch_slow_count(const struct watch *w)
{
    return atomic_load(&w->slow);
}

uint64_t watch_shrunk_count(const struct watch *w)
{
    return atomic_load(&w->shrunk);
}

uint64_t watch_connections(const struct watch *w)
{
    return atomic_load(&w->open);
}
