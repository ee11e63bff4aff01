/* What the status and the metrics say of viewers. */
#include "broadcaster/viewers/viewers.h"
#include "run/json.h"
#include "run/metrics.h"

void viewers_status(const struct viewers *v, struct json *ret_object)
{
    struct viewers_counters c = viewers_counters(v);
    struct json *o = json_new_object();
    json_set_int(o, "requests", (int64_t)c.requests);
    json_set_int(o, "sent_bytes", (int64_t)c.sent_bytes);
    json_set_int(o, "connections_refused", (int64_t)c.refused);
    json_set_int(o, "held", (int64_t)c.held);
    json_set_int(o, "waits", (int64_t)c.waits);
    json_set_int(o, "waits_late", (int64_t)c.waits_late);
    json_set_int(o, "waits_refused", (int64_t)c.waits_refused);
    json_set_int(o, "waits_left", (int64_t)c.waits_left);
    json_set_int(o, "slow", (int64_t)c.slow);
    json_set_int(o, "shrunk", (int64_t)c.shrunk);
    json_set(ret_object, "viewers", o);
}

void viewers_metrics(const struct viewers *v, struct metrics *ret_metrics)
{
    struct viewers_counters c = viewers_counters(v);
    struct metrics *m = ret_metrics;
    metrics_one(m, METRIC_COUNTER, "sbe_http_requests_total", "Requests of viewers.",
                (double)c.requests);
    metrics_one(m, METRIC_COUNTER, "sbe_http_sent_bytes_total", "Bytes sent to viewers.",
                (double)c.sent_bytes);
    metrics_one(m, METRIC_GAUGE, "sbe_http_connections", "Connections of viewers.",
                (double)c.connections);
    metrics_one(m, METRIC_COUNTER, "sbe_http_connections_refused_total",
                "Connections of viewers over the limit of their address.", (double)c.refused);
    metrics_one(m, METRIC_GAUGE, "sbe_http_held",
                "Requests of viewers that wait for a segment or part.", (double)c.held);
    metrics_one(m, METRIC_COUNTER, "sbe_http_waits_total",
                "Requests that have waited for a segment or part.", (double)c.waits);
    metrics_one(m, METRIC_COUNTER, "sbe_http_waits_late_total",
                "Requests that waited for what did not come in time.", (double)c.waits_late);
    metrics_one(m, METRIC_COUNTER, "sbe_http_waits_refused_total",
                "Requests that might not wait because too many did.", (double)c.waits_refused);
    metrics_one(m, METRIC_COUNTER, "sbe_http_waits_left_total",
                "Requests whose clients left while they waited.", (double)c.waits_left);
    metrics_one(m, METRIC_COUNTER, "sbe_http_slow_total",
                "Connections closed because their reader was too slow.", (double)c.slow);
    metrics_one(m, METRIC_COUNTER, "sbe_http_shrunk_total",
                "Connections closed because the file that they sent became shorter.",
                (double)c.shrunk);
    struct histogram wake = viewers_wake(v);
    metrics_family(
        m, "sbe_http_wake_seconds", METRIC_HISTOGRAM,
        "From a segment or part being there to the answer of a request that waited for it "
        "being sent.");
    metrics_histogram(m, "sbe_http_wake_seconds", NULL, &wake);
}
