#include "broadcaster/viewers_hold.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"

#define ROUND_MS      250 /* by so much a request may wait too long */
#define BUCKETS       1024
#define ADDRESS_BYTES 16

/* Who waits, with how many requests. */
struct address {
    struct list node;
    uint8_t ip[ADDRESS_BYTES];
    size_t n;
};

struct held {
    struct board_waiter waiter; /* its node: of the board's list, or of woken */
    struct hold *hold;
    struct MHD_Connection *connection;
    struct address *from; /* NULL: is not counted */
    struct hls_want want;
    int64_t since_ms;
};

struct hold {
    struct hold_config config;
    pthread_t thread;
    pthread_cond_t wakes;
    atomic_bool stopping;
    atomic_ullong waits, late, refused, now;
    pthread_mutex_t lock; /* of what follows; never held with the board's, nor while resuming */
    bool ending;
    struct list woken;
    struct list buckets[BUCKETS];
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
        MHD_resume_connection(connection); /* from here on its own thread may free it */
    }
}

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
    for (size_t i = 0; i < BUCKETS; i++) {
        list_init(&h->buckets[i]);
    }
    h->config = *config;
    if (pthread_create(&h->thread, NULL, run, h) != 0) {
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
    mem_free(h);
}

/* --- limits --- */

static void read_address(struct MHD_Connection *connection, uint8_t ret_ip[ADDRESS_BYTES])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *a = info != NULL ? info->client_addr : NULL;
    memset(ret_ip, 0, ADDRESS_BYTES);
    if (a != NULL && a->sa_family == AF_INET) {
        memcpy(ret_ip, mapped, sizeof mapped);
        memcpy(ret_ip + sizeof mapped, &((const struct sockaddr_in *)a)->sin_addr, 4);
    } else if (a != NULL && a->sa_family == AF_INET6) {
        memcpy(ret_ip, &((const struct sockaddr_in6 *)a)->sin6_addr, ADDRESS_BYTES);
    }
    if (memcmp(ret_ip, mapped, sizeof mapped) != 0) {
        memset(ret_ip + ADDRESS_BYTES / 2, 0, ADDRESS_BYTES / 2); /* a host may have them all */
    }
}

static struct list *bucket_of(struct hold *h, const uint8_t ip[ADDRESS_BYTES])
{
    uint32_t hash = 2166136261U; /* FNV-1a, 32 bits */
    for (size_t i = 0; i < ADDRESS_BYTES; i++) {
        hash = (hash ^ ip[i]) * 16777619U;
    }
    return &h->buckets[hash % BUCKETS];
}

/* Under the lock. NULL: no memory. */
static struct address *find_address(struct hold *h, const uint8_t ip[ADDRESS_BYTES])
{
    struct list *bucket = bucket_of(h, ip);
    LIST_EACH (bucket, it, tmp) {
        struct address *a = LIST_ITEM(it, struct address, node);
        if (memcmp(a->ip, ip, ADDRESS_BYTES) == 0) {
            return a;
        }
    }
    struct address *a = mem_try_alloc(sizeof *a);
    if (a != NULL) {
        memcpy(a->ip, ip, ADDRESS_BYTES);
        list_push_back(bucket, &a->node);
    }
    return a;
}

static void count_down(struct hold *h, struct address *from)
{
    atomic_fetch_sub(&h->now, 1);
    if (from == NULL) {
        return;
    }
    pthread_mutex_lock(&h->lock);
    bool last = --from->n == 0;
    if (last) {
        list_remove(&from->node);
    }
    pthread_mutex_unlock(&h->lock);
    if (last) {
        mem_free(from);
    }
}

static enum hold_result count_up(struct hold *h, struct held *held)
{
    if (atomic_fetch_add(&h->now, 1) >= h->config.max) {
        count_down(h, NULL);
        return HOLD_FULL;
    }
    if (h->config.max_per_address == 0) {
        return HOLD_HELD;
    }
    uint8_t ip[ADDRESS_BYTES];
    read_address(held->connection, ip);
    pthread_mutex_lock(&h->lock);
    held->from = find_address(h, ip);
    size_t n = held->from != NULL ? ++held->from->n : 0;
    pthread_mutex_unlock(&h->lock);
    if (n > 0 && n <= h->config.max_per_address) {
        return HOLD_HELD;
    }
    count_down(h, held->from);
    return n > 0 ? HOLD_FULL : HOLD_NO_MEMORY;
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
    held->want = what->want;
    held->since_ms = since_ms > 0 ? since_ms : clock_mono_ms();
    held->waiter.ready = is_ready;
    held->waiter.deadline_ms = held->since_ms + what->max_ms;
    list_init(&held->waiter.node);
    enum hold_result result = count_up(h, held);
    if (result != HOLD_HELD) {
        atomic_fetch_add(&h->refused, result == HOLD_FULL);
        mem_free(held);
        return result;
    }
    atomic_fetch_add(&h->waits, 1);
    *ret_held = held;
    watch_hold(c);
    MHD_suspend_connection(connection); /* before anybody could resume it */
    if (!board_wait(h->config.board, what->id, what->rendition, &held->waiter)) {
        MHD_resume_connection(connection);
    }
    return HOLD_HELD;
}

enum viewer_wait hold_end(struct held *held, int64_t *ret_since_ms)
{
    struct hold *h = held->hold;
    bool late = held->waiter.why == BOARD_LATE;
    bool stopping = atomic_load(&h->stopping);
    if (ret_since_ms != NULL) {
        *ret_since_ms = held->since_ms;
    }
    count_down(h, held->from);
    mem_free(held);
    atomic_fetch_add(&h->late, late && !stopping);
    return stopping ? VIEWER_STOPPING : late ? VIEWER_LATE : VIEWER_MAY_WAIT;
}

struct hold_counters hold_counters(const struct hold *h)
{
    return (struct hold_counters){
        .now = atomic_load(&h->now),
        .waits = atomic_load(&h->waits),
        .late = atomic_load(&h->late),
        .refused = atomic_load(&h->refused),
    };
}
