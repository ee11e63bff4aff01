/* usual time: 1 s */
#include "transcoder/lanes.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/support/unit.h"

#define N_LANES 3
#define ITEMS   500
#define SPIN_MS 5

/* What the items find; they cannot assert, being on other threads. */
struct yard {
    atomic_uint live;                /* items that are neither run nor dropped */
    atomic_uint begun, run, dropped; /* items */
    atomic_uint pushed[N_LANES];     /* begun to be pushed */
    unsigned next[N_LANES];          /* the lane's own */
    atomic_bool wrong_order, too_many, wrong_tid;
    atomic_int tids[LANES_MAX];
    pthread_mutex_t lock; /* held: items wait */
};

static struct yard yard = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct item {
    size_t lane;
    unsigned number;
    enum err result;
    bool spins;
    bool waits_for_full; /* for lane 1 to be full, and not for the lock */
};

static struct item *item_for(size_t lane, unsigned number, enum err result)
{
    struct item *i = mem_alloc(sizeof *i);
    *i = (struct item){.lane = lane, .number = number, .result = result};
    atomic_fetch_add(&yard.live, 1);
    return i;
}

static void spin(void)
{
    struct timespec begin;
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    do {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 <
             SPIN_MS);
}

static void drop(void *arg)
{
    mem_free(arg);
    atomic_fetch_add(&yard.dropped, 1);
    atomic_fetch_sub(&yard.live, 1);
}

static enum err run(void *arg)
{
    struct item *i = arg;
    enum err e = i->result;
    atomic_fetch_add(&yard.begun, 1);
    while (i->waits_for_full && atomic_load(&yard.pushed[1]) < 1 + LANE_ITEMS + 1) {
        sched_yield();
    }
    if (!i->waits_for_full) {
        pthread_mutex_lock(&yard.lock);
        pthread_mutex_unlock(&yard.lock);
    }
    unsigned ahead = atomic_load(&yard.pushed[i->lane]) - i->number;
    if (i->number != yard.next[i->lane]++) {
        atomic_store(&yard.wrong_order, true);
    }
    /* This one, those that wait, and the one that is being pushed. */
    if (ahead > 1 + LANE_ITEMS + 1) {
        atomic_store(&yard.too_many, true);
    }
    if (atomic_load(&yard.tids[i->lane]) != gettid()) {
        atomic_store(&yard.wrong_tid, true);
    }
    if (i->spins) {
        spin();
    }
    mem_free(i);
    atomic_fetch_add(&yard.run, 1);
    atomic_fetch_sub(&yard.live, 1);
    return e;
}

static struct lanes *start(size_t n)
{
    struct lanes *l = lanes_create(n, run, drop, yard.tids);
    ck_assert_uint_eq(lanes_count(l), n);
    return l;
}

static enum err push(struct lanes *l, size_t lane, unsigned number, enum err result)
{
    struct item *i = item_for(lane, number, result);
    atomic_fetch_add(&yard.pushed[lane], 1);
    enum err e = lanes_push(l, lane, i);
    if (e != ERR_OK) {
        drop(i);
    }
    return e;
}

START_TEST(each_in_its_order_and_not_too_many)
{
    struct lanes *l = start(N_LANES);
    for (unsigned i = 0; i < ITEMS; i++) {
        for (size_t lane = 0; lane < N_LANES; lane++) {
            ck_assert_int_eq(push(l, lane, i, ERR_OK), ERR_OK);
        }
    }
    ck_assert_int_eq(lanes_end(l, ERR_OK), ERR_OK);
    ck_assert_uint_eq(yard.run, N_LANES * ITEMS);
    ck_assert_uint_eq(yard.dropped, 0);
    ck_assert(!yard.wrong_order && !yard.too_many && !yard.wrong_tid);
    for (size_t lane = 0; lane < N_LANES; lane++) {
        ck_assert_int_eq(yard.tids[lane], 0);
    }
    ck_assert_int_eq(lanes_end(l, ERR_IO), ERR_OK);
    lanes_destroy(l);
}
END_TEST

START_TEST(an_error_ends_all)
{
    struct lanes *l = start(N_LANES);
    pthread_mutex_lock(&yard.lock);
    for (unsigned i = 0; i < LANE_ITEMS; i++) {
        ck_assert_int_eq(push(l, 0, i, i == 0 ? ERR_IO : ERR_PROTO), ERR_OK);
    }
    pthread_mutex_unlock(&yard.lock);
    /* Whoever pushes learns of it, into whatever lane. */
    enum err e = ERR_OK;
    for (unsigned i = 0; e == ERR_OK; i++) {
        e = push(l, 1, i, ERR_OK);
    }
    ck_assert_int_eq(e, ERR_IO);
    ck_assert_int_eq(push(l, 0, LANE_ITEMS, ERR_OK), ERR_IO);
    ck_assert_int_eq(lanes_end(l, ERR_CLOSED), ERR_IO);
    /* Nothing behind it has been run. */
    ck_assert_uint_eq(yard.next[0], 1);
    ck_assert_uint_eq(yard.live, 0);
    ck_assert(!yard.wrong_order && !yard.too_many);
    lanes_destroy(l);
}
END_TEST

/* The job's thread waits for room in a lane while another one fails. */
START_TEST(an_error_ends_the_wait_for_room)
{
    struct lanes *l = start(2);
    struct item *failing = item_for(0, 0, ERR_LIMIT);
    failing->waits_for_full = true;
    pthread_mutex_lock(&yard.lock);
    enum err e = lanes_push(l, 0, failing);
    for (unsigned i = 0; e == ERR_OK; i++) {
        e = push(l, 1, i, ERR_OK);
    }
    ck_assert_int_eq(e, ERR_LIMIT);
    pthread_mutex_unlock(&yard.lock);
    lanes_destroy(l);
    ck_assert_uint_eq(yard.live, 0);
}
END_TEST

/* Ended by the job with an error: what waits is not run. */
START_TEST(the_job_ends_them)
{
    struct lanes *l = start(1);
    for (unsigned i = 0; i < ITEMS; i++) {
        ck_assert_int_eq(push(l, 0, i, ERR_OK), ERR_OK);
    }
    ck_assert_int_eq(lanes_end(l, ERR_CLOSED), ERR_CLOSED);
    ck_assert_uint_eq(yard.live, 0);
    ck_assert_uint_ge(yard.run, ITEMS - LANE_ITEMS);
    ck_assert_uint_eq(yard.run + yard.dropped, ITEMS);
    lanes_destroy(l);

    /* Or by letting go of them. */
    yard.next[0] = 0;
    yard.pushed[0] = 0;
    l = start(1);
    ck_assert_int_eq(push(l, 0, 0, ERR_OK), ERR_OK);
    lanes_destroy(l);
    ck_assert_uint_eq(yard.live, 0);
    lanes_destroy(NULL);
}
END_TEST

START_TEST(their_processor_time_is_known)
{
    struct lanes *l = start(N_LANES);
    for (size_t lane = 0; lane < N_LANES; lane++) {
        struct item *i = item_for(lane, 0, ERR_OK);
        i->spins = true;
        atomic_fetch_add(&yard.pushed[lane], 1);
        ck_assert_int_eq(lanes_push(l, lane, i), ERR_OK);
    }
    ck_assert_int_eq(lanes_end(l, ERR_OK), ERR_OK);
    ck_assert_uint_ge(lanes_cpu_us(l), N_LANES * SPIN_MS * 1000);
    lanes_destroy(l);
}
END_TEST

/* Also of the one that it is at, which is not in its queue any more. */
START_TEST(free_when_all_is_done)
{
    struct lanes *l = start(2);
    ck_assert(lanes_is_free(l, 0));
    pthread_mutex_lock(&yard.lock);
    ck_assert_int_eq(push(l, 0, 0, ERR_OK), ERR_OK);
    ck_assert(!lanes_is_free(l, 0));
    while (atomic_load(&yard.begun) == 0) {
        sched_yield();
    }
    ck_assert(!lanes_is_free(l, 0) && lanes_is_free(l, 1));
    pthread_mutex_unlock(&yard.lock);
    while (!lanes_is_free(l, 0)) {
        sched_yield();
    }
    ck_assert_uint_eq(yard.run, 1);
    /* After an error it is the next push that tells it. */
    ck_assert_int_eq(push(l, 0, 1, ERR_IO), ERR_OK);
    ck_assert_int_eq(lanes_end(l, ERR_OK), ERR_IO);
    ck_assert(!lanes_is_free(l, 0) && !lanes_is_free(l, 1));
    lanes_destroy(l);
}
END_TEST

static void check_place(const uint64_t *loads, size_t n, uint64_t own, size_t threads,
                        const size_t *expected, size_t used)
{
    size_t lane[LANES_MAX];
    ck_assert_uint_eq(lanes_place(loads, n, own, threads, lane), used);
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(lane[i] == expected[i], "load %zu of %zu with %zu threads is in lane %zd", i,
                      n, threads, (ssize_t)lane[i]);
    }
}

START_TEST(loads_find_their_lanes)
{
    /* 720p, 360p, 240p and 144p of a source in 720p. */
    static const uint64_t ladder[] = {27648, 6912, 3067, 1106};
    const uint64_t own = 6912;
    const size_t own_thread[] = {LANE_NONE, LANE_NONE, LANE_NONE, LANE_NONE};
    check_place(ladder, 4, own, 1, own_thread, 0);
    check_place(ladder, 4, own, 0, own_thread, 0);
    check_place(ladder, 4, own, 2, (size_t[]){0, LANE_NONE, LANE_NONE, LANE_NONE}, 1);
    check_place(ladder, 4, own, 3, (size_t[]){0, 1, LANE_NONE, 1}, 2);
    check_place(ladder, 4, own, 4, (size_t[]){0, 1, 2, 2}, 3);
    check_place(ladder, 4, own, 64, (size_t[]){0, 1, 2, 3}, 4);
    check_place(ladder, 0, own, 4, NULL, 0);
    /* Reading costs more than the only rung. */
    check_place(ladder + 3, 1, own, 4, (size_t[]){0}, 1);
    uint64_t same[LANES_MAX];
    size_t each[LANES_MAX];
    for (size_t i = 0; i < LANES_MAX; i++) {
        same[i] = 5;
        each[i] = i;
    }
    check_place(same, LANES_MAX, 5, 1000, each, LANES_MAX);
}
END_TEST

UNIT_MAIN("lanes", each_in_its_order_and_not_too_many, an_error_ends_all,
          an_error_ends_the_wait_for_room, the_job_ends_them, their_processor_time_is_known,
          free_when_all_is_done, loads_find_their_lanes)
