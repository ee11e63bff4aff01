#include "orchestrator/report.h"

#include <stdio.h>

#include "base/clock.h"
#include "run/metrics.h"

/* Wall clock, in whole seconds, of a moment of the monotonic clock. */
static int64_t unix_of(int64_t mono_ms)
{
    return (clock_wall_ms() - (clock_mono_ms() - mono_ms)) / 1000;
}

/* What its key proves, beside what it calls itself; null: it has the shared secret. */
static void set_credential(struct json *j, const struct relay *r, link_peer peer)
{
    const char *credential = relay_credential(r, peer);
    json_set_str(j, "credential", credential[0] != '\0' ? credential : NULL);
}

static void set_standing(struct json *j, const struct transcoder *t)
{
    const struct standing *s = &t->standing;
    int64_t now_ms = clock_mono_ms();
    bool is_suspended = standing_is_suspended(s, now_ms);
    json_set_int(j, "announced_speed", (int64_t)s->announced);
    json_set_int(j, "speed", (int64_t)s->speed);
    json_set_int(j, "rate", (int64_t)t->rate);
    json_set_bool(j, "late", standing_is_overloaded(s, now_ms));
    json_set_bool(j, "suspended", is_suspended);
    json_set_int(j, "suspended_ms", is_suspended ? s->suspended_until_ms - now_ms : 0);
    json_set_int(j, "suspensions", (int64_t)s->suspensions);
}

/* In this run of the orchestrator; the ledger has all. */
static void set_earned(struct json *j, const struct relay *r, const struct transcoder *t)
{
    char payee[PURSE_NAME_MAX];
    if (relay_till(r) != NULL) {
        till_account(TILL_EARNINGS, relay_credential(r, t->peer), t->name, payee);
        json_set_int(j, "earned", (int64_t)till_earned(relay_till(r), payee));
    }
}

static struct json *transcoders_json(const struct relay *r, const struct roster *roster)
{
    struct json *all = json_new_array();
    LIST_EACH (&roster->transcoders, it, tmp) {
        const struct transcoder *t = LIST_ITEM(it, const struct transcoder, node);
        struct json *j = json_new_object();
        json_set_str(j, "name", t->name);
        set_credential(j, r, t->peer);
        json_set_str(j, "address", t->address);
        json_set_str(j, "software", t->software);
        json_set_str(j, "encoder", t->encoder);
        json_set_int(j, "capacity", t->capacity);
        json_set_int(j, "load", t->load);
        json_set_bool(j, "draining", t->draining);
        set_standing(j, t);
        json_set_int(j, "done", (int64_t)t->done);
        json_set_int(j, "failed", (int64_t)t->failed);
        json_set_int(j, "frames", (int64_t)t->frames);
        json_set_int(j, "pixels", (int64_t)t->pixels);
        set_earned(j, r, t);
        json_set_int(j, "since", unix_of(t->since_ms));
        json_append(all, j);
    }
    return all;
}

static struct json *broadcasters_json(const struct relay *r, const struct roster *roster)
{
    struct json *all = json_new_array();
    LIST_EACH (&roster->broadcasters, it, tmp) {
        const struct broadcaster *b = LIST_ITEM(it, const struct broadcaster, node);
        struct json *j = json_new_object();
        json_set_str(j, "name", b->name);
        set_credential(j, r, b->peer);
        json_set_str(j, "address", b->address);
        json_set_str(j, "software", b->software);
        json_set_int(j, "open_jobs", b->open_jobs);
        json_set_int(j, "held_bytes", (int64_t)b->held_bytes);
        json_set_int(j, "done", (int64_t)b->done);
        json_set_int(j, "failed", (int64_t)b->failed);
        json_set_int(j, "frames", (int64_t)b->frames);
        json_set_int(j, "pixels", (int64_t)b->pixels);
        if (relay_till(r) != NULL) {
            till_broadcaster_json(relay_till(r), b->peer, j);
        }
        json_set_int(j, "since", unix_of(b->since_ms));
        json_append(all, j);
    }
    return all;
}

static struct json *jobs_json(const struct relay *r)
{
    struct job_table_gauges g = job_table_gauges(relay_table(r));
    struct job_table_counters c = job_table_counters(relay_table(r));
    struct json *j = json_new_object();
    json_set_int(j, "queued", g.queued);
    json_set_int(j, "offered", g.offered);
    json_set_int(j, "active", g.active);
    json_set_int(j, "doubled", g.doubled);
    json_set_int(j, "opened", (int64_t)c.opened);
    json_set_int(j, "done", (int64_t)c.done);
    json_set_int(j, "failed", (int64_t)c.failed);
    json_set_int(j, "refused", (int64_t)c.refused);
    json_set_int(j, "cancelled", (int64_t)c.cancelled);
    json_set_int(j, "redispatched", (int64_t)c.redispatched);
    json_set_int(j, "late", (int64_t)c.late);
    json_set_int(j, "hedged", (int64_t)c.hedged);
    json_set_int(j, "hedges_won", (int64_t)c.hedges_won);
    json_set_int(j, "hedge_units", (int64_t)c.hedge_units);
    json_set_int(j, "rungs_given_up", (int64_t)c.rungs_given_up);
    json_set_int(j, "rungs_rejected", (int64_t)c.rungs_rejected);
    json_set_int(j, "suspensions", (int64_t)c.suspensions);
    json_set_int(j, "bad_rung_units", (int64_t)c.bad_units);
    json_set_int(j, "late_answers", (int64_t)c.late_answers);
    json_set_int(j, "stray_messages", (int64_t)c.stray);
    json_set_int(j, "frames", (int64_t)c.frames);
    json_set_int(j, "pixels", (int64_t)c.pixels);
    return j;
}

static struct json *link_json(const struct relay *r)
{
    struct link_counters l = relay_link_counters(r);
    struct relay_counters c = relay_counters(r);
    struct json *j = json_new_object();
    json_set_int(j, "refused", (int64_t)l.refused);
    json_set_int(j, "dropped", (int64_t)l.dropped);
    json_set_int(j, "sent", (int64_t)l.sent);
    json_set_int(j, "received", (int64_t)l.received);
    json_set_int(j, "sent_bytes", (int64_t)l.sent_bytes);
    json_set_int(j, "received_bytes", (int64_t)l.received_bytes);
    json_set_int(j, "rejected_hellos", (int64_t)c.rejected);
    json_set_int(j, "unwelcome_messages", (int64_t)c.unwelcome);
    json_set_int(j, "undelivered_messages", (int64_t)c.dropped);
    return j;
}

/* As the known system's status has them. */
static struct json *registered_json(const struct roster *roster)
{
    struct json *all = json_new_array();
    LIST_EACH (&roster->transcoders, it, tmp) {
        const struct transcoder *t = LIST_ITEM(it, const struct transcoder, node);
        struct json *j = json_new_object();
        json_set_str(j, "Address", t->address);
        json_set_int(j, "Capacity", t->capacity);
        json_append(all, j);
    }
    return all;
}

void report_status(const struct relay *r, const char *service_addr, struct json *object)
{
    const struct roster *roster = job_table_roster(relay_table(r));
    struct job_table_gauges g = job_table_gauges(relay_table(r));
    json_set_str(object, "service_addr", service_addr);
    json_set_str(object, "session", relay_session(r));
    json_set_int(object, "sessions", g.sessions);
    json_set_int(object, "max_sessions", g.max_sessions);
    json_set_int(object, "held_bytes", (int64_t)g.held_bytes);
    json_set_int(object, "waiting_bytes", (int64_t)relay_waiting_bytes(r));
    json_set(object, "jobs", jobs_json(r));
    json_set(object, "transcoders", transcoders_json(r, roster));
    json_set(object, "broadcasters", broadcasters_json(r, roster));
    json_set(object, "link", link_json(r));
    json_set_int(object, "RegisteredTranscodersNumber", roster->n_transcoders);
    json_set(object, "RegisteredTranscoders", registered_json(roster));
    json_set_bool(object, "LocalTranscoding", false);
}

static void job_metrics(const struct relay *r, struct metrics *m)
{
    struct job_table_gauges g = job_table_gauges(relay_table(r));
    struct job_table_counters c = job_table_counters(relay_table(r));
    const char *name = "sbe_orchestrator_jobs";
    metrics_family(m, name, METRIC_GAUGE, "Segments under way, by state.");
    metrics_sample(m, name, (const char *const[]){"state", "queued", NULL}, g.queued);
    metrics_sample(m, name, (const char *const[]){"state", "offered", NULL}, g.offered);
    metrics_sample(m, name, (const char *const[]){"state", "active", NULL}, g.active);
    name = "sbe_orchestrator_jobs_ended_total";
    metrics_family(m, name, METRIC_COUNTER, "Segments that are over, by how they ended.");
    metrics_sample(m, name, (const char *const[]){"result", "done", NULL}, (double)c.done);
    metrics_sample(m, name, (const char *const[]){"result", "failed", NULL}, (double)c.failed);
    metrics_sample(m, name, (const char *const[]){"result", "refused", NULL}, (double)c.refused);
    metrics_sample(m, name, (const char *const[]){"result", "cancelled", NULL},
                   (double)c.cancelled);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_jobs_opened_total", "Segments taken.",
                c.opened);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_jobs_redispatched_total",
                "Segments taken from a transcoder to be done again.", c.redispatched);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_jobs_late_total",
                "Segments taken from a transcoder that was late.", c.late);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_jobs_hedged_total",
                "Late segments given to a second transcoder as well.", c.hedged);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_hedges_won_total",
                "Second transcoders that went on with a rung.", c.hedges_won);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_rungs_given_up_total",
                "Rungs of segments given up because every transcoder was full.", c.rungs_given_up);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_rungs_rejected_total",
                "Rungs of segments that their broadcaster could not use.", c.rungs_rejected);
    metrics_one(
        m, METRIC_COUNTER, "sbe_orchestrator_suspensions_total",
        "Times that a transcoder got no work for a while because it failed again and again.",
        c.suspensions);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_bad_rung_units_total",
                "Parts from transcoders that broke a rule.", c.bad_units);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_late_answers_total",
                "Messages for attempts that were over.", c.late_answers);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_stray_messages_total",
                "Messages for jobs that the sender does not have.", c.stray);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_frames_total", "Transcoded frames passed on.",
                c.frames);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_pixels_total", "Transcoded pixels passed on.",
                c.pixels);
    metrics_one(m, METRIC_GAUGE, "sbe_orchestrator_held_bytes",
                "Bytes of segments kept until they are done.", g.held_bytes);
    metrics_one(m, METRIC_GAUGE, "livepeer_current_sessions_total", "Streams being transcoded.",
                g.sessions);
    metrics_one(m, METRIC_GAUGE, "livepeer_max_sessions_total",
                "Streams that may be transcoded at once.", g.max_sessions);
}

static void field_metrics(const struct job_table_counters *c, struct metrics *m)
{
    const char *name = "livepeer_segment_transcode_failed_total";
    metrics_one(m, METRIC_COUNTER, "livepeer_segment_transcoded_total", "Segments done.",
                (double)c->done);
    metrics_family(m, name, METRIC_COUNTER, "Segments refused and failed.");
    metrics_sample(m, name, (const char *const[]){"error_code", "OrchestratorCapped", NULL},
                   (double)c->refused);
    metrics_sample(m, name, (const char *const[]){"error_code", "Transcode", NULL},
                   (double)c->failed);
}

static void time_metrics(const struct job_table_times *t, struct metrics *m)
{
    const char *name = "sbe_orchestrator_queue_wait_seconds";
    metrics_family(m, name, METRIC_HISTOGRAM,
                   "From a segment's first packet here to its first offer to a transcoder.");
    metrics_histogram(m, name, NULL, &t->queue_wait);
    name = "livepeer_transcode_time_seconds";
    metrics_family(m, name, METRIC_HISTOGRAM,
                   "From the offer of a segment to its end; it comes while it is published.");
    metrics_histogram(m, name, NULL, &t->work);
    name = "sbe_orchestrator_segment_seconds";
    metrics_family(m, name, METRIC_HISTOGRAM, "From a segment's first packet here to its end.");
    metrics_histogram(m, name, NULL, &t->whole);
}

static void transcoder_metrics(const struct roster *roster, struct metrics *m)
{
    const char *const names[] = {
        "sbe_orchestrator_transcoder_capacity", "sbe_orchestrator_transcoder_load",
        "sbe_orchestrator_transcoder_speed", "sbe_orchestrator_transcoder_rate",
        "sbe_orchestrator_transcoder_suspended"};
    const char *const helps[] = {
        "Segments that a transcoder takes at once.", "Segments at work on a transcoder.",
        "Pixels a second that a transcoder is believed to make; 0: not known.",
        "Pixels a second that its segments ask of a transcoder.",
        "1 while a transcoder gets no work because it failed again and again."};
    int64_t now_ms = clock_mono_ms();
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        metrics_family(m, names[i], METRIC_GAUGE, helps[i]);
        LIST_EACH (&roster->transcoders, it, tmp) {
            const struct transcoder *t = LIST_ITEM(it, const struct transcoder, node);
            char peer[16]; /* names need not be unique, samples must be */
            snprintf(peer, sizeof peer, "%u", t->peer);
            const double values[] = {t->capacity, t->load, (double)t->standing.speed,
                                     (double)t->rate, standing_is_suspended(&t->standing, now_ms)};
            metrics_sample(m, names[i], (const char *const[]){"name", t->name, "peer", peer, NULL},
                           values[i]);
        }
    }
}

static void peer_metrics(const struct roster *roster, struct metrics *m)
{
    metrics_one(m, METRIC_GAUGE, "livepeer_transcoders_number", "Transcoders connected.",
                roster->n_transcoders);
    metrics_one(m, METRIC_GAUGE, "livepeer_transcoders_capacity",
                "Segments that all transcoders take at once.", roster_capacity(roster));
    metrics_one(m, METRIC_GAUGE, "livepeer_transcoders_load",
                "Segments at work on all transcoders.", roster_load(roster));
    metrics_one(m, METRIC_GAUGE, "sbe_orchestrator_broadcasters", "Broadcasters connected.",
                roster->n_broadcasters);
    if (m->per_stream) {
        transcoder_metrics(roster, m);
    }
}

void report_metrics(const struct relay *r, struct metrics *m)
{
    if (relay_till(r) != NULL) {
        till_metrics(relay_till(r), m);
    }
    job_metrics(r, m);
    const struct job_table_counters jobs = job_table_counters(relay_table(r));
    field_metrics(&jobs, m);
    time_metrics(job_table_times(relay_table(r)), m);
    peer_metrics(job_table_roster(relay_table(r)), m);
    struct link_counters l = relay_link_counters(r);
    struct relay_counters c = relay_counters(r);
    metrics_one(m, METRIC_GAUGE, "sbe_orchestrator_waiting_bytes",
                "Bytes that wait for peers whose queue is full.", relay_waiting_bytes(r));
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_rejected_hellos_total",
                "Peers of another version or role.", c.rejected);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_link_refused_total",
                "Connections without the right key.", l.refused);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_link_dropped_total",
                "Messages that broke a rule of the link.", l.dropped);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_link_sent_bytes_total", "Bytes sent to peers.",
                l.sent_bytes);
    metrics_one(m, METRIC_COUNTER, "sbe_orchestrator_link_received_bytes_total",
                "Bytes received from peers.", l.received_bytes);
}
