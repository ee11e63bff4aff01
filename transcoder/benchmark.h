/* The self-benchmark: what this host makes of a short clip when all its cores are at work. Real
 * decoding, scaling and encoding, on threads of its own beside the loop. */
#ifndef TRANSCODER_BENCHMARK_H
#define TRANSCODER_BENCHMARK_H

#include <stdint.h>

#include "run/loop.h"
#include "transcoder/fault.h"

#define BENCHMARK_CPU_MS      200  /* of each thread, for each of two numbers of threads */
#define BENCHMARK_WALL_MS     1000 /* the same, when others want the host too */
#define BENCHMARK_THREADS_MAX 256

/* Luma samples of rungs, and the processor time that they took. */
struct benchmark_round {
    uint32_t threads;
    uint64_t pixels, cpu_us;
};

struct benchmark_result {
    struct benchmark_round alone; /* one thread */
    struct benchmark_round all;   /* one for each core, rounded up; the same when there is one */
    int64_t wall_ms;
    struct fault fault; /* with words: it could not be measured, pixels may be 0 */
};

struct benchmark;

/* result is borrowed until the callback returns; benchmark_destroy may be called from within. */
typedef void benchmark_fn(void *arg, const struct benchmark_result *result);

/* Starts it; fn is called once, later, on the loop's thread. NULL: the host has no thread left.
 * Gives. */
struct benchmark *benchmark_start(struct loop *l, uint32_t cores_permille, benchmark_fn *fn,
                                  void *arg);

/* Cancels it when it still runs (it ends within a picture); fn is not called any more. Takes NULL.
 */
void benchmark_destroy(struct benchmark *b);

#endif
