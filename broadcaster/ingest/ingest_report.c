/* What the status and the metrics say of publishers and players over RTMP. */
#include "broadcaster/ingest/ingest.h"
#include "run/json.h"
#include "run/metrics.h"

void ingest_status(const struct ingest *i, struct json *object)
{
    struct ingest_counters c = ingest_counters(i);
    struct json *o = json_new_object();
    json_set_int(o, "connections", (int64_t)c.connections);
    json_set_int(o, "publishers", (int64_t)c.publishers);
    json_set_int(o, "refused", (int64_t)c.refused);
    json_set_int(o, "protocol_errors", (int64_t)c.protocol_errors);
    json_set_int(o, "timeouts", (int64_t)c.timeouts);
    json_set_int(o, "over_limit", (int64_t)c.over_limit);
    struct json *skipped = json_new_object();
    for (int k = 0; k < RTMP_SKIPS_; k++) {
        json_set_int(skipped, ingest_skip_name((enum rtmp_skip)k), (int64_t)c.skipped[k]);
    }
    json_set(o, "skipped", skipped);
    json_set_int(o, "tls_failures", (int64_t)c.tls_failures);
    json_set_int(o, "players", (int64_t)c.players);
    json_set_int(o, "plays", (int64_t)c.plays);
    json_set_int(o, "plays_stuck", (int64_t)c.plays_stuck);
    json_set_int(o, "play_packets", (int64_t)c.players_sent.packets);
    json_set_int(o, "play_packets_dropped", (int64_t)c.players_sent.packets_dropped);
    json_set_int(o, "sent_bytes", (int64_t)c.sent_bytes);
    json_set(object, "ingest", o);
}

static void play_metrics(const struct ingest_counters *i, struct metrics *m)
{
    metrics_one(m, METRIC_COUNTER, "sbe_ingest_tls_failures_total",
                "RTMPS connections whose TLS failed.", (double)i->tls_failures);
    metrics_one(m, METRIC_COUNTER, "sbe_rtmp_sent_bytes_total",
                "Bytes sent over RTMP, nearly all of them to players.", (double)i->sent_bytes);
    metrics_one(m, METRIC_GAUGE, "sbe_rtmp_players", "Players over RTMP.", (double)i->players);
    metrics_one(m, METRIC_COUNTER, "sbe_rtmp_plays_total", "Players over RTMP, those gone too.",
                (double)i->plays);
    metrics_one(m, METRIC_COUNTER, "sbe_rtmp_plays_stuck_total",
                "Players over RTMP that were closed because they read nothing.",
                (double)i->plays_stuck);
    metrics_one(m, METRIC_COUNTER, "sbe_rtmp_play_packets_dropped_total",
                "Packets left out for players over RTMP that were too slow.",
                (double)i->players_sent.packets_dropped);
}

void ingest_metrics(const struct ingest *i, struct metrics *m)
{
    struct ingest_counters c = ingest_counters(i);
    metrics_one(m, METRIC_COUNTER, "sbe_ingest_bytes_total", "Bytes received from publishers.",
                (double)c.received_bytes);
    metrics_one(m, METRIC_COUNTER, "sbe_ingest_refused_total", "Publishers refused.",
                (double)c.refused);
    metrics_one(m, METRIC_COUNTER, "sbe_ingest_protocol_errors_total",
                "Connections that broke the protocol.", (double)c.protocol_errors);
    metrics_one(m, METRIC_COUNTER, "sbe_ingest_timeouts_total", "Connections that took too long.",
                (double)c.timeouts);
    const char *name = "sbe_ingest_skipped_total";
    metrics_family(m, name, METRIC_COUNTER,
                   "Messages and frames of publishers that were left out.");
    for (int k = 0; k < RTMP_SKIPS_; k++) {
        const char *reason = ingest_skip_name((enum rtmp_skip)k);
        metrics_sample(m, name, (const char *const[]){"reason", reason, NULL},
                       (double)c.skipped[k]);
    }
    play_metrics(&c, m);
}
