/* The clocks. Pure code takes time as an argument; only shells call these. Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Monotonic time since some fixed point. */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

/* Wall clock, since 1970-01-01 UTC. */
int64_t clock_wall_ms(void);

#endif
