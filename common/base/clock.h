/* The clocks. Pure code takes time as an argument; only shells call these. Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Monotonic time since some fixed point. */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

/* The time in ms milliseconds, for pthread_cond_timedwait of a condition on CLOCK_MONOTONIC. */
struct timespec clock_mono_after(int64_t ms);

/* What the calling thread has had of a processor in its life. */
uint64_t clock_thread_cpu_us(void);

/* Wall clock, since 1970-01-01 UTC. */
int64_t clock_wall_ms(void);

#endif
