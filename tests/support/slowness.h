/* How slow this build and this machine are: TIME_SCALE, as the flow tests and tests/run have it. */
#ifndef SUPPORT_SLOWNESS_H
#define SUPPORT_SLOWNESS_H

#include <stdlib.h>

/* A time limit of so many milliseconds, for a free machine and a plain build. */
static inline int scaled_ms(int ms)
{
    const char *scale = getenv("TIME_SCALE");
    double times = scale != NULL ? atof(scale) : 1;
    return times > 1 ? (int)(ms * times) : ms;
}

#endif
