#include "transcoder/patience.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/unit.h"

#define STEP_US  1000
#define SHARE_MS 400

START_TEST(time_that_goes_by_is_counted)
{
    struct patience p;
    patience_begin(&p, 5000, 77);
    ck_assert_int_eq(patience_spend(&p, 5000, 77, STEP_US), 0);
    ck_assert_int_eq(patience_spend(&p, 5400, 77, STEP_US), 400);
    ck_assert_int_eq(patience_spend(&p, 6400, 77, STEP_US), 1400);
    /* A clock that jumps: this process stood still. */
    ck_assert_int_eq(patience_spend(&p, 60000000, 77, STEP_US), 2400);
    ck_assert_int_eq(patience_spend(&p, 60001000, 77, STEP_US), 3400);
}
END_TEST

START_TEST(waiting_for_a_processor_is_not)
{
    struct patience p;
    patience_begin(&p, 0, 300);
    ck_assert_int_eq(patience_spend(&p, 1000, 700, STEP_US), 600);
    /* It is told once it is over. */
    ck_assert_int_eq(patience_spend(&p, 2000, 700, STEP_US), 1600);
    ck_assert_int_eq(patience_spend(&p, 3000, 2400, STEP_US), 900);
    ck_assert_int_eq(patience_spend(&p, 4000, 9000, STEP_US), 0);
    ck_assert_int_eq(patience_spend(&p, 5000, 9000, STEP_US), 1000);
    /* The thread has ended. */
    ck_assert_int_eq(patience_spend(&p, 6000, 0, STEP_US), 2000);
}
END_TEST

static atomic_bool over;
static atomic_int tid;

static void *spin(void *arg)
{
    (void)arg;
    atomic_store(&tid, gettid());
    while (!atomic_load(&over)) {
    }
    return NULL;
}

/* Two threads on one processor: each waits for half of the time at least. */
START_TEST(the_kernel_tells_who_waits)
{
    cpu_set_t all;
    cpu_set_t one;
    pthread_t thread;
    ck_assert_int_eq(patience_waited_us(-1), 0);
    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++) {
        if (CPU_ISSET(i, &all)) {
            CPU_SET(i, &one);
        }
    }
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, spin, NULL), 0);
    int64_t begin = clock_mono_us();
    while (clock_mono_us() - begin < SHARE_MS * 1000 || atomic_load(&tid) == 0) {
    }
    int64_t waited = patience_waited_us(atomic_load(&tid));
    bool told = access("/proc/self/schedstat", R_OK) == 0;
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    ck_assert_int_eq(patience_waited_us(atomic_load(&tid)), 0);
    ck_assert(!told || waited >= SHARE_MS * 1000 / 4);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {time_that_goes_by_is_counted, waiting_for_a_processor_is_not,
                                  the_kernel_tells_who_waits};
    return unit_run("patience", tests, sizeof tests / sizeof tests[0]);
}
