#include "run/control.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/version.h"
#include "run/addr.h"
#include "run/http_guard.h"
#include "run/http_route.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/process.h"

#define PREFIX_MAX 64

struct control {
    const struct daemon *daemon;
    const struct role *role;
    void *instance;
    struct http_server *server;
    char addr[ADDR_MAX];
    struct http_guard guard;
    int64_t started_ms;
    long verbosity;
};

/* --- what every role answers --- */

static void on_healthz(void *arg, const struct http_value *values, struct http_answer *a)
{
    http_answer_text(a, 200, "ok");
}

struct json *control_describe(void *arg)
{
    struct control *c = arg;
    struct json *j = json_new_object();
    json_set_str(j, "role", c->role->name);
    json_set_str(j, "name", c->daemon->config->name);
    json_set_str(j, "version", software_version);
    json_set_str(j, "Version", software_version); /* the known name of it */
    json_set_int(j, "uptime_s", (clock_mono_ms() - c->started_ms) / 1000);
    json_set_bool(j, "stopping", c->daemon->stopping);
    json_set_int(j, "blob_bytes", (int64_t)blob_live_bytes());
    c->role->status(c->instance, j);
    return j;
}

static void on_status(void *arg, const struct http_value *values, struct http_answer *a)
{
    http_answer_json(a, control_describe(arg));
}

static void own_metrics(const struct control *c, struct metrics *m)
{
    metrics_family(m, "sbe_build_info", METRIC_GAUGE, "Version of the program.");
    metrics_sample(m, "sbe_build_info",
                   (const char *const[]){"role", c->role->name, "version", software_version, NULL},
                   1);
    metrics_family(m, "livepeer_versions", METRIC_GAUGE, "Version of the program.");
    metrics_sample(m, "livepeer_versions",
                   (const char *const[]){"livepeerversion", software_version, NULL}, 1);
    metrics_one(m, METRIC_GAUGE, "sbe_uptime_seconds", "Seconds since the start.",
                (double)(clock_mono_ms() - c->started_ms) / 1000.0);
    metrics_one(m, METRIC_GAUGE, "sbe_blob_bytes", "Media bytes held in memory.",
                (double)blob_live_bytes());
    const char *name = "sbe_control_refused_total";
    metrics_family(m, name, METRIC_COUNTER, "Requests to the control server that were refused.");
    for (int i = 0; i < HTTP_REFUSALS_; i++) {
        metrics_sample(
            m, name, (const char *const[]){"reason", http_refusal_name((enum http_refusal)i), NULL},
            (double)c->guard.refused[i]);
    }
    process_metrics(m);
}

static void on_metrics(void *arg, const struct http_value *values, struct http_answer *a)
{
    struct control *c = arg;
    struct metrics m = {
        .out = &a->body,
        .prefix = c->daemon->config->metrics_prefix,
        .node_id = c->daemon->config->name,
        .node_type = c->role->node_type,
        .per_stream = c->daemon->config->metrics_per_stream,
    };
    a->content_type = "text/plain; version=0.0.4; charset=utf-8";
    own_metrics(c, &m);
    c->role->metrics(c->instance, &m);
}

static void answer_level(const struct control *c, struct http_answer *a)
{
    struct json *j = json_new_object();
    json_set_int(j, "loglevel", c->verbosity);
    http_answer_json(a, j);
}

static void on_get_level(void *arg, const struct http_value *values, struct http_answer *a)
{
    const struct control *c = arg;
    http_answer_text(a, 200, "%ld", c->verbosity);
    a->content_type = "application/json"; /* a number is a document */
}

static void on_set_level(void *arg, const struct http_value *values, struct http_answer *a)
{
    struct control *c = arg;
    c->verbosity = values[0].number;
    log_set_level(log_level_of_verbosity((int)c->verbosity));
    log_info("control", "log_level", "v=%ld", c->verbosity);
    answer_level(c, a);
}

static void on_is_orchestrator(void *arg, const struct http_value *values, struct http_answer *a)
{
    const struct control *c = arg;
    bool is = strcmp(c->role->name, "orchestrator") == 0;
    http_answer_text(a, 200, "%s", is ? "true" : "false");
    a->content_type = "application/json";
}

static void on_chain_id(void *arg, const struct http_value *values, struct http_answer *a)
{
    http_answer_text(a, 200, "0"); /* there is no chain */
    a->content_type = "application/json";
}

static const struct http_route common_routes[] = {
    {"GET", "/healthz", on_healthz, {{0}}},
    {"GET", "/status", on_status, {{0}}},
    {"GET", "/metrics", on_metrics, {{0}}},
    {"GET", "/getLogLevel", on_get_level, {{0}}},
    {"POST", "/setLogLevel", on_set_level, {{"loglevel", HTTP_PARAM_INT, 0, 99, true}}},
    {"GET", "/IsOrchestrator", on_is_orchestrator, {{0}}},
    {"GET", "/EthChainID", on_chain_id, {{0}}},
};

/* --- requests --- */

/* Each refusal is counted; the log gets the first, the second, the fourth, the eighth and so on. */
static void log_refusal(const struct control *c, const struct http_request *r,
                        const struct http_answer *a)
{
    uint64_t sum = 0;
    for (int i = 0; i < HTTP_REFUSALS_; i++) {
        sum += c->guard.refused[i];
    }
    if ((sum & (sum - 1)) == 0) {
        log_warn("control", "refused", "remote=%s path=%.100s status=%d refused_so_far=%llu",
                 r->remote, r->path, a->status, (unsigned long long)sum);
    }
}

static void handle(void *arg, const struct http_request *r, struct http_answer *answer)
{
    struct control *c = arg;
    const struct http_routes tables[] = {
        {common_routes, sizeof common_routes / sizeof common_routes[0], c},
        {c->role->routes, c->role->n_routes, c->instance},
    };
    /* Whoever looks after the process may ask whether it lives. */
    bool is_open = strcmp(r->path, "/healthz") == 0;
    if (!is_open && !http_guard_admits(&c->guard, r, answer)) {
        log_refusal(c, r, answer);
        return;
    }
    http_route(tables, sizeof tables / sizeof tables[0], r, answer);
}

/* --- start --- */

/* The file's first line, without blanks at its end. */
static enum err read_line(const char *path, char *ret_line, size_t size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, ret_line, size - 1) : -1;
    if (n < 0) {
        log_error("control", "token", "-cliToken %s: %s", path, strerror(errno));
    } else if (fstat(fd, &st) == 0 && (st.st_mode & 077) != 0) {
        log_warn("control", "token", "%s can be read by other users of this host: chmod 600 it",
                 path);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (n < 0) {
        return ERR_IO;
    }
    ret_line[n] = '\0';
    size_t len = strcspn(ret_line, "\r\n");
    while (len > 0 && ret_line[len - 1] == ' ') {
        len--;
    }
    explicit_bzero(ret_line + len, size - len);
    return ERR_OK;
}

static enum err read_token(const char *path, char *ret_token, size_t size)
{
    enum err e = read_line(path, ret_token, size);
    if (e != ERR_OK) {
        return e;
    }
    size_t len = strlen(ret_token);
    bool is_plain = len >= HTTP_TOKEN_MIN && len <= HTTP_TOKEN_MAX;
    for (size_t i = 0; i < len; i++) {
        is_plain = is_plain && isgraph((unsigned char)ret_token[i]) != 0;
    }
    if (!is_plain) {
        log_error("control", "token",
                  "-cliToken %s: the first line has to be a token of %d to %d characters without "
                  "blanks; make one with: openssl rand -hex 32",
                  path, HTTP_TOKEN_MIN, HTTP_TOKEN_MAX);
        return ERR_PROTO;
    }
    return ERR_OK;
}

/* Metric names have to stay names (Prometheus data model). */
static bool is_prefix(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        bool letter = isalpha((unsigned char)text[i]) || text[i] == '_';
        if (!letter && (i == 0 || !isdigit((unsigned char)text[i]))) {
            return false;
        }
    }
    return len <= PREFIX_MAX;
}

static enum err prepare(struct control *c, struct addr *ret_addr)
{
    const struct daemon_config *config = c->daemon->config;
    char token[HTTP_TOKEN_MAX + 64] = "";
    if (addr_parse(config->cli_addr, "127.0.0.1", atoi(c->role->default_cli_addr_port), ret_addr) !=
        ERR_OK) {
        log_error("control", "bad_address", "-cliAddr \"%s\" is not host:port", config->cli_addr);
        return ERR_PROTO;
    }
    if (!is_prefix(config->metrics_prefix)) {
        log_error("control", "config",
                  "-metricsPrefix \"%s\" has to be letters, digits and _, at most %d, and may not "
                  "begin with a digit",
                  config->metrics_prefix, PREFIX_MAX);
        return ERR_PROTO;
    }
    enum err e = ERR_OK;
    if (config->cli_token[0] != '\0') {
        e = read_token(config->cli_token, token, sizeof token);
    } else if (!addr_is_loopback(ret_addr)) {
        log_error("control", "no_token",
                  "-cliAddr %s can be reached from other hosts: give -cliToken FILE, with a token "
                  "in the file's first line, or listen on 127.0.0.1",
                  config->cli_addr);
        e = ERR_AUTH;
    }
    if (e == ERR_OK) {
        http_guard_init(&c->guard, ret_addr, token);
    }
    explicit_bzero(token, sizeof token);
    return e;
}

enum err control_create(const struct daemon *d, const struct role *role,
                        struct control **ret_control)
{
    struct control *c = mem_alloc(sizeof *c);
    c->daemon = d;
    c->role = role;
    c->started_ms = clock_mono_ms();
    c->verbosity = d->config->verbosity;
    struct addr a;
    const char *why = "";
    enum err e = prepare(c, &a);
    if (e == ERR_OK) {
        addr_format(&a, c->addr);
        e = http_server_create(d->loop, c->addr, handle, c, &c->server, &why);
        if (e != ERR_OK) {
            log_error("control", "cannot_listen",
                      "control address %s: %s; choose another one with -cliAddr", c->addr, why);
        }
    }
    if (e != ERR_OK) {
        mem_free(c);
        return e;
    }
    *ret_control = c;
    return ERR_OK;
}

void control_set_instance(struct control *c, void *instance)
{
    c->instance = instance;
    log_info("control", "listening", "addr=%s token=%s", c->addr,
             c->guard.has_token ? "***" : "none");
}

void control_destroy(struct control *c)
{
    if (c == NULL) {
        return;
    }
    http_server_destroy(c->server);
    explicit_bzero(&c->guard, sizeof c->guard);
    mem_free(c);
}
