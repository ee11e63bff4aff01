#include "broadcaster/stream/figures.h"

#include <assert.h>
#include <stdbool.h>

void figures_init(struct figures *f)
{
    *f = (struct figures){0};
    histogram_init(&f->listed_delay, HISTOGRAM_SHORT);
    histogram_init(&f->source.latency, HISTOGRAM_SHORT);
    for (size_t i = 0; i < FIGURES_RUNGS_MAX; i++) {
        histogram_init(&f->rungs[i].latency, HISTOGRAM_LONG);
        histogram_init(&f->rungs[i].part_latency, HISTOGRAM_SHORT);
    }
    histogram_init(&f->source.part_latency, HISTOGRAM_SHORT);
    histogram_init(&f->custom.latency, HISTOGRAM_LONG);
    histogram_init(&f->custom.part_latency, HISTOGRAM_SHORT);
}

/* Its place in profile_all, or the number of those. */
static size_t place_of(const char *name)
{
    size_t n;
    const struct profile *all = profile_all(&n);
    const struct profile *p = profile_find(span_cstr(name));
    assert(n <= FIGURES_RUNGS_MAX);
    return p != NULL ? (size_t)(p - all) : n;
}

struct rung_figures *figures_rung(struct figures *f, const struct profile *p)
{
    size_t n, place = place_of(p->name);
    (void)profile_all(&n);
    return place < n ? &f->rungs[place] : &f->custom;
}

static bool is_told(const struct rung_figures *r, size_t place, const struct profile *ladder,
                    size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (place_of(ladder[i].name) == place) {
            return true;
        }
    }
    return r->appeared > 0 || r->gaps > 0;
}

static void rung_metrics(const struct figures *f, const struct profile *ladder, size_t n,
                         struct metrics *m)
{
    static const struct {
        const char *name, *help;
        enum metric_type type;
    } families[] = {
        {"livepeer_segment_transcoded_appeared_total", "Transcoded segments listed.",
         METRIC_COUNTER},
        {"sbe_rung_gaps_total", "Segments listed as lost.", METRIC_COUNTER},
        {"livepeer_transcode_latency_seconds",
         "From the source's segment being complete to the rung's being listed.", METRIC_HISTOGRAM},
        {"sbe_rung_part_latency_seconds",
         "From the source's picture that ends a part to the rung's part.", METRIC_HISTOGRAM},
    };
    size_t n_all;
    const struct profile *all = profile_all(&n_all);
    for (size_t k = 0; k < sizeof families / sizeof families[0]; k++) {
        const char *name = families[k].name;
        metrics_family(m, name, families[k].type, families[k].help);
        for (size_t i = 0; i <= n_all; i++) {
            const struct rung_figures *r = i < n_all ? &f->rungs[i] : &f->custom;
            const char *labels[] = {"profile", i < n_all ? all[i].name : "custom", NULL};
            if (!is_told(r, i, ladder, n)) {
                continue;
            }
            if (families[k].type == METRIC_HISTOGRAM) {
                metrics_histogram(m, name, labels, k == 2 ? &r->latency : &r->part_latency);
            } else {
                metrics_sample(m, name, labels, (double)(k == 0 ? r->appeared : r->gaps));
            }
        }
    }
}

void figures_metrics(const struct figures *f, const struct profile *ladder, size_t n,
                     struct metrics *m)
{
    metrics_one(m, METRIC_COUNTER, "livepeer_stream_created_total", "Streams that were new.",
                (double)f->streams_created);
    metrics_one(m, METRIC_COUNTER, "livepeer_stream_started_total",
                "Publishers that began, those that came back included.",
                (double)f->streams_started);
    metrics_one(m, METRIC_COUNTER, "livepeer_stream_ended_total", "Streams that are no more.",
                (double)f->streams_ended);
    metrics_one(m, METRIC_COUNTER, "livepeer_stream_create_failed_total",
                "Publishers that were refused.", (double)f->streams_refused);
    metrics_one(m, METRIC_COUNTER, "sbe_publisher_take_overs_total",
                "Publishers that took over from their own older connection.",
                (double)f->take_overs);
    metrics_one(m, METRIC_COUNTER, "sbe_publisher_fights_total",
                "Take-overs between two publishers that are both alive.", (double)f->fights);
    const char *name = "livepeer_segment_source_appeared_total";
    metrics_family(m, name, METRIC_COUNTER, "Segments of sources listed.");
    metrics_sample(m, name, (const char *const[]){"profile", "source", NULL},
                   (double)f->source.appeared);
    name = "sbe_segment_listed_delay_seconds";
    metrics_family(m, name, METRIC_HISTOGRAM,
                   "From the packet that ends a source's segment to its listing.");
    metrics_histogram(m, name, NULL, &f->listed_delay);
    rung_metrics(f, ladder, n, m);
}
