#include "broadcaster/viewers/viewers_hold.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/thread.h"
#include "broadcaster/viewers/address_count.h"
#include "broadcaster/viewers/viewers_serve.h"

#define ROUND_MS 250 /* by so much a request may wait too long */
#define LOOKS    4   /* rounds in which each is looked at once: whether its client has left */
#define LOOK_MAX 256 /* so many at once: others wait for the lock */

/* Who waits, with how many requests. */
struct held {
    struct board_waiter waiter; /* its node: of the board's list, or of woken */
    struct hold *hold;
    struct MHD_Connection *connection;
    struct hls_want want;
    int64_t since_ms;
    uint8_t address[CIDR_ADDRESS_BYTES];
    int fd;
    struct list node; /* of all; under the lock, as the next */
    bool left;        /* its client has closed the connection */
};

struct hold {
    struct hold_config config;
    struct address_count *addresses;
    pthread_t thread;
    pthread_cond_t wakes;
    atomic_bool stopping;
    atomic_ullong waits, late, refused, left, now;
    pthread_mutex_t lock; /* of what follows; taken before the board's, never while resuming */
    bool ending;
    struct list woken;
    struct list all; /* who was looked at longest ago first */
    size_t n_all;
    struct histogram wake;
};

/* --- waking --- */

static bool is_ready(const struct board_waiter *waiter, const struct window *w)
{
    const struct held *held = (const struct held *)waiter;
    return atomic_load(&held->hold->stopping) || hls_ready(&held->want, w) != HLS_WAIT;
}

static void splice(struct list *from, struct list *to)
{
    LIST_EACH (from, it, tmp) {
        list_remove(it);
        list_push_back(to, it);
    }
}

static void on_wake(void *arg, struct list *waiters)
{
    struct hold *h = arg;
    pthread_mutex_lock(&h->lock);
    splice(waiters, &h->woken);
    pthread_cond_signal(&h->wakes);
    pthread_mutex_unlock(&h->lock);
}

static void resume_all(struct list *woken)
{
    LIST_EACH (woken, it, tmp) {
        struct held *held = LIST_ITEM(it, struct held, waiter.node);
        struct MHD_Connection *connection = held->connection;
        list_remove(it);
        serve_resume(connection); /* from here on its own thread may free it */
    }
}

/* --- who leaves --- */

/* A suspended connection is not polled by the library. Its descriptor stays open until hold_end,
 * which takes the lock. */
static void look(struct hold *h)
{
    struct pollfd fds[LOOK_MAX];
    struct held *whose[LOOK_MAX];
    size_t n = h->n_all < LOOK_MAX ? h->n_all : LOOK_MAX;
    for (size_t i = 0; i < n; i++) {
        struct held *held = LIST_ITEM(h->all.next, struct held, node);
        list_remove(&held->node);
        list_push_back(&h->all, &held->node);
        whose[i] = held;
        fds[i] = (struct pollfd){.fd = held->fd, .events = POLLRDHUP};
    }
    int found = n > 0 ? poll(fds, n, 0) : 0;
    for (size_t i = 0; i < n && found > 0; i++) {
        if (fds[i].revents != 0 && board_leave(h->config.board, &whose[i]->waiter)) {
            whose[i]->left = true;
            list_push_back(&h->woken, &whose[i]->waiter.node);
        }
    }
}

static void look_for_left(struct hold *h)
{
    size_t all = (size_t)atomic_load(&h->now);
    for (size_t seen = 0; seen < all; seen += LOOK_MAX * LOOKS) {
        pthread_mutex_lock(&h->lock);
        look(h);
        pthread_mutex_unlock(&h->lock);
    }
}

/* --- the thread --- */

static void wait_round(struct hold *h)
{
    struct timespec until = clock_mono_after(ROUND_MS);
    pthread_cond_timedwait(&h->wakes, &h->lock, &until);
}

static void *run(void *arg)
{
    struct hold *h = arg;
    struct list woken;
    list_init(&woken);
    int64_t next_ms = 0;
    pthread_mutex_lock(&h->lock);
    while (!h->ending || !list_empty(&h->woken)) {
        if (list_empty(&h->woken)) {
            wait_round(h);
        }
        splice(&h->woken, &woken);
        pthread_mutex_unlock(&h->lock);
        resume_all(&woken);
        int64_t now_ms = clock_mono_ms();
        if (now_ms >= next_ms) {
            board_wake_late(h->config.board, now_ms);
            look_for_left(h);
            next_ms = now_ms + ROUND_MS;
        }
        pthread_mutex_lock(&h->lock);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* --- life --- */

struct hold *hold_create(const struct hold_config *config)
{
    struct hold *h = mem_alloc(sizeof *h);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&h->wakes, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&h->lock, NULL);
    list_init(&h->woken);
    list_init(&h->all);
    histogram_init(&h->wake, HISTOGRAM_QUICK);
    h->config = *config;
    h->addresses = address_count_create(config->max_per_address);
    if (thread_start("held requests", run, h, &h->thread) != ERR_OK) {
        hold_destroy(h);
        return NULL;
    }
    board_set_wake(config->board, on_wake, h);
    return h;
}

void hold_stop(struct hold *h)
{
    atomic_store(&h->stopping, true); /* is_ready lets nobody begin to wait after this */
    board_wake_late(h->config.board, INT64_MAX);
    board_set_wake(h->config.board, NULL, NULL);
    pthread_mutex_lock(&h->lock);
    h->ending = true;
    pthread_cond_signal(&h->wakes);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
}

void hold_destroy(struct hold *h)
{
    if (h == NULL) {
        return;
    }
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->wakes);
    address_count_destroy(h->addresses);
    mem_free(h);
}

/* --- limits --- */

static void count_down(struct hold *h, struct held *held)
{
    atomic_fetch_sub(&h->now, 1);
    address_count_down(h->addresses, held->address);
}

static void add(struct hold *h, struct held *held)
{
    pthread_mutex_lock(&h->lock);
    list_push_back(&h->all, &held->node);
    h->n_all++;
    pthread_mutex_unlock(&h->lock);
}

static enum hold_result count_up(struct hold *h, struct held *held)
{
    enum err e = ERR_LIMIT;
    if (atomic_fetch_add(&h->now, 1) < h->config.max) {
        e = address_count_up(h->addresses, held->address);
    }
    if (e == ERR_OK) {
        return HOLD_HELD;
    }
    atomic_fetch_sub(&h->now, 1);
    return e == ERR_NOMEM ? HOLD_NO_MEMORY : HOLD_FULL;
}

/* --- the connections' threads --- */

enum hold_result hold_begin(struct hold *h, struct MHD_Connection *connection, struct watched *c,
                            const struct answer_hold *what, int64_t since_ms,
                            struct held **ret_held)
{
    if (atomic_load(&h->stopping)) {
        return HOLD_STOPPING;
    }
    struct held *held = mem_try_alloc(sizeof *held);
    if (held == NULL) {
        return HOLD_NO_MEMORY;
    }
    held->hold = h;
    held->connection = connection;
    held->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    held->want = what->want;
    held->since_ms = since_ms > 0 ? since_ms : clock_mono_ms();
    held->waiter.ready = is_ready;
    held->waiter.deadline_ms = held->since_ms + what->max_ms;
    list_init(&held->waiter.node);
    if (c != NULL) {
        memcpy(held->address, watch_client(c)->address, sizeof held->address);
    }
    enum hold_result result = count_up(h, held);
    if (result != HOLD_HELD) {
        atomic_fetch_add(&h->refused, result == HOLD_FULL);
        mem_free(held);
        return result;
    }
    atomic_fetch_add(&h->waits, 1);
    add(h, held);
    *ret_held = held;
    watch_hold(c);
    MHD_suspend_connection(connection); /* before anybody could resume it */
    if (!board_wait(h->config.board, what->id, what->rendition, &held->waiter)) {
        serve_resume(connection);
    }
    return HOLD_HELD;
}

struct hold_over hold_end(struct held *held)
{
    struct hold *h = held->hold;
    pthread_mutex_lock(&h->lock);
    list_remove(&held->node);
    h->n_all--;
    pthread_mutex_unlock(&h->lock);
    bool left = held->left;
    bool late = !left && held->waiter.why == BOARD_LATE;
    bool stopping = atomic_load(&h->stopping);
    struct hold_over over = {
        .wait = stopping       ? VIEWER_STOPPING
                : late || left ? VIEWER_LATE
                               : VIEWER_MAY_WAIT,
        .since_ms = held->since_ms,
        .ready_us = held->waiter.why == BOARD_READY ? held->waiter.ready_us : 0,
    };
    /* Before it counts as gone: who sees that sees why, too. */
    atomic_fetch_add(&h->late, late && !stopping);
    atomic_fetch_add(&h->left, left && !stopping);
    count_down(h, held);
    mem_free(held);
    return over;
}

void hold_answered(struct hold *h, int64_t us)
{
    pthread_mutex_lock(&h->lock);
    histogram_observe(&h->wake, us);
    pthread_mutex_unlock(&h->lock);
}

struct histogram hold_wake(struct hold *h)
{
    pthread_mutex_lock(&h->lock);
    struct histogram wake = h->wake;
    pthread_mutex_unlock(&h->lock);
    return wake;
}

struct hold_counters hold_counters(const struct hold *h)
{
    uint64_t now = atomic_load(&h->now); /* first: see hold_end */
    return (struct hold_counters){
        .now = now,
        .waits = atomic_load(&h->waits),
        .late = atomic_load(&h->late),
        .refused = atomic_load(&h->refused),
        .left = atomic_load(&h->left),
    };
}
