/* How long the threads of a job have had for something: of the time that has gone by, what they
 * could have used. Not counted is time in which this process stood still (it was stopped, its
 * machine was asleep) or in which they waited for a processor. Pure but for patience_waited_us. */
#ifndef TRANSCODER_PATIENCE_H
#define TRANSCODER_PATIENCE_H

#include <stdint.h>

struct patience {
    int64_t seen_us;
    int64_t waited_us;
    int64_t spent_us;
};

/* now_us: any monotonic clock; waited_us: patience_waited_us of the threads, added up, so that a
 * thread which waits for one that waits for a processor is not blamed. One that has ended is gone
 * from the sum: what others wait is then not seen for a step. */
void patience_begin(struct patience *p, int64_t now_us, int64_t waited_us);

/* What it has had since patience_begin, in microseconds. To be called every step_us: of a longer
 * pause between two calls no more than a step is counted. */
int64_t patience_spend(struct patience *p, int64_t now_us, int64_t waited_us, int64_t step_us);

/* For how long a thread of this process has waited for a processor in its life: the second number
 * of /proc/self/task/TID/schedstat (proc_pid_schedstat of the kernel's sched-stats.rst). 0 when the
 * kernel does not tell, or the thread has ended. */
int64_t patience_waited_us(int tid);

#endif
