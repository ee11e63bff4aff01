/* What this process uses of its host, by the names that Prometheus clients give it. Linux: read
 * from /proc. Any thread. */
#ifndef RUN_PROCESS_H
#define RUN_PROCESS_H

#include "run/metrics.h"

/* process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds and so on; what cannot
 * be read is left out. */
void process_metrics(struct metrics *m);

#endif
