#include "transcoder/role.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "run/addr.h"
#include "run/avlog.h"
#include "run/footprint.h"
#include "run/log.h"
#include "run/metrics.h"
#include "transcoder/benchmark.h"
#include "transcoder/capabilities.h"
#include "transcoder/cores.h"
#include "transcoder/worker.h"

#define ORCH_HOST    "127.0.0.1"
#define ORCH_PORT    8935
#define SESSIONS_MAX 1000
#define DRAIN_MIN_MS 100
#define DRAIN_MAX_MS 600000
#define LIST_MAX     (LINK_ADDRS_MAX * ADDR_MAX)

struct config {
    struct daemon_config common;
    const char *orch_addr, *orch_secret, *http_addr, *speed;
    long max_sessions, drain_ms;
};

#define FIELD(f) offsetof(struct config, f)

static const struct option options[] = {
    {"orchAddr", OPTION_LIST, "", 0, 0, false, FIELD(orch_addr), "HOST:PORT[,...]",
     "The orchestrator that gives the jobs; of a list the next one when one cannot be reached."},
    {"orchSecret", OPTION_STRING, "", 0, 0, true, FIELD(orch_secret), "TEXT|FILE",
     "The secret shared with the orchestrator, a file whose first line it is, or a credential "
     "file."},
    {"maxSessions", OPTION_INT, "10", -1000000, SESSIONS_MAX, false, FIELD(max_sessions), "N",
     "Jobs (segments of streams) to work on at once; read again from -config at SIGHUP."},
    {"speed", OPTION_STRING, "auto", 0, 0, false, FIELD(speed), "MPIXELS",
     "What this host makes, in millions of pixels of rungs a second; auto measures it at the start "
     "and goes on by the jobs; off says nothing of it. Read again from -config at SIGHUP."},
    {"drainTime", OPTION_DURATION, "25s", DRAIN_MIN_MS, DRAIN_MAX_MS, false, FIELD(drain_ms),
     "DURATION",
     "How long a stop waits for the jobs at work; then they fail and are done elsewhere."},
    {"httpAddr", OPTION_STRING, "", 0, 0, false, FIELD(http_addr), "HOST:PORT",
     "Accepted and not used: a transcoder serves nobody but its control address."},
};

struct transcoder {
    struct daemon *daemon;
    struct worker *worker;
    struct benchmark *benchmark; /* NULL: none runs */
    char list[LIST_MAX];         /* of orchestrators */
    char encoder[FINGERPRINT_MAX];
};

/* --- start --- */

static enum err read_one_addr(struct span text, char *ret_addr)
{
    char one[ADDR_MAX];
    struct addr a;
    if (text.len >= sizeof one) {
        log_error("transcoder", "config", "-orchAddr is too long for an address");
        return ERR_LIMIT;
    }
    memcpy(one, text.data, text.len);
    one[text.len] = '\0';
    if (addr_parse(one, ORCH_HOST, ORCH_PORT, &a) != ERR_OK || a.port == 0) {
        log_error("transcoder", "config", "-orchAddr \"%s\" is not host:port", one);
        return ERR_PROTO;
    }
    addr_format(&a, ret_addr);
    return ERR_OK;
}

static enum err read_list(const struct config *c, char *ret_list)
{
    size_t n = 0;
    size_t used = 0;
    if (c->orch_addr[0] == '\0') {
        log_error("transcoder", "config",
                  "which orchestrator gives the jobs? Say it with -orchAddr HOST:PORT");
        return ERR_NOENT;
    }
    for (const char *at = c->orch_addr; at != NULL; at = strchr(at, ',')) {
        char addr[ADDR_MAX];
        at += *at == ',';
        if (n++ == LINK_ADDRS_MAX) {
            log_error("transcoder", "config", "-orchAddr has more than %d addresses",
                      LINK_ADDRS_MAX);
            return ERR_LIMIT;
        }
        enum err e = read_one_addr(span_of(at, strcspn(at, ",")), addr);
        if (e != ERR_OK) {
            return e;
        }
        used += (size_t)snprintf(ret_list + used, LIST_MAX - used, "%s%s", n > 1 ? "," : "", addr);
    }
    return ERR_OK;
}

static enum err read_keys(const struct config *c, struct link_keys *ret_keys)
{
    char words[SECRET_WORDS_MAX];
    enum err e = secret_keys(c->orch_secret, LINK_ROLE_TRANSCODER, ret_keys, words);
    if (e != ERR_OK) {
        log_error("transcoder", "config", "%s", words);
    } else if (words[0] != '\0') {
        log_warn("transcoder", "config", "%s", words);
    }
    return e;
}

static enum err check_limits(const struct config *c, struct speed_setting *ret_speed)
{
    if (c->max_sessions <= 0) {
        log_error("transcoder", "config", "-maxSessions must be 1 or more, not %ld",
                  c->max_sessions);
        return ERR_PROTO;
    }
    enum err e = speed_read_setting(c->speed, ret_speed);
    if (e != ERR_OK) {
        log_error("transcoder", "config", "-speed %s, not \"%s\"", SPEED_SETTING_TAKES, c->speed);
    }
    return e;
}

static enum err check(const struct config *c, struct transcoder *t, struct speed_setting *ret_speed,
                      struct link_keys *ret_keys)
{
    enum err e = check_limits(c, ret_speed);
    if (e == ERR_OK) {
        e = read_list(c, t->list);
    }
    return e == ERR_OK ? read_keys(c, ret_keys) : e;
}

/* --- the speed of this host --- */

static void on_benchmark(void *arg, const struct benchmark_result *r)
{
    struct transcoder *t = arg;
    if (r->fault.text[0] != '\0') {
        log_warn("transcoder", "benchmark",
                 "the speed of this host is not known: %s; it will be "
                 "learned from the jobs",
                 r->fault.text);
    } else if (r->all.cpu_us > 0 && r->alone.cpu_us > 0) {
        log_info("transcoder", "benchmark",
                 "mpixels_per_core_s=%.1f alone=%.1f threads=%u took_ms=%lld",
                 (double)r->all.pixels / (double)r->all.cpu_us,
                 (double)r->alone.pixels / (double)r->alone.cpu_us, r->all.threads,
                 (long long)r->wall_ms);
        worker_measured(t->worker, r->all.pixels, r->all.cpu_us);
    }
    benchmark_destroy(t->benchmark);
    t->benchmark = NULL;
}

static void measure(struct transcoder *t, const struct speed_setting *speed, uint32_t cores)
{
    benchmark_destroy(t->benchmark);
    t->benchmark = NULL;
    if (speed->source == SPEED_UNKNOWN) {
        t->benchmark = benchmark_start(t->daemon->loop, cores, on_benchmark, t);
    }
}

static void on_worn(void *arg)
{
    struct transcoder *t = arg;
    log_error("transcoder", "worn",
              "too many jobs hang in codecs: ending, so that this process is started anew");
    daemon_fail(t->daemon);
}

static enum err start(struct transcoder *t, const struct config *c,
                      const struct speed_setting *speed, const struct link_keys *keys)
{
    uint32_t cores = cores_permille();
    struct fault fault = {0};
    enum err e = capabilities_fingerprint(t->encoder, &fault);
    if (e != ERR_OK) {
        log_error("transcoder", "encoder",
                  "%s; install an FFmpeg (libavcodec) that was built with libx264", fault.text);
        return e;
    }
    const struct worker_config config = {.orch_addr = t->list,
                                         .keys = *keys,
                                         .name = c->common.name,
                                         .encoder = t->encoder,
                                         .capacity = (uint32_t)c->max_sessions,
                                         .speed = *speed,
                                         .cores_permille = cores,
                                         .drain_ms = (int)c->drain_ms,
                                         .on_worn = on_worn,
                                         .on_worn_arg = t};
    const char *why = "";
    e = worker_create(t->daemon->loop, &config, &t->worker, &why);
    if (e != ERR_OK) {
        log_error("transcoder", "link", "cannot dial %s: %s", t->list, why);
        return e;
    }
    log_info("transcoder", "start", "orchestrator=%s capacity=%ld encoder=\"%s\"", t->list,
             c->max_sessions, t->encoder);
    measure(t, speed, cores);
    return ERR_OK;
}

static enum err role_create(struct daemon *d, const void *config, void **ret_role)
{
    const struct config *c = config;
    struct link_keys keys = {0};
    struct speed_setting speed = {0};
    struct transcoder *t = mem_alloc(sizeof *t);
    t->daemon = d;
    avlog_install();
    footprint_keep_for_next();
    enum err e = check(c, t, &speed, &keys);
    if (e == ERR_OK && c->http_addr[0] != '\0') {
        log_info("transcoder", "config", "-httpAddr %s is not used by a transcoder", c->http_addr);
    }
    if (e == ERR_OK) {
        e = start(t, c, &speed, &keys);
        link_keys_wipe(&keys);
    }
    if (e != ERR_OK) {
        mem_free(t);
        return e;
    }
    *ret_role = t;
    return ERR_OK;
}

/* --- reading again --- */

static void take_limits(void *arg, const void *config)
{
    struct transcoder *t = arg;
    const struct config *c = config;
    struct speed_setting speed;
    if (check_limits(c, &speed) != ERR_OK) {
        return;
    }
    uint32_t cores = cores_permille();
    log_info("transcoder", "limits", "capacity=%ld speed=%s cores=%.2f", c->max_sessions, c->speed,
             cores / 1000.0);
    worker_set_speed(t->worker, &speed, cores);
    worker_set_capacity(t->worker, (uint32_t)c->max_sessions);
    measure(t, &speed, cores);
}

static void role_reload(void *role)
{
    struct transcoder *t = role;
    daemon_config_again(t->daemon, take_limits, t);
}

/* --- end --- */

static void on_drained(void *arg)
{
    struct transcoder *t = arg;
    daemon_stopped(t->daemon);
}

static void role_stop(void *role)
{
    struct transcoder *t = role;
    worker_drain(t->worker, on_drained, t);
}

static void role_destroy(void *role)
{
    struct transcoder *t = role;
    benchmark_destroy(t->benchmark);
    worker_destroy(t->worker);
    mem_free(t);
}

/* --- the control API --- */

static struct json *orchestrator_json(const struct transcoder *t)
{
    char uri[ADDR_MAX + 8];
    struct json *j = json_new_object();
    (void)snprintf(uri, sizeof uri, "tcp://%s", worker_stats(t->worker).addr);
    json_set_str(j, "ServiceURI", uri);
    json_set_bool(j, "Active", worker_stats(t->worker).connected);
    return j;
}

static void on_orchestrator(void *arg, const struct http_value *values, struct http_answer *a)
{
    http_answer_json(a, orchestrator_json(arg));
}

static void on_orchestrators(void *arg, const struct http_value *values, struct http_answer *a)
{
    struct json *list = json_new_array();
    json_append(list, orchestrator_json(arg));
    http_answer_json(a, list);
}

static void on_max_sessions(void *arg, const struct http_value *values, struct http_answer *a)
{
    struct transcoder *t = arg;
    worker_set_capacity(t->worker, (uint32_t)values[0].number);
    log_info("transcoder", "max_sessions", "n=%ld", values[0].number);
    struct json *j = json_new_object();
    json_set_int(j, "maxSessions", values[0].number);
    http_answer_json(a, j);
}

static const struct http_route routes[] = {
    {"GET", "/registeredOrchestrators", on_orchestrators, {{0}}},
    {"GET", "/orchestratorInfo", on_orchestrator, {{0}}},
    {"POST",
     "/setMaxSessions",
     on_max_sessions,
     {{"maxSessions", HTTP_PARAM_INT, 1, SESSIONS_MAX, true}}},
};

/* --- what others see --- */

static void role_status(void *role, struct json *object)
{
    struct transcoder *t = role;
    struct worker_stats s = worker_stats(t->worker);
    json_set_str(object, "orchestrator", s.addr);
    json_set_str(object, "orchestrators", t->list);
    json_set_bool(object, "connected", s.connected);
    json_set_str(object, "state", s.state);
    json_set_bool(object, "draining", s.draining);
    json_set_str(object, "encoder", t->encoder);
    json_set_int(object, "load", s.load);
    json_set_int(object, "capacity", s.capacity);
    json_set_int(object, "speed", (int64_t)speed_now(&s.speed));
    json_set_str(object, "speed_from", speed_source_name(s.speed.source));
    json_set_real(object, "cores", s.speed.cores_permille / 1000.0);
    json_set_int(object, "stuck", s.stuck);
    struct json *jobs = json_new_object();
    json_set_int(jobs, "accepted", (int64_t)s.accepted);
    json_set_int(jobs, "done", (int64_t)s.done);
    json_set_int(jobs, "failed", (int64_t)s.failed);
    json_set_int(jobs, "refused", (int64_t)s.refused);
    json_set_int(jobs, "cancelled", (int64_t)s.cancelled);
    json_set(object, "jobs", jobs);
    json_set_int(object, "frames", (int64_t)s.frames);
    json_set_int(object, "pixels", (int64_t)s.pixels);
    json_set_int(object, "encoded_bytes", (int64_t)s.bytes);
    json_set_int(object, "cpu_ms", (int64_t)(s.cpu_us / 1000));
    json_set_int(object, "connections", (int64_t)s.connections);
    json_set_int(object, "received_bytes", (int64_t)s.link.received_bytes);
    json_set_int(object, "sent_bytes", (int64_t)s.link.sent_bytes);
}

static void job_metrics(struct metrics *m, const struct worker_stats *s)
{
    const struct {
        const char *result;
        uint64_t count;
    } results[] = {{"done", s->done},
                   {"failed", s->failed},
                   {"refused", s->refused},
                   {"cancelled", s->cancelled}};
    metrics_family(m, "sbe_transcoder_jobs_total", METRIC_COUNTER, "Jobs by how they ended.");
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        metrics_sample(m, "sbe_transcoder_jobs_total",
                       (const char *const[]){"result", results[i].result, NULL},
                       (double)results[i].count);
    }
    metrics_one(m, METRIC_COUNTER, "livepeer_segment_transcoded_total", "Segments done.",
                (double)s->done);
    metrics_family(m, "livepeer_segment_transcode_failed_total", METRIC_COUNTER,
                   "Segments that failed.");
    metrics_sample(m, "livepeer_segment_transcode_failed_total",
                   (const char *const[]){"error_code", "Transcode", NULL}, (double)s->failed);
}

static void role_sentence(void *role, char *text, size_t size)
{
    struct transcoder *t = role;
    struct worker_stats s = worker_stats(t->worker);
    snprintf(text, size, "orchestrator %s: %s; jobs at work: %u of %u", s.addr, s.state, s.load,
             s.capacity);
}

static void time_metrics(struct metrics *m, const struct worker_stats *s)
{
    const struct {
        const char *name, *help;
        const struct histogram *h;
    } rows[] = {
        {"livepeer_transcode_time_seconds",
         "From a segment's first packet here to its last result; it comes while it is published.",
         &s->job_time},
        {"sbe_transcoder_finish_seconds", "From a segment's last packet here to its last result.",
         &s->finish_time},
        {"sbe_transcoder_segment_cpu_seconds", "Processor time of one segment, all its rungs.",
         &s->cpu_time},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        metrics_family(m, rows[i].name, METRIC_HISTOGRAM, rows[i].help);
        metrics_histogram(m, rows[i].name, NULL, rows[i].h);
    }
}

static void role_metrics(void *role, struct metrics *m)
{
    struct transcoder *t = role;
    struct worker_stats s = worker_stats(t->worker);
    const struct {
        enum metric_type type;
        const char *name, *help;
        double value;
    } rows[] = {
        {METRIC_GAUGE, "sbe_transcoder_connected", "1 when the orchestrator has welcomed us.",
         s.connected},
        {METRIC_GAUGE, "sbe_transcoder_load", "Jobs at work.", s.load},
        {METRIC_GAUGE, "sbe_transcoder_capacity", "Jobs that may be at work.", s.capacity},
        {METRIC_GAUGE, "sbe_transcoder_speed_pixels_per_second",
         "What this host makes of rungs; 0 when it is not known.", (double)speed_now(&s.speed)},
        {METRIC_GAUGE, "sbe_transcoder_cores", "Processors that this process may use.",
         s.speed.cores_permille / 1000.0},
        {METRIC_GAUGE, "sbe_transcoder_stuck", "Jobs that hang; each has taken its place with it.",
         s.stuck},
        {METRIC_COUNTER, "sbe_transcoder_stuck_total", "Jobs that have hung.",
         (double)s.stuck_total},
        {METRIC_GAUGE, "sbe_transcoder_draining", "1 when no more jobs are taken.", s.draining},
        {METRIC_COUNTER, "sbe_transcoder_frames_total", "Pictures encoded.", (double)s.frames},
        {METRIC_COUNTER, "sbe_transcoder_pixels_total", "Pixels encoded.", (double)s.pixels},
        {METRIC_COUNTER, "sbe_transcoder_encoded_bytes_total", "Bytes encoded.", (double)s.bytes},
        {METRIC_COUNTER, "sbe_transcoder_cpu_seconds_total", "Processor time of the jobs.",
         (double)s.cpu_us / 1e6},
        {METRIC_COUNTER, "sbe_transcoder_connections_total", "Welcomes by the orchestrator.",
         (double)s.connections},
        {METRIC_COUNTER, "sbe_transcoder_received_bytes_total", "Bytes of the link, in.",
         (double)s.link.received_bytes},
        {METRIC_COUNTER, "sbe_transcoder_sent_bytes_total", "Bytes of the link, out.",
         (double)s.link.sent_bytes},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        metrics_one(m, rows[i].type, rows[i].name, rows[i].help, rows[i].value);
    }
    job_metrics(m, &s);
    time_metrics(m, &s);
}

/* The recipe of README.md. */
static const struct option_sample samples[] = {
    {"orchAddr", "127.0.0.1:8936"},
    {"cliAddr", "127.0.0.1:7937"},
    {NULL, NULL},
};

const struct role transcoder_role = {
    .name = "transcoder",
    .node_type = "trcr",
    .default_cli_addr_port = "7935",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .config_size = sizeof(struct config),
    .samples = samples,
    .create = role_create,
    .stop = role_stop,
    .reload = role_reload,
    .destroy = role_destroy,
    .status = role_status,
    .metrics = role_metrics,
    .routes = routes,
    .n_routes = sizeof routes / sizeof routes[0],
    .sentence = role_sentence,
};
