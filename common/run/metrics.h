/* Prometheus text (exposition format 0.0.4), written afresh at each scrape: who owns a number
 * writes it, there is no registry. */
#ifndef RUN_METRICS_H
#define RUN_METRICS_H

#include <stdint.h>

#include "base/buf.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };

/* Starts a family: # HELP and # TYPE. Names as the field has them: prefix, unit, _total. */
void metrics_family(struct buf *out, const char *name, enum metric_type type, const char *help);

/* One sample. labels is NULL or alternating names and values, ended by NULL; values are escaped. */
void metrics_sample(struct buf *out, const char *name, const char *const *labels, double value);

#endif
