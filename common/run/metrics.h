/* Prometheus text (exposition format 0.0.4), written afresh at each scrape: who owns a number
 * writes it, there is no registry. Pure; one thread for each struct. */
#ifndef RUN_METRICS_H
#define RUN_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* How the field's own metrics begin; code names them so, whatever is written instead of it. */
#define METRICS_FIELD_PREFIX "livepeer_"

/* One scrape. */
struct metrics {
    struct buf *out;
    const char *prefix;    /* written for METRICS_FIELD_PREFIX; NULL: as it is */
    const char *node_id;   /* labels of the field's metrics; NULL: without */
    const char *node_type; /* "bctr", "orch", "trcr" */
    bool per_stream;       /* one series for each stream and peer is wanted */
};

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* Starts a family: # HELP and # TYPE. Names as the field has them: prefix, unit, _total. */
void metrics_family(struct metrics *m, const char *name, enum metric_type type, const char *help);

/* One sample. labels is NULL or alternating names and values, ended by NULL; values are escaped. */
void metrics_sample(struct metrics *m, const char *name, const char *const *labels, double value);

/* A family of one sample without labels. */
void metrics_one(struct metrics *m, enum metric_type type, const char *name, const char *help,
                 double value);

/* How long things took, in buckets. */
#define HISTOGRAM_BOUNDS_MAX 14

enum histogram_kind {
    HISTOGRAM_SHORT, /* 0.5 ms to 2.5 s: what should be at once */
    HISTOGRAM_QUICK, /* 1 ms to 1 s, finest around 20 ms: what thousands wait for together */
    HISTOGRAM_LONG,  /* 50 ms to 60 s: what takes about a segment */
};

struct histogram {
    enum histogram_kind kind;
    uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1]; /* of each bucket alone; the last is what is over */
    int64_t sum_us;
};

void histogram_init(struct histogram *h, enum histogram_kind kind);

/* Below zero counts as zero. */
void histogram_observe(struct histogram *h, int64_t us);

/* The samples of one histogram, in seconds; its family was started with METRIC_HISTOGRAM. */
void metrics_histogram(struct metrics *m, const char *name, const char *const *labels,
                       const struct histogram *h);

#endif
